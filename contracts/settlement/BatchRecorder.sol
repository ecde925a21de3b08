// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Coordination} from "./Coordination.sol";
import {IInsurerPayer} from "../interfaces/IInsurerPayer.sol";
import {ISettlementState} from "../interfaces/ISettlementState.sol";
import {BatchCodec} from "../libraries/BatchCodec.sol";
import {ClaimWords} from "../libraries/ClaimWords.sol";
import {CreditAccount} from "../libraries/CreditAccount.sol";
import {Words} from "../libraries/Words.sol";
import {BatchContext} from "../types/Batch.sol";
import {Outcome, Reason, outcomeOf} from "../types/Outcomes.sol";

/// @notice The part of ClaimSettlement that writes what became of each row: sequences, logs, leaves, charges.
abstract contract BatchRecorder is Coordination {
    using CreditAccount for CreditAccount.Account;

    /// What a run of sections adds up to, and where the reading of the present section stands.
    struct Record {
        BatchContext context;
        bool takesFee;
        Tally tally;
        bytes leaves; // ids of the settled claims
        uint256 leafCount;
        uint256 rowBytes; // of the present section
        uint256 charged; // patients of the present section, together
        uint256 credit; // what the provider of the present section gains
        uint256 operatorFee; // what the operator gains from the present section
        uint256 parties; // of the present section, without a row's own parts
        uint256 header; // of the present section
        uint256 offset; // the byte where the section is read on
        uint256 answer; // the memory address of the next row's answer
        uint256 secondary; // the memory address of the next row's secondary word; 0: there are none
        ClaimLog log; // written anew for every row
    }

    /// One row's log and leaf in memory, words in the order in which they are hashed; the log's data are
    /// commitment to service.
    struct ClaimLog {
        bytes32 prefix;
        address patient;
        bytes32 commitment;
        uint256 parties;
        uint256 amounts;
        uint256 shares;
        uint256 service;
        uint256 secondary;
    }

    // ---- the record of a run ------------------------------------------------------------------------

    function _startRecord(BatchContext memory context, bytes calldata sections)
        internal
        pure
        returns (Record memory record)
    {
        (record.context, record.takesFee) = (context, context.takesFee);
        record.log.prefix = context.prefix;
        // Room for as many leaves as rows can be in so many bytes.
        record.leaves = new bytes(sections.length / BatchCodec.ROW_BYTES * 32);
    }

    /// Cuts the leaves to those that are there.
    function _finishRecord(Record memory record) internal pure {
        record.tally.settled = uint32(record.leafCount);
        Words.cut(record.leaves, record.leafCount);
    }

    function _settleCredit(Record memory record, uint32 providerId) internal {
        if (record.credit != 0) _providers[providerId].credit(record.credit);
        if (record.operatorFee != 0) _operators[record.context.operator].credit(record.operatorFee);
    }

    function _add(Tally memory tally, Tally memory more) internal pure {
        tally.settled += more.settled;
        tally.denied += more.denied;
        tally.pended += more.pended;
        tally.skipped += more.skipped;
    }

    // ---- sequences --------------------------------------------------------------------------------

    /// Marks every row's sequence before anything is priced, so that two rows of one batch cannot share
    /// one; `_record` unmarks what pends. Also checks that the section is well formed.
    /// @return skipped a bit per row, 1: its sequence was spent before
    function _markSequences(bytes calldata section) internal returns (bytes memory skipped) {
        uint256 header = BatchCodec.header(section, 0);
        BatchCodec.checkGroups(section, header);
        skipped = new bytes((BatchCodec.rowCount(header) + 255 >> 8) * 32);
        mapping(uint256 word => uint256) storage words = _spent[BatchCodec.providerId(header)];
        uint256 size = BatchCodec.rowBytes(header);
        uint256 offset = BatchCodec.headerBytes(header);
        uint256 index = type(uint256).max; // of the word at hand: none yet
        uint256 word;
        uint256 row;
        unchecked {
            // Counts and offsets within a section that was checked.
            for (uint256 groups = BatchCodec.groupCount(header); groups != 0; --groups) {
                (, uint256 end) = BatchCodec.group(section, offset);
                offset += BatchCodec.GROUP_BYTES;
                for (end += row; row < end; ++row) {
                    uint256 sequence = BatchCodec.sequence(header, BatchCodec.header(section, offset + 32));
                    if (sequence >> 8 != index) {
                        if (index != type(uint256).max) words[index] = word;
                        index = sequence >> 8;
                        word = words[index];
                    }
                    uint256 bit = 1 << (sequence & 0xff);
                    if (word & bit != 0) Words.setBit(skipped, row);
                    else word |= bit;
                    offset += size;
                }
            }
        }
        words[index] = word;
    }

    function _unmark(uint32 providerId, uint64 sequence) private {
        _spent[providerId][sequence >> 8] &= ~(1 << (sequence & 0xff));
    }

    /// Answers that pend every row but those whose sequence was spent before.
    function _pendAll(bytes calldata section, bytes memory skipped, Reason reason)
        internal
        pure
        returns (bytes memory answers)
    {
        uint256 header = BatchCodec.header(section, 0);
        uint256 offset = BatchCodec.headerBytes(header);
        answers = new bytes(BatchCodec.rowCount(header) * 64);
        uint256 row;
        for (uint256 groups = BatchCodec.groupCount(header); groups != 0; --groups) {
            (, uint256 end) = BatchCodec.group(section, offset);
            offset += BatchCodec.GROUP_BYTES;
            for (end += row; row < end; ++row) {
                uint256 billed = BatchCodec.billed(BatchCodec.header(section, offset + 32));
                Words.set(answers, 2 * row, billed << 192);
                Words.set(
                    answers, 2 * row + 1, uint256(Words.isSet(skipped, row) ? Reason.SequenceSpent : reason)
                );
                offset += BatchCodec.rowBytes(header);
            }
        }
    }

    // ---- rows -------------------------------------------------------------------------------------

    /// Logs every row of a section and adds up what each patient is charged and the provider credited.
    /// @param answers two words per row: amounts and shares, or the reason why there are none
    /// @param secondaries one word per row where rows were priced one by one, else empty
    /// @return charges one word per patient
    function _record(Record memory record, bytes calldata section, bytes memory answers, bytes memory secondaries)
        internal
        returns (bytes memory charges)
    {
        uint256 header = BatchCodec.header(section, 0);
        (record.charged, record.credit, record.operatorFee) = (0, 0, 0);
        record.parties = header >> 160 << 160 | uint256(BatchCodec.secondary(section, 0, header)) << 96;
        (record.header, record.offset, record.log.secondary) = (header, BatchCodec.headerBytes(header), 0);
        record.rowBytes = BatchCodec.rowBytes(header);
        record.answer = Words.start(answers);
        record.secondary = secondaries.length == 0 ? 0 : Words.start(secondaries);
        uint256 groups = BatchCodec.groupCount(header);
        charges = new bytes(groups * 32);
        for (uint256 group; group < groups; ++group) {
            uint256 charge = _recordGroup(record, section);
            Words.set(charges, group, charge);
            record.charged += charge;
        }
    }

    /// Logs the rows of one patient; returns what the patient is charged.
    function _recordGroup(Record memory record, bytes calldata section) private returns (uint256 charge) {
        ClaimLog memory log = record.log;
        uint256 rows;
        (log.patient, rows) = BatchCodec.group(section, record.offset);
        log.parties = record.parties;
        uint256 offset = record.offset + BatchCodec.GROUP_BYTES;
        uint256 answer = record.answer;
        unchecked {
            // Counts and offsets within a section that was checked; charges are parts of what patients hold.
            for (; rows != 0; --rows) {
                log.commitment = bytes32(BatchCodec.header(section, offset));
                log.service = _service(BatchCodec.header(section, offset + 32), record.header);
                (log.amounts, log.shares) = Words.read(answer);
                if (ClaimWords.reasonOf(log.amounts, log.shares) != 0) {
                    _recordUnsettled(record, section, offset);
                } else if (record.secondary == 0 && log.shares & ClaimWords.COUNTED == 0) {
                    charge += ClaimWords.allowed(log.amounts) - ClaimWords.planPaid(log.shares);
                    _recordSettled(record, log);
                } else {
                    charge += _recordUnusual(record, section, offset);
                }
                answer += 64;
                offset += record.rowBytes;
            }
        }
        (record.offset, record.answer) = (offset, answer);
    }

    function _recordSettled(Record memory record, ClaimLog memory log) private {
        unchecked {
            // At most 2^16 amounts below 2^64.
            record.credit += ClaimWords.allowed(log.amounts);
            ++record.leafCount;
        }
        if (record.takesFee) _takeFee(record);
        _emit(ISettlementState.ClaimSettled.selector, log);
        _addLeaf(record.leaves, record.leafCount, log);
    }

    /// A settled row that was priced by itself, or whose units the payer has counted.
    function _recordUnusual(Record memory record, bytes calldata section, uint256 offset)
        private
        returns (uint256 charge)
    {
        ClaimLog memory log = record.log;
        if (record.secondary == 0) {
            log.service |= ClaimWords.UNITS_COUNTED;
            log.shares ^= ClaimWords.COUNTED;
            _recordSettled(record, log);
            return ClaimWords.responsibility(log.amounts, log.shares);
        }

        (uint256 secondary,) = Words.read(record.secondary);
        record.secondary += 32;
        log.service |= uint64(secondary);
        log.secondary = secondary >> 64 << 64;
        log.parties = _parties(record, section, offset);
        _recordSettled(record, log);
        if (log.secondary != 0) emit SecondaryDetermined(log.patient, log.commitment, log.secondary);
        if (BatchCodec.isCorrection(record.header)) {
            emit ClaimCorrected(BatchCodec.corrects(section, offset, record.rowBytes), log.commitment);
        }
        return ClaimWords.responsibility(log.amounts, log.shares);
    }

    /// The parties of one row: the section's, and the secondary payer's own id of the service.
    function _parties(Record memory record, bytes calldata section, uint256 offset) private pure returns (uint256) {
        if (!BatchCodec.hasSecondary(record.header)) return record.parties;
        return record.parties | uint256(uint64(BatchCodec.secondaryServiceId(section, offset))) << 32;
    }

    function _recordUnsettled(Record memory record, bytes calldata section, uint256 offset) private {
        ClaimLog memory log = record.log;
        uint256 reason = log.shares;
        (log.parties, log.shares) = (_parties(record, section, offset) | reason, 0);
        Outcome outcome = outcomeOf(Reason(reason));
        if (outcome == Outcome.Denied) {
            ++record.tally.denied;
            _emit(ISettlementState.ClaimDenied.selector, log);
        } else if (outcome == Outcome.Pended) {
            ++record.tally.pended;
            _unmark(ClaimWords.providerId(log.parties), ClaimWords.sequence(log.service));
            _emit(ISettlementState.ClaimPended.selector, log);
        } else {
            ++record.tally.skipped;
            _emit(ISettlementState.ClaimSkipped.selector, log);
        }
        log.parties = record.parties;
        if (record.secondary != 0) record.secondary += 32;
    }

    /// Emits one of the four events of a row, whose data lie ready in memory.
    function _emit(bytes32 topic, ClaimLog memory log) private {
        address patient = log.patient;
        // commitment, parties, amounts, shares, service: five words from the third on.
        assembly ("memory-safe") {
            log2(add(log, 64), 160, topic, patient)
        }
    }

    /// Writes the id of a settled claim as leaf number `count`, counted from 1.
    function _addLeaf(bytes memory leaves, uint256 count, ClaimLog memory log) private pure {
        // keccak256(keccak256(the eight words of the log)), see SettlementState._claimId; leaf number 1 follows
        // the length word.
        assembly ("memory-safe") {
            mstore(0, keccak256(log, 256))
            mstore(add(leaves, shl(5, count)), keccak256(0, 32))
        }
    }

    /// The operator's fee on one event, out of the provider's credit: never more than that.
    function _takeFee(Record memory record) private pure {
        uint256 allowed = ClaimWords.allowed(record.log.amounts);
        uint256 fee;
        unchecked {
            // feeFlat < 2^64, allowed < 2^64, feeBps < 2^16
            fee = record.context.feeFlat + allowed * record.context.feeBps / 10_000;
            if (fee > allowed) fee = allowed;
            record.credit -= fee;
            record.operatorFee += fee;
        }
        record.log.service |= fee << ClaimWords.FEE_SHIFT;
    }

    /// serviceId, units, benefit year and sequence of a row as ClaimWords places them. `_markSequences` has
    /// checked that the sequence fits.
    function _service(uint256 rowWord, uint256 header) private pure returns (uint256 service) {
        unchecked {
            uint256 sequence = BatchCodec.sequenceBase(header) + BatchCodec.sequenceOffset(rowWord);
            service = rowWord >> 176 << 176 | uint256(BatchCodec.benefitYear(rowWord)) << 160 | sequence << 96;
        }
        if (BatchCodec.billed(rowWord) == 0) service |= ClaimWords.BILLED_AS_FEE;
    }

    /// The contracts of both payers of a section.
    function _payerContracts(uint256 payers_) internal view returns (Payers memory pair) {
        (pair.primaryId, pair.secondaryId) = (uint32(payers_ >> 32), uint32(payers_));
        if (pair.primaryId != 0) {
            pair.primary = IInsurerPayer(_payerAddress(pair.primaryId));
            pair.unknown = address(pair.primary).code.length == 0;
        }
        if (pair.secondaryId != 0) {
            pair.secondary = IInsurerPayer(_payerAddress(pair.secondaryId));
            pair.unknown = pair.unknown || address(pair.secondary).code.length == 0;
        }
    }
}
