// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {PatientEscrow} from "../../contracts/PatientEscrow.sol";
import {IInsurerPayerFactory} from "../../contracts/interfaces/IInsurerPayerFactory.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {Cheats, NotingToken} from "./Cheats.sol";

/// @notice A base for symbolic tests of an escrow in any state; the test is its settlement.
abstract contract AnyEscrow is Cheats {
    NotingToken internal _token;
    PatientEscrow internal _escrow;

    /// As a settlement contract between two of its verbs.
    function isSettling() external pure returns (bool) {
        return false;
    }

    function setUp() public {
        _token = new NotingToken();
        _escrow = new PatientEscrow(
            IERC20(address(_token)), address(this), IInsurerPayerFactory(address(0)), IProviderRegistry(address(0))
        );
        svm.enableSymbolicStorage(address(_escrow));
    }
}
