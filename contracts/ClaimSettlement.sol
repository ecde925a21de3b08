// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {OracleQuorum} from "./OracleQuorum.sol";
import {IClaimSettlement} from "./interfaces/IClaimSettlement.sol";
import {IInsurerPayer} from "./interfaces/IInsurerPayer.sol";
import {IInsurerPayerFactory} from "./interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "./interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {BatchCodec} from "./libraries/BatchCodec.sol";
import {Calendar} from "./libraries/Calendar.sol";
import {MAX_BATCH_LIFE} from "./libraries/Notice.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {Determination, Outcome, Reason, Spendable} from "./types/Outcomes.sol";

/// @dev Documented in IClaimSettlement.
contract ClaimSettlement is OracleQuorum, EIP712, Pausable, ReentrancyGuardTransient {
    /// One section while it is settled.
    struct Entries {
        BatchCodec.Section header;
        address[] patients; // ascending
        uint256[] counts; // rows of each patient
        bool[] spent; // by row: the sequence was spent before
        Determination[] determinations; // by row
        uint64[] charges; // by patient: what the escrow debits
        uint256 credit; // what the provider gains
        Tally tally;
    }

    /// Gas that must be at hand before tokens are asked of a payer, so that a transfer that fails has
    /// failed by itself and not for want of gas. A dollar token's transfer takes 30,000 to 100,000.
    uint256 public constant RELEASE_GAS = 300_000;

    IERC20 public immutable token;
    IPatientEscrow public immutable escrow;
    IInsurerPayerFactory public immutable payers;
    IProviderRegistry public immutable registry;

    /// @inheritdoc IClaimSettlement
    mapping(uint32 providerId => uint64) public creditOf;
    mapping(uint32 providerId => mapping(uint256 word => uint256)) private _spent;

    constructor(
        IERC20 token_,
        IPatientEscrow escrow_,
        IInsurerPayerFactory payers_,
        IProviderRegistry registry_,
        address authority
    ) AccessManaged(authority) EIP712("chainbill", "1") {
        (token, escrow, payers, registry) = (token_, escrow_, payers_, registry_);
    }

    // ---- verbs ------------------------------------------------------------------------------------

    /// @inheritdoc IClaimSettlement
    function settle(TypedData.BatchHeader calldata header, bytes calldata sections, bytes[] calldata signatures)
        external
        whenNotPaused
        nonReentrant
        returns (Tally memory tally)
    {
        _checkTime(header);
        if (sections.length == 0) revert EmptyBatch();
        bytes32 digest = batchDigest(header, sections);
        _checkQuorum(header.epoch, digest, signatures);

        tally = _settleRuns(sections, uint40(header.signedAt));
        emit BatchSettled(digest, header.epoch, header.signedAt, msg.sender, tally);

        escrow.release();
    }

    /// @inheritdoc IClaimSettlement
    function withdraw(uint32 providerId) external nonReentrant returns (uint64 amount) {
        address payoutAddress = registry.payoutAddress(providerId);
        if (payoutAddress == address(0)) revert UnknownProvider(providerId);
        amount = creditOf[providerId];
        if (amount == 0) revert NoCredit(providerId);

        creditOf[providerId] = 0;
        emit ProviderPaid(providerId, payoutAddress, amount);

        SafeERC20.safeTransfer(token, payoutAddress, amount);
    }

    /// @inheritdoc IClaimSettlement
    function pause() external restricted {
        _pause();
    }

    /// @inheritdoc IClaimSettlement
    function unpause() external restricted {
        _unpause();
    }

    // ---- views ------------------------------------------------------------------------------------

    /// @inheritdoc IClaimSettlement
    function isSpent(uint32 providerId, uint64 sequence) public view returns (bool) {
        return _spent[providerId][sequence >> 8] & (1 << (sequence & 0xff)) != 0;
    }

    /// @inheritdoc IClaimSettlement
    function attestationDigest(TypedData.ServiceAttestation calldata attestation) external view returns (bytes32) {
        return _hashTypedDataV4(TypedData.hash(attestation));
    }

    /// @inheritdoc IClaimSettlement
    function batchDigest(TypedData.BatchHeader calldata header, bytes calldata sections)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(TypedData.hash(header, sections));
    }

    // ---- one payer's run --------------------------------------------------------------------------

    /// @notice Settle neighbouring sections of one payer, or nothing of them. Called by `settle` alone, as
    /// a call of its own so that a payer whose tokens cannot move takes back all its sections did.
    function settleRun(uint32 payerId, bytes calldata sections, uint40 signedAt) external returns (Tally memory tally) {
        if (msg.sender != address(this)) revert OnlySelf(msg.sender);

        address payer = payers.payerAt(payerId);
        for (uint256 offset; offset < sections.length;) {
            uint256 end = BatchCodec.sectionEnd(sections, offset);
            _add(tally, _settleSection(sections[offset:end], payer, signedAt));
            offset = end;
        }
        if (payer == address(0)) return tally;

        if (gasleft() < RELEASE_GAS) revert InsufficientGas(gasleft(), RELEASE_GAS);
        try IInsurerPayer(payer).release() {}
        catch (bytes memory failure) {
            revert PayerCannotPay(payerId, failure);
        }
    }

    function _settleRuns(bytes calldata sections, uint40 signedAt) private returns (Tally memory tally) {
        uint32 previousPayerId;
        for (uint256 offset; offset < sections.length;) {
            (uint32 payerId, uint256 end) = BatchCodec.payerRun(sections, offset);
            if (payerId < previousPayerId) revert BatchCodec.SectionsUnsorted(previousPayerId, payerId);
            _add(tally, _tryRun(payerId, sections[offset:end], signedAt));
            (previousPayerId, offset) = (payerId, end);
        }
    }

    /// Anything but a payer's failed transfer takes the whole batch back.
    function _tryRun(uint32 payerId, bytes calldata sections, uint40 signedAt) private returns (Tally memory tally) {
        try this.settleRun(payerId, sections, signedAt) returns (Tally memory done) {
            return done;
        } catch (bytes memory failure) {
            if (bytes4(failure) != PayerCannotPay.selector) _bubble(failure);
            emit PayerFailed(payerId, failure);
            return _pendRun(sections);
        }
    }

    function _pendRun(bytes calldata sections) private returns (Tally memory tally) {
        for (uint256 offset; offset < sections.length;) {
            uint256 end = BatchCodec.sectionEnd(sections, offset);
            bytes calldata section = sections[offset:end];
            Entries memory entries = _read(section);
            _spendSequences(section, entries);
            entries.determinations = _pendAll(entries, Reason.PayerFailed);
            _record(section, entries);
            _add(tally, entries.tally);
            offset = end;
        }
    }

    // ---- one section ------------------------------------------------------------------------------

    function _settleSection(bytes calldata section, address payer, uint40 signedAt)
        private
        returns (Tally memory)
    {
        Entries memory entries = _read(section);
        _spendSequences(section, entries);
        entries.determinations = _determine(section, entries, payer, signedAt);
        _record(section, entries);
        escrow.debit(entries.patients, entries.charges);
        _credit(entries.header.providerId, entries.credit);
        return entries.tally;
    }

    function _read(bytes calldata section) private pure returns (Entries memory entries) {
        entries.header = BatchCodec.readSection(section, 0);
        (entries.patients, entries.counts) = BatchCodec.readGroups(section, entries.header);
        entries.spent = new bool[](entries.header.rowCount);
    }

    function _determine(bytes calldata section, Entries memory entries, address payer, uint40 signedAt)
        private
        returns (Determination[] memory)
    {
        if (payer == address(0)) return _pendAll(entries, Reason.UnknownPayer);
        uint32 providerId = entries.header.providerId;
        if (!registry.isActive(providerId)) return _pendAll(entries, Reason.ProviderNotActive);

        Spendable[] memory spendables =
            escrow.spendable(providerId, entries.header.payerId, signedAt, entries.patients);
        return IInsurerPayer(payer).adjudicate(
            section, signedAt, Calendar.yearOf(block.timestamp), spendables, entries.spent
        );
    }

    /// Marks every row's sequence before anything is priced, so that two rows of one batch cannot share
    /// one; `_record` unmarks what pends.
    function _spendSequences(bytes calldata section, Entries memory entries) private {
        mapping(uint256 word => uint256) storage words = _spent[entries.header.providerId];
        uint256 offset = BatchCodec.SECTION_BYTES;
        uint256 row;
        for (uint256 group; group < entries.counts.length; ++group) {
            offset += BatchCodec.GROUP_BYTES;
            for (uint256 end = row + entries.counts[group]; row < end; ++row) {
                uint64 sequence = BatchCodec.readRow(section, offset, entries.header.sequenceBase).sequence;
                uint256 bit = 1 << (sequence & 0xff);
                uint256 word = words[sequence >> 8];
                if (word & bit != 0) entries.spent[row] = true;
                else words[sequence >> 8] = word | bit;
                offset += BatchCodec.ROW_BYTES;
            }
        }
    }

    /// Logs every row and adds up what each patient is charged and the provider credited.
    function _record(bytes calldata section, Entries memory entries) private {
        entries.charges = new uint64[](entries.patients.length);
        uint256 offset = BatchCodec.SECTION_BYTES;
        uint256 row;
        for (uint256 group; group < entries.patients.length; ++group) {
            offset += BatchCodec.GROUP_BYTES;
            for (uint256 end = row + entries.counts[group]; row < end; ++row) {
                _recordRow(entries, group, row, BatchCodec.readRow(section, offset, entries.header.sequenceBase));
                offset += BatchCodec.ROW_BYTES;
            }
        }
    }

    function _recordRow(Entries memory entries, uint256 group, uint256 index, BatchCodec.Row memory row) private {
        Determination memory determination = entries.determinations[index];
        (uint32 providerId, address patient) = (entries.header.providerId, entries.patients[group]);
        if (determination.outcome == Outcome.Settled) {
            ++entries.tally.settled;
            entries.charges[group] += determination.shares.allowed - determination.shares.planPaid;
            entries.credit += determination.shares.allowed;
            emit ClaimSettled(providerId, patient, _claim(entries.header, row, determination));
        } else if (determination.outcome == Outcome.Denied) {
            ++entries.tally.denied;
            emit ClaimDenied(
                providerId, patient, determination.reason, _claim(entries.header, row, determination)
            );
        } else if (determination.outcome == Outcome.Pended) {
            ++entries.tally.pended;
            _spent[providerId][row.sequence >> 8] &= ~(1 << (row.sequence & 0xff));
            emit ClaimPended(providerId, patient, determination.reason, row.commitment, row.sequence);
        } else {
            ++entries.tally.skipped;
            emit ClaimSkipped(providerId, patient, row.commitment, row.sequence);
        }
    }

    function _claim(BatchCodec.Section memory header, BatchCodec.Row memory row, Determination memory determination)
        private
        pure
        returns (Claim memory)
    {
        return Claim({
            commitment: row.commitment,
            sequence: row.sequence,
            payerId: header.payerId,
            planId: header.planId,
            termsVersion: header.termsVersion,
            benefitYear: row.benefitYear,
            serviceId: row.serviceId,
            units: row.units,
            billedAmount: row.billed,
            shares: determination.shares
        });
    }

    function _credit(uint32 providerId, uint256 amount) private {
        if (amount == 0) return;
        uint64 credit = creditOf[providerId];
        if (amount > type(uint64).max - credit) revert CreditOverflow(credit, amount);
        creditOf[providerId] = credit + uint64(amount);
    }

    function _pendAll(Entries memory entries, Reason reason) private pure returns (Determination[] memory all) {
        all = new Determination[](entries.spent.length);
        for (uint256 row; row < all.length; ++row) {
            bool spent = entries.spent[row];
            all[row].outcome = spent ? Outcome.Skipped : Outcome.Pended;
            all[row].reason = spent ? Reason.SequenceSpent : reason;
        }
    }

    // ---- checks -----------------------------------------------------------------------------------

    function _checkTime(TypedData.BatchHeader calldata header) private view {
        if (header.signedAt > block.timestamp) revert BatchNotYetValid(header.signedAt, block.timestamp);
        if (header.deadline < block.timestamp) revert BatchExpired(header.deadline, block.timestamp);
        uint64 latest = header.signedAt + MAX_BATCH_LIFE;
        if (header.deadline > latest) revert BatchLifeTooLong(header.deadline, latest);
    }

    function _add(Tally memory tally, Tally memory more) private pure {
        tally.settled += more.settled;
        tally.denied += more.denied;
        tally.pended += more.pended;
        tally.skipped += more.skipped;
    }

    /// Reverts with another call's own error.
    function _bubble(bytes memory failure) private pure {
        // The failure is passed on byte for byte: its length word is followed by its bytes.
        assembly ("memory-safe") {
            revert(add(failure, 32), mload(failure))
        }
    }
}
