// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ClaimDisputes} from "./ClaimDisputes.sol";
import {ExtensionCode} from "./ExtensionCode.sol";
import {SettlementState} from "./SettlementState.sol";
import {UnansweredSections} from "./UnansweredSections.sol";
import {IInsurerPayerFactory} from "../interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "../interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";

/// @notice The verbs of ClaimSettlement that do not settle a signed batch: payouts, bonds, disputes, and what the quorum
/// leaves unanswered. ClaimSettlement names it in an immutable and runs its code as its own; called directly it
/// refuses, so its own storage stays empty, the authority's slot too.
contract SettlementExtension is ClaimDisputes, UnansweredSections {
    /// @notice The SettlementAdmin whose code runs, where this does not know a call.
    address public immutable adminCode;

    constructor(
        IERC20 token_,
        IPatientEscrow escrow_,
        IInsurerPayerFactory payers_,
        IProviderRegistry registry_,
        address admin
    ) SettlementState(token_, escrow_, payers_, registry_, address(0)) {
        ExtensionCode.check(admin, [address(token_), address(escrow_), address(payers_), address(registry_)]);
        adminCode = admin;
    }

    /// Every verb of ISettlementAdmin.
    fallback() external delegated {
        ExtensionCode.run(adminCode);
    }
}
