// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// The most that a plan's deductible and out-of-pocket maximum may be, and that opening entries may bring a member's
// accumulators to: 2^48 - 1, some 281 million dollars. It keeps what a member has met far below 2^64, and with
// MAX_FAMILY_MEMBERS what a family has.
uint64 constant MAX_YEARLY_AMOUNT = 2 ** 48 - 1;

// The most members that share a family's amounts in one benefit year.
uint8 constant MAX_FAMILY_MEMBERS = 255;

/// @notice How a secondary payer coordinates its benefit with what the primary has paid.
enum CobMode {
    Standard, // pays its own benefit, at most what is left to the patient
    CarveOut // pays what its own benefit exceeds the primary's payment by, at most what is left to the patient
}

/// @notice One version of a plan's yearly terms; amounts in the token's smallest unit.
///   deductible         what a member pays each benefit year before the plan shares; at most MAX_YEARLY_AMOUNT
///   oopMax             the most a member pays each benefit year for covered services; at most MAX_YEARLY_AMOUNT
///   familyDeductible   the same for a whole family together; 0: none
///   familyOopMax       the same for a whole family together; 0: none
///   annualMaximum      the most the plan pays for a member each benefit year; 0: none
///   roundingUnit       coinsurance is rounded to whole multiples of this, 1 <= unit < 2^32
///   cobMode            how the plan pays as secondary
///   effectiveAt        seconds since 1970 from which this version is in force
struct PlanTerms {
    uint64 deductible;
    uint64 oopMax;
    uint64 familyDeductible;
    uint64 familyOopMax;
    uint64 annualMaximum;
    uint32 roundingUnit;
    CobMode cobMode;
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
///   annualUnits  the most units of this service a member may have settled in a benefit year; 0: no limit
///   effectiveAt  seconds since 1970 from which this version is in force
///   version      1 for the first; a superseded version stays readable under its number
struct Fee {
    uint64 amount;
    uint8 category;
    uint16 maxUnits;
    uint16 annualUnits;
    uint40 effectiveAt;
    uint16 version;
}

/// @notice Yearly amounts met so far: opening entries plus live claims.
struct Accumulators {
    uint64 deductibleMet;
    uint64 oopMet;
    uint64 planPaid;
}

/// @notice A member's standing in one benefit year.
///   met             accumulators of the member alone
///   planId          the plan in force; 0: never enrolled in this year
///   nextPlanId      the plan announced, in force from nextPlanAt on; 0: none
///   coverageEndsAt  0: open-ended; coverage ends at this second
///   familyId        0: none
struct MemberYear {
    Accumulators met;
    uint16 planId;
    uint16 nextPlanId;
    uint40 nextPlanAt;
    uint40 coverageEndsAt;
    uint32 familyId;
}
