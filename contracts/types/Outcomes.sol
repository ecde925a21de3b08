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
    PatientUnfunded,
    PayerUnfunded,
    PayerFailed,
    SequenceSpent // skipped
}

/// @notice How one allowed amount is shared, in the token's smallest unit.
/// planPaid + deductible + copay + coinsurance = allowed, and allowed + adjustment = billed.
struct CostSharing {
    uint64 billed;
    uint64 allowed;
    uint64 adjustment;
    uint64 deductible;
    uint64 copay;
    uint64 coinsurance;
    uint64 planPaid;
}

/// @notice A payer's benefit determination of one row.
struct Determination {
    Outcome outcome;
    Reason reason;
    CostSharing shares;
}

/// @notice What the escrow states before a payer prices: the most this patient may be charged in this
/// section, the most for one event, and why nothing may be charged (None: it may).
struct Spendable {
    uint64 balance;
    uint64 perEventLimit;
    Reason reason;
}
