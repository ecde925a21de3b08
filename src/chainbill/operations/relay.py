"""Sending what patients have signed, and paying the chain's gas for it; anyone may."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from web3.types import LogReceipt, TxReceipt

from chainbill.attestation.patient_intents import (
    DisputeClaim,
    EscrowIntent,
    Intent,
    ReceiveWithAuthorization,
    read_intent,
)
from chainbill.attestation.signing import canonical_signature, recover
from chainbill.attestation.typed_data import Domain
from chainbill.chain.format.events import DisputeParty, NonceUsed
from chainbill.chain.format.logs import decode_log
from chainbill.chain.node.connection import calldata_of, find_receipt, has_code
from chainbill.chain.node.outbox import Errand
from chainbill.chain.node.sender import Sender
from chainbill.chain.protocol import Protocol
from chainbill.errors import AttestationError, ContractReverted, StateError
from chainbill.ledger.proofs import ProvenClaim
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change, transaction_of
from chainbill.operations.claims.lookup import Claims
from chainbill.operations.claims.steps_taken import disputed
from chainbill.operations.effect import effective_at
from chainbill.operations.patient.signed_intents import SignedIntent, domain_of
from chainbill.operations.repeats import unless_so
from chainbill.records.repeated_keys import refuse_repeated_keys
from chainbill.state.session import Session

_STALE = ("InvalidSignature", "InvalidPatientSignature", "InvalidAuthorizationSignature")
"""What the contracts say to a signature over another nonce, and to one that a wallet contract disowns."""

_MESSAGE = TypeAdapter(dict[str, Any])

_DISOWNED = (
    "the wallet contract that the message names does not take the signature: sign again with its owners' keys"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relayed(Change):
    """What a patient had signed is done."""

    intent: Intent
    gas_used: int
    """By the transaction that did it."""


def submit(relay: Actor, signed: SignedIntent) -> Relayed:
    """Send what a patient has signed, once; it holds for the patient, whoever sends it. Where somebody has
    sent it already, or the patient has disputed the claim itself, that is told.

    Args:
        relay: pays for it.
        signed: what is wanted, signed.

    Raises:
        AttestationError: nothing that anyone may send, or not signed by whom it is of.
        StateError: it was signed for another deployment.
        ContractReverted: the contract refuses.
    """
    session, (intent, domain) = relay.session, signed.read()
    _check_domain(session, intent, domain)
    order = _order(session, intent, domain, bytes.fromhex(signed.signature[2:]))
    sender = relay.sender()

    def told(receipt: TxReceipt, *, changed: bool = True, resumed: bool = False) -> Relayed:
        return Relayed(
            changed=changed,
            effective_at=effective_at(session, receipt),
            transaction=transaction_of(receipt),
            block=receipt["blockNumber"],
            resumed=resumed,
            intent=intent,
            gas_used=receipt["gasUsed"],
        )

    def stands() -> Relayed | None:
        log = order.done_by()
        receipt = None if log is None else find_receipt(session.protocol.w3, log["transactionHash"])
        return None if receipt is None else told(receipt, changed=False)

    with sender.errand(Errand(f"relay {signed.signature}")) as earlier, _explained(order.advice):
        if earlier is not None:
            return told(earlier, resumed=True)
        return unless_so(stands, lambda: told(order.send(sender)))


def externally_signed(session: Session, content: bytes, signature: bytes) -> SignedIntent:
    """What was signed elsewhere, such as in a hardware wallet, as a file that anyone can send; ``content`` is
    the message, as JSON.

    Raises:
        AttestationError: the message is no intent of ours, or not signed by whom it is of.
        LedgerError: it disputes a claim that there is not.
        StateError: it is for another deployment.
    """
    refuse_repeated_keys(content, "the message", AttestationError)
    try:
        message = _MESSAGE.validate_json(content)
    except ValidationError:
        raise AttestationError(
            "that is no message to be signed", hint="write one: chainbill patient sign … --external"
        ) from None
    intent, domain = read_intent(message)
    _check_domain(session, intent, domain)
    match intent:
        case EscrowIntent():
            signer = intent.patient
        case ReceiveWithAuthorization():
            signer = intent.owner
        case DisputeClaim():
            signer = Claims(session).prove(intent.claim_id).settled.patient
        case _:
            raise _nothing_to_send(intent)
    given = _as_the_contracts_take_it(session.protocol, intent, domain, signer, signature)
    return SignedIntent(message=message, signature=f"0x{given.hex()}")


def disputed_claim(session: Session, signed: SignedIntent) -> ProvenClaim:
    """The claim that a signed dispute is about.

    Raises:
        AttestationError: it is something else that was signed.
        StateError: it was signed for another deployment.
        ChainError: the node does not answer.
        LedgerError: there is no such claim.
    """
    intent, domain = signed.read()
    if not isinstance(intent, DisputeClaim):
        raise AttestationError(f"a {type(intent).__name__} disputes nothing")
    if domain != session.protocol.domain:
        raise StateError("it was signed for other contracts than this chain's")
    return Claims(session).prove(intent.claim_id)


@dataclass(frozen=True, slots=True)
class _Order:
    """How an intent is sent, and how one finds out that it was."""

    send: Callable[[Sender], TxReceipt]
    done_by: Callable[[], LogReceipt | None]
    """The log by which it was done already; None: it was not."""
    advice: Callable[[], str]
    """What to do where the signature is not taken."""


def _order(session: Session, intent: Intent, domain: Domain, signature: bytes) -> _Order:
    match intent:
        case EscrowIntent():
            return _escrow_order(session.protocol, intent, domain, signature)
        case ReceiveWithAuthorization():
            return _deposit_order(session.protocol, intent, domain, signature)
        case DisputeClaim():
            proven = Claims(session).prove(intent.claim_id)
            return _dispute_order(session.protocol, intent, domain, signature, proven)
    raise _nothing_to_send(intent)


def _check_domain(session: Session, intent: Intent, domain: Domain) -> None:
    if domain != domain_of(session.protocol, intent):
        raise StateError(
            "it was signed for other contracts than this chain's",
            hint="sign again on this chain, or send it to the chain it was signed for: `rpc_url=`",
        )


def _nothing_to_send(intent: Intent) -> AttestationError:
    return AttestationError(
        f"a {type(intent).__name__} is nothing that others send", hint="sign a deposit: patient sign fund"
    )


def _escrow_order(protocol: Protocol, intent: EscrowIntent, domain: Domain, signature: bytes) -> _Order:
    escrow = protocol.escrow
    given = _as_the_contracts_take_it(protocol, intent, domain, intent.patient, signature)

    def done_by() -> LogReceipt | None:
        if escrow.nonce_of(intent.patient) <= intent.nonce:
            return None
        block = protocol.deployment.block
        logs = escrow.raw_logs("NonceUsed", from_block=block, patient=intent.patient)
        told = NonceUsed(intent.patient, intent.nonce + 1)  # Which nonce is next.
        spent = [log for log in logs if decode_log(log, escrow.artifact) == told]
        return _by_call(protocol, spent, escrow.calldata(intent.twin, *intent.arguments(), given))

    return _Order(
        lambda sender: escrow.relay(sender, intent, given),
        done_by,
        lambda: _nonce_advice(intent.nonce, escrow.nonce_of(intent.patient)),
    )


def _deposit_order(
    protocol: Protocol, intent: ReceiveWithAuthorization, domain: Domain, signature: bytes
) -> _Order:
    token = protocol.token
    given = _as_the_contracts_take_it(protocol, intent, domain, intent.owner, signature)

    def done_by() -> LogReceipt | None:
        if not token.is_authorization_used(intent.owner, intent.nonce):
            return None
        block = protocol.deployment.block
        spent = token.raw_logs(
            "AuthorizationUsed", from_block=block, authorizer=intent.owner, nonce=intent.nonce
        )
        return _by_call(protocol, spent, protocol.escrow.authorized_deposit(intent, given))

    return _Order(
        lambda sender: protocol.escrow.deposit_with_authorization(sender, intent, given),
        done_by,
        lambda: _DISOWNED,
    )


def _by_call(protocol: Protocol, spent: Sequence[LogReceipt], call: bytes) -> LogReceipt | None:
    """The log of what spent a nonce, where it was this very call: another message over it may have been
    faster."""
    made = (log for log in spent if call in calldata_of(protocol.w3, log["transactionHash"]))
    return next(made, None)


def _dispute_order(
    protocol: Protocol, intent: DisputeClaim, domain: Domain, signature: bytes, proven: ProvenClaim
) -> _Order:
    settlement, patient = protocol.settlement, proven.settled.patient
    given = _as_the_contracts_take_it(protocol, intent, domain, patient, signature)
    return _Order(
        lambda sender: settlement.dispute_by_sig(
            sender, proven.settled, intent, given, root_slot=proven.root_slot, proof=proven.proof
        ),
        lambda: disputed(protocol, proven, DisputeParty.PATIENT),
        lambda: _nonce_advice(intent.nonce, settlement.nonce_of(patient)),
    )


def _as_the_contracts_take_it(
    protocol: Protocol, intent: Intent, domain: Domain, signer: str, signature: bytes
) -> bytes:
    """The signature in the form the contracts take, where a key gave it; a wallet contract's is its own.

    Raises:
        AttestationError: it is no key's signature, or not this signer's over this message.
    """
    if has_code(protocol.w3, signer):
        return signature
    canonical = canonical_signature(signature)
    if recover(intent.digest(domain), canonical) != signer:
        raise AttestationError(
            f"the signature is not that of {signer} over this message",
            hint="the message was changed after it was signed, or another account signed it: sign again",
        )
    return canonical


@contextmanager
def _explained(advice: Callable[[], str]) -> Iterator[None]:
    """Say why the contract does not take a signature that was the signer's when it was given."""
    try:
        yield
    except ContractReverted as refusal:
        if refusal.name in _STALE:
            refusal.hint = advice()
        elif refusal.name == "AuthorizationUsedOrCanceled":
            refusal.hint = "it was sent before, or cancelled: sign a new one"
        raise


def _nonce_advice(signed: int, present: int) -> str:
    if signed < present:
        return (
            f"it was sent before or voided: it is signed over nonce {signed}, and the next is {present}; "
            "sign again, over the patient's present nonce"
        )
    if signed > present:
        return (
            f"it is signed over nonce {signed}, and the next is {present}: send first what is signed over it"
        )
    return _DISOWNED
