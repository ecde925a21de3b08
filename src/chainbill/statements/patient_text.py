"""A patient's statement as plain text, in words that need no knowledge of insurance or of chains."""

from __future__ import annotations

from chainbill.money import show_dollars
from chainbill.statements.layout import DEFAULT_WIDTH, amount_lines, clamp_width, heading, wrapped
from chainbill.statements.patient_model import (
    BenefitYear,
    EventAmounts,
    FamilyYear,
    PatientEvent,
    PatientStatement,
    Remaining,
    Share,
    Wallet,
)
from chainbill.statements.wording import sentence, show_iso_date

_INDENT = "   "
_SECTIONS = {
    "settled": "Paid services",
    "denied": "Services that were refused",
    "pended": "Services that are waiting",
}
_DECIDED = {"settled": "paid", "denied": "refused", "pended": "last tried"}


def render_patient(statement: PatientStatement, *, width: int = DEFAULT_WIDTH) -> str:
    """Lay a statement out for a terminal of ``width`` columns (40 to 100)."""
    width = clamp_width(width)
    lines = _title(statement, width) + _summary(statement, width)
    for outcome, title in _SECTIONS.items():
        events = [event for event in statement.events if event.outcome == outcome]
        if events:
            lines += heading(title)
        for event in events:
            lines += ["", *_event(event, width)]
    for year in statement.benefit_years:
        lines += _benefit_year(year, width)
    lines += _wallet(statement.wallet, width)
    if statement.announced:
        lines += heading("What you have announced")
        for told in statement.announced:
            lines += wrapped(f"- {told}", width, hang="  ")
    lines += heading("If something looks wrong")
    for advice in statement.if_something_looks_wrong:
        lines += wrapped(f"- {advice}", width, hang="  ")
    return "\n".join(lines) + "\n"


def _title(statement: PatientStatement, width: int) -> list[str]:
    name = f"For {statement.name}, account" if statement.name else "For account"
    return [
        "YOUR EXPLANATION OF BENEFITS",
        *wrapped(f"{name} {statement.account}", width),
        *wrapped(f"Up to {show_iso_date(statement.as_of)}. All dates are in universal time (UTC).", width),
        "",
        *wrapped(
            "This is not a bill. What you paid was taken from your wallet when each service was paid; "
            "nothing more is owed for it.",
            width,
        ),
    ]


def _summary(statement: PatientStatement, width: int) -> list[str]:
    counts, totals = statement.counts, statement.totals
    numbers = [("Services paid", str(counts.settled - counts.taken_back))]
    if counts.taken_back:
        numbers.append(("Services paid and taken back", str(counts.taken_back)))
    numbers += [
        ("Services refused (nothing charged)", str(sum(counts.denied.values()))),
        ("Services waiting (nothing charged)", str(sum(counts.pended.values()))),
    ]
    money = [
        ("The providers charged", show_dollars(totals.billed)),
        ("Agreed prices saved", show_dollars(-totals.contractual_adjustment)),
        ("Your insurer paid", show_dollars(-totals.plan_paid)),
    ]
    shares = [
        ("  Deductible", show_dollars(totals.deductible)),
        ("  Copay", show_dollars(totals.copay)),
        ("  Coinsurance (your percentage)", show_dollars(totals.coinsurance)),
    ]
    if totals.outside_plan:
        shares.append(("  Outside any plan", show_dollars(totals.outside_plan)))
    yours = [("You paid", show_dollars(totals.patient_responsibility))]
    if totals.secondary_paid:
        left = totals.patient_responsibility + totals.secondary_paid
        money += [("Left to you", show_dollars(left)), *shares]
        money += [("Your second insurer paid", show_dollars(-totals.secondary_paid)), *yours]
    else:
        money += [*yours, *shares]
    return [*heading("At a glance"), *amount_lines(numbers + money, width)]


def _event(event: PatientEvent, width: int) -> list[str]:
    number = f"{event.number}. "
    units = f" ({event.units} units)" if event.units and event.units > 1 else ""
    lines = wrapped(f"{number}{event.service}{units}", width, hang=" " * len(number))
    lines += wrapped(_when_and_who(event), width, _INDENT)
    if event.amounts is not None:
        lines += ["", *_amounts(event, event.amounts, width), *_why(event.amounts, width)]
        if event.amounts.remaining:
            lines += _remaining(event.amounts.remaining, event, width)
        lines += _since(event, width)
    elif event.billed is not None:
        lines += ["", *amount_lines([("The provider charged", show_dollars(event.billed))], width, _INDENT)]
    lines.append("")
    lines += _answers(event, width)
    return lines


def _when_and_who(event: PatientEvent) -> str:
    same_day = event.decided_date == event.service_date
    decided_on = "the same day" if same_day else f"on {show_iso_date(event.decided_date)}"
    decided = f"{_DECIDED[event.outcome]} {decided_on}"
    when = f"On {show_iso_date(event.service_date)}, {decided}" if event.service_date else sentence(decided)
    insurer = f"; insurer: {event.insurer}" if event.insurer else ""
    second = f"; second insurer: {event.second_insurer}" if event.second_insurer else ""
    return f"{when}. Provider: {event.provider}{insurer}{second}."


def _amounts(event: PatientEvent, amounts: EventAmounts, width: int) -> list[str]:
    rows = [("The provider charged", show_dollars(amounts.billed))]
    if amounts.contractual_adjustment:
        whose = "Your insurer's agreed price" if event.insurer else "The published price"
        rows.append((f"{whose} saved you", show_dollars(-amounts.contractual_adjustment)))
    if event.insurer is None:
        rows.append(("You paid", show_dollars(amounts.patient_responsibility)))
        return amount_lines(rows, width, _INDENT)
    rows += [
        ("Agreed price", show_dollars(amounts.allowed)),
        ("Your insurer paid", show_dollars(-amounts.plan_paid)),
    ]
    shares = [(f"  {name}", show_dollars(share.amount)) for name, share in _shares(amounts) if share.amount]
    yours = ("You paid", show_dollars(amounts.patient_responsibility))
    if amounts.secondary_paid:
        left = amounts.patient_responsibility + amounts.secondary_paid
        rows += [("Left to you", show_dollars(left)), *shares]
        rows += [("Your second insurer paid", show_dollars(-amounts.secondary_paid)), yours]
    else:
        rows += [yours, *shares]
    return amount_lines(rows, width, _INDENT)


def _shares(amounts: EventAmounts) -> list[tuple[str, Share]]:
    return [
        ("Deductible", amounts.deductible),
        ("Copay", amounts.copay),
        ("Coinsurance", amounts.coinsurance),
        ("Above your plan's maximum", amounts.outside_plan),
    ]


def _why(amounts: EventAmounts, width: int) -> list[str]:
    """Reasons for what was left to the patient; where nothing was, for that."""
    shares = [share for _, share in _shares(amounts)]
    reasons = [share.why for share in shares if share.amount]
    if not reasons and not amounts.limit:
        reasons = [share.why for share in shares if share.why]
    elif not amounts.deductible.amount and amounts.remaining and amounts.remaining.deductible:
        reasons.insert(0, amounts.deductible.why)  # what became of the deductible is what people ask
    if amounts.limit:
        reasons.append(amounts.limit)
    left = "this was left to you" if amounts.secondary_paid else "you paid this"
    if not any(share.amount for share in shares):
        left = "you paid nothing"
    lines = ["", f"{_INDENT}Why {left}:"]
    for reason in dict.fromkeys(reasons):
        lines += wrapped(f"- {reason}", width, _INDENT, "  ")
    return lines


def _since(event: PatientEvent, width: int) -> list[str]:
    if not event.since:
        return []
    lines = ["", f"{_INDENT}What has happened since:"]
    for told in event.since:
        lines += wrapped(f"- {told}", width, _INDENT, "  ")
    return lines


def _remaining(remaining: Remaining, event: PatientEvent, width: int) -> list[str]:
    told = (
        f"Left for {event.benefit_year} after this: "
        f"{show_dollars(remaining.deductible_left)} of your {show_dollars(remaining.deductible)} deductible, "
        f"{show_dollars(remaining.out_of_pocket_left)} of your "
        f"{show_dollars(remaining.out_of_pocket_maximum)} out-of-pocket maximum."
    )
    return ["", *wrapped(told, width, _INDENT)]


def _answers(event: PatientEvent, width: int) -> list[str]:
    told = [
        f"Was this charged separately? {event.charged_separately}",
        f"Did my insurance cover it? {event.covered_by_insurance}",
        event.price_note,
        *(f"Please check: {warning}" for warning in event.warnings),
    ]
    if event.outcome != "settled":
        told.append(f"What to do next: {event.what_to_do[0]}")
    told.append(f"Reference: {event.reference}")
    return [line for text in told if text for line in wrapped(text, width, _INDENT, "  ")]


def _benefit_year(year: BenefitYear, width: int) -> list[str]:
    rows = [
        ("Yearly deductible", show_dollars(year.deductible)),
        ("  Met", show_dollars(year.deductible_met)),
        ("  Left", show_dollars(year.deductible_left)),
        ("Out-of-pocket maximum", show_dollars(year.out_of_pocket_maximum)),
        ("  Met", show_dollars(year.out_of_pocket_met)),
        ("  Left", show_dollars(year.out_of_pocket_left)),
    ]
    if year.family:
        rows += _family(year.family)
    if year.plan_maximum is not None:
        rows += [
            ("Most your plan pays in the year", show_dollars(year.plan_maximum)),
            ("  Used up", show_dollars(year.plan_paid)),
        ]
    lines = [*heading(f"Your year {year.benefit_year} with {year.insurer}"), *amount_lines(rows, width)]
    if year.counts_as_if_alone:
        told = (
            f"As your second insurer {year.insurer} counts each service as if it were your only one, so "
            "these amounts are not what you paid."
        )
        lines += wrapped(told, width)
    if year.carried_in_deductible or year.carried_in_out_of_pocket:
        told = (
            f"Of what is met, {show_dollars(year.carried_in_deductible)} of the deductible and "
            f"{show_dollars(year.carried_in_out_of_pocket)} of the out-of-pocket maximum were carried in "
            "when you were enrolled."
        )
        lines += wrapped(told, width)
    if year.coverage_ends is not None:
        lines += wrapped(f"Your coverage for this year ends on {show_iso_date(year.coverage_ends)}.", width)
    return lines


def _family(family: FamilyYear) -> list[tuple[str, str]]:
    rows = []
    if family.deductible:
        rows.append(("Your family's deductible", show_dollars(family.deductible)))
        rows.append(("  Met", show_dollars(family.deductible_met)))
    if family.out_of_pocket_maximum:
        rows.append(("Your family's out-of-pocket maximum", show_dollars(family.out_of_pocket_maximum)))
        rows.append(("  Met", show_dollars(family.out_of_pocket_met)))
    return rows


def _wallet(wallet: Wallet, width: int) -> list[str]:
    rows = [
        ("Put in", show_dollars(wallet.deposited)),
        ("Taken out", show_dollars(-wallet.withdrawn)),
        ("Paid for care", show_dollars(-wallet.paid_for_care)),
    ]
    if wallet.refunded:
        rows.append(("Came back from charges", show_dollars(wallet.refunded)))
    rows.append(("Balance", show_dollars(wallet.balance)))
    lines = [*heading("Your wallet"), *amount_lines(rows, width)]
    if wallet.movements:
        lines.append("")
        signed = [
            (
                f"{show_iso_date(line.date)}  {line.kind}",
                show_dollars(-line.amount if line.kind == "withdrawal" else line.amount),
            )
            for line in wallet.movements
        ]
        lines += amount_lines(signed, width)
    return lines
