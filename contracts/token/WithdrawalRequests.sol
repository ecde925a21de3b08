// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {NOTICE, WITHDRAWAL_LIFE} from "../types/Timelocks.sol";

/// @notice One announced withdrawal. One storage slot.
///   amount          what was announced, at most the balance of that moment
///   depositedSince  deposits since, which the request does not cover
///   availableAt     from when it may be taken; 0: none announced
struct WithdrawalRequest {
    uint64 amount;
    uint64 depositedSince;
    uint40 availableAt;
}

/// @notice Withdrawals on notice: announced with an amount, debitable until taken, covering no later
/// deposit, and lapsing.
library WithdrawalRequests {
    error NothingToWithdraw();
    error AmountOverBalance(uint64 amount, uint64 balance);
    error NoWithdrawalRequested();
    error WithdrawalNotAvailable(uint40 availableAt, uint256 now_);
    error WithdrawalLapsed(uint40 lapsedAt, uint256 now_);

    /// @notice Announce a withdrawal; replaces one announced before and starts its notice anew.
    function open(WithdrawalRequest storage self, uint64 amount, uint64 balance) internal returns (uint40 availableAt) {
        if (amount == 0) revert NothingToWithdraw();
        if (amount > balance) revert AmountOverBalance(amount, balance);
        availableAt = uint40(block.timestamp) + NOTICE;
        (self.amount, self.depositedSince, self.availableAt) = (amount, 0, availableAt);
    }

    /// @notice Remember a deposit that an announced withdrawal must not reach.
    function noteDeposit(WithdrawalRequest storage self, uint64 amount) internal {
        if (self.availableAt == 0) return;
        // A deposit or a refund must not fail for the turnover since a request that was forgotten.
        uint64 most = type(uint64).max - self.depositedSince;
        self.depositedSince += amount < most ? amount : most;
    }

    /// @notice Call the announced withdrawal off.
    function cancel(WithdrawalRequest storage self) internal {
        if (self.availableAt == 0) revert NoWithdrawalRequested();
        (self.amount, self.depositedSince, self.availableAt) = (0, 0, 0);
    }

    /// @notice Take the announced withdrawal: as much of it as debits since have left.
    function take(WithdrawalRequest storage self, uint64 balance) internal returns (uint64 amount) {
        WithdrawalRequest memory request = self;
        if (request.availableAt == 0) revert NoWithdrawalRequested();
        if (block.timestamp < request.availableAt) {
            revert WithdrawalNotAvailable(request.availableAt, block.timestamp);
        }
        uint40 lapsesAt = request.availableAt + WITHDRAWAL_LIFE;
        if (block.timestamp >= lapsesAt) revert WithdrawalLapsed(lapsesAt, block.timestamp);

        // Debits are taken to have spent the older money first.
        uint64 covered = balance > request.depositedSince ? balance - request.depositedSince : 0;
        amount = request.amount < covered ? request.amount : covered;
        if (amount == 0) revert NothingToWithdraw();
        (self.amount, self.depositedSince, self.availableAt) = (0, 0, 0);
    }
}
