// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {
    CURSOR_AMOUNTS,
    CURSOR_ANSWER,
    CURSOR_CHARGE,
    CURSOR_CHARGED,
    CURSOR_COMMITMENT,
    CURSOR_CREDIT,
    CURSOR_GROUPS,
    CURSOR_HEADER,
    CURSOR_LEAF,
    CURSOR_PARTIES,
    CURSOR_PATIENT,
    CURSOR_PREFIX,
    CURSOR_ROWS,
    CURSOR_SERVICE,
    CURSOR_SHARES,
    Cursor
} from "./Cursor.sol";

/// @notice Writes the commonest rows at a third of the gas: settled, with one payer, for no operator's fee, without counted
/// units or a part outside the plan. It does what `BatchWriter._writeRow` does row by row, but that rows of one
/// patient that stand together share a log.
library PlainRows {
    /// Writes rows until there are none left or one did not settle, had its units counted, or has a part outside
    /// the plan. For sections with one payer, and where no fee is taken. One log has what stands together of a
    /// patient. The sum of a section's base and a row's number is below 2^64: SequenceBitmap has seen to it.
    function write(Cursor memory cursor) internal {
        // Reads and writes the fields of `cursor` at the places that stand beside them, answers, charges and
        // leaves, which are allocated, scratch space, and what lies behind the free memory pointer. Words as in
        // PackedClaim; a row's second word as in BatchCodec. Amounts are below 2^64 and at most 2^16 of them are
        // added.
        assembly ("memory-safe") {
            // PlainClaimSettled of the rows that stand before `end`, where there are any: the parties come behind the
            // first one's commitment.
            function flush(c, start, end) {
                if lt(add(start, 32), end) {
                    mstore(start, mload(add(start, 32)))
                    mstore(add(start, 32), mload(add(c, CURSOR_PARTIES)))
                    log1(start, sub(end, start), mload(add(c, CURSOR_PATIENT)))
                }
            }
            // Writes rows from where `c` stands, which stands behind them at the end.
            function run(c) {
                let at := mload(c)
                let rows := mload(add(c, CURSOR_ROWS))
                let answer := mload(add(c, CURSOR_ANSWER))
                let start := mload(0x40) // of the log: three words a row, behind one that is free yet
                let end := add(start, 32)
                let allowed := 0 // of all these rows
                let owed := 0 // by the patients, of all these rows
                for {} 1 {} {
                    if iszero(rows) {
                        flush(c, start, end)
                        end := add(start, 32)
                        let groups := mload(add(c, CURSOR_GROUPS))
                        if iszero(groups) { break }
                        mstore(add(c, CURSOR_GROUPS), sub(groups, 1))
                        mstore(add(c, CURSOR_CHARGE), add(mload(add(c, CURSOR_CHARGE)), 32))
                        let group := calldataload(at)
                        mstore(add(c, CURSOR_PATIENT), shr(96, group))
                        rows := and(shr(88, group), 0xff)
                        at := add(at, 21)
                    }
                    let shares := mload(add(answer, 32))
                    // a reason, counted units, or something outside the plan
                    if and(shares, 0xffffffffffffffff0000000000000000ffffffffffffffff) { break }
                    mstore(add(c, CURSOR_SHARES), shares)
                    {
                        let amounts := mload(answer)
                        mstore(add(c, CURSOR_AMOUNTS), amounts)
                        mstore(add(end, 32), amounts)
                        amounts := shr(192, mload(add(answer, 8))) // allowed
                        allowed := add(allowed, amounts)
                        amounts := sub(amounts, shr(192, mload(add(answer, 48)))) // less what the plan has paid
                        owed := add(owed, amounts)
                        let charge := mload(add(c, CURSOR_CHARGE))
                        mstore(charge, add(mload(charge), amounts))
                    }
                    {
                        let commitment := calldataload(at)
                        mstore(add(c, CURSOR_COMMITMENT), commitment)
                        mstore(end, commitment)
                    }
                    {
                        let row := calldataload(add(at, 32))
                        // service id and units, benefit year, sequence
                        let sequence := add(shr(96, mload(add(c, CURSOR_HEADER))), and(shr(80, row), 0xffff))
                        let service := or(
                            or(
                                and(row, 0xffffffffffffffffffff00000000000000000000000000000000000000000000),
                                shl(64, and(row, 0xffff000000000000000000000000))
                            ),
                            shr(96, shl(192, sequence))
                        )
                        // whether 0 was billed
                        let flags := iszero(shr(192, calldataload(add(at, 42))))
                        mstore(add(c, CURSOR_SERVICE), or(service, shl(24, flags)))
                        // The coinsurance, of which nothing but what the plan has paid stands below.
                        shares := xor(shares, shr(128, shl(128, shares)))
                        mstore(add(end, 64), or(shares, or(shr(64, service), flags)))
                    }
                    {
                        // The claim's id: keccak256(keccak256(eight words)).
                        mstore(0, keccak256(add(c, CURSOR_PREFIX), 256))
                        let leaf := mload(add(c, CURSOR_LEAF))
                        mstore(leaf, keccak256(0, 32))
                        mstore(add(c, CURSOR_LEAF), add(leaf, 32))
                    }
                    end := add(end, 96)
                    answer := add(answer, 64)
                    at := add(at, 54)
                    rows := sub(rows, 1)
                }
                flush(c, start, end)
                mstore(c, at)
                mstore(add(c, CURSOR_ROWS), rows)
                mstore(add(c, CURSOR_ANSWER), answer)
                mstore(add(c, CURSOR_CHARGED), add(mload(add(c, CURSOR_CHARGED)), owed))
                mstore(add(c, CURSOR_CREDIT), add(mload(add(c, CURSOR_CREDIT)), allowed))
            }

            run(cursor)
        }
    }
}
