// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ClaimReversals} from "./ClaimReversals.sol";
import {CreditAccount} from "./CreditAccount.sol";
import {PackedClaim} from "../codec/PackedClaim.sol";
import {PatientIntents} from "../escrow/PatientIntents.sol";
import {ISettlementExtension} from "../interfaces/ISettlementExtension.sol";
import {ANSWER_TIME, DISPUTE_WINDOW, RULING_TIME} from "../types/Timelocks.sol";

/// @notice The part of SettlementExtension that hears disputes of settled claims.
/// @dev Documented in ISettlementExtension.
abstract contract ClaimDisputes is ClaimReversals {
    using CreditAccount for CreditAccount.Account;

    // ---- verbs ------------------------------------------------------------------------------------

    /// @inheritdoc ISettlementExtension
    function dispute(SettledClaim calldata claim, Party party, uint32 rootSlot, bytes32[] calldata proof)
        external
        delegated
        nonReentrant
    {
        _checkWindow(claim);
        bytes32 id = _proven(claim, rootSlot, proof);
        if (!_isParty(claim, party, msg.sender)) revert NotAParty(msg.sender, party);
        if (party == Party.Patient) _useNonce(msg.sender);
        _open(id, claim, party);
    }

    /// @inheritdoc ISettlementExtension
    function disputeBySig(
        SettledClaim calldata claim,
        uint32 rootSlot,
        bytes32[] calldata proof,
        uint256 deadline,
        bytes calldata signature
    ) external delegated nonReentrant {
        if (block.timestamp > deadline) revert SignatureExpired(deadline, block.timestamp);
        _checkWindow(claim);
        bytes32 id = _proven(claim, rootSlot, proof);
        bytes32 digest = _hashTypedDataV4(PatientIntents.disputeClaim(id, _useNonce(claim.patient), deadline));
        if (!SignatureChecker.isValidSignatureNowCalldata(claim.patient, digest, signature)) {
            revert InvalidPatientSignature(claim.patient);
        }
        _open(id, claim, Party.Patient);
    }

    /// @inheritdoc ISettlementExtension
    function concede(SettledClaim calldata claim) external delegated nonReentrant {
        _checkPayoutAddress(PackedClaim.providerId(claim.parties));
        (bytes32 id, Dispute memory found) = _pending(claim);
        _reverse(id, claim, found);
    }

    /// @inheritdoc ISettlementExtension
    function void(SettledClaim calldata claim, uint32 rootSlot, bytes32[] calldata proof)
        external
        delegated
        nonReentrant
    {
        uint32 providerId = PackedClaim.providerId(claim.parties);
        _checkPayoutAddress(providerId);
        bytes32 id = _proven(claim, rootSlot, proof);
        Dispute memory found = _disputes[id];
        if (found.status != DisputeStatus.None && found.status != DisputeStatus.Upheld) {
            revert WrongStatus(id, found.status);
        }

        (found.status, found.providerId) = (DisputeStatus.Reversed, providerId);
        _disputes[id] = found;
        _reverseVoided(claim, _difference(id, claim, _nothing()));
    }

    /// @inheritdoc ISettlementExtension
    function answer(SettledClaim calldata claim, bytes32 statementHash) external delegated nonReentrant {
        _checkPayoutAddress(PackedClaim.providerId(claim.parties));
        (bytes32 id, Dispute memory found) = _pending(claim);
        if (found.status != DisputeStatus.Open) revert WrongStatus(id, found.status);
        if (block.timestamp >= found.deadline) revert DeadlineOver(found.deadline, block.timestamp);

        uint40 ruleBy = uint40(block.timestamp) + RULING_TIME;
        (found.status, found.deadline) = (DisputeStatus.Answered, ruleBy);
        _disputes[id] = found;
        emit DisputeAnswered(id, statementHash, ruleBy);
    }

    /// @inheritdoc ISettlementExtension
    function resolve(SettledClaim calldata claim, Ruling calldata ruling) external delegated restricted nonReentrant {
        (bytes32 id, Dispute memory found) = _pending(claim);
        if (found.status != DisputeStatus.Answered) revert WrongStatus(id, found.status);
        if (block.timestamp >= found.deadline) revert DeadlineOver(found.deadline, block.timestamp);

        Difference memory taken = _difference(id, claim, ruling);
        bool same = taken.amounts | taken.shares | taken.secondary | taken.fee == 0;
        // A claim of nothing (a free service with a yearly limit) has but its units to lose: the ruling says which.
        if (same && (ruling.stands || !taken.whole)) return _uphold(id, claim, found);
        if (ruling.stands) revert RulingContradictsItself(id);
        _reverse(id, claim, found, taken);
    }

    /// @inheritdoc ISettlementExtension
    function close(SettledClaim calldata claim) external delegated nonReentrant {
        (bytes32 id, Dispute memory found) = _pending(claim);
        if (block.timestamp < found.deadline) revert DeadlineNotOver(found.deadline, block.timestamp);

        if (found.status == DisputeStatus.Answered) return _uphold(id, claim, found);
        _reverse(id, claim, found);
    }

    // ---- parts ------------------------------------------------------------------------------------

    function _checkWindow(SettledClaim calldata claim) private view {
        uint40 endsAt = claim.settledAt + DISPUTE_WINDOW;
        if (block.timestamp >= endsAt) revert WindowOver(endsAt, block.timestamp);
    }

    /// The id of a claim that is a leaf of the root kept in `rootSlot`.
    function _proven(SettledClaim calldata claim, uint32 rootSlot, bytes32[] calldata proof)
        private
        view
        returns (bytes32 id)
    {
        id = _claimId(claim);
        bytes32 root = MerkleProof.processProofCalldata(proof, id);
        if (bytes27(root) != bytes27(_roots[rootSlot])) revert NotInBatch(id, rootSlot);
    }

    function _isParty(SettledClaim calldata claim, Party party, address caller) private view returns (bool) {
        if (party == Party.Patient) return caller == claim.patient;
        uint32 payerId = party == Party.Primary
            ? PackedClaim.payerId(claim.parties)
            : PackedClaim.secondaryPayerId(claim.parties);
        return payerId != 0 && caller == Ownable(_payerAddress(payerId)).owner();
    }

    /// Opens a proven claim's dispute, or lets a party join one that is open. The bucket still has the
    /// money: it matures after the window, and each claim takes its own part out at most once.
    function _open(bytes32 id, SettledClaim calldata claim, Party party) private {
        Dispute memory found = _disputes[id];
        if (found.status > DisputeStatus.Upheld) revert WrongStatus(id, found.status);
        uint8 bit = uint8(1 << uint8(party));
        if (found.parties & bit != 0) revert AlreadyDisputed(id, party);

        found.parties |= bit;
        if (found.status != DisputeStatus.Open && found.status != DisputeStatus.Answered) _hold(claim, found);
        _disputes[id] = found;
        emit ClaimDisputed(id, found.providerId, party, found.deadline);
    }

    function _hold(SettledClaim calldata claim, Dispute memory opened) private {
        uint256 fee = PackedClaim.fee(claim.service);
        uint256 credit = PackedClaim.allowed(claim.amounts) - fee;
        opened.status = DisputeStatus.Open;
        opened.deadline = uint40(block.timestamp) + ANSWER_TIME;
        opened.providerId = PackedClaim.providerId(claim.parties);
        (opened.held, opened.feeHeld) = (uint64(credit), uint64(fee));
        uint256 day = CreditAccount.dayOf(claim.settledAt);
        _providers[opened.providerId].hold(day, credit);
        if (fee != 0) _operators[claim.operator].hold(day, fee);
    }

    /// A claim's dispute that has not ended.
    function _pending(SettledClaim calldata claim) private view returns (bytes32 id, Dispute memory found) {
        id = _claimId(claim);
        found = _disputes[id];
        if (found.status != DisputeStatus.Open && found.status != DisputeStatus.Answered) {
            revert WrongStatus(id, found.status);
        }
    }

    function _uphold(bytes32 id, SettledClaim calldata claim, Dispute memory found) private {
        _end(id, found, DisputeStatus.Upheld);
        _unhold(claim, found, 0, 0);
        emit DisputeUpheld(id, found.providerId);
    }

    function _reverse(bytes32 id, SettledClaim calldata claim, Dispute memory found) private {
        _reverse(id, claim, found, _difference(id, claim, _nothing()));
    }

    function _reverse(bytes32 id, SettledClaim calldata claim, Dispute memory found, Difference memory taken) private {
        _end(id, found, DisputeStatus.Reversed);
        _reverseHeld(claim, taken, found);
    }

    /// Stores that a dispute has ended and holds nothing; `found` still tells what it held.
    function _end(bytes32 id, Dispute memory found, DisputeStatus status) private {
        _disputes[id] = Dispute(status, found.parties, 0, 0, 0, found.providerId);
    }

    /// A ruling that leaves nothing of a claim.
    function _nothing() private pure returns (Ruling memory ruling) {}
}
