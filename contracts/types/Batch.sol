// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What stays the same for all rows of a batch while it is settled.
///   prefix       hash of what all its claims' ids share
///   takesFee          an operator gets feeFlat and feeBps of each event
struct BatchContext {
    uint40 signedAt;
    uint16 currentYear;
    bytes32 prefix;
    address operator;
    bool takesFee;
    uint256 feeFlat;
    uint256 feeBps;
}
