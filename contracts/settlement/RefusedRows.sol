// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BatchCodec} from "../codec/BatchCodec.sol";
import {WordArray} from "../codec/WordArray.sol";
import {Reason, yearReason} from "../types/Outcomes.sol";

/// @notice Answers for rows that no payer is asked about: two words a row, what was billed and the reason, as a payer
/// would answer (IInsurerPayer.adjudicateAll).
library RefusedRows {
    /// Answers that pend every row but those whose sequence was spent before.
    function pendAll(bytes calldata section, bytes memory skipped, Reason reason)
        internal
        pure
        returns (bytes memory answers)
    {
        bytes memory statements = WordArray.zeros(BatchCodec.groupCount(BatchCodec.header(section, 0)) << 5);
        for (uint256 index; index < statements.length >> 5; ++index) {
            WordArray.set(statements, index, uint256(reason));
        }
        return answersOf(section, skipped, statements, 0);
    }

    /// What a payer would answer for a section of whose patients none may be charged anything.
    /// @param statements of each patient, with the reason, see Spendable
    /// @param currentYear 0: every year may be billed
    function answersOf(
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

    /// Says of rows that were left out because no signature under them counts that this is why, and not that their
    /// sequence was spent.
    function notAttested(bytes memory answers, bytes memory refused, bytes memory skipped) internal pure {
        for (uint256 row; row < answers.length >> 6; ++row) {
            if (!WordArray.isSet(refused, row) || WordArray.isSet(skipped, row)) continue;
            WordArray.set(answers, 2 * row + 1, uint256(Reason.NotAttested));
        }
    }
}
