// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BatchCodec} from "../codec/BatchCodec.sol";
import {WordArray} from "../codec/WordArray.sol";
import {BatchContext} from "../types/Batch.sol";

/// What sections add up to, where the reading of the present section stands, and one row's log
/// and leaf. Whole words, though most hold less: this is read and written for every event. Those that
/// have a CURSOR_ constant are read and written there by assembly. `prefix` to `secondary` are what a claim's id
/// is the hash of, in order; `commitment` to `service` are the data of its log.
struct Cursor {
    uint256 at; // where in calldata the next row is, or the next group where `rows` is 0
    uint256 rows; // that are left of the group at hand
    uint256 groups; // that are left after it
    uint256 answer; // where in memory the next row's answer is
    uint256 charge; // where in memory the charge of the patient at hand is
    uint256 charged; // patients of the present section, together
    uint256 credit; // what the provider of the present section gains
    uint256 leaf; // where in memory the next leaf goes
    uint256 header; // of the present section
    bytes32 prefix;
    uint256 patient;
    bytes32 commitment;
    uint256 parties; // of the present section; with a row's own parts while it is written
    uint256 amounts;
    uint256 shares;
    uint256 service;
    uint256 secondary;
    uint256 secondaryService; // where in calldata that of the next row is, in a section with flag 1
    uint256 corrects; // where in calldata the claim is that the next row corrects, in a section with flag 2
    uint256 nextSecondary; // where in memory the next row's secondary word is; 0: there are none
    uint256 operatorFee; // what the operator gains from the present section
    uint256 held; // what this contract must hold when all have paid: what it held before, and what was credited
    uint256 tally; // rows settled (counted at the end), denied, pended, skipped: 16 bits each
    bytes leaves; // ids of the settled claims
    bool alone; // the present section is all of a run: its payer pays as soon as it has priced
    bool last; // the present section is the batch's last: the escrow pays as soon as it has charged
    bool disbursed; // the escrow has paid
    BatchContext context;
}

// Where in a Cursor assembly finds its fields.
uint256 constant CURSOR_ROWS = 0x20;
uint256 constant CURSOR_GROUPS = 0x40;
uint256 constant CURSOR_ANSWER = 0x60;
uint256 constant CURSOR_CHARGE = 0x80;
uint256 constant CURSOR_CHARGED = 0xa0;
uint256 constant CURSOR_CREDIT = 0xc0;
uint256 constant CURSOR_LEAF = 0xe0;
uint256 constant CURSOR_HEADER = 0x100;
uint256 constant CURSOR_PREFIX = 0x120;
uint256 constant CURSOR_PATIENT = 0x140;
uint256 constant CURSOR_COMMITMENT = 0x160;
uint256 constant CURSOR_PARTIES = 0x180;
uint256 constant CURSOR_AMOUNTS = 0x1a0;
uint256 constant CURSOR_SHARES = 0x1c0;
uint256 constant CURSOR_SERVICE = 0x1e0;

/// @notice Begins and ends the writing of sections, and joins what was written apart.
library Cursors {
    /// How many words a Cursor is.
    uint256 private constant CURSOR_WORDS = 28;

    /// A cursor that is all 0: one, in an array, because a struct that is declared is filled with zeros field by
    /// field first.
    function blank() internal pure returns (Cursor[] memory one) {
        // An array's length, the place of its only element, and that element, all 0: CURSOR_WORDS words.
        assembly ("memory-safe") {
            one := mload(0x40)
            calldatacopy(one, calldatasize(), mul(32, add(CURSOR_WORDS, 2)))
            mstore(one, 1)
            mstore(add(one, 32), add(one, 64))
            mstore(0x40, add(one, mul(32, add(CURSOR_WORDS, 2))))
        }
    }

    /// Makes a blank cursor one of no sections yet, with room for all of these.
    function start(Cursor memory cursor, BatchContext memory context, bytes calldata sections) internal pure {
        (cursor.context, cursor.prefix) = (context, context.prefix);
        unchecked {
            // As many leaves as rows can be in so many bytes, and one word more.
            cursor.leaves = WordArray.zeros(sections.length / BatchCodec.ROW_BYTES * 32 + 32);
        }
        cursor.leaf = WordArray.start(cursor.leaves);
    }

    /// The leaves, and the tally.
    function finish(Cursor memory cursor) internal pure returns (bytes memory leaves, uint256 tally) {
        leaves = cursor.leaves;
        unchecked {
            // `leaf` runs on from the first leaf.
            uint256 settled = (cursor.leaf - WordArray.start(leaves)) >> 5;
            WordArray.cut(leaves, settled);
            return (leaves, settled << 48 | cursor.tally);
        }
    }

    /// Adds what a run that was written by itself has ended in: its leaves, what it has credited, and the tally of the
    /// rows that did not settle.
    function append(Cursor memory cursor, bytes memory leaves) internal pure {
        uint256 sums = WordArray.takeLast(leaves);
        cursor.held += sums >> 64;
        cursor.tally += uint48(sums);
        cursor.leaf = WordArray.copy(leaves, cursor.leaf);
    }
}
