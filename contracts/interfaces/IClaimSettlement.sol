// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TypedData} from "../libraries/TypedData.sol";
import {CostSharing, Reason} from "../types/Outcomes.sol";

/// @notice Settles batches of service events that an oracle quorum has signed.
interface IClaimSettlement {
    /// @notice One adjudicated event as it is logged: all that is needed to price it again.
    /// Amounts are in the token's smallest unit.
    struct Claim {
        bytes32 commitment;
        uint64 sequence;
        uint32 payerId;
        uint16 planId;
        uint16 termsVersion;
        uint16 benefitYear;
        bytes8 serviceId;
        uint16 units;
        uint64 billedAmount; // as attested; 0 means the fee schedule's amount
        CostSharing shares;
    }

    /// @notice How many rows of a batch ended in each way.
    struct Tally {
        uint32 settled;
        uint32 denied;
        uint32 pended;
        uint32 skipped;
    }

    /// @notice A batch was submitted; follows the logs of its rows.
    event BatchSettled(
        bytes32 indexed digest, uint32 indexed epoch, uint64 signedAt, address submitter, Tally tally
    );
    /// @notice An event was paid.
    event ClaimSettled(uint32 indexed providerId, address indexed patient, Claim claim);
    /// @notice An event was refused for good: nobody pays.
    event ClaimDenied(uint32 indexed providerId, address indexed patient, Reason reason, Claim claim);
    /// @notice An event was put back; nothing was written, and the same attestation may come again.
    event ClaimPended(
        uint32 indexed providerId, address indexed patient, Reason reason, bytes32 commitment, uint64 sequence
    );
    /// @notice An event was passed over: the provider's sequence was spent before.
    event ClaimSkipped(uint32 indexed providerId, address indexed patient, bytes32 commitment, uint64 sequence);
    /// @notice A payer's tokens could not move; all events that name it were pended.
    event PayerFailed(uint32 indexed payerId, bytes failure);
    /// @notice The provider's credit was paid out.
    event ProviderPaid(uint32 indexed providerId, address indexed payoutAddress, uint64 amount);
    /// @notice A new oracle quorum may sign; `previousEndsAt` is when the one before stops.
    event EpochOpened(uint32 indexed epoch, uint16 threshold, address[] members, uint40 previousEndsAt);
    /// @notice An oracle quorum stopped at once.
    event EpochEnded(uint32 indexed epoch);

    error BatchNotYetValid(uint64 signedAt, uint256 now_);
    error BatchExpired(uint64 deadline, uint256 now_);
    error BatchLifeTooLong(uint64 deadline, uint64 latest);
    error EmptyBatch();
    error UnknownEpoch(uint32 epoch);
    error EpochOver(uint32 epoch, uint40 endsAt);
    error QuorumNotReached(uint256 signatures, uint256 threshold);
    error TooManySignatures(uint256 signatures, uint256 members);
    error InvalidSignature(uint256 index);
    error SignersUnsorted(address previous, address signer);
    error NotOracleMember(address signer, uint32 epoch);
    error InvalidQuorum(uint256 threshold, uint256 members);
    error MembersUnsorted(address previous, address member);
    error OnlySelf(address caller);
    error InsufficientGas(uint256 available, uint256 required);
    error PayerCannotPay(uint32 payerId, bytes failure);
    error CreditOverflow(uint64 credit, uint256 amount);
    error NoCredit(uint32 providerId);
    error UnknownProvider(uint32 providerId);

    /// @notice Settle a signed batch. Anyone may submit it.
    /// @param header epoch, signedAt and deadline, as signed
    /// @param sections packed rows, see BatchCodec
    /// @param signatures 65 bytes each, low s, signers strictly ascending
    /// @return tally how many rows ended in each way
    function settle(TypedData.BatchHeader calldata header, bytes calldata sections, bytes[] calldata signatures)
        external
        returns (Tally memory tally);

    /// @notice Pay a provider's whole credit to its registered payout address. Anyone may call.
    function withdraw(uint32 providerId) external returns (uint64 amount);

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

    /// @notice What a provider may withdraw, in the token's smallest unit.
    function creditOf(uint32 providerId) external view returns (uint64);

    /// @notice Was this sequence of the provider settled or denied?
    function isSpent(uint32 providerId, uint64 sequence) external view returns (bool);

    /// @notice The newest oracle epoch; 0: none yet.
    function currentEpoch() external view returns (uint32);

    /// @notice May this key sign batches of the epoch?
    function isMember(uint32 epoch, address signer) external view returns (bool);

    /// @notice An epoch's quorum; `endsAt` 0: open-ended, `threshold` 0: no such epoch.
    function epochs(uint32 epoch) external view returns (uint16 threshold, uint16 members, uint40 endsAt);

    /// @notice The EIP-712 digest a provider signs for one event.
    function attestationDigest(TypedData.ServiceAttestation calldata attestation) external view returns (bytes32);

    /// @notice The EIP-712 digest the oracle quorum signs for a batch.
    function batchDigest(TypedData.BatchHeader calldata header, bytes calldata sections)
        external
        view
        returns (bytes32);
}
