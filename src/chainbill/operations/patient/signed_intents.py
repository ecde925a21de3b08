"""Signed intents as files: a patient signs what it wants, and anyone sends it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from web3.types import TxReceipt

from chainbill.attestation.patient_intents import (
    DisputeClaim,
    EscrowIntent,
    Intent,
    Permit,
    ReceiveWithAuthorization,
    read_intent,
)
from chainbill.attestation.signing import Signer, canonical_signature, recover
from chainbill.attestation.typed_data import Domain
from chainbill.chain.node.connection import has_code
from chainbill.chain.node.sender import Sender
from chainbill.errors import AttestationError, ContractReverted, StateError
from chainbill.operations.claims.lookup import Claims
from chainbill.records.repeated_keys import refuse_repeated_keys
from chainbill.state.session import Session

_STALE = ("InvalidSignature", "InvalidPatientSignature", "InvalidAuthorizationSignature")
"""What the contracts say to a signature over another nonce, and to one that a wallet contract disowns."""

_DISOWNED = (
    "the wallet contract that the message names does not take the signature: sign again with its owners' keys"
)


_MESSAGE = TypeAdapter(dict[str, Any])


class SignedIntent(BaseModel):
    """What a patient wants, and its signature over it. It names no more than will stand on chain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message: dict[str, Any]
    """The EIP-712 message, as wallets show it."""
    signature: Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2})+$")]
    """Of a key in any form in use (``canonical_signature``); of a contract wallet any bytes."""

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a file's content.

        Raises:
            AttestationError: it is no signed intent, or says something twice.
        """
        refuse_repeated_keys(content, "the signed intent", AttestationError)
        try:
            return cls.model_validate_json(content)
        except ValidationError:
            raise AttestationError(
                "that is no signed intent", hint="make one: chainbill patient sign --help"
            ) from None

    @classmethod
    def sign(cls, session: Session, name: str, intent: Intent, domain: Domain) -> Self:
        """Sign as an account.

        Raises:
            StateError: no such account, or the passphrase is missing or wrong.
        """
        signature = Signer(session.account(name)).sign(intent.digest(domain))
        return cls(message=intent.to_eip712_message(domain), signature=f"0x{signature.hex()}")

    def read(self) -> tuple[Intent, Domain]:
        """The intent, and the domain it was signed for.

        Raises:
            AttestationError: no intent of ours, or malformed.
        """
        return read_intent(self.message)

    def to_text(self) -> str:
        """The content of a file."""
        return json.dumps(self.model_dump(), indent=2)


def domain_of(session: Session, intent: Intent) -> Domain:
    """The domain of the contract that an intent is for."""
    match intent:
        case EscrowIntent():
            return session.protocol.escrow_domain
        case DisputeClaim():
            return session.protocol.domain
    return session.protocol.token_domain


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
            "that is no message to be signed", hint="write one: chainbill patient sign, with --external"
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
    given = _as_the_contracts_take_it(session, intent, domain, signer, signature)
    return SignedIntent(message=message, signature=f"0x{given.hex()}")


def relay(session: Session, sender: Sender, signed: SignedIntent) -> TxReceipt:
    """Send what a patient has signed.

    Raises:
        AttestationError: nothing that anyone may send, or not signed by whom it is of.
        StateError: it was signed for another deployment.
        ContractReverted: the contract refuses.
    """
    intent, domain = signed.read()
    _check_domain(session, intent, domain)
    signature = bytes.fromhex(signed.signature[2:])
    match intent:
        case EscrowIntent():
            return _relay_escrow_intent(session, sender, intent, domain, signature)
        case ReceiveWithAuthorization():
            return _relay_deposit(session, sender, intent, domain, signature)
        case DisputeClaim():
            return _relay_dispute(session, sender, intent, domain, signature)
    raise _nothing_to_send(intent)


def _check_domain(session: Session, intent: Intent, domain: Domain) -> None:
    if domain != domain_of(session, intent):
        raise StateError(
            "it was signed for other contracts than this chain's",
            hint="sign again on this chain, or send it to the chain it was signed for: --rpc-url",
        )


def _nothing_to_send(intent: Intent) -> AttestationError:
    return AttestationError(
        f"a {type(intent).__name__} is nothing that others send", hint="sign a deposit: patient sign fund"
    )


def _relay_escrow_intent(
    session: Session, sender: Sender, intent: EscrowIntent, domain: Domain, signature: bytes
) -> TxReceipt:
    escrow = session.protocol.escrow
    given = _as_the_contracts_take_it(session, intent, domain, intent.patient, signature)
    with _explained(lambda: _nonce_advice(intent.nonce, escrow.nonce_of(intent.patient))):
        return escrow.relay(sender, intent, given)


def _relay_deposit(
    session: Session, sender: Sender, intent: ReceiveWithAuthorization, domain: Domain, signature: bytes
) -> TxReceipt:
    given = _as_the_contracts_take_it(session, intent, domain, intent.owner, signature)
    with _explained(lambda: _DISOWNED):
        return session.protocol.escrow.deposit_with_authorization(sender, intent, given)


def _relay_dispute(
    session: Session, sender: Sender, intent: DisputeClaim, domain: Domain, signature: bytes
) -> TxReceipt:
    settlement = session.protocol.settlement
    proven = Claims(session).prove(intent.claim_id)
    patient = proven.settled.patient
    given = _as_the_contracts_take_it(session, intent, domain, patient, signature)
    with _explained(lambda: _nonce_advice(intent.nonce, settlement.nonce_of(patient))):
        return settlement.dispute_by_sig(
            sender, proven.settled, intent, given, root_slot=proven.root_slot, proof=proven.proof
        )


def _as_the_contracts_take_it(
    session: Session, intent: Intent, domain: Domain, signer: str, signature: bytes
) -> bytes:
    """The signature in the form the contracts take, where a key gave it; a wallet contract's is its own.

    Raises:
        AttestationError: it is no key's signature, or not this signer's over this message.
    """
    if has_code(session.protocol.w3, signer):
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


def fund_with_permit(session: Session, owner: Sender, amount: int) -> TxReceipt:
    """Deposit the owner's tokens in one transaction, which carries its permit (ERC-2612).

    Raises:
        ContractReverted: the token or the escrow refuses.
    """
    protocol = session.protocol
    permit = Permit(
        owner=owner.address,
        spender=protocol.escrow.address,
        value=amount,
        nonce=protocol.token.nonce_of(owner.address),
        deadline=session.now() + _PERMIT_SECONDS,
    )
    signature = Signer(owner.account).sign(permit.digest(protocol.token_domain))
    return protocol.escrow.deposit_with_permit(owner, permit, signature)


_PERMIT_SECONDS = 3_600
"""How long a permit that is sent at once is good for."""
