"""``chainbill patient accept-payer``, ``limits``, ``consent``, ``revoke``: who may be paid, and how much."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chainbill.cli.acting import acting_as
from chainbill.cli.command import ShellCommand
from chainbill.cli.confirming import dry_run_option
from chainbill.cli.context import Invocation, pass_invocation
from chainbill.cli.output import emit, show_time
from chainbill.cli.parameters import ACCOUNT, DOLLARS, DURATION, MOMENT
from chainbill.cli.patient_wallet import patient_entry
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from web3.types import TxReceipt

    from chainbill.chain.contracts.escrow import Consent, Limits, Payers
    from chainbill.chain.events import ConsentGranted, ConsentRevoked, LimitsSet, PayersAccepted
    from chainbill.settings.session import Session

_Command = TypeVar("_Command", bound=Callable[..., Any])

_YEAR_SECONDS = 365 * 24 * 3600


# ---- payers -------------------------------------------------------------------------------------------


def payer_options(command: _Command) -> _Command:
    """Whom a patient accepts as payers."""
    command = click.option("--nobody", is_flag=True, help="Accept no insurer: the patient pays itself.")(
        command
    )
    command = click.option(
        "--secondary",
        type=ACCOUNT,
        metavar="INSURER",
        help="Who pays after the first one, from what is left.",
    )(command)
    return click.argument("insurer", type=ACCOUNT, required=False)(command)


def wanted_payers(session: Session, insurer: str | None, secondary: str | None, *, nobody: bool) -> Payers:
    """What the options of ``payer_options`` say.

    Raises:
        StateError: no such insurer, or it has no payer contract.
    """
    from chainbill.chain.contracts.escrow import Payers
    from chainbill.settings.onboarding import insurer_of

    if nobody == (insurer is not None) or (nobody and secondary is not None):
        raise click.UsageError("give either an insurer, and a second one with --secondary, or --nobody")
    if insurer is not None and insurer == secondary:
        raise click.UsageError("the second insurer is another one")
    primary, after = (insurer_of(session, name)[1] if name else 0 for name in (insurer, secondary))
    return Payers(primary, after)


@click.command(
    "accept-payer",
    cls=ShellCommand,
    example="chainbill patient accept-payer insurer\n"
    "chainbill patient accept-payer insurer --secondary harbor\n"
    "chainbill patient accept-payer --nobody",
)
@payer_options
@acting_as("patient")
@dry_run_option
@pass_invocation
def accept_payer(
    invocation: Invocation, insurer: str | None, secondary: str | None, nobody: bool, name: str
) -> None:
    """Name the insurer whose plan prices the patient's care, and one that pays after it.

    The first time this holds at once; a change takes effect a day after it is announced.
    """
    from chainbill.chain.events import PayersAccepted
    from chainbill.chain.fee_publication import END_OF_TIME

    session = invocation.session()
    wanted = wanted_payers(session, insurer, secondary, nobody=nobody)
    address, escrow = patient_entry(session, name).address, session.protocol.escrow
    shown = "nobody" if insurer is None else insurer + (f" and then {secondary}" if secondary else "")
    facts: dict[str, Any] = {
        "account": name,
        "insurer": insurer,
        "payer_id": wanted.primary or None,
        "secondary_insurer": secondary,
        "secondary_payer_id": wanted.secondary or None,
    }
    if escrow.payers_of(address, END_OF_TIME) == wanted:
        in_force = escrow.payers_of(address, session.now()) == wanted
        told = f"{name} has accepted {shown} as its payer already"
        told += "." if in_force else "; it takes over a day after that."
        emit({**facts, "effective_at": None, "changed": False}, told)
        return
    sender = session.sender(name)
    accepted: PayersAccepted = logged(
        session, PayersAccepted, lambda: escrow.accept_payer(sender, wanted.primary, wanted.secondary)
    )
    in_force = accepted.effective_at <= session.now()
    told = f"{name} has accepted {shown} as its payer"
    told += "." if in_force else f"; it takes over at {show_time(accepted.effective_at)}."
    if insurer is not None:
        told += f"\nInsurers enrol their members: chainbill insurer enrol {name} --plan ID"
    emit({**facts, "effective_at": accepted.effective_at, "changed": True}, told)


# ---- limits -------------------------------------------------------------------------------------------


def limit_options(command: _Command) -> _Command:
    """What may be taken from a patient at most."""
    command = click.option(
        "--per-day", type=DOLLARS, metavar="AMOUNT", help="At most for one day (UTC); 0: no limit."
    )(command)
    return click.option(
        "--per-event", type=DOLLARS, metavar="AMOUNT", help="At most for one event; 0: no limit."
    )(command)


def wanted_limits(session: Session, address: str, per_event: int | None, per_day: int | None) -> Limits:
    """What the options of ``limit_options`` say; one that is left out stays as it is announced to be."""
    from chainbill.chain.contracts.escrow import Limits
    from chainbill.chain.fee_publication import END_OF_TIME

    if per_event is None and per_day is None:
        raise click.UsageError("give --per-event, --per-day or both; 0 lifts a limit")
    present = session.protocol.escrow.limits_of(address, END_OF_TIME)
    return Limits(
        per_event=present.per_event if per_event is None else per_event,
        per_day=present.per_day if per_day is None else per_day,
    )


@click.command(
    cls=ShellCommand,
    example="chainbill patient limits --per-event 100 --per-day 250\nchainbill patient limits --per-day 0",
)
@limit_options
@acting_as("patient")
@dry_run_option
@pass_invocation
def limits(invocation: Invocation, per_event: int | None, per_day: int | None, name: str) -> None:
    """Limit what may be taken from the wallet, whatever providers were allowed.

    Raising holds at once; lowering a day after it is announced. Whole cents.
    """
    from chainbill.chain.events import LimitsSet
    from chainbill.chain.fee_publication import END_OF_TIME

    session = invocation.session()
    address = patient_entry(session, name).address
    wanted, escrow = wanted_limits(session, address, per_event, per_day), session.protocol.escrow
    effective_at, changed = None, escrow.limits_of(address, END_OF_TIME) != wanted
    if changed:
        sender = session.sender(name)
        was_set: LimitsSet = logged(session, LimitsSet, lambda: escrow.set_limits(sender, wanted))
        effective_at = was_set.effective_at
    told = (
        f"At most {_limit(wanted.per_event)} may be taken from {name} for one event, "
        f"and {_limit(wanted.per_day)} on one day"
    )
    when = (
        ""
        if effective_at is None or effective_at <= session.now()
        else f", from {show_time(effective_at)} on"
    )
    emit(
        {
            "account": name,
            "per_event_limit": format_dollars(wanted.per_event) if wanted.per_event else None,
            "per_day_limit": format_dollars(wanted.per_day) if wanted.per_day else None,
            "effective_at": effective_at,
            "changed": changed,
        },
        f"{told}{when}." if changed else f"{told}: that is set already.",
    )


def _limit(amount: int) -> str:
    return show_dollars(amount) if amount else "whatever is owed"


# ---- consent ------------------------------------------------------------------------------------------


def consent_options(command: _Command) -> _Command:
    """What a provider may charge."""
    command = click.option(
        "--self-pay", is_flag=True, help="It may also charge its cash price, outside the patient's plan."
    )(command)
    command = click.option(
        "--until", type=MOMENT, help="Until when, instead: ISO 8601, or seconds since 1970."
    )(command)
    command = click.option("--for", "duration", type=DURATION, help="How long, from now.  [default: 1y]")(
        command
    )
    command = click.option(
        "--limit",
        type=DOLLARS,
        required=True,
        metavar="AMOUNT",
        help="The most one event may cost the patient.",
    )(command)
    return click.argument("provider", type=ACCOUNT)(command)


def wanted_consent(
    now: int, limit: int, duration: int | None, until: int | None, *, self_pay: bool
) -> Consent:
    """What the options of ``consent_options`` say at the chain's time ``now``."""
    from chainbill.chain.contracts.escrow import Consent

    if duration is not None and until is not None:
        raise click.UsageError("give either --for or --until")
    expires_at = until if until is not None else now + (_YEAR_SECONDS if duration is None else duration)
    if not now < expires_at < 2**40:
        told = "not after the chain's time" if expires_at <= now else "too far away for the contract"
        raise click.UsageError(f"{show_time(expires_at) if expires_at <= now else 'that'} is {told}")
    return Consent(per_event_limit=limit, expires_at=expires_at, self_pay=self_pay)


@click.command(
    cls=ShellCommand,
    example="chainbill patient consent provider --limit 200\n"
    "chainbill patient consent lakeview --limit 50 --until 2027-06-30\n"
    "chainbill patient consent lakeview --limit 120 --self-pay",
)
@consent_options
@acting_as("patient")
@dry_run_option
@pass_invocation
def consent(
    invocation: Invocation,
    provider: str,
    limit: int,
    duration: int | None,
    until: int | None,
    self_pay: bool,
    name: str,
) -> None:
    """Let a provider charge the wallet, up to a limit for each event.

    A wider consent holds at once; a narrower one a day after it is announced. Without consent a provider is
    paid nothing, even where the patient's share would be 0.
    """
    from chainbill.chain.events import ConsentGranted
    from chainbill.settings.onboarding import provider_of

    session = invocation.session()
    _, provider_id = provider_of(session, provider)
    wanted = wanted_consent(session.now(), limit, duration, until, self_pay=self_pay)
    patient_entry(session, name)
    sender = session.sender(name)
    granted: ConsentGranted = logged(
        session,
        ConsentGranted,
        lambda: session.protocol.escrow.grant_consent(sender, provider_id, wanted),
    )
    later = granted.effective_at > session.now()
    emit(
        {
            "account": name,
            "provider": provider,
            "provider_id": provider_id,
            **consent_facts(wanted),
            "effective_at": granted.effective_at,
        },
        f"{provider} may charge {name} up to {show_dollars(limit)} per event until "
        f"{show_time(wanted.expires_at)}{', also outside the plan' if self_pay else ''}."
        + (
            f"\nThis is narrower than before, so it holds from {show_time(granted.effective_at)}."
            if later
            else ""
        ),
    )


def consent_facts(given: Consent) -> dict[str, Any]:
    """A consent for JSON."""
    return {
        "limit": format_dollars(given.per_event_limit),
        "expires_at": given.expires_at,
        "self_pay": given.self_pay,
    }


@click.command(cls=ShellCommand, example="chainbill patient revoke lakeview")
@click.argument("provider", type=ACCOUNT)
@acting_as("patient")
@dry_run_option
@pass_invocation
def revoke(invocation: Invocation, provider: str, name: str) -> None:
    """Take a consent back: it ends a day from now, since a signed batch may rely on it."""
    from chainbill.audit.notice import NOTICE_SECONDS
    from chainbill.chain.events import ConsentRevoked
    from chainbill.chain.fee_publication import END_OF_TIME
    from chainbill.settings.onboarding import provider_of

    session = invocation.session()
    _, provider_id = provider_of(session, provider)
    address, escrow, now = patient_entry(session, name).address, session.protocol.escrow, session.now()
    facts: dict[str, Any] = {"account": name, "provider": provider, "provider_id": provider_id}
    final = escrow.consent_of(address, provider_id, END_OF_TIME)
    if final.expires_at <= now + NOTICE_SECONDS:
        over = final.expires_at <= now
        told = "has no consent" if over else f"has consent until {show_time(final.expires_at)} and no longer"
        emit(
            {**facts, "expires_at": None if over else final.expires_at, "changed": False},
            f"{provider} {told}.",
        )
        return
    sender = session.sender(name)
    revoked: ConsentRevoked = logged(
        session, ConsentRevoked, lambda: escrow.revoke_consent(sender, provider_id)
    )
    emit(
        {**facts, "expires_at": revoked.expires_at, "changed": True},
        f"{provider} may charge {name} until {show_time(revoked.expires_at)} and no longer.",
    )


def logged(session: Session, kind: type[Any], send: Callable[[], TxReceipt]) -> Any:
    """The one event of a kind that the escrow logged of a transaction."""
    from chainbill.chain.logs import decode_receipt
    from chainbill.errors import ChainError, ContractReverted

    try:
        receipt = send()
    except ContractReverted as refusal:
        if refusal.name != "ChangeTooRecent":
            raise
        # The escrow remembers one state before the present one, and a signed batch may still need it.
        raise ChainError(
            f"an earlier change took effect at {show_time(refusal.fields['changedAt'])}; "
            f"the next may be made from {show_time(refusal.fields['until'])}",
            hint="wait until then; on a devnet: chainbill devnet advance 6h",
        ) from None
    events = decode_receipt(receipt, session.protocol.escrow.address, "PatientEscrow")
    (event,) = (event for event in events if isinstance(event, kind))
    return event
