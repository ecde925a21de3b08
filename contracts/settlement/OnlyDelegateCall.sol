// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SettlementState} from "./SettlementState.sol";

/// @notice What SettlementExtension and SettlementAdmin share: they run only as ClaimSettlement, by delegate call.
abstract contract OnlyDelegateCall is SettlementState {
    address private immutable _self = address(this);

    /// Called directly, the code would act on storage and tokens that are nobody's.
    modifier delegated() {
        _checkDelegated();
        _;
    }

    /// ClaimSettlement answers this itself; here it would be code that nobody runs.
    function eip712Domain()
        public
        pure
        override
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory)
    {
        revert OnlyDelegated();
    }

    /// As `eip712Domain`.
    function setAuthority(address) public pure override {
        revert OnlyDelegated();
    }

    function _checkDelegated() private view {
        if (address(this) == _self) revert OnlyDelegated();
    }
}
