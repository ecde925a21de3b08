// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CategorySlot} from "./CategorySlot.sol";
import {Adjudication} from "../math/Adjudication.sol";

/// @notice A payer's pool as it is stored, in one word with the terms it has priced by last: those of one provider,
/// plan version and category. The word is read and written with every section anyway; acceptance, plan and
/// category, a slot each, need not be read where they are remembered.
///
///   bits 0..63     what the insurer can still pay
///   bits 64..95    providerId   } an accepted provider and a plan's version: both have been in force for longer
///   bits 96..127   planKey      } than a batch lives
///   bits 128..159  until        they are in force for what was signed before; 0: nothing is remembered
///   bits 160..167  category     of that version, covered
///   bit  168       deductibleApplies
///   bit  169       copayFirst
///   bit  170       owesCoinsurance
///   bits 171..184  coinsuranceBps
///   bits 185..204  copay        }
///   bits 205..227  deductible   } in rounding units, each a cent; no family, no annual maximum
///   bits 228..255  oopMax       }
library PoolSlot {
    /// The rounding unit of plans that are remembered: a cent.
    uint256 private constant CENT = 10_000;

    function balance(uint256 slot) internal pure returns (uint64) {
        return uint64(slot);
    }

    function withBalance(uint256 slot, uint256 amount) internal pure returns (uint256) {
        return slot >> 64 << 64 | amount;
    }

    /// @notice Are these the terms that are remembered, and in force for what was signed at that time?
    function remembers(uint256 slot, uint256 providerId, uint256 planKey, uint256 signedAt)
        internal
        pure
        returns (bool)
    {
        return uint64(slot >> 64) == (planKey << 32 | providerId) && signedAt < uint32(slot >> 128);
    }

    /// @notice The plan that is remembered.
    function plan(uint256 slot) internal pure returns (uint256 deductible, uint256 oopMax, uint256 roundingUnit) {
        unchecked {
            // 23 and 28 bits times 14 bits
            return ((slot >> 205 & 0x7fffff) * CENT, (slot >> 228) * CENT, CENT);
        }
    }

    function category(uint256 slot) internal pure returns (uint256) {
        return uint8(slot >> 160);
    }

    /// @notice The terms of the category that is remembered, see CategorySlot.
    function categoryTerms(uint256 slot) internal pure returns (uint256) {
        unchecked {
            // 20 bits times 14 bits
            return CategorySlot.COVERED | (slot >> 168 & 1) << 8 | (slot >> 169 & 1) << 16 | (slot >> 170 & 1) << 24
                | (slot >> 171 & 0x3fff) << 32 | (slot >> 185 & 0xfffff) * CENT << 48;
        }
    }

    /// @notice The pool with these terms remembered in place of others; unchanged where they do not fit in.
    /// @param key providerId, and above it the plan's key
    /// @param until for what is signed before this time acceptance and plan are in force
    /// @param terms of the category, see CategorySlot
    function remember(
        uint256 slot,
        uint256 key,
        uint256 until,
        Adjudication.Plan memory plan_,
        uint256 category_,
        uint256 terms
    ) internal pure returns (uint256) {
        uint256 amounts = _amounts(plan_, CategorySlot.copay(terms));
        if (amounts == 0 || !CategorySlot.covered(terms)) return slot;
        if (until > type(uint32).max) until = type(uint32).max;
        uint256 flags = terms >> 8 & 1 | (terms >> 16 & 1) << 1 | (terms >> 24 & 1) << 2;
        uint256 rules = flags << 168 | CategorySlot.coinsuranceBps(terms) << 171;
        return uint64(slot) | key << 64 | until << 128 | category_ << 160 | rules | amounts;
    }

    /// Copay, deductible and maximum where they stand; 0 where there is none of them, or no place for them.
    function _amounts(Adjudication.Plan memory plan_, uint256 copay) private pure returns (uint256) {
        if (plan_.roundingUnit != CENT) return 0;
        if (plan_.familyDeductible | plan_.familyOopMax | plan_.annualMaximum != 0) return 0;
        (uint256 deductible, uint256 oopMax) = (plan_.deductible / CENT, plan_.oopMax / CENT);
        copay /= CENT;
        if (copay >> 20 | deductible >> 23 | oopMax >> 28 != 0) return 0;
        return copay << 185 | deductible << 205 | oopMax << 228;
    }

    /// @notice The pool with nothing remembered.
    function forgetful(uint256 slot) internal pure returns (uint256) {
        return uint64(slot);
    }
}
