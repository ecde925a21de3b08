// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Coordination} from "./Coordination.sol";
import {BatchCodec} from "../codec/BatchCodec.sol";
import {WordArray} from "../codec/WordArray.sol";
import {Reason, yearReason} from "../types/Outcomes.sol";

/// @notice For each row: skipped[row] = spent[sequence]; spent[sequence] = true. A bitmap of each provider, read and
/// written a word at a time, that spends every sequence number once.
abstract contract SequenceBitmap is Coordination {
    /// Uses every row's sequence before anything is priced, so that two rows of one batch cannot share one;
    /// `_freeSequence` gives back those of rows that pend. Also checks that the section is well formed, so that all
    /// of it may be read without further checks. What it does is, for a well-formed section, this loop:
    ///
    ///     for (uint256 row; row < rows; ++row) {
    ///         uint64 sequence = sequenceOf(section, row);
    ///         skipped[row] = isSpent(providerId, sequence);
    ///         spent[providerId][sequence] = true;
    ///     }
    ///
    /// @return skipped a bit per row, 1: its sequence was spent before; empty where there is no such row
    function _useSequences(bytes calldata section) internal returns (bytes memory skipped) {
        uint256 header = BatchCodec.header(section, 0);
        uint256 rows = BatchCodec.rowCount(header);
        (bytes memory bits, uint256 at) = (WordArray.bits(rows), BatchCodec.place(section));
        mapping(uint256 word => uint256) storage spent = _spent[BatchCodec.providerId(header)];
        uint256 base = BatchCodec.sequenceBase(header);
        uint256 groupsEnd;
        unchecked {
            // places in calldata
            (at, groupsEnd) = (at + BatchCodec.headerBytes(header), at + BatchCodec.groupsEnd(header));
        }
        bool any;
        // Reads groups and rows as BatchCodec has them, and the provider's bitmap a word at a time. Written are
        // that bitmap, scratch space, and bits of `bits` for no more rows than there are; its first word counts
        // the rows in the meantime, and one more bit above them says that a bit was set.
        assembly ("memory-safe") {
            // where word `index` of a mapping is stored
            function placeOf(index, mapping_) -> place {
                mstore(0, index)
                mstore(32, mapping_)
                place := keccak256(0, 64)
            }
            // notes that the row is skipped of which, with itself, so many are left
            function skip(bits_, left) {
                let row := sub(and(mload(bits_), 0xffff), left)
                let place := add(add(bits_, 32), shl(5, shr(8, row)))
                mstore(place, or(mload(place), shl(and(row, 0xff), 1)))
                mstore(bits_, or(mload(bits_), 0x10000))
            }
            // Uses the sequences of `left` rows in groups from `from` on; returns where they end. 0 where a patient is out of
            // order, a group has no rows or more than are left, or a sequence is beyond 64 bits.
            function use(from, left, base_, mapping_, bits_) -> here {
                let patient := 0
                let index := not(0) // of the bitmap's word at hand: none yet
                let word := 0
                for { here := from } left {} {
                    let end := calldataload(here)
                    if iszero(gt(shr(96, end), patient)) {
                        here := 0
                        leave
                    }
                    patient := shr(96, end)
                    end := and(shr(88, end), 0xff)
                    if or(iszero(end), gt(end, left)) {
                        here := 0
                        leave
                    }
                    here := add(here, 21)
                    for { end := add(here, mul(end, 54)) } lt(here, end) { here := add(here, 54) } {
                        let sequence := add(base_, and(shr(80, calldataload(add(here, 32))), 0xffff))
                        if xor(shr(8, sequence), index) {
                            if iszero(shr(56, index)) { sstore(placeOf(index, mapping_), word) }
                            index := shr(8, sequence)
                            if shr(56, index) {
                                here := 0
                                leave
                            }
                            word := sload(placeOf(index, mapping_))
                        }
                        sequence := shl(and(sequence, 0xff), 1)
                        if and(word, sequence) { skip(bits_, left) }
                        word := or(word, sequence)
                        left := sub(left, 1)
                    }
                }
                sstore(placeOf(index, mapping_), word)
            }
            let bytesOfBits := mload(bits)
            mstore(bits, rows)
            at := use(at, rows, base, spent.slot, bits)
            any := shr(16, mload(bits))
            mstore(bits, bytesOfBits)
        }
        // Where the rows add up, all groups were read exactly if they end here.
        if (at != groupsEnd) BatchCodec.refuse(section, header);
        if (any) skipped = bits;
    }

    function _freeSequence(uint32 providerId, uint64 sequence) internal {
        _spent[providerId][sequence >> 8] &= ~(1 << (sequence & 0xff));
    }

    /// Answers that pend every row but those whose sequence was spent before.
    function _pendAll(bytes calldata section, bytes memory skipped, Reason reason)
        internal
        pure
        returns (bytes memory answers)
    {
        bytes memory statements = WordArray.zeros(BatchCodec.groupCount(BatchCodec.header(section, 0)) << 5);
        for (uint256 index; index < statements.length >> 5; ++index) {
            WordArray.set(statements, index, uint256(reason));
        }
        return _answerRefused(section, skipped, statements, 0);
    }

    /// What a payer would answer for a section of whose patients none may be charged anything.
    /// @param statements of each patient, with the reason, see Spendable
    /// @param currentYear 0: every year may be billed
    function _answerRefused(
        bytes calldata section,
        bytes memory skipped,
        bytes memory statements,
        uint256 currentYear
    ) internal pure returns (bytes memory answers) {
        uint256 header = BatchCodec.header(section, 0);
        answers = WordArray.zeros(BatchCodec.rowCount(header) << 6);
        (uint256 at, uint256 answer) = (BatchCodec.place(section), WordArray.start(answers));
        bool any = skipped.length != 0;
        unchecked {
            // Counts and places within a section that was checked.
            at += BatchCodec.headerBytes(header);
            uint256 groups = WordArray.start(statements);
            for (uint256 last = groups + statements.length; groups < last; groups += 32) {
                (uint256 statement,) = WordArray.read(groups);
                uint256 end = at + BatchCodec.GROUP_BYTES + uint8(BatchCodec.load(at) >> 88) * BatchCodec.ROW_BYTES;
                for (at += BatchCodec.GROUP_BYTES; at < end; at += BatchCodec.ROW_BYTES) {
                    uint256 row = BatchCodec.load(at + 32);
                    uint256 reason = uint8(statement);
                    // Most are of a year that is open, this one or the one before, and were not spent before.
                    if (currentYear != 0 && uint256(BatchCodec.benefitYear(row)) + 1 - currentYear > 1) {
                        reason = uint256(yearReason(BatchCodec.benefitYear(row), currentYear));
                    }
                    if (any && WordArray.isSet(skipped, (answer - WordArray.start(answers)) >> 6)) {
                        reason = uint256(Reason.SequenceSpent);
                    }
                    WordArray.put(answer, row >> 112 << 192, reason);
                    answer += 64;
                }
            }
        }
    }
}
