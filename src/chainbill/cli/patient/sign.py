"""``chainbill patient sign``: what a patient wants, signed, so that anyone can send it for the patient."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from chainbill.cli.claims.question import HELD, ask_about
from chainbill.cli.patient.consents import consent_options
from chainbill.cli.patient.limits import limit_options
from chainbill.cli.patient.payers import payer_options, payers_asked_for
from chainbill.cli.shell.acting import FILE, acting_as, actor
from chainbill.cli.shell.balances import withdrawal_options
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, show_time
from chainbill.cli.shell.parameters import DOLLARS, DURATION, PARTY, Count
from chainbill.cli.shell.written_files import check_place, force_option, write_output
from chainbill.protocol_constants import DAY_SECONDS

if TYPE_CHECKING:
    from chainbill.operations.actor import Actor
    from chainbill.operations.patient.intents import Validity
    from chainbill.operations.patient.signed_intents import Intent

_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group("sign", cls=ShellGroup)
def sign_group() -> None:
    """Sign instead of sending: a patient needs no gas coin, and anyone can send what it signed.

    The signed file says exactly what is wanted. Whoever sends it (`chainbill relay submit`) can change
    nothing, and can send it once.
    """


class Signing:
    """One signature to be given: as whom, until when, over which nonce, and into which file."""

    def __init__(
        self, patient: Actor, validity: Validity, output: Path | None, *, force: bool, external: bool
    ) -> None:
        self.patient = patient
        self.session = patient.session
        self.validity = validity
        self._output = output
        self._force = force
        self._external = external

    def emit(self, intent: Intent) -> None:
        """Sign, and write the file or print its content; what is signed elsewhere, unsigned."""
        from chainbill.operations.patient.signed_intents import domain_of, sign

        if self._external:
            self._emit_unsigned(intent.to_eip712_message(domain_of(self.patient.protocol, intent)))
            return
        signed = sign(self.patient, intent)
        if self._output is None:
            emit(signed, signed.to_text())
            return
        write_output(self._output, signed.to_text().encode() + b"\n", force=self._force)
        emit(
            {
                "account": self.patient.name,
                "intent": type(intent).__name__,
                "deadline": signed.deadline,
                "file": self._output,
            },
            f"Signed by {self.patient.name}, good until {show_time(signed.deadline)}. "
            f"Anyone sends it: chainbill relay submit {self._output}",
        )

    def _emit_unsigned(self, message: dict[str, Any]) -> None:
        from chainbill.operations.patient.signed_intents import deadline_of

        if self._output is None:
            emit(message, json.dumps(message, indent=2))
            return
        write_output(self._output, json.dumps(message, indent=2).encode() + b"\n", force=self._force)
        emit(
            {
                "account": self.patient.name,
                "intent": message["primaryType"],
                "deadline": deadline_of(message),
                "file": self._output,
            },
            f"To be signed by {self.patient.address} as typed data (EIP-712), good until "
            f"{show_time(deadline_of(message))}. "
            f"Then: chainbill patient sign complete {self._output} SIGNATURE",
        )


def _signing(command: _Command) -> _Command:
    """The options that every signature has; hands the command a ``Signing``."""

    @acting_as("patient")
    @click.option(
        "--valid-for", type=DURATION, default=DAY_SECONDS, help="How long it can be sent.  [default: 1d]"
    )
    @click.option(
        "--nonce",
        type=Count(0),
        help="Sign over this nonce, such as the one after another signature's.  [default: the next]",
    )
    @click.option(
        "--external",
        is_flag=True,
        help="Sign nothing: write the typed data that a wallet is to sign, for `patient sign complete`.",
    )
    @click.option("--output", type=FILE, help="Write to this file.  [default: print it]")
    @force_option
    @pass_invocation
    def signing(
        invocation: Invocation,
        /,
        name: str,
        valid_for: int,
        nonce: int | None,
        output: Path | None,
        force: bool,
        external: bool,
        **arguments: Any,
    ) -> None:
        from chainbill.operations.patient.intents import Validity

        if output is not None:
            check_place(output, force=force)
        patient = actor(invocation, name, "patient")
        signing = Signing(patient, Validity(valid_for, nonce), output, force=force, external=external)
        command(signing, **arguments)

    signing.__doc__ = command.__doc__
    signing.__click_params__ += getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    return signing  # type: ignore[return-value]


@sign_group.command(
    "complete", example="chainbill patient sign complete consent.unsigned.json 0x5f1c… --output consent.json"
)
@click.argument("file", type=click.File("rb"))
@click.argument("signature")
@click.option("--output", type=FILE, help="Write to this file.  [default: print it]")
@force_option
@pass_invocation
def complete(
    invocation: Invocation, file: BinaryIO, signature: str, output: Path | None, force: bool
) -> None:
    """Put the SIGNATURE of a wallet under FILE, which a `patient sign --external` has written.

    The wallet signs FILE as typed data (eth_signTypedData_v4); its signature is 0x and 130 digits.
    """
    from chainbill.operations.relay import externally_signed

    if output is not None:
        check_place(output, force=force)
    try:
        given = bytes.fromhex(signature.removeprefix("0x"))
    except ValueError:
        raise click.BadParameter("a signature is hexadecimal", param_hint="SIGNATURE") from None
    signed = externally_signed(invocation.session(), file.read(), given)
    if output is None:
        emit(signed, signed.to_text())
        return
    write_output(output, signed.to_text().encode() + b"\n", force=force)
    emit(
        {"intent": signed.message["primaryType"], "file": output},
        f"Signed. Anyone sends it: chainbill relay submit {output}",
    )


# ---- the wallet ---------------------------------------------------------------------------------------


@sign_group.command("fund", example="chainbill patient sign fund 500 --as maria --output fund.json")
@_signing
@click.argument("amount", type=DOLLARS)
def sign_fund(signing: Signing, amount: int) -> None:
    """Sign a deposit into the patient's own wallet (ERC-3009)."""
    from chainbill.operations.patient import intents

    signing.emit(intents.deposit_intent(signing.patient, amount, signing.validity))


@sign_group.command(
    "withdraw",
    example="chainbill patient sign withdraw 100 > withdraw.json\nchainbill patient sign withdraw --take",
)
@_signing
@withdrawal_options
def sign_withdraw(signing: Signing, amount: int | None, take: bool, cancel: bool) -> None:
    """Sign the announcement of a withdrawal, its taking, or that it is called off."""
    from chainbill.operations.patient import intents

    patient, validity = signing.patient, signing.validity
    if (amount is not None) + take + cancel != 1:
        raise click.UsageError("give either an amount, to announce it, or --take, or --cancel")
    if amount is not None:
        signing.emit(intents.withdrawal_request_intent(patient, amount, validity))
    elif take:
        signing.emit(intents.withdrawal_intent(patient, validity))
    else:
        signing.emit(intents.cancel_withdrawal_intent(patient, validity))


@sign_group.command("void-signatures", example="chainbill patient sign void-signatures --output void.json")
@_signing
def sign_void(signing: Signing) -> None:
    """Sign that whatever else was signed over the same nonce is void."""
    from chainbill.operations.patient import intents

    signing.emit(intents.use_nonce_intent(signing.patient, signing.validity))


# ---- who may be paid ----------------------------------------------------------------------------------


@sign_group.command(
    "accept-payer",
    example="chainbill patient sign accept-payer insurer --secondary harbor --output payers.json",
)
@_signing
@payer_options
def sign_accept_payer(
    signing: Signing, insurer: str | None, secondary: str | None, no_secondary: bool, nobody: bool
) -> None:
    """Sign whose plan prices the patient's care."""
    from chainbill.operations.patient import intents

    asked = payers_asked_for(signing.session, insurer, secondary, no_secondary=no_secondary, nobody=nobody)
    signing.emit(intents.payers_intent(signing.patient, *asked, validity=signing.validity))


@sign_group.command("limits", example="chainbill patient sign limits --per-day 250 --output limits.json")
@_signing
@limit_options
def sign_limits(signing: Signing, per_event: int | None, per_day: int | None) -> None:
    """Sign how much may be taken from the wallet at most."""
    from chainbill.operations.patient import intents

    signing.emit(
        intents.limits_intent(
            signing.patient, per_event=per_event, per_day=per_day, validity=signing.validity
        )
    )


@sign_group.command(
    "consent", example="chainbill patient sign consent clinic --limit 200 --as maria > consent.json"
)
@_signing
@click.argument("provider", type=PARTY)
@consent_options
def sign_consent(signing: Signing, provider: str, **terms: Any) -> None:
    """Sign that a provider may charge the wallet."""
    from chainbill.operations.parties import provider_of
    from chainbill.operations.patient import intents

    _, provider_id = provider_of(signing.session, provider)
    signing.emit(intents.consent_intent(signing.patient, provider_id, **terms, validity=signing.validity))


@sign_group.command("revoke", example="chainbill patient sign revoke clinic --output revoke.json")
@_signing
@click.argument("provider", type=PARTY)
def sign_revoke(signing: Signing, provider: str) -> None:
    """Sign that a provider may not charge the wallet any more."""
    from chainbill.operations.parties import provider_of
    from chainbill.operations.patient import intents

    _, provider_id = provider_of(signing.session, provider)
    signing.emit(intents.revocation_intent(signing.patient, provider_id, signing.validity))


# ---- claims -------------------------------------------------------------------------------------------


@sign_group.command("dispute", example="chainbill patient sign dispute 1:7 --as maria --output dispute.json")
@_signing
@yes_option
@click.argument("claim", metavar="CLAIM")
def sign_dispute(signing: Signing, claim: str) -> None:
    """Sign a dispute of a settled claim."""
    from chainbill.operations.claims.lookup import PartyTo, find_claim
    from chainbill.operations.patient import intents

    patient = signing.patient
    proven = find_claim(signing.session, claim, PartyTo(patient.name, patient=patient.address))
    will = f"{patient.name} signs a dispute of"
    ask_about(signing.session, patient.name, proven, will, f"once somebody sends it, {HELD}")
    signing.emit(intents.dispute_intent(patient, proven, signing.validity))
