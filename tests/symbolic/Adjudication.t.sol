// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Cheats} from "./Cheats.sol";
import {Adjudication} from "../../contracts/libraries/Adjudication.sol";
import {CategorySlot} from "../../contracts/libraries/CategorySlot.sol";
import {ClaimWords} from "../../contracts/libraries/ClaimWords.sol";
import {CategoryTerms} from "../../contracts/types/Terms.sol";

/// @notice Splitting an allowed amount, and adding the parts to what was met.
///
/// Bounds: amounts and yearly terms are any below 2^16; coinsurance is 20 % rounded to one cent, for a quotient
/// by an unknown is beyond the solver. What is added to accumulators is any.
contract AdjudicationTest is Cheats {
    struct Plan {
        uint16 deductible;
        uint16 oopMax;
        uint16 familyDeductible;
        uint16 familyOopMax;
        uint16 annualMaximum;
    }

    struct Met {
        uint16 deductible;
        uint16 oop;
        uint16 planPaid;
        bool inFamily;
        uint16 familyDeductible;
        uint16 familyOop;
    }

    struct Category {
        bool deductibleApplies;
        bool copayFirst;
        uint16 copay;
    }

    /// The parts add up to what is allowed.
    function check_split__parts_add_up(uint16 allowed, Category calldata category, Plan calldata plan, Met calldata met)
        external
        pure
    {
        (uint256 amounts, uint256 shares) =
            Adjudication.split(allowed, _category(category, 0), _plan(plan), _met(met));
        _assertPartsAddUp(allowed, amounts, shares);
    }

    /// The parts add up to what is allowed, where coinsurance is one of them.
    function check_split__parts_add_up_with_coinsurance(
        uint16 allowed,
        Category calldata category,
        Plan calldata plan,
        Met calldata met
    ) external pure {
        (uint256 amounts, uint256 shares) =
            Adjudication.split(allowed, _category(category, 2_000), _plan(plan), _met(met));
        _assertPartsAddUp(allowed, amounts, shares);
    }

    /// No member pays more than what is left of its out-of-pocket maximum, nor of its family's, the part above
    /// the annual maximum apart; and the plan no more than its annual maximum.
    function check_split__stays_within_yearly_amounts(
        uint16 allowed,
        Category calldata category,
        Plan calldata plan,
        Met calldata met
    ) external pure {
        (uint256 amounts, uint256 shares) =
            Adjudication.split(allowed, _category(category, 0), _plan(plan), _met(met));

        uint256 paid = ClaimWords.outOfPocket(amounts, shares);
        assert(paid == 0 || met.oop + paid <= plan.oopMax);
        if (met.inFamily && plan.familyOopMax != 0) assert(paid == 0 || met.familyOop + paid <= plan.familyOopMax);
        uint256 deductible = ClaimWords.deductible(amounts);
        assert(deductible == 0 || met.deductible + deductible <= plan.deductible);
        uint256 benefit = ClaimWords.planPaid(shares);
        if (plan.annualMaximum != 0) assert(benefit == 0 || met.planPaid + benefit <= plan.annualMaximum);
    }

    /// Accumulators move by exactly the parts of a settled row, whatever they are.
    function check_add__moves_by_the_parts(uint256 amounts, uint256 shares, Met calldata met_) external pure {
        Adjudication.Met memory met = _met(met_);
        bool added = Adjudication.add(met, amounts, shares);

        uint256 deductible = added ? ClaimWords.deductible(amounts) : 0;
        uint256 oop = added ? deductible + ClaimWords.copay(amounts) + ClaimWords.coinsurance(shares) : 0;
        assert(met.deductible == met_.deductible + deductible && met.oop == met_.oop + oop);
        assert(met.planPaid == met_.planPaid + (added ? ClaimWords.planPaid(shares) : 0));
        assert(met.familyDeductible == met_.familyDeductible + (met_.inFamily ? deductible : 0));
        assert(met.familyOop == met_.familyOop + (met_.inFamily ? oop : 0));
    }

    function _assertPartsAddUp(uint256 allowed, uint256 amounts, uint256 shares) private pure {
        uint256 parts = ClaimWords.deductible(amounts) + ClaimWords.copay(amounts) + ClaimWords.coinsurance(shares)
            + ClaimWords.outsidePlan(shares) + ClaimWords.planPaid(shares);
        // One question to the solver: is either different?
        assert((parts ^ allowed) | (ClaimWords.allowed(amounts) ^ allowed) == 0);
    }

    function _category(Category calldata terms, uint16 coinsuranceBps) private pure returns (uint256) {
        return CategorySlot.pack(
            CategoryTerms(true, terms.deductibleApplies, terms.copayFirst, true, coinsuranceBps, terms.copay)
        );
    }

    function _plan(Plan calldata plan) private pure returns (Adjudication.Plan memory) {
        return Adjudication.Plan(
            plan.deductible,
            plan.oopMax,
            plan.familyDeductible,
            plan.familyOopMax,
            plan.annualMaximum,
            10_000
        );
    }

    function _met(Met calldata met) private pure returns (Adjudication.Met memory) {
        return Adjudication.Met(
            met.deductible, met.oop, met.planPaid, met.inFamily, met.familyDeductible, met.familyOop
        );
    }
}
