"""A provider's remittance advice as plain text."""

from __future__ import annotations

from chainbill.money import show_dollars
from chainbill.statements.facts import ChargeState, MovementKind
from chainbill.statements.layout import (
    DEFAULT_WIDTH,
    amount_lines,
    clamp_width,
    heading,
    not_final_lines,
    summary,
    wrapped,
)
from chainbill.statements.model import MovementLine
from chainbill.statements.provider import ProviderCredit, ProviderStatement, RemittanceLine
from chainbill.statements.wording import show_iso_date, show_iso_moment, show_reason, state_words

_CODES = (
    "CO-45: above the agreed price, written off. PR-1 deductible, PR-2 coinsurance, PR-3 copay, PR-119 above "
    "the plan's yearly maximum, PR-96 without a plan: paid from the patient's wallet or by a second insurer."
)


def render_provider(
    statement: ProviderStatement, *, width: int = DEFAULT_WIDTH, detail: bool = False, alone: bool = False
) -> str:
    """Lay a statement out for a terminal of ``width`` columns (40 to 100).

    Args:
        detail: every line with its adjustment codes, after the summary.
        alone: nothing but the lines: for some that were asked for by number.
    """
    width = clamp_width(width)
    about = f"Services {statement.period.words}. " if statement.period else ""
    lines = [
        "REMITTANCE ADVICE",
        *wrapped(f"{statement.name}, provider {statement.provider_id}", width),
        *wrapped(
            f"{about}As things stood on {show_iso_date(statement.as_of)}. A date of service is the day where "
            "it took place; all other dates and times are in universal time (UTC).",
            width,
        ),
    ]
    if not alone:
        lines += [*_summary(statement, width), *_totals(statement, width)]
    if detail or alone:
        lines += _details(statement, width)
    if not alone:
        lines += _credit(statement.credit, width)
    return "\n".join(lines) + "\n"


_HEAD = ("Number", "Date", "Service", "For", "Billed", "Plans", "Patient", "Now")


def _summary(statement: ProviderStatement, width: int) -> list[str]:
    """One line an event, by date of service."""
    lines = heading("Events")
    listed = sorted(statement.lines, key=lambda line: line.service_date or line.decided_date)
    if listed:
        rows = [_summary_row(line) for line in listed]
        lines += summary(_HEAD, rows, width, "billed {}, plans {}, patient {}")
        lines += ["", *wrapped(_NOTE, width)]
    else:
        lines.append("none")
    if statement.outside_period:
        lines += ["", f"Outside this period: {statement.outside_period} more."]
    lines += not_final_lines(statement.not_final, width)
    return lines


_NOTE = (
    "“Plans” and “Patient” are what was paid and has not gone back. Every command about a claim takes its "
    "number. To have one told in full: chainbill provider statement NUMBER, and all: chainbill provider "
    "statement --detail"
)


def _summary_row(line: RemittanceLine) -> tuple[str, ...]:
    plans, patient = "-", "-"
    if line.net is not None:
        plans = show_dollars(line.net.plan_paid + line.net.secondary_paid)
        patient = show_dollars(line.net.patient_responsibility)
    return (
        line.number,
        line.service_date or line.decided_date,
        line.service or "(no record here)",
        line.patient,
        show_dollars(line.billed) if line.billed is not None else "-",
        plans,
        patient,
        state_words(line.state),
    )


def _totals(statement: ProviderStatement, width: int) -> list[str]:
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
    taken_back = any(line.taken_back for line in statement.lines)
    title = "Total, less what was taken back" if taken_back else "Total"
    counts = statement.counts
    numbers = [("Paid events", str(counts.settled))]
    if counts.taken_back:
        numbers.append(("Events taken back", str(counts.taken_back)))
    return [*heading(title), *amount_lines([*numbers, *rows], width)]


_SECTIONS = {
    "Paid": (ChargeState.PAID, ChargeState.DISPUTED, ChargeState.PARTLY_TAKEN_BACK),
    "Paid and taken back": (ChargeState.TAKEN_BACK,),
}


def _details(statement: ProviderStatement, width: int) -> list[str]:
    lines: list[str] = []
    for title, states in _SECTIONS.items():
        told = [line for line in statement.lines if line.state in states]
        if told:
            lines += heading(title)
        for line in told:
            lines += _paid_line(line, width)
    if lines:
        lines += wrapped(_CODES, width)
    lines += _not_paid("Denied", ChargeState.REFUSED, statement, width)
    return lines + _not_paid("Waiting", ChargeState.WAITING, statement, width)


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
        rows.append(("Taken back", show_dollars(line.credited_now - line.credited)))
        rows.append(("So credited now", show_dollars(line.credited_now)))
    notes = [f"corrects {line.corrects}"] if line.corrects else []
    notes += [line.dispute] if line.dispute else []
    if line.disputable is not None:
        last = f"last day to dispute it: {show_iso_moment(line.disputable.until)}"
        notes.append(line.disputable.closed or last)
    told = [text for note in notes for text in wrapped(note, width, "  ")]
    return [*_who(line, width), *amount_lines(rows, width, "  "), *told, ""]


def _who(line: RemittanceLine, width: int) -> list[str]:
    service = line.service or "a service (its record is not in your vault)"
    when = f" of {show_iso_date(line.service_date)}" if line.service_date else ""
    return [
        *wrapped(
            f"{line.number} {service}{when} for {line.patient}, {_DECIDED[line.outcome]} "
            f"{show_iso_date(line.decided_date)}",
            width,
            hang="  ",
        ),
        *(wrapped(line.readings.words, width, "  ") if line.readings else ()),
        *wrapped(f"reference {line.reference}", width, "  "),
    ]


_DECIDED = {"settled": "paid on", "denied": "denied on", "pended": "last tried on"}


def _not_paid(title: str, state: ChargeState, statement: ProviderStatement, width: int) -> list[str]:
    lines = heading(title)
    for line in statement.lines:
        if line.state is state:
            codes = "".join(f" ({adjustment.code})" for adjustment in line.adjustments)
            billed = f", {show_dollars(line.billed)} billed" if line.billed is not None else ""
            lines += _who(line, width)
            lines += wrapped(f"{show_reason(line.reason)}{codes}{billed}", width, "  ")
    return [] if len(lines) == 3 else lines


def _credit(credit: ProviderCredit, width: int) -> list[str]:
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
