// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Fee} from "../types/Terms.sol";

/// @notice One version of a fee in one word; 0: none.
///
///   bytes 0..7   amount        byte  8      category      bytes 9..10  maxUnits
///   bytes 11..12 annualUnits   bytes 13..17 effectiveAt   bytes 18..19 version
///
/// (byte 0 is the lowest).
library FeeSlot {
    function pack(Fee memory fee) internal pure returns (uint256) {
        return uint256(fee.amount) | uint256(fee.category) << 64 | uint256(fee.maxUnits) << 72
            | uint256(fee.annualUnits) << 88 | uint256(fee.effectiveAt) << 104 | uint256(fee.version) << 144;
    }

    function unpack(uint256 slot) internal pure returns (Fee memory) {
        return Fee({
            amount: uint64(slot),
            category: uint8(slot >> 64),
            maxUnits: uint16(slot >> 72),
            annualUnits: uint16(slot >> 88),
            effectiveAt: uint40(slot >> 104),
            version: uint16(slot >> 144)
        });
    }

    function amount(uint256 slot) internal pure returns (uint256) {
        return uint64(slot);
    }

    function category(uint256 slot) internal pure returns (uint256) {
        return uint8(slot >> 64);
    }

    function maxUnits(uint256 slot) internal pure returns (uint256) {
        return uint16(slot >> 72);
    }

    function annualUnits(uint256 slot) internal pure returns (uint256) {
        return uint16(slot >> 88);
    }

    function effectiveAt(uint256 slot) internal pure returns (uint256) {
        return uint40(slot >> 104);
    }

    function version(uint256 slot) internal pure returns (uint256) {
        return slot >> 144;
    }
}
