// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @notice Deposits that credit only what really arrived.
library ExactTransfer {
    error DepositOfNothing();
    error UnexpectedAmountReceived(uint256 expected, uint256 received);

    /// @notice Pull `amount` from `from` into this contract; reverts if the token kept a fee.
    function pull(IERC20 token, address from, uint64 amount) internal {
        if (amount == 0) revert DepositOfNothing();
        uint256 before = token.balanceOf(address(this));
        SafeERC20.safeTransferFrom(token, from, address(this), amount);
        checkArrived(token, before, amount);
    }

    /// @notice Reverts unless this contract holds exactly `amount` more than `before`.
    function checkArrived(IERC20 token, uint256 before, uint64 amount) internal view {
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert UnexpectedAmountReceived(amount, received);
    }
}
