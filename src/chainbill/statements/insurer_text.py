"""An insurer's statement as plain text."""

from __future__ import annotations

from collections.abc import Iterable

from chainbill.money import show_dollars
from chainbill.statements.insurer import InsurerStatement, Pool
from chainbill.statements.layout import (
    DEFAULT_WIDTH,
    amount_lines,
    clamp_width,
    fitted,
    heading,
    not_final_lines,
    table,
    wrapped,
)
from chainbill.statements.model import Amounts, Counts
from chainbill.statements.wording import sentence, show_iso_date, show_reason, state_words

_HEAD = ("Events", "Paid", "Billed", "Allowed", "Plan paid", "Members owed")


def render_insurer(statement: InsurerStatement, *, width: int = DEFAULT_WIDTH, detail: bool = False) -> str:
    """Lay a statement out for a terminal of ``width`` columns (40 to 100); ``detail``: a line for each charge
    as well."""
    width = clamp_width(width)
    about = f"{statement.period.words}. " if statement.period else ""
    lines = [
        "INSURER'S STATEMENT",
        *wrapped(
            f"{statement.name}, payer {statement.payer_id}, members with events: {statement.members}", width
        ),
        *wrapped(
            sentence(
                f"{about}As things stood on {show_iso_date(statement.as_of)}. Without records a charge goes "
                "by the day on which it was decided (UTC); its benefit year is that of the date of service, "
                "where it took place."
            ),
            width,
        ),
        *(_charges(statement, width) if detail else []),
        *_grouped("By provider", "Provider", _providers(statement), width),
        *_grouped("By benefit year", "Year", _years(statement), width),
        *_grouped("By service", "Service", _services(statement), width),
        *not_final_lines(statement.not_final, width),
        *_not_paid(statement.counts, width),
        *_as_second_insurer(statement, width),
        *_receivables(statement, width),
        *_pool(statement.pool, width),
    ]
    return "\n".join(lines) + "\n"


_CHARGE_HEAD = ("Number", "Decided", "Service", "Provider", "Billed", "You paid", "Member", "Now", "Last day")


_CHARGE_NOTE = (
    "Amounts are what was paid and has not come back. “Last day”: until when you may dispute it; the JSON "
    "has the minute (UTC). Every command about a charge takes its number: chainbill insurer dispute NUMBER"
)


def _charges(statement: InsurerStatement, width: int) -> list[str]:
    """One line a charge; the last day is that of a dispute."""
    lines = heading("Charges")
    if not statement.charges:
        return [*lines, "none"]
    rows = [
        (
            charge.number,
            charge.decided_date,
            charge.service or ("as second insurer" if charge.as_second else "(not in your schedule)"),
            charge.provider,
            show_dollars(charge.billed) if charge.billed is not None else "-",
            show_dollars(charge.paid) if charge.outcome == "settled" else "-",
            show_dollars(charge.member_owed) if charge.outcome == "settled" else "-",
            state_words(charge.state),
            charge.dispute.until[:10] if charge.dispute and charge.dispute.by_reader else "-",
        )
        for charge in statement.charges
    ]
    fits = fitted(_CHARGE_HEAD, rows, width, right=(4, 5, 6), cut=(2, 3))
    if fits is None:
        fits = []
        for number, day, service, _, billed, paid, member, state, last in rows:
            fits += wrapped(f"{number}  {day}  {service}: {state}", width, hang="  ")
            fits += wrapped(f"billed {billed}, paid {paid}, member {member}, dispute by {last}", width, "  ")
    return [*lines, *fits, "", *wrapped(_CHARGE_NOTE, width)]


_Line = tuple[str, Counts, Amounts]


def _providers(statement: InsurerStatement) -> list[_Line]:
    lines = [
        (f"{line.provider} (#{line.provider_id})", line.counts, line.amounts) for line in statement.providers
    ]
    return [*lines, ("Total", statement.counts, statement.totals)]


def _years(statement: InsurerStatement) -> list[_Line]:
    return [(str(line.benefit_year), line.counts, line.amounts) for line in statement.benefit_years]


def _services(statement: InsurerStatement) -> list[_Line]:
    return [(line.service or line.service_id, line.counts, line.amounts) for line in statement.services]


def _grouped(title: str, first: str, lines: Iterable[_Line], width: int) -> list[str]:
    rows = [
        (
            name,
            str(counts.events),
            str(counts.settled),
            *map(
                show_dollars,
                (amounts.billed, amounts.allowed, amounts.plan_paid, amounts.patient_responsibility),
            ),
        )
        for name, counts, amounts in lines
    ]
    return [*heading(title), *(table((first, *_HEAD), rows, width) if rows else ["none"])]


def _not_paid(counts: Counts, width: int) -> list[str]:
    rows = [
        *((f"Denied: {show_reason(reason)}", str(number)) for reason, number in counts.denied.items()),
        *((f"Waiting: {show_reason(reason)}", str(number)) for reason, number in counts.pended.items()),
    ]
    if counts.taken_back:
        rows.insert(0, ("Paid and taken back", str(counts.taken_back)))
    return [*heading("Not paid"), *(amount_lines(rows, width) if rows else ["none"])]


def _as_second_insurer(statement: InsurerStatement, width: int) -> list[str]:
    second = statement.as_second_insurer
    if second.events == 0:
        return []
    rows = [("Events paid by another insurer first", str(second.events)), ("Paid", show_dollars(second.paid))]
    return [*heading("As second insurer"), *amount_lines(rows, width)]


def _receivables(statement: InsurerStatement, width: int) -> list[str]:
    if not statement.receivables:
        return []
    rows = [
        (f"{line.provider} (#{line.provider_id})", show_dollars(line.amount))
        for line in statement.receivables
    ]
    return [*heading("Owed by providers"), *amount_lines(rows, width)]


def _pool(pool: Pool, width: int) -> list[str]:
    rows = [
        ("Deposited", show_dollars(pool.deposited)),
        ("Withdrawn", show_dollars(-pool.withdrawn)),
        ("Paid for members", show_dollars(-pool.paid)),
    ]
    if pool.refunded:
        rows.append(("Came back from events", show_dollars(pool.refunded)))
    rows.append(("Balance", show_dollars(pool.balance)))
    if pool.waiting:
        rows.append(("Refunds that wait in settlement", show_dollars(pool.waiting)))
    return [*heading("Pool"), *amount_lines(rows, width)]
