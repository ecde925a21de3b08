"""The steps of a dispute: opened, conceded, answered, ruled on, ended; and a claim given back without one.

Each is done once: what a run that was cut off had sent is found, told as ``resumed``, and not sent again;
what stands already, whoever did it, is told with since when and by which transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from web3.types import LogReceipt, TxReceipt

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
from chainbill.chain.protocol import Protocol
from chainbill.errors import ChainError, ContractReverted
from chainbill.ledger.credit import day_of, has_matured
from chainbill.ledger.proofs import ProvenClaim
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.claims import steps_taken
from chainbill.operations.claims.facts import Reversal
from chainbill.operations.claims.lookup import PartyTo, find_claim, payer_party
from chainbill.operations.claims.rulings import RulingWanted, ruling_on
from chainbill.operations.effect import made, stood
from chainbill.operations.governor.calls import acting, await_call
from chainbill.operations.repeats import unless_so
from chainbill.operations.times import show_time
from chainbill.state.answers import Answer
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeStep(Change):
    """How a claim stands after a step, and what money the step has moved. Amounts in micro-dollars.

    Of a step that was taken before, ``effective_at`` and ``transaction`` are that one's, and the claim is
    told as it stands by now."""

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
    """By payer id: what the provider still owes of that. Empty of a step that was taken before: what it owes
    by now, no log of that step tells."""
    deferred: Mapping[int, int]
    """By payer id: what could not be sent to it yet; empty likewise."""
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
    """Dispute a settled claim as its patient, within seven days of its settlement. Disputed by the patient
    already, it is told as it stands.

    Args:
        claim: its number (``2:7``), commitment or id; or as ``find_claim`` found it.

    Raises:
        LedgerError: there is no such claim.
        StateError: it is somebody else's, did not settle, or the key is not at hand.
        ChainError: it is final, or reversed.
    """
    proven = find_claim(patient.session, claim, PartyTo(patient.name, patient=patient.address))
    return _dispute(patient, proven, DisputeParty.PATIENT)


def dispute_as_insurer(insurer: Actor, payer_id: int, claim: str | ProvenClaim) -> DisputeStep:
    """Dispute a settled claim as the insurer of its first or second payer; else as ``dispute_as_patient``."""
    proven = find_claim(insurer.session, claim, PartyTo(insurer.name, payer_id=payer_id))
    return _dispute(insurer, proven, payer_party(proven.settled.claim, payer_id))


def concede(payout: Actor, provider_id: int, claim: str | ProvenClaim) -> DisputeStep:
    """Give a disputed claim back in full: patient and insurers are refunded at once. One of which nothing is
    left already, however it came to that, is told as it stands.

    Args:
        payout: the account of the provider's payout address.
        claim: as for ``dispute_as_patient``.

    Raises:
        LedgerError, StateError: as for ``dispute_as_patient``.
        ChainError: it is not disputed, or was reversed in part.
    """
    proven, settlement = _of_provider(payout, provider_id, claim), payout.protocol.settlement
    return _step(
        payout,
        proven,
        "concede",
        lambda sender: settlement.concede(sender, proven.settled),
        lambda: steps_taken.reversed_in_full(payout.protocol, proven),
    )


def answer(payout: Actor, provider_id: int, claim: str | ProvenClaim, statement: str) -> DisputeStep:
    """Answer a dispute within three days; the arbiter then rules within fourteen. Answered in the same words
    already, it is told as it stands.

    On chain goes a salted hash of the statement; the statement is kept in a file of the state directory.
    Otherwise as ``concede``.

    Raises:
        ChainError: it is not disputed, late, or answered already, in other words or in words of which there
            is no file here.
    """
    proven, protocol = _of_provider(payout, provider_id, claim), payout.protocol
    state, claim_id = payout.session.state, proven.claim_id
    said = Answer.find(state, claim_id, statement)
    if said is None:
        # Before it is written down: the file of an answer that nobody waits for would only mislead.
        _check_awaited(protocol, proven)
        said = Answer.write(state, claim_id, statement)
    kept = said
    step = _step(
        payout,
        proven,
        f"answer {kept.statement_hash.hex()} to",
        lambda sender: protocol.settlement.answer(sender, proven.settled, kept.statement_hash),
        lambda: steps_taken.answered(protocol, proven, kept.statement_hash),
    )
    return replace(step, statement_file=kept.file(state))


def void(payout: Actor, provider_id: int, claim: str | ProvenClaim) -> DisputeStep:
    """Give a claim back in full that nobody disputes, such as one billed by mistake; else as ``concede``.

    Once its credit has matured, anybody may have had it paid out: settlement is then allowed to take what is
    missing of the patient's part from the account's own dollars.

    Raises:
        ChainError: it is disputed, was reversed in part, or is final; or the patient's part is not there in
            full.
    """
    proven, settlement = _of_provider(payout, provider_id, claim), payout.protocol.settlement

    def give_back(sender: Sender) -> TxReceipt:
        if has_matured(day_of(proven.settled.settled_at), payout.protocol.now()):
            _allow(payout, sender, proven.settled.claim.patient_responsibility)
        return settlement.void(sender, proven.settled, root_slot=proven.root_slot, proof=proven.proof)

    return _step(
        payout, proven, "void", give_back, lambda: steps_taken.reversed_in_full(payout.protocol, proven)
    )


def _allow(payout: Actor, sender: Sender, amount: int) -> None:
    """Let settlement take so much (micro-dollars) from the account, where it may not already."""
    token, settlement = payout.protocol.token, payout.protocol.settlement
    if token.allowance(sender.address, settlement.address) < amount:
        token.approve(sender, settlement.address, amount)


def resolve(arbiter: Actor, claim: str | ProvenClaim, ruling: RulingWanted) -> DisputeStep:
    """Rule on an answered dispute: reverse the claim in full, in part, or let it stand. Where just that has
    come of it already, it is told as it stands.

    Raises:
        LedgerError: there is no such claim.
        StateError: it did not settle, or the key is not at hand.
        CallDelayed: the call is announced, and must wait.
        ChainError: the account is no arbiter, the dispute is not answered or ended otherwise, or a component
            would grow.
    """
    proven, protocol = find_claim(arbiter.session, claim), arbiter.protocol
    governance, settlement = protocol.governance, protocol.settlement
    ruled = ruling_on(proven.settled, ruling)
    call = ("resolve", proven.settled.abi_tuple(), ruled.abi_tuple())

    def rule(sender: Sender) -> TxReceipt:
        # Announced by a sender of its own: what announces the ruling must not be taken for it.
        await_call(arbiter.session, arbiter.sender(), settlement, *call)
        return governance.execute(sender, settlement, *call)

    with acting(arbiter):
        return _step(
            arbiter,
            proven,
            f"rule {ruled.abi_tuple()} on",
            rule,
            lambda: steps_taken.ruled(protocol, proven, ruled),
            through=governance.address,
        )


def close(anyone: Actor, claim: str | ProvenClaim) -> DisputeStep:
    """End a dispute whose deadline has passed. Where the provider was silent the claim is reversed; where the
    arbiter was, it stands. A dispute that has ended, however, is told as it stands.

    Raises:
        LedgerError: there is no such claim.
        StateError: it did not settle, or the key is not at hand.
        ChainError: it was never disputed, or its deadline is not over.
    """
    proven, protocol = find_claim(anyone.session, claim), anyone.protocol
    return _step(
        anyone,
        proven,
        "close",
        lambda sender: protocol.settlement.close(sender, proven.settled),
        lambda: steps_taken.ended(protocol, proven),
    )


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
        lambda: steps_taken.disputed(actor.protocol, proven, party),
    )


def _of_provider(payout: Actor, provider_id: int, claim: str | ProvenClaim) -> ProvenClaim:
    called = payout.session.book.provider(provider_id)
    name = called[0] if called else f"provider {provider_id}"
    return find_claim(payout.session, claim, PartyTo(name, provider_id=provider_id))


def _check_awaited(protocol: Protocol, proven: ProvenClaim) -> None:
    """Refuse an answer, in words of which there is no file here, to what is not disputed or has one."""
    status = protocol.settlement.dispute_of(proven.claim_id).status
    if status is DisputeStatus.ANSWERED:
        raise ChainError(
            f"claim {_number(proven)} is answered already, and no answer in these words is kept here",
            hint="an answer cannot be changed; see how it stands: chainbill claims disputes",
        )
    if status is not DisputeStatus.OPEN:
        raise _not_to_be_taken(proven, _in_word(status))


def _step(
    actor: Actor,
    proven: ProvenClaim,
    verb: str,
    send: Callable[[Sender], TxReceipt],
    taken: Callable[[], LogReceipt | None],
    *,
    through: str = "",
) -> DisputeStep:
    """Send a step, unless an earlier run has, or it was taken before.

    Args:
        verb: what is done, in words that tell it apart from the other steps of this claim.
        taken: the log by which it was taken before; None: it was not.
        through: the contract that the transaction goes to, where it is not the settlement.
    """
    session, sender = actor.session, actor.sender()
    errand = Errand(f"{verb} {proven.claim_id.hex()}", through or actor.protocol.settlement.address)

    def stands() -> DisputeStep | None:
        log = taken()
        return None if log is None else _standing(session, proven, log)

    with sender.errand(errand) as earlier, _in_words(proven):
        if earlier is not None:
            return _result(session, proven, earlier, resumed=True)
        return unless_so(stands, lambda: _result(session, proven, send(sender), resumed=False))


def _standing(session: Session, proven: ProvenClaim, log: LogReceipt) -> DisputeStep:
    """How a claim stands of which a step was taken before, by this log."""
    protocol = session.protocol
    standing = protocol.settlement.dispute_of(proven.claim_id)
    reversal = steps_taken.reversal(protocol, proven, standing.status)
    return DisputeStep(
        **stood(session, log),
        claim_id=proven.claim_id,
        patient=proven.settled.patient,
        claim=proven.settled.claim,
        status=standing.status,
        deadline=standing.deadline or None,
        held=standing.held,
        reversed=None if reversal is None else Reversal.of(reversal.claim),
        receivables={},
        deferred={},
    )


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


@contextmanager
def _in_words(proven: ProvenClaim) -> Iterator[None]:
    """Say in words what stands in the way of a step."""
    try:
        yield
    except ContractReverted as refusal:
        told = _stands_in_the_way(refusal)
        if told is None:
            raise
        raise _not_to_be_taken(proven, told) from None


def _not_to_be_taken(proven: ProvenClaim, told: str) -> ChainError:
    hint = "see how it stands: chainbill claims disputes"
    return ChainError(f"claim {_number(proven)} is {told}", hint=hint)


def _number(proven: ProvenClaim) -> str:
    claim = proven.settled.claim
    return claim_number(claim.provider_id, claim.sequence)


def _stands_in_the_way(refusal: ContractReverted) -> str | None:
    """What a claim is that a step cannot be taken of; None: the refusal is about something else."""
    fields = refusal.fields
    match refusal.name:
        case "WrongStatus":
            return _in_word(DisputeStatus(fields["status"]))
        case "DeadlineOver":
            return f"late: the deadline was {show_time(fields['deadline'])}"
        case "DeadlineNotOver":
            return f"not over: the deadline is {show_time(fields['deadline'])}"
        case "WindowOver":
            return f"final: it could be disputed until {show_time(fields['endedAt'])}"
    return None


def _in_word(status: DisputeStatus) -> str:
    return "not disputed" if status is DisputeStatus.NONE else f"{status.label} already"
