// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ExtensionCode} from "./ExtensionCode.sol";
import {SettlementState} from "./SettlementState.sol";
import {IClaimSettlement} from "../interfaces/IClaimSettlement.sol";

/// @notice The part of ClaimSettlement that passes on what does not settle: the verbs of ISettlementExtension and
/// ISettlementAdmin.
abstract contract ExtensionCalls is SettlementState, IClaimSettlement {
    /// @notice The SettlementExtension whose code runs as this contract's.
    address public immutable extensionCode;

    /// Extension and SettlementAdmin are created beforehand: together they are more than one contract may be (EIP-170), and
    /// one creation than a block has room for once state is dear.
    constructor(address extension) {
        ExtensionCode.check(extension, [address(token), address(escrow), address(payers), address(registry)]);
        extensionCode = extension;
    }

    /// Every verb of ISettlementExtension and ISettlementAdmin.
    fallback() external {
        ExtensionCode.run(extensionCode);
    }
}
