// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {CategorySlot} from "./CategorySlot.sol";
import {FamilySlot} from "./FamilySlot.sol";
import {FeeSlot} from "./FeeSlot.sol";
import {MemberSlot} from "./MemberSlot.sol";
import {PayerTerms} from "./PayerTerms.sol";
import {PoolSlot} from "./PoolSlot.sol";
import {BatchCodec} from "../codec/BatchCodec.sol";
import {PackedClaim} from "../codec/PackedClaim.sol";
import {WordArray} from "../codec/WordArray.sol";
import {Spendable} from "../escrow/Spendable.sol";
import {Adjudication} from "../math/Adjudication.sol";
import {Reason} from "../types/Outcomes.sol";
import {MemberRecord, PlanRecord} from "../types/TermsRecords.sol";

/// @notice The part of InsurerPayer that prices. `_price` says at length what becomes of a row; `_pricePlain`
/// does the same for the commonest rows at less than half of the gas.
abstract contract SectionPricing is PayerTerms {
    /// What is known of the section, the service and the member at hand, and where the reading stands. Whole
    /// words, though most hold less: this is read and written for every event. The first of them, up to `familyOopMax`,
    /// are read and written at their places by `_pricePlain`: see PRICING.
    struct Pricing {
        uint256 at; // where in calldata the next row is, or the next group where `rows` is 0
        uint256 rows; // that are left of the group at hand
        uint256 groups; // that are left after it
        uint256 statements; // where in calldata the next group's Spendable is
        uint256 answer; // where in memory the next answer goes
        uint256 plainKey; // service and year, as they stand in a row, of the rows that are plain
        uint256 maxUnits; // the most units of such a row
        uint256 price; // what is allowed for one
        uint256 deductible; // the plan's, 0 where the category knows none
        uint256 oopMax; // the plan's
        uint256 copay;
        uint256 unit; // the plan's rounding unit, 0 where no coinsurance is owed
        uint256 planBps; // the plan's share where coinsurance is owed
        uint256 planId;
        uint256 pool;
        uint256 memberKey; // the member year that `slot` is of; 0: none
        uint256 place; // where `slot` is stored
        uint256 stored; // the slot as it is stored
        uint256 slot; // the slot after the rows so far, see MemberSlot
        uint256 statement; // what the patient at hand may still be charged, see Spendable
        uint256 member; // the patient at hand: a memberKey of year 0
        uint256 familyPlace; // where the family of the member year is stored; 0: it has none
        uint256 family; // the family as it is stored, see FamilySlot
        uint256 familyDeductible; // the plan's; where it has none, more than any
        uint256 familyOopMax; // as familyDeductible
        uint256 skipped; // where in calldata there is a bit per row, 1: its sequence was spent before; 0: of no row
        uint256 quoted; // and where, 1: priced, and nothing noted; 0: of no row
        uint256 signedAt;
        uint256 currentYear;
        uint256 planKey;
        uint256 sectionReason; // why no row of the section can be priced
        Adjudication.Plan plan; // PLAN_PLACE
        uint256 answers; // where in memory the first answer went
        uint256 rowKey; // the service and year that `_prepare` looked up last
        uint256 serviceId; // that was looked up
        uint256 fee; // of that service, see FeeSlot
        uint256 category; // of that service, see CategorySlot
        uint256 serviceReason; // why it cannot be priced
        uint256 memberReason; // why the member year cannot be charged
        uint256 remembered; // the pool's slot where it remembers the section's terms, else 0
    }

    /// How many words a Pricing and an Adjudication.Plan are, and where in the one the place of the other is.
    uint256 private constant PRICING_WORDS = 40;
    uint256 private constant PLAN_WORDS = 6;
    uint256 private constant PLAN_PLACE = 0x3e0;

    /// Where in memory the Pricing stands that `_pricePlain` works on, and where its first fields do then, in order:
    /// memory is given out from 0x80 on, and what `_blank` takes of it begins with two other words.
    uint256 private constant PRICING = 0xc0;
    uint256 private constant AT = 0xc0;
    uint256 private constant ROWS = 0xe0;
    uint256 private constant GROUPS = 0x100;
    uint256 private constant STATEMENTS = 0x120;
    uint256 private constant ANSWER = 0x140;
    uint256 private constant PLAIN_KEY = 0x160;
    uint256 private constant MAX_UNITS = 0x180;
    uint256 private constant PRICE = 0x1a0;
    uint256 private constant DEDUCTIBLE = 0x1c0;
    uint256 private constant OOP_MAX = 0x1e0;
    uint256 private constant COPAY = 0x200;
    uint256 private constant UNIT = 0x220;
    uint256 private constant PLAN_BPS = 0x240;
    uint256 private constant PLAN_ID = 0x260;
    uint256 private constant POOL = 0x280;
    uint256 private constant MEMBER_KEY = 0x2a0;
    uint256 private constant PLACE = 0x2c0;
    uint256 private constant STORED = 0x2e0;
    uint256 private constant SLOT = 0x300;
    uint256 private constant STATEMENT = 0x320;
    uint256 private constant MEMBER = 0x340;
    uint256 private constant FAMILY_PLACE = 0x360;
    uint256 private constant FAMILY = 0x380;
    uint256 private constant FAMILY_DEDUCTIBLE = 0x3a0;
    uint256 private constant FAMILY_OOP_MAX = 0x3c0;

    /// Where service and year stand in a row's second word.
    uint256 private constant ROW_KEY = 0xffffffffffffffff00000000000000000000ffff000000000000000000000000;
    /// The service and year of no row.
    uint256 private constant NO_KEY = type(uint256).max;

    // ---- a section --------------------------------------------------------------------------------

    /// Prices all rows of a section. `pricing` was opened for it and stands before its first group.
    function _priceSection(Pricing memory pricing) internal {
        _checkPlace(pricing);
        while (pricing.rows | pricing.groups != 0) {
            if (!_prepare(pricing)) _priceNext(pricing);
            _pricePlain();
        }
        _closeMember(pricing);
    }

    /// Where anything had taken memory before `_blank` did, `_pricePlain` would work on that.
    function _checkPlace(Pricing memory pricing) private pure {
        uint256 place;
        // A reference to a struct in memory is its address.
        assembly ("memory-safe") {
            place := pricing
        }
        assert(place == PRICING);
    }

    /// Makes a blank pricing one of a section of this provider by this plan.
    /// @param remembered the pool's slot, if what it remembers may be used: see PoolSlot
    function _open(
        Pricing memory pricing,
        uint32 providerId,
        uint16 planId,
        uint16 version,
        uint40 signedAt,
        uint16 currentYear,
        uint256 remembered
    ) internal view {
        (pricing.signedAt, pricing.currentYear, pricing.planId) = (signedAt, currentYear, planId);
        (pricing.planKey, pricing.plainKey, pricing.rowKey) = (_planKey(planId, version), NO_KEY, NO_KEY);
        if (PoolSlot.remembers(remembered, providerId, pricing.planKey, signedAt)) {
            pricing.remembered = remembered;
            Adjudication.Plan memory plan = pricing.plan;
            (plan.deductible, plan.oopMax, plan.roundingUnit) = PoolSlot.plan(remembered);
        } else if (!acceptsProvider(providerId, signedAt)) {
            pricing.sectionReason = uint256(Reason.ProviderNotAccepted);
        } else if (!_loadPlan(pricing)) {
            pricing.sectionReason = uint256(Reason.NoTermsInForce);
        }
    }

    /// A pricing and its plan, all 0: one, in an array, because a struct that is declared is filled with zeros
    /// field by field first.
    function _blank() internal pure returns (Pricing[] memory one) {
        // An array's length, the place of its only element, that element, and what its `plan` points to.
        assembly ("memory-safe") {
            one := mload(0x40)
            let size := mul(32, add(PRICING_WORDS, add(PLAN_WORDS, 2)))
            calldatacopy(one, calldatasize(), size)
            mstore(one, 1)
            mstore(add(one, 32), add(one, 64))
            mstore(add(one, add(64, PLAN_PLACE)), add(one, mul(32, add(PRICING_WORDS, 2))))
            mstore(0x40, add(one, size))
        }
    }

    /// Reads the plan; false where it is not the version in force at signedAt.
    function _loadPlan(Pricing memory pricing) private view returns (bool) {
        PlanRecord storage record = _plans[pricing.planKey];
        (uint40 effectiveAt, uint40 supersededAt) = (record.effectiveAt, record.supersededAt);
        if (effectiveAt == 0 || effectiveAt > pricing.signedAt) return false;
        if (supersededAt != 0 && supersededAt <= pricing.signedAt) return false;
        Adjudication.Plan memory plan = pricing.plan;
        (plan.deductible, plan.oopMax, plan.roundingUnit) = (record.deductible, record.oopMax, record.roundingUnit);
        if (record.hasExtras) {
            (plan.familyDeductible, plan.familyOopMax) = (record.familyDeductible, record.familyOopMax);
            plan.annualMaximum = record.annualMaximum;
        }
        return true;
    }

    // ---- plain rows -------------------------------------------------------------------------------

    /// Looks up the service of the row that comes next; true where such rows may now be plain: the service is
    /// covered without a yearly limit, the year is open, there is no annual maximum, and it does not matter
    /// whether the copay or the deductible comes first. Of the member `_pricePlain` sees by itself.
    function _prepare(Pricing memory pricing) private view returns (bool) {
        uint256 at = pricing.at;
        unchecked {
            // a place in calldata
            at += pricing.rows == 0 ? 32 + BatchCodec.GROUP_BYTES : 32;
        }
        uint256 row = BatchCodec.load(at);
        uint256 key = row & ROW_KEY;
        if (key == pricing.rowKey) return false;
        (pricing.rowKey, pricing.plainKey) = (key, NO_KEY);
        _lookUpService(pricing, row >> 192);
        uint256 year = BatchCodec.benefitYear(row);
        if (pricing.rows != 0 && year != uint16(pricing.memberKey)) {
            // `_priceNext` turns to that year of the member; the rows after it are looked at again.
            pricing.rowKey = NO_KEY;
            return false;
        }

        uint256 reasons = pricing.sectionReason | pricing.serviceReason | _yearReason(pricing, year);
        uint256 limits = pricing.plan.annualMaximum | FeeSlot.annualUnits(pricing.fee);
        if (pricing.skipped | reasons | limits != 0) return false;
        uint256 category = pricing.category;
        uint256 copay = CategorySlot.copay(category);
        uint256 deductible = CategorySlot.deductibleApplies(category) ? pricing.plan.deductible : 0;
        if (!CategorySlot.covered(category)) return false;
        if (CategorySlot.copayFirst(category) && copay != 0 && deductible != 0) return false;

        (pricing.copay, pricing.deductible, pricing.oopMax) = (copay, deductible, pricing.plan.oopMax);
        pricing.familyDeductible = _orMore(pricing.plan.familyDeductible);
        pricing.familyOopMax = _orMore(pricing.plan.familyOopMax);
        (pricing.maxUnits, pricing.price) = (FeeSlot.maxUnits(pricing.fee), FeeSlot.amount(pricing.fee));
        pricing.unit = CategorySlot.owesCoinsurance(category) ? pricing.plan.roundingUnit : 0;
        pricing.planBps = Adjudication.BPS - CategorySlot.coinsuranceBps(category);
        pricing.plainKey = key;
        return true;
    }

    /// A family's amount; where a plan names none, one that nothing reaches.
    function _orMore(uint256 amount) private pure returns (uint256) {
        return amount == 0 ? type(uint256).max : amount;
    }

    /// Prices rows of the Pricing that stands at PRICING until there are none left or one is not plain: of another
    /// service or year than `_prepare` has looked up; of a member who may not be charged, is not of the section's
    /// plan, or has anything announced; or more than somebody has. Of that row nothing is noted. `quote` does without
    /// this, so that the tests can hold the two together.
    function _pricePlain() private {
        // Reads and writes the fields of that Pricing at their places, answers, which are allocated, and scratch space.
        // All amounts are below 2^64. `members` and `families` are where `_members` and `_families` stand; a
        // MemberRecord's first word is a MemberSlot. `slot` is the one of the member at hand, and written to its place
        // at the end.
        assembly ("memory-safe") {
            function smaller(a, b) -> c {
                c := xor(b, mul(xor(a, b), lt(a, b)))
            }
            function difference(a, b) -> c {
                c := mul(sub(a, b), gt(a, b))
            }
            // the 64 bits that begin at a place in memory
            function at64(place) -> c {
                c := shr(192, mload(place))
            }
            function low48(word) -> c {
                c := and(word, 0xffffffffffff)
            }
            // May rows of the member at hand be plain? No reason in the statement, and in the slot the
            // section's plan and neither an end of coverage nor `more`; a family may be.
            function isPlain(slot) -> c {
                let plan := and(shr(160, slot), 0xff00000000ffffffffffffff)
                c := iszero(or(and(mload(STATEMENT), 0xff), xor(plan, mload(PLAN_ID))))
            }
            // Where the value of a key in a mapping is stored.
            function placeOf(key, mapping_) -> c {
                mstore(0, key)
                mstore(32, mapping_)
                c := keccak256(0, 64)
            }
            // Writes the member at hand and its family back.
            function close(slot) {
                let moved := sub(slot, mload(STORED))
                if moved {
                    sstore(mload(PLACE), slot)
                    let place := mload(FAMILY_PLACE)
                    if place {
                        moved := or(low48(moved), shl(64, low48(shr(48, moved))))
                        sstore(place, add(mload(FAMILY), moved))
                    }
                }
            }
            // What is left of deductible and maximum to the member at hand, see Adjudication._left.
            function limit(slot) -> deductible, outOfPocket {
                deductible := difference(mload(DEDUCTIBLE), low48(slot))
                outOfPocket := difference(mload(OOP_MAX), low48(shr(48, slot)))
                if mload(FAMILY_PLACE) {
                    // the family's has moved by what the member's has
                    let moved := sub(slot, mload(STORED))
                    let met := add(at64(add(FAMILY, 24)), low48(moved))
                    deductible := smaller(deductible, difference(mload(FAMILY_DEDUCTIBLE), met))
                    met := add(at64(add(FAMILY, 16)), low48(shr(48, moved)))
                    outOfPocket := smaller(outOfPocket, difference(mload(FAMILY_OOP_MAX), met))
                }
            }
            // Takes the patient of a group and the first row's year; says what slot that is.
            function turn(group, members, families) -> slot {
                let statements := mload(STATEMENTS)
                mstore(STATEMENTS, add(statements, 32))
                mstore(STATEMENT, calldataload(statements))
                let member := shl(16, shr(96, group))
                mstore(MEMBER, member)
                member := or(member, and(shr(96, mload(PLAIN_KEY)), 0xffff))
                mstore(MEMBER_KEY, member)
                let place := placeOf(member, members)
                slot := sload(place)
                mstore(PLACE, place)
                mstore(STORED, slot)
                place := 0
                if and(shr(216, slot), 0xffffffff) {
                    place := placeOf(or(and(shr(200, slot), 0xffffffff0000), and(member, 0xffff)), families)
                    mstore(FAMILY, sload(place))
                }
                mstore(FAMILY_PLACE, place)
            }
            // Prices rows from `from` on, `count` of them, of a member whose slot is `before`, until one is not
            // plain.
            function price(from, count, before) -> at, rows, slot {
                at := from
                slot := before
                let deductible, outOfPocket := limit(slot)
                for { rows := count } rows { rows := sub(rows, 1) } {
                    let owed // by the patient
                    let rest // what is allowed, less what is shared out of it
                    let moved // as MemberSlot has them: deductible, out of pocket, paid by the plan
                    {
                        let row := calldataload(add(at, 32))
                        if xor(and(row, ROW_KEY), mload(PLAIN_KEY)) { leave }
                        row := and(shr(176, row), 0xffff) // units
                        if iszero(lt(sub(row, 1), mload(MAX_UNITS))) { leave }
                        rest := mul(row, mload(PRICE))
                    }
                    // As Adjudication.split. The answer, and what is left of deductible and maximum, are noted before
                    // it is known whether the row is plain: the next answer overwrites it, and they end with this.
                    {
                        let billed := shr(192, calldataload(add(at, 42)))
                        if iszero(billed) { billed := rest }
                        rest := smaller(rest, billed)
                        let amounts := or(shl(192, billed), shl(128, rest))
                        let room := smaller(rest, outOfPocket)
                        moved := smaller(deductible, room)
                        deductible := sub(deductible, moved)
                        let copay := smaller(mload(COPAY), sub(room, moved))
                        mstore(mload(ANSWER), or(amounts, or(shl(64, moved), copay)))
                        owed := add(moved, copay)
                        rest := sub(rest, owed)
                    }
                    {
                        let coinsurance := 0
                        let unit := mload(UNIT)
                        if unit {
                            let part := add(mul(rest, mload(PLAN_BPS)), mul(5000, unit))
                            part := mul(div(part, mul(10000, unit)), unit)
                            coinsurance := smaller(sub(rest, smaller(part, rest)), sub(outOfPocket, owed))
                            owed := add(owed, coinsurance)
                            rest := sub(rest, coinsurance)
                        }
                        outOfPocket := sub(outOfPocket, owed)
                        mstore(add(mload(ANSWER), 32), or(shl(192, coinsurance), shl(64, rest)))
                    }
                    moved := or(moved, or(shl(48, owed), shl(96, rest)))
                    // as Spendable.allows, the pool, and room in what the plan has paid: the others are bounded
                    if or(
                        or(gt(owed, at64(add(STATEMENT, 16))), gt(owed, at64(add(STATEMENT, 8)))),
                        or(
                            or(gt(owed, at64(STATEMENT)), gt(rest, mload(POOL))),
                            and(shr(159, or(slot, moved)), 1)
                        )
                    ) { leave }
                    slot := add(slot, moved)
                    mstore(STATEMENT, sub(mload(STATEMENT), or(shl(192, owed), shl(128, owed))))
                    mstore(POOL, sub(mload(POOL), rest))
                    mstore(ANSWER, add(mload(ANSWER), 64))
                    at := add(at, 54)
                }
            }

            // Groups and rows from where `pricing` stands; the reading stands there again at the end.
            function run(members, families) {
                let at := mload(AT)
                let rows := mload(ROWS)
                let slot := mload(SLOT)
                for {} 1 {} {
                    if iszero(rows) {
                        let groups := mload(GROUPS)
                        if iszero(groups) { break }
                        if xor(and(calldataload(add(at, 53)), ROW_KEY), mload(PLAIN_KEY)) { break }
                        mstore(GROUPS, sub(groups, 1))
                        close(slot)
                        let group := calldataload(at)
                        slot := turn(group, members, families)
                        rows := and(shr(88, group), 0xff)
                        at := add(at, 21)
                    }
                    if iszero(isPlain(slot)) { break }
                    at, rows, slot := price(at, rows, slot)
                    if rows { break }
                }
                mstore(AT, at)
                mstore(ROWS, rows)
                mstore(SLOT, slot)
            }

            run(_members.slot, _families.slot)
        }
    }

    // ---- any row ----------------------------------------------------------------------------------

    /// Prices the row that comes next, which `_prepare` has seen, and writes its answer.
    function _priceNext(Pricing memory pricing) private {
        if (pricing.rows == 0) _openGroup(pricing);
        uint256 row = BatchCodec.load(pricing.at + 32);
        (uint256 amounts, uint256 shares) = (uint256(BatchCodec.billed(row)) << 192, uint256(Reason.SequenceSpent));
        if (!_isMarked(pricing, pricing.skipped)) {
            uint256 key = pricing.member | BatchCodec.benefitYear(row);
            if (key != pricing.memberKey) _closeMember(pricing);
            _lookUpMember(pricing, key);
            (amounts, shares) = _price(pricing, row);
        }
        WordArray.put(pricing.answer, amounts, shares);
        unchecked {
            // Counts and places within a section that settlement has checked.
            pricing.answer += 64;
            pricing.at += BatchCodec.ROW_BYTES;
            --pricing.rows;
        }
    }

    function _openGroup(Pricing memory pricing) internal pure {
        uint256 group = BatchCodec.load(pricing.at);
        pricing.member = group >> 96 << 16;
        pricing.statement = BatchCodec.load(pricing.statements);
        unchecked {
            // as in `_priceNext`
            pricing.rows = uint8(group >> 88);
            pricing.at += BatchCodec.GROUP_BYTES;
            pricing.statements += 32;
            --pricing.groups;
        }
    }

    /// Is the bit of the row at hand set?
    /// @param bits where in calldata they are; 0: none is set
    function _isMarked(Pricing memory pricing, uint256 bits) private pure returns (bool) {
        if (bits == 0) return false;
        uint256 index = (pricing.answer - pricing.answers) >> 6;
        return BatchCodec.load(bits + (index >> 8 << 5)) >> (index & 0xff) & 1 != 0;
    }

    /// What becomes of one row of the service and member year that were looked up: amounts and shares, or
    /// `billed` and the reason why nothing moves. Everything that could leave a party short pends it before
    /// anything is noted.
    function _price(Pricing memory pricing, uint256 row) private returns (uint256 amounts, uint256 shares) {
        uint256 units = BatchCodec.units(row);
        uint256 allowed = FeeSlot.amount(pricing.fee) * units;
        uint256 billed = BatchCodec.billed(row);
        if (billed == 0) billed = allowed;
        uint256 reason = _objection(pricing, units);
        bool noted = !_isMarked(pricing, pricing.quoted);
        if (reason == 0) (amounts, shares, reason) = _charge(pricing, Math.min(billed, allowed), noted);
        if (reason != 0) return (uint256(BatchCodec.billed(row)) << 192, reason);

        if (FeeSlot.annualUnits(pricing.fee) != 0) {
            if (noted) _units[_unitsKey(pricing.memberKey, pricing.serviceId)] += uint32(units);
            shares |= PackedClaim.COUNTED;
        }
        amounts |= billed << 192;
    }

    /// Shares one allowed amount out and notes what it moves; of a row that is only quoted it asks neither who has
    /// how much nor notes anything.
    function _charge(Pricing memory pricing, uint256 allowed, bool noted)
        private
        pure
        returns (uint256 amounts, uint256 shares, uint256 reason)
    {
        Adjudication.Met memory met = _met(pricing);
        (amounts, shares) = Adjudication.split(allowed, pricing.category, pricing.plan, met);
        uint256 planPaid = PackedClaim.planPaid(shares);
        if (noted) {
            reason = uint256(Spendable.refusal(pricing.statement, allowed - planPaid));
            if (reason != 0) return (amounts, shares, reason);
            if (planPaid > pricing.pool) return (amounts, shares, uint256(Reason.PayerUnfunded));
        }
        if (!Adjudication.add(met, amounts, shares)) return (amounts, shares, uint256(Reason.PayerFailed));
        if (!noted) return (amounts, shares, 0);

        pricing.statement = Spendable.charge(pricing.statement, allowed - planPaid);
        pricing.pool -= planPaid;
        // Of what a member has met, deductible and out of pocket are bounded: see PayerTerms._opened.
        pricing.slot = MemberSlot.withMet(pricing.slot, MemberSlot.met(met.deductible, met.oop, met.planPaid));
    }

    /// What the member year that was looked up, and its family, has met so far.
    function _met(Pricing memory pricing) internal pure returns (Adjudication.Met memory met) {
        uint256 slot = pricing.slot;
        (met.deductible, met.oop) = (MemberSlot.deductibleMet(slot), MemberSlot.oopMet(slot));
        met.planPaid = MemberSlot.planPaid(slot);
        if (pricing.familyPlace == 0) return met;
        met.inFamily = true;
        uint256 family = _familyNow(pricing);
        (met.familyDeductible, met.familyOop) = (FamilySlot.deductibleMet(family), FamilySlot.oopMet(family));
    }

    /// Why so many units of the service that was looked up cannot be allowed to the member that was looked up;
    /// 0: they can.
    function _objection(Pricing memory pricing, uint256 units) internal view returns (uint256) {
        if (pricing.memberReason != 0) return pricing.memberReason;
        if (pricing.serviceReason != 0) return pricing.serviceReason;
        uint256 fee = pricing.fee;
        if (units == 0 || units > FeeSlot.maxUnits(fee)) return uint256(Reason.UnitsExceeded);
        if (!CategorySlot.covered(pricing.category)) return uint256(Reason.NotCovered);
        if (FeeSlot.annualUnits(fee) == 0) return 0;
        uint256 used = _units[_unitsKey(pricing.memberKey, pricing.serviceId)];
        return used + units > FeeSlot.annualUnits(fee) ? uint256(Reason.AnnualUnitsExceeded) : 0;
    }

    // ---- look-ups ---------------------------------------------------------------------------------

    function _lookUpService(Pricing memory pricing, uint256 serviceId) internal view {
        uint256 fee = _feeAt(serviceId, pricing.signedAt);
        Reason reason;
        if (fee == 0) {
            // Announced but not in force yet: terms to come, not a denial.
            reason = _fees[serviceId] != 0 ? Reason.NoTermsInForce : Reason.UnknownService;
        } else {
            pricing.category = _categoryTerms(pricing, FeeSlot.category(fee));
        }
        (pricing.serviceId, pricing.fee, pricing.serviceReason) = (serviceId, fee, uint256(reason));
    }

    function _categoryTerms(Pricing memory pricing, uint256 category) private view returns (uint256) {
        uint256 remembered = pricing.remembered;
        if (remembered != 0 && PoolSlot.category(remembered) == category) return PoolSlot.categoryTerms(remembered);
        return _categories[_categoryKey(pricing.planKey, category)];
    }

    /// Reads a member year, where it is not at hand already, and why its rows cannot be charged: the year, the escrow,
    /// the section, the member.
    function _lookUpMember(Pricing memory pricing, uint256 key) internal view {
        if (key != pricing.memberKey) _readMember(pricing, key);
        (uint256 slot, uint256 planId) = (pricing.slot, MemberSlot.planId(pricing.slot));
        if (MemberSlot.hasMore(slot)) {
            uint256 more = _members[key].more;
            if (MemberSlot.nextPlanAt(more) <= pricing.signedAt) planId = MemberSlot.nextPlanId(more);
        }
        uint256 reason = _yearReason(pricing, uint16(key));
        if (reason == 0) reason = uint256(Spendable.reasonOf(pricing.statement));
        if (reason == 0) reason = pricing.sectionReason;
        if (reason == 0) {
            uint256 endsAt = MemberSlot.coverageEndsAt(slot);
            bool covered = planId != 0 && planId == pricing.planId && (endsAt == 0 || pricing.signedAt < endsAt);
            if (!covered) reason = uint256(Reason.NotEnrolled);
        }
        pricing.memberReason = reason;
    }

    /// Reads a member year, and the family's where it has one.
    function _readMember(Pricing memory pricing, uint256 key) private view {
        MemberRecord storage record = _members[key];
        uint256 place;
        // MemberRecord begins with `slot`.
        assembly ("memory-safe") {
            place := record.slot
        }
        (pricing.memberKey, pricing.place) = (key, place);
        pricing.slot = pricing.stored = record.slot;

        pricing.familyPlace = 0;
        uint32 familyId = MemberSlot.familyId(pricing.slot);
        if (familyId == 0) return;
        pricing.familyPlace = _placeOf(_families, _familyKey(familyId, uint16(key)));
        pricing.family = _families[_familyKey(familyId, uint16(key))];
    }

    /// Where the word of a key is stored.
    function _placeOf(mapping(uint256 => uint256) storage words, uint256 key) private pure returns (uint256 place) {
        // A mapping's place behind the key, in scratch space.
        assembly ("memory-safe") {
            mstore(0, key)
            mstore(32, words.slot)
            place := keccak256(0, 64)
        }
    }

    /// Writes what the rows of the member year at hand have added.
    function _closeMember(Pricing memory pricing) internal {
        if (pricing.slot == pricing.stored) return;
        _write(pricing.place, pricing.slot);
        if (pricing.familyPlace != 0) _write(pricing.familyPlace, pricing.family = _familyNow(pricing));
        pricing.stored = pricing.slot;
    }

    /// The family of the member year at hand: as it is stored, and what the member's rows have added since.
    function _familyNow(Pricing memory pricing) private pure returns (uint256) {
        (uint256 slot, uint256 stored, uint256 family) = (pricing.slot, pricing.stored, pricing.family);
        return FamilySlot.withMet(
            family,
            FamilySlot.deductibleMet(family) + MemberSlot.deductibleMet(slot) - MemberSlot.deductibleMet(stored),
            FamilySlot.oopMet(family) + MemberSlot.oopMet(slot) - MemberSlot.oopMet(stored)
        );
    }

    /// Writes the first word of a MemberRecord, or a FamilySlot.
    function _write(uint256 place, uint256 slot) private {
        // One that `_readMember`, or `_pricePlain`, has read.
        assembly ("memory-safe") {
            sstore(place, slot)
        }
    }

    function _yearReason(Pricing memory pricing, uint256 benefitYear) private pure returns (uint256) {
        // In 256 bits: a row of the year 65535 must pend, not overflow and take the batch back.
        if (benefitYear + 1 < pricing.currentYear) return uint256(Reason.BenefitYearClosed);
        return benefitYear > pricing.currentYear ? uint256(Reason.BenefitYearNotOpen) : 0;
    }
}
