// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {CreditAccount} from "./CreditAccount.sol";
import {SettlementExtension} from "./SettlementExtension.sol";
import {SettlementState} from "./SettlementState.sol";
import {IClaimSettlement} from "../interfaces/IClaimSettlement.sol";
import {IInsurerPayerFactory} from "../interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "../interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {DISPUTE_WINDOW} from "../types/Timelocks.sol";

/// @notice The part of ClaimSettlement that answers questions and passes on what its extension does.
abstract contract SettlementFront is SettlementState, IClaimSettlement {
    using CreditAccount for CreditAccount.Account;

    /// @notice Runs the verbs below as this contract: the same storage, the same caller.
    SettlementExtension public immutable desk;

    constructor(
        IERC20 token_,
        IPatientEscrow escrow_,
        IInsurerPayerFactory payers_,
        IProviderRegistry registry_,
        address authority
    ) SettlementState(token_, escrow_, payers_, registry_, authority) {
        desk = new SettlementExtension(token_, escrow_, payers_, registry_, authority);
    }

    // ---- verbs of the extension --------------------------------------------------------------------------

    /// @inheritdoc IClaimSettlement
    function withdraw(uint32) external returns (uint64) {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function drawAdvance(uint32, uint64) external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function depositBond(uint32, uint64) external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function withdrawBond(uint32) external returns (uint64) {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function withdrawFees(address) external returns (uint64) {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function dispute(SettledClaim calldata, Party, uint32, bytes32[] calldata) external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function disputeBySig(SettledClaim calldata, uint32, bytes32[] calldata, uint256, bytes calldata) external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function concede(SettledClaim calldata) external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function void(SettledClaim calldata, uint32, bytes32[] calldata) external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function answer(SettledClaim calldata, bytes32) external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function resolve(SettledClaim calldata, Ruling calldata) external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function close(SettledClaim calldata) external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function collectReceivable(uint32, uint32) external returns (uint64) {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function collectRefund(uint32) external returns (uint64) {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function setOperatorFee(uint64, uint16) external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function suspend(uint32) external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function reinstate(uint32) external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function openEpoch(address[] calldata, uint16) external returns (uint32) {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function endEpoch(uint32) external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function pause() external {
        _delegate();
    }

    /// @inheritdoc IClaimSettlement
    function unpause() external {
        _delegate();
    }

    // ---- views ------------------------------------------------------------------------------------

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

    // ---- parts ------------------------------------------------------------------------------------

    /// Keeps a batch's root, where none stands whose claims may still be disputed.
    function _storeRoot(uint32 rootSlot, bytes32 root) internal {
        uint40 until = uint40(uint256(_roots[rootSlot])) + DISPUTE_WINDOW;
        if (block.timestamp < until) revert RootSlotInUse(rootSlot, until);
        _roots[rootSlot] = bytes32(bytes27(root)) | bytes32(block.timestamp);
    }

    /// Lets a correction name a claim: once, only a reversed one, and only the provider's own.
    function _takeCorrection(bytes32 id, uint32 providerId) internal returns (bool) {
        Dispute storage found = _disputes[id];
        if (found.status != DisputeStatus.Reversed || found.providerId != providerId) return false;
        found.status = DisputeStatus.Corrected;
        return true;
    }

    /// Undoes `_takeCorrection` for a correction that did not settle.
    function _giveBackCorrection(bytes32 id) internal {
        _disputes[id].status = DisputeStatus.Reversed;
    }

    /// Goes on in the extension's code with the same call, and answers as it does.
    function _delegate() private {
        address code = address(desk);
        // Calldata is passed on and the answer, or the revert's data, passed back, byte for byte.
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let succeeded := delegatecall(gas(), code, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            if iszero(succeeded) { revert(free, returndatasize()) }
            return(free, returndatasize())
        }
    }
}
