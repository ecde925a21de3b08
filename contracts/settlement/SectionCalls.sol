// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IInsurerPayer} from "../interfaces/IInsurerPayer.sol";
import {IPatientEscrow} from "../interfaces/IPatientEscrow.sol";
import {BatchContext} from "../types/Batch.sol";

/// @notice Calls that pass a section on from this call's own data. What is sent and read is what the compiler
/// would send and read for the same functions; it takes several thousand gas more a batch.
library SectionCalls {
    function maySpend(IPatientEscrow escrow, bytes calldata section, uint256 signedAt)
        internal
        returns (bytes memory reply)
    {
        bytes memory none;
        bool succeeded = _send(address(escrow), IPatientEscrow.maySpend.selector, section, signedAt, none);
        reply = _reply(succeeded);
        if (!succeeded) bubble(reply);
    }

    /// @return succeeded false: `reply` is the payer's error
    /// @return reply the payer's answers
    function adjudicateAll(IInsurerPayer payer, bytes calldata section, uint256 times, bytes memory statements)
        internal
        returns (bool succeeded, bytes memory reply)
    {
        succeeded = _send(address(payer), IInsurerPayer.adjudicateAll.selector, section, times, statements);
        reply = _reply(succeeded);
    }

    /// @return reply the secondary payer's answers, and its words
    function adjudicateRest(IInsurerPayer payer, bytes calldata section, uint256 times, bytes memory words)
        internal
        returns (bytes memory reply)
    {
        bool succeeded = _send(address(payer), IInsurerPayer.adjudicateRest.selector, section, times, words);
        reply = _reply(succeeded);
        if (!succeeded) bubble(reply);
    }

    /// @notice Calls `priceSection` of this contract itself.
    /// @return succeeded false: nothing was written, and `reply` is the error
    /// @return reply what it returns
    function priceSection(bytes4 selector, bytes calldata section, uint256 times, bytes memory words)
        internal
        returns (bool succeeded, bytes memory reply)
    {
        succeeded = _send(address(this), selector, section, times, words);
        reply = _reply(succeeded);
    }

    function chargeShares(IPatientEscrow escrow, bytes calldata section, bool last, bytes memory charges) internal {
        if (_send(address(escrow), IPatientEscrow.chargeShares.selector, section, last ? 1 : 0, charges)) return;
        bubble(_reply(false));
    }

    /// @notice Calls `settlePayers` of this contract itself.
    /// @return succeeded false: all that the run did is undone, and `reply` is its error
    /// @return reply what it returns, see `ClaimSettlement.settlePayers`
    function settlePayers(bytes4 selector, BatchContext memory context, uint256 payers, bytes calldata sections)
        internal
        returns (bool succeeded, bytes memory reply)
    {
        // Behind the free memory pointer, which stays: selector, the seven words of the context, the payers, where
        // the sections begin (behind nine words), and the sections with their length before them.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            mcopy(add(free, 4), context, 224)
            mstore(add(free, 228), payers)
            mstore(add(free, 260), 288)
            mstore(add(free, 292), sections.length)
            calldatacopy(add(free, 324), sections.offset, sections.length)
            succeeded := call(gas(), address(), 0, free, add(sections.length, 324), 0, 0)
        }
        reply = _reply(succeeded);
    }

    /// @notice What an error carries whose only argument is `bytes`.
    function errorBytes(bytes memory failure) internal pure returns (bytes memory carried) {
        // Behind the failure's length: the selector, one word that says where they are, and they with their length.
        assembly ("memory-safe") {
            carried := add(failure, 68)
        }
    }

    /// @notice Reverts with a call's error.
    function bubble(bytes memory failure) internal pure {
        // Its length word is followed by its bytes.
        assembly ("memory-safe") {
            revert(add(failure, 32), mload(failure))
        }
    }

    /// Calls a function whose arguments are a section, a word, and words; one that has no third argument is none
    /// the worse for it.
    function _send(address target, bytes4 selector, bytes calldata section, uint256 word, bytes memory words)
        private
        returns (bool succeeded)
    {
        // Behind the free memory pointer, which stays: selector, the place of the section (behind three words), the
        // word, the place of the words, and both with their length before them.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            mstore(add(free, 4), 96)
            mstore(add(free, 36), word)
            let end := add(128, and(add(section.length, 31), not(31)))
            mstore(add(free, 68), end)
            mstore(add(free, 100), section.length)
            calldatacopy(add(free, 132), section.offset, section.length)
            let size := add(mload(words), 32)
            mcopy(add(add(free, 4), end), words, size)
            succeeded := call(gas(), target, 0, free, add(add(end, 4), size), 0, 0)
        }
    }

    /// What the last call has returned: bytes, a multiple of 32 of them; or its error, as it is.
    function _reply(bool succeeded) private pure returns (bytes memory reply) {
        // Behind one word, which says where the bytes are, come their length and they themselves: taken over in
        // one piece. An error gets its length, and room up to a whole word.
        assembly ("memory-safe") {
            reply := mload(0x40)
            let size := returndatasize()
            switch succeeded
            case 0 {
                mstore(reply, size)
                returndatacopy(add(reply, 32), 0, size)
                size := add(and(add(size, 31), not(31)), 64)
            }
            default { returndatacopy(reply, 32, sub(size, 32)) }
            mstore(0x40, add(reply, sub(size, 32)))
        }
    }
}
