"""What became of a charge after it was paid: disputes, reversals and corrections, a sentence each."""

from __future__ import annotations

from collections.abc import Sequence

from chainbill.statements.facts import ClaimFacts, DisputeFacts, Disputer, DisputeStage
from chainbill.statements.questions import StatementLine, back_to
from chainbill.statements.wording import join_words, sentence, show_date, utc_day

_WHO = {
    Disputer.PATIENT: "you",
    Disputer.INSURER: "your insurer",
    Disputer.SECOND_INSURER: "your second insurer",
}


def claim_history(entry: StatementLine, entries: Sequence[StatementLine], provider: str) -> list[str]:
    """Everything that happened to ``entry``; ``entries`` are all of the statement, it included."""
    claim, told = entry.claim, []
    if claim.corrects is not None:
        told.append(f"This is a correction of {_named(claim.corrects, entries)}, which was taken back.")
    if claim.dispute is not None:
        told.append(_dispute(claim, claim.dispute, provider))
    replaced_by = [
        other for other in entries if other.claim.corrects == claim.reference and other.claim.sharing
    ]
    told += [f"It was replaced by charge {other.number}." for other in replaced_by]
    return told


def _dispute(claim: ClaimFacts, dispute: DisputeFacts, provider: str) -> str:
    disputed = f"{sentence(join_words([_WHO[party] for party in dispute.parties]))} disputed this charge"
    by = show_date(utc_day(dispute.deadline)) if dispute.deadline else ""
    match dispute.stage:
        case DisputeStage.OPEN:
            return (
                f"{disputed}. {provider} has until {by} to answer; if it does not, the charge is taken back."
            )
        case DisputeStage.ANSWERED:
            ruling = f"A ruling is due by {by}; without one the charge stands."
            return f"{disputed}, and {provider} answered. {ruling}"
        case DisputeStage.UPHELD:
            return f"{disputed}, but it was found to be right: it stands."
        case DisputeStage.REVERSED:
            how = "in full" if claim.given_back else "in part"
            what = (
                f"{disputed}, and it was taken back {how}"
                if dispute.parties
                else f"{provider} gave this charge back {how}"
            )
            return f"{what}: {back_to(claim)}."


def _named(reference: bytes, entries: Sequence[StatementLine]) -> str:
    for entry in entries:
        if entry.claim.reference == reference:
            return f"charge {entry.number}"
    return f"an earlier charge (reference 0x{reference.hex()})"
