// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Calendar years of block times.
library Calendar {
    /// @notice The Gregorian year (UTC) of a time in seconds since 1970.
    /// Days are counted from 1 March of year 0, so that the leap day ends a year (Hinnant, `civil_from_days`).
    function yearOf(uint256 timestamp) internal pure returns (uint16) {
        unchecked {
            // Nothing here exceeds 2^256, and each difference is of a part from its whole.
            uint256 day = timestamp / 1 days + 719_468;
            uint256 era = day / 146_097;
            uint256 dayOfEra = day - era * 146_097;
            uint256 yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
            uint256 dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
            // The year that began in March runs on through January and February of the next.
            return uint16(yearOfEra + era * 400 + (dayOfYear >= 306 ? 1 : 0));
        }
    }
}
