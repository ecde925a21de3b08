// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What a family has met together in one benefit year, in one word: the sums of what its members have met.
///
///   bytes 0..7   deductibleMet     bytes 8..15  oopMet     byte  16     members  at most MAX_FAMILY_MEMBERS
///
/// (byte 0 is the lowest).
library FamilySlot {
    uint256 private constant ONE_MEMBER = 1 << 128;

    function withMet(uint256 slot, uint256 deductible, uint256 oop) internal pure returns (uint256) {
        return slot >> 128 << 128 | oop << 64 | deductible;
    }

    /// @notice The family with one member more; callers have checked that there may be one.
    function withOneMore(uint256 slot) internal pure returns (uint256) {
        return slot + ONE_MEMBER;
    }

    function deductibleMet(uint256 slot) internal pure returns (uint64) {
        return uint64(slot);
    }

    function oopMet(uint256 slot) internal pure returns (uint64) {
        return uint64(slot >> 64);
    }

    function members(uint256 slot) internal pure returns (uint256) {
        return slot >> 128;
    }
}
