"""How an event ends, and why: the words shared with ``contracts/types/Outcomes.sol``.

The numbers are those of the contract's enums; a test compares the two files. Claim adjustment
group and reason codes (CARC) are X12's external code list 139.
"""

from __future__ import annotations

from enum import IntEnum


class Outcome(IntEnum):
    """What became of one row of a batch."""

    SETTLED = 0
    """Paid, final."""
    DENIED = 1
    """Nobody pays, final: the terms in force say so."""
    PENDED = 2
    """Nothing written; the same attestation may come again."""
    SKIPPED = 3
    """The provider's sequence was spent before; nothing written."""


class Reason(IntEnum):
    """Why an event was denied, pended or skipped."""

    NONE = 0
    NOT_COVERED = 1
    UNITS_EXCEEDED = 2
    ANNUAL_UNITS_EXCEEDED = 3
    UNKNOWN_SERVICE = 4
    BENEFIT_YEAR_CLOSED = 5
    BENEFIT_YEAR_NOT_OPEN = 6
    PROVIDER_NOT_ACTIVE = 7
    UNKNOWN_PAYER = 8
    PROVIDER_NOT_ACCEPTED = 9
    NO_TERMS_IN_FORCE = 10
    PAYER_NOT_ACCEPTED = 11
    NOT_ENROLLED = 12
    NO_CONSENT = 13
    OVER_CONSENT_LIMIT = 14
    OVER_EVENT_LIMIT = 15
    OVER_DAY_LIMIT = 16
    PATIENT_UNFUNDED = 17
    PAYER_UNFUNDED = 18
    PAYER_FAILED = 19
    NO_CASH_PRICE = 20
    NOT_REVERSED = 21
    NOT_ATTESTED = 22
    SEQUENCE_SPENT = 23

    @property
    def label(self) -> str:
        """The reason as a stable lower-case word for JSON (``no_consent``)."""
        return self.name.lower()

    @property
    def explanation(self) -> str:
        """The reason in words a patient understands."""
        return _EXPLANATIONS[self]

    @property
    def outcome(self) -> Outcome:
        """The outcome the reason stands for."""
        if self is Reason.NONE:
            return Outcome.SETTLED
        if self <= Reason.BENEFIT_YEAR_CLOSED:
            return Outcome.DENIED
        return Outcome.PENDED if self < Reason.SEQUENCE_SPENT else Outcome.SKIPPED


CARC: dict[Reason, str] = {
    Reason.NOT_COVERED: "CO-96",
    Reason.UNITS_EXCEEDED: "CO-119",
    Reason.ANNUAL_UNITS_EXCEEDED: "CO-119",
    Reason.UNKNOWN_SERVICE: "CO-96",
    Reason.BENEFIT_YEAR_CLOSED: "CO-29",
}
"""Claim adjustment group and reason code of each denial."""

CARC_CONTRACTUAL = "CO-45"
CARC_DEDUCTIBLE = "PR-1"
CARC_COINSURANCE = "PR-2"
CARC_COPAY = "PR-3"
CARC_MAXIMUM_REACHED = "PR-119"
"""Above the annual plan maximum."""
CARC_SELF_PAY = "PR-96"
"""The whole of a self-pay event: no plan covers it."""

_EXPLANATIONS: dict[Reason, str] = {
    Reason.NONE: "",
    Reason.NOT_COVERED: "your plan does not cover this service",
    Reason.UNITS_EXCEEDED: "more units were billed than your plan allows at once",
    Reason.ANNUAL_UNITS_EXCEEDED: "it would be more of this service than your plan allows in a year",
    Reason.UNKNOWN_SERVICE: "your insurer's fee schedule does not list this service",
    Reason.BENEFIT_YEAR_CLOSED: "it was billed too long after the benefit year ended",
    Reason.BENEFIT_YEAR_NOT_OPEN: "the benefit year it belongs to has not begun",
    Reason.PROVIDER_NOT_ACTIVE: "the provider is not active in the registry",
    Reason.UNKNOWN_PAYER: "no insurer was named for it",
    Reason.PROVIDER_NOT_ACCEPTED: "your insurer has not accepted this provider",
    Reason.NO_TERMS_IN_FORCE: "your insurer had published no terms for it yet",
    Reason.PAYER_NOT_ACCEPTED: "you have not accepted this insurer as your payer",
    Reason.NOT_ENROLLED: "you are not enrolled with this insurer for that year",
    Reason.NO_CONSENT: "you have not consented to charges by this provider",
    Reason.OVER_CONSENT_LIMIT: "your share is over the limit of your consent",
    Reason.OVER_EVENT_LIMIT: "your share is over the limit you set for one event",
    Reason.OVER_DAY_LIMIT: "your share is over the limit you set for one day",
    Reason.PATIENT_UNFUNDED: "your wallet does not hold enough for your share",
    Reason.PAYER_UNFUNDED: "your insurer's pool does not hold enough for its share",
    Reason.PAYER_FAILED: "your insurer's contract could not pay",
    Reason.NO_CASH_PRICE: "the provider has published no cash price for it",
    Reason.NOT_REVERSED: "it corrects a charge that has not been given back",
    Reason.NOT_ATTESTED: "its provider's signature does not count, or does not any more",
    Reason.SEQUENCE_SPENT: "it was already settled or denied before",
}
