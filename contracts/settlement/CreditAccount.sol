// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISettlementState} from "../interfaces/ISettlementState.sol";
import {BUCKET, DISPUTE_WINDOW, QUORUM_SILENCE, UNANSWERED_DELAY} from "../types/Timelocks.sol";

/// @notice Money of a provider or an operator by maturity, so that crediting touches one slot.
///
/// What is credited on one day (UTC) is a bucket. It matures when every dispute window that began that day
/// has ended: 8 days after the day's start. The newest bucket stands in `head`; when a later day brings the
/// next one, it moves to `ring[day % 8]`, where what stood before has matured.
///
/// What is credited without the quorum is in the bucket of a day that is to come (`UNANSWERED_DELAY` later), and stands
/// in one of six more slots until it has matured. There are at most five such buckets at once, at least 7 days
/// apart: an announcement takes QUORUM_SILENCE, and a provider has one at a time.
///
///   head     suspended u8 | open disputes u32 | day u24 | bucket u64 | matured u64 | held u64
///   second   put off u64 | bond u64 | advanced u64 | owed u64
///   ring     0 u168 | day u24 | bucket u64
///
/// `day` counts from 1970; `put off` is the sum of the six. The account's tokens are matured + buckets + held + bond - advanced.
library CreditAccount {
    struct Account {
        uint256 head;
        uint256 second;
        mapping(uint256 slot => uint256) ring;
    }

    /// Days from a bucket's own to the first on which it has matured, and so the slots of the ring.
    uint256 private constant DAYS = (BUCKET + DISPUTE_WINDOW) / BUCKET;

    // The slots behind the ring for buckets of days that were to come: one a week, of as many weeks as such a bucket
    // can stand until it has matured, so that each finds its slot empty or matured.
    uint256 private constant WEEK = QUORUM_SILENCE / BUCKET;
    uint256 private constant WEEKS = (UNANSWERED_DELAY + DISPUTE_WINDOW + BUCKET) / QUORUM_SILENCE + 2;
    uint256 private constant SLOTS = DAYS + WEEKS;

    // Where the fields of `head` begin.
    uint256 private constant HELD = 0;
    uint256 private constant MATURED = 64;
    uint256 private constant NEWEST = 128;
    uint256 private constant DAY = 192;
    uint256 private constant DISPUTES = 216;
    uint256 private constant SUSPENDED = 248;

    // Where the fields of `second` begin.
    uint256 private constant OWED = 0;
    uint256 private constant ADVANCED = 64;
    uint256 private constant BOND = 128;
    uint256 private constant PUT_OFF = 192;

    // Where the day of a ring slot begins.
    uint256 private constant RING_DAY = 64;

    // ---- credit -----------------------------------------------------------------------------------

    /// @notice Add credit of today.
    function credit(Account storage self, uint256 amount) internal {
        uint256 head = self.head;
        if (uint24(head >> DAY) != _today()) head = _turn(self, head);
        self.head = _add(head, NEWEST, amount);
    }

    /// @notice Put credit of today off to a day that is to come.
    function putOff(Account storage self, uint256 day, uint256 amount) internal {
        if (amount == 0) return;
        mature(self);
        self.head = _sub(self.head, NEWEST, amount);
        _intoPutOff(self, day, amount);
    }

    /// @notice Bring what has matured since into `matured`.
    function mature(Account storage self) internal {
        uint256 head = self.head;
        // What `matured` has no room for stays where it is until some was paid out.
        uint256 room = type(uint64).max - _get(head, MATURED);
        uint256 ripe = _takeRipe(self, 0, DAYS, room);
        if (_get(self.second, PUT_OFF) != 0) {
            uint256 more = _takeRipe(self, DAYS, SLOTS, room - ripe);
            self.second = _sub(self.second, PUT_OFF, more);
            ripe += more;
        }
        if (hasMatured(uint24(head >> DAY))) {
            uint256 newest = _least(_get(head, NEWEST), room - ripe);
            ripe += newest;
            head -= newest << NEWEST;
        }
        if (ripe != 0) self.head = _intoMatured(self, head, ripe);
    }

    /// @notice Take matured money out; first `mature`, so that `withdrawable` tells how much.
    function takeMatured(Account storage self, uint256 amount) internal {
        self.head = _sub(self.head, MATURED, amount);
    }

    /// @notice Matured money less what is owed; what has ripened counts only after `mature`.
    function withdrawable(Account storage self) internal view returns (uint256) {
        return _less(_get(self.head, MATURED), _get(self.second, OWED));
    }

    function matured(Account storage self) internal view returns (uint256) {
        return _get(self.head, MATURED);
    }

    // ---- disputes ---------------------------------------------------------------------------------

    /// @notice Hold `amount` of the bucket of `day`, which has not matured, for a dispute.
    function hold(Account storage self, uint256 day, uint256 amount) internal {
        uint256 head = _takeBucket(self, self.head, day, amount);
        self.head = _add(head, HELD, amount) + (1 << DISPUTES);
    }

    /// @notice End a dispute: `lost` of what was held is gone, the rest returns to where it came from.
    function unhold(Account storage self, uint256 day, uint256 amount, uint256 lost) internal {
        uint256 head = _sub(self.head, HELD, amount) - (1 << DISPUTES);
        uint256 back = amount - lost;
        if (back != 0) {
            if (hasMatured(day)) head = _intoMatured(self, head, back);
            else if (day > _today()) _intoPutOff(self, day, back);
            else if (uint24(head >> DAY) == day) head = _add(head, NEWEST, back);
            else head = _intoRing(self, head, day, back);
        }
        self.head = head;
    }

    /// @notice Take `amount` out of the bucket of `day`, which has not matured.
    function takeBucket(Account storage self, uint256 day, uint256 amount) internal {
        self.head = _takeBucket(self, self.head, day, amount);
    }

    // ---- bond and receivables ---------------------------------------------------------------------

    function addBond(Account storage self, uint256 amount) internal {
        self.second = _add(self.second, BOND, amount);
    }

    function takeBond(Account storage self, uint256 amount) internal {
        self.second = _sub(self.second, BOND, amount);
    }

    function advance(Account storage self, uint256 amount) internal {
        self.second = _add(self.second, ADVANCED, amount);
    }

    function writeOffAdvances(Account storage self) internal {
        uint256 second = self.second;
        uint256 advanced = _get(second, ADVANCED);
        self.second = _sub(_sub(second, ADVANCED, advanced), BOND, advanced);
    }

    function owe(Account storage self, uint256 amount) internal {
        self.second = _add(self.second, OWED, amount);
    }

    function repay(Account storage self, uint256 amount) internal {
        self.second = _sub(self.second, OWED, amount);
    }

    /// @notice The bond less what is paid out against it.
    function freeBond(Account storage self) internal view returns (uint256) {
        uint256 second = self.second;
        return _less(_get(second, BOND), _get(second, ADVANCED));
    }

    // ---- suspension -------------------------------------------------------------------------------

    function isSuspended(Account storage self) internal view returns (bool) {
        return self.head >> SUSPENDED != 0;
    }

    function setSuspended(Account storage self, bool suspended) internal {
        uint256 head = self.head << 8 >> 8;
        self.head = suspended ? head | 1 << SUSPENDED : head;
    }

    // ---- views ------------------------------------------------------------------------------------

    /// @notice The account as of now, whether or not what has matured was brought in.
    function standing(Account storage self) internal view returns (ISettlementState.Credit memory now_) {
        (uint256 head, uint256 second) = (self.head, self.second);
        (uint256 ripe, uint256 maturing) = _sort(uint24(head >> DAY), _get(head, NEWEST), 0, 0);
        uint256 slots = _get(second, PUT_OFF) == 0 ? DAYS : SLOTS;
        for (uint256 slot; slot < slots; ++slot) {
            uint256 word = self.ring[slot];
            (ripe, maturing) = _sort(word >> RING_DAY, uint64(word), ripe, maturing);
        }
        uint256 advanced = _get(second, ADVANCED);
        uint256 repaid = _least(advanced, ripe);
        now_.matured = uint64(_least(_get(head, MATURED) + ripe - repaid, type(uint64).max));
        now_.maturing = uint64(_least(maturing, type(uint64).max));
        now_.held = uint64(_get(head, HELD));
        now_.bond = uint64(_get(second, BOND));
        now_.advanced = uint64(advanced - repaid);
        now_.owed = uint64(_get(second, OWED));
        now_.openDisputes = uint32(head >> DISPUTES);
        now_.suspended = head >> SUSPENDED != 0;
    }

    /// @notice Has the bucket of `day` matured?
    function hasMatured(uint256 day) internal view returns (bool) {
        return _today() >= day + DAYS;
    }

    /// @notice The day of the bucket that credit of `time` is in.
    function dayOf(uint256 time) internal pure returns (uint256) {
        return time / BUCKET;
    }

    // ---- parts ------------------------------------------------------------------------------------

    /// Moves the newest bucket into the ring and begins today's.
    function _turn(Account storage self, uint256 head) private returns (uint256) {
        uint256 newest = _get(head, NEWEST);
        if (newest != 0) head = _intoRing(self, head, uint24(head >> DAY), newest);
        // Clears day and bucket, which stand side by side.
        return head & ~(((1 << DISPUTES) - 1) ^ ((1 << NEWEST) - 1)) | _today() << DAY;
    }

    /// Takes what has matured out of some of the slots, as far as there is room for it.
    function _takeRipe(Account storage self, uint256 slot, uint256 end, uint256 room) private returns (uint256 ripe) {
        for (; slot < end; ++slot) {
            uint256 word = self.ring[slot];
            if (uint64(word) == 0 || !hasMatured(word >> RING_DAY)) continue;
            uint256 amount = _least(uint64(word), room - ripe);
            ripe += amount;
            self.ring[slot] = word - amount;
        }
    }

    /// Adds to a bucket that is not the newest. One that was empty when its day ended has not got its slot yet: there
    /// still stands a bucket at least 8 days older, which has matured.
    function _intoRing(Account storage self, uint256 head, uint256 day, uint256 amount) private returns (uint256) {
        uint256 word = self.ring[day % DAYS];
        if (word >> RING_DAY != day) {
            if (uint64(word) != 0) head = _intoMatured(self, head, uint64(word));
            word = day << RING_DAY;
        }
        self.ring[day % DAYS] = _add(word, 0, amount);
        return head;
    }

    /// Adds to the bucket of a day that is to come. What stood in its slot before has matured: `mature` took it.
    function _intoPutOff(Account storage self, uint256 day, uint256 amount) private {
        uint256 word = self.ring[_slotPutOff(day)];
        if (word >> RING_DAY != day) {
            assert(uint64(word) == 0);
            word = day << RING_DAY;
        }
        self.ring[_slotPutOff(day)] = _add(word, 0, amount);
        self.second = _add(self.second, PUT_OFF, amount);
    }

    /// Where the bucket of a day stands that was to come when it was credited.
    function _slotPutOff(uint256 day) private pure returns (uint256) {
        return DAYS + day / WEEK % WEEKS;
    }

    /// Money that matures repays advances first.
    function _intoMatured(Account storage self, uint256 head, uint256 amount) private returns (uint256) {
        uint256 second = self.second;
        uint256 advanced = _get(second, ADVANCED);
        uint256 repaid = _least(advanced, amount);
        if (repaid != 0) self.second = _sub(second, ADVANCED, repaid);
        return _add(head, MATURED, amount - repaid);
    }

    /// Takes out of what is credited on one day, wherever it stands: all of it matures together.
    function _takeBucket(Account storage self, uint256 head, uint256 day, uint256 amount) private returns (uint256) {
        if (uint24(head >> DAY) == day) {
            uint256 newest = _least(_get(head, NEWEST), amount);
            head -= newest << NEWEST;
            amount -= newest;
        }
        if (amount == 0) return head;
        uint256 left = _takeSlot(self, day % DAYS, day, amount);
        if (left == 0) return head;
        uint256 none = _takeSlot(self, _slotPutOff(day), day, left);
        // The callers' sums are right, as in `_sub`.
        assert(none == 0);
        self.second = _sub(self.second, PUT_OFF, left);
        return head;
    }

    /// Takes as much of an amount as stands in a slot of this day; returns the rest.
    function _takeSlot(Account storage self, uint256 slot, uint256 day, uint256 amount) private returns (uint256) {
        uint256 word = self.ring[slot];
        if (word >> RING_DAY != day) return amount;
        uint256 taken = _least(uint64(word), amount);
        self.ring[slot] = word - taken;
        return amount - taken;
    }

    function _sort(uint256 day, uint256 amount, uint256 ripe, uint256 maturing)
        private
        view
        returns (uint256, uint256)
    {
        return hasMatured(day) ? (ripe + amount, maturing) : (ripe, maturing + amount);
    }

    function _today() private view returns (uint256) {
        return dayOf(block.timestamp);
    }

    function _get(uint256 word, uint256 shift) private pure returns (uint256) {
        return uint64(word >> shift);
    }

    function _add(uint256 word, uint256 shift, uint256 amount) private pure returns (uint256) {
        uint256 field = _get(word, shift);
        unchecked {
            // A field is below 2^64, and with the amount too.
            if (amount > type(uint64).max - field) revert ISettlementState.CreditOverflow(uint64(field), amount);
            return word + (amount << shift);
        }
    }

    function _sub(uint256 word, uint256 shift, uint256 amount) private pure returns (uint256) {
        // The callers' sums are right; should one ever not be, this stops it at the field's edge.
        assert(amount <= _get(word, shift));
        return word - (amount << shift);
    }

    function _least(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    function _less(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : 0;
    }
}
