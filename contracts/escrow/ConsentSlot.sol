// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What a patient allows one provider.
struct Consent {
    uint64 perEventLimit;
    uint40 expiresAt; // 0: never given
    bool selfPay;
}

/// @notice A consent and the one that takes its place at `nextAt`, in one storage word (high bits first):
///
///   perEventLimit u64 | expiresAt u40 | nextPerEventLimit u64 | nextExpiresAt u40 | nextAt u40 | flags u8
///
/// `nextAt` 0: nothing follows. Flag 1: selfPay, flag 2: the same of the next one.
library ConsentSlot {
    uint256 private constant SELF_PAY = 1;
    uint256 private constant NEXT_SELF_PAY = 2;
    uint256 private constant NEXT_AT = uint256(type(uint40).max) << 8;
    uint256 private constant NEXT_SHIFT = 104; // from the next consent's fields to the present one's

    function nextAt(uint256 slot) internal pure returns (uint40) {
        return uint40(slot >> 8);
    }

    /// @notice Does another consent take the place of the first, or has it?
    function isChanging(uint256 slot) internal pure returns (bool) {
        return slot & NEXT_AT != 0;
    }

    /// @notice The slot with the consent that is in force at `time` in its first fields.
    function at(uint256 slot, uint256 time) internal pure returns (uint256) {
        if (!isChanging(slot) || time < nextAt(slot)) return slot;
        return slot << NEXT_SHIFT | slot >> 1 & SELF_PAY;
    }

    function perEventLimit(uint256 slot) internal pure returns (uint64) {
        return uint64(slot >> 192);
    }

    function expiresAt(uint256 slot) internal pure returns (uint40) {
        return uint40(slot >> 152);
    }

    function selfPay(uint256 slot) internal pure returns (bool) {
        return slot & SELF_PAY != 0;
    }

    /// @notice The first of the two consents.
    function unpack(uint256 slot) internal pure returns (Consent memory) {
        return Consent(perEventLimit(slot), expiresAt(slot), selfPay(slot));
    }

    /// @notice `consent` alone.
    function pack(Consent memory consent) internal pure returns (uint256 slot) {
        slot = uint256(consent.perEventLimit) << 192 | uint256(consent.expiresAt) << 152;
        if (consent.selfPay) slot |= SELF_PAY;
    }

    /// @notice `consent` until `changesAt`, then `next`.
    function pack(Consent memory consent, Consent memory next, uint40 changesAt) internal pure returns (uint256 slot) {
        slot =
            pack(consent) | uint256(next.perEventLimit) << 88 | uint256(next.expiresAt) << 48 | uint256(changesAt) << 8;
        if (next.selfPay) slot |= NEXT_SELF_PAY;
    }

    /// @notice The same with neither consent ending later than `end`.
    function endingBy(uint256 slot, uint40 end) internal pure returns (uint256) {
        if (expiresAt(slot) > end) slot = slot & ~(uint256(type(uint40).max) << 152) | uint256(end) << 152;
        if (expiresAt(slot << NEXT_SHIFT) > end) slot = slot & ~(uint256(type(uint40).max) << 48) | uint256(end) << 48;
        return slot;
    }

    /// @notice When the last of it ends, seen from `time`: the one in force, or one announced that outlives it.
    function lastExpiry(uint256 slot, uint256 time) internal pure returns (uint40) {
        uint40 ends = expiresAt(at(slot, time));
        uint40 nextEnds = expiresAt(slot << NEXT_SHIFT); // 0 where nothing follows
        return nextEnds > ends ? nextEnds : ends;
    }

    /// @notice Does `consent` allow all that `other` allows?
    function covers(Consent memory consent, Consent memory other) internal pure returns (bool) {
        return consent.perEventLimit >= other.perEventLimit && consent.expiresAt >= other.expiresAt
            && (consent.selfPay || !other.selfPay);
    }
}
