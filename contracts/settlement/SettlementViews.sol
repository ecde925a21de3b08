// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CreditAccount} from "./CreditAccount.sol";
import {SettlementState} from "./SettlementState.sol";
import {IClaimSettlement} from "../interfaces/IClaimSettlement.sol";

/// @notice The part of ClaimSettlement that answers questions.
abstract contract SettlementViews is SettlementState, IClaimSettlement {
    using CreditAccount for CreditAccount.Account;

    /// @inheritdoc IClaimSettlement
    function isSettling() external view returns (bool) {
        return _reentrancyGuardEntered();
    }

    /// @inheritdoc IClaimSettlement
    function creditOf(uint32 providerId) external view returns (Credit memory) {
        return _providers[providerId].standing();
    }

    /// @inheritdoc IClaimSettlement
    function feesOf(address operator) external view returns (Credit memory) {
        return _operators[operator].standing();
    }

    /// @inheritdoc IClaimSettlement
    function operatorFeeAt(uint40 time) public view returns (uint64 flat, uint16 bps) {
        if (_feeAnnounced && time >= _feeChange.effectiveAt) return (_feeChange.flat, _feeChange.bps);
        return (_flatFee, _feeBps);
    }

    /// @inheritdoc IClaimSettlement
    function isSpent(uint32 providerId, uint64 sequence) public view returns (bool) {
        return _spent[providerId][sequence >> 8] & (1 << (sequence & 0xff)) != 0;
    }

    /// @inheritdoc IClaimSettlement
    function attesterSince(uint32 providerId, address attester) external view returns (uint40) {
        return _attesterSince[providerId][attester];
    }

    /// @inheritdoc IClaimSettlement
    function epochs(uint32 epoch) external view returns (uint16 threshold, uint16 members, uint40 endsAt) {
        Epoch storage quorum = _epochs[epoch];
        return (quorum.threshold, quorum.members, quorum.endsAt);
    }

    /// @inheritdoc IClaimSettlement
    function membersOf(uint32 epoch) external view returns (address[] memory) {
        return _members[epoch];
    }

    /// @inheritdoc IClaimSettlement
    function isMember(uint32 epoch, address signer) external view returns (bool) {
        address[] storage members = _members[epoch];
        for (uint256 i; i < members.length; ++i) {
            if (members[i] == signer) return true;
        }
        return false;
    }

    /// @inheritdoc IClaimSettlement
    function announcementOf(uint32 providerId) external view returns (bytes27 sectionsHash, uint40 announcedAt) {
        bytes32 word = _announced[providerId];
        return (bytes27(word), uint40(uint256(word)));
    }

    /// @inheritdoc IClaimSettlement
    function rootAt(uint32 rootSlot) external view returns (bytes27 root, uint40 settledAt) {
        bytes32 word = _roots[rootSlot];
        return (bytes27(word), uint40(uint256(word)));
    }

    /// @inheritdoc IClaimSettlement
    function claimId(SettledClaim calldata claim) external view returns (bytes32) {
        return _claimId(claim);
    }

    /// @inheritdoc IClaimSettlement
    function disputeOf(bytes32 id) external view returns (Dispute memory) {
        return _disputes[id];
    }
}
