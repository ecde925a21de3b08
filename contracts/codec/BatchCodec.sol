// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Reads the packed sections of a batch, big-endian.
///
///   section: 28-byte header (36 with a secondary payer), then `groupCount` groups, then what flags ask for, then
///   the attestations
///     bytes 0..3   providerId
///     bytes 4..7   payerId, 0: self-pay
///     bytes 8..9   planId
///     bytes 10..11 termsVersion
///     bytes 12..19 sequenceBase
///     bytes 20..21 groupCount, at least 1
///     bytes 22..23 rowCount, the sum over the groups
///     byte  24     flags: 1 a secondary payer follows, 2 rows are corrections
///     bytes 25..27 attestationBytes, of all attestations together
///     bytes 28..31 secondaryPayerId       } only with flag 1
///     bytes 32..33 secondaryPlanId        }
///     bytes 34..35 secondaryTermsVersion  }
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
///   behind the last group, of every row in turn
///     with flag 1: secondaryServiceId (8 bytes)
///     with flag 2: corrects: the id of the reversed claim that the row names (32 bytes)
///   attestation: a provider's signature under neighbouring rows; all rows stand under one, see AttestationCheck
///     bytes 0..1   span: how many groups, or 0: one row. 0x8000 more: a contract answers for them (ERC-1271)
///     then         r (32 bytes), and s with v - 27 as its highest bit (32 bytes), as in EIP-2098
///     or           the attester (20 bytes), the length of its signature (2 bytes), and that
///
/// A header and a group are one word each, read with one load and shifts; the first pass over a section
/// (SequenceBitmap) has made sure that all of it is there.
library BatchCodec {
    uint256 internal constant SECTION_BYTES = 28;
    uint256 internal constant SECONDARY_BYTES = 8;
    uint256 internal constant GROUP_BYTES = 21;
    uint256 internal constant ROW_BYTES = 54;
    uint256 internal constant SECONDARY_SERVICE_BYTES = 8;
    uint256 internal constant CORRECTS_BYTES = 32;
    uint256 internal constant SPAN_BYTES = 2;
    uint256 internal constant COMPACT_BYTES = 64;

    uint256 internal constant HAS_SECONDARY = 1;
    uint256 internal constant IS_CORRECTION = 2;
    uint256 private constant KNOWN_FLAGS = HAS_SECONDARY | IS_CORRECTION;

    /// @notice The packed sections do not follow the layout above.
    /// @param offset the byte at which reading stopped
    error MalformedBatch(uint256 offset);
    /// @notice Payers, primary before secondary, must not descend from section to section.
    error SectionsUnsorted(uint256 previousPayers, uint256 payers);
    /// @notice Patients must ascend strictly within a section.
    error PatientsUnsorted(address previous, address patient);
    /// @notice A sequence number does not fit 64 bits.
    error SequenceOverflow(uint64 base, uint256 offset);

    // ---- sections ---------------------------------------------------------------------------------

    /// @notice The first 32 bytes of a section: all of its header but the end of a secondary payer's.
    function header(bytes calldata sections, uint256 offset) internal pure returns (uint256 word) {
        // One load in place of a checked slice; callers have checked that the bytes are there, and what is
        // read past the end of calldata is 0.
        assembly ("memory-safe") {
            word := calldataload(add(sections.offset, offset))
        }
    }

    /// @notice Where in calldata a section begins.
    function place(bytes calldata section) internal pure returns (uint256 at) {
        // Calldata is addressed from its first byte.
        assembly ("memory-safe") {
            at := section.offset
        }
    }

    /// @notice The word at a place in calldata; past its end there is 0.
    function load(uint256 at) internal pure returns (uint256 word) {
        // As `header`, for readers that keep the place.
        assembly ("memory-safe") {
            word := calldataload(at)
        }
    }

    /// @notice keccak256 of what stands between two places in calldata.
    function hashOf(uint256 from, uint256 end) internal pure returns (bytes32 hash) {
        // Behind the free memory pointer, which stays.
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, from, sub(end, from))
            hash := keccak256(free, sub(end, from))
        }
    }

    /// @notice So many bytes from a place in calldata on.
    function copy(uint256 from, uint256 size) internal pure returns (bytes memory bytes_) {
        bytes_ = new bytes(size);
        // Behind the length word.
        assembly ("memory-safe") {
            calldatacopy(add(bytes_, 32), from, size)
        }
    }

    function providerId(uint256 word) internal pure returns (uint32) {
        return uint32(word >> 224);
    }

    function payerId(uint256 word) internal pure returns (uint32) {
        return uint32(word >> 192);
    }

    function planId(uint256 word) internal pure returns (uint16) {
        return uint16(word >> 176);
    }

    function termsVersion(uint256 word) internal pure returns (uint16) {
        return uint16(word >> 160);
    }

    function sequenceBase(uint256 word) internal pure returns (uint64) {
        return uint64(word >> 96);
    }

    function groupCount(uint256 word) internal pure returns (uint256) {
        return uint16(word >> 80);
    }

    function rowCount(uint256 word) internal pure returns (uint256) {
        return uint16(word >> 64);
    }

    function flags(uint256 word) internal pure returns (uint256) {
        return uint8(word >> 56);
    }

    function attestationBytes(uint256 word) internal pure returns (uint256) {
        return uint24(word >> 32);
    }

    function hasSecondary(uint256 word) internal pure returns (bool) {
        return flags(word) & HAS_SECONDARY != 0;
    }

    function isCorrection(uint256 word) internal pure returns (bool) {
        return flags(word) & IS_CORRECTION != 0;
    }

    function headerBytes(uint256 word) internal pure returns (uint256) {
        unchecked {
            return SECTION_BYTES + (flags(word) & HAS_SECONDARY) * SECONDARY_BYTES;
        }
    }

    /// @notice What flags ask for behind the groups, for each row.
    function tailBytes(uint256 word) internal pure returns (uint256 size) {
        unchecked {
            // Without jumps: either flag, as a number, is one or two.
            size = (flags(word) & HAS_SECONDARY) * SECONDARY_SERVICE_BYTES
                + (flags(word) & IS_CORRECTION) * (CORRECTS_BYTES >> 1);
        }
    }

    /// @notice How far behind a section's beginning its groups end.
    function groupsEnd(uint256 word) internal pure returns (uint256 offset) {
        unchecked {
            // Counts below 2^16 times sizes below 2^8.
            offset = headerBytes(word) + groupCount(word) * GROUP_BYTES + rowCount(word) * ROW_BYTES;
        }
    }

    /// @notice How far behind a section's beginning the claims are that its rows correct, with flag 2.
    function correctsAt(uint256 word) internal pure returns (uint256 offset) {
        unchecked {
            // as `groupsEnd`
            offset = groupsEnd(word) + rowCount(word) * (flags(word) & HAS_SECONDARY) * SECONDARY_SERVICE_BYTES;
        }
    }

    /// @notice How far behind a section's beginning its attestations are.
    function attestationsAt(uint256 word) internal pure returns (uint256 offset) {
        unchecked {
            // as `groupsEnd`
            offset = groupsEnd(word) + rowCount(word) * tailBytes(word);
        }
    }

    /// @notice How long a section is, of which `sectionEnd` has said that all of it is there.
    function sectionBytes(uint256 word) internal pure returns (uint256 size) {
        unchecked {
            // as `groupsEnd`
            size = attestationsAt(word) + attestationBytes(word);
        }
    }

    /// @notice The secondary payer's fields of the section at `offset`, as they stand in its header:
    /// secondaryPayerId u32 | secondaryPlanId u16 | secondaryTermsVersion u16; 0 without one.
    function secondary(bytes calldata sections, uint256 offset, uint256 word) internal pure returns (uint64) {
        if (!hasSecondary(word)) return 0;
        return uint64(bytes8(bytes32(header(sections, offset + SECTION_BYTES))));
    }

    /// @notice Both payers of the section at `offset`, primary above secondary: what sections are sorted by.
    function payersOf(bytes calldata sections, uint256 offset) internal pure returns (uint256) {
        uint256 word = header(sections, offset);
        return uint256(payerId(word)) << 32 | secondary(sections, offset, word) >> 32;
    }

    /// @notice Where the section that begins at `offset` ends, and its payers as `payersOf` has them.
    function sectionEnd(bytes calldata sections, uint256 offset) internal pure returns (uint256 end, uint256 payers) {
        uint256 word = header(sections, offset);
        (uint256 groups, uint256 rows) = (groupCount(word), rowCount(word));
        unchecked {
            // Sizes below 2^32, behind an offset within calldata. Of a header that is cut short the rest is 0 or not
            // its own: it ends beyond `sections` in any case.
            end = offset + sectionBytes(word);
        }
        if (groups == 0 || rows < groups || flags(word) > KNOWN_FLAGS || end > sections.length) {
            revert MalformedBatch(offset);
        }
        payers = payersOf(sections, offset);
        // A secondary payer beside the primary, which is not self-pay and not the same one.
        if (hasSecondary(word) && (uint32(payers) == 0 || payers >> 32 == 0 || payers >> 32 == uint32(payers))) {
            revert MalformedBatch(offset);
        }
    }

    /// @notice The run of neighbouring sections that name the same payers.
    /// @return payers as `payersOf`
    /// @return first where its first section ends
    /// @return end where its last section ends
    function payerRun(bytes calldata sections, uint256 offset)
        internal
        pure
        returns (uint256 payers, uint256 first, uint256 end)
    {
        (first, payers) = sectionEnd(sections, offset);
        end = first;
        while (end < sections.length) {
            (uint256 nextEnd, uint256 next) = sectionEnd(sections, end);
            if (next < payers) revert SectionsUnsorted(payers, next);
            if (next != payers) break;
            end = nextEnd;
        }
    }

    /// @notice Says why a section is malformed whose reading stopped: the order of its patients, its counts, or
    /// a sequence.
    function refuse(bytes calldata section, uint256 word) internal pure {
        uint256 rowsLeft = rowCount(word);
        uint256 offset = headerBytes(word);
        address previous;
        for (uint256 groups = groupCount(word); groups != 0; --groups) {
            (address patient, uint256 count) = group(section, offset);
            if (patient <= previous) revert PatientsUnsorted(previous, patient);
            if (count == 0 || count > rowsLeft) revert MalformedBatch(offset);
            rowsLeft -= count;
            offset += GROUP_BYTES;
            for (; count != 0; --count) {
                (, uint256 rowWord) = row(section, offset);
                sequence(word, rowWord);
                offset += ROW_BYTES;
            }
            previous = patient;
        }
        revert MalformedBatch(offset);
    }

    // ---- groups and rows --------------------------------------------------------------------------

    function group(bytes calldata section, uint256 offset) internal pure returns (address patient, uint256 count) {
        uint256 word = header(section, offset);
        return (address(uint160(word >> 96)), uint8(word >> 88));
    }

    /// @notice A row's commitment, and the rest of its 54 bytes as one word (high bits first):
    /// serviceId bytes8 | units u16 | billed u64 | benefitYear u16 | sequence offset u16 | what follows.
    function row(bytes calldata section, uint256 offset) internal pure returns (bytes32 commitment, uint256 word) {
        return (bytes32(header(section, offset)), header(section, offset + 32));
    }

    function serviceId(uint256 rowWord) internal pure returns (bytes8) {
        return bytes8(bytes32(rowWord));
    }

    function units(uint256 rowWord) internal pure returns (uint16) {
        return uint16(rowWord >> 176);
    }

    function billed(uint256 rowWord) internal pure returns (uint64) {
        return uint64(rowWord >> 112);
    }

    function benefitYear(uint256 rowWord) internal pure returns (uint16) {
        return uint16(rowWord >> 96);
    }

    function sequenceOffset(uint256 rowWord) internal pure returns (uint256) {
        return uint16(rowWord >> 80);
    }

    /// @notice The secondary payer's own id of the service of row `index`, in a section with flag 1.
    function secondaryServiceId(bytes calldata section, uint256 word, uint256 index) internal pure returns (bytes8) {
        return bytes8(bytes32(header(section, groupsEnd(word) + index * SECONDARY_SERVICE_BYTES)));
    }

    /// @notice The claim that row `index` corrects, in a section with flag 2.
    function corrects(bytes calldata section, uint256 word, uint256 index) internal pure returns (bytes32) {
        return bytes32(header(section, correctsAt(word) + index * CORRECTS_BYTES));
    }

    /// @notice A row's sequence number of its provider.
    /// @param word the section's header
    function sequence(uint256 word, uint256 rowWord) internal pure returns (uint256 number) {
        unchecked {
            number = uint256(sequenceBase(word)) + sequenceOffset(rowWord);
        }
        if (number > type(uint64).max) revert SequenceOverflow(sequenceBase(word), sequenceOffset(rowWord));
    }
}
