// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice Credit only for what really arrived, also from a token that has begun to keep a fee of each transfer.
library ExactTransfer {
    error DepositOfNothing();
    error UnexpectedAmountReceived(uint256 expected, uint256 received);
    error TokensMissing(uint256 expected, uint256 held);

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

    /// @notice Reverts unless this contract holds at least `expected`.
    function checkHeld(IERC20 token, uint256 expected) internal view {
        uint256 held = balance(token);
        if (held < expected) revert TokensMissing(expected, held);
    }

    /// @notice How much of `amount` has arrived at `recipient`, which held `before`.
    function arrived(IERC20 token, address recipient, uint256 before, uint256 amount) internal view returns (uint256) {
        uint256 received = Math.saturatingSub(token.balanceOf(recipient), before);
        return Math.min(received, amount);
    }

    /// @notice This contract's tokens.
    function balance(IERC20 token) internal view returns (uint256 amount) {
        bytes4 selector = IERC20.balanceOf.selector;
        // Selector and this address in scratch space, and the answer in their place.
        assembly ("memory-safe") {
            mstore(0, selector)
            mstore(4, address())
            if iszero(and(gt(returndatasize(), 31), staticcall(gas(), token, 0, 36, 0, 32))) { revert(0, 0) }
            amount := mload(0)
        }
    }
}
