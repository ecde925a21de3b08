// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Adjudication} from "../libraries/Adjudication.sol";
import {Calendar} from "../libraries/Calendar.sol";
import {CostSharing, Reason} from "../types/Outcomes.sol";
import {CategoryTerms, Fee, MemberYear, PlanTerms} from "../types/Terms.sol";

/// @notice Opens internal libraries to differential tests. Never deployed.
contract LibraryHarness {
    function adjudicate(
        uint64 billed,
        uint16 units,
        Fee memory fee,
        CategoryTerms memory category,
        PlanTerms memory plan,
        MemberYear memory met
    ) external pure returns (Reason reason, CostSharing memory shares) {
        return Adjudication.adjudicate(billed, units, fee, category, plan, met);
    }

    function yearOf(uint256 timestamp) external pure returns (uint16) {
        return Calendar.yearOf(timestamp);
    }
}
