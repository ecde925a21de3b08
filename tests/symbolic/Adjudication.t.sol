// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Adjudication} from "../../contracts/math/Adjudication.sol";
import {CategorySlot} from "../../contracts/payer/CategorySlot.sol";
import {PackedClaim} from "../../contracts/codec/PackedClaim.sol";
import {CategoryTerms} from "../../contracts/types/Terms.sol";
import {Cheats} from "./Cheats.sol";

/// @notice Splitting an allowed amount, and adding the parts to what was met.
///
/// Bounds: amounts, yearly terms and what was met are any below 2^16, the rounding unit any of 32 bits, coinsurance
/// any up to 10,000 basis points. Where a test says other, it is beside it. The quotient that rounds
/// coinsurance is left open: what is proved holds whatever it is, so it says nothing of the rounding itself, which
/// the differential tests compare.
contract AdjudicationTest is Cheats {
    struct Plan {
        uint16 deductible;
        uint16 oopMax;
        uint16 familyDeductible;
        uint16 familyOopMax;
        uint16 annualMaximum;
        uint32 roundingUnit;
    }

    struct Met {
        uint16 deductible;
        uint16 oop;
        uint16 planPaid;
        uint16 familyDeductible;
        uint16 familyOop;
    }

    struct Category {
        bool deductibleApplies;
        bool copayFirst;
        uint16 copay;
    }

    struct Parts {
        uint256 deductible;
        uint256 copay;
        uint256 planPaid;
    }

    // ---- without coinsurance: the parts are what the terms say, within what is left, and add up ----------

    /// Bound: no family, no annual maximum.
    function check_split__as_the_terms_say(
        uint16 allowed,
        Category calldata category,
        Plan calldata plan,
        Met calldata met
    ) external pure {
        _checkAsTermsSay(allowed, category, plan, _met(met, false));
    }

    /// Bound: no annual maximum, no copay.
    function check_split__as_the_terms_say_in_a_family(
        uint16 allowed,
        Category calldata category,
        Plan calldata plan,
        Met calldata met
    ) external pure {
        assume(!category.copayFirst && category.copay == 0);
        _checkAsTermsSay(allowed, category, plan, _met(met, true));
    }

    /// Amounts are any of 64 bits. Bound: neither deductible nor copay, which come before it.
    function check_split__annual_maximum(uint64 allowed, uint64 annualMaximum, uint64 planPaid) external pure {
        assume(annualMaximum != 0);
        Adjudication.Plan memory plan = Adjudication.Plan(0, type(uint64).max, 0, 0, annualMaximum, 1);
        uint256 category = CategorySlot.pack(CategoryTerms(true, false, false, true, 0, 0));
        (uint256 amounts, uint256 shares) =
            Adjudication.split(allowed, category, plan, Adjudication.Met(0, 0, planPaid, false, 0, 0));
        uint256 benefit = _least(allowed, annualMaximum > planPaid ? annualMaximum - planPaid : 0);
        assert(amounts == PackedClaim.four(0, allowed, 0, 0));
        assert(shares == PackedClaim.four(0, allowed - benefit, benefit, 0));
    }

    // ---- with coinsurance: the parts add up, and stay within the out-of-pocket maximum ----------------------

    /// Amounts are any of 64 bits. Bound: neither deductible nor copay, no family.
    function check_split__coinsurance_alone(
        uint64 allowed,
        uint16 bps,
        uint64 oopMax,
        uint64 oopMet,
        uint64 annualMaximum,
        uint64 planPaid,
        uint32 unit
    ) external pure {
        Adjudication.Plan memory plan = Adjudication.Plan(0, oopMax, 0, 0, annualMaximum, unit);
        Adjudication.Met memory met = Adjudication.Met(0, oopMet, planPaid, false, 0, 0);
        uint256 category = CategorySlot.pack(CategoryTerms(true, false, false, true, _coinsurance(bps), 0));
        _checkSum(allowed, category, plan, met);
    }

    /// Bounds: amounts are any below 2^8; neither copay nor family nor annual maximum.
    function check_split__coinsurance_after_deductible(
        uint8 allowed,
        uint16 bps,
        uint8 deductible,
        uint8 outOfPocket,
        uint32 unit
    ) external pure {
        _hint(allowed, outOfPocket, deductible);
        Adjudication.Plan memory plan = Adjudication.Plan(deductible, outOfPocket, 0, 0, 0, unit);
        uint256 category = CategorySlot.pack(CategoryTerms(true, true, false, true, _coinsurance(bps), 0));
        _checkSum(allowed, category, plan, Adjudication.Met(0, 0, 0, false, 0, 0));
    }

    /// Bounds: amounts are any below 2^8; neither deductible nor family nor annual maximum.
    function check_split__coinsurance_after_copay(
        uint8 allowed,
        uint16 bps,
        uint8 copay,
        uint8 outOfPocket,
        uint32 unit
    ) external pure {
        _hint(allowed, outOfPocket, copay);
        Adjudication.Plan memory plan = Adjudication.Plan(0, outOfPocket, 0, 0, 0, unit);
        uint256 category = CategorySlot.pack(CategoryTerms(true, false, false, true, _coinsurance(bps), copay));
        _checkSum(allowed, category, plan, Adjudication.Met(0, 0, 0, false, 0, 0));
    }

    // ---- adding ----------------------------------------------------------------------------------------

    /// Accumulators move by exactly the parts of a settled row, whatever they are. What is added is any of 64 bits.
    function check_add__moves_by_the_parts(uint256 amounts, uint256 shares, Met calldata met_, bool inFamily)
        external
        pure
    {
        Adjudication.Met memory met = _met(met_, inFamily);
        bool added = Adjudication.add(met, amounts, shares);

        uint256 deductible = added ? PackedClaim.deductible(amounts) : 0;
        uint256 oop = added ? deductible + PackedClaim.copay(amounts) + PackedClaim.coinsurance(shares) : 0;
        assert(met.deductible == met_.deductible + deductible && met.oop == met_.oop + oop);
        assert(met.planPaid == met_.planPaid + (added ? PackedClaim.planPaid(shares) : 0));
        assert(met.familyDeductible == met_.familyDeductible + (inFamily ? deductible : 0));
        assert(met.familyOop == met_.familyOop + (inFamily ? oop : 0));
    }

    // ---- parts -----------------------------------------------------------------------------------------

    function _checkAsTermsSay(
        uint256 allowed,
        Category calldata category,
        Plan calldata plan,
        Adjudication.Met memory met
    ) private pure {
        assume(plan.annualMaximum == 0);
        (uint256 deductible, uint256 outOfPocket) = _left(category, plan, met);
        Parts memory parts = _plain(allowed, category, deductible, outOfPocket);

        uint256 slot = CategorySlot.pack(
            CategoryTerms(true, category.deductibleApplies, category.copayFirst, true, 0, category.copay)
        );
        (uint256 amounts, uint256 shares) = Adjudication.split(allowed, slot, _plan(plan), met);
        unchecked {
            uint256 difference = (amounts ^ PackedClaim.four(0, allowed, parts.deductible, parts.copay))
                | (shares ^ PackedClaim.four(0, 0, parts.planPaid, 0))
                | (parts.deductible + parts.copay + parts.planPaid ^ allowed);
            // One question to the solver.
            assert(difference == 0);
        }
    }

    function _checkSum(
        uint256 allowed,
        uint256 category,
        Adjudication.Plan memory plan,
        Adjudication.Met memory met
    ) private pure {
        (uint256 amounts, uint256 shares) = Adjudication.split(allowed, category, plan, met);
        uint256 paid = PackedClaim.outOfPocket(amounts, shares);
        uint256 benefit = PackedClaim.planPaid(shares);
        assert(PackedClaim.allowed(amounts) == allowed && PackedClaim.secondaryPaid(shares) == 0);
        assert(paid + PackedClaim.outsidePlan(shares) + benefit == allowed);
        assert(paid <= Math.saturatingSub(plan.oopMax, met.oop));
        assert(plan.annualMaximum == 0 || benefit <= Math.saturatingSub(plan.annualMaximum, met.planPaid));
    }

    /// What is left of deductible and out-of-pocket maximum, the member's and the family's.
    function _left(Category calldata category, Plan calldata plan, Adjudication.Met memory met)
        private
        pure
        returns (uint256 deductible, uint256 outOfPocket)
    {
        outOfPocket = Math.saturatingSub(plan.oopMax, met.oop);
        if (category.deductibleApplies) deductible = Math.saturatingSub(plan.deductible, met.deductible);
        if (met.inFamily && plan.familyDeductible != 0) {
            deductible = Math.min(deductible, Math.saturatingSub(plan.familyDeductible, met.familyDeductible));
        }
        if (met.inFamily && plan.familyOopMax != 0) {
            outOfPocket = Math.min(outOfPocket, Math.saturatingSub(plan.familyOopMax, met.familyOop));
        }
    }

    /// What the terms say, read plainly: every choice a path of its own.
    function _plain(
        uint256 allowed,
        Category calldata category,
        uint256 deductible,
        uint256 outOfPocket
    ) private pure returns (Parts memory parts) {
        unchecked {
            // Nothing is subtracted from less; were it, the parts would not add up.
            uint256 room = _least(allowed, outOfPocket);
            if (category.copayFirst) {
                parts.copay = _least(category.copay, room);
                parts.deductible = _least(deductible, room - parts.copay);
            } else {
                parts.deductible = _least(deductible, room);
                parts.copay = _least(category.copay, room - parts.deductible);
            }
            parts.planPaid = allowed - parts.deductible - parts.copay;
        }
    }

    /// Which is the smaller: a path of its own for each, which leaves the solver less to find out. Assumes nothing.
    function _hint(uint256 allowed, uint256 outOfPocket, uint256 part) private pure returns (uint256) {
        return _least(part, _least(allowed, outOfPocket));
    }

    function _least(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    function _coinsurance(uint16 bps) private pure returns (uint16) {
        assume(bps != 0 && bps <= 10_000);
        return bps;
    }

    function _plan(Plan calldata plan) private pure returns (Adjudication.Plan memory) {
        return Adjudication.Plan(
            plan.deductible,
            plan.oopMax,
            plan.familyDeductible,
            plan.familyOopMax,
            plan.annualMaximum,
            plan.roundingUnit
        );
    }

    function _met(Met calldata met, bool inFamily) private pure returns (Adjudication.Met memory) {
        return
            Adjudication.Met(met.deductible, met.oop, met.planPaid, inFamily, met.familyDeductible, met.familyOop);
    }
}
