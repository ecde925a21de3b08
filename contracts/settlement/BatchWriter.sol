// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {
    CURSOR_COMMITMENT,
    CURSOR_PATIENT,
    CURSOR_PREFIX,
    Cursor
} from "./Cursor.sol";
import {PlainRows} from "./PlainRows.sol";
import {SequenceBitmap} from "./SequenceBitmap.sol";
import {UnsettledRows} from "./UnsettledRows.sol";
import {BatchCodec} from "../codec/BatchCodec.sol";
import {PackedClaim} from "../codec/PackedClaim.sol";
import {WordArray} from "../codec/WordArray.sol";
import {ISettlementState} from "../interfaces/ISettlementState.sol";
import {Outcome, Reason, outcomeOf} from "../types/Outcomes.sol";

/// @notice Writes what became of each row of a section: logs, leaves, charges, credit. `_writeRow` says at length what
/// becomes of a row; PlainRows and UnsettledRows do the same for the commonest ends.
library BatchWriter {
    /// Logs every row of a section and adds up what each patient is charged and the provider credited.
    /// @param answers two words per row: amounts and shares, or the reason why there are none
    /// @param secondaries one word per row where rows were priced one by one, else empty
    /// @param spent the bitmap of the section's provider
    /// @return charges one word per patient
    function write(
        Cursor memory cursor,
        bytes calldata section,
        bytes memory answers,
        bytes memory secondaries,
        mapping(uint256 word => uint256) storage spent
    ) internal returns (bytes memory charges) {
        (uint256 header, uint256 at) = (BatchCodec.header(section, 0), BatchCodec.place(section));
        uint256 groups = BatchCodec.groupCount(header);
        charges = WordArray.zeros(groups << 5);
        (cursor.charged, cursor.credit, cursor.operatorFee) = (0, 0, 0);
        (cursor.header, cursor.groups, cursor.parties) = (header, groups, header >> 160 << 160);
        unchecked {
            // places in calldata and memory
            cursor.at = at + BatchCodec.headerBytes(header);
            cursor.charge = WordArray.start(charges) - 32;
            if (BatchCodec.flags(header) != 0) {
                cursor.parties |= uint256(BatchCodec.secondary(section, 0, header)) << 96;
                cursor.secondaryService = at + BatchCodec.groupsEnd(header);
                cursor.corrects = at + BatchCodec.correctsAt(header);
            }
        }
        cursor.answer = WordArray.start(answers);
        cursor.nextSecondary = secondaries.length == 0 ? 0 : WordArray.start(secondaries);
        bool plain = cursor.nextSecondary == 0 && !cursor.context.takesFee;
        while (true) {
            if (plain) PlainRows.write(cursor);
            if (cursor.rows | cursor.groups == 0) return charges;
            if (cursor.rows == 0) _openGroup(cursor);
            uint256 reason = BatchCodec.flags(header) == 0 ? _reasonAt(cursor.answer) : 0;
            if (reason != 0) UnsettledRows.write(cursor, reason, spent);
            else _writeRow(cursor, spent);
        }
    }

    /// Why the row of an answer did not settle; 0: it did.
    function _reasonAt(uint256 answer) private pure returns (uint256) {
        (uint256 amounts, uint256 shares) = WordArray.read(answer);
        return PackedClaim.reasonOf(amounts, shares);
    }

    function _openGroup(Cursor memory cursor) private pure {
        uint256 group = BatchCodec.load(cursor.at);
        cursor.patient = group >> 96;
        unchecked {
            // Counts and places within a section that was checked.
            cursor.rows = uint8(group >> 88);
            cursor.at += BatchCodec.GROUP_BYTES;
            cursor.charge += 32;
            --cursor.groups;
        }
    }

    // ---- any row ----------------------------------------------------------------------------------

    /// Writes the row that comes next.
    function _writeRow(Cursor memory cursor, mapping(uint256 word => uint256) storage spent) private {
        uint256 parties = cursor.parties;
        (cursor.commitment, cursor.service) = _read(cursor);
        (cursor.amounts, cursor.shares) = WordArray.read(cursor.answer);
        if (BatchCodec.hasSecondary(cursor.header)) {
            uint256 serviceId = BatchCodec.load(cursor.secondaryService) >> 192;
            cursor.parties = parties | serviceId << 32;
        }
        if (PackedClaim.reasonOf(cursor.amounts, cursor.shares) != 0) _writeUnsettled(cursor, spent);
        else _writeSettled(cursor);
        unchecked {
            // Counts and places within a section that was checked.
            cursor.at += BatchCodec.ROW_BYTES;
            cursor.secondaryService += BatchCodec.SECONDARY_SERVICE_BYTES;
            cursor.corrects += BatchCodec.CORRECTS_BYTES;
            cursor.answer += 64;
            if (cursor.nextSecondary != 0) cursor.nextSecondary += 32;
            --cursor.rows;
        }
        (cursor.parties, cursor.secondary) = (parties, 0);
    }

    /// A row's commitment; and its service id, units, benefit year and sequence as PackedClaim places them.
    /// SequenceBitmap has checked that the sequence fits.
    function _read(Cursor memory cursor) private pure returns (bytes32 commitment, uint256 service) {
        uint256 row = BatchCodec.load(cursor.at + 32);
        unchecked {
            uint256 sequence = BatchCodec.sequenceBase(cursor.header) + BatchCodec.sequenceOffset(row);
            service = row >> 176 << 176 | uint256(BatchCodec.benefitYear(row)) << 160 | sequence << 96;
        }
        if (BatchCodec.billed(row) == 0) service |= PackedClaim.BILLED_AS_FEE;
        return (bytes32(BatchCodec.load(cursor.at)), service);
    }

    function _writeSettled(Cursor memory cursor) private {
        if (cursor.nextSecondary != 0) {
            (uint256 secondary,) = WordArray.read(cursor.nextSecondary);
            cursor.service |= uint64(secondary);
            cursor.secondary = secondary >> 64 << 64;
        } else if (cursor.shares & PackedClaim.COUNTED != 0) {
            cursor.service |= PackedClaim.UNITS_COUNTED;
            cursor.shares ^= PackedClaim.COUNTED;
        }
        uint256 charge = PackedClaim.responsibility(cursor.amounts, cursor.shares);
        (uint256 before,) = WordArray.read(cursor.charge);
        unchecked {
            // At most 2^16 amounts below 2^64.
            WordArray.write(cursor.charge, before + charge);
            cursor.charged += charge;
            cursor.credit += PackedClaim.allowed(cursor.amounts);
        }
        if (cursor.context.takesFee) _takeFee(cursor);
        _emit(ISettlementState.ClaimSettled.selector, cursor);
        _addLeaf(cursor);
        address patient = address(uint160(cursor.patient));
        if (cursor.secondary != 0) emit ISettlementState.SecondaryDetermined(patient, cursor.commitment, cursor.secondary);
        if (BatchCodec.isCorrection(cursor.header)) {
            emit ISettlementState.ClaimCorrected(bytes32(BatchCodec.load(cursor.corrects)), cursor.commitment);
        }
    }

    function _writeUnsettled(Cursor memory cursor, mapping(uint256 word => uint256) storage spent) private {
        uint256 reason = cursor.shares;
        (cursor.parties, cursor.shares) = (cursor.parties | reason, 0);
        Outcome outcome = outcomeOf(Reason(reason));
        cursor.tally += UnsettledRows.oneOf(outcome);
        if (outcome == Outcome.Pended) {
            SequenceBitmap.free(spent, PackedClaim.sequence(cursor.service));
        }
        _emit(UnsettledRows.topicOf(outcome), cursor);
    }

    /// Emits one of the four events of a row, whose data lie ready in memory.
    function _emit(bytes32 topic, Cursor memory cursor) private {
        // commitment, parties, amounts, shares, service: five words.
        assembly ("memory-safe") {
            log2(add(cursor, CURSOR_COMMITMENT), 160, topic, mload(add(cursor, CURSOR_PATIENT)))
        }
    }

    /// Writes the id of the claim at hand as the next leaf.
    function _addLeaf(Cursor memory cursor) private pure {
        bytes32 id;
        // keccak256(keccak256(the eight words from `prefix` on)), see SettlementState._claimId.
        assembly ("memory-safe") {
            mstore(0, keccak256(add(cursor, CURSOR_PREFIX), 256))
            id := keccak256(0, 32)
        }
        WordArray.write(cursor.leaf, uint256(id));
        cursor.leaf += 32;
    }

    /// The operator's fee on one event, out of the provider's credit: never more than that.
    function _takeFee(Cursor memory cursor) private pure {
        uint256 allowed = PackedClaim.allowed(cursor.amounts);
        uint256 fee;
        unchecked {
            // feeFlat < 2^64, allowed < 2^64, feeBps < 2^16
            fee = cursor.context.feeFlat + allowed * cursor.context.feeBps / 10_000;
            if (fee > allowed) fee = allowed;
            cursor.credit -= fee;
            cursor.operatorFee += fee;
        }
        cursor.service |= fee << PackedClaim.FEE_SHIFT;
    }
}
