// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISettlementState} from "./ISettlementState.sol";
import {TypedData} from "../codec/TypedData.sol";

/// @notice Settles batches of service events that an oracle quorum has signed; keeps providers' credit until
/// its dispute window has ended; reverses claims. It also answers to all of ISettlementExtension and ISettlementAdmin.
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

    /// @notice Reverts unless an epoch that has not ended has signed a digest; whether settlement is paused or not.
    /// @param signatures as for `settle`
    function checkQuorum(uint32 epoch, bytes32 digest, bytes calldata signatures) external view;

    /// @notice Is a verb under way that moves money? The escrow pays nobody out in its middle.
    function isSettling() external view returns (bool);
}
