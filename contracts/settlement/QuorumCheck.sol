// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {QuorumSignatures} from "./QuorumSignatures.sol";
import {SettlementState} from "./SettlementState.sol";

/// @notice The part of ClaimSettlement that checks k-of-n signatures.
abstract contract QuorumCheck is SettlementState {
    /// Reverts while settlement is paused, and unless at least `threshold` distinct members of the epoch signed
    /// the digest, and nobody else.
    /// @param signatures all members of the epoch, 20 bytes each, ascending; then 65 bytes (r, s, v) of each who
    /// signed, by ascending address
    function _checkQuorum(uint32 epoch, bytes32 digest, bytes calldata signatures) internal view {
        (uint256 threshold, uint256 members, bytes23 membersHash) = _quorumOf(epoch);
        _checkSigners(epoch, threshold, members, membersHash, digest, signatures);
    }

    /// `_checkQuorum` while settlement is paused too.
    function _checkStoredQuorum(uint32 epoch, bytes32 digest, bytes calldata signatures) internal view {
        (uint256 threshold, uint256 members, bytes23 membersHash) = _storedQuorum(epoch);
        _checkSigners(epoch, threshold, members, membersHash, digest, signatures);
    }

    function _checkSigners(
        uint32 epoch,
        uint256 threshold,
        uint256 members,
        bytes23 membersHash,
        bytes32 digest,
        bytes calldata signatures
    ) private view {
        uint256 count;
        uint256 next; // where the next signature begins
        unchecked {
            // At most MAX_MEMBERS members; the rest is places within calldata.
            next = members * QuorumSignatures.MEMBER_BYTES;
            if (signatures.length < next) revert NotTheMembers(epoch);
            if (bytes23(QuorumSignatures.hashOf(signatures, next)) != membersHash) revert NotTheMembers(epoch);
            count = (signatures.length - next) / QuorumSignatures.SIGNATURE_BYTES;
            if (next + count * QuorumSignatures.SIGNATURE_BYTES != signatures.length) revert InvalidSignature(count);
        }
        if (count < threshold) revert QuorumNotReached(count, threshold);
        if (count > members) revert TooManySignatures(count, members);

        address last;
        uint256 member; // the first who has not been passed
        for (uint256 i; i < count; ++i) {
            address signer = QuorumSignatures.recover(digest, signatures, next);
            if (signer == address(0)) revert InvalidSignature(i);
            if (signer <= last) revert SignersUnsorted(last, signer);
            while (QuorumSignatures.member(signatures, member) != signer) {
                if (++member == members) revert NotOracleMember(signer, epoch);
            }
            last = signer;
            next += QuorumSignatures.SIGNATURE_BYTES;
        }
    }

    /// The quorum of an epoch that may sign now. That of the epoch before, or any while paused, stands elsewhere.
    function _quorumOf(uint32 epoch) private view returns (uint256 threshold, uint256 members, bytes23 membersHash) {
        StandingQuorum storage standing = _standing;
        if (epoch != 0 && standing.epoch == epoch) return (standing.threshold, standing.members, standing.membersHash);

        _requireNotPaused();
        return _storedQuorum(epoch);
    }

    function _storedQuorum(uint32 epoch)
        private
        view
        returns (uint256 threshold, uint256 members, bytes23 membersHash)
    {
        Epoch storage quorum = _epochs[epoch];
        uint40 endsAt = quorum.endsAt;
        (threshold, members, membersHash) = (quorum.threshold, quorum.members, quorum.membersHash);
        if (threshold == 0) revert UnknownEpoch(epoch);
        if (endsAt != 0 && block.timestamp >= endsAt) revert EpochOver(epoch, endsAt);
    }
}
