// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice A member's benefit year in two words. The second is read only where the first has `hasMore`.
///
///   slot   bytes 0..7   deductibleMet     more   bytes 0..1   nextPlanId
///          bytes 8..15  oopMet                   bytes 2..6   nextPlanAt      0: no change of plan
///          bytes 16..23 planPaid                 bytes 7..10  familyId        0: none
///          bytes 24..25 planId          in force until nextPlanAt; 0: never enrolled
///          bytes 26..30 coverageEndsAt  0: open-ended
///          byte  31     hasMore         `more` is not 0
///
/// (byte 0 is the lowest).
library MemberSlot {
    uint256 private constant HAS_MORE = 1 << 248;
    uint256 private constant MET = type(uint192).max;

    function pack(uint256 accumulators, uint256 planId_, uint256 endsAt, uint256 more) internal pure returns (uint256) {
        return accumulators | planId_ << 192 | endsAt << 208 | (more == 0 ? 0 : HAS_MORE);
    }

    function packMore(uint256 nextPlanId_, uint256 nextPlanAt_, uint256 familyId_) internal pure returns (uint256) {
        return nextPlanId_ | nextPlanAt_ << 16 | familyId_ << 56;
    }

    /// @notice The three accumulators, each below 2^64, as they stand in a slot.
    function met(uint256 deductible, uint256 oop, uint256 planPaid_) internal pure returns (uint256) {
        return deductible | oop << 64 | planPaid_ << 128;
    }

    function metOf(uint256 slot) internal pure returns (uint256) {
        return slot & MET;
    }

    function withMet(uint256 slot, uint256 accumulators) internal pure returns (uint256) {
        return slot & ~MET | accumulators;
    }

    function deductibleMet(uint256 slot) internal pure returns (uint256) {
        return uint64(slot);
    }

    function oopMet(uint256 slot) internal pure returns (uint256) {
        return uint64(slot >> 64);
    }

    function planPaid(uint256 slot) internal pure returns (uint256) {
        return uint64(slot >> 128);
    }

    function planId(uint256 slot) internal pure returns (uint16) {
        return uint16(slot >> 192);
    }

    function coverageEndsAt(uint256 slot) internal pure returns (uint40) {
        return uint40(slot >> 208);
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

    function familyId(uint256 more) internal pure returns (uint32) {
        return uint32(more >> 56);
    }
}
