// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice EIP-712 struct hashes of everything chainbill has signed.
/// `chainbill.attestation.typed_data` is the twin; shared vectors prove that the two agree.
library TypedData {
    /// @notice What a provider signs for one event.
    /// @param billedAmount for all units, in the token's smallest unit; 0 means the fee schedule's amount
    /// @param sequence the provider's own number of this attestation, spent at most once
    struct ServiceAttestation {
        uint32 providerId;
        uint32 payerId;
        address patient;
        bytes32 commitment;
        bytes8 serviceId;
        uint16 units;
        uint64 billedAmount;
        uint16 benefitYear;
        uint64 sequence;
    }

    /// @notice What a provider signs for many events at once, in place of an attestation of each.
    /// @param sequenceBase what the rows' sequences count from
    /// @param rows whole groups of rows, as a section of a batch has them
    struct ServiceBundle {
        uint32 providerId;
        uint32 payerId;
        uint64 sequenceBase;
        bytes rows;
    }

    /// @notice What the oracle quorum signs for one batch, beside the packed sections.
    struct BatchHeader {
        uint32 epoch;
        uint64 signedAt;
        uint64 deadline;
        address operator; // gets the operator's fee; zero: nobody, and no fee is taken
    }

    /// @notice What the oracle quorum signs against sections that a provider has announced to settle without it. Where
    /// it did not, the digest of this is that of their batch.
    /// @param sectionsHash keccak256 of the sections
    struct SectionsObjection {
        uint32 providerId;
        bytes32 sectionsHash;
        uint40 announcedAt;
    }

    bytes32 internal constant SERVICE_ATTESTATION_TYPEHASH = keccak256(
        "ServiceAttestation(uint32 providerId,uint32 payerId,address patient,bytes32 commitment,bytes8 serviceId,uint16 units,uint64 billedAmount,uint16 benefitYear,uint64 sequence)"
    );

    bytes32 internal constant SERVICE_BUNDLE_TYPEHASH =
        keccak256("ServiceBundle(uint32 providerId,uint32 payerId,uint64 sequenceBase,bytes rows)");

    bytes32 internal constant SETTLEMENT_BATCH_TYPEHASH =
        keccak256("SettlementBatch(uint32 epoch,uint64 signedAt,uint64 deadline,address operator,bytes sections)");

    bytes32 internal constant SECTIONS_OBJECTION_TYPEHASH =
        keccak256("SectionsObjection(uint32 providerId,bytes32 sectionsHash,uint40 announcedAt)");

    function hash(ServiceAttestation memory attestation) internal pure returns (bytes32) {
        return keccak256(abi.encode(SERVICE_ATTESTATION_TYPEHASH, attestation));
    }

    function hash(SectionsObjection memory objection) internal pure returns (bytes32) {
        return keccak256(abi.encode(SECTIONS_OBJECTION_TYPEHASH, objection));
    }

    /// @param rowsHash keccak256 of the rows
    function hash(uint32 providerId, uint32 payerId, uint64 sequenceBase, bytes32 rowsHash)
        internal
        pure
        returns (bytes32 structHash)
    {
        bytes32 typeHash = SERVICE_BUNDLE_TYPEHASH;
        // keccak256(abi.encode(all five)), put together behind the free memory pointer, which stays.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            mstore(add(free, 32), and(providerId, 0xffffffff))
            mstore(add(free, 64), and(payerId, 0xffffffff))
            mstore(add(free, 96), and(sequenceBase, 0xffffffffffffffff))
            mstore(add(free, 128), rowsHash)
            structHash := keccak256(free, 160)
        }
    }

    function hash(BatchHeader calldata header, bytes calldata sections) internal pure returns (bytes32 structHash) {
        bytes32 typeHash = SETTLEMENT_BATCH_TYPEHASH;
        // keccak256(abi.encode(type hash, the four words of `header`, keccak256(sections))), put together behind
        // the free memory pointer, which stays: a third of the gas. A word of `header` that is more than its type
        // allows makes a digest that nobody has signed.
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, sections.offset, sections.length)
            let sectionsHash := keccak256(free, sections.length)
            mstore(free, typeHash)
            calldatacopy(add(free, 32), header, 128)
            mstore(add(free, 160), sectionsHash)
            structHash := keccak256(free, 192)
        }
    }
}
