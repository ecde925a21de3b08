"""What the auditor reads on a terminal; ``audit`` decides what there is to read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.shell.output import note, show_table, show_time
from chainbill.cli.shell.terminal import one_line
from chainbill.money import show_dollars

if TYPE_CHECKING:
    from chainbill.operations.audit import ClaimAccount, Discrepancy, HistoryEntry, Verification
    from chainbill.state.address_book import AddressBook

SHOWN_DISCREPANCIES = 20
"""Discrepancies printed for a person; ``--json`` has all."""


class PartyNames:
    """Shows accounts and ids by the names of the address book, where it has them."""

    def __init__(self, book: AddressBook) -> None:
        self._accounts: dict[str, str] = {}
        self._providers: dict[int, str] = {}
        self._payers: dict[int, str] = {}
        for name, contact in book.entries().items():
            self._accounts[contact.address] = name
            if contact.provider_id is not None:
                self._providers[contact.provider_id] = name
            if contact.payer_id is not None:
                self._payers[contact.payer_id] = name

    def account(self, address: str | None) -> str:
        """An account's name, else its address."""
        return "" if address is None else self._accounts.get(address, address)

    def provider(self, provider_id: int | None) -> str:
        """A provider's name, else its id."""
        return "" if provider_id is None else self._providers.get(provider_id, f"provider {provider_id}")

    def payer(self, payer_id: int | None) -> str:
        """An insurer's name, else its payer id."""
        return "" if payer_id is None else self._payers.get(payer_id, f"payer {payer_id}")


def show_history(names: PartyNames, entries: Sequence[HistoryEntry]) -> None:
    """A table, one row an entry."""
    if not entries:
        click.echo("There is nothing of the kind in the ledger.")
        return
    rows = []
    for entry in entries:
        event = entry.recorded.event
        claim = getattr(event, "claim", None)
        reason = claim.reason if claim else None
        rows.append(
            (
                entry.recorded.block,
                show_time(entry.recorded.block_time),
                entry.kind.value,
                names.account(entry.patient),
                names.provider(entry.provider_id),
                names.payer(entry.payer_id),
                entry.number or "",
                "" if entry.amount is None else show_dollars(entry.amount),
                reason.label if reason else "",
            )
        )
    columns = (">block", "time", "kind", "patient", "provider", "payer", ">claim", ">amount", "reason")
    show_table(columns, rows)


def claim_text(names: PartyNames, account: ClaimAccount) -> str:
    """One claim, a line a fact."""
    facts = account.to_json()
    lines = [
        f"Claim {facts['number']} of {names.provider(facts['provider_id'])}: {_ending(facts)}{_since(facts)}"
    ]
    lines += _rows(
        ("patient", names.account(facts["patient"])),
        ("commitment", facts["commitment"]),
        ("block", f"{facts['block']}, {show_time(facts['time'])}"),
        ("transaction", facts["transaction"]),
    )
    lines += _price_lines(names, facts)
    lines += _later_lines(facts)
    if facts["terms"]:
        lines += _terms_lines(facts)
    if facts["repriced"]:
        verdict = "not the same" if facts["differences"] else "the same"
        lines += _rows(("worked out again", verdict))
        lines += [f"    {difference}" for difference in facts["differences"]]
    lines += [f"  attempt in block {each['block']}: {_ending(each)}" for each in facts["attempts"]]
    return "\n".join(line.rstrip() for line in lines)


def _price_lines(names: PartyNames, facts: dict[str, Any]) -> list[str]:
    lines = _rows(
        ("payer", names.payer(facts["payer_id"]) if facts["payer_id"] else "none: self-pay"),
        (
            "terms",
            f"plan {facts['plan_id']} version {facts['terms_version']}, benefit year {facts['benefit_year']}",
        ),
        ("service", f"{facts['service_id']}, {facts['units']} unit(s)"),
    )
    if facts["secondary_payer_id"]:
        lines += _rows(
            ("second payer", names.payer(facts["secondary_payer_id"])),
            (
                "its terms",
                f"plan {facts['secondary_plan_id']} version {facts['secondary_terms_version']}, "
                f"service {facts['secondary_service_id']}",
            ),
        )
    lines += _rows(
        ("billed", f"${facts['billed']}"),
        ("adjustment", f"${facts['contractual_adjustment']}"),
        ("allowed", f"${facts['allowed']}"),
        ("deductible", f"${facts['deductible']}"),
        ("copay", f"${facts['copay']}"),
        ("coinsurance", f"${facts['coinsurance']}"),
        ("outside plan", f"${facts['outside_plan']}"),
        ("plan paid", f"${facts['plan_paid']}"),
    )
    if facts["secondary_payer_id"]:
        lines += _rows(("second paid", f"${facts['secondary_paid']}"))
    lines += _rows(("patient pays", f"${facts['patient_responsibility']}"))
    return lines + _rows(("operator's fee", f"${facts['fee']}"))


def _later_lines(facts: dict[str, Any]) -> list[str]:
    """What became of a settled claim."""
    lines = _rows(("claim id", facts["claim_id"])) if facts["claim_id"] else []
    if facts["corrects"]:
        lines += _rows(("corrects", facts["corrects"]))
    if facts["batch"] and facts["batch"]["epoch"] == 0:
        lines += _rows(("oracle", "none: it was settled without, after a week unanswered"))
    dispute, taken_back = facts["dispute"], facts["reversed"]
    if dispute:
        by = f", disputed by {', '.join(dispute['parties'])}" if dispute["parties"] else ""
        until = f", until {show_time(dispute['deadline'])}" if dispute["deadline"] else ""
        lines += _rows(("dispute", f"{dispute['status']}{by}{until}"))
    elif facts["dispute_until"]:
        lines += _rows(("disputable", f"until {show_time(facts['dispute_until'])}"))
    if taken_back:
        lines += _taken_back_lines(taken_back, facts["now"], second=bool(facts["secondary_payer_id"]))
    return lines


def _taken_back_lines(taken: dict[str, Any], now: dict[str, str], *, second: bool) -> list[str]:
    """What has gone back to whom, and what is left of the claim."""
    back = f"${taken['patient_responsibility']} to the patient, ${taken['plan_paid']} to the payer"
    back += f", ${taken['secondary_paid']} to the second payer" if second else ""
    rows = [
        ("taken back", f"${taken['allowed']}: {back}"),
        ("allowed now", f"${now['allowed']}"),
        ("plan paid now", f"${now['plan_paid']}"),
    ]
    if second:
        rows.append(("second paid now", f"${now['secondary_paid']}"))
    return _rows(*rows, ("patient paid now", f"${now['patient_responsibility']}"))


def _terms_lines(facts: dict[str, Any]) -> list[str]:
    terms = facts["terms"]
    plan, fee, shared = terms["plan"], terms["fee"], terms["category"]
    sharing = "not covered"
    if shared and shared["covered"]:
        sharing = (
            f"{'after' if shared['deductible_applies'] else 'without'} the deductible, "
            f"copay ${shared['copay']}, coinsurance {shared['coinsurance_bps'] / 100:g}%"
        )
    return _rows(
        ("plan in force", f"deductible ${plan['deductible']}, out-of-pocket maximum ${plan['oop_max']}"),
        ("fee in force", f"${fee['amount']} a unit, version {fee['version']}, category {fee['category']}"),
        ("cost sharing", sharing),
        (
            "met before",
            f"deductible ${terms['deductible_met_before']}, out of pocket ${terms['oop_met_before']}",
        ),
        ("signed at", show_time(facts["batch"]["signed_at"])),
    )


def _rows(*pairs: tuple[str, str]) -> list[str]:
    return [f"  {label:<16} {text}" for label, text in pairs]


def _ending(facts: dict[str, Any]) -> str:
    outcome = str(facts["outcome"])
    return outcome if facts["reason"] == "none" else f"{outcome} ({facts['reason']})"


def _since(facts: dict[str, Any]) -> str:
    """What has become of a settled claim, to follow its outcome."""
    if facts["now"] is None:
        return ""
    return ", and taken back " + ("in full" if facts["now"]["allowed"] == "0.00" else "in part")


def show_verification(found: Verification) -> None:
    """What was checked, and what was found."""
    counts = {name.replace("_", " "): count for name, count in found.counts.items()}
    show_table(("checked", ">number"), list(counts.items()))
    for address, amount in found.donations.items():
        click.echo(f"\n{address} holds {show_dollars(amount)} more than it owes: a donation, and nobody's.")
    if found.adds_up:
        click.echo(f"\nEverything adds up to block {found.header.to_block}: 0 discrepancies.")
        return
    click.echo(f"\n{len(found.discrepancies)} discrepancies:")
    for number, each in enumerate(islice(found.discrepancies, SHOWN_DISCREPANCIES), start=1):
        click.echo(_discrepancy_text(number, each))
    if len(found.discrepancies) > SHOWN_DISCREPANCIES:
        note(f"note: the first {SHOWN_DISCREPANCIES}; --json lists all")


def _discrepancy_text(number: int, each: Discrepancy) -> str:
    lines = [f"{number:>3}. {each.kind}: {one_line(each.message)}", f"     at       {one_line(each.where)}"]
    if each.expected:
        lines.append(f"     expected {one_line(each.expected)}")
    if each.found:
        lines.append(f"     found    {one_line(each.found)}")
    return "\n".join(lines)
