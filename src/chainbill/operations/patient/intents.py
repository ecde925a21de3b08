"""What a patient wants, ready to be signed: no gas coin is needed for it, and anyone can send it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from chainbill.attestation.patient_intents import (
    AcceptPayer,
    CancelWithdrawal,
    DisputeClaim,
    GrantConsent,
    ReceiveWithAuthorization,
    RequestWithdrawal,
    RevokeConsent,
    SetLimits,
    UseNonce,
    Withdraw,
)
from chainbill.ledger.proofs import ProvenClaim
from chainbill.operations.actor import Actor
from chainbill.operations.claims.lookup import PartyTo, find_claim
from chainbill.operations.patient.consents import wanted_consent
from chainbill.operations.patient.limits import wanted_limits
from chainbill.operations.patient.payers import wanted_payers
from chainbill.protocol_constants import DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Validity:
    """How long what is signed can be sent, and over which nonce it is signed."""

    seconds: int = DAY_SECONDS
    nonce: int | None = None
    """Such as the one after another signature's; None: the patient's next."""

    def deadline(self, patient: Actor) -> int:
        """Until when, in seconds since 1970."""
        return patient.session.now() + self.seconds

    def next_nonce(self, patient: Actor) -> int:
        """The escrow's."""
        return patient.protocol.escrow.nonce_of(patient.address) if self.nonce is None else self.nonce


ONE_DAY = Validity()


def deposit_intent(patient: Actor, amount: int, validity: Validity = ONE_DAY) -> ReceiveWithAuthorization:
    """A deposit of ``amount`` (micro-dollars) of the patient's own tokens (ERC-3009); it has no nonce of the
    escrow."""
    return ReceiveWithAuthorization(
        owner=patient.address,
        to=patient.protocol.escrow.address,
        value=amount,
        valid_after=0,
        valid_before=validity.deadline(patient),
        nonce=secrets.token_bytes(32),
    )


def withdrawal_request_intent(patient: Actor, amount: int, validity: Validity = ONE_DAY) -> RequestWithdrawal:
    """The announcement of a withdrawal of ``amount`` (micro-dollars)."""
    return RequestWithdrawal(
        patient.address, amount, validity.next_nonce(patient), validity.deadline(patient)
    )


def withdrawal_intent(patient: Actor, validity: Validity = ONE_DAY) -> Withdraw:
    """The taking of the announced withdrawal."""
    return Withdraw(patient.address, validity.next_nonce(patient), validity.deadline(patient))


def cancel_withdrawal_intent(patient: Actor, validity: Validity = ONE_DAY) -> CancelWithdrawal:
    """That the announced withdrawal is called off."""
    return CancelWithdrawal(patient.address, validity.next_nonce(patient), validity.deadline(patient))


def use_nonce_intent(patient: Actor, validity: Validity = ONE_DAY) -> UseNonce:
    """That whatever else was signed over the same nonce is void."""
    return UseNonce(patient.address, validity.next_nonce(patient), validity.deadline(patient))


def payers_intent(
    patient: Actor, payer_id: int, secondary_payer_id: int | None = None, validity: Validity = ONE_DAY
) -> AcceptPayer:
    """Whose plan prices the patient's care; arguments and errors as of ``accept_payer``."""
    wanted = wanted_payers(patient, payer_id, secondary_payer_id)
    nonce, deadline = validity.next_nonce(patient), validity.deadline(patient)
    return AcceptPayer(patient.address, wanted.primary, wanted.secondary, nonce, deadline)


def limits_intent(
    patient: Actor,
    *,
    per_event: int | None = None,
    per_day: int | None = None,
    validity: Validity = ONE_DAY,
) -> SetLimits:
    """What may be taken at most; arguments and errors as of ``set_limits``."""
    wanted = wanted_limits(patient, per_event, per_day)
    nonce, deadline = validity.next_nonce(patient), validity.deadline(patient)
    return SetLimits(patient.address, wanted.per_event, wanted.per_day, nonce, deadline)


def consent_intent(
    patient: Actor,
    provider_id: int,
    *,
    limit: int | None = None,
    until: int | None = None,
    duration: int | None = None,
    self_pay: bool | None = None,
    validity: Validity = ONE_DAY,
) -> GrantConsent:
    """That a provider may charge the wallet; arguments and errors as of ``grant_consent``."""
    wanted = wanted_consent(
        patient, provider_id, limit=limit, until=until, duration=duration, self_pay=self_pay
    )
    return GrantConsent(
        patient.address,
        provider_id,
        wanted.per_event_limit,
        wanted.expires_at,
        wanted.self_pay,
        validity.next_nonce(patient),
        validity.deadline(patient),
    )


def revocation_intent(patient: Actor, provider_id: int, validity: Validity = ONE_DAY) -> RevokeConsent:
    """That a provider may not charge the wallet any more."""
    return RevokeConsent(
        patient.address, provider_id, validity.next_nonce(patient), validity.deadline(patient)
    )


def dispute_intent(patient: Actor, claim: str | ProvenClaim, validity: Validity = ONE_DAY) -> DisputeClaim:
    """A dispute of a settled claim, over the patient's next nonce of settlement.

    Args:
        patient: whose claim.
        claim: its number (``2:7``), commitment or id; or as ``find_claim`` found it.
        validity: how long it can be sent.

    Raises:
        LedgerError: there is no such claim.
        StateError: it is somebody else's, or did not settle.
    """
    settlement = patient.protocol.settlement
    proven = find_claim(patient.session, claim, PartyTo(patient.name, patient=patient.address))
    nonce = settlement.nonce_of(patient.address) if validity.nonce is None else validity.nonce
    return DisputeClaim(proven.claim_id, nonce, validity.deadline(patient))
