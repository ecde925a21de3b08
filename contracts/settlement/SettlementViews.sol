// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CreditAccount} from "./CreditAccount.sol";
import {OnlyDelegateCall} from "./OnlyDelegateCall.sol";
import {TypedData} from "../codec/TypedData.sol";
import {ISettlementAdmin} from "../interfaces/ISettlementAdmin.sol";

/// @notice The part of SettlementAdmin that answers questions.
abstract contract SettlementViews is OnlyDelegateCall, ISettlementAdmin {
    using CreditAccount for CreditAccount.Account;

    /// @inheritdoc ISettlementAdmin
    function creditOf(uint32 providerId) external view returns (Credit memory) {
        return _providers[providerId].standing();
    }

    /// @inheritdoc ISettlementAdmin
    function feesOf(address operator) external view returns (Credit memory) {
        return _operators[operator].standing();
    }

    /// @inheritdoc ISettlementAdmin
    function operatorFeeAt(uint40 time) external view returns (uint64 flat, uint16 bps) {
        return _operatorFeeAt(time);
    }

    /// @inheritdoc ISettlementAdmin
    function isSpent(uint32 providerId, uint64 sequence) external view returns (bool) {
        return _spent[providerId][sequence >> 8] & (1 << (sequence & 0xff)) != 0;
    }

    /// @inheritdoc ISettlementAdmin
    function attesterSince(uint32 providerId, address attester) external view returns (uint40) {
        return _attesterSince[providerId][attester];
    }

    /// @inheritdoc ISettlementAdmin
    function epochs(uint32 epoch) external view returns (uint16 threshold, uint16 members, uint40 endsAt) {
        Epoch storage quorum = _epochs[epoch];
        return (quorum.threshold, quorum.members, quorum.endsAt);
    }

    /// @inheritdoc ISettlementAdmin
    function membersOf(uint32 epoch) external view returns (address[] memory) {
        return _members[epoch];
    }

    /// @inheritdoc ISettlementAdmin
    function isMember(uint32 epoch, address signer) external view returns (bool) {
        address[] storage members = _members[epoch];
        for (uint256 i; i < members.length; ++i) {
            if (members[i] == signer) return true;
        }
        return false;
    }

    /// @inheritdoc ISettlementAdmin
    function announcementOf(uint32 providerId) external view returns (bytes27 sectionsHash, uint40 announcedAt) {
        bytes32 word = _announced[providerId];
        return (bytes27(word), uint40(uint256(word)));
    }

    /// @inheritdoc ISettlementAdmin
    function rootAt(uint32 rootSlot) external view returns (bytes27 root, uint40 settledAt) {
        bytes32 word = _roots[rootSlot];
        return (bytes27(word), uint40(uint256(word)));
    }

    /// @inheritdoc ISettlementAdmin
    function claimId(SettledClaim calldata claim) external view returns (bytes32) {
        return _claimId(claim);
    }

    /// @inheritdoc ISettlementAdmin
    function disputeOf(bytes32 id) external view returns (Dispute memory) {
        return _disputes[id];
    }

    /// @inheritdoc ISettlementAdmin
    function attestationDigest(TypedData.ServiceAttestation calldata attestation) external view returns (bytes32) {
        return _hashTypedDataV4(TypedData.hash(attestation));
    }

    /// @inheritdoc ISettlementAdmin
    function batchDigest(TypedData.BatchHeader calldata header, bytes calldata sections)
        external
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(TypedData.hash(header, sections));
    }
}
