"""A provider's remittance advice as plain text."""

from __future__ import annotations

from chainbill.money import show_dollars
from chainbill.statements.layout import DEFAULT_WIDTH, amount_lines, clamp_width, heading, wrapped
from chainbill.statements.provider import Credit, ProviderStatement, RemittanceLine
from chainbill.statements.wording import show_iso_date, show_reason

_CODES = (
    "CO-45: above the agreed price, written off. PR-1 deductible, PR-2 coinsurance, PR-3 copay: paid from "
    "the patient's wallet."
)


def render_provider(statement: ProviderStatement, *, width: int = DEFAULT_WIDTH) -> str:
    """Lay a statement out for a terminal of ``width`` columns (40 to 100)."""
    width = clamp_width(width)
    lines = [
        "REMITTANCE ADVICE",
        *wrapped(f"{statement.name}, provider {statement.provider_id}", width),
        f"Up to {show_iso_date(statement.as_of)} (UTC)",
        *heading("Paid"),
        *_paid(statement, width),
        *_not_paid("Denied", "denied", statement, width),
        *_not_paid("Waiting", "pended", statement, width),
        *_credit(statement.credit, width),
    ]
    return "\n".join(lines) + "\n"


def _paid(statement: ProviderStatement, width: int) -> list[str]:
    paid = [line for line in statement.lines if line.outcome == "settled"]
    if not paid:
        return ["none"]
    lines: list[str] = []
    for line in paid:
        lines += _paid_line(line, width)
    totals = statement.totals
    rows = [
        ("Billed", show_dollars(totals.billed)),
        ("Plans paid", show_dollars(totals.plan_paid)),
        ("Patients paid", show_dollars(totals.patient_responsibility)),
        ("Credited", show_dollars(totals.allowed)),
    ]
    return [*lines, "Total", *amount_lines(rows, width, "  "), "", *wrapped(_CODES, width)]


def _paid_line(line: RemittanceLine, width: int) -> list[str]:
    rows = [
        ("Billed", show_dollars(line.billed or 0)),
        *((adjustment.code, show_dollars(-adjustment.amount)) for adjustment in line.adjustments),
        (f"{line.insurer} paid", show_dollars(line.plan_paid)),
        ("Patient paid", show_dollars(line.patient_paid)),
        ("Credited", show_dollars(line.credited)),
    ]
    return [*_who(line, width), *amount_lines(rows, width, "  "), ""]


def _who(line: RemittanceLine, width: int) -> list[str]:
    service = line.service or "a service (its record is not in your vault)"
    when = f" of {show_iso_date(line.service_date)}" if line.service_date else ""
    return [
        *wrapped(
            f"#{line.sequence} {service}{when} for {line.patient}, {_DECIDED[line.outcome]} "
            f"{show_iso_date(line.decided_date)}",
            width,
            hang="  ",
        ),
        *wrapped(f"reference {line.reference}", width, "  "),
    ]


_DECIDED = {"settled": "paid on", "denied": "denied on", "pended": "last tried on"}


def _not_paid(title: str, outcome: str, statement: ProviderStatement, width: int) -> list[str]:
    lines = heading(title)
    for line in statement.lines:
        if line.outcome == outcome:
            codes = "".join(f" ({adjustment.code})" for adjustment in line.adjustments)
            billed = f", {show_dollars(line.billed)} billed" if line.billed is not None else ""
            lines += _who(line, width)
            lines += wrapped(f"{show_reason(line.reason)}{codes}{billed}", width, "  ")
    return [*lines, "none"] if len(lines) == 3 else lines


def _credit(credit: Credit, width: int) -> list[str]:
    rows = [
        ("Credited", show_dollars(credit.credited)),
        ("Paid out", show_dollars(-credit.paid_out)),
        ("May be withdrawn", show_dollars(credit.balance)),
    ]
    lines = [*heading("Credit"), *amount_lines(rows, width)]
    if credit.payouts:
        payouts = [
            (f"{show_iso_date(line.date)}  paid out", show_dollars(-line.amount)) for line in credit.payouts
        ]
        lines += ["", *amount_lines(payouts, width)]
    return lines
