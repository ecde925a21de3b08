// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Reads the packed sections of a batch, big-endian.
///
///   section: 24-byte header, then `groupCount` groups
///     bytes 0..3   providerId
///     bytes 4..7   payerId
///     bytes 8..9   planId
///     bytes 10..11 termsVersion
///     bytes 12..19 sequenceBase
///     bytes 20..21 groupCount, at least 1
///     bytes 22..23 rowCount, the sum over the groups
///   group: 21-byte header, then `count` rows of one patient
///     bytes 0..19  patient, strictly ascending within the section
///     byte  20     count, at least 1
///   row: 54 bytes
///     bytes 0..31  commitment
///     bytes 32..39 serviceId
///     bytes 40..41 units
///     bytes 42..49 billed
///     bytes 50..51 benefitYear
///     bytes 52..53 sequence offset from sequenceBase
library BatchCodec {
    uint256 internal constant SECTION_BYTES = 24;
    uint256 internal constant GROUP_BYTES = 21;
    uint256 internal constant ROW_BYTES = 54;

    struct Section {
        uint32 providerId;
        uint32 payerId;
        uint16 planId;
        uint16 termsVersion;
        uint64 sequenceBase;
        uint16 groupCount;
        uint16 rowCount;
    }

    struct Row {
        bytes32 commitment;
        bytes8 serviceId;
        uint16 units;
        uint64 billed;
        uint16 benefitYear;
        uint64 sequence;
    }

    /// @notice The packed sections do not follow the layout above.
    /// @param offset the byte at which reading stopped
    error MalformedBatch(uint256 offset);
    /// @notice Payers must not descend from section to section.
    error SectionsUnsorted(uint32 previousPayerId, uint32 payerId);
    /// @notice Patients must ascend strictly within a section.
    error PatientsUnsorted(address previous, address patient);
    /// @notice A sequence number does not fit 64 bits.
    error SequenceOverflow(uint64 base, uint16 offset);

    /// @notice Where the section that begins at `offset` ends.
    function sectionEnd(bytes calldata sections, uint256 offset) internal pure returns (uint256 end) {
        if (offset + SECTION_BYTES > sections.length) revert MalformedBatch(offset);
        Section memory header = readSection(sections, offset);
        if (header.groupCount == 0 || header.rowCount < header.groupCount) revert MalformedBatch(offset);
        end = offset + SECTION_BYTES + uint256(header.groupCount) * GROUP_BYTES + uint256(header.rowCount) * ROW_BYTES;
        if (end > sections.length) revert MalformedBatch(offset);
    }

    /// @notice The run of neighbouring sections that name one payer.
    function payerRun(bytes calldata sections, uint256 offset) internal pure returns (uint32 payerId, uint256 end) {
        end = sectionEnd(sections, offset);
        payerId = readPayerId(sections, offset);
        while (end < sections.length) {
            uint256 nextEnd = sectionEnd(sections, end);
            uint32 next = readPayerId(sections, end);
            if (next < payerId) revert SectionsUnsorted(payerId, next);
            if (next != payerId) break;
            end = nextEnd;
        }
    }

    function readPayerId(bytes calldata sections, uint256 offset) internal pure returns (uint32) {
        return uint32(bytes4(sections[offset + 4:offset + 8]));
    }

    function readSection(bytes calldata sections, uint256 offset) internal pure returns (Section memory section) {
        uint256 word = uint256(bytes32(bytes24(sections[offset:offset + SECTION_BYTES])));
        section.providerId = uint32(word >> 224);
        section.payerId = uint32(word >> 192);
        section.planId = uint16(word >> 176);
        section.termsVersion = uint16(word >> 160);
        section.sequenceBase = uint64(word >> 96);
        section.groupCount = uint16(word >> 80);
        section.rowCount = uint16(word >> 64);
    }

    /// @notice The patients of a section and how many rows each has; checks their order and the counts.
    function readGroups(bytes calldata section, Section memory header)
        internal
        pure
        returns (address[] memory patients, uint256[] memory counts)
    {
        patients = new address[](header.groupCount);
        counts = new uint256[](header.groupCount);
        uint256 offset = SECTION_BYTES;
        uint256 rowsLeft = header.rowCount;
        address previous;
        for (uint256 i; i < patients.length; ++i) {
            (address patient, uint256 count) = readGroup(section, offset);
            if (patient <= previous) revert PatientsUnsorted(previous, patient);
            if (count == 0 || count > rowsLeft) revert MalformedBatch(offset);
            (patients[i], counts[i], previous) = (patient, count, patient);
            rowsLeft -= count;
            offset += GROUP_BYTES + count * ROW_BYTES;
        }
        if (rowsLeft != 0) revert MalformedBatch(offset);
    }

    function readGroup(bytes calldata section, uint256 offset) internal pure returns (address patient, uint256 count) {
        if (offset + GROUP_BYTES > section.length) revert MalformedBatch(offset);
        patient = address(bytes20(section[offset:offset + 20]));
        count = uint8(section[offset + 20]);
    }

    function readRow(bytes calldata section, uint256 offset, uint64 sequenceBase)
        internal
        pure
        returns (Row memory row)
    {
        row.commitment = bytes32(section[offset:offset + 32]);
        uint256 word = uint256(bytes32(bytes22(section[offset + 32:offset + ROW_BYTES])));
        row.serviceId = bytes8(bytes32(word));
        row.units = uint16(word >> 176);
        row.billed = uint64(word >> 112);
        row.benefitYear = uint16(word >> 96);
        uint16 sequenceOffset = uint16(word >> 80);
        if (sequenceBase > type(uint64).max - sequenceOffset) revert SequenceOverflow(sequenceBase, sequenceOffset);
        row.sequence = sequenceBase + sequenceOffset;
    }
}
