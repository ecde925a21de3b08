"""What the roles' commands about disputes share: how a dispute stands, and what came of a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from chainbill.attestation.claim_number import claim_number
from chainbill.cli.claims.question import ask_about
from chainbill.cli.shell.acting import resumed_facts, resumed_text
from chainbill.cli.shell.output import emit, show_table, show_time
from chainbill.money import format_dollars

if TYPE_CHECKING:
    from web3.types import TxReceipt

    from chainbill.chain.contracts.settlement import DisputeStatus
    from chainbill.chain.format.events import Claim, Event, Party
    from chainbill.chain.node.sender import Sender
    from chainbill.ledger.proofs import ProvenClaim
    from chainbill.operations.claims.lookup import DisputedClaim, PartyTo
    from chainbill.state.session import Session

CLAIM = "CLAIM"
"""How a settled claim is named: its number (``2:7``), its commitment, or its id."""

_NEXT = {
    "open": "chainbill provider concede {claim}, or answer it, by {deadline}",
    "answered": "chainbill governor resolve {claim}, by {deadline}",
    "reversed": "chainbill provider correct {claim} FILE, if it is to be charged otherwise",
}


# ---- steps --------------------------------------------------------------------------------------------


def dispute_as(session: Session, name: str, proven: ProvenClaim, party: Party) -> None:
    """Dispute a claim, and tell."""
    then = "the provider's money for it is held until it answers, or the arbiter rules"
    ask_about(session, name, proven, f"{name} disputes", then)
    sender, settlement = session.sender(name), session.protocol.settlement
    take_step(
        session,
        sender,
        proven,
        lambda: settlement.dispute(
            sender, proven.settled, party, root_slot=proven.root_slot, proof=proven.proof
        ),
        f"{name} disputes",
    )


def take_step(
    session: Session,
    sender: Sender,
    proven: ProvenClaim,
    send: Callable[[], TxReceipt],
    done: str,
    *,
    through: str = "",
    what: str = "",
) -> None:
    """Send a step of a dispute, and tell what has come of it; ``done`` begins the sentence
    (``maria disputes``). What an earlier run had sent, whose reply was lost, is told and not sent again.

    Args:
        through: the contract that the transaction goes to, where it is not the settlement.
        what: tells steps apart that differ in more than the claim.
    """
    from chainbill.chain.node.outbox import Errand

    verb = f"{done} {proven.claim_id.hex()} {what}"
    with sender.errand(Errand(verb, through or session.protocol.settlement.address)) as earlier:
        receipt = _sent(proven.settled.claim, send) if earlier is None else earlier
        _tell_step(session, proven, receipt, done, earlier)


def _tell_step(
    session: Session, proven: ProvenClaim, receipt: TxReceipt, done: str, earlier: TxReceipt | None
) -> None:
    from chainbill.chain.format.logs import decode_receipt

    settlement, claim = session.protocol.settlement, proven.settled.claim
    standing = settlement.dispute_of(proven.claim_id)
    events = decode_receipt(receipt, settlement.address)
    moved = _moved(session, events)
    whole = moved["taken_back"] is not None and moved["taken_back"]["allowed"] == format_dollars(
        claim.allowed
    )
    emit(
        {
            **_claim_facts(session, proven.claim_id, proven.settled.patient, claim),
            "status": standing.status.label,
            "deadline": standing.deadline or None,
            "held": format_dollars(standing.held),
            **moved,
            **resumed_facts(earlier),
            "transaction": receipt["transactionHash"].to_0x_hex(),
        },
        "\n".join(
            [
                f"{done} claim {_called(claim)}: it is {standing.status.label} now.",
                *resumed_text(earlier).splitlines()[1:2],
                *_moved_lines(moved),
                *_next_lines(claim, standing.status, standing.deadline, session.now(), whole=whole),
            ]
        ),
    )


def _sent(claim: Claim, send: Callable[[], TxReceipt]) -> TxReceipt:
    """Send, and say in words what stands in the way."""
    from chainbill.chain.contracts.settlement import DisputeStatus
    from chainbill.errors import ChainError, ContractReverted

    try:
        return send()
    except ContractReverted as refusal:
        fields = refusal.fields
        match refusal.name:
            case "WrongStatus":
                status = DisputeStatus(fields["status"]).label
                told = "not disputed" if status == "none" else f"{status} already"
            case "AlreadyDisputed":
                told = "disputed by the same party already"
            case "DeadlineOver":
                told = f"late: the deadline was {show_time(fields['deadline'])}"
            case "DeadlineNotOver":
                told = f"not over: the deadline is {show_time(fields['deadline'])}"
            case "WindowOver":
                told = f"final: it could be disputed until {show_time(fields['endedAt'])}"
            case _:
                raise
        raise ChainError(
            f"claim {_called(claim)} is {told}", hint="see how it stands: chainbill claims disputes"
        ) from None


def _moved(session: Session, events: Sequence[Event]) -> dict[str, Any]:
    """The money that a step has taken back, and what of it must still wait."""
    from chainbill.chain.format.events import ClaimReversed, ReceivableRecorded, RefundDeferred

    taken = next((event.claim for event in events if isinstance(event, ClaimReversed)), None)
    return {
        "taken_back": None if taken is None else _amounts(taken),
        "receivables": {
            _payer(session, event.payer_id): format_dollars(event.amount)
            for event in events
            if isinstance(event, ReceivableRecorded)
        },
        "deferred": {
            _payer(session, event.payer_id): format_dollars(event.amount)
            for event in events
            if isinstance(event, RefundDeferred)
        },
    }


def _amounts(taken: Claim) -> dict[str, str]:
    return {
        "allowed": format_dollars(taken.allowed),
        "to_patient": format_dollars(taken.patient_responsibility),
        "to_insurer": format_dollars(taken.plan_paid),
        "to_secondary_insurer": format_dollars(taken.secondary_paid),
        "operator_fee": format_dollars(taken.fee),
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
    from chainbill.operations.claims.lookup import Claims

    found = Claims(session).disputed(party, statuses) if statuses else Claims(session).disputed(party)
    facts = [_disputed_facts(session, each) for each in found]
    emit({"disputes": facts}, lambda: _show_disputes(facts))


def _disputed_facts(session: Session, each: DisputedClaim) -> dict[str, Any]:
    claim, dispute, taken = each.live.claim, each.dispute, each.live.reversed_claim
    whole = taken is not None and taken.allowed == claim.allowed
    advice = _next_lines(claim, dispute.status, dispute.deadline, session.now(), whole=whole)
    return {
        **_claim_facts(session, each.claim_id, each.live.patient, claim),
        "status": dispute.status.label,
        "parties": [party.label for party in each.parties],
        "deadline": dispute.deadline or None,
        "held": format_dollars(dispute.held),
        "taken_back": None if taken is None else _amounts(taken),
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


def _claim_facts(session: Session, claim_id: bytes, patient: str, claim: Claim) -> dict[str, Any]:
    from chainbill.cli.audit.text import Names

    names = Names(session.book)
    return {
        "claim_id": claim_id,
        "number": _called(claim),
        "provider": names.provider(claim.provider_id),
        "provider_id": claim.provider_id,
        "sequence": claim.sequence,
        "patient": names.account(patient),
        "insurer": names.payer(claim.payer_id or None),
        "secondary_insurer": names.payer(claim.secondary_payer_id or None),
        "allowed": format_dollars(claim.allowed),
    }


def _called(claim: Claim) -> str:
    return claim_number(claim.provider_id, claim.sequence)


def _payer(session: Session, payer_id: int) -> str:
    from chainbill.cli.audit.text import Names

    return Names(session.book).payer(payer_id)


def _next_lines(claim: Claim, status: DisputeStatus, deadline: int, now: int, *, whole: bool) -> list[str]:
    """``whole``: nothing of the claim is left, so that another can take its place."""
    if deadline and now >= deadline:
        return [f"Next: chainbill claims close {_called(claim)}"]
    advice = _NEXT.get(status.label)
    if advice is None or (status.label == "reversed" and not whole):
        return []
    return [f"Next: {advice.format(claim=_called(claim), deadline=show_time(deadline))}"]
