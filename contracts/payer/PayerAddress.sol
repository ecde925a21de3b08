// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";

/// @notice Where the payer contract of an id stands, or will stand: by CREATE2 (EIP-1014) with the id as
/// salt. Nothing is read, so an id costs a hash instead of a look-up; an id that was never given out leads
/// to an address without code.
library PayerAddress {
    /// @param factory the InsurerPayerFactory that makes the payers
    /// @param codeHash the factory's `payerCodeHash`
    function derive(address factory, uint256 payerId, bytes32 codeHash) internal pure returns (address) {
        return Create2.computeAddress(salt(payerId), codeHash, factory);
    }

    function salt(uint256 payerId) internal pure returns (bytes32) {
        return bytes32(payerId);
    }
}
