// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CostSharing, Reason} from "../types/Outcomes.sol";
import {CategoryTerms, Fee, MemberYear, PlanTerms} from "../types/Terms.sol";

/// @notice Splits one allowed amount between plan and member: pure integers, the same as
/// `chainbill.billing.adjudication` in Python. X12: CO-45, PR-1, PR-2, PR-3.
library Adjudication {
    uint256 internal constant BPS = 10_000;

    /// @notice Price one row against the terms in force.
    /// @param billed what the provider asked for all units; 0 means the fee schedule's amount
    /// @param met the member's accumulators before this claim
    /// @return reason None, or why the terms deny it (then only `billed` is set in `shares`)
    /// @return shares who owes what
    function adjudicate(
        uint64 billed,
        uint16 units,
        Fee memory fee,
        CategoryTerms memory category,
        PlanTerms memory plan,
        MemberYear memory met
    ) internal pure returns (Reason reason, CostSharing memory shares) {
        shares.billed = billed;
        if (units == 0 || units > fee.maxUnits) return (Reason.UnitsExceeded, shares);
        if (!category.covered) return (Reason.NotCovered, shares);

        // amount * maxUnits < 2^64 is checked when a fee is published
        uint256 scheduled = uint256(fee.amount) * units;
        if (billed == 0) shares.billed = uint64(scheduled);
        shares.allowed = uint64(min(shares.billed, scheduled));
        shares.adjustment = shares.billed - shares.allowed;
        _share(shares, category, plan, met);
    }

    function _share(
        CostSharing memory shares,
        CategoryTerms memory category,
        PlanTerms memory plan,
        MemberYear memory met
    ) private pure {
        uint256 rest = shares.allowed;
        uint256 outOfPocket = remaining(plan.oopMax, met.oopMet);

        uint256 deductible = category.deductibleApplies ? remaining(plan.deductible, met.deductibleMet) : 0;
        uint256 copay = category.copay;
        if (category.copayFirst) {
            (copay, rest, outOfPocket) = take(copay, rest, outOfPocket);
            (deductible, rest, outOfPocket) = take(deductible, rest, outOfPocket);
        } else {
            (deductible, rest, outOfPocket) = take(deductible, rest, outOfPocket);
            (copay, rest, outOfPocket) = take(copay, rest, outOfPocket);
        }

        uint256 coinsurance;
        if (category.coinsuranceBps > 0 && (category.copay == 0 || category.coinsuranceAfterCopay)) {
            uint256 planPart = roundHalfUp(rest, BPS - category.coinsuranceBps, plan.roundingUnit);
            // Half up may pass a rest that is not whole rounding units; the plan never owes more than the rest.
            (coinsurance, rest, outOfPocket) = take(rest - min(planPart, rest), rest, outOfPocket);
        }

        shares.deductible = uint64(deductible);
        shares.copay = uint64(copay);
        shares.coinsurance = uint64(coinsurance);
        shares.planPaid = uint64(rest);
    }

    /// @notice `amount * bps / 10000`, rounded half up to whole multiples of `unit`.
    /// Worked example: 10.05 dollars at 8000 bps and a unit of one cent is 8.04 dollars.
    function roundHalfUp(uint256 amount, uint256 bps, uint256 unit) internal pure returns (uint256) {
        return ((amount * bps + 5_000 * unit) / (BPS * unit)) * unit;
    }

    /// @notice Take `wanted` from the rest, as far as the rest and the out-of-pocket maximum reach.
    function take(uint256 wanted, uint256 rest, uint256 outOfPocket)
        internal
        pure
        returns (uint256 taken, uint256 restAfter, uint256 outOfPocketAfter)
    {
        taken = min(wanted, min(rest, outOfPocket));
        return (taken, rest - taken, outOfPocket - taken);
    }

    /// @notice What is left of a yearly amount.
    function remaining(uint256 yearly, uint256 met) internal pure returns (uint256) {
        return yearly > met ? yearly - met : 0;
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }
}
