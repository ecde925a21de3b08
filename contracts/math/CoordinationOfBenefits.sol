// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {PackedClaim} from "../codec/PackedClaim.sol";
import {CobMode} from "../types/Terms.sol";

/// @notice What a secondary payer makes of its price beside the primary's: the same as
/// `chainbill.billing.coordination` in Python. Words as in PackedClaim.
library CoordinationOfBenefits {
    /// @notice What the secondary pays: its benefit as if alone, or what that exceeds the primary's payment by, at
    /// most what is left to the patient.
    function paid(uint256 amounts, uint256 shares, uint256 secondaryShares, CobMode mode)
        internal
        pure
        returns (uint256 amount)
    {
        uint256 planPaid = PackedClaim.planPaid(shares);
        amount = PackedClaim.planPaid(secondaryShares);
        if (mode == CobMode.CarveOut) amount = amount > planPaid ? amount - planPaid : 0;
        uint256 rest = PackedClaim.allowed(amounts) - planPaid;
        if (amount > rest) amount = rest;
    }

    /// @notice Its price as if it were alone: deductible, out of pocket and plan paid, as `secondary` has them.
    function asIfAlone(uint256 amounts, uint256 shares) internal pure returns (uint256) {
        uint256 outOfPocket = PackedClaim.outOfPocket(amounts, shares);
        return PackedClaim.four(PackedClaim.deductible(amounts), outOfPocket, PackedClaim.planPaid(shares), 0);
    }
}
