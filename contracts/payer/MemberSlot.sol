// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice A member's benefit year in two words. The second is read only where the first has `hasMore`.
///
///   slot   bytes 0..5   deductibleMet   } at most MAX_YEARLY_AMOUNT     more   bytes 0..1   nextPlanId
///          bytes 6..11  oopMet          }                                      bytes 2..6   nextPlanAt  0: no change
///          bytes 12..19 planPaid
///          bytes 20..21 planId          in force until nextPlanAt; 0: never enrolled
///          bytes 22..26 coverageEndsAt  0: open-ended
///          bytes 27..30 familyId        0: none
///          byte  31     hasMore         `more` is not 0
///
/// (byte 0 is the lowest).
library MemberSlot {
    uint256 private constant MET = type(uint160).max;

    function pack(uint256 accumulators, uint256 planId_, uint256 endsAt, uint256 familyId_, uint256 more)
        internal
        pure
        returns (uint256)
    {
        uint256 hasMore_ = SafeCast.toUint(more != 0) << 248;
        return accumulators | planId_ << 160 | endsAt << 176 | familyId_ << 216 | hasMore_;
    }

    function packMore(uint256 nextPlanId_, uint256 nextPlanAt_) internal pure returns (uint256) {
        return nextPlanId_ | nextPlanAt_ << 16;
    }

    /// @notice The three accumulators, below 2^48, 2^48 and 2^64, as they stand in a slot.
    function met(uint256 deductible, uint256 oop, uint256 planPaid_) internal pure returns (uint256) {
        return deductible | oop << 48 | planPaid_ << 96;
    }

    function metOf(uint256 slot) internal pure returns (uint256) {
        return slot & MET;
    }

    function withMet(uint256 slot, uint256 accumulators) internal pure returns (uint256) {
        return slot & ~MET | accumulators;
    }

    function deductibleMet(uint256 slot) internal pure returns (uint256) {
        return uint48(slot);
    }

    function oopMet(uint256 slot) internal pure returns (uint256) {
        return uint48(slot >> 48);
    }

    function planPaid(uint256 slot) internal pure returns (uint256) {
        return uint64(slot >> 96);
    }

    function planId(uint256 slot) internal pure returns (uint16) {
        return uint16(slot >> 160);
    }

    function coverageEndsAt(uint256 slot) internal pure returns (uint40) {
        return uint40(slot >> 176);
    }

    function familyId(uint256 slot) internal pure returns (uint32) {
        return uint32(slot >> 216);
    }

    function hasMore(uint256 slot) internal pure returns (bool) {
        return slot >> 248 != 0;
    }

    function nextPlanId(uint256 more) internal pure returns (uint16) {
        return uint16(more);
    }

    function nextPlanAt(uint256 more) internal pure returns (uint40) {
        return uint40(more >> 16);
    }
}
