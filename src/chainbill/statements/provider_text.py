"""A provider's remittance advice as plain text."""

from __future__ import annotations

from chainbill.money import show_dollars
from chainbill.statements.facts import MovementKind
from chainbill.statements.layout import DEFAULT_WIDTH, amount_lines, clamp_width, heading, wrapped
from chainbill.statements.model import MovementLine
from chainbill.statements.provider import Credit, ProviderStatement, RemittanceLine
from chainbill.statements.wording import show_iso_date, show_reason

_CODES = (
    "CO-45: above the agreed price, written off. PR-1 deductible, PR-2 coinsurance, PR-3 copay, PR-119 above "
    "the plan's yearly maximum, PR-96 without a plan: paid from the patient's wallet or by a second insurer."
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
    ]
    if totals.secondary_paid:
        rows.append(("Second insurers paid", show_dollars(totals.secondary_paid)))
    rows.append(("Patients paid", show_dollars(totals.patient_responsibility)))
    if statement.operator_fees:
        rows.append(("Operator's fees", show_dollars(-statement.operator_fees)))
    rows.append(("Credited", show_dollars(totals.allowed - statement.operator_fees)))
    title = "Total, less what was taken back" if statement.credit.taken_back else "Total"
    return [*lines, title, *amount_lines(rows, width, "  "), "", *wrapped(_CODES, width)]


def _paid_line(line: RemittanceLine, width: int) -> list[str]:
    rows = [
        ("Billed", show_dollars(line.billed or 0)),
        *((adjustment.code, show_dollars(-adjustment.amount)) for adjustment in line.adjustments),
    ]
    if line.insurer:
        rows.append((f"{line.insurer} paid", show_dollars(line.plan_paid)))
    if line.second_insurer:
        rows.append((f"{line.second_insurer} paid", show_dollars(line.second_insurer_paid)))
    rows.append(("Patient paid", show_dollars(line.patient_paid)))
    if line.operator_fee:
        rows.append(("Operator's fee", show_dollars(-line.operator_fee)))
    rows.append(("Credited", show_dollars(line.credited)))
    if line.taken_back:
        rows.append(("Taken back", show_dollars(-line.taken_back)))
    notes = [f"corrects {line.corrects}"] if line.corrects else []
    notes += [line.dispute] if line.dispute else []
    told = [text for note in notes for text in wrapped(note, width, "  ")]
    return [*_who(line, width), *amount_lines(rows, width, "  "), *told, ""]


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
    rows = [("Credited", credit.credited, 1), ("Paid out", credit.paid_out, -1)]
    more = (
        ("Taken back", credit.taken_back, -1),
        ("Paid to insurers", credit.receivables_paid, -1),
        ("Bond put up", credit.bond_put_up, 1),
        ("Bond returned", credit.bond_returned, -1),
    )
    rows += [row for row in more if row[1]]
    parts = (
        ("  Maturing, may still be disputed", credit.maturing),
        ("  Disputed", credit.held),
        ("  Bond", credit.bond),
        ("  Advanced against the bond", -credit.advanced),
        ("  Matured", credit.matured),
    )
    lines = [
        *heading("Credit"),
        *amount_lines([(label, show_dollars(sign * amount)) for label, amount, sign in rows], width),
        *amount_lines([("In settlement", show_dollars(credit.balance))], width),
        *amount_lines([(label, show_dollars(amount)) for label, amount in parts if amount], width),
    ]
    if credit.owed:
        lines += amount_lines([("Owed to insurers", show_dollars(-credit.owed))], width)
    lines += amount_lines([("May be withdrawn", show_dollars(credit.may_be_withdrawn))], width)
    if credit.movements:
        told = [
            (f"{show_iso_date(line.date)}  {line.kind}", show_dollars(_signed(line)))
            for line in credit.movements
        ]
        lines += ["", *amount_lines(told, width)]
    return lines


def _signed(line: MovementLine) -> int:
    return line.amount if line.kind == MovementKind.BOND_PUT_UP else -line.amount
