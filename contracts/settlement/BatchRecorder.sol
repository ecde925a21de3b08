// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CreditAccount} from "./CreditAccount.sol";
import {SequenceMarks} from "./SequenceMarks.sol";
import {BatchCodec} from "../codec/BatchCodec.sol";
import {PackedClaim} from "../codec/PackedClaim.sol";
import {WordArray} from "../codec/WordArray.sol";
import {ISettlementState} from "../interfaces/ISettlementState.sol";
import {BatchContext} from "../types/Batch.sol";
import {Outcome, Reason, outcomeOf} from "../types/Outcomes.sol";

/// @notice The part of ClaimSettlement that writes what became of each row: logs, leaves, charges, credit.
/// `_recordRow` says at length what becomes of a row; `_recordPlain` does the same for the commonest at a third
/// of the gas.
abstract contract BatchRecorder is SequenceMarks {
    using CreditAccount for CreditAccount.Account;

    /// What sections add up to, where the reading of the present section stands, and one row's log
    /// and leaf. Whole words, though most hold less: this is read and written for every event. Those with a place
    /// beside them are read and written there by `_recordPlain`. `prefix` to `secondary` are what a claim's id
    /// is the hash of, in order; `commitment` to `service` are the data of its log.
    struct Record {
        uint256 at; //         0x00 where in calldata the next row is, or the next group where `rows` is 0
        uint256 rows; //       0x20 that are left of the group at hand
        uint256 groups; //     0x40 that are left after it
        uint256 answer; //     0x60 where in memory the next row's answer is
        uint256 charge; //     0x80 where in memory the charge of the patient at hand is
        uint256 charged; //    0xa0 patients of the present section, together
        uint256 credit; //     0xc0 what the provider of the present section gains
        uint256 leaf; //       0xe0 where in memory the next leaf goes
        uint256 header; //     0x100 of the present section
        bytes32 prefix; //     0x120
        uint256 patient; //    0x140
        bytes32 commitment; // 0x160
        uint256 parties; //    0x180 of the present section; with a row's own parts while it is recorded
        uint256 amounts; //    0x1a0
        uint256 shares; //     0x1c0
        uint256 service; //    0x1e0
        uint256 secondary; //  0x200
        uint256 nextSecondary; // where in memory the next row's secondary word is; 0: there are none
        uint256 operatorFee; // what the operator gains from the present section
        uint256 tally; // rows settled (counted at the end), denied, pended, skipped: 16 bits each
        bytes leaves; // ids of the settled claims
        bool alone; // the present section is all of a run: its payer pays as soon as it has priced
        bool last; // the present section is the batch's last: the escrow pays as soon as it has charged
        bool disbursed; // the escrow has paid
        BatchContext context;
    }

    /// How many words a Record is.
    uint256 private constant RECORD_WORDS = 25;

    uint256 private constant ONE_DENIED = 1 << 32;
    uint256 private constant ONE_PENDED = 1 << 16;
    uint256 private constant ONE_SKIPPED = 1;

    // ---- the record ---------------------------------------------------------------------------------

    /// A record that is all 0: one, in an array, because a struct that is declared is filled with zeros field by
    /// field first.
    function _blankRecord() internal pure returns (Record[] memory one) {
        // An array's length, the place of its only element, and that element, all 0: RECORD_WORDS words.
        assembly ("memory-safe") {
            one := mload(0x40)
            calldatacopy(one, calldatasize(), mul(32, add(RECORD_WORDS, 2)))
            mstore(one, 1)
            mstore(add(one, 32), add(one, 64))
            mstore(0x40, add(one, mul(32, add(RECORD_WORDS, 2))))
        }
    }

    /// Makes a blank record one of no sections yet, with room for all of these.
    function _startRecord(Record memory record, BatchContext memory context, bytes calldata sections) internal pure {
        (record.context, record.prefix) = (context, context.prefix);
        unchecked {
            // As many leaves as rows can be in so many bytes, and one word more.
            record.leaves = WordArray.zeros(sections.length / BatchCodec.ROW_BYTES * 32 + 32);
        }
        record.leaf = WordArray.start(record.leaves);
    }

    /// The leaves, and the tally.
    function _finishRecord(Record memory record) internal pure returns (bytes memory leaves, uint256 tally) {
        leaves = record.leaves;
        unchecked {
            // `leaf` runs on from the first leaf.
            uint256 settled = (record.leaf - WordArray.start(leaves)) >> 5;
            WordArray.cut(leaves, settled);
            return (leaves, settled << 48 | record.tally);
        }
    }

    /// Adds what a run that was recorded by itself has ended in: its leaves and the tally of the rows that did not
    /// settle.
    function _append(Record memory record, bytes memory leaves) internal pure {
        record.tally += uint48(WordArray.takeLast(leaves));
        record.leaf = WordArray.copy(leaves, record.leaf);
    }

    function _settleCredit(Record memory record, uint32 providerId) internal {
        if (record.credit != 0) _providers[providerId].credit(record.credit);
        if (record.operatorFee != 0) _operators[record.context.operator].credit(record.operatorFee);
    }

    // ---- a section --------------------------------------------------------------------------------

    /// Logs every row of a section and adds up what each patient is charged and the provider credited.
    /// @param answers two words per row: amounts and shares, or the reason why there are none
    /// @param secondaries one word per row where rows were priced one by one, else empty
    /// @return charges one word per patient
    function _record(Record memory record, bytes calldata section, bytes memory answers, bytes memory secondaries)
        internal
        returns (bytes memory charges)
    {
        uint256 header = BatchCodec.header(section, 0);
        charges = WordArray.zeros(BatchCodec.groupCount(header) << 5);
        (record.charged, record.credit, record.operatorFee) = (0, 0, 0);
        (record.header, record.groups) = (header, BatchCodec.groupCount(header));
        record.parties = header >> 160 << 160 | uint256(BatchCodec.secondary(section, 0, header)) << 96;
        unchecked {
            // places in calldata and memory
            record.at = BatchCodec.place(section) + BatchCodec.headerBytes(header);
            record.charge = WordArray.start(charges) - 32;
        }
        record.answer = WordArray.start(answers);
        record.nextSecondary = secondaries.length == 0 ? 0 : WordArray.start(secondaries);
        bool plain = record.nextSecondary == 0 && !record.context.takesFee;
        while (true) {
            if (plain) _recordPlain(record);
            if (record.rows | record.groups == 0) return charges;
            if (record.rows == 0) _openGroup(record);
            _recordRow(record);
        }
    }

    function _openGroup(Record memory record) private pure {
        uint256 group = BatchCodec.load(record.at);
        record.patient = group >> 96;
        unchecked {
            // Counts and places within a section that was checked.
            record.rows = uint8(group >> 88);
            record.at += BatchCodec.GROUP_BYTES;
            record.charge += 32;
            --record.groups;
        }
    }

    /// Records rows until there are none left or one did not settle, had its units counted, or has a part outside
    /// the plan. For sections with one payer, and where no fee is taken. The sum of a section's base and a row's
    /// number is below 2^64: `_markSequences` has seen to it.
    function _recordPlain(Record memory record) private {
        // Reads and writes the fields of `record` at the places that stand beside them, answers, charges and
        // leaves, which are allocated, and scratch space. Words as in PackedClaim; a row's second word as in
        // BatchCodec. Amounts are below 2^64 and at most 2^16 of them are added.
        assembly ("memory-safe") {
            // Logs PlainClaimSettled with a word that stands where `shares` will, and hashes the claim's words:
            // keccak256(keccak256(eight words)).
            function write(record_, logged, shares) {
                mstore(add(record_, 0x1c0), logged)
                log1(add(record_, 0x160), 128, mload(add(record_, 0x140)))
                mstore(add(record_, 0x1c0), shares)
                mstore(0, keccak256(add(record_, 0x120), 256))
                let leaf := mload(add(record_, 0xe0))
                mstore(leaf, keccak256(0, 32))
                mstore(add(record_, 0xe0), add(leaf, 32))
            }
            let at := mload(record)
            let rows := mload(add(record, 0x20))
            let answer := mload(add(record, 0x60))
            let allowed := 0 // of all these rows
            let paid := 0 // by the plan, of all these rows
            let base := and(shr(96, mload(add(record, 0x100))), 0xffffffffffffffff) // of the sequences
            for {} 1 {} {
                if iszero(rows) {
                    let groups := mload(add(record, 0x40))
                    if iszero(groups) { break }
                    mstore(add(record, 0x40), sub(groups, 1))
                    mstore(add(record, 0x80), add(mload(add(record, 0x80)), 32))
                    let group := calldataload(at)
                    mstore(add(record, 0x140), shr(96, group))
                    rows := and(shr(88, group), 0xff)
                    at := add(at, 21)
                }
                let shares := mload(add(answer, 32))
                // a reason, counted units, or something outside the plan
                if and(shares, 0xffffffffffffffff0000000000000000ffffffffffffffff) { break }
                {
                    mstore(add(record, 0x1a0), mload(answer))
                    let amount := shr(192, mload(add(answer, 8))) // allowed
                    allowed := add(allowed, amount)
                    let part := shr(192, mload(add(answer, 48))) // paid by the plan
                    paid := add(paid, part)
                    let charge := mload(add(record, 0x80))
                    mstore(charge, add(mload(charge), sub(amount, part)))
                }
                mstore(add(record, 0x160), calldataload(at))
                {
                    let row := calldataload(add(at, 32))
                    // service id and units, benefit year, sequence, and whether 0 was billed
                    let service := or(shl(112, shr(176, row)), shl(96, and(shr(96, row), 0xffff)))
                    service := or(service, shl(32, add(base, and(shr(80, row), 0xffff))))
                    let flags := iszero(shr(192, calldataload(add(at, 42))))
                    mstore(add(record, 0x1e0), or(shl(64, service), shl(24, flags)))
                    write(record, or(shl(192, shr(192, shares)), or(service, flags)), shares)
                }
                at := add(at, 54)
                answer := add(answer, 64)
                rows := sub(rows, 1)
            }
            mstore(record, at)
            mstore(add(record, 0x20), rows)
            mstore(add(record, 0x60), answer)
            mstore(add(record, 0xa0), add(mload(add(record, 0xa0)), sub(allowed, paid)))
            mstore(add(record, 0xc0), add(mload(add(record, 0xc0)), allowed))
        }
    }

    // ---- any row ----------------------------------------------------------------------------------

    /// Records the row that comes next.
    function _recordRow(Record memory record) private {
        uint256 parties = record.parties;
        (record.commitment, record.service) = _read(record);
        (record.amounts, record.shares) = WordArray.read(record.answer);
        if (BatchCodec.hasSecondary(record.header)) {
            uint256 serviceId = BatchCodec.load(record.at + BatchCodec.ROW_BYTES) >> 192;
            record.parties = parties | serviceId << 32;
        }
        if (PackedClaim.reasonOf(record.amounts, record.shares) != 0) _recordUnsettled(record);
        else _recordSettled(record);
        unchecked {
            // Counts and places within a section that was checked.
            record.at += BatchCodec.rowBytes(record.header);
            record.answer += 64;
            if (record.nextSecondary != 0) record.nextSecondary += 32;
            --record.rows;
        }
        (record.parties, record.secondary) = (parties, 0);
    }

    /// A row's commitment; and its service id, units, benefit year and sequence as PackedClaim places them.
    /// `_markSequences` has checked that the sequence fits.
    function _read(Record memory record) private pure returns (bytes32 commitment, uint256 service) {
        uint256 row = BatchCodec.load(record.at + 32);
        unchecked {
            uint256 sequence = BatchCodec.sequenceBase(record.header) + BatchCodec.sequenceOffset(row);
            service = row >> 176 << 176 | uint256(BatchCodec.benefitYear(row)) << 160 | sequence << 96;
        }
        if (BatchCodec.billed(row) == 0) service |= PackedClaim.BILLED_AS_FEE;
        return (bytes32(BatchCodec.load(record.at)), service);
    }

    function _recordSettled(Record memory record) private {
        if (record.nextSecondary != 0) {
            (uint256 secondary,) = WordArray.read(record.nextSecondary);
            record.service |= uint64(secondary);
            record.secondary = secondary >> 64 << 64;
        } else if (record.shares & PackedClaim.COUNTED != 0) {
            record.service |= PackedClaim.UNITS_COUNTED;
            record.shares ^= PackedClaim.COUNTED;
        }
        uint256 charge = PackedClaim.responsibility(record.amounts, record.shares);
        (uint256 before,) = WordArray.read(record.charge);
        unchecked {
            // At most 2^16 amounts below 2^64.
            WordArray.write(record.charge, before + charge);
            record.charged += charge;
            record.credit += PackedClaim.allowed(record.amounts);
        }
        if (record.context.takesFee) _takeFee(record);
        _emit(ISettlementState.ClaimSettled.selector, record);
        _addLeaf(record);
        address patient = address(uint160(record.patient));
        if (record.secondary != 0) emit SecondaryDetermined(patient, record.commitment, record.secondary);
        if (BatchCodec.isCorrection(record.header)) {
            uint256 end = record.at + BatchCodec.rowBytes(record.header);
            emit ClaimCorrected(bytes32(BatchCodec.load(end - BatchCodec.CORRECTS_BYTES)), record.commitment);
        }
    }

    function _recordUnsettled(Record memory record) private {
        uint256 reason = record.shares;
        (record.parties, record.shares) = (record.parties | reason, 0);
        Outcome outcome = outcomeOf(Reason(reason));
        if (outcome == Outcome.Denied) {
            record.tally += ONE_DENIED;
            _emit(ISettlementState.ClaimDenied.selector, record);
        } else if (outcome == Outcome.Pended) {
            record.tally += ONE_PENDED;
            _unmark(PackedClaim.providerId(record.parties), PackedClaim.sequence(record.service));
            _emit(ISettlementState.ClaimPended.selector, record);
        } else {
            record.tally += ONE_SKIPPED;
            _emit(ISettlementState.ClaimSkipped.selector, record);
        }
    }

    /// Emits one of the four events of a row, whose data lie ready in memory.
    function _emit(bytes32 topic, Record memory record) private {
        // commitment, parties, amounts, shares, service: five words.
        assembly ("memory-safe") {
            log2(add(record, 0x160), 160, topic, mload(add(record, 0x140)))
        }
    }

    /// Writes the id of the claim at hand as the next leaf.
    function _addLeaf(Record memory record) private pure {
        bytes32 id;
        // keccak256(keccak256(the eight words from `prefix` on)), see SettlementState._claimId.
        assembly ("memory-safe") {
            mstore(0, keccak256(add(record, 0x120), 256))
            id := keccak256(0, 32)
        }
        WordArray.write(record.leaf, uint256(id));
        record.leaf += 32;
    }

    /// The operator's fee on one event, out of the provider's credit: never more than that.
    function _takeFee(Record memory record) private pure {
        uint256 allowed = PackedClaim.allowed(record.amounts);
        uint256 fee;
        unchecked {
            // feeFlat < 2^64, allowed < 2^64, feeBps < 2^16
            fee = record.context.feeFlat + allowed * record.context.feeBps / 10_000;
            if (fee > allowed) fee = allowed;
            record.credit -= fee;
            record.operatorFee += fee;
        }
        record.service |= fee << PackedClaim.FEE_SHIFT;
    }
}
