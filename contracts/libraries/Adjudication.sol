// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {CategorySlot} from "./CategorySlot.sol";
import {ClaimWords} from "./ClaimWords.sol";

/// @notice Splits one allowed amount between plan and member: pure integers, the same as
/// `chainbill.billing.adjudication` in Python. X12: PR-1, PR-2, PR-3, PR-119.
/// All amounts are below 2^64, held in full words: no sum or product here can overflow, and none is
/// subtracted from less, so that arithmetic is unchecked throughout. Written out flat: it runs for every event.
library Adjudication {
    uint256 internal constant BPS = 10_000;

    /// @notice A plan's yearly terms; family amounts and annualMaximum 0: none.
    struct Plan {
        uint256 deductible;
        uint256 oopMax;
        uint256 familyDeductible;
        uint256 familyOopMax;
        uint256 annualMaximum;
        uint256 roundingUnit;
    }

    /// @notice What a member, and the member's family, has met so far.
    struct Met {
        uint256 deductible;
        uint256 oop;
        uint256 planPaid;
        bool inFamily;
        uint256 familyDeductible;
        uint256 familyOop;
    }

    /// @notice Who owes what of `allowed`.
    /// @param category see CategorySlot
    /// @return amounts allowed, deductible, copay, as ClaimWords has them; without billed
    /// @return shares coinsurance, outsidePlan, planPaid; they add up with deductible and copay to allowed
    function split(uint256 allowed, uint256 category, Plan memory plan, Met memory met)
        internal
        pure
        returns (uint256 amounts, uint256 shares)
    {
        unchecked {
            (uint256 deductible, uint256 outOfPocket) = _left(category, plan, met);
            uint256 copay = CategorySlot.copay(category);
            // What deductible and copay may take together.
            uint256 room = Math.min(allowed, outOfPocket);
            if (CategorySlot.copayFirst(category)) {
                copay = Math.min(copay, room);
                deductible = Math.min(deductible, room - copay);
            } else {
                deductible = Math.min(deductible, room);
                copay = Math.min(copay, room - deductible);
            }
            amounts = allowed << 128 | deductible << 64 | copay;

            uint256 rest = allowed - deductible - copay;
            if (CategorySlot.owesCoinsurance(category)) {
                uint256 planPart = roundHalfUp(rest, BPS - CategorySlot.coinsuranceBps(category), plan.roundingUnit);
                // Half up may pass a rest that is not whole rounding units; the plan never owes more than the rest.
                uint256 coinsurance =
                    Math.min(Math.saturatingSub(rest, planPart), outOfPocket - deductible - copay);
                rest -= coinsurance;
                shares = coinsurance << 192;
            }
            if (plan.annualMaximum != 0) {
                uint256 covered = Math.min(rest, Math.saturatingSub(plan.annualMaximum, met.planPaid));
                shares |= (rest - covered) << 128;
                rest = covered;
            }
            shares |= rest << 64;
        }
    }

    /// @notice Add a settled row to what was met; false, and nothing added, where that no longer fits 64 bits:
    /// opening entries may come near.
    function add(Met memory met, uint256 amounts, uint256 shares) internal pure returns (bool) {
        unchecked {
            uint256 deductible = ClaimWords.deductible(amounts);
            uint256 outOfPocket = ClaimWords.outOfPocket(amounts, shares);
            if (met.inFamily && !_addToFamily(met, deductible, outOfPocket)) return false;
            deductible += met.deductible;
            outOfPocket += met.oop;
            uint256 planPaid = met.planPaid + ClaimWords.planPaid(shares);
            if ((deductible | outOfPocket | planPaid) >> 64 != 0) return false;
            (met.deductible, met.oop, met.planPaid) = (deductible, outOfPocket, planPaid);
            return true;
        }
    }

    /// What is left of deductible and out-of-pocket maximum: the member's own, and no more than the family's.
    function _left(uint256 category, Plan memory plan, Met memory met)
        private
        pure
        returns (uint256 deductible, uint256 outOfPocket)
    {
        outOfPocket = Math.saturatingSub(plan.oopMax, met.oop);
        if (CategorySlot.deductibleApplies(category)) {
            deductible = Math.saturatingSub(plan.deductible, met.deductible);
        }
        if (met.inFamily) (deductible, outOfPocket) = _leftToFamily(plan, met, deductible, outOfPocket);
    }

    function _leftToFamily(Plan memory plan, Met memory met, uint256 deductible, uint256 outOfPocket)
        private
        pure
        returns (uint256, uint256)
    {
        if (plan.familyDeductible != 0) {
            deductible = Math.min(deductible, Math.saturatingSub(plan.familyDeductible, met.familyDeductible));
        }
        if (plan.familyOopMax != 0) {
            outOfPocket = Math.min(outOfPocket, Math.saturatingSub(plan.familyOopMax, met.familyOop));
        }
        return (deductible, outOfPocket);
    }

    /// Leaves the family as it was where it, or the member, would no longer fit 64 bits: see `add`, whose own
    /// sums are part of the family's.
    function _addToFamily(Met memory met, uint256 deductible, uint256 outOfPocket) private pure returns (bool) {
        unchecked {
            deductible += met.familyDeductible;
            outOfPocket += met.familyOop;
            if ((deductible | outOfPocket) >> 64 != 0) return false;
            (met.familyDeductible, met.familyOop) = (deductible, outOfPocket);
            return true;
        }
    }

    /// @notice `amount * bps / 10000`, rounded half up to whole multiples of `unit`; amount < 2^64, unit < 2^32.
    /// Worked example: 10.05 dollars at 8000 bps and a unit of one cent is 8.04 dollars.
    function roundHalfUp(uint256 amount, uint256 bps, uint256 unit) internal pure returns (uint256) {
        unchecked {
            // below 2^64 * 10^4 + 5 * 10^3 * 2^32
            return ((amount * bps + 5_000 * unit) / (BPS * unit)) * unit;
        }
    }
}
