// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {CategoryTerms} from "../types/Terms.sol";

/// @notice A plan version's terms for one category in one word; 0: not covered.
///
///   byte  0      covered                 byte  1      deductibleApplies
///   byte  2      copayFirst              byte  3      owesCoinsurance
///   bytes 4..5   coinsuranceBps          bytes 6..13  copay
///   byte  14     coinsuranceAfterCopay
///
/// (byte 0 is the lowest). owesCoinsurance is worked out when the terms are published: there is a rate, and
/// no copay or coinsurance after it.
library CategorySlot {
    uint256 internal constant COVERED = 1;

    function pack(CategoryTerms memory terms) internal pure returns (uint256) {
        bool owes = terms.coinsuranceBps != 0 && (terms.copay == 0 || terms.coinsuranceAfterCopay);
        return _flag(terms.covered, 0) | _flag(terms.deductibleApplies, 8) | _flag(terms.copayFirst, 16)
            | _flag(owes, 24) | uint256(terms.coinsuranceBps) << 32 | uint256(terms.copay) << 48
            | _flag(terms.coinsuranceAfterCopay, 112);
    }

    function unpack(uint256 slot) internal pure returns (CategoryTerms memory) {
        return CategoryTerms({
            covered: covered(slot),
            deductibleApplies: deductibleApplies(slot),
            copayFirst: copayFirst(slot),
            coinsuranceAfterCopay: slot >> 112 & 1 != 0,
            coinsuranceBps: uint16(coinsuranceBps(slot)),
            copay: uint64(copay(slot))
        });
    }

    function covered(uint256 slot) internal pure returns (bool) {
        return slot & COVERED != 0;
    }

    function deductibleApplies(uint256 slot) internal pure returns (bool) {
        return slot & 1 << 8 != 0;
    }

    function copayFirst(uint256 slot) internal pure returns (bool) {
        return slot & 1 << 16 != 0;
    }

    function owesCoinsurance(uint256 slot) internal pure returns (bool) {
        return slot & 1 << 24 != 0;
    }

    function coinsuranceBps(uint256 slot) internal pure returns (uint256) {
        return uint16(slot >> 32);
    }

    function copay(uint256 slot) internal pure returns (uint256) {
        return uint64(slot >> 48);
    }

    function _flag(bool set, uint256 shift) private pure returns (uint256) {
        return SafeCast.toUint(set) << shift;
    }
}
