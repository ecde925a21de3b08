// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SettlementState} from "./SettlementState.sol";
import {ISettlementExtension} from "../interfaces/ISettlementExtension.sol";

/// @notice What all parts of SettlementExtension share: they run only as ClaimSettlement, by delegate call, and are the
/// verbs that it passes on.
abstract contract OnlyDelegateCall is SettlementState, ISettlementExtension {
    address private immutable _self = address(this);

    /// Called directly, the extension would act on storage and tokens that are nobody's.
    modifier delegated() {
        _checkDelegated();
        _;
    }

    function _checkDelegated() private view {
        if (address(this) == _self) revert OnlyDelegated();
    }
}
