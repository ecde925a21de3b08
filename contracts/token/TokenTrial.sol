// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice Tries what a token does on transfer, before a protocol is deployed that relies on it. Never deployed: in
/// a call that no block has, a node runs it at the address of somebody who holds some of the token.
contract TokenTrial {
    /// @param moved false: the token has reverted or answered false
    /// @param left what the holder has less of
    /// @param arrived what the recipient has more of
    /// @param gasTaken by the transfer alone
    struct Outcome {
        bool moved;
        uint256 left;
        uint256 arrived;
        uint256 gasTaken;
    }

    /// @notice Transfer the holder's tokens.
    function tryTransfer(IERC20 token, address to, uint256 amount) external returns (Outcome memory) {
        return _try(token, to, abi.encodeCall(IERC20.transfer, (to, amount)));
    }

    /// @notice Pull the holder's tokens, as a contract does that was approved.
    function tryTransferFrom(IERC20 token, address to, uint256 amount) external returns (Outcome memory) {
        (bool approved,) = _call(token, abi.encodeCall(IERC20.approve, (address(this), amount)));
        if (!approved) return Outcome(false, 0, 0, 0);
        return _try(token, to, abi.encodeCall(IERC20.transferFrom, (address(this), to, amount)));
    }

    function _try(IERC20 token, address to, bytes memory transfer) private returns (Outcome memory) {
        (uint256 held, uint256 had) = (token.balanceOf(address(this)), token.balanceOf(to));
        (bool moved, uint256 gasTaken) = _call(token, transfer);
        // A token may make more of what stays, or take of what is there already.
        (uint256 keeps, uint256 has) = (token.balanceOf(address(this)), token.balanceOf(to));
        return Outcome(moved, held > keeps ? held - keeps : 0, has > had ? has - had : 0, gasTaken);
    }

    /// A token answers true or nothing at all.
    function _call(IERC20 token, bytes memory data) private returns (bool succeeded, uint256 gasTaken) {
        uint256 gas = gasleft();
        bytes memory answer;
        (succeeded, answer) = address(token).call(data);
        gasTaken = gas - gasleft();
        if (answer.length != 0) succeeded = succeeded && answer.length == 32 && abi.decode(answer, (uint256)) == 1;
    }
}
