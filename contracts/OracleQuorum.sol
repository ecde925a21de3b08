// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IClaimSettlement} from "./interfaces/IClaimSettlement.sol";
import {MAX_BATCH_LIFE} from "./libraries/Notice.sol";

/// @notice Who may sign batches, by epoch: the part of ClaimSettlement that checks k-of-n signatures.
abstract contract OracleQuorum is IClaimSettlement, AccessManaged {
    uint256 public constant MAX_MEMBERS = 32;

    struct Epoch {
        uint16 threshold;
        uint16 members;
        uint40 endsAt; // 0: open-ended
    }

    /// @inheritdoc IClaimSettlement
    uint32 public currentEpoch;
    /// @inheritdoc IClaimSettlement
    mapping(uint32 epoch => Epoch) public epochs;
    /// @inheritdoc IClaimSettlement
    mapping(uint32 epoch => mapping(address signer => bool)) public isMember;

    /// @inheritdoc IClaimSettlement
    function openEpoch(address[] calldata members, uint16 threshold) external restricted returns (uint32 epoch) {
        if (threshold == 0 || threshold > members.length || members.length > MAX_MEMBERS) {
            revert InvalidQuorum(threshold, members.length);
        }

        Epoch storage previous = epochs[currentEpoch];
        // Batches signed by the quorum before may still be on their way.
        uint40 previousEndsAt = uint40(block.timestamp) + MAX_BATCH_LIFE;
        if (previous.threshold != 0 && previous.endsAt == 0) previous.endsAt = previousEndsAt;

        epoch = ++currentEpoch;
        epochs[epoch] = Epoch(threshold, uint16(members.length), 0);
        address last;
        for (uint256 i; i < members.length; ++i) {
            if (members[i] <= last) revert MembersUnsorted(last, members[i]);
            last = members[i];
            isMember[epoch][last] = true;
        }
        emit EpochOpened(epoch, threshold, members, previous.endsAt);
    }

    /// @inheritdoc IClaimSettlement
    function endEpoch(uint32 epoch) external restricted {
        Epoch storage ending = epochs[epoch];
        if (ending.threshold == 0) revert UnknownEpoch(epoch);
        if (ending.endsAt != 0 && ending.endsAt <= block.timestamp) revert EpochOver(epoch, ending.endsAt);
        ending.endsAt = uint40(block.timestamp);
        emit EpochEnded(epoch);
    }

    /// Reverts unless at least `threshold` distinct members of the epoch signed the digest, and nobody else.
    function _checkQuorum(uint32 epoch, bytes32 digest, bytes[] calldata signatures) internal view {
        Epoch memory quorum = epochs[epoch];
        if (quorum.threshold == 0) revert UnknownEpoch(epoch);
        if (quorum.endsAt != 0 && block.timestamp >= quorum.endsAt) revert EpochOver(epoch, quorum.endsAt);
        if (signatures.length < quorum.threshold) revert QuorumNotReached(signatures.length, quorum.threshold);
        if (signatures.length > quorum.members) revert TooManySignatures(signatures.length, quorum.members);

        address last;
        for (uint256 i; i < signatures.length; ++i) {
            (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, signatures[i]);
            if (failure != ECDSA.RecoverError.NoError) revert InvalidSignature(i);
            if (signer <= last) revert SignersUnsorted(last, signer);
            if (!isMember[epoch][signer]) revert NotOracleMember(signer, epoch);
            last = signer;
        }
    }
}
