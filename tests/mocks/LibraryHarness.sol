// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {PackedClaim} from "../../contracts/codec/PackedClaim.sol";
import {Adjudication} from "../../contracts/math/Adjudication.sol";
import {Calendar} from "../../contracts/math/Calendar.sol";
import {CategorySlot} from "../../contracts/payer/CategorySlot.sol";
import {QuorumSignatures} from "../../contracts/settlement/QuorumSignatures.sol";
import {CategoryTerms} from "../../contracts/types/Terms.sol";

/// @notice Opens internal libraries to differential tests. Never deployed.
contract LibraryHarness {
    /// What the packed words of `Adjudication.split` hold.
    struct Shares {
        uint256 deductible;
        uint256 copay;
        uint256 coinsurance;
        uint256 outsidePlan;
        uint256 planPaid;
    }

    function split(
        uint256 allowed,
        CategoryTerms memory category,
        Adjudication.Plan memory plan,
        Adjudication.Met memory met
    ) external pure returns (Shares memory shares, Adjudication.Met memory metAfter) {
        (uint256 amounts, uint256 parts) = Adjudication.split(allowed, CategorySlot.pack(category), plan, met);
        assert(PackedClaim.allowed(amounts) == allowed && amounts >> 192 == 0 && uint64(parts) == 0);
        shares = Shares({
            deductible: PackedClaim.deductible(amounts),
            copay: PackedClaim.copay(amounts),
            coinsurance: PackedClaim.coinsurance(parts),
            outsidePlan: PackedClaim.outsidePlan(parts),
            planPaid: PackedClaim.planPaid(parts)
        });
        metAfter = met;
        Adjudication.add(metAfter, amounts, parts);
    }

    function yearOf(uint256 timestamp) external pure returns (uint16) {
        return Calendar.yearOf(timestamp);
    }

    function recoverSigner(bytes32 digest, bytes calldata signatures, uint256 start) external view returns (address) {
        return QuorumSignatures.recover(digest, signatures, start);
    }
}
