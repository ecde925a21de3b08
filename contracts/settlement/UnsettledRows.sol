// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {
    CURSOR_ANSWER,
    CURSOR_CHARGE,
    CURSOR_GROUPS,
    CURSOR_HEADER,
    CURSOR_PARTIES,
    CURSOR_PATIENT,
    CURSOR_ROWS,
    Cursor
} from "./Cursor.sol";
import {ISettlementState} from "../interfaces/ISettlementState.sol";
import {Outcome, Reason, outcomeOf} from "../types/Outcomes.sol";

/// @notice Writes rows that did not settle: neighbouring rows of one patient that ended alike share a log. It does what
/// `BatchWriter._writeRow` does row by row, with a log of each.
library UnsettledRows {
    uint256 private constant ONE_DENIED = 1 << 32;
    uint256 private constant ONE_PENDED = 1 << 16;
    uint256 private constant ONE_SKIPPED = 1;

    /// Writes the row that comes next and those behind it that ended alike, by the same reason: in one log of each
    /// patient, and their sequences are given back a word at a time. For sections without flags.
    /// @param spent the bitmap of the section's provider
    function write(Cursor memory cursor, uint256 reason, mapping(uint256 word => uint256) storage spent) internal {
        Outcome outcome = outcomeOf(Reason(reason));
        bytes32 topic = topicOf(outcome);
        bool pends = outcome == Outcome.Pended;
        uint256 before = cursor.answer;
        // As in PlainRows; besides, bits of the provider's bitmap are cleared.
        assembly ("memory-safe") {
            // Clears bits of word `index` of a mapping.
            function free(index, mapping_, bits_) {
                mstore(0, index)
                mstore(32, mapping_)
                let place := keccak256(0, 64)
                sstore(place, and(sload(place), not(bits_)))
            }
            // Reads a patient's rows on, as long as they have the reason, into pairs of words from `start` on; says where
            // these end. A row that settled has 0 where a reason stands.
            function read(c, start, reason_, frees, mapping_) -> end {
                end := start
                let at := mload(c)
                let rows := mload(add(c, CURSOR_ROWS))
                let answer := mload(add(c, CURSOR_ANSWER))
                let base := and(shr(96, mload(add(c, CURSOR_HEADER))), 0xffffffffffffffff) // of the sequences
                let index := 0 // of the bitmap's word at hand
                let bits := 0 // of that word, to be cleared
                for {} rows { rows := sub(rows, 1) } {
                    if xor(and(mload(add(answer, 32)), 0xff), reason_) { break }
                    let row := calldataload(add(at, 32))
                    let sequence := add(base, and(shr(80, row), 0xffff))
                    if frees {
                        if xor(shr(8, sequence), index) {
                            if bits { free(index, mapping_, bits) }
                            index := shr(8, sequence)
                            bits := 0
                        }
                        bits := or(bits, shl(and(sequence, 0xff), 1))
                    }
                    // service id and units, benefit year, sequence, what was billed, whether that is 0
                    let service := or(
                        or(
                            and(row, 0xffffffffffffffffffff00000000000000000000000000000000000000000000),
                            shl(64, and(row, 0xffff000000000000000000000000))
                        ),
                        shl(96, sequence)
                    )
                    let billed := mload(answer) // in its highest 64 bits; there is nothing below
                    mstore(end, calldataload(at))
                    mstore(add(end, 32), or(service, or(shr(160, billed), shl(24, iszero(billed)))))
                    end := add(end, 64)
                    at := add(at, 54)
                    answer := add(answer, 64)
                }
                if bits { free(index, mapping_, bits) }
                mstore(c, at)
                mstore(add(c, CURSOR_ROWS), rows)
                mstore(add(c, CURSOR_ANSWER), answer)
            }
            // Writes all that ended alike of the patient at hand.
            function writePatient(c, topic_, reason_, frees, mapping_) {
                let start := mload(0x40)
                let end := read(c, add(start, 96), reason_, frees, mapping_)
                // The first row stands as the log of one row has it: commitment, parties, amounts, shares, service.
                let service := mload(add(start, 128))
                mstore(start, mload(add(start, 96)))
                mstore(add(start, 32), or(mload(add(c, CURSOR_PARTIES)), reason_))
                mstore(add(start, 64), shl(160, and(service, 0xffffffffffffffff00000000)))
                mstore(add(start, 96), 0)
                mstore(add(start, 128), and(service, not(0xffffffffffffffff00000000)))
                log2(start, sub(end, start), topic_, mload(add(c, CURSOR_PATIENT)))
            }
            for {} 1 {} {
                writePatient(cursor, topic, reason, pends, spent.slot)
                let groups := mload(add(cursor, CURSOR_GROUPS))
                if or(mload(add(cursor, CURSOR_ROWS)), iszero(groups)) { break }
                if xor(and(mload(add(mload(add(cursor, CURSOR_ANSWER)), 32)), 0xff), reason) { break }
                // The next patient's first row ended so too.
                mstore(add(cursor, CURSOR_GROUPS), sub(groups, 1))
                mstore(add(cursor, CURSOR_CHARGE), add(mload(add(cursor, CURSOR_CHARGE)), 32))
                let group := calldataload(mload(cursor))
                mstore(add(cursor, CURSOR_PATIENT), shr(96, group))
                mstore(add(cursor, CURSOR_ROWS), and(shr(88, group), 0xff))
                mstore(cursor, add(mload(cursor), 21))
            }
        }
        unchecked {
            // Two words an answer; at most 2^16 rows of each outcome.
            cursor.tally += ((cursor.answer - before) >> 6) * oneOf(outcome);
        }
    }

    /// What a row that did not settle adds to a tally.
    function oneOf(Outcome outcome) internal pure returns (uint256) {
        if (outcome == Outcome.Denied) return ONE_DENIED;
        return outcome == Outcome.Pended ? ONE_PENDED : ONE_SKIPPED;
    }

    /// The event of a row that did not settle.
    function topicOf(Outcome outcome) internal pure returns (bytes32) {
        if (outcome == Outcome.Denied) return ISettlementState.ClaimDenied.selector;
        return outcome == Outcome.Pended ? ISettlementState.ClaimPended.selector : ISettlementState.ClaimSkipped.selector;
    }
}
