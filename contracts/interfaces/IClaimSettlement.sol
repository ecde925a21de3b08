// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISettlementState} from "./ISettlementState.sol";
import {TypedData} from "../codec/TypedData.sol";

/// @notice Settles batches of service events that an oracle quorum has signed; keeps providers' credit until
/// its dispute window has ended; reverses claims. It also answers to all of ISettlementExtension.
/// Amounts are in the token's smallest unit, times in seconds since 1970.
interface IClaimSettlement is ISettlementState {
    // ---- settling ---------------------------------------------------------------------------------

    /// @notice Settle a signed batch. Anyone may submit it.
    /// @param header epoch, signedAt, deadline and operator, as signed
    /// @param sections packed rows, see BatchCodec
    /// @param signatures all members of the epoch, 20 bytes each, ascending; then 65 bytes (r, s, v; low s) of each
    /// who signed, by strictly ascending address
    /// @param rootSlot where the batch's Merkle root is to be kept. Where another's claims may still be disputed there,
    /// it is kept in the first free slot from the first four bytes of the batch's digest on; `BatchSettled` says where
    /// @return settled how many rows were paid
    /// @return denied how many were refused for good
    /// @return pended how many were put back
    /// @return skipped how many were passed over
    function settle(
        TypedData.BatchHeader calldata header,
        bytes calldata sections,
        bytes calldata signatures,
        uint32 rootSlot
    ) external returns (uint32 settled, uint32 denied, uint32 pended, uint32 skipped);

    /// @notice Settle sections that this provider has announced, with the terms of now and for no operator. Settlement only:
    /// `settleUnanswered` has checked that they may.
    /// @param digest of the batch
    /// @param settledAt what the dispute windows of its claims count from
    /// @param submitter who has called `settleUnanswered`
    /// @return credited what the provider has been credited as of today
    function settleAnnounced(
        uint32 providerId,
        bytes32 digest,
        uint256 settledAt,
        address submitter,
        bytes calldata sections,
        uint32 rootSlot
    ) external returns (uint256 credited);

    /// @notice Is a verb under way that moves money? The escrow pays nobody out in its middle.
    function isSettling() external view returns (bool);

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

    /// @notice Reverts unless an epoch that has not ended has signed a digest; whether settlement is paused or not.
    /// @param signatures as for `settle`
    function checkQuorum(uint32 epoch, bytes32 digest, bytes calldata signatures) external view;

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
