// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What stays the same for all rows of a batch while it is settled.
///   signedAt     the time whose terms, payers, consents and limits apply
///   currentYear  the calendar year of signedAt: it and the one before may be billed
///   prefix       what all its claims' ids are hashed with
///   operator     who gets the operator's fee; zero: nobody
///   feeFlat      of each event, in the token's smallest unit
///   feeBps       of what each event is allowed, in basis points
///   takesFee     feeFlat or feeBps is not 0
struct BatchContext {
    uint256 signedAt;
    uint256 currentYear;
    bytes32 prefix;
    address operator;
    uint256 feeFlat;
    uint256 feeBps;
    bool takesFee;
}
