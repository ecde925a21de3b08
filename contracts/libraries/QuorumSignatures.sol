// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

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

    /// @notice Who signed `digest` with the signature at `index`; zero where it is not a signature: high s,
    /// v other than 27 and 28, or nobody's.
    function recover(bytes32 digest, bytes calldata signatures, uint256 index) internal pure returns (address signer) {
        uint256 start = index * SIGNATURE_BYTES;
        bytes calldata signature = signatures[start:start + SIGNATURE_BYTES];
        (signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
    }
}
