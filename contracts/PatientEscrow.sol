// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IInsurerPayerFactory} from "./interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "./interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {ExactTransfer} from "./libraries/ExactTransfer.sol";
import {MAX_BATCH_LIFE, NOTICE, Notice, WithdrawalRequest} from "./libraries/Notice.sol";
import {Reason, Spendable} from "./types/Outcomes.sol";

/// @dev Documented in IPatientEscrow.
contract PatientEscrow is IPatientEscrow, ReentrancyGuardTransient {
    using Notice for WithdrawalRequest;

    /// One storage slot.
    ///   bytes 0..7   balance
    ///   bytes 8..11  payerId      in force until nextPayerAt
    ///   bytes 12..15 nextPayerId  in force from nextPayerAt on
    ///   bytes 16..20 nextPayerAt  0: no change announced
    struct Patient {
        uint64 balance;
        uint32 payerId;
        uint32 nextPayerId;
        uint40 nextPayerAt;
    }

    /// One storage slot: the consent in force and a narrower one announced.
    ///   bytes 0..7   perEventLimit
    ///   bytes 8..12  expiresAt
    ///   bytes 13..20 nextPerEventLimit
    ///   bytes 21..25 nextExpiresAt
    ///   bytes 26..30 nextAt       0: no change announced
    struct Consent {
        uint64 perEventLimit;
        uint40 expiresAt;
        uint64 nextPerEventLimit;
        uint40 nextExpiresAt;
        uint40 nextAt;
    }

    IERC20 public immutable token;
    address public immutable settlement;
    IInsurerPayerFactory public immutable payers;
    IProviderRegistry public immutable registry;

    mapping(address patient => Patient) private _patients;
    mapping(address patient => mapping(uint32 providerId => Consent)) private _consents;
    mapping(address patient => WithdrawalRequest) private _requests;

    /// Debited in this transaction and not yet moved.
    uint256 private transient _debited;

    constructor(IERC20 token_, address settlement_, IInsurerPayerFactory payers_, IProviderRegistry registry_) {
        (token, settlement, payers, registry) = (token_, settlement_, payers_, registry_);
    }

    modifier onlySettlement() {
        if (msg.sender != settlement) revert NotSettlement(msg.sender);
        _;
    }

    /// @inheritdoc IPatientEscrow
    function deposit(uint64 amount) external nonReentrant {
        Patient storage patient = _patients[msg.sender];
        if (amount > type(uint64).max - patient.balance) revert BalanceOverflow(patient.balance, amount);

        patient.balance += amount;
        _requests[msg.sender].noteDeposit(amount);
        emit Deposited(msg.sender, amount);

        ExactTransfer.pull(token, msg.sender, amount);
    }

    /// @inheritdoc IPatientEscrow
    function requestWithdrawal(uint64 amount) external {
        uint40 availableAt = _requests[msg.sender].open(amount, _patients[msg.sender].balance);
        emit WithdrawalRequested(msg.sender, amount, availableAt);
    }

    /// @inheritdoc IPatientEscrow
    function withdraw() external nonReentrant returns (uint64 amount) {
        Patient storage patient = _patients[msg.sender];
        amount = _requests[msg.sender].take(patient.balance);
        patient.balance -= amount;
        emit Withdrawn(msg.sender, amount);

        SafeERC20.safeTransfer(token, msg.sender, amount);
    }

    /// @inheritdoc IPatientEscrow
    function acceptPayer(uint32 payerId) external {
        if (payers.payerAt(payerId) == address(0)) revert UnknownPayer(payerId);
        Patient storage patient = _patients[msg.sender];
        uint32 current = _payerAt(patient, uint40(block.timestamp));
        if (payerId == current && patient.nextPayerAt <= block.timestamp) revert PayerUnchanged(payerId);
        // Only one payer before the present one is remembered; a batch signed under it may be on its way.
        if (patient.payerId != 0 && patient.payerId != current) _checkSettledDown(patient.nextPayerAt);

        // A signed batch may name the payer that is being left.
        uint40 effectiveAt = uint40(block.timestamp) + (current == 0 || current == payerId ? 0 : NOTICE);
        (patient.payerId, patient.nextPayerId, patient.nextPayerAt) = (current, payerId, effectiveAt);
        emit PayerAccepted(msg.sender, payerId, effectiveAt);
    }

    /// @inheritdoc IPatientEscrow
    function grantConsent(uint32 providerId, uint64 perEventLimit, uint40 expiresAt) external {
        if (registry.payoutAddress(providerId) == address(0)) revert UnknownProvider(providerId);
        if (expiresAt <= block.timestamp) revert ConsentExpiryInPast(expiresAt, block.timestamp);

        uint40 effectiveAt = _setConsent(_consents[msg.sender][providerId], perEventLimit, expiresAt);
        emit ConsentGranted(msg.sender, providerId, perEventLimit, expiresAt, effectiveAt);
    }

    /// @inheritdoc IPatientEscrow
    function revokeConsent(uint32 providerId) external {
        Consent storage consent = _consents[msg.sender][providerId];
        uint40 expiresAt = _lastExpiry(consent);
        if (expiresAt <= block.timestamp) revert NoConsentToRevoke(providerId);

        // An earlier end, a whole notice away, takes nothing from a signed batch; limits stay as announced.
        uint40 endsAt = uint40(block.timestamp) + NOTICE;
        if (consent.expiresAt > endsAt) consent.expiresAt = endsAt;
        if (consent.nextExpiresAt > endsAt) consent.nextExpiresAt = endsAt;
        if (endsAt < expiresAt) expiresAt = endsAt;
        emit ConsentRevoked(msg.sender, providerId, expiresAt);
    }

    /// @inheritdoc IPatientEscrow
    function spendable(uint32 providerId, uint32 payerId, uint40 signedAt, address[] calldata patients)
        external
        view
        returns (Spendable[] memory statement)
    {
        statement = new Spendable[](patients.length);
        for (uint256 i; i < patients.length; ++i) {
            Patient storage patient = _patients[patients[i]];
            statement[i].balance = patient.balance;
            if (_payerAt(patient, signedAt) != payerId) {
                statement[i].reason = Reason.PayerNotAccepted;
                continue;
            }
            (uint64 limit, uint40 expiresAt) = _consentAt(_consents[patients[i]][providerId], signedAt);
            if (expiresAt <= signedAt) statement[i].reason = Reason.NoConsent;
            statement[i].perEventLimit = limit;
        }
    }

    /// @inheritdoc IPatientEscrow
    function debit(address[] calldata patients, uint64[] calldata amounts) external onlySettlement {
        uint256 total;
        for (uint256 i; i < patients.length; ++i) {
            if (amounts[i] == 0) continue;
            _patients[patients[i]].balance -= amounts[i];
            total += amounts[i];
        }
        _debited += total;
    }

    /// @inheritdoc IPatientEscrow
    function release() external onlySettlement {
        uint256 amount = _debited;
        if (amount == 0) return;
        _debited = 0;
        SafeERC20.safeTransfer(token, settlement, amount);
    }

    /// @inheritdoc IPatientEscrow
    function balanceOf(address patient) external view returns (uint64) {
        return _patients[patient].balance;
    }

    /// @inheritdoc IPatientEscrow
    function payerOf(address patient, uint40 time) external view returns (uint32) {
        return _payerAt(_patients[patient], time);
    }

    /// @inheritdoc IPatientEscrow
    function consentOf(address patient, uint32 providerId, uint40 time)
        external
        view
        returns (uint64 perEventLimit, uint40 expiresAt)
    {
        return _consentAt(_consents[patient][providerId], time);
    }

    /// @inheritdoc IPatientEscrow
    function withdrawalOf(address patient)
        external
        view
        returns (uint64 amount, uint64 depositedSince, uint40 availableAt)
    {
        WithdrawalRequest storage request = _requests[patient];
        return (request.amount, request.depositedSince, request.availableAt);
    }

    /// Widening holds at once, narrowing after NOTICE: a signed batch may rely on the wider consent.
    function _setConsent(Consent storage consent, uint64 limit, uint40 expiresAt)
        private
        returns (uint40 effectiveAt)
    {
        uint40 time = uint40(block.timestamp);
        // Only one consent before the present one is remembered; a batch signed under it may be on its way.
        if (consent.nextAt != 0 && consent.nextAt <= time) _checkSettledDown(consent.nextAt);

        (uint64 currentLimit, uint40 currentExpiry) = _consentAt(consent, time);
        bool forgotten = uint256(currentExpiry) + MAX_BATCH_LIFE <= time; // in 256 bits: some never expire
        if (forgotten || (limit >= currentLimit && expiresAt >= currentExpiry)) {
            (consent.perEventLimit, consent.expiresAt, consent.nextAt) = (limit, expiresAt, 0);
            return time;
        }
        effectiveAt = currentExpiry <= time ? time : time + NOTICE;
        (consent.perEventLimit, consent.expiresAt) = (currentLimit, currentExpiry);
        (consent.nextPerEventLimit, consent.nextExpiresAt, consent.nextAt) = (limit, expiresAt, effectiveAt);
    }

    /// A change that took effect must be older than any batch signed before it, or the next would hide it.
    function _checkSettledDown(uint40 changedAt) private view {
        uint40 until = changedAt + MAX_BATCH_LIFE;
        if (changedAt <= block.timestamp && block.timestamp < until) revert ChangeTooRecent(changedAt, until);
    }

    /// When the last of a consent ends: the one in force, or a narrower one announced that outlives it.
    function _lastExpiry(Consent storage consent) private view returns (uint40 expiresAt) {
        (, expiresAt) = _consentAt(consent, uint40(block.timestamp));
        if (consent.nextAt > block.timestamp && consent.nextExpiresAt > expiresAt) return consent.nextExpiresAt;
    }

    function _consentAt(Consent storage consent, uint40 time) private view returns (uint64 limit, uint40 expiresAt) {
        uint40 nextAt = consent.nextAt;
        if (nextAt != 0 && time >= nextAt) return (consent.nextPerEventLimit, consent.nextExpiresAt);
        return (consent.perEventLimit, consent.expiresAt);
    }

    function _payerAt(Patient storage patient, uint40 time) private view returns (uint32) {
        uint40 nextAt = patient.nextPayerAt;
        return nextAt != 0 && time >= nextAt ? patient.nextPayerId : patient.payerId;
    }
}
