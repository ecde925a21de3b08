// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {SettlementState} from "./SettlementState.sol";
import {BatchCodec} from "../codec/BatchCodec.sol";
import {Signer} from "../codec/Signer.sol";
import {TypedData} from "../codec/TypedData.sol";
import {WordArray} from "../codec/WordArray.sol";

/// @notice The part of ClaimSettlement that checks what a provider has signed. Every row of a section stands under one
/// of the section's attestations, in order: a signature under one row (TypedData.ServiceAttestation), or under
/// neighbouring whole groups of rows (TypedData.ServiceBundle). It counts if it is of a key that was the
/// provider's attester when the quorum signed the batch and still is.
abstract contract AttestationCheck is SettlementState {
    /// The most gas that a contract gets to answer for a signature (ERC-1271), and what must be at hand before.
    uint256 internal constant ANSWER_GAS = 300_000;

    /// An attestation's span: this bit says that a contract answers; of the others 0 means one row.
    uint256 private constant BY_CONTRACT = 1 << 15;

    /// How long one attestation of a key is.
    uint256 private constant ONE_BUNDLE = BatchCodec.SPAN_BYTES + BatchCodec.COMPACT_BYTES;

    /// Where the reading of a section stands.
    struct Attested {
        uint256 at; // where in calldata the next row is, or the next group where `rows` is 0
        uint256 rows; // that are left of the group at hand
        uint256 patient; // of that group
        uint256 row; // the number of rows before `at`
        uint256 next; // where in calldata the next attestation is
        uint256 header; // of the section
        uint256 place; // where in calldata the section begins
        uint256 signedAt; // of the batch
    }

    /// @return refused a bit per row, 1: it stands under no signature that counts; empty where there is no such row
    function _checkAttestations(bytes calldata section, uint256 signedAt) internal view returns (bytes memory refused) {
        (uint256 header, uint256 at) = (BatchCodec.header(section, 0), BatchCodec.place(section));
        uint256 attestation;
        unchecked {
            // A place in calldata: a section is longer.
            attestation = at + section.length - ONE_BUNDLE;
        }
        if (!_isOneBundle(header, attestation)) return _checkEach(section, signedAt);
        if (!_countsForAll(header, at, attestation, signedAt)) refused = WordArray.ones(BatchCodec.rowCount(header));
    }

    // ---- one key's signature under a whole section --------------------------------------------------

    /// Is all that a section is attested by one signature of a key, under all of its groups? `_checkEach` would find the
    /// same of it, at three times the gas.
    /// @param attestation where in calldata it would begin
    function _isOneBundle(uint256 header, uint256 attestation) private pure returns (bool) {
        return BatchCodec.attestationBytes(header) == ONE_BUNDLE
            && BatchCodec.load(attestation) >> 240 == BatchCodec.groupCount(header);
    }

    /// @param at where in calldata the section begins
    /// @param attestation where in calldata it begins
    function _countsForAll(uint256 header, uint256 at, uint256 attestation, uint256 signedAt)
        private
        view
        returns (bool)
    {
        bytes32 rowsHash;
        uint256 signature;
        unchecked {
            // places in calldata
            rowsHash = BatchCodec.hashOf(at + BatchCodec.headerBytes(header), at + BatchCodec.groupsEnd(header));
            signature = attestation + BatchCodec.SPAN_BYTES;
        }
        address signer = _signerOf(_bundleDigest(header, rowsHash), signature);
        return _stands(BatchCodec.providerId(header), signer, signedAt);
    }

    // ---- any attestations ---------------------------------------------------------------------------

    function _checkEach(bytes calldata section, uint256 signedAt) private view returns (bytes memory refused) {
        Attested memory here;
        here.header = BatchCodec.header(section, 0);
        here.signedAt = signedAt;
        here.place = BatchCodec.place(section);
        (uint256 rows, uint256 groupsEnd, uint256 end) = (BatchCodec.rowCount(here.header), 0, 0);
        unchecked {
            // places in calldata
            here.at = here.place + BatchCodec.headerBytes(here.header);
            groupsEnd = here.place + BatchCodec.groupsEnd(here.header);
            here.next = here.place + BatchCodec.attestationsAt(here.header);
            end = here.place + section.length;
        }
        while (here.row < rows) {
            if (here.next >= end) _malformed(here, here.next);
            uint256 first = here.row;
            uint256 span = BatchCodec.load(here.next) >> 240;
            here.next += BatchCodec.SPAN_BYTES;
            bytes32 digest = span & ~BY_CONTRACT == 0 ? _oneRow(here) : _someGroups(here, span, groupsEnd);
            bool counts = span & BY_CONTRACT == 0 ? _isSigned(here, digest) : _isAnswered(here, digest, end);
            if (counts) continue;
            if (refused.length == 0) refused = WordArray.bits(rows);
            for (; first < here.row; ++first) {
                WordArray.setBit(refused, first);
            }
        }
        if (here.next != end) _malformed(here, here.next);
    }

    /// Goes past one row, and gives the digest that its provider signs.
    function _oneRow(Attested memory here) private view returns (bytes32) {
        if (here.rows == 0) _openGroup(here);
        (bytes32 commitment, uint256 row) = (bytes32(BatchCodec.load(here.at)), BatchCodec.load(here.at + 32));
        uint256 header = here.header;
        unchecked {
            // Counts and places within a section that was checked.
            here.at += BatchCodec.ROW_BYTES;
            --here.rows;
            ++here.row;
        }
        return _hashTypedDataV4(
            TypedData.hash(
                TypedData.ServiceAttestation({
                    providerId: BatchCodec.providerId(header),
                    payerId: BatchCodec.payerId(header),
                    patient: address(uint160(here.patient)),
                    commitment: commitment,
                    serviceId: BatchCodec.serviceId(row),
                    units: BatchCodec.units(row),
                    billedAmount: BatchCodec.billed(row),
                    benefitYear: BatchCodec.benefitYear(row),
                    sequence: uint64(BatchCodec.sequence(header, row))
                })
            )
        );
    }

    /// Goes past whole groups, and gives the digest that their provider signs.
    function _someGroups(Attested memory here, uint256 span, uint256 groupsEnd) private view returns (bytes32) {
        uint256 from = here.at;
        if (here.rows != 0) _malformed(here, from);
        for (span &= ~BY_CONTRACT; span != 0; --span) {
            if (here.at >= groupsEnd) _malformed(here, here.at);
            uint256 count = uint8(BatchCodec.load(here.at) >> 88);
            unchecked {
                // Counts and places within a section that was checked.
                here.at += BatchCodec.GROUP_BYTES + count * BatchCodec.ROW_BYTES;
                here.row += count;
            }
        }
        return _bundleDigest(here.header, BatchCodec.hashOf(from, here.at));
    }

    function _malformed(Attested memory here, uint256 at) private pure {
        revert BatchCodec.MalformedBatch(at - here.place);
    }

    function _openGroup(Attested memory here) private pure {
        uint256 group = BatchCodec.load(here.at);
        (here.patient, here.rows) = (group >> 96, uint8(group >> 88));
        here.at += BatchCodec.GROUP_BYTES;
    }

    /// Takes a key's signature, and says whether it counts.
    function _isSigned(Attested memory here, bytes32 digest) private view returns (bool) {
        address signer = _signerOf(digest, here.next);
        here.next += BatchCodec.COMPACT_BYTES;
        return _stands(BatchCodec.providerId(here.header), signer, here.signedAt);
    }

    /// Takes a contract's signature, and says whether it counts. The contract is asked after it is known to be an
    /// attester, with so much gas that what it answers is its own doing.
    function _isAnswered(Attested memory here, bytes32 digest, uint256 end) private view returns (bool) {
        uint256 word = BatchCodec.load(here.next);
        (address attester, uint256 size, uint256 from) = (address(uint160(word >> 96)), uint16(word >> 80), here.next + 22);
        here.next = from + size;
        if (here.next > end) _malformed(here, from);
        if (!_stands(BatchCodec.providerId(here.header), attester, here.signedAt)) return false;
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, BatchCodec.copy(from, size)));
        if (gasleft() < ANSWER_GAS + ANSWER_GAS / 32) revert InsufficientGas(gasleft(), ANSWER_GAS + ANSWER_GAS / 32);
        bool answered;
        // One word of the answer goes to scratch space; more is not looked at.
        assembly ("memory-safe") {
            mstore(0, 0)
            answered := staticcall(ANSWER_GAS, attester, add(question, 32), mload(question), 0, 32)
            answered := and(answered, gt(returndatasize(), 31))
            answered := and(answered, eq(mload(0), shl(224, 0x1626ba7e)))
        }
        return answered;
    }

    // ---- signatures ---------------------------------------------------------------------------------

    function _bundleDigest(uint256 header, bytes32 rowsHash) private view returns (bytes32) {
        return _hashTypedDataV4(
            TypedData.hash(
                BatchCodec.providerId(header), BatchCodec.payerId(header), BatchCodec.sequenceBase(header), rowsHash
            )
        );
    }

    /// Whose signature stands at a place in calldata; zero: nobody's.
    function _signerOf(bytes32 digest, uint256 at) private view returns (address) {
        unchecked {
            // a place in calldata; v is 27 or 28
            uint256 s = BatchCodec.load(at + 32);
            return Signer.recover(digest, 27 + (s >> 255), BatchCodec.load(at), s << 1 >> 1);
        }
    }

    /// Was this an attester of the provider when the batch was signed, and is it still? Zero never is one.
    function _stands(uint32 providerId, address attester, uint256 signedAt) private view returns (bool) {
        uint256 since = _attesterSince[providerId][attester];
        return since != 0 && since <= signedAt;
    }
}
