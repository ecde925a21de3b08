"""The steps of a dispute: opened, conceded, answered, ruled on, ended; and a claim given back without one.

Each is done once: what a run that was cut off had sent is found, told as ``resumed``, and not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from web3.types import TxReceipt

from chainbill.attestation.claim_number import claim_number
from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.chain.format.events import (
    Claim,
    ClaimReversed,
    DisputeParty,
    ReceivableRecorded,
    RefundDeferred,
)
from chainbill.chain.format.logs import decode_receipt
from chainbill.chain.node.outbox import Errand
from chainbill.chain.node.sender import Sender
from chainbill.errors import ChainError, ContractReverted
from chainbill.ledger.credit import day_of, has_matured
from chainbill.ledger.proofs import ProvenClaim
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.claims.facts import Reversal
from chainbill.operations.claims.lookup import PartyTo, find_claim, payer_party
from chainbill.operations.claims.rulings import RulingWanted, ruling_on
from chainbill.operations.effect import made
from chainbill.operations.governor.calls import acting, await_call
from chainbill.operations.times import show_time
from chainbill.state.answers import Answer
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeStep(Change):
    """How a claim stands after a step, and what money the step has moved. Amounts in micro-dollars."""

    claim_id: bytes
    patient: str
    claim: Claim
    """As it was settled."""
    status: DisputeStatus
    deadline: int | None
    """Of the answer, or of the ruling, in seconds since 1970; None: nothing is waited for."""
    held: int
    """Of the provider's credit."""
    reversed: Reversal | None
    """What was taken back; None: nothing was."""
    receivables: Mapping[int, int]
    """By payer id: what the provider still owes of that."""
    deferred: Mapping[int, int]
    """By payer id: what could not be sent to it yet."""
    statement_file: Path | None = None
    """Of an answer: has its statement, for the arbiter."""

    @property
    def number(self) -> str:
        """What the claim is called, ``2:7``."""
        return claim_number(self.claim.provider_id, self.claim.sequence)

    @property
    def reversed_in_full(self) -> bool:
        """Is nothing left of the claim, so that another can take its place?"""
        return self.reversed is not None and self.reversed.allowed == self.claim.allowed


def dispute_as_patient(patient: Actor, claim: str | ProvenClaim) -> DisputeStep:
    """Dispute a settled claim as its patient, within seven days of its settlement.

    Args:
        claim: its number (``2:7``), commitment or id; or as ``find_claim`` found it.

    Raises:
        LedgerError: there is no such claim.
        StateError: it is somebody else's, did not settle, or the key is not at hand.
        ChainError: it is final, disputed by the patient already, or reversed.
    """
    proven = find_claim(patient.session, claim, PartyTo(patient.name, patient=patient.address))
    return _dispute(patient, proven, DisputeParty.PATIENT)


def dispute_as_insurer(insurer: Actor, payer_id: int, claim: str | ProvenClaim) -> DisputeStep:
    """Dispute a settled claim as the insurer of its first or second payer; else as ``dispute_as_patient``."""
    proven = find_claim(insurer.session, claim, PartyTo(insurer.name, payer_id=payer_id))
    return _dispute(insurer, proven, payer_party(proven.settled.claim, payer_id))


def concede(payout: Actor, provider_id: int, claim: str | ProvenClaim) -> DisputeStep:
    """Give a disputed claim back in full: patient and insurers are refunded at once.

    Args:
        payout: the account of the provider's payout address.
        claim: as for ``dispute_as_patient``.

    Raises:
        LedgerError, StateError: as for ``dispute_as_patient``.
        ChainError: it is not disputed.
    """
    proven, settlement = _of_provider(payout, provider_id, claim), payout.protocol.settlement
    return _step(payout, proven, "concede", lambda sender: settlement.concede(sender, proven.settled))


def answer(payout: Actor, provider_id: int, claim: str | ProvenClaim, statement: str) -> DisputeStep:
    """Answer a dispute within three days; the arbiter then rules within fourteen.

    On chain goes a salted hash of the statement; the statement is kept in a file of the state directory.
    Otherwise as ``concede``.

    Raises:
        ChainError: it is not disputed, answered already, or late.
    """
    proven, settlement = _of_provider(payout, provider_id, claim), payout.protocol.settlement
    said, path = Answer.write(payout.session.state, proven.claim_id, statement)
    step = _step(
        payout,
        proven,
        f"answer {said.statement_hash.hex()} to",
        lambda sender: settlement.answer(sender, proven.settled, said.statement_hash),
    )
    return replace(step, statement_file=path)


def void(payout: Actor, provider_id: int, claim: str | ProvenClaim) -> DisputeStep:
    """Give a claim back in full that nobody disputes, such as one billed by mistake; else as ``concede``.

    Once its credit has matured, anybody may have had it paid out: settlement is then allowed to take what is
    missing of the patient's part from the account's own dollars.

    Raises:
        ChainError: it is disputed, reversed, or final; or the patient's part is not there in full.
    """
    proven, settlement = _of_provider(payout, provider_id, claim), payout.protocol.settlement

    def give_back(sender: Sender) -> TxReceipt:
        if has_matured(day_of(proven.settled.settled_at), payout.protocol.now()):
            _allow(payout, sender, proven.settled.claim.patient_responsibility)
        return settlement.void(sender, proven.settled, root_slot=proven.root_slot, proof=proven.proof)

    return _step(payout, proven, "void", give_back)


def _allow(payout: Actor, sender: Sender, amount: int) -> None:
    """Let settlement take so much (micro-dollars) from the account, where it may not already."""
    token, settlement = payout.protocol.token, payout.protocol.settlement
    if token.allowance(sender.address, settlement.address) < amount:
        token.approve(sender, settlement.address, amount)


def resolve(arbiter: Actor, claim: str | ProvenClaim, ruling: RulingWanted) -> DisputeStep:
    """Rule on an answered dispute: reverse the claim in full, in part, or let it stand.

    Raises:
        LedgerError: there is no such claim.
        StateError: it did not settle, or the key is not at hand.
        CallDelayed: the call is announced, and must wait.
        ChainError: the account is no arbiter, the dispute is not answered, or a component would grow.
    """
    proven = find_claim(arbiter.session, claim)
    governance, settlement = arbiter.protocol.governance, arbiter.protocol.settlement
    ruled = ruling_on(proven.settled, ruling)
    call = ("resolve", proven.settled.abi_tuple(), ruled.abi_tuple())

    def rule(sender: Sender) -> TxReceipt:
        # Announced by a sender of its own: what announces the ruling must not be taken for it.
        await_call(arbiter.session, arbiter.sender(), settlement, *call)
        return governance.execute(sender, settlement, *call)

    with acting(arbiter):
        return _step(arbiter, proven, f"rule {ruled.abi_tuple()} on", rule, through=governance.address)


def close(anyone: Actor, claim: str | ProvenClaim) -> DisputeStep:
    """End a dispute whose deadline has passed. Where the provider was silent the claim is reversed; where the
    arbiter was, it stands.

    Raises:
        LedgerError: there is no such claim.
        StateError: it did not settle, or the key is not at hand.
        ChainError: it is not disputed, or its deadline is not over.
    """
    proven, settlement = find_claim(anyone.session, claim), anyone.protocol.settlement
    return _step(anyone, proven, "close", lambda sender: settlement.close(sender, proven.settled))


# ---- one step -----------------------------------------------------------------------------------------


def _dispute(actor: Actor, proven: ProvenClaim, party: DisputeParty) -> DisputeStep:
    settlement = actor.protocol.settlement
    return _step(
        actor,
        proven,
        "dispute",
        lambda sender: settlement.dispute(
            sender, proven.settled, party, root_slot=proven.root_slot, proof=proven.proof
        ),
    )


def _of_provider(payout: Actor, provider_id: int, claim: str | ProvenClaim) -> ProvenClaim:
    called = payout.session.book.provider(provider_id)
    name = called[0] if called else f"provider {provider_id}"
    return find_claim(payout.session, claim, PartyTo(name, provider_id=provider_id))


def _step(
    actor: Actor,
    proven: ProvenClaim,
    verb: str,
    send: Callable[[Sender], TxReceipt],
    *,
    through: str = "",
) -> DisputeStep:
    """Send a step, unless an earlier run has.

    Args:
        verb: what is done, in words that tell it apart from the other steps of this claim.
        through: the contract that the transaction goes to, where it is not the settlement.
    """
    sender = actor.sender()
    errand = Errand(f"{verb} {proven.claim_id.hex()}", through or actor.protocol.settlement.address)
    with sender.errand(errand) as earlier:
        receipt = _sent(proven.settled.claim, lambda: send(sender)) if earlier is None else earlier
        return _result(actor.session, proven, receipt, resumed=earlier is not None)


def _result(session: Session, proven: ProvenClaim, receipt: TxReceipt, *, resumed: bool) -> DisputeStep:
    settlement = session.protocol.settlement
    standing = settlement.dispute_of(proven.claim_id)
    events = decode_receipt(receipt, settlement.address)
    return DisputeStep(
        **made(session, receipt),
        resumed=resumed,
        claim_id=proven.claim_id,
        patient=proven.settled.patient,
        claim=proven.settled.claim,
        status=standing.status,
        deadline=standing.deadline or None,
        held=standing.held,
        reversed=next((Reversal.of(each.claim) for each in events if isinstance(each, ClaimReversed)), None),
        receivables={each.payer_id: each.amount for each in events if isinstance(each, ReceivableRecorded)},
        deferred={each.payer_id: each.amount for each in events if isinstance(each, RefundDeferred)},
    )


def _sent(claim: Claim, send: Callable[[], TxReceipt]) -> TxReceipt:
    """Send, and say in words what stands in the way."""
    try:
        return send()
    except ContractReverted as refusal:
        told = _stands_in_the_way(refusal)
        if told is None:
            raise
        raise ChainError(
            f"claim {claim_number(claim.provider_id, claim.sequence)} is {told}",
            hint="see how it stands: chainbill claims disputes",
        ) from None


def _stands_in_the_way(refusal: ContractReverted) -> str | None:
    """What a claim is that a step cannot be taken of; None: the refusal is about something else."""
    fields = refusal.fields
    match refusal.name:
        case "WrongStatus":
            status = DisputeStatus(fields["status"]).label
            return "not disputed" if status == "none" else f"{status} already"
        case "AlreadyDisputed":
            return "disputed by the same party already"
        case "DeadlineOver":
            return f"late: the deadline was {show_time(fields['deadline'])}"
        case "DeadlineNotOver":
            return f"not over: the deadline is {show_time(fields['deadline'])}"
        case "WindowOver":
            return f"final: it could be disputed until {show_time(fields['endedAt'])}"
    return None
