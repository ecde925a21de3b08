"""Signed intents as files: a patient signs what it wants, and anyone sends it."""

from __future__ import annotations

import json
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from web3.types import TxReceipt

from chainbill.attestation.patient_intents import (
    DisputeClaim,
    EscrowIntent,
    Intent,
    Permit,
    ReceiveWithAuthorization,
    read_intent,
)
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain
from chainbill.chain.sender import Sender
from chainbill.errors import AttestationError, ContractReverted, StateError
from chainbill.settings.claims import Claims
from chainbill.settings.session import Session

_STALE = (
    "InvalidSignature",
    "InvalidPatientSignature",
    "InvalidAuthorizationSignature",
    "AuthorizationUsedOrCanceled",
)
"""What the contracts say to a signature over another nonce, or over something else."""


class SignedIntent(BaseModel):
    """What a patient wants, and its signature over it. It names no more than will stand on chain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message: dict[str, Any]
    """The EIP-712 message, as wallets show it."""
    signature: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]+$")]

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a file's content.

        Raises:
            AttestationError: it is no signed intent.
        """
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


def relay(session: Session, sender: Sender, signed: SignedIntent) -> TxReceipt:
    """Send what a patient has signed.

    Raises:
        AttestationError: nothing that anyone may send.
        StateError: it was signed for another deployment.
        ContractReverted: the contract refuses.
    """
    intent, domain = signed.read()
    if domain != domain_of(session, intent):
        raise StateError(
            "it was signed for other contracts than this chain's",
            hint="sign again on this chain, or send it to the chain it was signed for: --rpc-url",
        )
    try:
        return _send(session, sender, intent, bytes.fromhex(signed.signature[2:]))
    except ContractReverted as refusal:
        if refusal.name in _STALE:
            refusal.hint = (
                "it was sent before, voided or changed: sign again, over the patient's present nonce"
            )
        raise


def _send(session: Session, sender: Sender, intent: Intent, signature: bytes) -> TxReceipt:
    escrow = session.protocol.escrow
    match intent:
        case EscrowIntent():
            return escrow.relay(sender, intent, signature)
        case ReceiveWithAuthorization():
            return escrow.deposit_with_authorization(sender, intent, signature)
        case DisputeClaim():
            proven = Claims(session).prove(intent.claim_id)
            return session.protocol.settlement.dispute_by_sig(
                sender, proven.settled, intent, signature, root_slot=proven.root_slot, proof=proven.proof
            )
    raise AttestationError(
        f"a {type(intent).__name__} is nothing that others send", hint="sign a deposit: patient sign fund"
    )


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
