// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CobMode} from "./Terms.sol";

/// @notice One version of a plan as it is stored. Two slots; the second is read only with HAS_EXTRAS.
///   slot 0   bytes 0..7   deductible
///            bytes 8..15  oopMax
///            bytes 16..19 roundingUnit
///            bytes 20..24 effectiveAt
///            bytes 25..29 supersededAt  when the next version takes effect; 0: none announced
///            byte  30     hasExtras     slot 1 is not empty
///   slot 1   bytes 0..7   familyDeductible
///            bytes 8..15  familyOopMax
///            bytes 16..23 annualMaximum
///            byte  24     cobMode
struct PlanRecord {
    uint64 deductible;
    uint64 oopMax;
    uint32 roundingUnit;
    uint40 effectiveAt;
    uint40 supersededAt;
    bool hasExtras;
    uint64 familyDeductible;
    uint64 familyOopMax;
    uint64 annualMaximum;
    CobMode cobMode;
}

/// @notice A member's benefit year as it is stored, laid out in `payer/MemberSlot.sol`.
struct MemberRecord {
    uint256 slot;
    uint256 more;
}
