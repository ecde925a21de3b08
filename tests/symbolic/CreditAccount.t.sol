// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISettlementState} from "../../contracts/interfaces/ISettlementState.sol";
import {CreditAccount} from "../../contracts/libraries/CreditAccount.sol";
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

    CreditAccount.Account private _account;
    // Of the two buckets; kept apart, so that they are plain numbers on every path.
    uint256 private _newestDay;
    uint256 private _ringDay;

    struct Sum {
        uint256 has;
        uint256 advanced;
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
        Sum memory before = _bringAtAnyAge(state);
        _account.credit(amount);
        _assertMoved(before, amount, 0);
    }

    function check_mature__changes_no_sum(State calldata state) external {
        Sum memory before = _bringAtAnyAge(state);
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
        Sum memory before = _bring(state, 0, 1);
        _account.takeMatured(amount);
        _assertMoved(before, 0, amount);
    }

    function check_hold__changes_no_sum(State calldata state, uint16 amount, bool newest) external {
        Sum memory before = _bringAtAnyAge(state);
        (uint256 day, uint256 bucket) = newest ? (_newestDay, state.newest) : (_ringDay, state.ring);
        assume(amount <= bucket && !CreditAccount.hasMatured(day));
        _account.hold(day, amount);
        _assertMoved(before, 0, 0);
    }

    function check_unhold__takes_what_is_lost(State calldata state, uint16 amount, uint16 lost, bool newest) external {
        Sum memory before = _bringAtAnyAge(state);
        assume(lost <= amount && amount <= state.held && state.disputes != 0);
        _account.unhold(newest ? _newestDay : _ringDay, amount, lost);
        _assertMoved(before, 0, lost);
    }

    /// The bucket of a day on which nothing was left when the ring turned: it has no slot any more.
    function check_unhold__into_a_bucket_that_was_empty(State calldata state, uint16 amount, uint16 lost) external {
        Sum memory before = _bringAtAnyAge(state);
        uint256 day = _newestDay - 1;
        assume(lost <= amount && amount <= state.held && state.disputes != 0);
        _account.unhold(day, amount, lost);
        _assertMoved(before, 0, lost);
    }

    function check_takeBucket__takes_what_it_says(State calldata state, uint16 amount, bool newest) external {
        Sum memory before = _bringAtAnyAge(state);
        (uint256 day, uint256 bucket) = newest ? (_newestDay, state.newest) : (_ringDay, state.ring);
        assume(amount <= bucket && !CreditAccount.hasMatured(day));
        _account.takeBucket(day, amount);
        _assertMoved(before, 0, amount);
    }

    function check_advance__takes_what_is_paid_out(State calldata state, uint16 amount) external {
        Sum memory before = _bring(state, 0, 1);
        _account.advance(amount);
        _assertMoved(before, 0, amount);
    }

    function check_bond__adds_and_takes_what_it_says(State calldata state, uint16 added, uint16 taken) external {
        assume(taken <= state.bond);
        Sum memory before = _bring(state, 0, 1);
        _account.addBond(added);
        _assertMoved(before, added, 0);
        _account.takeBond(taken);
        _assertMoved(before, added, taken);
    }

    function check_writeOffAdvances__changes_no_sum(State calldata state) external {
        Sum memory before = _bring(state, 0, 1);
        _account.writeOffAdvances();
        _assertMoved(before, 0, 0);
    }

    function check_owing__is_nobodys_money(State calldata state, uint16 owed, uint16 repaid) external {
        assume(repaid <= state.owed);
        Sum memory before = _bring(state, 0, 1);
        _account.owe(owed);
        _account.repay(repaid);
        _assertMoved(before, 0, 0);
    }

    function check_standing__shows_the_sum(State calldata state) external {
        assume(state.advanced == 0);
        Sum memory before = _bringAtAnyAge(state);
        ISettlementState.Credit memory shown = _account.standing();
        assert(before.has == uint256(shown.matured) + shown.maturing + shown.held + shown.bond);
    }

    function _bringAtAnyAge(State calldata state) private returns (Sum memory) {
        return _bring(state, _oneOf(state.newestAge, 0), _oneOf(state.ringAge, 1));
    }

    /// Writes a state into the account; returns its sum.
    function _bring(State calldata state, uint256 newestAge, uint256 ringAge) private returns (Sum memory) {
        vm.warp(TODAY * 1 days + 12 hours);
        (_newestDay, _ringDay) = (TODAY - newestAge, TODAY - newestAge - ringAge);

        _account.head = uint256(state.disputes) << 216 | _newestDay << 192 | uint256(state.newest) << 128
            | uint256(state.matured) << 64 | state.held;
        _account.second = uint256(state.bond) << 128 | uint256(state.advanced) << 64 | state.owed;
        _account.ring[_ringDay % DAYS] = _ringDay << 64 | state.ring;
        return _sum();
    }

    /// One of the ages about the edges, from `youngest` on; a path of its own for each.
    function _oneOf(uint8 age, uint256 youngest) private pure returns (uint256) {
        if (age == 0) return youngest;
        if (age == 1) return 7;
        assume(age == 2);
        return 8;
    }

    /// The sum has gained and lost so much since.
    function _assertMoved(Sum memory before, uint256 gained, uint256 lost) private view {
        Sum memory now_ = _sum();
        assert(now_.has + before.advanced + lost == before.has + now_.advanced + gained);
    }

    /// As `CreditAccount` says it: matured + buckets + held + bond, and advanced, which is to be subtracted.
    function _sum() private view returns (Sum memory sum) {
        (uint256 head, uint256 second) = (_account.head, _account.second);
        sum.has = uint256(uint64(head)) + uint64(head >> 64) + uint64(head >> 128) + uint64(second >> 128);
        for (uint256 slot; slot < DAYS; ++slot) {
            sum.has += uint64(_account.ring[slot]);
        }
        sum.advanced = uint64(second >> 64);
    }
}
