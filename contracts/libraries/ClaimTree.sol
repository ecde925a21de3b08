// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {Words} from "./Words.sol";

/// @notice The Merkle tree over a batch's settled claims: pairs are hashed sorted, an odd node is promoted.
/// A leaf is the hash of a hash, so that no node, which is the hash of 64 bytes, can pass for one.
library ClaimTree {
    /// @notice The root over leaves of 32 bytes each; 0 where there is none. Overwrites the leaves.
    function root(bytes memory leaves) internal pure returns (bytes32) {
        uint256 count = leaves.length >> 5;
        if (count == 0) return 0;
        unchecked {
            // Indices of a list in memory.
            while (count > 1) {
                uint256 pairs = count >> 1;
                for (uint256 i; i < pairs; ++i) {
                    bytes32 left = bytes32(Words.get(leaves, 2 * i));
                    bytes32 right = bytes32(Words.get(leaves, 2 * i + 1));
                    Words.set(leaves, i, uint256(Hashes.commutativeKeccak256(left, right)));
                }
                if (count & 1 != 0) Words.set(leaves, pairs, Words.get(leaves, count - 1));
                count = (count + 1) >> 1;
            }
        }
        return bytes32(Words.get(leaves, 0));
    }
}
