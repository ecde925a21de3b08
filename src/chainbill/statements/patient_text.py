"""A patient's statement as plain text, in words that need no knowledge of insurance or of chains."""

from __future__ import annotations

from collections.abc import Sequence

from chainbill.money import show_dollars
from chainbill.oracle.api import Status
from chainbill.statements.advice import DISPUTE
from chainbill.statements.facts import ChargeState
from chainbill.statements.layout import (
    DEFAULT_WIDTH,
    amount_lines,
    clamp_width,
    heading,
    not_final_lines,
    summary,
    wrapped,
)
from chainbill.statements.model import Disputable
from chainbill.statements.patient_model import (
    BenefitYear,
    EventAmounts,
    FamilyYear,
    PatientEvent,
    PatientStatement,
    Remaining,
    Share,
)
from chainbill.statements.wording import join_words, sentence, show_iso_date, show_iso_moment, state_words

_INDENT = "   "
_SECTIONS = {
    "Paid services": (ChargeState.PAID, ChargeState.DISPUTED, ChargeState.PARTLY_TAKEN_BACK),
    "Services that were paid and taken back": (ChargeState.TAKEN_BACK,),
    "Services that were refused": (ChargeState.REFUSED,),
    "Services that are waiting": (ChargeState.WAITING,),
}
_DECIDED = {"settled": "paid", "denied": "refused", "pended": "last tried"}
_NO_NUMBER = "(no number yet)"
_MOST_NAMED = 5
"""Charges that are named where several are said to have one thing in common."""


def render_patient(
    statement: PatientStatement, *, width: int = DEFAULT_WIDTH, detail: bool = False, alone: bool = False
) -> str:
    """Lay a statement out for a terminal of ``width`` columns (40 to 100).

    Args:
        detail: explain every charge, after the summary.
        alone: nothing but the charges, explained: for some that were asked for by number.
    """
    width = clamp_width(width)
    lines = _title(statement, width)
    if not alone:
        lines += _charges(statement, width) + _summary(statement, width)
    if detail or alone:
        lines += _details(statement, width)
    if not alone:
        lines += _rest(statement, width)
    return "\n".join(lines) + "\n"


def _details(statement: PatientStatement, width: int) -> list[str]:
    lines: list[str] = []
    for title, states in _SECTIONS.items():
        events = [event for event in statement.events if event.state in states]
        if events:
            lines += heading(title)
        for event in events:
            lines += ["", *_event(event, width)]
    return lines


def _rest(statement: PatientStatement, width: int) -> list[str]:
    lines: list[str] = []
    for year in statement.benefit_years:
        lines += _benefit_year(year, width)
    lines += _wallet(statement, width)
    if statement.announced:
        lines += heading("What you have announced")
        for told in statement.announced:
            lines += wrapped(f"- {told}", width, hang="  ")
    lines += heading("If something looks wrong")
    for advice in statement.if_something_looks_wrong:
        lines += wrapped(f"- {advice}", width, hang="  ")
    return lines


def _title(statement: PatientStatement, width: int) -> list[str]:
    name = f"For {statement.name}, account" if statement.name else "For account"
    about = f"Services {statement.period.words}. " if statement.period else ""
    return [
        "YOUR EXPLANATION OF BENEFITS",
        *wrapped(f"{name} {statement.account}", width),
        *wrapped(
            f"{about}As things stood on {show_iso_date(statement.as_of)}. The date of a service is the day "
            "where it took place; all other dates and times are in universal time (UTC).",
            width,
        ),
        "",
        *wrapped(
            "This is not a bill. What you paid was taken from your wallet when each service was paid; "
            "nothing more is owed for it.",
            width,
        ),
    ]


def _charges(statement: PatientStatement, width: int) -> list[str]:
    """The summary: one line a charge, by date of service."""
    events = sorted(statement.events, key=lambda event: event.service_date or event.decided_date)
    lines = heading("Your charges")
    if not events:
        lines.append("none")
    else:
        rows = [_charge_row(event) for event in events]
        lines += summary(_CHARGE_HEAD, rows, width, "charged {}, insurer {}, you {}")
        lines += ["", *wrapped(_CHARGE_NOTE, width)]
    if statement.outside_period:
        more = statement.outside_period
        lines += ["", f"Outside this period: {more} more."]
    lines += not_final_lines(statement.not_final, width)
    concerned: dict[str, list[PatientEvent]] = {}
    for event in events:
        if note := _charge_note(event):
            concerned.setdefault(note, []).append(event)
    if concerned:
        lines.append("")
    for note, those in concerned.items():
        lines += wrapped(f"{_called(those)}: {note}", width, hang="  ")
    return lines


def _called(events: Sequence[PatientEvent]) -> str:
    """Charges by their numbers, or by what they are while they have none."""
    names = [event.number or f"{event.service} ({event.service_date})" for event in events]
    return join_words(
        [*names[:_MOST_NAMED], *([f"{more} more"] if (more := len(names) - _MOST_NAMED) > 0 else [])]
    )


_CHARGE_HEAD = ("Number", "Date", "Service", "Provider", "Charged", "Insurer", "You", "Now")
_CHARGE_NOTE = (
    "“Insurer” and “You” are what was paid and has not come back. Every command about a charge takes its "
    "number. To have one explained: chainbill patient statement NUMBER, and all of them: chainbill patient "
    "statement --detail"
)


def _charge_note(event: PatientEvent) -> str:
    """What must not be missed even where no details are shown; empty where nothing is."""
    if event.state in (ChargeState.WAITING, ChargeState.REFUSED):
        return f"{event.reason_text}. {event.what_to_do[0]}"
    return event.record_note if event.state is not ChargeState.TAKEN_BACK else ""


def _charge_row(event: PatientEvent) -> tuple[str, ...]:
    insurers, yours = "-", "-"
    if event.net is not None:
        insurers = show_dollars(event.net.plan_paid + event.net.secondary_paid)
        yours = show_dollars(event.net.patient_responsibility)
    return (
        event.number or "-",
        event.service_date or event.decided_date,
        event.service,
        event.provider,
        show_dollars(event.billed) if event.billed is not None else "-",
        insurers,
        yours,
        state_words(event.state),
    )


def _summary(statement: PatientStatement, width: int) -> list[str]:
    counts, totals = statement.counts, statement.totals
    numbers = [("Services paid", str(counts.settled))]
    if counts.taken_back:
        numbers.append(("Services paid and taken back", str(counts.taken_back)))
    numbers += [
        ("Services refused (nothing charged)", str(sum(counts.denied.values()))),
        ("Services waiting (nothing charged)", str(sum(counts.pended.values()))),
    ]
    money = [
        ("The providers charged", show_dollars(totals.billed)),
        ("Agreed prices saved", show_dollars(-totals.contractual_adjustment)),
        *_taken_off(totals.taken_off),
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
    units = f" ({event.units} units)" if event.units and event.units > 1 else ""
    lines = wrapped(f"{event.number or _NO_NUMBER}  {event.service}{units}", width, hang=_INDENT)
    lines += wrapped(_when_and_who(event), width, _INDENT)
    if event.readings is not None:
        lines += wrapped(f"It is for {event.readings.words}.", width, _INDENT)
    if event.record_note:
        lines += wrapped(event.record_note, width, _INDENT)
    if event.amounts is not None:
        lines += ["", *_amounts(event, event.amounts, width), *_why(event, event.amounts, width)]
        if event.amounts.remaining and event.state is not ChargeState.TAKEN_BACK:
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
    if event.service_date and event.decided_date < event.service_date:
        decided_on += " (UTC)"  # the place was a day ahead
    decided = f"{_DECIDED[event.outcome]} {decided_on}"
    if event.reason == Status.ACCEPTED:
        decided = "not tried yet"
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
        return amount_lines([*rows, *_came_back(event, amounts)], width, _INDENT)
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
    return amount_lines([*rows, *_came_back(event, amounts)], width, _INDENT)


def _came_back(event: PatientEvent, amounts: EventAmounts) -> list[tuple[str, str]]:
    """What was taken back since, and what is left of it."""
    net = event.net
    if net is None or net.allowed == amounts.allowed:
        return []
    insurers = amounts.plan_paid + amounts.secondary_paid - net.plan_paid - net.secondary_paid
    part = "  " if net.taken_off else ""  # of the line above
    rows = [(f"{part}Came back to your insurer", insurers)] if insurers else []
    rows += [(f"{part}Came back to you", amounts.given_back)] if amounts.given_back else []
    rows += [("So your insurer has paid", net.plan_paid + net.secondary_paid)] if insurers else []
    rows += [("So you have paid", net.patient_responsibility)]
    return [*_taken_off(net.taken_off), *((label, show_dollars(amount)) for label, amount in rows)]


def _taken_off(amount: int) -> list[tuple[str, str]]:
    """What rulings took off the agreed prices, where they did."""
    return [("Taken off by the arbiter", show_dollars(-amount))] if amount else []


def _shares(amounts: EventAmounts) -> list[tuple[str, Share]]:
    return [
        ("Deductible", amounts.deductible),
        ("Copay", amounts.copay),
        ("Coinsurance", amounts.coinsurance),
        ("Above your plan's maximum", amounts.outside_plan),
    ]


def _why(event: PatientEvent, amounts: EventAmounts, width: int) -> list[str]:
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
    if event.net is not None and event.net.allowed != amounts.allowed:
        left += " at first"
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
    if event.dispute is not None:
        told.append(_last_day(event, event.dispute))
    told.append(f"Reference: {event.reference}")
    return [line for text in told if text for line in wrapped(text, width, _INDENT, "  ")]


def _last_day(event: PatientEvent, dispute: Disputable) -> str:
    if dispute.closed:
        return f"{sentence(dispute.closed)}."
    last = f"Last day to dispute it: {show_iso_moment(dispute.until)}"
    # A note on a missing record has the command already.
    how = next((step for step in event.what_to_do if f"{DISPUTE} " in step), "")
    if not dispute.by_reader or DISPUTE in event.record_note:
        return f"{last}."
    return f"{last}, with: {how.partition('with: ')[2]}"


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


def _wallet(statement: PatientStatement, width: int) -> list[str]:
    wallet = statement.wallet
    rows = [
        ("Put in", show_dollars(wallet.deposited)),
        ("Taken out", show_dollars(-wallet.withdrawn)),
        ("Paid for care", show_dollars(-wallet.paid_for_care)),
    ]
    if wallet.refunded:
        rows.append(("Came back from charges", show_dollars(wallet.refunded)))
    rows.append(("Balance", show_dollars(wallet.balance)))
    lines = [*heading("Your wallet"), *amount_lines(rows, width)]
    if statement.period:
        lines += wrapped("The wallet is told from its beginning, not for this period alone.", width)
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
