// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {OnlyDelegateCall} from "./OnlyDelegateCall.sol";
import {ISettlementAdmin} from "../interfaces/ISettlementAdmin.sol";

/// @notice The part of SettlementAdmin that the registry of providers tells who may attest. To ask it for each
/// signature would cost a contract that is touched for nothing else.
abstract contract AttesterNotes is OnlyDelegateCall, ISettlementAdmin {
    /// @inheritdoc ISettlementAdmin
    function noteAttester(uint32 providerId, address attester, bool stands) external delegated {
        if (msg.sender != address(registry)) revert OnlyRegistry(msg.sender);
        _attesterSince[providerId][attester] = stands ? uint40(block.timestamp) : 0;
    }
}
