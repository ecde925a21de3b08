"""What the patients' escrow logs."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.format.events.base import Event


@dataclass(frozen=True, slots=True)
class PatientDeposited(Event):
    """The escrow's ``Deposited``."""

    patient: str
    amount: int


@dataclass(frozen=True, slots=True)
class PatientWithdrawalRequested(Event):
    """The escrow's ``WithdrawalRequested``."""

    patient: str
    amount: int
    available_at: int


@dataclass(frozen=True, slots=True)
class PatientWithdrawalCancelled(Event):
    """The escrow's ``WithdrawalCancelled``."""

    patient: str


@dataclass(frozen=True, slots=True)
class PatientWithdrew(Event):
    """The escrow's ``Withdrawn``."""

    patient: str
    amount: int


@dataclass(frozen=True, slots=True)
class PayersAccepted(Event):
    """The patient named its payers; 0: none."""

    patient: str
    payer_id: int
    secondary_payer_id: int
    effective_at: int


@dataclass(frozen=True, slots=True)
class LimitsSet(Event):
    """The patient limited what may be taken for one event and on one day; 0: no limit."""

    patient: str
    per_event_limit: int
    per_day_limit: int
    effective_at: int


@dataclass(frozen=True, slots=True)
class ConsentGranted(Event):
    """A provider may charge the patient, outside any plan only if ``self_pay``."""

    patient: str
    provider_id: int
    per_event_limit: int
    expires_at: int
    self_pay: bool
    effective_at: int


@dataclass(frozen=True, slots=True)
class ConsentRevoked(Event):
    """A provider may charge the patient only until ``expires_at``."""

    patient: str
    provider_id: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class PatientRefunded(Event):
    """The escrow's ``Refunded``: a reversed claim gave ``amount`` back."""

    patient: str
    amount: int


@dataclass(frozen=True, slots=True)
class NonceUsed(Event):
    """The patient's nonce rose to ``nonce``: signatures over lower ones are void."""

    patient: str
    nonce: int
