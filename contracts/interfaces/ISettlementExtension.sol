// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISettlementState} from "./ISettlementState.sol";

/// @notice The verbs of ClaimSettlement that pay providers, hear disputes and settle what the quorum leaves unanswered.
/// ClaimSettlement passes what it does not know on to SettlementExtension with the caller's own call data: whoever calls
/// one, calls it by this.
/// Amounts are in the token's smallest unit, times in seconds since 1970.
interface ISettlementExtension is ISettlementState {
    // ---- settling without the quorum --------------------------------------------------------------

    /// @notice Announce sections to settle without the quorum, where it does not object; in place of what was announced
    /// before. They are logged for everybody to see. The provider's payout address only.
    /// @param sections packed rows of this provider, with its signatures, see BatchCodec
    function announceSections(uint32 providerId, bytes calldata sections) external;

    /// @notice Call announced sections off, at any time before they settle. Anyone may submit it, while paused too.
    /// @param sectionsHash keccak256 of the sections
    /// @param announcedAt when they were announced
    /// @param signatures of SectionsObjection(uint32 providerId,bytes32 sectionsHash,uint40 announcedAt) by the current
    /// epoch, as for `settle`
    function objectToSections(uint32 providerId, bytes32 sectionsHash, uint40 announcedAt, bytes calldata signatures)
        external;

    /// @notice Settle announced sections without the quorum: it has not objected for QUORUM_SILENCE, and UNANSWERED_LIFE
    /// has not gone by since. Terms, consents, limits and the provider's keys are those of now. The claims may be
    /// disputed, and their credit matures, UNANSWERED_DELAY later than others. The provider's payout address
    /// only; not while the provider is suspended or settlement paused.
    /// @param announcedAt when they were announced
    /// @param rootSlot as for `settle`
    function settleUnanswered(uint32 providerId, uint40 announcedAt, bytes calldata sections, uint32 rootSlot) external;

    // ---- credit -----------------------------------------------------------------------------------

    /// @notice Pay a provider's matured credit, less what it owes, to its registered payout address. Anyone may call.
    function withdraw(uint32 providerId) external returns (uint64 amount);

    /// @notice Pay maturing credit out against the bond. The provider's payout address only; not while it owes.
    /// @param amount at most bond less advances, and at most maturing credit less advances
    function drawAdvance(uint32 providerId, uint64 amount) external;

    /// @notice Add the caller's tokens to a provider's bond.
    function depositBond(uint32 providerId, uint64 amount) external;

    /// @notice Take the whole bond back. The provider's payout address only; not while an open dispute, maturing
    /// credit or a receivable remains. An advance that is left then, on credit that was reversed, is kept from it.
    function withdrawBond(uint32 providerId) external returns (uint64 amount);

    /// @notice Pay an operator's matured fees to it. Anyone may call.
    function withdrawFees(address operator) external returns (uint64 amount);

    // ---- disputes ---------------------------------------------------------------------------------

    /// @notice Dispute a settled claim, as its patient or as the insurer of one of its payers; once each,
    /// before its dispute window ends.
    function dispute(SettledClaim calldata claim, Party party, uint32 rootSlot, bytes32[] calldata proof) external;

    /// @notice `dispute` by the patient's signature: DisputeClaim(bytes32 claimId,uint256 nonce,uint256
    /// deadline). Anyone may submit it.
    function disputeBySig(
        SettledClaim calldata claim,
        uint32 rootSlot,
        bytes32[] calldata proof,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Give the disputed claim back in full. The provider's payout address only.
    function concede(SettledClaim calldata claim) external;

    /// @notice Give an undisputed claim back in full, as long as its root is kept. The provider's payout
    /// address only. The patient's part must be there in full: what credit and bond do not hold of it is added to the
    /// bond out of the caller's tokens, as far as its allowance goes. What is missing of the payers' is a receivable.
    function void(SettledClaim calldata claim, uint32 rootSlot, bytes32[] calldata proof) external;

    /// @notice Answer a dispute within ANSWER_TIME. The provider's payout address only.
    function answer(SettledClaim calldata claim, bytes32 statementHash) external;

    /// @notice Rule on an answered dispute within RULING_TIME. Arbiter only.
    /// @param ruling new, not larger values that add up; the claim's own values let it stand
    function resolve(SettledClaim calldata claim, Ruling calldata ruling) external;

    /// @notice End a dispute whose deadline has passed: for the disputer where the provider was silent, for
    /// the provider where the arbiter was. Anyone may call.
    function close(SettledClaim calldata claim) external;

    /// @notice Pay a payer what a provider owes it, as far as matured credit goes. Anyone may call.
    function collectReceivable(uint32 providerId, uint32 payerId) external returns (uint64 amount);

    /// @notice Send a payer a refund that could not be sent before. Anyone may call.
    function collectRefund(uint32 payerId) external returns (uint64 amount);

    // ---- suspension -------------------------------------------------------------------------------

    /// @notice Stop new settlement for a provider. Governor only.
    function suspend(uint32 providerId) external;

    /// @notice Undo a suspension. Governor only.
    function reinstate(uint32 providerId) external;
}
