"""``chainbill patient``: create, statement, balance; the rest is in the modules beside this one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from chainbill.cli.patient.claims import dispute, disputes
from chainbill.cli.patient.permissions import accept_payer, consent, consent_facts, limits, revoke
from chainbill.cli.patient.sign import sign_group
from chainbill.cli.patient.wallet import (
    fund_wallet,
    patient_entry,
    void_signatures,
    wallet_of,
    withdraw_from_wallet,
)
from chainbill.cli.shell.acting import (
    acting_as,
    announcement_facts,
    announcement_text,
    emit_statement,
    give_spending_money,
    mint_option,
)
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note, show_time
from chainbill.cli.shell.parameters import ACCOUNT
from chainbill.cli.shell.periods import detail_option, period_options
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.chain.contracts.escrow import Consent, Limits
    from chainbill.state.session import Session
    from chainbill.statements.period import Period


@click.group("patient", cls=ShellGroup)
def patient_group() -> None:
    """Fund a wallet, say who may be paid from it, and read what was charged."""


@patient_group.command(example="chainbill patient create maria")
@click.argument("name", type=ACCOUNT)
@mint_option
@pass_invocation
def create(invocation: Invocation, name: str, mint: int | None) -> None:
    """Make a patient's account where there is none; on a devnet it gets DevUSD to spend."""
    from chainbill.state.address_book import Role

    session = invocation.session()
    new = name not in session.book.entries()
    entry = session.ensure_account(name, Role.PATIENT)
    held = session.protocol.token.balance_of(entry.address) + wallet_of(session, entry).balance()
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


@patient_group.command(
    example="chainbill patient statement\nchainbill patient statement --month 2024-03 --detail\n"
    "chainbill patient statement 1:7 --as maria"
)
@click.argument("charges", nargs=-1, metavar="[NUMBER]...")
@period_options
@detail_option
@acting_as("patient")
@pass_invocation
def statement(
    invocation: Invocation, charges: tuple[str, ...], period: Period | None, detail: bool, name: str
) -> None:
    """Show the Explanation of Benefits: what was charged, who paid how much of it, and why.

    It begins with a line for each charge. NUMBERs, as that line has them, or references, explain those
    charges alone; a period goes by date of service.
    """
    from chainbill.operations.statements import names, read_history, reader
    from chainbill.statements.asked_for import whole_numbers
    from chainbill.statements.patient import patient_statement
    from chainbill.statements.patient_period import only_charges, only_period
    from chainbill.statements.patient_text import render_patient

    session = invocation.session()
    address = patient_entry(session, name).address
    history = read_history(session)
    facts = history.patient(address, reader(session, name))
    told = patient_statement(address, facts, names(session.book))
    listed = [(event.number, event.reference) for event in told.events]
    numbers = whole_numbers(charges, listed, history.numbers_of)
    told = only_period(told, period) if period else told
    told = only_charges(told, numbers) if numbers else told
    emit_statement(told, partial(render_patient, detail=detail, alone=bool(charges)))
    unknown = sum(bool(event.record_note) for event in told.events)
    if unknown:
        note(
            f"note: charges without a record here: {unknown}\n"
            "hint: take in what their providers sent you: chainbill records fetch FILE"
        )


@patient_group.command(example="chainbill patient balance --as maria")
@acting_as("patient")
@pass_invocation
def balance(invocation: Invocation, name: str) -> None:
    """Show the wallet, an announced withdrawal, insurers, limits, and who may charge how much."""
    from chainbill.cli.audit.text import Names

    session = invocation.session()
    entry, now = patient_entry(session, name), session.now()
    wallet, escrow = wallet_of(session, entry), session.protocol.escrow
    held, outside = wallet.balance(), session.protocol.token.balance_of(entry.address)
    announced, payers = wallet.announced(now), escrow.payers_of(entry.address, now)
    names = Names(session.book)
    insurer, secondary = (
        names.payer(number or None) or None for number in (payers.primary, payers.secondary)
    )
    limited, spent = escrow.limits_of(entry.address, now), escrow.spent_today(entry.address)
    consents = _consents(session, entry.address)
    facts = {
        "account": name,
        "address": entry.address,
        "balance": format_dollars(held),
        "outside": format_dollars(outside),
        "announced": announcement_facts(announced),
        "insurer": insurer,
        "payer_id": payers.primary or None,
        "secondary_insurer": secondary,
        "secondary_payer_id": payers.secondary or None,
        "per_event_limit": format_dollars(limited.per_event) if limited.per_event else None,
        "per_day_limit": format_dollars(limited.per_day) if limited.per_day else None,
        "spent_today": format_dollars(spent) if limited.per_day else None,
        "consents": [{"provider": provider, **consent_facts(given)} for provider, given in consents.items()],
    }
    lines = [
        f"{name} (account {entry.address})",
        f"  wallet         {show_dollars(held)}",
        f"  holds besides  {show_dollars(outside)}",
        *([f"  announced      {announcement_text(announced)}"] if announced else []),
        f"  insurer        {insurer or 'none accepted'}",
        *([f"  second insurer {secondary}"] if secondary else []),
        *_limit_lines(limited, spent),
        *(
            f"  may charge     {provider}: up to {show_dollars(given.per_event_limit)} per event "
            f"until {show_time(given.expires_at)}{', also outside the plan' if given.self_pay else ''}"
            for provider, given in consents.items()
        ),
    ]
    emit(facts, "\n".join(lines))


def _limit_lines(limited: Limits, spent: int) -> list[str]:
    lines = []
    if limited.per_event:
        lines.append(f"  per event      at most {show_dollars(limited.per_event)}")
    if limited.per_day:
        lines.append(
            f"  per day        at most {show_dollars(limited.per_day)}, "
            f"{show_dollars(spent)} of it spent today"
        )
    return lines


def _consents(session: Session, address: str) -> dict[str, Consent]:
    """Consents in force, by the name of the provider."""
    from chainbill.operations.patient.consents import standing_consents

    standing = standing_consents(session, address)
    return {each.provider: each.present for each in standing if each.present is not None}


for _command in (
    fund_wallet,
    withdraw_from_wallet,
    accept_payer,
    limits,
    consent,
    revoke,
    dispute,
    disputes,
    sign_group,
    void_signatures,
):
    patient_group.add_command(_command)
