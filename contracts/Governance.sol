// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @notice Holds the governor's roles over the other contracts: OpenZeppelin's AccessManager, unchanged.
/// Its admin starts as the only one who may call a `restricted` function.
contract Governance is AccessManager {
    constructor(address governor) AccessManager(governor) {}
}
