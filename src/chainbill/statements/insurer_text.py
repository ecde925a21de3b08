"""An insurer's statement as plain text."""

from __future__ import annotations

from collections.abc import Iterable

from chainbill.money import show_dollars
from chainbill.statements.insurer import InsurerStatement, Pool
from chainbill.statements.layout import DEFAULT_WIDTH, amount_lines, clamp_width, heading, table, wrapped
from chainbill.statements.model import Amounts, Counts
from chainbill.statements.wording import show_iso_date, show_reason

_HEAD = ("Events", "Paid", "Billed", "Allowed", "Plan paid", "Members owed")


def render_insurer(statement: InsurerStatement, *, width: int = DEFAULT_WIDTH) -> str:
    """Lay a statement out for a terminal of ``width`` columns (40 to 100)."""
    width = clamp_width(width)
    lines = [
        "INSURER'S STATEMENT",
        *wrapped(
            f"{statement.name}, payer {statement.payer_id}, members with events: {statement.members}", width
        ),
        f"Up to {show_iso_date(statement.as_of)} (UTC)",
        *_grouped("By provider", "Provider", _providers(statement), width),
        *_grouped("By benefit year", "Year", _years(statement), width),
        *_grouped("By service", "Service", _services(statement), width),
        *_not_paid(statement.counts, width),
        *_as_second_insurer(statement, width),
        *_receivables(statement, width),
        *_pool(statement.pool, width),
    ]
    return "\n".join(lines) + "\n"


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
