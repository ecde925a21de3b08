// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {OnlyDelegateCall} from "./OnlyDelegateCall.sol";
import {ISettlementAdmin} from "../interfaces/ISettlementAdmin.sol";
import {MAX_BATCH_LIFE, NOTICE} from "../types/Timelocks.sol";

/// @notice The part of SettlementAdmin that the governor uses: oracle epochs, the operator's fee, pause.
abstract contract QuorumAdmin is OnlyDelegateCall, ISettlementAdmin {
    uint256 public constant MAX_MEMBERS = 32;

    /// The most an operator's flat fee can be: one dollar an event.
    uint64 public constant MAX_FLAT_FEE = 1_000_000;

    /// The most an operator's fee can be of what is allowed: 5 %.
    uint16 public constant MAX_FEE_BPS = 500;

    /// @inheritdoc ISettlementAdmin
    function openEpoch(address[] calldata members, uint16 threshold)
        external
        delegated
        restricted
        returns (uint32 epoch)
    {
        if (threshold == 0 || threshold > members.length || members.length > MAX_MEMBERS) {
            revert InvalidQuorum(threshold, members.length);
        }

        Epoch storage previous = _epochs[currentEpoch];
        // Batches signed by the quorum before may still be on their way.
        uint40 previousEndsAt = uint40(block.timestamp) + MAX_BATCH_LIFE;
        if (previous.threshold != 0 && previous.endsAt == 0) previous.endsAt = previousEndsAt;

        epoch = ++currentEpoch;
        bytes memory packed;
        address last;
        for (uint256 i; i < members.length; ++i) {
            if (members[i] <= last) revert MembersUnsorted(last, members[i]);
            last = members[i];
            packed = bytes.concat(packed, bytes20(last));
        }
        _members[epoch] = members;
        _epochs[epoch] = Epoch(threshold, uint16(members.length), 0, bytes23(keccak256(packed)));
        _stand();
        emit EpochOpened(epoch, threshold, members, previous.endsAt);
    }

    /// @inheritdoc ISettlementAdmin
    function endEpoch(uint32 epoch) external delegated restricted {
        Epoch storage ending = _epochs[epoch];
        if (ending.threshold == 0) revert UnknownEpoch(epoch);
        if (ending.endsAt != 0 && ending.endsAt <= block.timestamp) revert EpochOver(epoch, ending.endsAt);
        ending.endsAt = uint40(block.timestamp);
        _stand();
        emit EpochEnded(epoch);
    }

    /// @inheritdoc ISettlementAdmin
    function setOperatorFee(uint64 flat, uint16 bps) external delegated restricted {
        if (flat > MAX_FLAT_FEE || bps > MAX_FEE_BPS) revert OperatorFeeTooHigh(flat, bps);
        if (_feeAnnounced) {
            FeeChange memory last = _feeChange;
            // Batches signed before the last change took effect may still be on their way.
            if (block.timestamp < last.effectiveAt + MAX_BATCH_LIFE) revert FeeStillAnnounced(last.effectiveAt);
            (_flatFee, _feeBps) = (last.flat, last.bps);
        }

        uint40 effectiveAt = uint40(block.timestamp) + NOTICE;
        _feeAnnounced = true;
        _feeChange = FeeChange(uint24(flat), bps, effectiveAt);
        emit OperatorFeeAnnounced(flat, bps, effectiveAt);
    }

    /// @inheritdoc ISettlementAdmin
    function pause() external delegated restricted {
        _pause();
        _stand();
    }

    /// @inheritdoc ISettlementAdmin
    function unpause() external delegated restricted {
        _unpause();
        _stand();
    }

    /// Puts the quorum that may sign now where settling reads it: see StandingQuorum.
    function _stand() private {
        Epoch storage quorum = _epochs[currentEpoch];
        if (paused() || quorum.endsAt != 0) delete _standing;
        else _standing = StandingQuorum(currentEpoch, uint8(quorum.threshold), uint8(quorum.members), quorum.membersHash);
    }
}
