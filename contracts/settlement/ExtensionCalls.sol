// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {SettlementExtension} from "./SettlementExtension.sol";
import {SettlementState} from "./SettlementState.sol";
import {IClaimSettlement} from "../interfaces/IClaimSettlement.sol";
import {IInsurerPayerFactory} from "../interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "../interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";

/// @notice The part of ClaimSettlement that passes on what its extension does: every verb that does not settle.
abstract contract ExtensionCalls is SettlementState, IClaimSettlement {
    /// @notice Runs the verbs below as this contract: the same storage, the same caller.
    SettlementExtension public immutable extensionCode;

    /// The extension is created beforehand, so that neither creation asks for more than a block has. Nobody names
    /// it here: its address follows from its code and these arguments, and no other code can stand there.
    /// @param creator who has created the extension, by CREATE2 with salt 0
    constructor(
        IERC20 token_,
        IPatientEscrow escrow_,
        IInsurerPayerFactory payers_,
        IProviderRegistry registry_,
        address authority,
        address creator
    ) SettlementState(token_, escrow_, payers_, registry_, authority) {
        bytes memory arguments = abi.encode(token_, escrow_, payers_, registry_);
        bytes32 codeHash = keccak256(bytes.concat(type(SettlementExtension).creationCode, arguments));
        address extension = Create2.computeAddress(0, codeHash, creator);
        if (extension.code.length == 0) revert NoExtension(extension);
        extensionCode = SettlementExtension(extension);
    }

    /// Every verb of ISettlementExtension. To name each here would take the code of two contracts beyond what a creation
    /// may carry (EIP-3860): this one hashes its extension's.
    fallback() external {
        _delegate();
    }

    /// Goes on in the extension's code with the same call, and answers as it does.
    function _delegate() private {
        address code = address(extensionCode);
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
