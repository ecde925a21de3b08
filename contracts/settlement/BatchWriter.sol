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
/// of the gas.
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
        uint256 header = BatchCodec.header(section, 0);
        charges = WordArray.zeros(BatchCodec.groupCount(header) << 5);
        (cursor.charged, cursor.credit, cursor.operatorFee) = (0, 0, 0);
        (cursor.header, cursor.groups) = (header, BatchCodec.groupCount(header));
        cursor.parties = header >> 160 << 160 | uint256(BatchCodec.secondary(section, 0, header)) << 96;
        unchecked {
            // places in calldata and memory
            cursor.at = BatchCodec.place(section) + BatchCodec.headerBytes(header);
            cursor.charge = WordArray.start(charges) - 32;
            if (BatchCodec.flags(header) != 0) {
                cursor.secondaryService = BatchCodec.place(section) + BatchCodec.groupsEnd(header);
                cursor.corrects = BatchCodec.place(section) + BatchCodec.correctsAt(header);
            }
        }
        cursor.answer = WordArray.start(answers);
        cursor.nextSecondary = secondaries.length == 0 ? 0 : WordArray.start(secondaries);
        bool plain = cursor.nextSecondary == 0 && !cursor.context.takesFee;
        while (true) {
            if (plain) _fastPath(cursor);
            if (cursor.rows | cursor.groups == 0) return charges;
            if (cursor.rows == 0) _openGroup(cursor);
            _writeRow(cursor);
        }
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
    /// the plan. For sections with one payer, and where no fee is taken. The sum of a section's base and a row's
    /// number is below 2^64: `_useSequences` has seen to it.
    function _fastPath(Cursor memory cursor) private {
        // Reads and writes the fields of `cursor` at the places that stand beside them, answers, charges and
        // leaves, which are allocated, and scratch space. Words as in PackedClaim; a row's second word as in
        // BatchCodec. Amounts are below 2^64 and at most 2^16 of them are added.
        assembly ("memory-safe") {
            // Logs PlainClaimSettled with a word that stands where `shares` will, and hashes the claim's words:
            // keccak256(keccak256(eight words)).
            function write(cursor_, logged, shares) {
                mstore(add(cursor_, 0x1c0), logged)
                log1(add(cursor_, 0x160), 128, mload(add(cursor_, 0x140)))
                mstore(add(cursor_, 0x1c0), shares)
                mstore(0, keccak256(add(cursor_, 0x120), 256))
                let leaf := mload(add(cursor_, 0xe0))
                mstore(leaf, keccak256(0, 32))
                mstore(add(cursor_, 0xe0), add(leaf, 32))
            }
            let at := mload(cursor)
            let rows := mload(add(cursor, 0x20))
            let answer := mload(add(cursor, 0x60))
            let allowed := 0 // of all these rows
            let paid := 0 // by the plan, of all these rows
            let base := and(shr(96, mload(add(cursor, 0x100))), 0xffffffffffffffff) // of the sequences
            for {} 1 {} {
                if iszero(rows) {
                    let groups := mload(add(cursor, 0x40))
                    if iszero(groups) { break }
                    mstore(add(cursor, 0x40), sub(groups, 1))
                    mstore(add(cursor, 0x80), add(mload(add(cursor, 0x80)), 32))
                    let group := calldataload(at)
                    mstore(add(cursor, 0x140), shr(96, group))
                    rows := and(shr(88, group), 0xff)
                    at := add(at, 21)
                }
                let shares := mload(add(answer, 32))
                // a reason, counted units, or something outside the plan
                if and(shares, 0xffffffffffffffff0000000000000000ffffffffffffffff) { break }
                {
                    mstore(add(cursor, 0x1a0), mload(answer))
                    let amount := shr(192, mload(add(answer, 8))) // allowed
                    allowed := add(allowed, amount)
                    let part := shr(192, mload(add(answer, 48))) // paid by the plan
                    paid := add(paid, part)
                    let charge := mload(add(cursor, 0x80))
                    mstore(charge, add(mload(charge), sub(amount, part)))
                }
                mstore(add(cursor, 0x160), calldataload(at))
                {
                    let row := calldataload(add(at, 32))
                    // service id and units, benefit year, sequence, and whether 0 was billed
                    let service := or(shl(112, shr(176, row)), shl(96, and(shr(96, row), 0xffff)))
                    service := or(service, shl(32, add(base, and(shr(80, row), 0xffff))))
                    let flags := iszero(shr(192, calldataload(add(at, 42))))
                    mstore(add(cursor, 0x1e0), or(shl(64, service), shl(24, flags)))
                    write(cursor, or(shl(192, shr(192, shares)), or(service, flags)), shares)
                }
                at := add(at, 54)
                answer := add(answer, 64)
                rows := sub(rows, 1)
            }
            mstore(cursor, at)
            mstore(add(cursor, 0x20), rows)
            mstore(add(cursor, 0x60), answer)
            mstore(add(cursor, 0xa0), add(mload(add(cursor, 0xa0)), sub(allowed, paid)))
            mstore(add(cursor, 0xc0), add(mload(add(cursor, 0xc0)), allowed))
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
        if (outcome == Outcome.Denied) {
            cursor.tally += ONE_DENIED;
            _emit(ISettlementState.ClaimDenied.selector, cursor);
        } else if (outcome == Outcome.Pended) {
            cursor.tally += ONE_PENDED;
            _freeSequence(PackedClaim.providerId(cursor.parties), PackedClaim.sequence(cursor.service));
            _emit(ISettlementState.ClaimPended.selector, cursor);
        } else {
            cursor.tally += ONE_SKIPPED;
            _emit(ISettlementState.ClaimSkipped.selector, cursor);
        }
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
