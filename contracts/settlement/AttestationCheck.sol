// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {SettlementState} from "./SettlementState.sol";
import {BatchCodec} from "../codec/BatchCodec.sol";
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

    /// Where the reading of a section stands.
    struct Attested {
        uint256 at; // where in calldata the next row is, or the next group where `rows` is 0
        uint256 rows; // that are left of the group at hand
        uint256 patient; // of that group
        uint256 row; // the number of rows before `at`
        uint256 next; // where in calldata the next attestation is
        uint256 header; // of the section
        uint256 signedAt; // of the batch
        address known; // an attester whose signatures count
    }

    /// @return refused a bit per row, 1: it stands under no signature that counts; empty where there is no such row
    function _checkAttestations(bytes calldata section, uint256 signedAt) internal view returns (bytes memory refused) {
        Attested memory here;
        here.header = BatchCodec.header(section, 0);
        here.signedAt = signedAt;
        uint256 place = BatchCodec.place(section);
        (uint256 rows, uint256 groupsEnd, uint256 end) = (BatchCodec.rowCount(here.header), 0, 0);
        unchecked {
            // places in calldata
            here.at = place + BatchCodec.headerBytes(here.header);
            groupsEnd = place + BatchCodec.groupsEnd(here.header);
            here.next = place + BatchCodec.attestationsAt(here.header);
            end = place + section.length;
        }
        while (here.row < rows) {
            if (here.next >= end) revert BatchCodec.MalformedBatch(here.next - place);
            uint256 first = here.row;
            uint256 span = BatchCodec.load(here.next) >> 240;
            here.next += 2;
            bytes32 digest = _hashTypedDataV4(span & ~BY_CONTRACT == 0 ? _oneRow(here) : _groups(here, span, groupsEnd));
            bool counts = span & BY_CONTRACT == 0 ? _isSigned(here, digest) : _isAnswered(here, digest, end);
            if (counts) continue;
            if (refused.length == 0) refused = WordArray.zeros((rows + 255 >> 8) << 5);
            for (; first < here.row; ++first) {
                WordArray.set(refused, first >> 8, WordArray.get(refused, first >> 8) | 1 << (first & 0xff));
            }
        }
        if (here.next != end) revert BatchCodec.MalformedBatch(here.next - place);
    }

    /// Goes past one row, and gives the hash of what its provider signs.
    function _oneRow(Attested memory here) private pure returns (bytes32) {
        if (here.rows == 0) _openGroup(here);
        (bytes32 commitment, uint256 row) = (bytes32(BatchCodec.load(here.at)), BatchCodec.load(here.at + 32));
        uint256 header = here.header;
        unchecked {
            // Counts and places within a section that was checked.
            here.at += BatchCodec.ROW_BYTES;
            --here.rows;
            ++here.row;
        }
        return TypedData.hash(
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
        );
    }

    /// Goes past whole groups, and gives the hash of what their provider signs.
    function _groups(Attested memory here, uint256 span, uint256 groupsEnd) private pure returns (bytes32) {
        (uint256 from, uint256 header) = (here.at, here.header);
        if (here.rows != 0) revert BatchCodec.MalformedBatch(here.row);
        span &= ~BY_CONTRACT;
        if (here.row == 0 && span == BatchCodec.groupCount(header)) {
            (here.at, here.row, span) = (groupsEnd, BatchCodec.rowCount(header), 0); // all of them, in one step
        }
        for (; span != 0; --span) {
            if (here.at >= groupsEnd) revert BatchCodec.MalformedBatch(here.row);
            uint256 count = uint8(BatchCodec.load(here.at) >> 88);
            unchecked {
                // Counts and places within a section that was checked.
                here.at += BatchCodec.GROUP_BYTES + count * BatchCodec.ROW_BYTES;
                here.row += count;
            }
        }
        return TypedData.hash(
            BatchCodec.providerId(header),
            BatchCodec.payerId(header),
            BatchCodec.sequenceBase(header),
            BatchCodec.hashOf(from, here.at)
        );
    }

    function _openGroup(Attested memory here) private pure {
        uint256 group = BatchCodec.load(here.at);
        (here.patient, here.rows) = (group >> 96, uint8(group >> 88));
        here.at += BatchCodec.GROUP_BYTES;
    }

    /// Takes a key's signature, and says whether it counts.
    function _isSigned(Attested memory here, bytes32 digest) private view returns (bool) {
        (bytes32 r, bytes32 vs) = (bytes32(BatchCodec.load(here.next)), bytes32(BatchCodec.load(here.next + 32)));
        here.next += 64;
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, r, vs);
        return failure == ECDSA.RecoverError.NoError && _stands(here, signer);
    }

    /// Takes a contract's signature, and says whether it counts. The contract is asked after it is known to be an
    /// attester, with so much gas that what it answers is its own doing.
    function _isAnswered(Attested memory here, bytes32 digest, uint256 end) private view returns (bool) {
        uint256 word = BatchCodec.load(here.next);
        (address attester, uint256 size, uint256 from) = (address(uint160(word >> 96)), uint16(word >> 80), here.next + 22);
        here.next = from + size;
        if (here.next > end) revert BatchCodec.MalformedBatch(here.row);
        if (!_stands(here, attester)) return false;
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

    /// Was this the provider's attester when the batch was signed, and is it still?
    function _stands(Attested memory here, address attester) private view returns (bool) {
        if (attester == here.known) return true;
        uint40 since = registry.attesterSince(BatchCodec.providerId(here.header), attester);
        if (since == 0 || since > here.signedAt) return false;
        here.known = attester;
        return true;
    }
}
