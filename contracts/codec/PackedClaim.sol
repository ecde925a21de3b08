// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CostSharing, Outcome, Reason, outcomeOf} from "../types/Outcomes.sol";

/// @notice One row of a batch as it is logged and committed to, in packed words (high bits first).
///
///   parties    providerId u32 | payerId u32 | planId u16 | termsVersion u16 | secondaryPayerId u32 |
///              secondaryPlanId u16 | secondaryTermsVersion u16 | secondaryServiceId bytes8 | 0 u24 | reason u8
///   amounts    billed u64 | allowed u64 | deductible u64 | copay u64
///   shares     coinsurance u64 | outsidePlan u64 | planPaid u64 | secondaryPaid u64
///   service    serviceId bytes8 | units u16 | benefitYear u16 | sequence u64 | fee u64 | flags u8 | 0 u24
///   secondary  as if it were the only payer: deductible u64 | out of pocket u64 | plan paid u64 | 0 u64;
///              0 where no secondary payer took part
///
/// `fee` is the operator's, taken from the provider's credit. Flags: 1 billed 0 was attested, which means the
/// fee schedule's amount; 2 the (primary) payer counted the units against a yearly limit; 4 the secondary
/// payer did. A row that did not settle has only `billed` in its amounts.
library PackedClaim {
    struct Claim {
        uint256 parties;
        uint256 amounts;
        uint256 shares;
        uint256 service;
        uint256 secondary;
    }

    function four(uint256 a, uint256 b, uint256 c, uint256 d) internal pure returns (uint256) {
        return a << 192 | b << 128 | c << 64 | d;
    }

    // ---- parties ----------------------------------------------------------------------------------

    function providerId(uint256 parties) internal pure returns (uint32) {
        return uint32(parties >> 224);
    }

    function payerId(uint256 parties) internal pure returns (uint32) {
        return uint32(parties >> 192);
    }

    function secondaryPayerId(uint256 parties) internal pure returns (uint32) {
        return uint32(parties >> 128);
    }

    function secondaryServiceId(uint256 parties) internal pure returns (bytes8) {
        return bytes8(uint64(parties >> 32));
    }

    function reasonOf(uint256 parties) internal pure returns (Reason) {
        return Reason(uint8(parties));
    }

    // ---- amounts and shares -----------------------------------------------------------------------

    function billed(uint256 amounts) internal pure returns (uint256) {
        return amounts >> 192;
    }

    function allowed(uint256 amounts) internal pure returns (uint256) {
        return uint64(amounts >> 128);
    }

    function deductible(uint256 amounts) internal pure returns (uint256) {
        return uint64(amounts >> 64);
    }

    function copay(uint256 amounts) internal pure returns (uint256) {
        return uint64(amounts);
    }

    function coinsurance(uint256 shares) internal pure returns (uint256) {
        return shares >> 192;
    }

    function outsidePlan(uint256 shares) internal pure returns (uint256) {
        return uint64(shares >> 128);
    }

    function planPaid(uint256 shares) internal pure returns (uint256) {
        return uint64(shares >> 64);
    }

    function secondaryPaid(uint256 shares) internal pure returns (uint256) {
        return uint64(shares);
    }

    /// @notice What the patient pays.
    function responsibility(uint256 amounts, uint256 shares) internal pure returns (uint256) {
        unchecked {
            // parts of one 64-bit allowed amount
            return allowed(amounts) - planPaid(shares) - secondaryPaid(shares);
        }
    }

    /// @notice What counts towards the out-of-pocket maximum.
    function outOfPocket(uint256 amounts, uint256 shares) internal pure returns (uint256) {
        unchecked {
            // parts of one 64-bit allowed amount
            return deductible(amounts) + copay(amounts) + coinsurance(shares);
        }
    }

    // ---- service ----------------------------------------------------------------------------------

    function serviceId(uint256 service) internal pure returns (bytes8) {
        return bytes8(uint64(service >> 192));
    }

    function units(uint256 service) internal pure returns (uint256) {
        return uint16(service >> 176);
    }

    function benefitYear(uint256 service) internal pure returns (uint16) {
        return uint16(service >> 160);
    }

    function sequence(uint256 service) internal pure returns (uint64) {
        return uint64(service >> 96);
    }

    function fee(uint256 service) internal pure returns (uint256) {
        return uint64(service >> 32);
    }

    uint256 internal constant FEE_SHIFT = 32;
    uint256 internal constant BILLED_AS_FEE = 1 << 24;
    uint256 internal constant UNITS_COUNTED = 2 << 24;
    uint256 internal constant SECONDARY_UNITS_COUNTED = 4 << 24;

    // ---- secondary --------------------------------------------------------------------------------

    function asIfAloneDeductible(uint256 secondary) internal pure returns (uint256) {
        return secondary >> 192;
    }

    function asIfAloneOutOfPocket(uint256 secondary) internal pure returns (uint256) {
        return uint64(secondary >> 128);
    }

    function asIfAlonePlanPaid(uint256 secondary) internal pure returns (uint256) {
        return uint64(secondary >> 64);
    }

    // ---- a payer's answer -------------------------------------------------------------------------

    uint256 internal constant COUNTED = 1 << 8;

    /// @notice A payer answers each row with `amounts` and `shares`. One that does not settle has only
    /// `billed` in `amounts` and its reason in `shares`: no settled row looks so, for with nothing allowed
    /// there is nothing to share. `secondaryPaid`, which a payer does not know, is COUNTED where it has counted
    /// the units against a yearly limit.
    function reasonOf(uint256 amounts, uint256 shares) internal pure returns (uint256) {
        return allowed(amounts) != 0 ? 0 : uint8(shares);
    }
}
