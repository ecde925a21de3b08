// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CreditAccount} from "./CreditAccount.sol";
import {SequenceBitmap} from "./SequenceBitmap.sol";
import {BatchCodec} from "../codec/BatchCodec.sol";
import {PackedClaim} from "../codec/PackedClaim.sol";
import {WordArray} from "../codec/WordArray.sol";
import {ISettlementState} from "../interfaces/ISettlementState.sol";
import {BatchContext} from "../types/Batch.sol";
import {Outcome, Reason, outcomeOf} from "../types/Outcomes.sol";

/// @notice The part of ClaimSettlement that writes what became of each row: logs, leaves, charges, credit.
/// `_writeRow` says at length what becomes of a row; `_fastPath` does the same for the commonest at a third
/// of the gas, `_writeAlike` for those that did not settle.
abstract contract BatchWriter is SequenceBitmap {
    using CreditAccount for CreditAccount.Account;

    /// What sections add up to, where the reading of the present section stands, and one row's log
    /// and leaf. Whole words, though most hold less: this is read and written for every event. Those with a place
    /// beside them are read and written there by `_fastPath`. `prefix` to `secondary` are what a claim's id
    /// is the hash of, in order; `commitment` to `service` are the data of its log.
    struct Cursor {
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
        uint256 parties; //    0x180 of the present section; with a row's own parts while it is written
        uint256 amounts; //    0x1a0
        uint256 shares; //     0x1c0
        uint256 service; //    0x1e0
        uint256 secondary; //  0x200
        uint256 secondaryService; // where in calldata that of the next row is, in a section with flag 1
        uint256 corrects; // where in calldata the claim is that the next row corrects, in a section with flag 2
        uint256 nextSecondary; // where in memory the next row's secondary word is; 0: there are none
        uint256 operatorFee; // what the operator gains from the present section
        uint256 held; // what this contract must hold when all have paid: what it held before, and what was credited
        uint256 tally; // rows settled (counted at the end), denied, pended, skipped: 16 bits each
        bytes leaves; // ids of the settled claims
        bool alone; // the present section is all of a run: its payer pays as soon as it has priced
        bool last; // the present section is the batch's last: the escrow pays as soon as it has charged
        bool disbursed; // the escrow has paid
        BatchContext context;
    }

    /// How many words a Cursor is.
    uint256 private constant CURSOR_WORDS = 28;

    uint256 private constant ONE_DENIED = 1 << 32;
    uint256 private constant ONE_PENDED = 1 << 16;
    uint256 private constant ONE_SKIPPED = 1;

    // ---- the cursor ---------------------------------------------------------------------------------

    /// A cursor that is all 0: one, in an array, because a struct that is declared is filled with zeros field by
    /// field first.
    function _blankCursor() internal pure returns (Cursor[] memory one) {
        // An array's length, the place of its only element, and that element, all 0: CURSOR_WORDS words.
        assembly ("memory-safe") {
            one := mload(0x40)
            calldatacopy(one, calldatasize(), mul(32, add(CURSOR_WORDS, 2)))
            mstore(one, 1)
            mstore(add(one, 32), add(one, 64))
            mstore(0x40, add(one, mul(32, add(CURSOR_WORDS, 2))))
        }
    }

    /// Makes a blank cursor one of no sections yet, with room for all of these.
    function _startCursor(Cursor memory cursor, BatchContext memory context, bytes calldata sections) internal pure {
        (cursor.context, cursor.prefix) = (context, context.prefix);
        unchecked {
            // As many leaves as rows can be in so many bytes, and one word more.
            cursor.leaves = WordArray.zeros(sections.length / BatchCodec.ROW_BYTES * 32 + 32);
        }
        cursor.leaf = WordArray.start(cursor.leaves);
    }

    /// The leaves, and the tally.
    function _finishCursor(Cursor memory cursor) internal pure returns (bytes memory leaves, uint256 tally) {
        leaves = cursor.leaves;
        unchecked {
            // `leaf` runs on from the first leaf.
            uint256 settled = (cursor.leaf - WordArray.start(leaves)) >> 5;
            WordArray.cut(leaves, settled);
            return (leaves, settled << 48 | cursor.tally);
        }
    }

    /// Adds what a run that was written by itself has ended in: its leaves, what it has credited, and the tally of the
    /// rows that did not settle.
    function _append(Cursor memory cursor, bytes memory leaves) internal pure {
        uint256 sums = WordArray.takeLast(leaves);
        cursor.held += sums >> 64;
        cursor.tally += uint48(sums);
        cursor.leaf = WordArray.copy(leaves, cursor.leaf);
    }

    function _settleCredit(Cursor memory cursor, uint32 providerId) internal {
        if (cursor.credit != 0) _providers[providerId].credit(cursor.credit);
        if (cursor.operatorFee != 0) _operators[cursor.context.operator].credit(cursor.operatorFee);
        unchecked {
            // A balance below 2^128, and at most 2^16 amounts below 2^64.
            cursor.held += cursor.credit + cursor.operatorFee;
        }
    }

    // ---- a section --------------------------------------------------------------------------------

    /// Logs every row of a section and adds up what each patient is charged and the provider credited.
    /// @param answers two words per row: amounts and shares, or the reason why there are none
    /// @param secondaries one word per row where rows were priced one by one, else empty
    /// @return charges one word per patient
    function _writeSection(Cursor memory cursor, bytes calldata section, bytes memory answers, bytes memory secondaries)
        internal
        returns (bytes memory charges)
    {
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
            if (plain) _fastPath(cursor);
            if (cursor.rows | cursor.groups == 0) return charges;
            if (cursor.rows == 0) _openGroup(cursor);
            uint256 reason = BatchCodec.flags(header) == 0 ? _reasonAt(cursor.answer) : 0;
            if (reason != 0) _writeAlike(cursor, reason);
            else _writeRow(cursor);
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

    /// Writes rows until there are none left or one did not settle, had its units counted, or has a part outside
    /// the plan. For sections with one payer, and where no fee is taken. One log has what stands together of a
    /// patient. The sum of a section's base and a row's number is below 2^64: `_useSequences` has seen to it.
    function _fastPath(Cursor memory cursor) private {
        // Reads and writes the fields of `cursor` at the places that stand beside them, answers, charges and
        // leaves, which are allocated, scratch space, and what lies behind the free memory pointer. Words as in
        // PackedClaim; a row's second word as in BatchCodec. Amounts are below 2^64 and at most 2^16 of them are
        // added.
        assembly ("memory-safe") {
            // PlainClaimSettled of the rows that stand before `end`, where there are any: the parties come behind the
            // first one's commitment.
            function flush(c, start, end) {
                if lt(add(start, 32), end) {
                    mstore(start, mload(add(start, 32)))
                    mstore(add(start, 32), mload(add(c, 0x180)))
                    log1(start, sub(end, start), mload(add(c, 0x140)))
                }
            }
            // Writes rows from where `c` stands, which stands behind them at the end.
            function run(c) {
                let at := mload(c)
                let rows := mload(add(c, 0x20))
                let answer := mload(add(c, 0x60))
                let start := mload(0x40) // of the log: three words a row, behind one that is free yet
                let end := add(start, 32)
                let allowed := 0 // of all these rows
                let owed := 0 // by the patients, of all these rows
                for {} 1 {} {
                    if iszero(rows) {
                        flush(c, start, end)
                        end := add(start, 32)
                        let groups := mload(add(c, 0x40))
                        if iszero(groups) { break }
                        mstore(add(c, 0x40), sub(groups, 1))
                        mstore(add(c, 0x80), add(mload(add(c, 0x80)), 32))
                        let group := calldataload(at)
                        mstore(add(c, 0x140), shr(96, group))
                        rows := and(shr(88, group), 0xff)
                        at := add(at, 21)
                    }
                    let shares := mload(add(answer, 32))
                    // a reason, counted units, or something outside the plan
                    if and(shares, 0xffffffffffffffff0000000000000000ffffffffffffffff) { break }
                    mstore(add(c, 0x1c0), shares)
                    {
                        let amounts := mload(answer)
                        mstore(add(c, 0x1a0), amounts)
                        mstore(add(end, 32), amounts)
                        amounts := shr(192, mload(add(answer, 8))) // allowed
                        allowed := add(allowed, amounts)
                        amounts := sub(amounts, shr(192, mload(add(answer, 48)))) // less what the plan has paid
                        owed := add(owed, amounts)
                        let charge := mload(add(c, 0x80))
                        mstore(charge, add(mload(charge), amounts))
                    }
                    {
                        let commitment := calldataload(at)
                        mstore(add(c, 0x160), commitment)
                        mstore(end, commitment)
                    }
                    {
                        let row := calldataload(add(at, 32))
                        // service id and units, benefit year, sequence
                        let sequence := add(shr(96, mload(add(c, 0x100))), and(shr(80, row), 0xffff))
                        let service := or(
                            or(
                                and(row, 0xffffffffffffffffffff00000000000000000000000000000000000000000000),
                                shl(64, and(row, 0xffff000000000000000000000000))
                            ),
                            shr(96, shl(192, sequence))
                        )
                        // whether 0 was billed
                        let flags := iszero(shr(192, calldataload(add(at, 42))))
                        mstore(add(c, 0x1e0), or(service, shl(24, flags)))
                        // The coinsurance, of which nothing but what the plan has paid stands below.
                        shares := xor(shares, shr(128, shl(128, shares)))
                        mstore(add(end, 64), or(shares, or(shr(64, service), flags)))
                    }
                    {
                        // The claim's id: keccak256(keccak256(eight words)).
                        mstore(0, keccak256(add(c, 0x120), 256))
                        let leaf := mload(add(c, 0xe0))
                        mstore(leaf, keccak256(0, 32))
                        mstore(add(c, 0xe0), add(leaf, 32))
                    }
                    end := add(end, 96)
                    answer := add(answer, 64)
                    at := add(at, 54)
                    rows := sub(rows, 1)
                }
                flush(c, start, end)
                mstore(c, at)
                mstore(add(c, 0x20), rows)
                mstore(add(c, 0x60), answer)
                mstore(add(c, 0xa0), add(mload(add(c, 0xa0)), owed))
                mstore(add(c, 0xc0), add(mload(add(c, 0xc0)), allowed))
            }

            run(cursor)
        }
    }

    /// Writes the row that comes next and those behind it that ended alike, by the same reason: in one log of each
    /// patient, and their sequences are given back a word at a time. For sections without flags. `_writeRow`, row by
    /// row, does the same with a log of each.
    function _writeAlike(Cursor memory cursor, uint256 reason) private {
        Outcome outcome = outcomeOf(Reason(reason));
        bytes32 topic = _topicOf(outcome);
        bool pends = outcome == Outcome.Pended;
        mapping(uint256 word => uint256) storage spent = _spent[BatchCodec.providerId(cursor.header)];
        uint256 before = cursor.answer;
        // As in `_fastPath`; besides, bits of the provider's bitmap are cleared.
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
                let rows := mload(add(c, 0x20))
                let answer := mload(add(c, 0x60))
                let base := and(shr(96, mload(add(c, 0x100))), 0xffffffffffffffff) // of the sequences
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
                mstore(add(c, 0x20), rows)
                mstore(add(c, 0x60), answer)
            }
            // Writes all that ended alike of the patient at hand.
            function write(c, topic_, reason_, frees, mapping_) {
                let start := mload(0x40)
                let end := read(c, add(start, 96), reason_, frees, mapping_)
                // The first row stands as the log of one row has it: commitment, parties, amounts, shares, service.
                let service := mload(add(start, 128))
                mstore(start, mload(add(start, 96)))
                mstore(add(start, 32), or(mload(add(c, 0x180)), reason_))
                mstore(add(start, 64), shl(160, and(service, 0xffffffffffffffff00000000)))
                mstore(add(start, 96), 0)
                mstore(add(start, 128), and(service, not(0xffffffffffffffff00000000)))
                log2(start, sub(end, start), topic_, mload(add(c, 0x140)))
            }
            for {} 1 {} {
                write(cursor, topic, reason, pends, spent.slot)
                let groups := mload(add(cursor, 0x40))
                if or(mload(add(cursor, 0x20)), iszero(groups)) { break }
                if xor(and(mload(add(mload(add(cursor, 0x60)), 32)), 0xff), reason) { break }
                // The next patient's first row ended so too.
                mstore(add(cursor, 0x40), sub(groups, 1))
                mstore(add(cursor, 0x80), add(mload(add(cursor, 0x80)), 32))
                let group := calldataload(mload(cursor))
                mstore(add(cursor, 0x140), shr(96, group))
                mstore(add(cursor, 0x20), and(shr(88, group), 0xff))
                mstore(cursor, add(mload(cursor), 21))
            }
        }
        unchecked {
            // Two words an answer; at most 2^16 rows of each outcome.
            cursor.tally += ((cursor.answer - before) >> 6) * _oneOf(outcome);
        }
    }

    // ---- any row ----------------------------------------------------------------------------------

    /// Writes the row that comes next.
    function _writeRow(Cursor memory cursor) private {
        uint256 parties = cursor.parties;
        (cursor.commitment, cursor.service) = _read(cursor);
        (cursor.amounts, cursor.shares) = WordArray.read(cursor.answer);
        if (BatchCodec.hasSecondary(cursor.header)) {
            uint256 serviceId = BatchCodec.load(cursor.secondaryService) >> 192;
            cursor.parties = parties | serviceId << 32;
        }
        if (PackedClaim.reasonOf(cursor.amounts, cursor.shares) != 0) _writeUnsettled(cursor);
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
    /// `_useSequences` has checked that the sequence fits.
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
        if (cursor.secondary != 0) emit SecondaryDetermined(patient, cursor.commitment, cursor.secondary);
        if (BatchCodec.isCorrection(cursor.header)) {
            emit ClaimCorrected(bytes32(BatchCodec.load(cursor.corrects)), cursor.commitment);
        }
    }

    function _writeUnsettled(Cursor memory cursor) private {
        uint256 reason = cursor.shares;
        (cursor.parties, cursor.shares) = (cursor.parties | reason, 0);
        Outcome outcome = outcomeOf(Reason(reason));
        cursor.tally += _oneOf(outcome);
        if (outcome == Outcome.Pended) {
            _freeSequence(PackedClaim.providerId(cursor.parties), PackedClaim.sequence(cursor.service));
        }
        _emit(_topicOf(outcome), cursor);
    }

    /// What a row that did not settle adds to a tally.
    function _oneOf(Outcome outcome) private pure returns (uint256) {
        if (outcome == Outcome.Denied) return ONE_DENIED;
        return outcome == Outcome.Pended ? ONE_PENDED : ONE_SKIPPED;
    }

    /// The event of a row that did not settle.
    function _topicOf(Outcome outcome) private pure returns (bytes32) {
        if (outcome == Outcome.Denied) return ISettlementState.ClaimDenied.selector;
        return outcome == Outcome.Pended ? ISettlementState.ClaimPended.selector : ISettlementState.ClaimSkipped.selector;
    }

    /// Emits one of the four events of a row, whose data lie ready in memory.
    function _emit(bytes32 topic, Cursor memory cursor) private {
        // commitment, parties, amounts, shares, service: five words.
        assembly ("memory-safe") {
            log2(add(cursor, 0x160), 160, topic, mload(add(cursor, 0x140)))
        }
    }

    /// Writes the id of the claim at hand as the next leaf.
    function _addLeaf(Cursor memory cursor) private pure {
        bytes32 id;
        // keccak256(keccak256(the eight words from `prefix` on)), see SettlementState._claimId.
        assembly ("memory-safe") {
            mstore(0, keccak256(add(cursor, 0x120), 256))
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
