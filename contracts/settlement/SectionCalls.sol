// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IInsurerPayer} from "../interfaces/IInsurerPayer.sol";
import {IPatientEscrow} from "../interfaces/IPatientEscrow.sol";
import {BatchContext} from "../types/Batch.sol";

/// @notice Calls that pass a section on from this call's own data. What is sent and read is what the compiler
/// would send and read for the same functions; it takes several thousand gas more a batch.
library SectionCalls {
    function spendable(IPatientEscrow escrow, uint256 signedAt, bytes calldata section)
        internal
        returns (bytes memory)
    {
        _send(address(escrow), IPatientEscrow.spendable.selector, signedAt, 64, 0, 64, section, "");
        return _reply();
    }

    function adjudicateAll(IInsurerPayer payer, bytes calldata section, uint256 times, bytes memory statements)
        internal
        returns (bytes memory)
    {
        uint256 end = _end(96, section);
        _send(address(payer), IInsurerPayer.adjudicateAll.selector, 96, times, end, 96, section, statements);
        return _reply();
    }

    function chargeEach(IPatientEscrow escrow, bytes calldata section, bytes memory charges) internal {
        _send(address(escrow), IPatientEscrow.chargeEach.selector, 64, _end(64, section), 0, 64, section, charges);
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
        if (succeeded) return (true, _reply());
        // The error as `bytes`: its length and it itself, up to a whole word.
        assembly ("memory-safe") {
            reply := mload(0x40)
            mstore(reply, returndatasize())
            returndatacopy(add(reply, 32), 0, returndatasize())
            mstore(0x40, and(add(add(reply, returndatasize()), 63), not(31)))
        }
    }

    /// Where what follows a section begins that is sent behind so many bytes of arguments.
    function _end(uint256 size, bytes calldata section) private pure returns (uint256) {
        unchecked {
            return size + 32 + (section.length + 31 >> 5 << 5);
        }
    }

    /// Calls a function whose arguments are `size` bytes of the three words, and behind them a section and words,
    /// each with its length before it. Its error becomes this call's own.
    function _send(
        address target,
        bytes4 selector,
        uint256 first,
        uint256 second,
        uint256 third,
        uint256 size,
        bytes calldata section,
        bytes memory words
    ) private {
        // Behind the free memory pointer, which stays. What is copied over the third word where there are but two
        // begins with the section's length.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            mstore(add(free, 4), first)
            mstore(add(free, 36), second)
            mstore(add(free, 68), third)
            let at := add(add(free, 4), size)
            mstore(at, section.length)
            at := add(at, 32)
            calldatacopy(at, section.offset, section.length)
            at := add(at, and(add(section.length, 31), not(31)))
            mcopy(at, words, add(mload(words), 32))
            at := add(at, add(mload(words), 32))
            if iszero(call(gas(), target, 0, free, sub(at, free), 0, 0)) {
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
        }
    }

    /// The bytes that the last call has returned, a multiple of 32 of them.
    function _reply() private pure returns (bytes memory reply) {
        // Behind one word, which says where the bytes are, come their length and they themselves: taken over in
        // one piece.
        assembly ("memory-safe") {
            reply := mload(0x40)
            let size := sub(returndatasize(), 32)
            returndatacopy(reply, 32, size)
            mstore(0x40, add(reply, size))
        }
    }
}
