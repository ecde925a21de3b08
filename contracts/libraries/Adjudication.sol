// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CategoryTerms} from "../types/Terms.sol";

/// @notice Splits one allowed amount between plan and member: pure integers, the same as
/// `chainbill.billing.adjudication` in Python. X12: PR-1, PR-2, PR-3, PR-119.
/// All amounts are below 2^64, held in full words so that sums and products cannot overflow.
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

    /// @notice deductible + copay + coinsurance + outsidePlan + planPaid = allowed.
    struct Shares {
        uint256 deductible;
        uint256 copay;
        uint256 coinsurance;
        uint256 outsidePlan;
        uint256 planPaid;
    }

    /// @notice Who owes what of `allowed`.
    function split(uint256 allowed, CategoryTerms memory category, Plan memory plan, Met memory met)
        internal
        pure
        returns (Shares memory shares)
    {
        uint256 rest = allowed;
        uint256 outOfPocket = outOfPocketLeft(plan, met);
        uint256 deductible = category.deductibleApplies ? deductibleLeft(plan, met) : 0;

        if (category.copayFirst) {
            (shares.copay, rest, outOfPocket) = take(category.copay, rest, outOfPocket);
            (shares.deductible, rest, outOfPocket) = take(deductible, rest, outOfPocket);
        } else {
            (shares.deductible, rest, outOfPocket) = take(deductible, rest, outOfPocket);
            (shares.copay, rest, outOfPocket) = take(category.copay, rest, outOfPocket);
        }
        if (category.coinsuranceBps != 0 && (category.copay == 0 || category.coinsuranceAfterCopay)) {
            uint256 planPart = roundHalfUp(rest, BPS - category.coinsuranceBps, plan.roundingUnit);
            // Half up may pass a rest that is not whole rounding units; the plan never owes more than the rest.
            (shares.coinsurance, rest,) = take(rest - min(planPart, rest), rest, outOfPocket);
        }
        if (plan.annualMaximum != 0) {
            uint256 covered = min(rest, remaining(plan.annualMaximum, met.planPaid));
            (shares.outsidePlan, rest) = (rest - covered, covered);
        }
        shares.planPaid = rest;
    }

    /// @notice Would what was met still fit 64 bits with this row? Opening entries may come near.
    function fits(Met memory met, Shares memory shares) internal pure returns (bool) {
        unchecked {
            // Sums of a few amounts below 2^64.
            uint256 outOfPocket = shares.deductible + shares.copay + shares.coinsurance;
            uint256 any = (met.deductible + shares.deductible) | (met.oop + outOfPocket) | (met.planPaid + shares.planPaid);
            if (met.inFamily) any |= (met.familyDeductible + shares.deductible) | (met.familyOop + outOfPocket);
            return any >> 64 == 0;
        }
    }

    /// @notice Add a settled row to what was met.
    function add(Met memory met, Shares memory shares) internal pure {
        unchecked {
            // The caller has asked `fits`.
            uint256 outOfPocket = shares.deductible + shares.copay + shares.coinsurance;
            met.deductible += shares.deductible;
            met.oop += outOfPocket;
            met.planPaid += shares.planPaid;
            if (met.inFamily) {
                met.familyDeductible += shares.deductible;
                met.familyOop += outOfPocket;
            }
        }
    }

    /// @notice What is left of the deductible: the member's own, and no more than the family's.
    function deductibleLeft(Plan memory plan, Met memory met) internal pure returns (uint256 left) {
        left = remaining(plan.deductible, met.deductible);
        if (met.inFamily && plan.familyDeductible != 0) {
            left = min(left, remaining(plan.familyDeductible, met.familyDeductible));
        }
    }

    /// @notice What is left of the out-of-pocket maximum: the member's own, and no more than the family's.
    function outOfPocketLeft(Plan memory plan, Met memory met) internal pure returns (uint256 left) {
        left = remaining(plan.oopMax, met.oop);
        if (met.inFamily && plan.familyOopMax != 0) {
            left = min(left, remaining(plan.familyOopMax, met.familyOop));
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

    /// @notice Take `wanted` from the rest, as far as the rest and the out-of-pocket maximum reach.
    function take(uint256 wanted, uint256 rest, uint256 outOfPocket)
        internal
        pure
        returns (uint256 taken, uint256 restAfter, uint256 outOfPocketAfter)
    {
        taken = min(wanted, min(rest, outOfPocket));
        unchecked {
            return (taken, rest - taken, outOfPocket - taken);
        }
    }

    /// @notice What is left of a yearly amount.
    function remaining(uint256 yearly, uint256 met) internal pure returns (uint256) {
        unchecked {
            return yearly > met ? yearly - met : 0;
        }
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }
}
