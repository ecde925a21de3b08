// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice One version of a plan's yearly terms. One storage slot.
///   bytes 0..7   deductible     what a member pays each benefit year before the plan shares
///   bytes 8..15  oopMax         the most a member pays each benefit year for covered services
///   bytes 16..19 roundingUnit   coinsurance is rounded to whole multiples of this, 1 <= unit < 2^32
///   bytes 20..24 effectiveAt    seconds since 1970 from which this version is in force
struct PlanTerms {
    uint64 deductible;
    uint64 oopMax;
    uint32 roundingUnit;
    uint40 effectiveAt;
}

/// @notice How a plan version shares the cost of one category. One storage slot.
struct CategoryTerms {
    bool covered;
    bool deductibleApplies;
    bool copayFirst; // the copay is taken before the deductible instead of after it
    bool coinsuranceAfterCopay; // coinsurance is owed even where a copay is set
    uint16 coinsuranceBps; // the member's share, at most 10000
    uint64 copay;
}

/// @notice One version of the fee for one service id. One storage slot.
///   amount       the most the plan allows for one unit
///   category     which CategoryTerms apply, never 0
///   maxUnits     at least 1, and amount * maxUnits < 2^64
///   effectiveAt  seconds since 1970 from which this version is in force
///   version      1 for the first; a superseded version stays readable under its number
struct Fee {
    uint64 amount;
    uint8 category;
    uint16 maxUnits;
    uint40 effectiveAt;
    uint16 version;
}

/// @notice A member's standing in one benefit year. One storage slot.
///   deductibleMet, oopMet  opening entries plus live claims of the year
///   planId                 0: never enrolled in this year
///   coverageEndsAt         0: open-ended; coverage ends at this second
struct MemberYear {
    uint64 deductibleMet;
    uint64 oopMet;
    uint16 planId;
    uint40 coverageEndsAt;
}
