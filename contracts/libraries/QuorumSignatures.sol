// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice Reads the joined signatures of a quorum: 65 bytes each (r, s, v).
library QuorumSignatures {
    uint256 internal constant SIGNATURE_BYTES = 65;

    /// @notice Who signed `digest` with the signature at `index`; zero where it is not a signature: high s,
    /// v other than 27 and 28, or nobody's.
    function recover(bytes32 digest, bytes calldata signatures, uint256 index) internal pure returns (address signer) {
        uint256 start = index * SIGNATURE_BYTES;
        bytes calldata signature = signatures[start:start + SIGNATURE_BYTES];
        (signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
    }
}
