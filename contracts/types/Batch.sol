// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What stays the same for all rows of a batch while it is settled.
///   signedAt     the time whose terms, payers, consents and limits apply
///   currentYear  the calendar year of signedAt: it and the one before may be billed
///   prefix       what all its claims' ids are hashed with
///   operator     who gets the operator's fee; zero: nobody
///   takesFee     feeFlat or feeBps is not 0
///   feeFlat      of each event, in the token's smallest unit
///   feeBps       of what each event is allowed, in basis points
struct BatchContext {
    uint40 signedAt;
    uint16 currentYear;
    bytes32 prefix;
    address operator;
    bool takesFee;
    uint256 feeFlat;
    uint256 feeBps;
}
