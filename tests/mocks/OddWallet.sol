// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice A contract that answers for every signature (ERC-1271) in the way it was told, right or not. For tests.
contract OddWallet {
    enum Way {
        Returns, // what it was told to
        Reverts, // with that
        Halts, // and burns all gas that it was given
        Spends, // so much gas, and then returns what it was told to
        ReturnsMuch, // so many bytes, what it was told to first
        ReturnsIfAsked // what it was told to, if it is asked with the words that were foreseen
    }

    Way private _way;
    bytes private _answer;
    uint256 private _number; // gas to spend, or bytes to return
    bytes32 private _foreseen; // the hash of what it is called with

    function answerWith(Way way, bytes calldata answer, uint256 number, bytes32 foreseen) external {
        (_way, _answer, _number, _foreseen) = (way, answer, number, foreseen);
    }

    fallback() external {
        uint256 before = gasleft();
        (Way way, bytes memory answer, uint256 number) = (_way, _answer, _number);
        uint256 size = answer.length;
        if (way == Way.Halts) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        if (way == Way.Reverts) {
            assembly ("memory-safe") {
                revert(add(answer, 32), size)
            }
        }
        if (way == Way.Spends) while (before - gasleft() < number) {}
        if (way == Way.ReturnsIfAsked && keccak256(msg.data) != _foreseen) size = 0;
        if (way == Way.ReturnsMuch) size = number;
        assembly {
            return(add(answer, 32), size)
        }
    }
}
