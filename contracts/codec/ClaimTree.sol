// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {WordArray} from "./WordArray.sol";

/// @notice The Merkle tree over a batch's settled claims: pairs are hashed sorted, an odd node is promoted.
/// A leaf is the hash of a hash, so that no node, which is the hash of 64 bytes, can pass for one.
library ClaimTree {
    /// @notice The root over leaves of 32 bytes each; 0 where there is none. Overwrites the leaves.
    function root(bytes memory leaves) internal pure returns (bytes32) {
        uint256 count = leaves.length >> 5;
        if (count == 0) return 0;
        while (count > 1) {
            uint256 pairs = count >> 1;
            _hashPairs(leaves, pairs);
            if (count & 1 != 0) WordArray.set(leaves, pairs, WordArray.get(leaves, count - 1));
            count = (count + 1) >> 1;
        }
        return bytes32(WordArray.get(leaves, 0));
    }

    /// Puts the hash of words 2i and 2i + 1, the smaller one first, where word i stood. The same as
    /// OpenZeppelin's Hashes.commutativeKeccak256 in a loop, at half the gas: half of what a tree costs is this.
    function _hashPairs(bytes memory words, uint256 pairs) private pure {
        // `from` runs over pairs of words and `to` over the words that their hashes overwrite, which is never
        // ahead; the two words to be hashed go to scratch space (0x00 to 0x3f).
        assembly ("memory-safe") {
            let from := add(words, 32)
            let to := from
            for { let end := add(from, shl(6, pairs)) } lt(from, end) { from := add(from, 64) } {
                let left := mload(from)
                let right := mload(add(from, 32))
                let swapped := shl(5, gt(left, right))
                mstore(swapped, left)
                mstore(xor(swapped, 32), right)
                mstore(to, keccak256(0, 64))
                to := add(to, 32)
            }
        }
    }
}
