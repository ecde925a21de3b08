// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BatchCodec} from "../codec/BatchCodec.sol";
import {WordArray} from "../codec/WordArray.sol";

/// @notice For each row: skipped[row] = spent[sequence]; spent[sequence] = true. A bitmap of each provider, read and
/// written a word at a time, that spends every sequence number once.
library SequenceBitmap {
    /// Uses every row's sequence before anything is priced, so that two rows of one batch cannot share one;
    /// `free` gives back those of rows that pend. Also checks that the section is well formed, so that all
    /// of it may be read without further checks. What it does is, for a well-formed section, this loop:
    ///
    ///     for (uint256 row; row < rows; ++row) {
    ///         uint64 sequence = sequenceOf(section, row);
    ///         skipped[row] = spent[sequence];
    ///         spent[sequence] = true;
    ///     }
    ///
    /// @param spent the bitmap of the section's provider
    /// @return skipped a bit per row, 1: its sequence was spent before; empty where there is no such row
    function use(mapping(uint256 word => uint256) storage spent, bytes calldata section)
        internal
        returns (bytes memory skipped)
    {
        uint256 header = BatchCodec.header(section, 0);
        uint256 rows = BatchCodec.rowCount(header);
        (bytes memory bits, uint256 at) = (WordArray.bits(rows), BatchCodec.place(section));
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
            function useAll(from, left, base_, mapping_, bits_) -> here {
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
            at := useAll(at, rows, base, spent.slot, bits)
            any := shr(16, mload(bits))
            mstore(bits, bytesOfBits)
        }
        // Where the rows add up, all groups were read exactly if they end here.
        if (at != groupsEnd) BatchCodec.refuse(section, header);
        if (any) skipped = bits;
    }

    /// Gives a sequence back: its row has pended.
    function free(mapping(uint256 word => uint256) storage spent, uint64 sequence) internal {
        spent[sequence >> 8] &= ~(1 << (sequence & 0xff));
    }
}
