// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {CreditAccount} from "./CreditAccount.sol";
import {SettlementSettings} from "./SettlementSettings.sol";
import {IInsurerPayerFactory} from "../interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "../interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {ISettlementState} from "../interfaces/ISettlementState.sol";
import {PayerAddress} from "../payer/PayerAddress.sol";

/// @notice Everything that settlement stores, and the contracts around it. ClaimSettlement and SettlementExtension,
/// to which it delegates calls, both begin with this, so that they mean the same slots; neither has storage
/// of its own.
abstract contract SettlementState is SettlementSettings, ReentrancyGuardTransient, EIP712, Nonces {
    /// One oracle quorum; one storage slot. Who settles names the members, and the hash says that it is them:
    /// to read each of them would cost a slot for every signature.
    struct Epoch {
        uint16 threshold;
        uint16 members;
        uint40 endsAt; // 0: open-ended
        bytes23 membersHash; // of the members' addresses, 20 bytes each, in ascending order
    }

    /// The quorum that may sign now, in one word: of the current epoch, while nothing has ended it and settlement
    /// is not paused; all zero otherwise. What is said of it elsewhere decides, this is read in its place.
    struct StandingQuorum {
        uint32 epoch;
        uint8 threshold;
        uint8 members;
        bytes23 membersHash;
    }

    bytes32 private constant CLAIM_TAG = keccak256("chainbill.claim.v1");

    IERC20 public immutable token;
    IPatientEscrow public immutable escrow;
    IInsurerPayerFactory public immutable payers;
    IProviderRegistry public immutable registry;
    bytes32 internal immutable _payerCodeHash;

    StandingQuorum internal _standing;
    mapping(uint32 epoch => Epoch) internal _epochs;
    mapping(uint32 epoch => address[]) internal _members;

    mapping(uint32 providerId => mapping(uint256 word => uint256)) internal _spent;
    mapping(uint32 providerId => CreditAccount.Account) internal _providers;
    mapping(address operator => CreditAccount.Account) internal _operators;

    /// The first 27 bytes of a root, then the time of its batch in 5.
    mapping(uint32 rootSlot => bytes32) internal _roots;
    mapping(bytes32 claimId => Dispute) internal _disputes;
    /// @inheritdoc ISettlementState
    mapping(uint32 providerId => mapping(uint32 payerId => uint64)) public receivableOf;
    /// @inheritdoc ISettlementState
    mapping(uint32 payerId => uint64) public refundOf;
    /// Of attesters that the registry names, since when it does.
    mapping(uint32 providerId => mapping(address attester => uint40)) internal _attesterSince;
    /// The first 27 bytes of the hash of the sections that a provider has announced, then the time in 5; 0: none.
    mapping(uint32 providerId => bytes32) internal _announced;

    constructor(
        IERC20 token_,
        IPatientEscrow escrow_,
        IInsurerPayerFactory payers_,
        IProviderRegistry registry_,
        address authority
    ) AccessManaged(authority) EIP712("chainbill", "1") {
        (token, escrow, payers, registry) = (token_, escrow_, payers_, registry_);
        _payerCodeHash = payers_.payerCodeHash();
    }

    /// The contract of a payer; one that does not exist has no code.
    function _payerAddress(uint256 payerId) internal view returns (address) {
        return PayerAddress.derive(address(payers), payerId, _payerCodeHash);
    }

    /// Reverts unless called from the provider's payout address.
    function _checkPayoutAddress(uint32 providerId) internal view {
        address payoutAddress = _payoutAddress(providerId);
        if (msg.sender != payoutAddress) revert NotThePayoutAddress(providerId, msg.sender, payoutAddress);
    }

    function _payoutAddress(uint32 providerId) internal view returns (address payoutAddress) {
        payoutAddress = registry.payoutAddress(providerId);
        if (payoutAddress == address(0)) revert UnknownProvider(providerId);
    }

    /// What every claim of a batch is hashed with.
    function _claimPrefix(bytes32 digest, uint256 settledAt, address operator) internal view returns (bytes32 prefix) {
        bytes32 tag = CLAIM_TAG;
        // keccak256(abi.encode(tag, chain, this contract, digest, settledAt, operator)), put together behind the free
        // memory pointer, which stays.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, tag)
            mstore(add(free, 32), chainid())
            mstore(add(free, 64), address())
            mstore(add(free, 96), digest)
            mstore(add(free, 128), settledAt)
            mstore(add(free, 160), shr(96, shl(96, operator)))
            prefix := keccak256(free, 192)
        }
    }

    /// The id of a claim: the leaf of its batch's tree.
    function _claimId(SettledClaim calldata claim) internal view returns (bytes32) {
        bytes32 prefix = _claimPrefix(claim.batchDigest, claim.settledAt, claim.operator);
        bytes32 inner = keccak256(
            abi.encode(
                prefix,
                claim.patient,
                claim.commitment,
                claim.parties,
                claim.amounts,
                claim.shares,
                claim.service,
                claim.secondary
            )
        );
        return keccak256(abi.encode(inner));
    }
}
