// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @notice Holds the governor's roles over the other contracts: OpenZeppelin's AccessManager, unchanged.
/// Its admin starts as the only one who may call a `restricted` function; the deployment then hands out:
///
///   0 admin      changes roles and delays, mints the test token
///   1 registrar  registers providers, makes payers, opens epochs, sets the operator's fee, reinstates, unpauses
///   2 guardian   pauses, ends an epoch, suspends; cancels what a registrar has scheduled
///   3 arbiter    rules on answered disputes
///
/// What widens power is delayed beyond NOTICE, so that anyone can leave first; what only stops is not.
contract Governance is AccessManager {
    constructor(address governor) AccessManager(governor) {}
}
