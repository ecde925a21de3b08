// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ISettlementState} from "../interfaces/ISettlementState.sol";

/// @notice The small settings, in one slot. They stand there only because nothing else with storage comes between
/// AccessManaged, Pausable and this.
///
///   slot 0   bytes  0..19 authority           byte  20     an operation is being consumed (AccessManaged)
///            byte  21     paused (Pausable)   bytes 22..24 flat fee
///            bytes 25..26 fee bps             byte  27     a fee was ever announced
///            bytes 28..31 current epoch
abstract contract SettlementSettings is ISettlementState, AccessManaged, Pausable {
    /// A fee that was announced; one storage slot, read only once a fee was ever announced.
    struct FeeChange {
        uint24 flat;
        uint16 bps;
        uint40 effectiveAt;
    }

    uint24 internal _flatFee;
    uint16 internal _feeBps;
    bool internal _feeAnnounced;
    /// @inheritdoc ISettlementState
    uint32 public currentEpoch;
    FeeChange internal _feeChange;

    /// The operator's fee for events signed at `time`.
    function _operatorFeeAt(uint40 time) internal view returns (uint64 flat, uint16 bps) {
        if (_feeAnnounced && time >= _feeChange.effectiveAt) return (_feeChange.flat, _feeChange.bps);
        return (_flatFee, _feeBps);
    }
}
