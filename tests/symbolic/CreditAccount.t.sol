// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISettlementState} from "../../contracts/interfaces/ISettlementState.sol";
import {CreditAccount} from "../../contracts/settlement/CreditAccount.sol";
import {Cheats} from "./Cheats.sol";

/// @notice An account's money: each verb moves the sum by exactly what it takes or gives.
///
/// Bounds: the newest bucket is 0, 7 or 8 days old and one bucket stands in the ring, 1, 7 or 8 days older, so
/// on either side of every edge of the 8 days; amounts are any below 2^16 (the account's fields have
/// 64 bits).
contract CreditAccountTest is Cheats {
    using CreditAccount for CreditAccount.Account;

    uint256 private constant DAYS = 8;
    uint256 private constant TODAY = 20_000;
    uint256 private constant ADVANCED = 4; // of the fields

    CreditAccount.Account private _account;
    // Of the two buckets; kept apart, so that they are plain numbers on every path.
    uint256 private _newestDay;
    uint256 private _ringDay;

    /// The account's fields: held, matured, newest bucket, bond, advanced, and the ring's buckets.
    struct Fields {
        uint256[13] of_;
    }

    struct State {
        uint8 newestAge; // days from the newest bucket's to today
        uint8 ringAge; // days from the ring's bucket to the newest
        uint16 newest;
        uint16 matured;
        uint16 held;
        uint8 disputes;
        uint16 bond;
        uint16 advanced;
        uint16 owed;
        uint16 ring;
    }

    function check_credit__adds_what_is_credited(State calldata state, uint16 amount) external {
        Fields memory before = _bringAtAnyAge(state);
        _account.credit(amount);
        _assertMoved(before, amount, 0);
    }

    function check_mature__changes_no_sum(State calldata state) external {
        Fields memory before = _bringAtAnyAge(state);
        _account.mature();
        _assertMoved(before, 0, 0);
    }

    function check_mature__leaves_nothing_ripe_in_a_bucket(State calldata state) external {
        _bringAtAnyAge(state);
        _account.mature();
        uint256 word = _account.ring[_ringDay % DAYS];
        assert(uint64(word) == 0 || !CreditAccount.hasMatured(word >> 64));
        assert(uint64(_account.head >> 128) == 0 || !CreditAccount.hasMatured(_newestDay));
    }

    function check_takeMatured__takes_what_it_says(State calldata state, uint16 amount) external {
        assume(amount <= state.matured);
        Fields memory before = _bring(state, 0, 1);
        _account.takeMatured(amount);
        _assertMoved(before, 0, amount);
    }

    function check_hold__changes_no_sum(State calldata state, uint16 amount, bool newest) external {
        Fields memory before = _bringAtAnyAge(state);
        (uint256 day, uint256 bucket) = newest ? (_newestDay, state.newest) : (_ringDay, state.ring);
        assume(amount <= bucket && !CreditAccount.hasMatured(day));
        _account.hold(day, amount);
        _assertMoved(before, 0, 0);
    }

    /// Bound: the bucket in the ring is one day older than the newest.
    function check_unhold__takes_what_is_lost_of_newest(State calldata state, uint16 back, uint16 lost) external {
        Fields memory before = _bring(state, _oneOf(state.newestAge, 0), 1);
        assume(uint256(back) + lost <= state.held && state.disputes != 0);
        _account.unhold(_newestDay, uint256(back) + lost, lost);
        _assertReturned(before, back, lost);
    }

    /// Bound: the newest bucket is of today.
    function check_unhold__takes_what_is_lost_of_the_ring(State calldata state, uint16 back, uint16 lost) external {
        Fields memory before = _bring(state, 0, _oneOf(state.ringAge, 1));
        assume(uint256(back) + lost <= state.held && state.disputes != 0);
        _account.unhold(_ringDay, uint256(back) + lost, lost);
        _assertReturned(before, back, lost);
    }

    /// The bucket of a day on which nothing was left when the ring turned: it has no slot any more. Bound: the
    /// newest bucket is of today, and the one in the ring 8 days older than the day's, in the slot that is needed.
    function check_unhold__into_a_bucket_that_was_empty(State calldata state, uint16 back, uint16 lost) external {
        Fields memory before = _bring(state, 0, 9);
        assume(uint256(back) + lost <= state.held && state.disputes != 0);
        _account.unhold(_newestDay - 1, uint256(back) + lost, lost);
        _assertReturned(before, back, lost);
    }

    function check_takeBucket__takes_what_it_says(State calldata state, uint16 amount, bool newest) external {
        Fields memory before = _bringAtAnyAge(state);
        (uint256 day, uint256 bucket) = newest ? (_newestDay, state.newest) : (_ringDay, state.ring);
        assume(amount <= bucket && !CreditAccount.hasMatured(day));
        _account.takeBucket(day, amount);
        _assertMoved(before, 0, amount);
    }

    function check_advance__takes_what_is_paid_out(State calldata state, uint16 amount) external {
        Fields memory before = _bring(state, 0, 1);
        _account.advance(amount);
        _assertMoved(before, 0, amount);
    }

    function check_bond__adds_and_takes_what_it_says(State calldata state, uint16 added, uint16 taken) external {
        assume(taken <= state.bond);
        Fields memory before = _bring(state, 0, 1);
        _account.addBond(added);
        _assertMoved(before, added, 0);
        _account.takeBond(taken);
        _assertMoved(before, added, taken);
    }

    /// Bound: no more is advanced than the bond, as `drawAdvance` leaves it (Extension.t.sol).
    function check_writeOffAdvances__changes_no_sum(State calldata state) external {
        assume(state.advanced <= state.bond);
        Fields memory before = _bring(state, 0, 1);
        _account.writeOffAdvances();
        _assertMoved(before, 0, 0);
    }

    function check_owing__is_nobodys_money(State calldata state, uint16 owed, uint16 repaid) external {
        assume(repaid <= state.owed);
        Fields memory before = _bring(state, 0, 1);
        _account.owe(owed);
        _account.repay(repaid);
        _assertMoved(before, 0, 0);
    }

    function check_standing__shows_the_sum(State calldata state) external {
        assume(state.advanced == 0);
        _bringAtAnyAge(state);
        ISettlementState.Credit memory shown = _account.standing();
        uint256 has = uint256(state.matured) + state.newest + state.ring + state.held + state.bond;
        assert(has == uint256(shown.matured) + shown.maturing + shown.held + shown.bond);
    }

    function _bringAtAnyAge(State calldata state) private returns (Fields memory) {
        return _bring(state, _oneOf(state.newestAge, 0), _oneOf(state.ringAge, 1));
    }

    /// Writes a state into the account; returns its sum.
    function _bring(State calldata state, uint256 newestAge, uint256 ringAge) private returns (Fields memory) {
        vm.warp(TODAY * 1 days + 12 hours);
        (_newestDay, _ringDay) = (TODAY - newestAge, TODAY - newestAge - ringAge);

        _account.head = uint256(state.disputes) << 216 | _newestDay << 192 | uint256(state.newest) << 128
            | uint256(state.matured) << 64 | state.held;
        _account.second = uint256(state.bond) << 128 | uint256(state.advanced) << 64 | state.owed;
        _account.ring[_ringDay % DAYS] = _ringDay << 64 | state.ring;
        return _fields();
    }

    /// One of the ages about the edges, from `youngest` on; a path of its own for each.
    function _oneOf(uint8 age, uint256 youngest) private pure returns (uint256) {
        if (age == 0) return youngest;
        if (age == 1) return 7;
        assume(age == 2);
        return 8;
    }

    /// What was held has lost both parts; what returned is in one other field, or less was advanced by it, and no
    /// other has moved: so the sum has lost `lost`.
    function _assertReturned(Fields memory before, uint256 back, uint256 lost) private view {
        Fields memory now_ = _fields();
        assert(now_.of_[0] + back + lost == before.of_[0]);
        now_.of_[0] = before.of_[0];
        unchecked {
            uint256 intoOthers;
            for (uint256 i = 2; i < before.of_.length; ++i) {
                uint256 difference = now_.of_[i] - before.of_[i];
                intoOthers = i == ADVANCED ? intoOthers - difference : intoOthers + difference;
            }
            assert(now_.of_[1] == before.of_[1] + back - intoOthers);
        }
    }

    /// The sum has gained and lost so much since. Field by field: most have not moved, and drop out.
    function _assertMoved(Fields memory before, uint256 gained, uint256 lost) private view {
        Fields memory now_ = _fields();
        unchecked {
            // Modulo 2^256, where what falls and what rises may cross zero; all fields are below 2^64.
            uint256 moved;
            for (uint256 i; i < before.of_.length; ++i) {
                uint256 difference = now_.of_[i] - before.of_[i];
                moved = i == ADVANCED ? moved - difference : moved + difference;
            }
            assert(moved == gained - lost);
        }
    }

    /// As `CreditAccount` says it: matured + buckets + held + bond - advanced.
    function _fields() private view returns (Fields memory fields) {
        (uint256 head, uint256 second) = (_account.head, _account.second);
        (fields.of_[0], fields.of_[1], fields.of_[2]) = (uint64(head), uint64(head >> 64), uint64(head >> 128));
        (fields.of_[3], fields.of_[ADVANCED]) = (uint64(second >> 128), uint64(second >> 64));
        for (uint256 slot; slot < DAYS; ++slot) {
            fields.of_[5 + slot] = uint64(_account.ring[slot]);
        }
    }
}
