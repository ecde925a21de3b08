// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TypedData} from "../../contracts/codec/TypedData.sol";
import {OpenSettlement} from "./OpenSettlement.sol";

/// @notice A row that settles was signed: whom the signature is of, over exactly the words that the row says, was an
/// attester of its provider when the batch was signed and is one now. And where that is so, it settles.
///
/// Bounds: one row, in a section that settles under a good signature, and one attester: any key, added at any time,
/// revoked or not. The signature is any 64 bytes; whom it is of (`ecrecover`) is any function of digest and signature.
/// The words are hashed here anew, from the text of EIP-712.
contract AttestationTest is OpenSettlement {
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// A key that attests for the provider: any, since any time, and perhaps no more.
    struct Attester {
        address key;
        uint40 since;
        bool revoked;
    }

    function check_settle__one_row__exactly_under_a_standing_attesters_signature(
        bytes32 commitment,
        bytes32 r,
        bytes32 vs,
        Attester calldata attester
    ) external {
        bytes memory row = _row(commitment, WITH_COPAY, BILLED);
        _check(row, ONE_ROW, _rowDigest(commitment, WITH_COPAY, BILLED), r, vs, attester);
    }

    function check_settle__group__exactly_under_a_standing_attesters_signature(
        bytes32 commitment,
        bytes32 r,
        bytes32 vs,
        Attester calldata attester
    ) external {
        bytes memory row = _row(commitment, WITH_COPAY, BILLED);
        _check(row, ONE_GROUP, _groupDigest(row), r, vs, attester);
    }

    function _check(
        bytes memory row,
        uint16 span,
        bytes32 digest,
        bytes32 r,
        bytes32 vs,
        Attester memory attester
    ) private {
        _note(attester);
        _begin(Start(BILLED, PLENTY, PLENTY, PLENTY, 0));
        (TypedData.BatchHeader memory header, bytes memory sections) = _batch(row, span, r, vs);

        (uint32 settled, uint32 denied, uint32 pended, uint32 skipped) = _submit(header, sections);

        assert(settled + pended == 1 && denied == 0 && skipped == 0);
        assert((settled == 1) == _isSigned(digest, r, vs, attester));
        assert(_admin.isSpent(PROVIDER, SEQUENCE) == (settled == 1));
    }

    /// The registry names no key before 1970, and not the zero address.
    function _note(Attester memory attester) private {
        assume(attester.key != address(0) && attester.since != 0);
        vm.warp(attester.since);
        _noteAttester(attester.key, true);
        if (attester.revoked) _noteAttester(attester.key, false);
    }

    /// Is this, in the compact form, a signature of the attester's, who attests since before the batch was signed?
    function _isSigned(bytes32 digest, bytes32 r, bytes32 vs, Attester memory attester) private pure returns (bool) {
        uint256 s = uint256(vs) & type(uint256).max >> 1;
        address signer = ecrecover(digest, uint8(27 + (uint256(vs) >> 255)), r, bytes32(s));
        return s <= HALF_ORDER && signer == attester.key && !attester.revoked && attester.since <= SIGNED;
    }
}
