// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISettlementState} from "./ISettlementState.sol";
import {TypedData} from "../codec/TypedData.sol";

/// @notice What the governor and the registry tell ClaimSettlement, and what anybody may ask it. ClaimSettlement passes it
/// on to SettlementAdmin by way of SettlementExtension: whoever calls one, calls it by this.
/// Amounts are in the token's smallest unit, times in seconds since 1970.
interface ISettlementAdmin is ISettlementState {
    // ---- attesters --------------------------------------------------------------------------------

    /// @notice Note that a key has become, or is no longer, an attester of a provider. ProviderRegistry only, which
    /// calls with every change.
    function noteAttester(uint32 providerId, address attester, bool stands) external;

    // ---- governance -------------------------------------------------------------------------------

    /// @notice Announce the operator's fee; it holds after NOTICE. Governor only.
    /// @param flat at most MAX_FLAT_FEE
    /// @param bps at most MAX_FEE_BPS of the allowed amount
    function setOperatorFee(uint64 flat, uint16 bps) external;

    /// @notice Open a new oracle epoch; the one before ends after MAX_BATCH_LIFE. Governor only.
    /// @param members strictly ascending, at most MAX_MEMBERS
    /// @param threshold how many must sign, at least 1 and at most the number of members
    function openEpoch(address[] calldata members, uint16 threshold) external returns (uint32 epoch);

    /// @notice End an epoch at once: no batch of it settles any more. Governor only.
    function endEpoch(uint32 epoch) external;

    /// @notice Stop new settlement, and nothing else. Governor only.
    function pause() external;

    /// @notice Resume settlement. Governor only.
    function unpause() external;

    // ---- views ------------------------------------------------------------------------------------

    /// @notice A provider's money as of now.
    function creditOf(uint32 providerId) external view returns (Credit memory);

    /// @notice An operator's fees as of now.
    function feesOf(address operator) external view returns (Credit memory);

    /// @notice The operator's fee for events signed at `time`.
    function operatorFeeAt(uint40 time) external view returns (uint64 flat, uint16 bps);

    /// @notice Was this sequence of the provider settled or denied?
    function isSpent(uint32 providerId, uint64 sequence) external view returns (bool);

    /// @notice Since when this key is an attester of the provider: its signatures count in batches that were signed
    /// no earlier. 0: it is none.
    function attesterSince(uint32 providerId, address attester) external view returns (uint40);

    /// @notice An epoch's quorum; `endsAt` 0: open-ended, `threshold` 0: no such epoch.
    function epochs(uint32 epoch) external view returns (uint16 threshold, uint16 members, uint40 endsAt);

    /// @notice Who may sign batches of an epoch, in ascending order.
    function membersOf(uint32 epoch) external view returns (address[] memory);

    /// @notice May this key sign batches of the epoch?
    function isMember(uint32 epoch, address signer) external view returns (bool);

    /// @notice What a provider has announced to settle without the quorum: the first 27 bytes of the hash of its sections,
    /// and when; 0: nothing. It stands here until it settles, is objected to or replaced, also when it has lapsed.
    function announcementOf(uint32 providerId) external view returns (bytes27 sectionsHash, uint40 announcedAt);

    /// @notice A kept root: the first 27 bytes of the tree's root, and when its batch was settled (UNANSWERED_DELAY later
    /// where it settled without the quorum).
    function rootAt(uint32 rootSlot) external view returns (bytes27 root, uint40 settledAt);

    /// @notice The id of a claim: the leaf of its batch's tree.
    function claimId(SettledClaim calldata claim) external view returns (bytes32);

    /// @notice What became of a claim that was disputed or reversed.
    function disputeOf(bytes32 claimId) external view returns (Dispute memory);

    /// @notice The EIP-712 digest a provider signs for one event.
    function attestationDigest(TypedData.ServiceAttestation calldata attestation) external view returns (bytes32);

    /// @notice The EIP-712 digest the oracle quorum signs for a batch.
    function batchDigest(TypedData.BatchHeader calldata header, bytes calldata sections)
        external
        view
        returns (bytes32);
}
