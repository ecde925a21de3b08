"""``chainbill patient``: create, statement, balance; the rest is in the modules beside this one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.audit.text import PartyNames
from chainbill.cli.patient.claims import dispute, disputes
from chainbill.cli.patient.consents import consent, consent_facts, consent_text, revoke
from chainbill.cli.patient.limits import limits, limits_facts
from chainbill.cli.patient.payers import accept_payer
from chainbill.cli.patient.sign import sign_group
from chainbill.cli.patient.wallet import fund_wallet, void_signatures, withdraw_from_wallet
from chainbill.cli.shell.acting import acting_as, actor, emit_statement, mint_option, note_sealed
from chainbill.cli.shell.balances import announcement_facts, announcement_text
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note
from chainbill.cli.shell.parameters import ACCOUNT
from chainbill.cli.shell.periods import detail_option, period_options
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.actor import Actor
    from chainbill.operations.patient.wallet import WalletStanding
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
    from chainbill.operations.patient import account

    done = account.create(invocation.session(), name, mint=mint)
    emit(
        {
            "account": name,
            "address": done.address,
            "created": done.created,
            "minted": format_dollars(done.minted),
            "outside": format_dollars(done.outside),
        },
        f"{name} {'is' if done.created else 'was already'} a patient, account {done.address}, "
        f"with {show_dollars(done.outside)} to put into the wallet.",
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
    from chainbill.operations.statements import patient_statement
    from chainbill.statements.patient_text import render_patient

    patient = actor(invocation, name, "patient")
    told = patient_statement(patient, period=period, charges=charges)
    emit_statement(told, partial(render_patient, detail=detail, alone=bool(charges)))
    unknown = sum(bool(event.record_note) for event in told.events)
    if unknown and not note_sealed(patient):
        note(
            f"note: charges without a record here: {unknown}\n"
            "hint: take in what their providers sent you: chainbill records fetch FILE"
        )


@patient_group.command(example="chainbill patient balance --as maria")
@acting_as("patient")
@pass_invocation
def balance(invocation: Invocation, name: str) -> None:
    """Show the wallet, an announced withdrawal, insurers, limits, and who may charge how much."""
    from chainbill.operations.patient import wallet

    patient = actor(invocation, name, "patient")
    standing, names = wallet.balance(patient), PartyNames(patient.session.book)
    emit(_balance_facts(patient, standing, names), "\n".join(_balance_lines(patient, standing, names)))


def _balance_facts(patient: Actor, standing: WalletStanding, names: PartyNames) -> dict[str, Any]:
    payers, limited = standing.payers, standing.limits
    return {
        "account": patient.name,
        "address": patient.address,
        "balance": format_dollars(standing.balance),
        "outside": format_dollars(standing.outside),
        "announced": announcement_facts(standing.announced),
        "insurer": names.payer(payers.primary or None) or None,
        "payer_id": payers.primary or None,
        "secondary_insurer": names.payer(payers.secondary or None) or None,
        "secondary_payer_id": payers.secondary or None,
        **limits_facts(limited),
        "spent_today": format_dollars(standing.spent_today) if limited.per_day else None,
        "consents": [
            {"provider": names.provider(provider_id), **consent_facts(given)}
            for provider_id, given in standing.consents.items()
        ],
    }


def _balance_lines(patient: Actor, standing: WalletStanding, names: PartyNames) -> list[str]:
    announced, payers = standing.announced, standing.payers
    return [
        f"{patient.name} (account {patient.address})",
        f"  wallet         {show_dollars(standing.balance)}",
        f"  holds besides  {show_dollars(standing.outside)}",
        *([f"  announced      {announcement_text(announced)}"] if announced else []),
        f"  insurer        {names.payer(payers.primary or None) or 'none accepted'}",
        *([f"  second insurer {names.payer(payers.secondary)}"] if payers.secondary else []),
        *_limit_lines(standing),
        *(
            f"  may charge     {names.provider(provider_id)}: {consent_text(given)}"
            for provider_id, given in standing.consents.items()
        ),
    ]


def _limit_lines(standing: WalletStanding) -> list[str]:
    limited, lines = standing.limits, []
    if limited.per_event:
        lines.append(f"  per event      at most {show_dollars(limited.per_event)}")
    if limited.per_day:
        lines.append(
            f"  per day        at most {show_dollars(limited.per_day)}, "
            f"{show_dollars(standing.spent_today)} of it spent today"
        )
    return lines


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
