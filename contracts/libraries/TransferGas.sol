// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISettlementState} from "../interfaces/ISettlementState.sol";

/// @notice Gas for a transfer that is allowed to fail.
library TransferGas {
    /// What must be at hand before such a transfer, so that it has failed by itself and not for want of gas. A
    /// dollar token's transfer takes 30,000 to 100,000.
    uint256 internal constant RELEASE_GAS = 300_000;

    /// @notice Reverts unless a transfer that fails now fails by itself.
    function check() internal view {
        if (gasleft() < RELEASE_GAS) revert ISettlementState.InsufficientGas(gasleft(), RELEASE_GAS);
    }
}
