// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MAX_BATCH_LIFE} from "../types/Timelocks.sol";

/// @notice A patient in two storage words (high bits first). Settling reads and writes the first alone;
/// the second is read only where a flag says that it matters.
///
///   slot                                next
///     balance          u64                payerId          u24
///     payerId          u24                secondaryPayerId u24
///     secondaryPayerId u24 *              payersChangeAt   u40
///     perEventLimit    u32 in cents       perEventLimit    u32 in cents
///     perDayLimit      u32 in cents       perDayLimit      u32 in cents
///     spentToday       u48                limitsChangeAt   u40
///     day              u16 since 1970     nonce            u64
///     flags            u16
///
/// Flag 1: from `payersChangeAt` on the payers in `next` hold, those in `slot` before. Flag 2: the same for the
/// limits and `limitsChangeAt`. Without its flag a field of `next` means nothing. A payer or limit of 0 is none.
/// `spentToday` belongs to `day` and is kept only where a per-day limit is set or announced.
///
/// * Flag 4: there is no secondary payer, and the field is the id of a provider whose consent is remembered: it
/// holds until the time in the upper 13 bits of the flags (in units of 2^20 seconds, 12 days) at least, it allows
/// more for one event than `perEventLimit`, which is set, and nothing follows it. So the consent itself, in
/// another slot, need not be read. What changes the consent, the payers or the limits forgets it.
/// The two payers are handled as one number of 48 bits, primary above secondary; so are the two limits, of
/// 64 bits, per event above per day.
library PatientSlot {
    uint256 internal constant PAYERS_CHANGE = 1;
    uint256 internal constant LIMITS_CHANGE = 2;

    uint256 internal constant CONSENT = 4;
    uint256 private constant UNTIL_SHIFT = 3;
    uint256 private constant UNTIL_UNIT_BITS = 20;
    uint256 private constant UNTIL_MOST = type(uint16).max >> UNTIL_SHIFT;
    uint256 private constant SECONDARY = uint256(type(uint24).max) << 144;

    /// The unit in which limits are kept: one cent of a token with six decimals.
    uint64 internal constant CENT = 10_000;
    uint64 internal constant MAX_LIMIT = CENT * type(uint32).max;

    /// Payers that no patient can name.
    uint256 internal constant NOBODYS_PAYERS = type(uint256).max;

    // ---- slot -------------------------------------------------------------------------------------

    function balance(uint256 slot) internal pure returns (uint64) {
        return uint64(slot >> 192);
    }

    /// @notice The slot after a debit of at most the balance.
    function minus(uint256 slot, uint256 amount) internal pure returns (uint256) {
        unchecked {
            return slot - (amount << 192); // the balance is on top: nothing is borrowed from below
        }
    }

    function withBalance(uint256 slot, uint64 amount) internal pure returns (uint256) {
        return slot & ~(uint256(type(uint64).max) << 192) | uint256(amount) << 192;
    }

    function payers(uint256 slot) internal pure returns (uint256) {
        if (slot & CONSENT != 0) slot &= ~SECONDARY;
        return uint48(slot >> 144);
    }

    function withPayers(uint256 slot, uint256 both) internal pure returns (uint256) {
        return forgetful(slot) & ~(uint256(type(uint48).max) << 144) | both << 144;
    }

    function limits(uint256 slot) internal pure returns (uint256) {
        return uint64(slot >> 80);
    }

    function withLimits(uint256 slot, uint256 both) internal pure returns (uint256) {
        return forgetful(slot) & ~(uint256(type(uint64).max) << 80) | both << 80;
    }

    /// @notice What was spent on `today`.
    function spentOn(uint256 slot, uint256 today) internal pure returns (uint256) {
        return uint16(slot >> 16) == uint16(today) ? uint48(slot >> 32) : 0;
    }

    /// @notice Count `amount` as spent on `today`; stays at the most that 48 bits hold.
    function withSpent(uint256 slot, uint256 amount, uint256 today) internal pure returns (uint256) {
        uint256 spent = spentOn(slot, today) + amount;
        if (spent > type(uint48).max) spent = type(uint48).max;
        return slot & ~(uint256(type(uint64).max) << 16) | spent << 32 | uint256(uint16(today)) << 16;
    }

    /// @notice Does a debit change the balance alone?
    function isPlain(uint256 slot) internal pure returns (bool) {
        return slot & (PAYERS_CHANGE | LIMITS_CHANGE | uint256(type(uint32).max) << 80) == 0;
    }

    /// @notice Does a field of `next` mean anything?
    function hasNext(uint256 slot) internal pure returns (bool) {
        return slot & (PAYERS_CHANGE | LIMITS_CHANGE) != 0;
    }

    // ---- a remembered consent -----------------------------------------------------------------------

    /// @notice Is the consent for this provider remembered?
    function remembers(uint256 slot, uint256 providerId) internal pure returns (bool) {
        return slot & CONSENT != 0 && uint24(slot >> 144) == providerId;
    }

    /// @notice The payers' fields of a slot that names these payers and remembers the consent of this provider; 0: no slot
    /// does both.
    function remembering(uint256 both, uint256 providerId) internal pure returns (uint256) {
        if (both & type(uint24).max != 0 || providerId > type(uint24).max) return 0;
        return both | providerId;
    }

    /// @notice Has the slot room for a consent, and a limit that may be under the consent's?
    function mayRemember(uint256 slot, uint256 providerId) internal pure returns (bool) {
        return slot & (CONSENT | PAYERS_CHANGE | LIMITS_CHANGE | SECONDARY) == 0 && limits(slot) >> 32 != 0
            && providerId <= type(uint24).max;
    }

    /// @notice The slot with a provider's consent remembered, where `mayRemember` says so. Nothing must follow the
    /// consent, and its limit must be above the patient's.
    function remember(uint256 slot, uint256 providerId, uint256 expiresAt) internal pure returns (uint256) {
        uint256 until = expiresAt >> UNTIL_UNIT_BITS;
        if (until > UNTIL_MOST) until = UNTIL_MOST;
        return slot | providerId << 144 | until << UNTIL_SHIFT | CONSENT;
    }

    /// @notice The slot without a remembered consent.
    function forgetful(uint256 slot) internal pure returns (uint256) {
        if (slot & CONSENT == 0) return slot;
        return slot & ~(SECONDARY | CONSENT | UNTIL_MOST << UNTIL_SHIFT);
    }

    // ---- next -------------------------------------------------------------------------------------

    function nextPayers(uint256 next) internal pure returns (uint256) {
        return next >> 208;
    }

    function payersChangeAt(uint256 next) internal pure returns (uint40) {
        return uint40(next >> 168);
    }

    function withNextPayers(uint256 next, uint256 both, uint40 at) internal pure returns (uint256) {
        return next & ~(uint256(type(uint88).max) << 168) | both << 208 | uint256(at) << 168;
    }

    function nextLimits(uint256 next) internal pure returns (uint256) {
        return uint64(next >> 104);
    }

    function limitsChangeAt(uint256 next) internal pure returns (uint40) {
        return uint40(next >> 64);
    }

    function withNextLimits(uint256 next, uint256 both, uint40 at) internal pure returns (uint256) {
        return next & ~(uint256(type(uint104).max) << 64) | both << 104 | uint256(at) << 64;
    }

    function nonce(uint256 next) internal pure returns (uint64) {
        return uint64(next);
    }

    // ---- both -------------------------------------------------------------------------------------

    /// @notice The slot with the payers and limits that are in force at `time`.
    function inForce(uint256 slot, uint256 next, uint256 time) internal pure returns (uint256) {
        if (slot & PAYERS_CHANGE != 0 && time >= payersChangeAt(next)) slot = withPayers(slot, nextPayers(next));
        if (slot & LIMITS_CHANGE != 0 && time >= limitsChangeAt(next)) slot = withLimits(slot, nextLimits(next));
        return slot;
    }

    /// @notice Is a per-day limit set or announced?
    function countsDays(uint256 slot, uint256 next) internal pure returns (bool) {
        return perDay(limits(slot)) != 0 || (slot & LIMITS_CHANGE != 0 && perDay(nextLimits(next)) != 0);
    }

    /// @notice Takes over into `slot` what has held for so long that no batch signed before can settle any
    /// more; from then on `next` need not be read.
    function caughtUp(uint256 slot, uint256 next, uint256 time) internal pure returns (uint256) {
        if (slot & PAYERS_CHANGE != 0 && time >= payersChangeAt(next) + MAX_BATCH_LIFE) {
            slot = withPayers(slot, nextPayers(next)) & ~PAYERS_CHANGE;
        }
        if (slot & LIMITS_CHANGE != 0 && time >= limitsChangeAt(next) + MAX_BATCH_LIFE) {
            slot = withLimits(slot, nextLimits(next)) & ~LIMITS_CHANGE;
        }
        return slot;
    }

    // ---- payers and limits ------------------------------------------------------------------------

    /// @notice Two payers as they stand in a slot, out of 32 bits each; ids above 24 bits were never given out.
    function pair(uint256 both) internal pure returns (uint256) {
        (uint256 payerId, uint256 secondaryPayerId) = (both >> 32, uint32(both));
        if (payerId > type(uint24).max || secondaryPayerId > type(uint24).max) return NOBODYS_PAYERS;
        return payerId << 24 | secondaryPayerId;
    }

    /// @notice The most for one event, in the token's unit; 0: no limit.
    function perEvent(uint256 both) internal pure returns (uint64) {
        return uint64((both >> 32) * CENT);
    }

    /// @notice The most for one day, in the token's unit; 0: no limit.
    function perDay(uint256 both) internal pure returns (uint64) {
        return uint64(uint32(both) * uint256(CENT));
    }

    /// @notice Do the limits `both` allow all that `others` allow?
    function covers(uint256 both, uint256 others) internal pure returns (bool) {
        return isAsHigh(both >> 32, others >> 32) && isAsHigh(uint32(both), uint32(others));
    }

    function isAsHigh(uint256 limit, uint256 other) private pure returns (bool) {
        return limit == 0 || (other != 0 && limit >= other);
    }
}
