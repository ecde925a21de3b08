// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {BatchCodec} from "./codec/BatchCodec.sol";
import {ClaimTree} from "./codec/ClaimTree.sol";
import {TypedData} from "./codec/TypedData.sol";
import {WordArray} from "./codec/WordArray.sol";
import {Spendable} from "./escrow/Spendable.sol";
import {IClaimSettlement} from "./interfaces/IClaimSettlement.sol";
import {IInsurerPayer} from "./interfaces/IInsurerPayer.sol";
import {IInsurerPayerFactory} from "./interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "./interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {Calendar} from "./math/Calendar.sol";
import {AttestationCheck} from "./settlement/AttestationCheck.sol";
import {BatchWriter} from "./settlement/BatchWriter.sol";
import {Coordination} from "./settlement/Coordination.sol";
import {CreditAccount} from "./settlement/CreditAccount.sol";
import {Cursor, Cursors} from "./settlement/Cursor.sol";
import {ExtensionCalls} from "./settlement/ExtensionCalls.sol";
import {QuorumCheck} from "./settlement/QuorumCheck.sol";
import {RefusedRows} from "./settlement/RefusedRows.sol";
import {SectionCalls} from "./settlement/SectionCalls.sol";
import {SequenceBitmap} from "./settlement/SequenceBitmap.sol";
import {SettlementState} from "./settlement/SettlementState.sol";
import {ExactTransfer} from "./token/ExactTransfer.sol";
import {BatchContext} from "./types/Batch.sol";
import {Reason} from "./types/Outcomes.sol";
import {DISPUTE_WINDOW, MAX_BATCH_LIFE} from "./types/Timelocks.sol";

/// @dev Documented in IClaimSettlement. The parts, in `settlement/`: what is stored (SettlementState), who signs (QuorumCheck,
/// AttestationCheck), sequences (SequenceBitmap), rows priced one at a time (Coordination), what is written for each row
/// (BatchWriter); and in contracts of their own SettlementExtension, which pays providers and hears disputes, and
/// SettlementAdmin, which is governed and answers questions. Here is how a batch is settled.
contract ClaimSettlement is ExtensionCalls, QuorumCheck, AttestationCheck, Coordination {
    using CreditAccount for CreditAccount.Account;

    /// The most rows of one batch: bounds what it takes of memory.
    uint256 public constant MAX_ROWS = 4_096;

    constructor(
        IERC20 token_,
        IPatientEscrow escrow_,
        IInsurerPayerFactory payers_,
        IProviderRegistry registry_,
        address authority,
        address extension
    ) SettlementState(token_, escrow_, payers_, registry_, authority) ExtensionCalls(extension) {}

    // ---- a batch ----------------------------------------------------------------------------------

    /// @inheritdoc IClaimSettlement
    function settle(
        TypedData.BatchHeader calldata header,
        bytes calldata sections,
        bytes calldata signatures,
        uint32 rootSlot
    ) external nonReentrant returns (uint32 settled, uint32 denied, uint32 pended, uint32 skipped) {
        _checkTime(header);
        _checkSize(sections);
        bytes32 digest = _hashTypedDataV4(TypedData.hash(header, sections));
        _checkQuorum(header.epoch, digest, signatures);

        uint256 counts = _settleSigned(header, digest, sections, rootSlot);
        return (uint16(counts >> 48), uint16(counts >> 32), uint16(counts >> 16), uint16(counts));
    }

    /// @inheritdoc IClaimSettlement
    function settleAnnounced(
        uint32 providerId,
        bytes32 digest,
        uint256 settledAt,
        address submitter,
        bytes calldata sections,
        uint32 rootSlot
    ) external returns (uint256 credited) {
        _checkSelf();
        _checkSize(sections);
        _checkProvider(providerId, sections);

        uint256 signedAt = block.timestamp;
        bytes32 prefix = _claimPrefix(digest, settledAt, address(0));
        Cursor memory cursor = Cursors.blank()[0];
        Cursors.start(
            cursor, BatchContext(signedAt, Calendar.yearOf(signedAt), prefix, address(0), 0, 0, false), sections
        );
        uint256 held = ExactTransfer.balance(token);
        _settleBatch(cursor, digest, 0, settledAt, submitter, sections, rootSlot);
        return cursor.held - held;
    }

    /// @inheritdoc IClaimSettlement
    function checkQuorum(uint32 epoch, bytes32 digest, bytes calldata signatures) external view {
        _checkStoredQuorum(epoch, digest, signatures);
    }

    /// @inheritdoc IClaimSettlement
    function isSettling() external view returns (bool) {
        return _reentrancyGuardEntered();
    }

    /// Settles a batch that the quorum has signed.
    function _settleSigned(
        TypedData.BatchHeader calldata header,
        bytes32 digest,
        bytes calldata sections,
        uint32 rootSlot
    ) private returns (uint256 counts) {
        Cursor memory cursor = Cursors.blank()[0];
        Cursors.start(cursor, _context(header, digest), sections);
        return _settleBatch(cursor, digest, header.epoch, block.timestamp, msg.sender, sections, rootSlot);
    }

    /// Settles what `cursor` was started for. The dispute windows of its claims count from `settledAt`.
    function _settleBatch(
        Cursor memory cursor,
        bytes32 digest,
        uint256 epoch,
        uint256 settledAt,
        address submitter,
        bytes calldata sections,
        uint32 rootSlot
    ) private returns (uint256 counts) {
        cursor.held = ExactTransfer.balance(token);
        _settleRuns(cursor, sections);
        bytes memory leaves;
        (leaves, counts) = Cursors.finish(cursor);
        bytes32 root = ClaimTree.root(leaves);
        if (root != 0) rootSlot = _storeRoot(rootSlot, digest, root, settledAt);
        _emitBatch(cursor.context, digest, root, epoch << 64 | counts, submitter, rootSlot);

        if (!cursor.disbursed) escrow.disburseTotal();
        ExactTransfer.checkHeld(token, cursor.held);
    }

    function _emitBatch(
        BatchContext memory context,
        bytes32 digest,
        bytes32 root,
        uint256 counts,
        address submitter,
        uint32 rootSlot
    ) private {
        uint256 batch = uint256(uint160(context.operator)) << 96 | counts;
        uint256 submission =
            uint256(uint160(submitter)) << 96 | uint256(uint40(context.signedAt)) << 56 | uint256(rootSlot) << 24;
        emit BatchSettled(digest, root, batch, submission);
    }

    /// Keeps a batch's root, where none stands whose claims may still be disputed: in the slot that was asked for;
    /// or, where somebody's batch was quicker there, in the first from that of the batch's digest on.
    function _storeRoot(uint32 rootSlot, bytes32 digest, bytes32 root, uint256 settledAt) private returns (uint32) {
        if (_isRootKept(rootSlot)) {
            rootSlot = uint32(bytes4(digest));
            unchecked {
                // Runs on from the last slot to the first; there are more than batches in a dispute window.
                while (_isRootKept(rootSlot)) ++rootSlot;
            }
        }
        _roots[rootSlot] = bytes32(bytes27(root)) | bytes32(settledAt);
        return rootSlot;
    }

    function _isRootKept(uint32 rootSlot) private view returns (bool) {
        return block.timestamp < uint40(uint256(_roots[rootSlot])) + DISPUTE_WINDOW;
    }

    function _checkSelf() private view {
        if (msg.sender != address(this)) revert OnlySelf(msg.sender);
    }

    function _checkSize(bytes calldata sections) private pure {
        if (sections.length == 0) revert EmptyBatch();
        if (sections.length > MAX_ROWS * BatchCodec.ROW_BYTES) {
            revert TooManyRows(sections.length / BatchCodec.ROW_BYTES, MAX_ROWS);
        }
    }

    /// Reverts unless every section is this provider's.
    function _checkProvider(uint32 providerId, bytes calldata sections) private pure {
        for (uint256 offset; offset < sections.length;) {
            if (BatchCodec.providerId(BatchCodec.header(sections, offset)) != providerId) {
                revert NotTheProviders(providerId, offset);
            }
            (offset,) = BatchCodec.sectionEnd(sections, offset);
        }
    }

    function _checkTime(TypedData.BatchHeader calldata header) private view {
        (uint64 signedAt, uint64 deadline) = (header.signedAt, header.deadline);
        if (signedAt > block.timestamp) revert BatchNotYetValid(signedAt, block.timestamp);
        if (deadline < block.timestamp) revert BatchExpired(deadline, block.timestamp);
        uint64 latest = signedAt + MAX_BATCH_LIFE;
        if (deadline > latest) revert BatchLifeTooLong(deadline, latest);
    }

    function _context(TypedData.BatchHeader calldata header, bytes32 digest)
        private
        view
        returns (BatchContext memory)
    {
        (uint256 signedAt, address operator) = (header.signedAt, header.operator);
        bytes32 prefix = _claimPrefix(digest, block.timestamp, operator);
        (uint256 flat, uint256 bps) = (0, 0);
        if (operator != address(0)) (flat, bps) = _operatorFeeAt(uint40(signedAt));
        return BatchContext(signedAt, Calendar.yearOf(signedAt), prefix, operator, flat, bps, flat | bps != 0);
    }

    // ---- runs: neighbouring sections with the same payers -------------------------------------------

    function _settleRuns(Cursor memory cursor, bytes calldata sections) private {
        uint256 previous;
        for (uint256 offset; offset < sections.length;) {
            (uint256 payers_, uint256 first, uint256 end) = BatchCodec.payerRun(sections, offset);
            if (payers_ < previous) revert BatchCodec.SectionsUnsorted(previous, payers_);
            if (first == end && BatchCodec.flags(BatchCodec.header(sections, offset)) == 0) {
                (cursor.alone, cursor.last) = (true, end == sections.length);
                _settleSection(cursor, _payerContracts(payers_), sections[offset:end]);
            } else {
                _tryRun(cursor, payers_, sections[offset:end]);
            }
            (previous, offset) = (payers_, end);
        }
    }

    /// Settles a run of sections whose payers pay only when all of them are priced. Anything but a payer's failed
    /// transfer takes the whole batch back.
    function _tryRun(Cursor memory cursor, uint256 payers_, bytes calldata sections) private {
        (bool succeeded, bytes memory reply) =
            SectionCalls.settlePayers(this.settlePayers.selector, cursor.context, payers_, sections);
        if (succeeded) return Cursors.append(cursor, reply);
        if (bytes4(reply) != PayerCannotPay.selector) SectionCalls.bubble(reply);
        _pendRun(cursor, sections, reply);
    }

    /// @notice Settle a run of sections, or nothing of them. Called by `settle` alone, as a call of its own so
    /// that a payer whose tokens cannot move takes back all that the run did. A section that is all of a run
    /// needs none: its payer pays, or fails, in the call in which it prices, before anybody else writes.
    /// @param payers_ primary above secondary, as BatchCodec.payersOf
    /// @return reply the ids of the claims that settled, and behind them what they have credited u192 | the tally u64,
    /// see Cursor
    function settlePayers(BatchContext calldata context, uint256 payers_, bytes calldata sections)
        external
        returns (bytes memory reply)
    {
        _checkSelf();

        Cursor memory cursor = Cursors.blank()[0];
        Cursors.start(cursor, context, sections);
        Payers memory pair = _payerContracts(payers_);
        for (uint256 offset; offset < sections.length;) {
            uint256 end = offset + BatchCodec.sectionBytes(BatchCodec.header(sections, offset));
            _settleSection(cursor, pair, sections[offset:end]);
            offset = end;
        }
        if (!pair.unknown) {
            _release(pair.primary);
            _release(pair.secondary);
        }
        uint256 tally;
        (reply, tally) = Cursors.finish(cursor);
        WordArray.append(reply, cursor.held << 64 | tally);
    }

    /// Has a payer pay what it has priced; it reverts with PayerCannotPay where it cannot.
    function _release(IInsurerPayer payer) private {
        if (address(payer) != address(0)) payer.disburseTotal();
    }

    /// Pends what a run's failed call has taken back.
    function _pendRun(Cursor memory cursor, bytes calldata sections, bytes memory failure) private {
        _emitFailure(failure);
        for (uint256 offset; offset < sections.length;) {
            (uint256 end,) = BatchCodec.sectionEnd(sections, offset);
            bytes calldata section = sections[offset:end];
            mapping(uint256 word => uint256) storage spent = _spent[BatchCodec.providerId(BatchCodec.header(section, 0))];
            bytes memory skipped = SequenceBitmap.use(spent, section);
            bytes memory answers = RefusedRows.pendAll(section, skipped, Reason.PayerFailed);
            bytes memory refused = _checkAttestations(section, cursor.context.signedAt);
            if (refused.length != 0) RefusedRows.notAttested(answers, refused, skipped);
            BatchWriter.write(cursor, section, answers, "", spent);
            offset = end;
        }
    }

    /// @param failure a PayerCannotPay
    function _emitFailure(bytes memory failure) private {
        uint32 payerId;
        // PayerCannotPay(uint32 payerId, bytes): its first word after the selector is the payer's id.
        assembly ("memory-safe") {
            payerId := mload(add(failure, 36))
        }
        emit PayerFailed(payerId, failure);
    }

    // ---- one section ------------------------------------------------------------------------------

    function _settleSection(Cursor memory cursor, Payers memory pair, bytes calldata section) private {
        mapping(uint256 word => uint256) storage spent = _spent[BatchCodec.providerId(BatchCodec.header(section, 0))];
        bytes memory skipped = SequenceBitmap.use(spent, section);
        bytes memory refused = _checkAttestations(section, cursor.context.signedAt);
        bytes memory leftOut = refused.length == 0 ? skipped : WordArray.either(refused, skipped);
        (bytes memory answers, bytes memory secondaries) = _determine(cursor, pair, section, leftOut);
        if (refused.length != 0) RefusedRows.notAttested(answers, refused, skipped);
        bytes memory charges = BatchWriter.write(cursor, section, answers, secondaries, spent);
        if (cursor.charged != 0) {
            SectionCalls.chargeShares(escrow, section, cursor.last, charges);
            cursor.disbursed = cursor.last;
        }
        _settleCredit(cursor, BatchCodec.providerId(cursor.header));
    }

    function _determine(Cursor memory cursor, Payers memory pair, bytes calldata section, bytes memory skipped)
        private
        returns (bytes memory answers, bytes memory secondaries)
    {
        uint256 word = BatchCodec.header(section, 0);
        if (pair.unknown) return (RefusedRows.pendAll(section, skipped, Reason.UnknownPayer), "");
        if (_providers[BatchCodec.providerId(word)].isSuspended()) {
            return (RefusedRows.pendAll(section, skipped, Reason.ProviderNotActive), "");
        }

        BatchContext memory context = cursor.context;
        bytes memory statements = SectionCalls.maySpend(escrow, section, context.signedAt);
        if (pair.primaryId == 0 || BatchCodec.flags(word) != 0) {
            bool together = BatchCodec.flags(word) == BatchCodec.HAS_SECONDARY;
            if (together) return _priceTogether(context, pair, section, skipped, statements);
            return _priceOneByOne(context, pair, section, skipped, statements);
        }
        if (Spendable.refusesAll(statements)) {
            return (RefusedRows.answersOf(section, skipped, statements, context.currentYear), "");
        }
        if (skipped.length != 0) statements = bytes.concat(statements, skipped);
        uint256 times = context.currentYear << 40 | context.signedAt;
        if (cursor.alone) times |= 1 << 56;
        bool succeeded;
        (succeeded, answers) = SectionCalls.adjudicateAll(pair.primary, section, times, statements);
        if (succeeded) return (answers, secondaries);
        // Only a payer that is to pay at once answers so, and then it has written nothing.
        if (bytes4(answers) != PayerCannotPay.selector) SectionCalls.bubble(answers);
        _emitFailure(answers);
        return (RefusedRows.pendAll(section, skipped, Reason.PayerFailed), secondaries);
    }

    /// Credits provider and operator with what a section has brought them.
    function _settleCredit(Cursor memory cursor, uint32 providerId) private {
        if (cursor.credit != 0) _providers[providerId].credit(cursor.credit);
        if (cursor.operatorFee != 0) _operators[cursor.context.operator].credit(cursor.operatorFee);
        unchecked {
            // A balance below 2^128, and at most 2^16 amounts below 2^64.
            cursor.held += cursor.credit + cursor.operatorFee;
        }
    }
}
