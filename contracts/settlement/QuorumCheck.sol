// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SettlementState} from "./SettlementState.sol";
import {QuorumSignatures} from "../libraries/QuorumSignatures.sol";

/// @notice The part of ClaimSettlement that checks k-of-n signatures.
abstract contract QuorumCheck is SettlementState {
    /// Reverts unless at least `threshold` distinct members of the epoch signed the digest, and nobody else.
    /// @param signatures all members of the epoch, 20 bytes each, ascending; then 65 bytes (r, s, v) of each who
    /// signed, by ascending address
    function _checkQuorum(uint32 epoch, bytes32 digest, bytes calldata signatures) internal view {
        Epoch storage quorum = _epochs[epoch];
        (uint256 threshold, uint256 members, uint40 endsAt, bytes23 membersHash) =
            (quorum.threshold, quorum.members, quorum.endsAt, quorum.membersHash);
        if (threshold == 0) revert UnknownEpoch(epoch);
        if (endsAt != 0 && block.timestamp >= endsAt) revert EpochOver(epoch, endsAt);
        uint256 head = members * QuorumSignatures.MEMBER_BYTES;
        if (signatures.length < head) revert NotTheMembers(epoch);
        if (bytes23(keccak256(signatures[:head])) != membersHash) revert NotTheMembers(epoch);
        uint256 count = (signatures.length - head) / QuorumSignatures.SIGNATURE_BYTES;
        if (head + count * QuorumSignatures.SIGNATURE_BYTES != signatures.length) revert InvalidSignature(count);
        if (count < threshold) revert QuorumNotReached(count, threshold);
        if (count > members) revert TooManySignatures(count, members);

        address last;
        uint256 member; // the first who has not been passed
        for (uint256 i; i < count; ++i) {
            address signer = QuorumSignatures.recover(digest, signatures[head:], i);
            if (signer == address(0)) revert InvalidSignature(i);
            if (signer <= last) revert SignersUnsorted(last, signer);
            while (QuorumSignatures.member(signatures, member) != signer) {
                if (++member == members) revert NotOracleMember(signer, epoch);
            }
            last = signer;
        }
    }
}
