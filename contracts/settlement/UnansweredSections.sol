// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CreditAccount} from "./CreditAccount.sol";
import {OnlyDelegateCall} from "./OnlyDelegateCall.sol";
import {TypedData} from "../codec/TypedData.sol";
import {IClaimSettlement} from "../interfaces/IClaimSettlement.sol";
import {ISettlementExtension} from "../interfaces/ISettlementExtension.sol";
import {QUORUM_SILENCE, UNANSWERED_DELAY, UNANSWERED_LIFE} from "../types/Timelocks.sol";

/// @notice The part of SettlementExtension for when the quorum is silent: a provider announces sections, the quorum may
/// object, and what it has left unanswered settles without it.
/// @dev Documented in ISettlementExtension.
abstract contract UnansweredSections is OnlyDelegateCall, ISettlementExtension {
    using CreditAccount for CreditAccount.Account;

    /// @inheritdoc ISettlementExtension
    function announceSections(uint32 providerId, bytes calldata sections) external delegated {
        _checkPayoutAddress(providerId);

        bytes32 sectionsHash = keccak256(sections);
        _announced[providerId] = _announcement(sectionsHash, uint40(block.timestamp));
        emit SectionsAnnounced(providerId, sectionsHash, uint40(block.timestamp), sections);
    }

    /// @inheritdoc ISettlementExtension
    function objectToSections(uint32 providerId, bytes32 sectionsHash, uint40 announcedAt, bytes calldata signatures)
        external
        delegated
    {
        bytes32 digest = _useAnnouncement(providerId, sectionsHash, announcedAt);
        IClaimSettlement(address(this)).checkQuorum(currentEpoch, digest, signatures);

        emit SectionsObjected(providerId, sectionsHash, announcedAt);
    }

    /// @inheritdoc ISettlementExtension
    function settleUnanswered(uint32 providerId, uint40 announcedAt, bytes calldata sections, uint32 rootSlot)
        external
        delegated
        nonReentrant
        whenNotPaused
    {
        _checkPayoutAddress(providerId);
        CreditAccount.Account storage account = _providers[providerId];
        if (account.isSuspended()) revert ProviderIsSuspended(providerId);
        uint40 until = announcedAt + QUORUM_SILENCE;
        if (block.timestamp < until) revert QuorumMayObject(until, block.timestamp);
        uint40 lapsedAt = until + UNANSWERED_LIFE;
        if (block.timestamp >= lapsedAt) revert AnnouncementLapsed(lapsedAt, block.timestamp);
        bytes32 digest = _useAnnouncement(providerId, keccak256(sections), announcedAt);

        uint256 settledAt = block.timestamp + UNANSWERED_DELAY;
        uint256 credited = IClaimSettlement(address(this))
            .settleAnnounced(providerId, digest, settledAt, msg.sender, sections, rootSlot);
        account.putOff(CreditAccount.dayOf(settledAt), credited);
    }

    // ---- parts ------------------------------------------------------------------------------------

    /// How an announcement is stored.
    function _announcement(bytes32 sectionsHash, uint40 announcedAt) private pure returns (bytes32) {
        return bytes32(bytes27(sectionsHash)) | bytes32(uint256(announcedAt));
    }

    /// Takes an announcement away, which must stand, and gives the digest of the objection to it.
    function _useAnnouncement(uint32 providerId, bytes32 sectionsHash, uint40 announcedAt) private returns (bytes32) {
        if (announcedAt == 0 || _announced[providerId] != _announcement(sectionsHash, announcedAt)) {
            revert NotAnnounced(providerId, sectionsHash, announcedAt);
        }
        delete _announced[providerId];
        return _hashTypedDataV4(TypedData.hash(TypedData.SectionsObjection(providerId, sectionsHash, announcedAt)));
    }
}
