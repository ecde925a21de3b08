// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {BatchCodec} from "./codec/BatchCodec.sol";
import {WordArray} from "./codec/WordArray.sol";
import {Consent, ConsentSlot} from "./escrow/ConsentSlot.sol";
import {PatientIntents} from "./escrow/PatientIntents.sol";
import {PatientSlot} from "./escrow/PatientSlot.sol";
import {Spendable} from "./escrow/Spendable.sol";
import {IClaimSettlement} from "./interfaces/IClaimSettlement.sol";
import {IERC3009} from "./interfaces/IERC3009.sol";
import {IInsurerPayerFactory} from "./interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "./interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {ExactTransfer} from "./token/ExactTransfer.sol";
import {WithdrawalRequest, WithdrawalRequests} from "./token/WithdrawalRequests.sol";
import {Reason} from "./types/Outcomes.sol";
import {MAX_BATCH_LIFE, NOTICE} from "./types/Timelocks.sol";

/// @dev Documented in IPatientEscrow.
contract PatientEscrow is IPatientEscrow, EIP712, ReentrancyGuardTransient {
    using ConsentSlot for Consent;
    using ConsentSlot for uint256;
    using WithdrawalRequests for WithdrawalRequest;
    using PatientSlot for uint256;

    /// Two storage slots, laid out in `escrow/PatientSlot.sol`.
    struct Patient {
        uint256 slot;
        uint256 next;
    }

    IERC20 public immutable token;
    address public immutable settlement;
    IInsurerPayerFactory public immutable payers;
    IProviderRegistry public immutable registry;

    mapping(address patient => Patient) private _patients;
    /// Laid out in `escrow/ConsentSlot.sol`. By provider first: a section has one, and its hash is taken once.
    mapping(uint32 providerId => mapping(address patient => uint256 slot)) private _consents;
    mapping(address patient => WithdrawalRequest) private _requests;

    /// Debited in this transaction and not yet moved.
    uint256 private transient _debited;

    constructor(IERC20 token_, address settlement_, IInsurerPayerFactory payers_, IProviderRegistry registry_)
        EIP712("chainbill", "1")
    {
        (token, settlement, payers, registry) = (token_, settlement_, payers_, registry_);
    }

    modifier onlySettlement() {
        if (msg.sender != settlement) revert NotSettlement(msg.sender);
        _;
    }

    // ---- deposits ---------------------------------------------------------------------------------
    // Credited after the tokens have arrived, so that this contract never owes what it does not hold, not
    // even to somebody who looks on in the middle of the transfer.

    /// @inheritdoc IPatientEscrow
    function deposit(uint64 amount) external nonReentrant {
        ExactTransfer.pull(token, msg.sender, amount);
        _credit(msg.sender, amount);
    }

    /// @inheritdoc IPatientEscrow
    function depositWithPermit(uint64 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external nonReentrant {
        // Whoever saw the permit may have used it first; only the allowance counts.
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        ExactTransfer.pull(token, msg.sender, amount);
        _credit(msg.sender, amount);
    }

    /// @inheritdoc IPatientEscrow
    function depositWithAuthorization(
        address from,
        uint64 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external nonReentrant {
        if (amount == 0) revert ExactTransfer.DepositOfNothing();
        uint256 before = token.balanceOf(address(this));
        IERC3009(address(token))
            .receiveWithAuthorization(from, address(this), amount, validAfter, validBefore, nonce, signature);
        ExactTransfer.checkArrived(token, before, amount);
        _credit(from, amount);
    }

    // ---- withdrawals ------------------------------------------------------------------------------

    /// @inheritdoc IPatientEscrow
    function requestWithdrawal(uint64 amount) external {
        _spendNonce(msg.sender);
        _requestWithdrawal(msg.sender, amount);
    }

    /// @inheritdoc IPatientEscrow
    function requestWithdrawalBySig(address patient, uint64 amount, uint256 deadline, bytes calldata signature)
        external
    {
        bytes32 intent = PatientIntents.requestWithdrawal(patient, amount, _spendNonce(patient), deadline);
        _checkSignature(patient, intent, deadline, signature);
        _requestWithdrawal(patient, amount);
    }

    /// @inheritdoc IPatientEscrow
    function cancelWithdrawal() external {
        _spendNonce(msg.sender);
        _cancelWithdrawal(msg.sender);
    }

    /// @inheritdoc IPatientEscrow
    function cancelWithdrawalBySig(address patient, uint256 deadline, bytes calldata signature) external {
        bytes32 intent = PatientIntents.cancelWithdrawal(patient, _spendNonce(patient), deadline);
        _checkSignature(patient, intent, deadline, signature);
        _cancelWithdrawal(patient);
    }

    /// @inheritdoc IPatientEscrow
    function withdraw() external nonReentrant returns (uint64 amount) {
        _spendNonce(msg.sender);
        return _withdraw(msg.sender);
    }

    /// @inheritdoc IPatientEscrow
    function withdrawBySig(address patient, uint256 deadline, bytes calldata signature)
        external
        nonReentrant
        returns (uint64 amount)
    {
        bytes32 intent = PatientIntents.withdraw(patient, _spendNonce(patient), deadline);
        _checkSignature(patient, intent, deadline, signature);
        return _withdraw(patient);
    }

    // ---- payers and limits ------------------------------------------------------------------------

    /// @inheritdoc IPatientEscrow
    function acceptPayer(uint32 payerId, uint32 secondaryPayerId) external {
        _spendNonce(msg.sender);
        _acceptPayer(msg.sender, payerId, secondaryPayerId);
    }

    /// @inheritdoc IPatientEscrow
    function acceptPayerBySig(
        address patient,
        uint32 payerId,
        uint32 secondaryPayerId,
        uint256 deadline,
        bytes calldata signature
    ) external {
        bytes32 intent = PatientIntents.acceptPayer(patient, payerId, secondaryPayerId, _spendNonce(patient), deadline);
        _checkSignature(patient, intent, deadline, signature);
        _acceptPayer(patient, payerId, secondaryPayerId);
    }

    /// @inheritdoc IPatientEscrow
    function setLimits(uint64 perEventLimit, uint64 perDayLimit) external {
        _spendNonce(msg.sender);
        _setLimits(msg.sender, perEventLimit, perDayLimit);
    }

    /// @inheritdoc IPatientEscrow
    function setLimitsBySig(
        address patient,
        uint64 perEventLimit,
        uint64 perDayLimit,
        uint256 deadline,
        bytes calldata signature
    ) external {
        bytes32 intent = PatientIntents.setLimits(patient, perEventLimit, perDayLimit, _spendNonce(patient), deadline);
        _checkSignature(patient, intent, deadline, signature);
        _setLimits(patient, perEventLimit, perDayLimit);
    }

    // ---- consents ---------------------------------------------------------------------------------

    /// @inheritdoc IPatientEscrow
    function grantConsent(uint32 providerId, uint64 perEventLimit, uint40 expiresAt, bool selfPay) external {
        _spendNonce(msg.sender);
        _grantConsent(msg.sender, providerId, Consent(perEventLimit, expiresAt, selfPay));
    }

    /// @inheritdoc IPatientEscrow
    function grantConsentBySig(
        address patient,
        uint32 providerId,
        uint64 perEventLimit,
        uint40 expiresAt,
        bool selfPay,
        uint256 deadline,
        bytes calldata signature
    ) external {
        bytes32 intent = PatientIntents.grantConsent(
            patient, providerId, perEventLimit, expiresAt, selfPay, _spendNonce(patient), deadline
        );
        _checkSignature(patient, intent, deadline, signature);
        _grantConsent(patient, providerId, Consent(perEventLimit, expiresAt, selfPay));
    }

    /// @inheritdoc IPatientEscrow
    function revokeConsent(uint32 providerId) external {
        _spendNonce(msg.sender);
        _revokeConsent(msg.sender, providerId);
    }

    /// @inheritdoc IPatientEscrow
    function revokeConsentBySig(address patient, uint32 providerId, uint256 deadline, bytes calldata signature)
        external
    {
        bytes32 intent = PatientIntents.revokeConsent(patient, providerId, _spendNonce(patient), deadline);
        _checkSignature(patient, intent, deadline, signature);
        _revokeConsent(patient, providerId);
    }

    // ---- nonces -----------------------------------------------------------------------------------

    /// @inheritdoc IPatientEscrow
    function useNonce() external {
        _spendNonce(msg.sender);
    }

    /// @inheritdoc IPatientEscrow
    function useNonceBySig(address patient, uint256 deadline, bytes calldata signature) external {
        bytes32 intent = PatientIntents.useNonce(patient, _spendNonce(patient), deadline);
        _checkSignature(patient, intent, deadline, signature);
    }

    // ---- settling ---------------------------------------------------------------------------------

    /// @inheritdoc IPatientEscrow
    function maySpend(bytes calldata section, uint256 signedAt) external view returns (bytes memory) {
        bytes memory reply = WordArray.zeros(32 + 32 * BatchCodec.groupCount(BatchCodec.header(section, 0)));
        _stateAll(section, signedAt, WordArray.start(reply) + 32);
        // `reply` becomes what the ABI makes of `bytes`: their place, their length, and the words.
        assembly ("memory-safe") {
            let size := sub(mload(reply), 32)
            mstore(reply, 32)
            mstore(add(reply, 32), size)
            return(reply, add(size, 64))
        }
    }

    /// @inheritdoc IPatientEscrow
    function chargeShares(bytes calldata section, uint256 last, bytes calldata charges) external onlySettlement {
        uint256 total = _chargeAll(section, BatchCodec.place(charges));
        uint256 before = _debited;
        unchecked {
            // Both were debited from balances below 2^64, each of them at most once for every row.
            total += before;
        }
        if (last == 0) {
            _debited = total;
            return;
        }
        if (before != 0) _debited = 0;
        if (total != 0) SafeERC20.safeTransfer(token, settlement, total);
    }

    /// @inheritdoc IPatientEscrow
    function disburseTotal() external onlySettlement {
        uint256 amount = _debited;
        if (amount == 0) return;
        _debited = 0;
        SafeERC20.safeTransfer(token, settlement, amount);
    }

    /// @inheritdoc IPatientEscrow
    function refund(address patient, uint64 amount) external onlySettlement {
        Patient storage record = _patients[patient];
        uint256 slot = record.slot;
        // Of a token with less than 2^64 units (18 trillion dollars) there is always room. Of any other, the
        // balance stays at the most it can hold: a refund that failed would keep the rest of its reversal back.
        uint64 room = type(uint64).max - slot.balance();
        if (amount > room) amount = room;

        record.slot = slot.withBalance(slot.balance() + amount);
        _requests[patient].noteDeposit(amount);
        emit Refunded(patient, amount);
    }

    // ---- views ------------------------------------------------------------------------------------

    /// @inheritdoc IPatientEscrow
    function balanceOf(address patient) external view returns (uint64) {
        return _patients[patient].slot.balance();
    }

    /// @inheritdoc IPatientEscrow
    function nonceOf(address patient) external view returns (uint64) {
        return _patients[patient].next.nonce();
    }

    /// @inheritdoc IPatientEscrow
    function payersOf(address patient, uint40 time) external view returns (uint32 payerId, uint32 secondaryPayerId) {
        Patient storage record = _patients[patient];
        uint256 both = record.slot.inForce(record.next, time).payers();
        return (uint24(both >> 24), uint24(both));
    }

    /// @inheritdoc IPatientEscrow
    function limitsOf(address patient, uint40 time) external view returns (uint64 perEventLimit, uint64 perDayLimit) {
        Patient storage record = _patients[patient];
        uint256 both = record.slot.inForce(record.next, time).limits();
        return (both.perEvent(), both.perDay());
    }

    /// @inheritdoc IPatientEscrow
    function spentToday(address patient) external view returns (uint64) {
        Patient storage record = _patients[patient];
        uint256 slot = record.slot;
        return slot.countsDays(record.next) ? uint64(slot.spentOn(_today())) : 0;
    }

    /// @inheritdoc IPatientEscrow
    function consentOf(address patient, uint32 providerId, uint40 time)
        external
        view
        returns (uint64 perEventLimit, uint40 expiresAt, bool selfPay)
    {
        uint256 consent = _consents[providerId][patient].at(time);
        return (consent.perEventLimit(), consent.expiresAt(), consent.selfPay());
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

    // ---- signatures -------------------------------------------------------------------------------

    /// Before anything else a verb does: a wallet that is asked about its signature meets a spent nonce.
    function _spendNonce(address patient) private returns (uint64 nonce) {
        Patient storage record = _patients[patient];
        uint256 next = record.next;
        nonce = next.nonce();
        unchecked {
            // 2^64 verbs are out of anybody's reach, so nothing is carried into the field above.
            record.next = next + 1;
            emit NonceUsed(patient, nonce + 1);
        }
    }

    /// Keys sign by ECDSA, contracts answer by ERC-1271.
    function _checkSignature(address patient, bytes32 intent, uint256 deadline, bytes calldata signature) private view {
        if (block.timestamp > deadline) revert SignatureExpired(deadline, block.timestamp);
        if (!SignatureChecker.isValidSignatureNowCalldata(patient, _hashTypedDataV4(intent), signature)) {
            revert InvalidSignature(patient);
        }
    }

    // ---- what the verbs do ------------------------------------------------------------------------

    function _credit(address patient, uint64 amount) private {
        Patient storage record = _patients[patient];
        uint256 slot = record.slot;
        uint64 balance = slot.balance();
        if (amount > type(uint64).max - balance) revert BalanceOverflow(balance, amount);

        record.slot = slot.withBalance(balance + amount);
        _requests[patient].noteDeposit(amount);
        emit Deposited(patient, amount);
    }

    function _requestWithdrawal(address patient, uint64 amount) private {
        uint40 availableAt = _requests[patient].open(amount, _patients[patient].slot.balance());
        emit WithdrawalRequested(patient, amount, availableAt);
    }

    function _cancelWithdrawal(address patient) private {
        _requests[patient].cancel();
        emit WithdrawalCancelled(patient);
    }

    function _withdraw(address patient) private returns (uint64 amount) {
        // What was stated to settlement must still be there when it charges.
        if (IClaimSettlement(settlement).isSettling()) revert SettlementUnderWay();
        Patient storage record = _patients[patient];
        uint256 slot = record.slot;
        amount = _requests[patient].take(slot.balance());
        record.slot = slot.withBalance(slot.balance() - amount);
        emit Withdrawn(patient, amount);

        SafeERC20.safeTransfer(token, patient, amount);
    }

    function _acceptPayer(address patient, uint32 payerId, uint32 secondaryPayerId) private {
        _checkPayers(payerId, secondaryPayerId);
        uint40 time = uint40(block.timestamp);
        Patient storage record = _patients[patient];
        uint256 next = record.next;
        uint256 slot = record.slot.caughtUp(next, time);
        uint256 accepted = PatientSlot.pair(uint256(payerId) << 32 | secondaryPayerId);
        uint256 current = slot.inForce(next, time).payers();
        bool changing = slot & PatientSlot.PAYERS_CHANGE != 0; // a change is announced, or has only just held
        bool announced = changing && next.payersChangeAt() > time;
        if (accepted == current && !announced) revert PayersUnchanged(payerId, secondaryPayerId);
        // Only one version before the present one is remembered; a batch signed under it may be on its way,
        // under no payer, too: as self-pay.
        if (changing && !announced) {
            revert ChangeTooRecent(next.payersChangeAt(), next.payersChangeAt() + MAX_BATCH_LIFE);
        }

        uint40 effectiveAt = time;
        if (accepted == current) {
            slot &= ~PatientSlot.PAYERS_CHANGE; // what was announced is off
        } else {
            if (current != 0) effectiveAt += NOTICE;
            slot |= PatientSlot.PAYERS_CHANGE;
            record.next = next.withNextPayers(accepted, effectiveAt);
        }
        record.slot = slot;
        emit PayersAccepted(patient, payerId, secondaryPayerId, effectiveAt);
    }

    function _checkPayers(uint32 payerId, uint32 secondaryPayerId) private view {
        if (payerId == 0) {
            if (secondaryPayerId != 0) revert SecondaryWithoutPrimary(secondaryPayerId);
            return;
        }
        if (payerId == secondaryPayerId) revert SamePayerTwice(payerId);
        _checkPayer(payerId);
        if (secondaryPayerId != 0) _checkPayer(secondaryPayerId);
    }

    function _checkPayer(uint32 payerId) private view {
        if (payers.payerAt(payerId) == address(0)) revert UnknownPayer(payerId);
    }

    function _setLimits(address patient, uint64 perEventLimit, uint64 perDayLimit) private {
        uint40 time = uint40(block.timestamp);
        Patient storage record = _patients[patient];
        uint256 next = record.next;
        uint256 slot = record.slot.caughtUp(next, time);
        uint256 limits = _cents(perEventLimit) << 32 | _cents(perDayLimit);
        uint256 current = slot.inForce(next, time).limits();
        bool changing = slot & PatientSlot.LIMITS_CHANGE != 0; // as for payers
        bool announced = changing && next.limitsChangeAt() > time;
        if (limits == current && !announced) revert LimitsUnchanged(perEventLimit, perDayLimit);

        // Raised limits take nothing from a batch signed under lower ones, so nothing need be remembered.
        bool raised = limits.covers(current);
        // Only one version before the present one is remembered. Limits as high as those of that version, too,
        // may take its place.
        if (changing && !announced && !(raised && limits.covers(slot.limits()))) {
            revert ChangeTooRecent(next.limitsChangeAt(), next.limitsChangeAt() + MAX_BATCH_LIFE);
        }

        uint40 effectiveAt = time;
        if (raised) {
            slot = slot.withLimits(limits) & ~PatientSlot.LIMITS_CHANGE;
        } else {
            effectiveAt += NOTICE;
            slot |= PatientSlot.LIMITS_CHANGE;
            record.next = next.withNextLimits(limits, effectiveAt);
        }
        record.slot = slot;
        emit LimitsSet(patient, perEventLimit, perDayLimit, effectiveAt);
    }

    function _cents(uint64 limit) private pure returns (uint256) {
        if (limit % PatientSlot.CENT != 0) revert LimitNotInCents(limit);
        if (limit > PatientSlot.MAX_LIMIT) revert LimitTooLarge(limit, PatientSlot.MAX_LIMIT);
        return limit / PatientSlot.CENT;
    }

    /// Widening holds at once, narrowing after NOTICE: a signed batch may rely on the wider consent.
    function _grantConsent(address patient, uint32 providerId, Consent memory consent) private {
        if (registry.payoutAddress(providerId) == address(0)) revert UnknownProvider(providerId);
        uint40 time = uint40(block.timestamp);
        if (consent.expiresAt <= time) revert ConsentExpiryInPast(consent.expiresAt, time);
        uint256 slot = _consents[providerId][patient];
        uint40 changedAt = slot.nextAt();
        // Only one consent before the present one is remembered; a batch signed under it may be on its way.
        if (changedAt != 0 && changedAt <= time && time < changedAt + MAX_BATCH_LIFE) {
            revert ChangeTooRecent(changedAt, changedAt + MAX_BATCH_LIFE);
        }

        Consent memory current = slot.at(time).unpack();
        uint40 effectiveAt = time;
        bool forgotten = uint256(current.expiresAt) + MAX_BATCH_LIFE <= time; // in 256 bits: some never expire
        if (forgotten || consent.covers(current)) {
            slot = consent.pack();
        } else {
            if (current.expiresAt > time) effectiveAt += NOTICE;
            slot = current.pack(consent, effectiveAt);
        }
        _consents[providerId][patient] = slot;
        _forgetConsent(patient, providerId);
        emit ConsentGranted(patient, providerId, consent.perEventLimit, consent.expiresAt, consent.selfPay, effectiveAt);
    }

    /// An earlier end, a whole notice away, takes nothing from a signed batch; all else stays as announced.
    function _revokeConsent(address patient, uint32 providerId) private {
        uint256 slot = _consents[providerId][patient];
        uint40 expiresAt = slot.lastExpiry(block.timestamp);
        if (expiresAt <= block.timestamp) revert NoConsentToRevoke(providerId);

        uint40 endsAt = uint40(block.timestamp) + NOTICE;
        _consents[providerId][patient] = slot.endingBy(endsAt);
        _forgetConsent(patient, providerId);
        emit ConsentRevoked(patient, providerId, endsAt < expiresAt ? endsAt : expiresAt);
    }

    /// How many groups a section has, and where in calldata the first begins.
    function _groups(bytes calldata section) private pure returns (uint256 groups, uint256 at) {
        uint256 header = BatchCodec.header(section, 0);
        (groups, at) = (BatchCodec.groupCount(header), BatchCodec.place(section));
        unchecked {
            // a place in calldata
            at += BatchCodec.headerBytes(header);
        }
    }

    /// Writes a word for each patient of a section at `place` in memory.
    function _stateAll(bytes calldata section, uint256 signedAt, uint256 place) private view {
        uint32 providerId = BatchCodec.providerId(BatchCodec.header(section, 0));
        uint256 named = PatientSlot.pair(BatchCodec.payersOf(section, 0));
        uint256 key = PatientSlot.remembering(named, providerId);
        (uint256 groups, uint256 at) = _groups(section);
        while (true) {
            if (key != 0) (at, groups, place) = _stateRemembered(at, groups, place, key, signedAt);
            if (groups == 0) return;
            uint256 group = BatchCodec.load(at);
            WordArray.write(place, _stated(group >> 96, providerId, named, signedAt));
            unchecked {
                // A section is shorter than 2^32 bytes.
                at += BatchCodec.GROUP_BYTES + uint8(group >> 88) * BatchCodec.ROW_BYTES;
                place += 32;
                --groups;
            }
        }
    }

    /// Takes the words at `place` in calldata from the balances of a section's patients.
    function _chargeAll(bytes calldata section, uint256 place) private returns (uint256 total) {
        (uint256 groups, uint256 at) = _groups(section);
        while (true) {
            uint256 sum;
            (at, groups, place, sum) = _chargePlain(at, groups, place);
            unchecked {
                // An amount that is debited is below 2^64, and a section shorter than 2^32 bytes.
                total += sum;
                if (groups == 0) return total;
                uint256 group = BatchCodec.load(at);
                uint256 amount = BatchCodec.load(place);
                _debit(address(uint160(group >> 96)), BatchCodec.providerId(BatchCodec.header(section, 0)), amount);
                total += amount;
                at += BatchCodec.GROUP_BYTES + uint8(group >> 88) * BatchCodec.ROW_BYTES;
                place += 32;
                --groups;
            }
        }
    }

    /// What a patient may be charged by a section of this provider that names these payers, see
    /// `escrow/Spendable.sol`.
    function _stated(uint256 patient_, uint32 providerId, uint256 named, uint256 signedAt)
        private
        view
        returns (uint256 word)
    {
        word = _statedPlainly(patient_, providerId, named, signedAt);
        if (word != 0) return word;
        address patient = address(uint160(patient_));
        Patient storage record = _patients[patient];
        uint256 slot = record.slot;
        if (slot.hasNext()) slot = slot.inForce(record.next, signedAt);
        return _statement(slot, _consents[providerId][patient].at(signedAt), named, signedAt);
    }

    /// Writes what `_statement` says of patients, until there are none left or the slot of one does not remember the
    /// consent, or something of it is changing.
    /// @param key the payers and the provider as such a slot has them, see PatientSlot
    /// @return where the reading and the writing stand, and how many patients are left
    function _stateRemembered(uint256 at, uint256 groups, uint256 place, uint256 key, uint256 signedAt)
        private
        view
        returns (uint256, uint256, uint256)
    {
        // Slots as in PatientSlot, words as in Spendable, groups as in BatchCodec. Written are scratch space and the
        // words at `place`. A cent is 10^4 of the token's unit; Reason 15 is OverEventLimit.
        assembly ("memory-safe") {
            mstore(32, _patients.slot)
            let today := and(div(timestamp(), 86400), 0xffff)
            for {} groups { groups := sub(groups, 1) } {
                let group := calldataload(at)
                mstore(0, shr(96, group))
                let slot := sload(keccak256(0, 64))
                // A consent is remembered and nothing is changing; these payers and this provider.
                if or(xor(and(slot, 7), 4), xor(and(shr(144, slot), 0xffffffffffff), key)) { break }
                // The consent holds.
                if iszero(gt(shl(20, and(shr(3, slot), 0x1fff)), signedAt)) { break }
                let left := 0xffffffffffffffff
                let limit := and(shr(80, slot), 0xffffffff)
                if limit {
                    limit := mul(limit, 10000)
                    let spent := mul(and(shr(32, slot), 0xffffffffffff), eq(and(shr(16, slot), 0xffff), today))
                    left := mul(sub(limit, spent), gt(limit, spent))
                }
                limit := mul(and(shr(112, slot), 0xffffffff), 10000) // for one event
                mstore(place, or(or(shl(192, shr(192, slot)), shl(128, left)), or(shl(64, limit), 0x0f00)))
                place := add(place, 32)
                at := add(add(at, 21), mul(and(shr(88, group), 0xff), 54))
            }
        }
        return (at, groups, place);
    }

    /// What `_statement` says of a patient of whom nothing is changing, who has accepted the payers `named` and
    /// whose consent holds; 0, which is no statement of such a patient, for any other.
    function _statedPlainly(uint256 patient, uint256 providerId, uint256 named, uint256 signedAt)
        private
        view
        returns (uint256 word)
    {
        // `slot` as in PatientSlot, `consent` as in ConsentSlot, `word` as in Spendable. Only scratch space is
        // written. A cent is 10^4 of the token's unit; Reason 14 is OverConsentLimit and 15 OverEventLimit.
        assembly ("memory-safe") {
            // 32 bits of a patient's slot, a limit in cents
            function limitAt(slot, right) -> limit {
                limit := mul(and(shr(right, slot), 0xffffffff), 10000)
            }
            mstore(0, patient)
            mstore(32, _patients.slot)
            let slot := sload(keccak256(0, 64))
            let accepted := and(shr(144, slot), 0xffffffffffff)
            let most := limitAt(slot, 112)
            word := 0x0f00
            // In place of a secondary payer a provider may stand.
            if and(slot, 4) { accepted := and(accepted, 0xffffff000000) }
            mstore(0, providerId)
            mstore(32, _consents.slot)
            mstore(32, keccak256(0, 64))
            mstore(0, patient)
            let consent := sload(keccak256(0, 64))
            // nothing follows it, and it ends later
            let holds := gt(gt(and(shr(152, consent), 0xffffffffff), signedAt), gt(and(consent, 0xffffffffff00), 0))
            consent := shr(192, consent)
            if iszero(gt(lt(most, consent), iszero(most))) {
                most := consent
                word := 0x0e00
            }
            // Nothing is changing; these payers; the consent holds.
            switch gt(holds, or(and(slot, 3), xor(accepted, named)))
            case 0 { word := 0 }
            default {
                let left := 0xffffffffffffffff
                {
                    let limit := limitAt(slot, 80)
                    if limit {
                        let today := and(div(timestamp(), 86400), 0xffff)
                        let spent := mul(and(shr(32, slot), 0xffffffffffff), eq(and(shr(16, slot), 0xffff), today))
                        left := mul(sub(limit, spent), gt(limit, spent))
                    }
                }
                word := or(or(shl(192, shr(192, slot)), shl(128, left)), or(shl(64, most), word))
            }
        }
    }

    /// Does what `_debit` does for patients, until there are none left or something of one is changing, or it has a
    /// limit for one event and room for a consent that is not remembered: of that one nothing is written.
    /// @return where the reading stands, how many patients are left, and what was taken of those before
    function _chargePlain(uint256 at, uint256 groups, uint256 place)
        private
        returns (uint256, uint256, uint256, uint256)
    {
        uint256 total;
        // Slots as in PatientSlot, groups as in BatchCodec. Only scratch space is written. Amounts are below 2^64.
        assembly ("memory-safe") {
            mstore(32, _patients.slot)
            let today := and(div(timestamp(), 86400), 0xffff)
            for {} groups { groups := sub(groups, 1) } {
                let group := calldataload(at)
                let amount := calldataload(place)
                if amount {
                    mstore(0, shr(96, group))
                    let slot_ := keccak256(0, 64)
                    let slot := sload(slot_)
                    // nothing is changing, and enough of a balance
                    if gt(or(and(slot, 3), gt(amount, shr(192, slot))), 0) { break }
                    if iszero(and(slot, 4)) {
                        // no consent is remembered: there is a limit, and room for one
                        if gt(and(shr(112, slot), 0xffffffff), mul(and(shr(144, slot), 0xffffff), 0x100000000)) {
                            break
                        }
                    }
                    total := add(total, amount)
                    // with a per-day limit: what was spent on this day, and the day
                    if and(shr(80, slot), 0xffffffff) {
                        let spent := mul(and(shr(32, slot), 0xffffffffffff), eq(and(shr(16, slot), 0xffff), today))
                        spent := add(spent, amount)
                        if shr(48, spent) {
                            total := sub(total, amount)
                            break
                        }
                        slot := or(
                            and(slot, 0xffffffffffffffffffffffffffffffffffffffffffff0000000000000000ffff),
                            or(shl(32, spent), shl(16, today))
                        )
                    }
                    sstore(slot_, sub(slot, shl(192, amount)))
                }
                place := add(place, 32)
                at := add(add(at, 21), mul(and(shr(88, group), 0xff), 54))
            }
        }
        return (at, groups, place, total);
    }

    /// Takes an amount that settlement has priced for an event of this provider from a patient's balance.
    function _debit(address patient, uint32 providerId, uint256 amount) private {
        Patient storage record = _patients[patient];
        uint256 slot = record.slot;
        // Settlement has asked `maySpend` and stays within it.
        if (amount > slot.balance()) revert DebitOverBalance(slot.balance(), amount);
        if (!slot.isPlain()) slot = _counted(slot, record, amount);
        if (slot.mayRemember(providerId)) {
            uint256 consent = _consents[providerId][patient];
            if (!consent.isChanging() && consent.perEventLimit() > slot.limits().perEvent()) {
                slot = slot.remember(providerId, consent.expiresAt());
            }
        }
        record.slot = slot.minus(amount);
    }

    /// A consent is about to change: the patient's slot must not remember the present one.
    function _forgetConsent(address patient, uint32 providerId) private {
        uint256 slot = _patients[patient].slot;
        if (slot.remembers(providerId)) _patients[patient].slot = slot.forgetful();
    }

    function _statement(uint256 slot, uint256 consent, uint256 named, uint256 signedAt) private view returns (uint256) {
        uint64 balance = slot.balance();
        bool accepted = slot.payers() == named;
        if (!accepted && named != 0) return Spendable.refuse(balance, Reason.PayerNotAccepted);
        if (consent.expiresAt() <= signedAt) return Spendable.refuse(balance, Reason.NoConsent);
        // Patients with a payer pay for themselves only where the consent says so.
        if (!accepted && !consent.selfPay()) return Spendable.refuse(balance, Reason.PayerNotAccepted);

        uint64 limit = consent.perEventLimit();
        Reason overLimit = Reason.OverConsentLimit;
        uint64 perEvent = slot.limits().perEvent();
        if (perEvent != 0 && perEvent < limit) (limit, overLimit) = (perEvent, Reason.OverEventLimit);
        return Spendable.pack(balance, _dayLeft(slot), limit, overLimit);
    }

    function _dayLeft(uint256 slot) private view returns (uint64) {
        uint64 perDay = slot.limits().perDay();
        if (perDay == 0) return type(uint64).max;
        uint256 spent = slot.spentOn(_today());
        return spent < perDay ? perDay - uint64(spent) : 0;
    }

    /// The slot of a patient whose limits or payers change or who has a per-day limit, before a debit.
    function _counted(uint256 slot, Patient storage record, uint256 amount) private view returns (uint256) {
        uint256 next = slot.hasNext() ? record.next : 0;
        slot = slot.caughtUp(next, block.timestamp);
        return slot.countsDays(next) ? slot.withSpent(amount, _today()) : slot;
    }

    function _today() private view returns (uint256) {
        return block.timestamp / 1 days;
    }
}
