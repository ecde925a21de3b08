// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {WordArray} from "../codec/WordArray.sol";
import {Reason} from "../types/Outcomes.sol";

/// @notice What the escrow states of one patient before a payer prices, in one word:
///
///   bits 192..255 balance    what the patient holds
///   bits 128..191 dayLeft    what may still be taken today; 2^64 - 1: no limit
///   bits  64..127 limit      the most for one event
///   bits   8..15  overLimit  the Reason where one event exceeds `limit`
///   bits   0..7   reason     the Reason why nothing may be charged; None: it may
library Spendable {
    function pack(uint64 balance, uint64 dayLeft, uint64 limit, Reason overLimit) internal pure returns (uint256) {
        return uint256(balance) << 192 | uint256(dayLeft) << 128 | uint256(limit) << 64 | uint256(overLimit) << 8;
    }

    function refuse(uint64 balance, Reason reason) internal pure returns (uint256) {
        return uint256(balance) << 192 | uint256(reason);
    }

    function reasonOf(uint256 word) internal pure returns (Reason) {
        return Reason(uint8(word));
    }

    function overLimitOf(uint256 word) internal pure returns (Reason) {
        return Reason(uint8(word >> 8));
    }

    function limitOf(uint256 word) internal pure returns (uint256) {
        return uint64(word >> 64);
    }

    function dayLeftOf(uint256 word) internal pure returns (uint256) {
        return uint64(word >> 128);
    }

    function balanceOf(uint256 word) internal pure returns (uint256) {
        return word >> 192;
    }

    /// @notice Does every one of these statements, one or more, have a reason why nothing may be charged?
    function refusesAll(bytes memory statements) internal pure returns (bool) {
        uint256 place = WordArray.start(statements);
        unchecked {
            // places in memory
            for (uint256 end = place + statements.length; place < end; place += 32) {
                (uint256 statement,) = WordArray.read(place);
                if (uint8(statement) == uint8(Reason.None)) return false;
            }
        }
        return true;
    }

    /// @notice May `amount` be charged for one event?
    function allows(uint256 word, uint256 amount) internal pure returns (bool yes) {
        // amount <= limit, dayLeft and balance, in one go; `refusal` says which of them it is over.
        assembly ("memory-safe") {
            let mask := 0xffffffffffffffff
            yes := iszero(
                or(
                    or(gt(amount, and(shr(64, word), mask)), gt(amount, and(shr(128, word), mask))),
                    gt(amount, shr(192, word))
                )
            )
        }
    }

    /// @notice Why `amount` may not be charged for one event; None: it may.
    function refusal(uint256 word, uint256 amount) internal pure returns (Reason) {
        if (amount > limitOf(word)) return overLimitOf(word);
        if (amount > dayLeftOf(word)) return Reason.OverDayLimit;
        if (amount > balanceOf(word)) return Reason.PatientUnfunded;
        return Reason.None;
    }

    /// @notice The statement of a patient who may be charged anything, if anything.
    function unlimited(uint256 word) internal pure returns (uint256) {
        return word | type(uint256).max << 64;
    }

    /// @notice The statement after `amount` (not refused) was charged.
    function charge(uint256 word, uint256 amount) internal pure returns (uint256) {
        unchecked {
            // amount <= balance and amount <= dayLeft: no borrow between the fields. Where there is no day
            // limit, dayLeft falls below 2^64 - 1 but stays above any balance, which falls with it.
            return word - (amount << 192) - (amount << 128);
        }
    }
}
