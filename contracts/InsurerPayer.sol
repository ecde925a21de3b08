// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {PayerTerms} from "./PayerTerms.sol";
import {IInsurerPayer} from "./interfaces/IInsurerPayer.sol";
import {IInsurerPayerFactory} from "./interfaces/IInsurerPayerFactory.sol";
import {Adjudication} from "./libraries/Adjudication.sol";
import {BatchCodec} from "./libraries/BatchCodec.sol";
import {CategorySlot} from "./libraries/CategorySlot.sol";
import {ClaimWords} from "./libraries/ClaimWords.sol";
import {ExactTransfer} from "./libraries/ExactTransfer.sol";
import {FeeSlot} from "./libraries/FeeSlot.sol";
import {MemberSlot} from "./libraries/MemberSlot.sol";
import {Notice, WithdrawalRequest} from "./libraries/Notice.sol";
import {Spendable} from "./libraries/Spendable.sol";
import {Words} from "./libraries/Words.sol";
import {Reason} from "./types/Outcomes.sol";
import {FamilyRecord, MemberRecord, PlanRecord} from "./types/TermsRecords.sol";

/// @dev Documented in IInsurerPayer. Terms and members are kept in PayerTerms; here are the pool and pricing.
contract InsurerPayer is PayerTerms, ReentrancyGuardTransient {
    using Notice for WithdrawalRequest;

    /// What stays the same for all rows of a section, and what the rows draw down. Whole words, though most
    /// hold less: this is read and written for every event. The first fourteen are also read and written by
    /// `_pricePlain`, by their places.
    struct Pricing {
        uint256 member; //     0x00 the patient at hand: a memberKey of year 0
        uint256 memberKey; //  0x20 the member year that was looked up; 0: none
        uint256 serviceId; //  0x40 the service that was looked up
        uint256 plainUnits; // 0x60 the most units of a row that `_pricePlain` may price; 0: none
        uint256 price; //      0x80 what the fee schedule allows for one unit
        uint256 category; //   0xa0 see CategorySlot
        uint256 deductible; // 0xc0 the plan's
        uint256 oopMax; //     0xe0 the plan's
        uint256 unit; //       0x100 the plan's rounding unit
        Adjudication.Met met; // 0x120 of the member that was looked up: deductible, oop, planPaid, ...
        uint256 spendable; //  0x140 of the patient at hand, see Spendable
        uint256 pool; //       0x160
        uint256 answer; //     0x180 the memory address where the next answer goes
        bool touched; //       0x1a0 `met` is not written yet
        uint256 row; // the next to be priced
        uint256 offset; // the byte where the section is read on
        uint256 signedAt;
        uint256 currentYear;
        uint256 planId;
        uint256 planKey;
        uint256 sectionReason; // why no row of the section can be priced
        Adjudication.Plan plan;
        uint256 serviceReason; // why the service cannot be priced
        uint256 fee; // see FeeSlot
        uint256 memberReason; // why the member cannot be charged
        uint256 memberSlot; // see MemberSlot; its accumulators are in `met`
        uint256 familyKey; // 0: no family
    }

    IERC20 public immutable token;
    address public immutable settlement;

    /// @inheritdoc IInsurerPayer
    uint64 public pool;
    /// @inheritdoc IInsurerPayer
    WithdrawalRequest public withdrawalRequest;

    /// Adjudicated in this transaction and not yet moved.
    uint256 private transient _payable;

    constructor() {
        (token, settlement,,,) = IInsurerPayerFactory(msg.sender).blueprint();
    }

    modifier onlySettlement() {
        if (msg.sender != settlement) revert NotSettlement(msg.sender);
        _;
    }

    // ---- pool -------------------------------------------------------------------------------------

    /// @inheritdoc IInsurerPayer
    function deposit(uint64 amount) external nonReentrant {
        // Credited after the tokens have arrived, so that the pool never promises what is not there.
        ExactTransfer.pull(token, msg.sender, amount);

        if (amount > type(uint64).max - pool) revert PoolOverflow(pool, amount);
        pool += amount;
        withdrawalRequest.noteDeposit(amount);
        emit Deposited(msg.sender, amount);
    }

    /// @inheritdoc IInsurerPayer
    function requestWithdrawal(uint64 amount) external onlyOwner {
        uint40 availableAt = withdrawalRequest.open(amount, pool);
        emit WithdrawalRequested(amount, availableAt);
    }

    /// @inheritdoc IInsurerPayer
    function cancelWithdrawal() external onlyOwner {
        withdrawalRequest.cancel();
        emit WithdrawalCancelled();
    }

    /// @inheritdoc IInsurerPayer
    function withdraw() external onlyOwner nonReentrant returns (uint64 amount) {
        amount = withdrawalRequest.take(pool);
        pool -= amount;
        emit Withdrawn(msg.sender, amount);

        SafeERC20.safeTransfer(token, msg.sender, amount);
    }

    // ---- settlement -------------------------------------------------------------------------------

    /// @inheritdoc IInsurerPayer
    function adjudicate(
        bytes calldata section,
        uint40 signedAt,
        uint16 currentYear,
        bytes calldata spendables,
        bytes calldata skipped
    ) external onlySettlement returns (bytes memory) {
        uint256 header = BatchCodec.header(section, 0);
        Pricing memory pricing = _open(
            BatchCodec.providerId(header), BatchCodec.planId(header), BatchCodec.termsVersion(header), signedAt, currentYear
        );
        bytes memory answers = new bytes(BatchCodec.rowCount(header) * 64);
        (pricing.answer, pricing.offset) = (Words.start(answers), BatchCodec.SECTION_BYTES);
        for (uint256 group; group < BatchCodec.groupCount(header); ++group) {
            pricing.spendable = Words.at(spendables, group);
            _priceGroup(pricing, section, skipped);
        }

        _takeFromPool(pricing.pool);
        return answers;
    }

    /// @inheritdoc IInsurerPayer
    function quote(QuoteRequest calldata row) external view returns (Quote memory quoted) {
        Pricing memory pricing = _open(row.providerId, row.planId, row.termsVersion, row.signedAt, row.currentYear);
        _lookUpMember(pricing, _memberKey(row.member, row.benefitYear));
        _lookUpService(pricing, uint64(row.serviceId));
        (quoted.reason, quoted.pool) = (Reason(_objection(pricing, row.units)), uint64(pricing.pool));
        if (quoted.reason != Reason.None) return quoted;

        uint256 scheduled = FeeSlot.amount(pricing.fee) * row.units;
        uint256 billed = row.billed == 0 ? scheduled : row.billed;
        uint256 allowed = Math.max(Math.min(billed, scheduled), row.allowedAtLeast);
        (quoted.amounts, quoted.shares) =
            Adjudication.split(allowed, pricing.category, pricing.plan, pricing.met);
        if (!Adjudication.add(pricing.met, quoted.amounts, quoted.shares)) quoted.reason = Reason.PayerFailed;
        quoted.cobMode = _plans[pricing.planKey].cobMode;
        quoted.amounts |= billed << 192;
        if (FeeSlot.annualUnits(pricing.fee) != 0) quoted.shares |= ClaimWords.COUNTED;
    }

    /// @inheritdoc IInsurerPayer
    function commit(Posting calldata posting) external onlySettlement {
        MemberRecord storage record = _members[_memberKey(posting.member, posting.benefitYear)];
        uint256 slot = record.slot;
        record.slot = MemberSlot.withMet(
            slot, _addedTo(slot, posting.deductible, posting.outOfPocket, posting.benefit)
        );
        uint32 familyId = MemberSlot.hasMore(slot) ? MemberSlot.familyId(record.more) : 0;
        if (familyId != 0) {
            FamilyRecord storage family = _families[_familyKey(familyId, posting.benefitYear)];
            family.deductibleMet += posting.deductible;
            family.oopMet += posting.outOfPocket;
        }
        if (posting.units != 0) _units[_postedUnitsKey(posting)] += posting.units;
        _takeFromPool(pool - posting.paid);
    }

    /// @inheritdoc IInsurerPayer
    function reverse(Posting calldata posting) external onlySettlement {
        MemberRecord storage record = _members[_memberKey(posting.member, posting.benefitYear)];
        uint256 slot = record.slot;
        record.slot = MemberSlot.withMet(
            slot,
            MemberSlot.met(
                MemberSlot.deductibleMet(slot) - posting.deductible,
                MemberSlot.oopMet(slot) - posting.outOfPocket,
                MemberSlot.planPaid(slot) - posting.benefit
            )
        );
        uint32 familyId = MemberSlot.hasMore(slot) ? MemberSlot.familyId(record.more) : 0;
        if (familyId != 0) {
            FamilyRecord storage family = _families[_familyKey(familyId, posting.benefitYear)];
            family.deductibleMet -= posting.deductible;
            family.oopMet -= posting.outOfPocket;
        }
        if (posting.units != 0) _units[_postedUnitsKey(posting)] -= posting.units;
    }

    /// @inheritdoc IInsurerPayer
    function refund(uint64 amount) external onlySettlement {
        // Refunds were paid out of this pool: the sum stays within what the token's supply allows.
        pool += amount;
        withdrawalRequest.noteDeposit(amount);
        emit Refunded(amount);
    }

    /// @inheritdoc IInsurerPayer
    function release() external onlySettlement {
        uint256 amount = _payable;
        if (amount == 0) return;
        _payable = 0;
        SafeERC20.safeTransfer(token, settlement, amount);
    }

    function _postedUnitsKey(Posting calldata posting) private pure returns (uint256) {
        return _unitsKey(_memberKey(posting.member, posting.benefitYear), uint64(posting.serviceId));
    }

    // ---- pricing ----------------------------------------------------------------------------------

    function _open(uint32 providerId, uint16 planId, uint16 version, uint40 signedAt, uint16 currentYear)
        private
        view
        returns (Pricing memory pricing)
    {
        (pricing.signedAt, pricing.currentYear, pricing.planId) = (signedAt, currentYear, planId);
        (pricing.planKey, pricing.pool) = (_planKey(planId, version), pool);
        pricing.serviceId = type(uint256).max; // no row's
        if (!acceptsProvider(providerId, signedAt)) {
            pricing.sectionReason = uint256(Reason.ProviderNotAccepted);
        } else if (!_loadPlan(pricing)) {
            pricing.sectionReason = uint256(Reason.NoTermsInForce);
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
        (pricing.deductible, pricing.oopMax, pricing.unit) = (plan.deductible, plan.oopMax, plan.roundingUnit);
        if (record.hasExtras) {
            (plan.familyDeductible, plan.familyOopMax) = (record.familyDeductible, record.familyOopMax);
            plan.annualMaximum = record.annualMaximum;
        }
        return true;
    }

    function _priceGroup(Pricing memory pricing, bytes calldata section, bytes calldata skipped) private {
        uint256 offset = pricing.offset;
        (address member, uint256 rows) = BatchCodec.group(section, offset);
        pricing.member = _memberKey(member, 0);
        offset += BatchCodec.GROUP_BYTES;
        unchecked {
            // Counts and offsets within a section that settlement has checked.
            for (; rows != 0; --rows) {
                uint256 row = BatchCodec.header(section, offset + 32);
                if (skipped.length != 0 && Words.bit(skipped, pricing.row)) {
                    _refuse(pricing, row, uint256(Reason.SequenceSpent));
                } else {
                    uint256 key = pricing.member | BatchCodec.benefitYear(row);
                    if (key != pricing.memberKey) _turnTo(pricing, key);
                    if (row >> 192 != pricing.serviceId) _lookUpService(pricing, row >> 192);
                    if (!_pricePlain(pricing, row)) _priceRow(pricing, row);
                }
                ++pricing.row;
                pricing.answer += 64;
                offset += BatchCodec.ROW_BYTES;
            }
        }
        pricing.offset = offset;
        _closeMember(pricing);
    }

    /// Does what `_priceRow` does with a row of the commonest kind: a covered service without a yearly limit, no
    /// family, no annual maximum, and enough money everywhere. False, and nothing noted, for any other. At less
    /// than half of the gas. `quote` prices without it, so that the tests can hold the two together.
    function _pricePlain(Pricing memory pricing, uint256 row) private pure returns (bool done) {
        // Reads and writes the fields of `pricing` at the places that stand beside them, `met` and the answer,
        // all allocated. All amounts are below 2^64.
        assembly ("memory-safe") {
            function smaller(a, b) -> c {
                c := xor(b, mul(xor(a, b), lt(a, b)))
            }
            function difference(a, b) -> c {
                c := mul(sub(a, b), gt(a, b))
            }
            function low64(a) -> c {
                c := and(a, 0xffffffffffffffff)
            }
            let units := and(shr(176, row), 0xffff)
            done := lt(sub(units, 1), mload(add(pricing, 0x60)))
            if done {
                let met := mload(add(pricing, 0x120))
                let answer := mload(add(pricing, 0x180)) // written as it comes about; `_priceRow` writes it anew

                // What is allowed; it becomes what the plan pays.
                let planPaid := mul(units, mload(add(pricing, 0x80)))
                {
                    let billed := low64(shr(112, row))
                    if iszero(billed) { billed := planPaid }
                    planPaid := smaller(planPaid, billed)
                    mstore(answer, or(shl(192, billed), shl(128, planPaid)))
                }

                // As Adjudication.split.
                let outOfPocket := difference(mload(add(pricing, 0xe0)), mload(add(met, 0x20)))
                let deductible := 0
                let responsibility
                let category := mload(add(pricing, 0xa0))
                {
                    let room := smaller(planPaid, outOfPocket)
                    let copay := low64(shr(48, category))
                    if and(category, 0x100) { deductible := difference(mload(add(pricing, 0xc0)), mload(met)) }
                    switch and(category, 0x10000)
                    case 0 {
                        deductible := smaller(deductible, room)
                        copay := smaller(copay, sub(room, deductible))
                    }
                    default {
                        copay := smaller(copay, room)
                        deductible := smaller(deductible, sub(room, copay))
                    }
                    mstore(answer, or(mload(answer), or(shl(64, deductible), copay)))
                    responsibility := add(deductible, copay)
                    planPaid := sub(planPaid, responsibility)
                }
                let coinsurance := 0
                if and(category, 0x1000000) {
                    let unit := mload(add(pricing, 0x100))
                    let part := mul(planPaid, sub(10000, and(shr(32, category), 0xffff)))
                    part := mul(div(add(part, mul(5000, unit)), mul(10000, unit)), unit)
                    coinsurance := sub(planPaid, smaller(part, planPaid))
                    coinsurance := smaller(coinsurance, sub(outOfPocket, responsibility))
                    planPaid := sub(planPaid, coinsurance)
                    responsibility := add(responsibility, coinsurance)
                }
                mstore(add(answer, 0x20), or(shl(192, coinsurance), shl(64, planPaid)))

                // As Spendable.allows, the pool, and Adjudication.add.
                let spendable := mload(add(pricing, 0x140))
                let pool_ := mload(add(pricing, 0x160))
                deductible := add(mload(met), deductible)
                let oop := add(mload(add(met, 0x20)), responsibility)
                let paid := add(mload(add(met, 0x40)), planPaid)
                done := iszero(
                    or(
                        or(gt(responsibility, low64(shr(64, spendable))), gt(responsibility, low64(shr(128, spendable)))),
                        or(
                            or(gt(responsibility, shr(192, spendable)), gt(planPaid, pool_)),
                            gt(shr(64, or(or(deductible, oop), paid)), 0)
                        )
                    )
                )
                if done {
                    mstore(met, deductible)
                    mstore(add(met, 0x20), oop)
                    mstore(add(met, 0x40), paid)
                    mstore(add(pricing, 0x140), sub(spendable, add(shl(192, responsibility), shl(128, responsibility))))
                    mstore(add(pricing, 0x160), sub(pool_, planPaid))
                    mstore(add(pricing, 0x1a0), 1)
                }
            }
        }
    }

    /// Prices one row of the member and service that were looked up, notes what it moves and writes its answer. Everything that could leave a party short
    /// pends it before anything is noted.
    function _priceRow(Pricing memory pricing, uint256 row) private {
        unchecked {
            // Amounts below 2^64 throughout; what is subtracted was compared before.
            uint256 allowed = FeeSlot.amount(pricing.fee) * BatchCodec.units(row);
            uint256 billed = BatchCodec.billed(row);
            if (billed == 0) billed = allowed;
            uint256 reason = _objection(pricing, BatchCodec.units(row));
            if (reason != 0) return _refuse(pricing, row, reason);
            if (billed < allowed) allowed = billed;

            (uint256 amounts, uint256 shares) =
                Adjudication.split(allowed, pricing.category, pricing.plan, pricing.met);
            uint256 planPaid = ClaimWords.planPaid(shares);
            uint256 spendable = pricing.spendable;
            if (!Spendable.allows(spendable, allowed - planPaid)) {
                return _refuse(pricing, row, uint256(Spendable.refusal(spendable, allowed - planPaid)));
            }
            if (planPaid > pricing.pool) return _refuse(pricing, row, uint256(Reason.PayerUnfunded));
            if (!Adjudication.add(pricing.met, amounts, shares)) {
                return _refuse(pricing, row, uint256(Reason.PayerFailed));
            }

            pricing.touched = true;
            pricing.spendable = Spendable.charge(spendable, allowed - planPaid);
            pricing.pool -= planPaid;
            if (FeeSlot.annualUnits(pricing.fee) != 0) {
                _units[_unitsKey(pricing.memberKey, pricing.serviceId)] += BatchCodec.units(row);
                shares |= ClaimWords.COUNTED;
            }
            Words.put(pricing.answer, amounts | billed << 192, shares);
        }
    }

    function _refuse(Pricing memory pricing, uint256 row, uint256 reason) private pure {
        Words.put(pricing.answer, uint256(BatchCodec.billed(row)) << 192, reason);
    }

    /// Why so many units of the service that was looked up cannot be allowed to the member that was looked up;
    /// 0: they can.
    function _objection(Pricing memory pricing, uint256 units) private view returns (uint256) {
        if (pricing.memberReason != 0) return pricing.memberReason;
        if (pricing.serviceReason != 0) return pricing.serviceReason;
        uint256 fee = pricing.fee;
        if (units == 0 || units > FeeSlot.maxUnits(fee)) return uint256(Reason.UnitsExceeded);
        if (!CategorySlot.covered(pricing.category)) return uint256(Reason.NotCovered);
        if (FeeSlot.annualUnits(fee) == 0) return 0;
        uint256 used = _units[_unitsKey(pricing.memberKey, pricing.serviceId)];
        return used + units > FeeSlot.annualUnits(fee) ? uint256(Reason.AnnualUnitsExceeded) : 0;
    }

    /// After a look-up: what `_pricePlain` may price.
    function _setPlainUnits(Pricing memory pricing) private pure {
        uint256 fee = pricing.fee;
        bool plain = pricing.memberReason | pricing.serviceReason == 0 && CategorySlot.covered(pricing.category)
            && FeeSlot.annualUnits(fee) == 0 && pricing.familyKey == 0 && pricing.plan.annualMaximum == 0;
        (pricing.plainUnits, pricing.price) = (plain ? FeeSlot.maxUnits(fee) : 0, FeeSlot.amount(fee));
    }

    function _turnTo(Pricing memory pricing, uint256 key) private {
        _closeMember(pricing);
        _lookUpMember(pricing, key);
    }

    function _lookUpService(Pricing memory pricing, uint256 serviceId) private view {
        uint256 fee = _feeAt(serviceId, pricing.signedAt);
        Reason reason;
        if (fee == 0) {
            // Announced but not in force yet: terms to come, not a denial.
            reason = _fees[serviceId] != 0 ? Reason.NoTermsInForce : Reason.UnknownService;
        } else {
            pricing.category = _categories[_categoryKey(pricing.planKey, FeeSlot.category(fee))];
        }
        (pricing.serviceId, pricing.fee, pricing.serviceReason) = (serviceId, fee, uint256(reason));
        _setPlainUnits(pricing);
    }

    /// Reads a member's year, and why its rows cannot be charged: the year, the escrow, the section, the member.
    function _lookUpMember(Pricing memory pricing, uint256 key) private view {
        MemberRecord storage record = _members[key];
        uint256 slot = record.slot;
        Adjudication.Met memory met = pricing.met;
        (met.deductible, met.oop) = (MemberSlot.deductibleMet(slot), MemberSlot.oopMet(slot));
        (met.planPaid, met.inFamily) = (MemberSlot.planPaid(slot), false);
        (pricing.memberKey, pricing.memberSlot, pricing.familyKey) = (key, slot, 0);

        uint256 planId = MemberSlot.planId(slot);
        if (MemberSlot.hasMore(slot)) {
            uint256 more = record.more;
            uint256 nextPlanAt = MemberSlot.nextPlanAt(more);
            if (nextPlanAt != 0 && nextPlanAt <= pricing.signedAt) planId = MemberSlot.nextPlanId(more);
            _lookUpFamily(pricing, MemberSlot.familyId(more), uint16(key));
        }
        uint256 reason = _yearReason(uint16(key), pricing.currentYear);
        if (reason == 0) reason = uint256(Spendable.reasonOf(pricing.spendable));
        if (reason == 0) reason = pricing.sectionReason;
        if (reason == 0) {
            uint256 endsAt = MemberSlot.coverageEndsAt(slot);
            bool covered = planId != 0 && planId == pricing.planId && (endsAt == 0 || pricing.signedAt < endsAt);
            if (!covered) reason = uint256(Reason.NotEnrolled);
        }
        pricing.memberReason = reason;
        _setPlainUnits(pricing);
    }

    function _lookUpFamily(Pricing memory pricing, uint32 familyId, uint16 benefitYear) private view {
        if (familyId == 0) return;
        pricing.familyKey = _familyKey(familyId, benefitYear);
        FamilyRecord storage family = _families[pricing.familyKey];
        Adjudication.Met memory met = pricing.met;
        (met.inFamily, met.familyDeductible, met.familyOop) = (true, family.deductibleMet, family.oopMet);
    }

    /// Writes what the rows of the member year that was looked up last have added.
    function _closeMember(Pricing memory pricing) private {
        if (!pricing.touched) return;
        pricing.touched = false;
        Adjudication.Met memory met = pricing.met;
        _members[pricing.memberKey].slot =
            MemberSlot.withMet(pricing.memberSlot, MemberSlot.met(met.deductible, met.oop, met.planPaid));
        if (pricing.familyKey != 0) {
            // `Adjudication.add` has kept both below 2^64.
            _families[pricing.familyKey] = FamilyRecord(uint64(met.familyDeductible), uint64(met.familyOop));
        }
        pricing.memberKey = 0;
    }

    function _yearReason(uint256 benefitYear, uint256 currentYear) private pure returns (uint256) {
        // In 256 bits: a row of the year 65535 must pend, not overflow and take the batch back.
        if (benefitYear + 1 < currentYear) return uint256(Reason.BenefitYearClosed);
        return benefitYear > currentYear ? uint256(Reason.BenefitYearNotOpen) : 0;
    }

    /// The pool falls to `left`; the difference waits for `release`.
    function _takeFromPool(uint256 left) private {
        uint256 before = pool;
        if (left == before) return;
        _payable += before - left;
        pool = uint64(left);
    }
}
