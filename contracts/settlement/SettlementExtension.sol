// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {AttesterNotes} from "./AttesterNotes.sol";
import {ClaimDisputes} from "./ClaimDisputes.sol";
import {QuorumAdmin} from "./QuorumAdmin.sol";
import {SettlementState} from "./SettlementState.sol";
import {UnansweredSections} from "./UnansweredSections.sol";
import {IInsurerPayerFactory} from "../interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "../interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";

/// @notice The verbs of ClaimSettlement that do not settle: payouts, bonds, disputes, what the
/// quorum leaves unanswered, governance. ClaimSettlement
/// knows it by its code, names it in an immutable and runs its code as its own; called directly it refuses, so its
/// own storage stays empty, the authority's slot too.
contract SettlementExtension is ClaimDisputes, QuorumAdmin, AttesterNotes, UnansweredSections {
    constructor(
        IERC20 token_,
        IPatientEscrow escrow_,
        IInsurerPayerFactory payers_,
        IProviderRegistry registry_
    ) SettlementState(token_, escrow_, payers_, registry_, address(0)) {}

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
}
