// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Signer} from "../codec/Signer.sol";

/// @notice Reads the members of a quorum, 20 bytes each, and their joined signatures, 65 bytes each (r, s, v).
library QuorumSignatures {
    uint256 internal constant SIGNATURE_BYTES = 65;
    uint256 internal constant MEMBER_BYTES = 20;

    /// @notice The member at `index` of a list that begins `members`, which is long enough.
    function member(bytes calldata members, uint256 index) internal pure returns (address found) {
        // 20 bytes from 20 * index on.
        assembly ("memory-safe") {
            found := shr(96, calldataload(add(members.offset, mul(index, 20))))
        }
    }

    /// @notice keccak256 of the first `size` bytes of `members`, which is long enough.
    function hashOf(bytes calldata members, uint256 size) internal pure returns (bytes32 hash) {
        // Behind the free memory pointer, which stays.
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, members.offset, size)
            hash := keccak256(free, size)
        }
    }

    /// @notice Who signed `digest` with the signature that begins at byte `start` of `signatures`, which is long
    /// enough; zero where it is not a signature: high s, v other than 27 and 28, or nobody's.
    function recover(bytes32 digest, bytes calldata signatures, uint256 start) internal view returns (address) {
        (uint256 v, uint256 r, uint256 s) = (0, 0, 0);
        // r and s are whole words; v, one byte, is the last of the word that ends with it.
        assembly ("memory-safe") {
            let at := add(signatures.offset, start)
            r := calldataload(at)
            s := calldataload(add(at, 32))
            v := and(calldataload(add(at, 33)), 0xff)
        }
        return Signer.recover(digest, v, r, s);
    }
}
