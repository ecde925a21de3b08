// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {PackedClaim} from "../codec/PackedClaim.sol";
import {CategorySlot} from "../payer/CategorySlot.sol";

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

    /// @notice Who owes what of `allowed`. Coinsurance leaves the member what the plan's part, rounded half up
    /// to whole rounding units, does not cover: of 10.05 dollars at 2000 bps and a unit of one cent the plan's
    /// part is 8.04 dollars. Its numerator is below 2^64 * 10^4 + 5 * 10^3 * 2^32.
    /// @param category see CategorySlot
    /// @return amounts allowed, deductible, copay, as PackedClaim has them; without billed
    /// @return shares coinsurance, outsidePlan, planPaid; they add up with deductible and copay to allowed
    function split(uint256 allowed, uint256 category, Plan memory plan, Met memory met)
        internal
        pure
        returns (uint256 amounts, uint256 shares)
    {
        (uint256 deductible, uint256 outOfPocket) = _left(category, plan, met);
        uint256 unit = plan.roundingUnit;
        // What chainbill.billing.adjudication says at length (a differential test holds the two together),
        // without jumps: the smaller of two numbers is one of them with their difference (xor) folded in or
        // not. Nothing but the stack is touched.
        assembly ("memory-safe") {
            function smaller(a, b) -> c {
                c := xor(b, mul(xor(a, b), lt(a, b)))
            }
            let copay := and(shr(48, category), 0xffffffffffffffff)
            // deductible and copay together take no more than what is allowed and what may be out of pocket
            let room := smaller(allowed, outOfPocket)
            switch and(category, 0x10000)
            case 0 {
                deductible := smaller(deductible, room)
                copay := smaller(copay, sub(room, deductible))
            }
            default {
                copay := smaller(copay, room)
                deductible := smaller(deductible, sub(room, copay))
            }
            let taken := add(deductible, copay)
            let rest := sub(allowed, taken)
            amounts := or(shl(128, allowed), or(shl(64, deductible), copay))
            if and(category, 0x1000000) {
                // the plan's part of the rest, half up to whole rounding units, but no more than the rest
                let bps := sub(10000, and(shr(32, category), 0xffff))
                let part := mul(div(add(mul(rest, bps), mul(5000, unit)), mul(10000, unit)), unit)
                let coinsurance := smaller(sub(rest, smaller(part, rest)), sub(outOfPocket, taken))
                rest := sub(rest, coinsurance)
                shares := shl(192, coinsurance)
            }
            shares := or(shares, shl(64, rest))
        }
        if (plan.annualMaximum != 0) shares = _cap(shares, Math.saturatingSub(plan.annualMaximum, met.planPaid));
    }

    /// The same shares with no more than `most` paid by the plan; the rest of its part is outside the plan.
    function _cap(uint256 shares, uint256 most) private pure returns (uint256) {
        unchecked {
            uint256 planPaid = PackedClaim.planPaid(shares);
            if (planPaid <= most) return shares;
            return shares - ((planPaid - most) << 64) + ((planPaid - most) << 128);
        }
    }

    /// @notice Add a settled row to what was met; false, and nothing added, where that no longer fits 64 bits:
    /// opening entries may come near.
    function add(Met memory met, uint256 amounts, uint256 shares) internal pure returns (bool) {
        unchecked {
            uint256 deductible = met.deductible + PackedClaim.deductible(amounts);
            uint256 oop = met.oop + PackedClaim.outOfPocket(amounts, shares);
            uint256 planPaid = met.planPaid + PackedClaim.planPaid(shares);
            if ((deductible | oop | planPaid) >> 64 != 0) return false;
            if (met.inFamily && !_addToFamily(met, amounts, shares)) return false;
            (met.deductible, met.oop, met.planPaid) = (deductible, oop, planPaid);
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

    function _addToFamily(Met memory met, uint256 amounts, uint256 shares) private pure returns (bool) {
        unchecked {
            uint256 deductible = met.familyDeductible + PackedClaim.deductible(amounts);
            uint256 oop = met.familyOop + PackedClaim.outOfPocket(amounts, shares);
            if ((deductible | oop) >> 64 != 0) return false;
            (met.familyDeductible, met.familyOop) = (deductible, oop);
            return true;
        }
    }
}
