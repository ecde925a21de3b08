"""``chainbill patient accept-payer``, ``limits``, ``consent``, ``revoke``: who may be paid, and how much."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chainbill.cli.patient.wallet import patient_entry
from chainbill.cli.shell.acting import acting_as
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, holds_from, it_holds, show_time
from chainbill.cli.shell.parameters import DURATION, LIMIT, MOMENT, PARTY
from chainbill.money import format_dollars, show_dollars
from chainbill.protocol_constants import END_OF_TIME, NOTICE_SECONDS

if TYPE_CHECKING:
    from web3.types import TxReceipt

    from chainbill.chain.contracts.escrow import Consent, Limits, Payers
    from chainbill.chain.format.events import ConsentGranted, ConsentRevoked, LimitsSet, PayersAccepted
    from chainbill.state.session import Session

_Command = TypeVar("_Command", bound=Callable[..., Any])

_YEAR_SECONDS = 365 * 24 * 3600


# ---- payers -------------------------------------------------------------------------------------------


def payer_options(command: _Command) -> _Command:
    """Whom a patient accepts as payers."""
    command = click.option("--nobody", is_flag=True, help="Accept no insurer: the patient pays itself.")(
        command
    )
    command = click.option("--no-secondary", is_flag=True, help="Nobody pays after the first one any more.")(
        command
    )
    command = click.option(
        "--secondary",
        type=PARTY,
        metavar="INSURER",
        help="Who pays after the first one, from what is left.  [default: who does now]",
    )(command)
    return click.argument("insurer", type=PARTY, required=False)(command)


def wanted_payers(
    session: Session,
    address: str,
    insurer: str | None,
    secondary: str | None,
    *,
    no_secondary: bool,
    nobody: bool,
) -> Payers:
    """What the options of ``payer_options`` say; a second insurer that is not named stays.

    Raises:
        StateError: no such insurer, or it has no payer contract.
    """
    from chainbill.chain.contracts.escrow import Payers
    from chainbill.operations.governor.registrations import insurer_of

    if nobody == (insurer is not None) or (nobody and secondary is not None):
        raise click.UsageError("give either an insurer, and a second one with --secondary, or --nobody")
    if insurer is not None and insurer == secondary:
        raise click.UsageError("the second insurer is another one")
    if secondary is not None and no_secondary:
        raise click.UsageError("give either --secondary or --no-secondary")
    if insurer is None:
        return Payers(0, 0)
    primary = insurer_of(session, insurer)[1]
    if secondary is not None:
        return Payers(primary, insurer_of(session, secondary)[1])
    after = 0 if no_secondary else session.protocol.escrow.payers_of(address, END_OF_TIME).secondary
    if after == primary:
        raise click.UsageError(
            f"{insurer} is the second insurer now: say who is to be second: --secondary or --no-secondary"
        )
    return Payers(primary, after)


@click.command(
    "accept-payer",
    cls=ShellCommand,
    example="chainbill patient accept-payer\nchainbill patient accept-payer insurer\n"
    "chainbill patient accept-payer insurer --secondary harbor\n"
    "chainbill patient accept-payer --nobody",
)
@payer_options
@acting_as("patient")
@dry_run_option
@pass_invocation
def accept_payer(
    invocation: Invocation,
    insurer: str | None,
    secondary: str | None,
    no_secondary: bool,
    nobody: bool,
    name: str,
) -> None:
    """Show the insurers, or name the one whose plan prices the patient's care, and one that pays after it.

    The first time this holds at once; a change takes effect a day after it is announced.
    """
    from chainbill.chain.format.events import PayersAccepted

    session = invocation.session()
    address, escrow = patient_entry(session, name).address, session.protocol.escrow
    if not (insurer or secondary or no_secondary or nobody):
        _show_payers(session, name, address)
        return
    wanted = wanted_payers(session, address, insurer, secondary, no_secondary=no_secondary, nobody=nobody)
    secondary = _payer_name(session, wanted.secondary)
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
        since = None if in_force else _announced_since(session, "PayersAccepted", address)
        told = f"{name} has accepted {shown} as its payer already."
        told += "" if since is None else f" {it_holds(since)}"
        emit({**facts, "effective_at": since, "changed": False}, told)
        return
    sender = session.sender(name)
    accepted: PayersAccepted = logged(
        session, PayersAccepted, lambda: escrow.accept_payer(sender, wanted.primary, wanted.secondary)
    )
    told = f"{name} has accepted {shown} as its payer. {it_holds(accepted.effective_at)}"
    if insurer is not None:
        told += f"\nInsurers enrol their members: chainbill insurer enrol {name} --plan ID"
    emit({**facts, "effective_at": accepted.effective_at, "changed": True}, told)


def _show_payers(session: Session, name: str, address: str) -> None:

    escrow = session.protocol.escrow
    present, last = (escrow.payers_of(address, time) for time in (session.now(), END_OF_TIME))
    since = None if present == last else _announced_since(session, "PayersAccepted", address)
    lines = [f"{name} has accepted {_payers_text(session, present)}."]
    if since is not None:
        lines.append(f"Announced: {_payers_text(session, last)}. {it_holds(since)}")
    emit(
        {
            "account": name,
            **_payers_facts(session, present),
            "announced": None if since is None else {**_payers_facts(session, last), "effective_at": since},
        },
        "\n".join(lines),
    )


def _payers_facts(session: Session, payers: Payers) -> dict[str, Any]:
    return {
        "insurer": _payer_name(session, payers.primary),
        "payer_id": payers.primary or None,
        "secondary_insurer": _payer_name(session, payers.secondary),
        "secondary_payer_id": payers.secondary or None,
    }


def _payers_text(session: Session, payers: Payers) -> str:
    first, after = _payer_name(session, payers.primary), _payer_name(session, payers.secondary)
    return (first or "nobody as its payer") + (f", and then {after}" if after else "")


def _payer_name(session: Session, payer_id: int) -> str | None:
    from chainbill.cli.audit.text import Names

    return Names(session.book).payer(payer_id) if payer_id else None


def _announced_since(session: Session, event: str, address: str) -> int:
    """From when a patient's last change of a kind holds, in seconds since 1970."""
    logs = session.protocol.escrow.logged(
        event, from_block=session.protocol.deployment.block, patient=address
    )
    return int(logs[-1]["effectiveAt"])


# ---- limits -------------------------------------------------------------------------------------------


def limit_options(command: _Command) -> _Command:
    """What may be taken from a patient at most."""
    command = click.option(
        "--per-day", type=LIMIT, metavar="AMOUNT", help="At most for one day (UTC); 0: no limit."
    )(command)
    return click.option(
        "--per-event", type=LIMIT, metavar="AMOUNT", help="At most for one event; 0: no limit."
    )(command)


def wanted_limits(session: Session, address: str, per_event: int | None, per_day: int | None) -> Limits:
    """What the options of ``limit_options`` say; one that is left out stays as it is announced to be."""
    from chainbill.chain.contracts.escrow import Limits

    if per_event is None and per_day is None:
        raise click.UsageError("give --per-event, --per-day or both; 0 lifts a limit")
    present = session.protocol.escrow.limits_of(address, END_OF_TIME)
    return Limits(
        per_event=present.per_event if per_event is None else per_event,
        per_day=present.per_day if per_day is None else per_day,
    )


@click.command(
    cls=ShellCommand,
    example="chainbill patient limits\nchainbill patient limits --per-event 100 --per-day 250\n"
    "chainbill patient limits --per-day 0",
)
@limit_options
@acting_as("patient")
@dry_run_option
@pass_invocation
def limits(invocation: Invocation, per_event: int | None, per_day: int | None, name: str) -> None:
    """Show or set what may be taken from the wallet at most, whatever providers were allowed.

    Raising holds at once; lowering a day after it is announced. Whole cents.
    """
    from chainbill.chain.format.events import LimitsSet

    session = invocation.session()
    address, escrow = patient_entry(session, name).address, session.protocol.escrow
    if per_event is None and per_day is None:
        _show_limits(session, name, address)
        return
    wanted = wanted_limits(session, address, per_event, per_day)
    since, changed = None, escrow.limits_of(address, END_OF_TIME) != wanted
    if changed:
        sender = session.sender(name)
        was_set: LimitsSet = logged(session, LimitsSet, lambda: escrow.set_limits(sender, wanted))
        since = was_set.effective_at
    elif escrow.limits_of(address, session.now()) != wanted:
        since = _announced_since(session, "LimitsSet", address)
    told = _limits_text(name, wanted)
    said = f"{told}." if changed else f"{told}: that is set already."
    emit(
        {"account": name, **_limits_facts(wanted), "effective_at": since, "changed": changed},
        said if since is None else f"{said} {it_holds(since)}",
    )


def _show_limits(session: Session, name: str, address: str) -> None:

    escrow = session.protocol.escrow
    present, last = (escrow.limits_of(address, time) for time in (session.now(), END_OF_TIME))
    since = None if present == last else _announced_since(session, "LimitsSet", address)
    lines = [f"{_limits_text(name, present)}."]
    if since is not None:
        lines.append(f"Announced: {_limits_text(name, last)}. {it_holds(since)}")
    emit(
        {
            "account": name,
            **_limits_facts(present),
            "announced": None if since is None else {**_limits_facts(last), "effective_at": since},
        },
        "\n".join(lines),
    )


def _limits_facts(limited: Limits) -> dict[str, Any]:
    return {
        "per_event_limit": format_dollars(limited.per_event) if limited.per_event else None,
        "per_day_limit": format_dollars(limited.per_day) if limited.per_day else None,
    }


def _limits_text(name: str, limited: Limits) -> str:
    return (
        f"At most {_limit(limited.per_event)} may be taken from {name} for one event, "
        f"and {_limit(limited.per_day)} on one day"
    )


def _limit(amount: int) -> str:
    return show_dollars(amount) if amount else "whatever is owed"


# ---- consent ------------------------------------------------------------------------------------------


def consent_options(command: _Command) -> _Command:
    """What a provider may charge."""
    command = click.option(
        "--self-pay/--no-self-pay",
        default=None,
        help="It may also charge its cash price, outside the patient's plan.  [default: as it is, else not]",
    )(command)
    command = click.option(
        "--until", type=MOMENT, help="Until when, instead: ISO 8601, or seconds since 1970."
    )(command)
    command = click.option(
        "--for", "duration", type=DURATION, help="How long, from now.  [default: as it is, else 1y]"
    )(command)
    return click.option(
        "--limit",
        type=LIMIT,
        metavar="AMOUNT",
        help="The most one event may cost the patient.  [default: as it is]",
    )(command)


def wanted_consent(
    session: Session,
    address: str,
    provider_id: int,
    limit: int | None,
    duration: int | None,
    until: int | None,
    *,
    self_pay: bool | None,
) -> Consent:
    """What the options of ``consent_options`` say now; what they leave out stays as it was consented to."""
    from chainbill.chain.contracts.escrow import Consent

    if duration is not None and until is not None:
        raise click.UsageError("give either --for or --until")
    now = session.now()
    last = session.protocol.escrow.consent_of(address, provider_id, END_OF_TIME)
    # What ends within the notice was taken back, or is as good as over: that is no end to keep.
    going_on = last.expires_at > now + NOTICE_SECONDS
    if limit is None:
        if not going_on:
            raise click.UsageError("there is no consent to keep the limit of: give --limit AMOUNT")
        limit = last.per_event_limit
    if self_pay is None:
        self_pay = going_on and last.self_pay
    if until is not None:
        expires_at = until
    elif duration is not None:
        expires_at = now + duration
    else:
        expires_at = last.expires_at if going_on else now + _YEAR_SECONDS
    if not now < expires_at < 2**40:
        told = "not after the chain's time" if expires_at <= now else "too far away for the contract"
        raise click.UsageError(f"{show_time(expires_at) if expires_at <= now else 'that'} is {told}")
    return Consent(per_event_limit=limit, expires_at=expires_at, self_pay=self_pay)


@click.command(
    cls=ShellCommand,
    example="chainbill patient consent\nchainbill patient consent provider --limit 200\n"
    "chainbill patient consent lakeview --limit 50 --until 2027-06-30\n"
    "chainbill patient consent lakeview --limit 120 --self-pay",
)
@click.argument("provider", type=PARTY, required=False)
@consent_options
@acting_as("patient")
@dry_run_option
@pass_invocation
def consent(
    invocation: Invocation,
    provider: str | None,
    limit: int | None,
    duration: int | None,
    until: int | None,
    self_pay: bool | None,
    name: str,
) -> None:
    """Show who may charge the wallet, or let a provider charge it, up to a limit for each event.

    A wider consent holds at once; a narrower one a day after it is announced. Without consent a provider is
    paid nothing, even where the patient's share would be 0.
    """
    from chainbill.chain.format.events import ConsentGranted
    from chainbill.operations.governor.registrations import provider_of

    session = invocation.session()
    told_nothing = all(option is None for option in (limit, duration, until, self_pay))
    if provider is None or told_nothing:
        if not told_nothing:
            raise click.UsageError("name the provider that may charge the wallet")
        _show_consents(session, name, provider)
        return
    _, provider_id = provider_of(session, provider)
    address = patient_entry(session, name).address
    wanted = wanted_consent(session, address, provider_id, limit, duration, until, self_pay=self_pay)
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
        f"{provider} may charge {name} {_consent_text(wanted)}. {it_holds(granted.effective_at)}"
        + ("\nIt is narrower than before, and a signed batch may rely on that." if later else ""),
    )


def _show_consents(session: Session, name: str, provider: str | None) -> None:
    from chainbill.operations.patient.consents import standing_consents

    address = patient_entry(session, name).address
    found = standing_consents(session, address, only=provider)
    lines = []
    for each in found:
        if each.present is not None:
            lines.append(f"{each.provider} may charge {name} {_consent_text(each.present)}.")
        if each.announced is not None:
            told = f"Announced for {each.provider}: {_consent_text(each.announced)}."
            lines.append(f"{told} {it_holds(each.announced_at)}")
    emit(
        {
            "account": name,
            "consents": [
                {
                    "provider": each.provider,
                    "in_force": each.present and consent_facts(each.present),
                    "announced": each.announced
                    and {**consent_facts(each.announced), "effective_at": each.announced_at},
                }
                for each in found
            ],
        },
        "\n".join(lines)
        or f"{provider or 'Nobody'} may{' not' if provider else ''} charge {name}"
        f"{' anything' if not provider else ''}: chainbill patient consent {provider or 'PROVIDER'}"
        " --limit AMOUNT",
    )


def _consent_text(given: Consent) -> str:
    return (
        f"up to {show_dollars(given.per_event_limit)} per event until {show_time(given.expires_at)}"
        f"{', also outside the plan' if given.self_pay else ''}"
    )


def consent_facts(given: Consent) -> dict[str, Any]:
    """A consent for JSON."""
    return {
        "limit": format_dollars(given.per_event_limit),
        "expires_at": given.expires_at,
        "self_pay": given.self_pay,
    }


@click.command(cls=ShellCommand, example="chainbill patient revoke lakeview")
@click.argument("provider", type=PARTY)
@acting_as("patient")
@dry_run_option
@pass_invocation
def revoke(invocation: Invocation, provider: str, name: str) -> None:
    """Take a consent back: it ends a day from now, since a signed batch may rely on it."""
    from chainbill.chain.format.events import ConsentRevoked
    from chainbill.operations.governor.registrations import provider_of

    session = invocation.session()
    _, provider_id = provider_of(session, provider)
    address, escrow, now = patient_entry(session, name).address, session.protocol.escrow, session.now()
    facts: dict[str, Any] = {"account": name, "provider": provider, "provider_id": provider_id}
    final = escrow.consent_of(address, provider_id, END_OF_TIME)
    if final.expires_at <= now + NOTICE_SECONDS:
        over = final.expires_at <= now
        told = "has no consent" if over else f"has consent until {show_time(final.expires_at)} and no longer"
        emit(
            {
                **facts,
                "expires_at": None if over else final.expires_at,
                "effective_at": None if over else final.expires_at,
                "changed": False,
            },
            f"{provider} {told}.",
        )
        return
    sender = session.sender(name)
    revoked: ConsentRevoked = logged(
        session, ConsentRevoked, lambda: escrow.revoke_consent(sender, provider_id)
    )
    emit(
        {
            **facts,
            "expires_at": revoked.expires_at,
            "effective_at": revoked.expires_at,
            "changed": True,
        },
        f"{provider} may charge {name} until {show_time(revoked.expires_at)} and no longer: "
        f"the end {holds_from(revoked.expires_at)}.",
    )


def logged(session: Session, kind: type[Any], send: Callable[[], TxReceipt]) -> Any:
    """The one event of a kind that the escrow logged of a transaction."""
    from chainbill.chain.format.logs import decode_receipt
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
