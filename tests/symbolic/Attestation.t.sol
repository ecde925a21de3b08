// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TypedData} from "../../contracts/codec/TypedData.sol";
import {OpenSettlement} from "./OpenSettlement.sol";

/// @notice A registry in any state.
contract AnyRegistry {
    mapping(uint32 providerId => mapping(address attester => uint40)) public attesterSince;

    function payoutAddress(uint32) external pure returns (address) {
        return address(1);
    }

    function providerCount() external pure returns (uint32) {
        return type(uint32).max;
    }
}

/// @notice A row that settles was signed: whom the signature is of, over exactly the words that the row says, was an
/// attester of its provider when the batch was signed and is one now. And where that is so, it settles.
///
/// Bounds: one row, in a section that settles under a good signature. The signature is any 64 bytes, and who attests
/// since when is any; whom a signature is of (`ecrecover`) is any function of the digest and the signature. The
/// words are hashed here anew, from the text of EIP-712.
contract AttestationTest is OpenSettlement {
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    AnyRegistry private _registry;

    function _openRegistry() internal override returns (address) {
        _registry = new AnyRegistry();
        svm.enableSymbolicStorage(address(_registry));
        return address(_registry);
    }

    function check_settle__one_row__exactly_under_a_standing_attesters_signature(
        bytes32 commitment,
        bytes32 r,
        bytes32 vs
    ) external {
        bytes memory row = _row(commitment, WITH_COPAY, BILLED);
        _check(row, ONE_ROW, _rowDigest(commitment, WITH_COPAY, BILLED), r, vs);
    }

    function check_settle__group__exactly_under_a_standing_attesters_signature(
        bytes32 commitment,
        bytes32 r,
        bytes32 vs
    ) external {
        bytes memory row = _row(commitment, WITH_COPAY, BILLED);
        _check(row, ONE_GROUP, _groupDigest(row), r, vs);
    }

    function _check(bytes memory row, uint16 span, bytes32 digest, bytes32 r, bytes32 vs) private {
        _begin(Start(BILLED, PLENTY, PLENTY, PLENTY, 0));
        (TypedData.BatchHeader memory header, bytes memory sections) = _batch(row, span, r, vs);

        (uint32 settled, uint32 denied, uint32 pended, uint32 skipped) = _submit(header, sections);

        assert(settled + pended == 1 && denied == 0 && skipped == 0);
        assert((settled == 1) == _isSigned(digest, r, vs));
        assert(_settlement.isSpent(PROVIDER, SEQUENCE) == (settled == 1));
    }

    /// Is this, in the compact form, a signature of somebody who attests since before the batch was signed?
    function _isSigned(bytes32 digest, bytes32 r, bytes32 vs) private view returns (bool) {
        uint256 s = uint256(vs) & type(uint256).max >> 1;
        address signer = ecrecover(digest, uint8(27 + (uint256(vs) >> 255)), r, bytes32(s));
        uint40 since = _registry.attesterSince(PROVIDER, signer);
        return s <= HALF_ORDER && signer != address(0) && since != 0 && since <= SIGNED;
    }
}
