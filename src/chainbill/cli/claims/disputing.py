"""What the roles' commands about disputes show: what came of a step, and how disputes stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.shell.acting import resumed_lines
from chainbill.cli.shell.output import emit, show_table, show_time
from chainbill.money import format_dollars

if TYPE_CHECKING:
    from chainbill.operations.claims.disputes import DisputeStep
    from chainbill.operations.claims.facts import Reversal
    from chainbill.operations.claims.lookup import DisputedClaim, DisputeStatus, PartyTo
    from chainbill.state.session import Session

CLAIM = "CLAIM"
"""How a settled claim is named: its number (``2:7``), its commitment, or its id."""

_NEXT = {
    "open": "chainbill provider concede {claim}, or answer it, by {deadline}",
    "answered": "chainbill governor resolve {claim}, by {deadline}",
    "reversed": "chainbill provider correct {claim} FILE, if it is to be charged otherwise",
}


# ---- steps --------------------------------------------------------------------------------------------


def tell_step(session: Session, step: DisputeStep, done: str) -> None:
    """Tell what has come of a step; ``done`` begins the sentence (``maria disputes``)."""
    moved = _moved(session, step)
    emit(
        {
            **_claim_facts(session, step),
            "status": step.status.label,
            "deadline": step.deadline,
            "held": format_dollars(step.held),
            **moved,
            "changed": step.changed,
            "effective_at": step.effective_at,
            "resumed": step.resumed,
            "transaction": step.transaction,
        },
        "\n".join(
            [
                f"{_beginning(step, done)} claim {step.number}: it is {step.status.label} now.",
                *resumed_lines(step)[:1],
                *_moved_lines(moved),
                *_next_lines(step, session.now()),
            ]
        ),
    )


def _beginning(step: DisputeStep, done: str) -> str:
    return done if step.changed else f"That was done before, at {show_time(step.effective_at or 0)}, to"


def _moved(session: Session, step: DisputeStep) -> dict[str, Any]:
    """The money that a step has taken back, and what of it must still wait."""
    return {
        "taken_back": _amounts(step.reversed),
        "receivables": _by_payer(session, step.receivables),
        "deferred": _by_payer(session, step.deferred),
    }


def _by_payer(session: Session, amounts: Mapping[int, int]) -> dict[str, str]:
    return {_payer(session, payer_id): format_dollars(amount) for payer_id, amount in amounts.items()}


def _amounts(taken: Reversal | None) -> dict[str, str] | None:
    if taken is None:
        return None
    return {
        "allowed": format_dollars(taken.allowed),
        "to_patient": format_dollars(taken.to_patient),
        "to_insurer": format_dollars(taken.to_insurer),
        "to_secondary_insurer": format_dollars(taken.to_secondary_insurer),
        "operator_fee": format_dollars(taken.operator_fee),
    }


def _moved_lines(moved: dict[str, Any]) -> list[str]:
    lines = []
    if moved["taken_back"]:
        amounts = moved["taken_back"]
        lines.append(
            f"${amounts['allowed']} of it is taken back: ${amounts['to_patient']} to the patient's wallet, "
            f"${amounts['to_insurer']} to the insurer's pool"
            + (
                f", ${amounts['to_secondary_insurer']} to the second insurer's."
                if amounts["to_secondary_insurer"] != "0.00"
                else "."
            )
        )
    lines += [
        f"The provider still owes {payer} ${amount} of that."
        for payer, amount in moved["receivables"].items()
    ]
    lines += [
        f"${amount} could not be sent to {payer} yet: chainbill insurer collect --as {payer}"
        for payer, amount in moved["deferred"].items()
    ]
    return lines


# ---- lists --------------------------------------------------------------------------------------------


def list_disputes(session: Session, party: PartyTo, statuses: Sequence[DisputeStatus] = ()) -> None:
    """List a party's claims that were disputed or given back."""
    from chainbill.operations.claims.lookup import disputed_claims

    facts = [_disputed_facts(session, each) for each in disputed_claims(session, party, statuses)]
    emit({"disputes": facts}, lambda: _show_disputes(facts))


def _disputed_facts(session: Session, each: DisputedClaim) -> dict[str, Any]:
    advice = _next_lines(each, session.now())
    return {
        **_claim_facts(session, each),
        "status": each.status.label,
        "parties": [party.label for party in each.parties],
        "deadline": each.deadline,
        "held": format_dollars(each.held),
        "taken_back": _amounts(each.reversed),
        "what_to_do": advice[0].removeprefix("Next: ") if advice else "",
    }


def _show_disputes(disputes: Sequence[dict[str, Any]]) -> None:
    if not disputes:
        click.echo("There is none.")
        return
    rows = [
        (
            each["number"],
            each["provider"],
            each["patient"],
            f"${each['allowed']}",
            each["status"],
            ", ".join(each["parties"]) or "given back",
            f"${each['taken_back']['allowed']}" if each["taken_back"] else "",
            each["what_to_do"],
        )
        for each in disputes
    ]
    columns = ("claim", "provider", "patient", ">allowed", "stands", "disputed by", ">taken back", "next")
    show_table(columns, rows)


# ---- words --------------------------------------------------------------------------------------------


def _claim_facts(session: Session, each: DisputeStep | DisputedClaim) -> dict[str, Any]:
    from chainbill.cli.audit.text import PartyNames

    names, claim = PartyNames(session.book), each.claim
    return {
        "claim_id": each.claim_id,
        "number": each.number,
        "provider": names.provider(claim.provider_id),
        "provider_id": claim.provider_id,
        "sequence": claim.sequence,
        "patient": names.account(each.patient),
        "insurer": names.payer(claim.payer_id or None),
        "secondary_insurer": names.payer(claim.secondary_payer_id or None),
        "allowed": format_dollars(claim.allowed),
    }


def _payer(session: Session, payer_id: int) -> str:
    from chainbill.cli.audit.text import PartyNames

    return PartyNames(session.book).payer(payer_id)


def _next_lines(each: DisputeStep | DisputedClaim, now: int) -> list[str]:
    deadline = each.deadline or 0
    if deadline and now >= deadline:
        return [f"Next: chainbill claims close {each.number}"]
    advice = _NEXT.get(each.status.label)
    # Only where nothing is left of a claim can another take its place.
    if advice is None or (each.status.label == "reversed" and not each.reversed_in_full):
        return []
    return [f"Next: {advice.format(claim=each.number, deadline=show_time(deadline))}"]
