// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Makes several calls in one transaction, all or nothing. For tests of what must not carry over
/// from one call to the next: transient storage, reentrancy locks; and of what views say in the middle.
contract SeveralCalls {
    /// As a settlement contract between two of its verbs.
    function isSettling() external pure returns (bool) {
        return false;
    }

    function run(address[] calldata targets, bytes[] calldata calls) public returns (bytes[] memory answers) {
        answers = new bytes[](targets.length);
        for (uint256 i; i < targets.length; ++i) {
            (bool succeeded, bytes memory answer) = targets[i].call(calls[i]);
            if (!succeeded) {
                assembly ("memory-safe") {
                    revert(add(answer, 32), mload(answer))
                }
            }
            answers[i] = answer;
        }
    }
}
