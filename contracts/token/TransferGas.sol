// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ISettlementState} from "../interfaces/ISettlementState.sol";

/// @notice Transfers that are allowed to fail: by themselves and not for want of gas, and without taking more of it
/// than others need.
library TransferGas {
    /// What such a transfer gets, no less and no more. A dollar token's takes 30,000 to 100,000.
    uint256 internal constant RELEASE_GAS = 300_000;

    /// What must be at hand before it: a call gets at most 63 of 64 parts of what is there (EIP-150), once itself is
    /// paid for, the token's account that nobody has touched before included.
    uint256 internal constant GAS_AT_HAND = RELEASE_GAS * 64 / 63 + 3_500;

    /// The most that is kept of what a token says to its failure.
    uint256 private constant ANSWER_BYTES = 1_024;

    /// @notice Reverts unless a transfer that fails now fails by itself.
    function check() internal view {
        if (gasleft() < GAS_AT_HAND) revert ISettlementState.InsufficientGas(gasleft(), GAS_AT_HAND);
    }

    /// @notice Transfer this contract's tokens. As SafeERC20.trySafeTransfer, which sets no limit: a token that burned
    /// what it got would leave nothing to whom the batch concerns besides.
    /// @return moved false: the token has reverted, answered false, or is no contract; see `answer`
    function tryTransfer(IERC20 token, address to, uint256 amount) internal returns (bool moved) {
        check();
        bytes4 selector = IERC20.transfer.selector;
        // Selector, recipient and amount behind the free memory pointer, which stays; the first word of the answer in
        // scratch space.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            mstore(add(free, 4), shr(96, shl(96, to)))
            mstore(add(free, 36), amount)
            mstore(0, 0)
            moved := call(RELEASE_GAS, token, 0, free, 68, 0, 32)
            if iszero(and(moved, eq(mload(0), 1))) {
                // A token may answer nothing, and is a contract.
                moved := and(moved, and(iszero(returndatasize()), gt(extcodesize(token), 0)))
            }
        }
    }

    /// @notice What the last call has returned, cut off where it is so long that passing it on would cost the others.
    function answer() internal pure returns (bytes memory data) {
        uint256 most = ANSWER_BYTES;
        // Its length, itself, and room up to a whole word.
        assembly ("memory-safe") {
            data := mload(0x40)
            let size := returndatasize()
            if gt(size, most) { size := most }
            mstore(data, size)
            returndatacopy(add(data, 32), 0, size)
            mstore(0x40, and(add(add(data, size), 63), not(31)))
        }
    }
}
