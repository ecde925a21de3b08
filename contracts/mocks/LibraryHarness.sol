// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Adjudication} from "../libraries/Adjudication.sol";
import {Calendar} from "../libraries/Calendar.sol";
import {QuorumSignatures} from "../libraries/QuorumSignatures.sol";
import {CategoryTerms} from "../types/Terms.sol";

/// @notice Opens internal libraries to differential tests. Never deployed.
contract LibraryHarness {
    function split(
        uint256 allowed,
        CategoryTerms memory category,
        Adjudication.Plan memory plan,
        Adjudication.Met memory met
    ) external pure returns (Adjudication.Shares memory shares, Adjudication.Met memory metAfter) {
        shares = Adjudication.split(allowed, category, plan, met);
        metAfter = met;
        Adjudication.add(metAfter, shares);
    }

    function yearOf(uint256 timestamp) external pure returns (uint16) {
        return Calendar.yearOf(timestamp);
    }

    function recoverSigner(bytes32 digest, bytes calldata signatures, uint256 index) external pure returns (address) {
        return QuorumSignatures.recover(digest, signatures, index);
    }
}
