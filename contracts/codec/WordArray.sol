// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Arrays of 32-byte words carried as `bytes` between the contracts: copied in one piece, where
/// ABI arrays are copied element by element.
library WordArray {
    /// @notice So many bytes of words, all 0. As `new bytes(size)`, which takes five times the gas for a few of
    /// them; callers bound the size, which is a multiple of 32.
    function zeros(uint256 size) internal pure returns (bytes memory words) {
        // Length and words behind the free memory pointer, which moves behind them; what is copied from behind
        // the end of calldata is 0.
        assembly ("memory-safe") {
            words := mload(0x40)
            mstore(words, size)
            calldatacopy(add(words, 32), calldatasize(), size)
            mstore(0x40, add(add(words, 32), size))
        }
    }

    function get(bytes memory words, uint256 index) internal pure returns (uint256 word) {
        // words[32 * index : 32 * index + 32]; callers stay within the length they allocated or checked.
        assembly ("memory-safe") {
            word := mload(add(add(words, 32), shl(5, index)))
        }
    }

    function set(bytes memory words, uint256 index, uint256 word) internal pure {
        // as `get`
        assembly ("memory-safe") {
            mstore(add(add(words, 32), shl(5, index)), word)
        }
    }

    /// @notice The memory address of the first word.
    function start(bytes memory words) internal pure returns (uint256 place) {
        // Behind the length word.
        assembly ("memory-safe") {
            place := add(words, 32)
        }
    }

    /// @notice Read two words at a memory address that lies within an array.
    function read(uint256 place) internal pure returns (uint256 first, uint256 second) {
        // As `get`, without working the address out again.
        assembly ("memory-safe") {
            first := mload(place)
            second := mload(add(place, 32))
        }
    }

    /// @notice Write two words at a memory address that lies within an array.
    function put(uint256 place, uint256 first, uint256 second) internal pure {
        // As `set`, without working the address out again.
        assembly ("memory-safe") {
            mstore(place, first)
            mstore(add(place, 32), second)
        }
    }

    /// @notice Write one word at a memory address that lies within an array.
    function write(uint256 place, uint256 word) internal pure {
        // As `set`, without working the address out again.
        assembly ("memory-safe") {
            mstore(place, word)
        }
    }

    /// @notice Bit `index` of a bitmap whose first word holds bits 0 to 255; an empty one has no bit set.
    function isSet(bytes memory words, uint256 index) internal pure returns (bool) {
        return words.length != 0 && get(words, index >> 8) >> (index & 0xff) & 1 != 0;
    }

    /// @notice Room for so many bits: whole words, all 0.
    function bits(uint256 count) internal pure returns (bytes memory words) {
        words = zeros(bitBytes(count));
    }

    /// @notice How many bytes of words hold so many bits.
    function bitBytes(uint256 count) internal pure returns (uint256 size) {
        unchecked {
            // Counts are below 2^16.
            size = (count + 255 >> 8) << 5;
        }
    }

    /// @notice So many bits, all 1, and what is left of the last word besides.
    function ones(uint256 count) internal pure returns (bytes memory words) {
        words = bits(count);
        for (uint256 index; index < words.length >> 5; ++index) {
            set(words, index, type(uint256).max);
        }
    }

    /// @notice Sets bit `index` of a bitmap, as `isSet` reads it.
    function setBit(bytes memory words, uint256 index) internal pure {
        set(words, index >> 8, get(words, index >> 8) | 1 << (index & 0xff));
    }

    /// @notice The bits that are set in either of two bitmaps of one length; the second may be empty.
    function either(bytes memory words, bytes memory others) internal pure returns (bytes memory both) {
        if (others.length == 0) return words;
        both = zeros(words.length);
        for (uint256 index; index < words.length >> 5; ++index) {
            set(both, index, get(words, index) | get(others, index));
        }
    }

    /// @notice Copy words to a memory address that lies within an array with room for them.
    /// @return end the memory address behind the copy
    function copy(bytes memory words, uint256 place) internal pure returns (uint256 end) {
        // All that stands behind the length word.
        assembly ("memory-safe") {
            mcopy(place, add(words, 32), mload(words))
            end := add(place, mload(words))
        }
    }

    /// @notice Put a word behind the last; there is room for it.
    function append(bytes memory words, uint256 word) internal pure {
        // The length grows by 32, and the word stands where the words ended.
        assembly ("memory-safe") {
            let size := mload(words)
            mstore(add(add(words, 32), size), word)
            mstore(words, add(size, 32))
        }
    }

    /// @notice Take the last word off.
    function takeLast(bytes memory words) internal pure returns (uint256 word) {
        // The length falls by 32, and the word stands where the words now end.
        assembly ("memory-safe") {
            let size := sub(mload(words), 32)
            mstore(words, size)
            word := mload(add(add(words, 32), size))
        }
    }

    /// @notice Shorten to the first `count` words.
    function cut(bytes memory words, uint256 count) internal pure {
        // The length word; what lies behind stays allocated.
        assembly ("memory-safe") {
            mstore(words, shl(5, count))
        }
    }

    /// @notice Cuts words off behind so many, and gives those behind the next, which says how many bytes they are.
    function split(bytes memory words, uint256 count) internal pure returns (bytes memory behind) {
        // That next word becomes the length word of what is behind it.
        assembly ("memory-safe") {
            behind := add(add(words, 32), shl(5, count))
        }
        cut(words, count);
    }
}
