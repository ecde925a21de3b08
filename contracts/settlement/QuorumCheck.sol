// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SettlementState} from "./SettlementState.sol";
import {QuorumSignatures} from "../libraries/QuorumSignatures.sol";

/// @notice The part of ClaimSettlement that checks k-of-n signatures.
abstract contract QuorumCheck is SettlementState {
    /// Reverts unless at least `threshold` distinct members of the epoch signed the digest, and nobody else.
    function _checkQuorum(uint32 epoch, bytes32 digest, bytes calldata signatures) internal view {
        Epoch memory quorum = epochs[epoch];
        if (quorum.threshold == 0) revert UnknownEpoch(epoch);
        if (quorum.endsAt != 0 && block.timestamp >= quorum.endsAt) revert EpochOver(epoch, quorum.endsAt);
        uint256 count = signatures.length / QuorumSignatures.SIGNATURE_BYTES;
        if (count * QuorumSignatures.SIGNATURE_BYTES != signatures.length) revert InvalidSignature(count);
        if (count < quorum.threshold) revert QuorumNotReached(count, quorum.threshold);
        if (count > quorum.members) revert TooManySignatures(count, quorum.members);

        address last;
        for (uint256 i; i < count; ++i) {
            address signer = QuorumSignatures.recover(digest, signatures, i);
            if (signer == address(0)) revert InvalidSignature(i);
            if (signer <= last) revert SignersUnsorted(last, signer);
            if (!isMember[epoch][signer]) revert NotOracleMember(signer, epoch);
            last = signer;
        }
    }
}
