// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SettlementState} from "./SettlementState.sol";
import {ISettlementState} from "../interfaces/ISettlementState.sol";

/// @notice Another contract whose code runs, where a contract does not know a call, with the same storage and for the
/// same caller.
library ExtensionCode {
    /// @notice Reverts unless a contract of the same token, escrow, payers and registry stands there. Whether its code is
    /// this package's is for who reads the deployment to compare (`chainbill deploy verify`), as with all the others.
    /// @param at its address
    /// @param around those four, in this order
    function check(address at, address[4] memory around) internal view {
        SettlementState other = SettlementState(at);
        bytes4[4] memory views =
            [other.token.selector, other.escrow.selector, other.payers.selector, other.registry.selector];
        for (uint256 i; i < 4; ++i) {
            (, bytes memory answer) = at.staticcall(bytes.concat(views[i]));
            if (answer.length != 32 || bytes32(answer) != bytes32(uint256(uint160(around[i])))) {
                revert ISettlementState.ForeignExtension(at);
            }
        }
    }

    /// @notice Goes on in that code with the same call, and answers as it does.
    function run(address code) internal {
        // Calldata is passed on and the answer, or the revert's data, passed back, byte for byte.
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let succeeded := delegatecall(gas(), code, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            if iszero(succeeded) { revert(free, returndatasize()) }
            return(free, returndatasize())
        }
    }
}
