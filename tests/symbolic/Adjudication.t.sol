// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Adjudication} from "../../contracts/libraries/Adjudication.sol";
import {CategoryTerms} from "../../contracts/types/Terms.sol";

/// @notice Splitting an allowed amount: for all terms, accumulators and amounts below 2^64.
/// The rounding unit is any, so the product and quotient of the coinsurance stay uninterpreted: what is
/// proved holds however they are rounded.
contract AdjudicationTest {
    struct Terms {
        uint64 deductible;
        uint64 oopMax;
        uint64 familyDeductible;
        uint64 familyOopMax;
        uint64 annualMaximum;
        uint32 roundingUnit;
    }

    struct Met {
        uint64 deductible;
        uint64 oop;
        uint64 planPaid;
        bool inFamily;
        uint64 familyDeductible;
        uint64 familyOop;
    }

    /// The parts add up to what is allowed, and none is larger than it.
    function check_split__parts_add_up_to_allowed(
        uint64 allowed,
        CategoryTerms calldata category,
        Terms calldata terms,
        Met calldata met_
    ) external pure {
        (Adjudication.Shares memory shares,) = _split(allowed, category, terms, met_);

        assert(_patientParts(shares) + shares.outsidePlan + shares.planPaid == allowed);
        assert(shares.deductible <= allowed && shares.copay <= allowed && shares.coinsurance <= allowed);
        assert(shares.outsidePlan <= allowed && shares.planPaid <= allowed);
    }

    /// No member pays more than what was left of its out-of-pocket maximum, nor of its family's; above the
    /// annual plan maximum apart.
    function check_split__member_stays_within_out_of_pocket_maximum(
        uint64 allowed,
        CategoryTerms calldata category,
        Terms calldata terms,
        Met calldata met_
    ) external pure {
        (Adjudication.Shares memory shares,) = _split(allowed, category, terms, met_);

        uint256 parts = _patientParts(shares);
        if (met_.oop <= terms.oopMax) assert(met_.oop + parts <= terms.oopMax);
        else assert(parts == 0);
        if (met_.inFamily && terms.familyOopMax != 0 && met_.familyOop <= terms.familyOopMax) {
            assert(met_.familyOop + parts <= terms.familyOopMax);
        }
    }

    /// The plan never pays more in a year than its annual maximum, nor takes more deductible than its own.
    function check_split__plan_stays_within_its_yearly_amounts(
        uint64 allowed,
        CategoryTerms calldata category,
        Terms calldata terms,
        Met calldata met_
    ) external pure {
        (Adjudication.Shares memory shares,) = _split(allowed, category, terms, met_);

        if (terms.annualMaximum != 0 && met_.planPaid <= terms.annualMaximum) {
            assert(met_.planPaid + shares.planPaid <= terms.annualMaximum);
        }
        if (met_.deductible <= terms.deductible) assert(met_.deductible + shares.deductible <= terms.deductible);
        else assert(shares.deductible == 0);
    }

    /// The accumulators move by exactly the parts.
    function check_add__accumulators_move_by_the_parts(
        uint64 allowed,
        CategoryTerms calldata category,
        Terms calldata terms,
        Met calldata met_
    ) external pure {
        (Adjudication.Shares memory shares, Adjudication.Met memory met) = _split(allowed, category, terms, met_);

        Adjudication.add(met, shares);

        uint256 parts = _patientParts(shares);
        assert(met.deductible == met_.deductible + shares.deductible);
        assert(met.oop == met_.oop + parts);
        assert(met.planPaid == met_.planPaid + shares.planPaid);
        assert(met.familyDeductible == met_.familyDeductible + (met_.inFamily ? shares.deductible : 0));
        assert(met.familyOop == met_.familyOop + (met_.inFamily ? parts : 0));
    }

    function _patientParts(Adjudication.Shares memory shares) private pure returns (uint256) {
        return shares.deductible + shares.copay + shares.coinsurance;
    }

    function _split(uint64 allowed, CategoryTerms calldata category, Terms calldata terms, Met calldata met_)
        private
        pure
        returns (Adjudication.Shares memory shares, Adjudication.Met memory met)
    {
        if (category.coinsuranceBps > Adjudication.BPS || terms.roundingUnit == 0) revert(); // no such terms
        met = Adjudication.Met(
            met_.deductible, met_.oop, met_.planPaid, met_.inFamily, met_.familyDeductible, met_.familyOop
        );
        Adjudication.Plan memory plan = Adjudication.Plan(
            terms.deductible,
            terms.oopMax,
            terms.familyDeductible,
            terms.familyOopMax,
            terms.annualMaximum,
            terms.roundingUnit
        );
        shares = Adjudication.split(allowed, category, plan, met);
    }
}
