// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What became of one row of a batch. The numbers are shared with `billing/outcomes.py`.
enum Outcome {
    Settled, // paid, final
    Denied, // nobody pays, final: the terms in force say so
    Pended, // nothing written; the same attestation may come again
    Skipped // the provider's sequence was spent before; nothing written
}

/// @notice Why a row was denied, pended or skipped. X12 claim adjustment codes in brackets.
enum Reason {
    None,
    NotCovered, // denied [CO-96]
    UnitsExceeded, // denied [CO-119]
    AnnualUnitsExceeded, // denied [CO-119]
    UnknownService, // denied [CO-96]
    BenefitYearClosed, // denied [CO-29]
    BenefitYearNotOpen, // pended from here on
    ProviderNotActive,
    UnknownPayer,
    ProviderNotAccepted,
    NoTermsInForce,
    PayerNotAccepted,
    NotEnrolled,
    NoConsent,
    OverConsentLimit,
    OverEventLimit,
    OverDayLimit,
    PatientUnfunded,
    PayerUnfunded,
    PayerFailed,
    NoCashPrice,
    NotReversed,
    NotAttested,
    SequenceSpent // skipped
}

/// @notice The outcome a reason stands for.
function outcomeOf(Reason reason) pure returns (Outcome) {
    if (reason == Reason.None) return Outcome.Settled;
    if (reason <= Reason.BenefitYearClosed) return Outcome.Denied;
    if (reason < Reason.SequenceSpent) return Outcome.Pended;
    return Outcome.Skipped;
}

/// @notice Why no event of a benefit year may be billed in `currentYear`, if none may: that year and the one before are
/// open.
function yearReason(uint256 benefitYear, uint256 currentYear) pure returns (Reason) {
    // In 256 bits: a row of the year 65535 must pend, not overflow and take the batch back.
    if (benefitYear + 1 < currentYear) return Reason.BenefitYearClosed;
    return benefitYear > currentYear ? Reason.BenefitYearNotOpen : Reason.None;
}

/// @notice How one allowed amount is shared, in the token's smallest unit.
/// deductible + copay + coinsurance + outsidePlan + planPaid = allowed <= billed, as the primary prices them;
/// a secondary payer takes over `secondaryPaid` of the first four, and the patient pays the rest:
/// allowed - planPaid - secondaryPaid. What the provider writes off (CO-45) is billed - allowed.
struct CostSharing {
    uint64 billed;
    uint64 allowed;
    uint64 deductible; // PR-1
    uint64 copay; // PR-3
    uint64 coinsurance; // PR-2
    uint64 outsidePlan; // above the annual plan maximum (PR-119), or the whole of a self-pay event
    uint64 planPaid;
    uint64 secondaryPaid;
}
