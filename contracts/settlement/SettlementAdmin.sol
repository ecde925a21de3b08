// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {AttesterNotes} from "./AttesterNotes.sol";
import {QuorumAdmin} from "./QuorumAdmin.sol";
import {SettlementState} from "./SettlementState.sol";
import {SettlementViews} from "./SettlementViews.sol";
import {IInsurerPayerFactory} from "../interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "../interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";

/// @notice What the governor and the registry tell ClaimSettlement, and what anybody may ask it. It runs as
/// ClaimSettlement, by way of SettlementExtension; called directly its verbs refuse, and its storage is empty.
contract SettlementAdmin is QuorumAdmin, AttesterNotes, SettlementViews {
    constructor(
        IERC20 token_,
        IPatientEscrow escrow_,
        IInsurerPayerFactory payers_,
        IProviderRegistry registry_
    ) SettlementState(token_, escrow_, payers_, registry_, address(0)) {}
}
