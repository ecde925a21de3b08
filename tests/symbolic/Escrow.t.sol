// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {PatientEscrow} from "../../contracts/PatientEscrow.sol";
import {IPatientEscrow} from "../../contracts/interfaces/IPatientEscrow.sol";
import {Spendable} from "../../contracts/escrow/Spendable.sol";
import {Reason} from "../../contracts/types/Outcomes.sol";
import {AnyEscrow} from "./AnyEscrow.sol";

/// @notice A patient's money: refunds raise the balance by what they give, a withdrawal pays what the balance falls
/// by, and nobody else's balance moves.
///
/// Bounds: none but the fields' own. Storage, and with it every balance and announced withdrawal, is any; so are
/// amounts and the time. The test is the escrow's settlement.
contract EscrowTest is AnyEscrow {
    function check_refund__raises_the_balance_by_it(address patient, address other, uint64 amount) external {
        assume(other != patient);
        (uint256 before, uint256 others) = (_escrow.balanceOf(patient), _escrow.balanceOf(other));
        _escrow.refund(patient, amount);

        uint256 room = type(uint64).max - before;
        assert(_escrow.balanceOf(patient) == before + (amount < room ? amount : room));
        assert(_escrow.balanceOf(other) == others && _token.sent() == 0);
    }

    function check_withdraw__pays_what_the_balance_falls_by(address patient, address other, uint40 now_) external {
        assume(other != patient);
        vm.warp(now_);
        (uint256 before, uint256 others) = (_escrow.balanceOf(patient), _escrow.balanceOf(other));
        (uint64 announced, uint64 depositedSince, uint40 availableAt) = _escrow.withdrawalOf(patient);
        vm.prank(patient);
        uint256 paid = _escrow.withdraw();

        assert(_token.sent() == paid && _token.sentTo() == patient);
        assert(paid != 0 && paid <= before && _escrow.balanceOf(patient) == before - paid);
        assert(_escrow.balanceOf(other) == others);
        // No more than was announced, none of later deposits, and not before its time.
        assert(paid <= announced && depositedSince <= before && paid <= before - depositedSince);
        assert(availableAt != 0 && availableAt <= now_ && now_ < uint256(availableAt) + 7 days);
        (announced,, availableAt) = _escrow.withdrawalOf(patient);
        assert(announced == 0 && availableAt == 0);
    }

    function check_money__moves_for_settlement_alone(address caller, address patient, uint64 amount) external {
        assume(caller != address(this));
        uint64 before = _escrow.balanceOf(patient);
        vm.prank(caller);
        (bool passed,) = address(_escrow).call(abi.encodeCall(IPatientEscrow.refund, (patient, amount)));
        assert(!passed);
        vm.prank(caller);
        (passed,) = address(_escrow).call(abi.encodeCall(IPatientEscrow.disburseTotal, ()));
        assert(!passed && _escrow.balanceOf(patient) == before && _token.sent() == 0);
    }

    /// What the escrow states of a patient: what it allows is within balance, limit and day, and a charge takes
    /// exactly itself, so that rows charged one after the other never exceed the balance together.
    function check_spendable__two_charges_stay_within_the_balance(
        uint64 balance,
        uint64 dayLeft,
        uint64 limit,
        uint64 first,
        uint64 second
    ) external pure {
        uint256 word = Spendable.pack(balance, dayLeft, limit, Reason.OverConsentLimit);
        assume(Spendable.allows(word, first));
        assert(Spendable.refusal(word, first) == Reason.None && first <= limit);
        word = Spendable.charge(word, first);
        assert(Spendable.balanceOf(word) == balance - first && Spendable.limitOf(word) == limit);
        assert(Spendable.dayLeftOf(word) == dayLeft - first);
        if (!Spendable.allows(word, second)) {
            assert(Spendable.refusal(word, second) != Reason.None);
            return;
        }
        assert(uint256(first) + second <= balance && uint256(first) + second <= dayLeft && second <= limit);
    }
}
