"""``chainbill patient``: create, fund, accept-payer, consent, revoke, statement, balance, withdraw."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.acting import (
    acting_as,
    announcement_facts,
    announcement_text,
    emit_statement,
    fund,
    give_spending_money,
    mint_option,
    withdraw,
)
from chainbill.cli.command import ShellGroup
from chainbill.cli.context import Invocation, pass_invocation
from chainbill.cli.output import emit, show_time
from chainbill.cli.parameters import ACCOUNT, DOLLARS, DURATION, MOMENT
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from web3.types import TxReceipt

    from chainbill.chain.contracts.escrow import Consent
    from chainbill.chain.events import ConsentGranted, ConsentRevoked, PayerAccepted
    from chainbill.chain.holdings import PatientWallet
    from chainbill.settings.addressbook import Contact
    from chainbill.settings.session import Session

_YEAR_SECONDS = 365 * 24 * 3600


@click.group("patient", cls=ShellGroup)
def patient_group() -> None:
    """Fund a wallet, say who may be paid from it, and read what was charged."""


# ---- account and wallet -------------------------------------------------------------------------------


@patient_group.command(example="chainbill patient create maria")
@click.argument("name", type=ACCOUNT)
@mint_option
@pass_invocation
def create(invocation: Invocation, name: str, mint: int | None) -> None:
    """Make a patient's account where there is none; on a devnet it gets DevUSD to spend."""
    from chainbill.settings.addressbook import Role

    session = invocation.session()
    new = name not in session.book.entries()
    entry = session.ensure_account(name, Role.PATIENT)
    held = session.protocol.token.balance_of(entry.address) + _wallet(session, entry).balance()
    minted = give_spending_money(session, entry, held, mint)
    outside = session.protocol.token.balance_of(entry.address)
    emit(
        {
            "account": name,
            "address": entry.address,
            "created": new,
            "minted": format_dollars(minted),
            "outside": format_dollars(outside),
        },
        f"{name} {'is' if new else 'was already'} a patient, account {entry.address}, "
        f"with {show_dollars(outside)} to put into the wallet.",
    )


@patient_group.command("fund", example="chainbill patient fund 500\nchainbill patient fund 80 --as maria")
@click.argument("amount", type=DOLLARS)
@acting_as("patient")
@pass_invocation
def fund_wallet(invocation: Invocation, amount: int, name: str) -> None:
    """Put dollars into the wallet that the patient's share of care is paid from."""
    session = invocation.session()
    fund(session, name, "patient", _wallet(session, _patient(session, name)), amount)


@patient_group.command(
    "withdraw", example="chainbill patient withdraw 100\nchainbill patient withdraw --take"
)
@click.argument("amount", type=DOLLARS, required=False)
@click.option("--take", is_flag=True, help="Take what was announced, once its notice is over.")
@acting_as("patient")
@pass_invocation
def withdraw_from_wallet(invocation: Invocation, amount: int | None, take: bool, name: str) -> None:
    """Announce that AMOUNT is to leave the wallet, and a day later --take it.

    A signed batch may rely on the money, hence the notice. Until it is taken, care is still paid from it. It
    covers no later deposit, and lapses a week after the notice is over.
    """
    session = invocation.session()
    withdraw(session, name, "patient", _wallet(session, _patient(session, name)), amount, take=take)


# ---- who may be paid ----------------------------------------------------------------------------------


@patient_group.command(example="chainbill patient accept-payer insurer")
@click.argument("insurer", type=ACCOUNT)
@acting_as("patient")
@pass_invocation
def accept_payer(invocation: Invocation, insurer: str, name: str) -> None:
    """Name the insurer whose plan prices the patient's care.

    The first one holds at once; a change takes effect a day after it is announced.
    """
    from chainbill.chain.fee_publication import END_OF_TIME
    from chainbill.settings.onboarding import insurer_of

    session = invocation.session()
    _, payer_id = insurer_of(session, insurer)
    address, escrow = _patient(session, name).address, session.protocol.escrow
    facts: dict[str, Any] = {"account": name, "insurer": insurer, "payer_id": payer_id}
    if escrow.payer_of(address, END_OF_TIME) == payer_id:
        in_force = escrow.payer_of(address, session.now()) == payer_id
        told = f"{name} has accepted {insurer} as its payer already"
        told += "." if in_force else "; it takes over a day after that."
        emit({**facts, "effective_at": None, "changed": False}, told)
        return
    sender = session.sender(name)
    accepted: PayerAccepted = _logged(lambda: escrow.accept_payer(sender, payer_id))
    in_force = accepted.effective_at <= session.now()
    told = f"{name} has accepted {insurer} as its payer"
    told += "." if in_force else f"; it takes over at {show_time(accepted.effective_at)}."
    emit(
        {**facts, "effective_at": accepted.effective_at, "changed": True},
        f"{told}\nInsurers enrol their members: chainbill insurer enrol {name} --plan ID",
    )


@patient_group.command(
    example="chainbill patient consent provider --limit 200\n"
    "chainbill patient consent lakeview --limit 50 --until 2027-06-30"
)
@click.argument("provider", type=ACCOUNT)
@click.option(
    "--limit", type=DOLLARS, required=True, metavar="AMOUNT", help="The most one event may cost the patient."
)
@click.option("--for", "duration", type=DURATION, help="How long, from now.  [default: 1y]")
@click.option("--until", type=MOMENT, help="Until when, instead: ISO 8601, or seconds since 1970.")
@acting_as("patient")
@pass_invocation
def consent(
    invocation: Invocation, provider: str, limit: int, duration: int | None, until: int | None, name: str
) -> None:
    """Let a provider charge the wallet, up to a limit for each event.

    A wider consent holds at once; a narrower one a day after it is announced. Without consent a provider is
    paid nothing, even where the patient's share would be 0.
    """
    from chainbill.chain.contracts.escrow import Consent
    from chainbill.settings.onboarding import provider_of

    if duration is not None and until is not None:
        raise click.UsageError("give either --for or --until")
    session = invocation.session()
    _, provider_id = provider_of(session, provider)
    now = session.now()
    expires_at = until if until is not None else now + (_YEAR_SECONDS if duration is None else duration)
    if not now < expires_at < 2**40:
        told = "not after the chain's time" if expires_at <= now else "too far away for the contract"
        raise click.UsageError(f"{show_time(expires_at) if expires_at <= now else 'that'} is {told}")
    wanted = Consent(per_event_limit=limit, expires_at=expires_at)
    _patient(session, name)
    sender = session.sender(name)
    granted: ConsentGranted = _logged(
        lambda: session.protocol.escrow.grant_consent(sender, provider_id, wanted)
    )
    later = granted.effective_at > session.now()
    emit(
        {
            "account": name,
            "provider": provider,
            "provider_id": provider_id,
            **_consent_facts(wanted),
            "effective_at": granted.effective_at,
        },
        f"{provider} may charge {name} up to {show_dollars(limit)} per event until {show_time(expires_at)}."
        + (
            f"\nThis is narrower than before, so it holds from {show_time(granted.effective_at)}."
            if later
            else ""
        ),
    )


@patient_group.command(example="chainbill patient revoke lakeview")
@click.argument("provider", type=ACCOUNT)
@acting_as("patient")
@pass_invocation
def revoke(invocation: Invocation, provider: str, name: str) -> None:
    """Take a consent back: it ends a day from now, since a signed batch may rely on it."""
    from chainbill.audit.notice import NOTICE_SECONDS
    from chainbill.chain.fee_publication import END_OF_TIME
    from chainbill.settings.onboarding import provider_of

    session = invocation.session()
    _, provider_id = provider_of(session, provider)
    address, escrow, now = _patient(session, name).address, session.protocol.escrow, session.now()
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
    revoked: ConsentRevoked = _logged(lambda: escrow.revoke_consent(sender, provider_id))
    emit(
        {**facts, "expires_at": revoked.expires_at, "changed": True},
        f"{provider} may charge {name} until {show_time(revoked.expires_at)} and no longer.",
    )


# ---- reading ------------------------------------------------------------------------------------------


@patient_group.command(example="chainbill patient statement\nchainbill patient statement --year 2024 --json")
@click.option("--year", type=click.IntRange(1970, 9999), help="Only this benefit year.  [default: all]")
@acting_as("patient")
@pass_invocation
def statement(invocation: Invocation, year: int | None, name: str) -> None:
    """Show the Explanation of Benefits: what was charged, who paid how much of it, and why."""
    from chainbill.settings.history import names, read_history, reader
    from chainbill.statements.patient import patient_statement
    from chainbill.statements.patient_text import render_patient
    from chainbill.statements.patient_year import only_year

    session = invocation.session()
    address = _patient(session, name).address
    facts = read_history(session).patient(address, reader(session, name))
    whole = patient_statement(address, facts, names(session.book))
    emit_statement(whole if year is None else only_year(whole, year), render_patient)


@patient_group.command(example="chainbill patient balance --as maria")
@acting_as("patient")
@pass_invocation
def balance(invocation: Invocation, name: str) -> None:
    """Show the wallet, an announced withdrawal, the insurer, and who may charge how much."""
    from chainbill.cli.audit_text import Names

    session = invocation.session()
    entry, now = _patient(session, name), session.now()
    wallet, escrow = _wallet(session, entry), session.protocol.escrow
    held, outside = wallet.balance(), session.protocol.token.balance_of(entry.address)
    announced, payer_id = wallet.announced(now), escrow.payer_of(entry.address, now)
    insurer = Names(session.book).payer(payer_id) if payer_id else None
    consents = _consents(session, entry.address, now)
    facts = {
        "account": name,
        "address": entry.address,
        "balance": format_dollars(held),
        "outside": format_dollars(outside),
        "announced": announcement_facts(announced),
        "insurer": insurer,
        "payer_id": payer_id or None,
        "consents": [{"provider": provider, **_consent_facts(given)} for provider, given in consents.items()],
    }
    lines = [
        f"{name} (account {entry.address})",
        f"  wallet         {show_dollars(held)}",
        f"  holds besides  {show_dollars(outside)}",
        *([f"  announced      {announcement_text(announced)}"] if announced else []),
        f"  insurer        {insurer or 'none accepted'}",
        *(
            f"  may charge     {provider}: up to {show_dollars(given.per_event_limit)} per event "
            f"until {show_time(given.expires_at)}"
            for provider, given in consents.items()
        ),
    ]
    emit(facts, "\n".join(lines))


def _consents(session: Session, address: str, now: int) -> dict[str, Consent]:
    """Consents in force, by the name of the provider; those of the address book."""
    from chainbill.settings.addressbook import Role

    found: dict[str, Consent] = {}
    for name, entry in session.book.entries(Role.PROVIDER).items():
        if entry.provider_id is not None:
            given = session.protocol.escrow.consent_of(address, entry.provider_id, now)
            if given.expires_at > now:
                found[name] = given
    return found


def _consent_facts(given: Consent) -> dict[str, Any]:
    return {"limit": format_dollars(given.per_event_limit), "expires_at": given.expires_at}


def _patient(session: Session, name: str) -> Contact:
    from chainbill.settings.addressbook import Role

    return session.book.get(name, Role.PATIENT)


def _wallet(session: Session, entry: Contact) -> PatientWallet:
    from chainbill.chain.holdings import PatientWallet

    return PatientWallet(session.protocol, entry.address)


def _logged(send: Callable[[], TxReceipt]) -> Any:
    """What the escrow logged: one event in each of these transactions."""
    from chainbill.chain.logs import decode_log
    from chainbill.errors import ChainError, ContractReverted

    try:
        (log,) = send()["logs"]
    except ContractReverted as refusal:
        if refusal.name != "ChangeTooRecent":
            raise
        # The escrow remembers one state before the present one, and a signed batch may still need it.
        raise ChainError(
            f"an earlier change took effect at {show_time(refusal.fields['changedAt'])}; "
            f"the next may be made from {show_time(refusal.fields['until'])}",
            hint="wait until then; on a devnet: chainbill devnet advance 6h",
        ) from None
    return decode_log(log, "PatientEscrow")
