// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {PayerTerms} from "./PayerTerms.sol";
import {IInsurerPayer} from "./interfaces/IInsurerPayer.sol";
import {IInsurerPayerFactory} from "./interfaces/IInsurerPayerFactory.sol";
import {Adjudication} from "./libraries/Adjudication.sol";
import {BatchCodec} from "./libraries/BatchCodec.sol";
import {ClaimWords} from "./libraries/ClaimWords.sol";
import {ExactTransfer} from "./libraries/ExactTransfer.sol";
import {Notice, WithdrawalRequest} from "./libraries/Notice.sol";
import {Spendable} from "./libraries/Spendable.sol";
import {Words} from "./libraries/Words.sol";
import {Reason} from "./types/Outcomes.sol";
import {CategoryTerms, Fee} from "./types/Terms.sol";
import {FamilyRecord, MemberRecord, PlanRecord} from "./types/TermsRecords.sol";

/// @dev Documented in IInsurerPayer. Terms and members are kept in PayerTerms; here are the pool and pricing.
contract InsurerPayer is PayerTerms, ReentrancyGuardTransient {
    using Notice for WithdrawalRequest;

    /// What stays the same for all rows of a section, and what the rows draw down.
    struct Pricing {
        uint40 signedAt;
        uint16 currentYear;
        uint16 planId;
        uint256 planKey;
        Reason reason; // why no row of the section can be priced
        Adjudication.Plan plan;
        uint256 pool;
        uint256 row; // the next to be priced
        uint256 offset; // the byte where the section is read on
        uint256 rowBytes;
        bytes answers;
        // the service of the last row
        bytes8 serviceId;
        Reason serviceReason;
        Fee fee; // version 0: none looked up, or none in force
        CategoryTerms category;
        // the member year of the last row; key 0: none
        uint256 memberKey;
        Reason memberReason;
        uint256 familyKey; // 0: no family
        bool touched; // `met` is not written yet
        Adjudication.Met met;
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
        if (amount > type(uint64).max - pool) revert PoolOverflow(pool, amount);

        pool += amount;
        withdrawalRequest.noteDeposit(amount);
        emit Deposited(msg.sender, amount);

        ExactTransfer.pull(token, msg.sender, amount);
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
        uint256 word = BatchCodec.header(section, 0);
        Pricing memory pricing = _open(
            BatchCodec.providerId(word), BatchCodec.planId(word), BatchCodec.termsVersion(word), signedAt, currentYear
        );
        pricing.offset = BatchCodec.headerBytes(word);
        pricing.rowBytes = BatchCodec.rowBytes(word);
        pricing.answers = new bytes(BatchCodec.rowCount(word) * 64);
        uint256 groups = BatchCodec.groupCount(word);
        for (uint256 group; group < groups; ++group) {
            _priceGroup(pricing, section, Words.at(spendables, group), skipped);
        }

        _takeFromPool(pricing.pool);
        return pricing.answers;
    }

    /// @inheritdoc IInsurerPayer
    function quote(QuoteRequest calldata row) external view returns (Quote memory quoted) {
        Pricing memory pricing = _open(row.providerId, row.planId, row.termsVersion, row.signedAt, row.currentYear);
        quoted.pool = uint64(pricing.pool);
        Reason reason = _yearReason(pricing, row.benefitYear);
        if (reason == Reason.None) reason = pricing.reason;
        uint256 allowed;
        if (reason == Reason.None) {
            _lookUpMember(pricing, _memberKey(row.member, row.benefitYear));
            (reason, allowed) = _allowed(pricing, row.serviceId, row.units, row.billed);
        }
        quoted.reason = reason;
        if (reason != Reason.None) return quoted;

        if (allowed < row.allowedAtLeast) allowed = row.allowedAtLeast;
        Adjudication.Shares memory shares = Adjudication.split(allowed, pricing.category, pricing.plan, pricing.met);
        if (!Adjudication.fits(pricing.met, shares)) quoted.reason = Reason.PayerFailed;
        quoted.cobMode = _plans[pricing.planKey].cobMode;
        (quoted.amounts, quoted.shares) = _answer(pricing, row.billed, row.units, allowed, shares);
    }

    /// @inheritdoc IInsurerPayer
    function commit(Posting calldata posting) external onlySettlement {
        MemberRecord storage record = _members[_memberKey(posting.member, posting.benefitYear)];
        record.deductibleMet += posting.deductible;
        record.oopMet += posting.outOfPocket;
        record.planPaid += posting.benefit;
        if (record.hasMore && record.familyId != 0) {
            FamilyRecord storage family = _families[_familyKey(record.familyId, posting.benefitYear)];
            family.deductibleMet += posting.deductible;
            family.oopMet += posting.outOfPocket;
        }
        if (posting.units != 0) _units[_postedUnitsKey(posting)] += posting.units;
        _takeFromPool(pool - posting.paid);
    }

    /// @inheritdoc IInsurerPayer
    function reverse(Posting calldata posting) external onlySettlement {
        MemberRecord storage record = _members[_memberKey(posting.member, posting.benefitYear)];
        record.deductibleMet -= posting.deductible;
        record.oopMet -= posting.outOfPocket;
        record.planPaid -= posting.benefit;
        if (record.hasMore && record.familyId != 0) {
            FamilyRecord storage family = _families[_familyKey(record.familyId, posting.benefitYear)];
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
        return _unitsKey(_memberKey(posting.member, posting.benefitYear), posting.serviceId);
    }

    // ---- pricing ----------------------------------------------------------------------------------

    function _open(uint32 providerId, uint16 planId, uint16 version, uint40 signedAt, uint16 currentYear)
        private
        view
        returns (Pricing memory pricing)
    {
        (pricing.signedAt, pricing.currentYear, pricing.planId) = (signedAt, currentYear, planId);
        pricing.planKey = _planKey(planId, version);
        pricing.pool = pool;
        if (!acceptsProvider(providerId, signedAt)) {
            pricing.reason = Reason.ProviderNotAccepted;
        } else if (!_loadPlan(pricing)) {
            pricing.reason = Reason.NoTermsInForce;
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

    function _priceGroup(Pricing memory pricing, bytes calldata section, uint256 spendable, bytes calldata skipped)
        private
    {
        (address member, uint256 count) = BatchCodec.group(section, pricing.offset);
        uint256 offset = pricing.offset + BatchCodec.GROUP_BYTES;
        uint256 row = pricing.row;
        unchecked {
            // Counts and sizes of a section that settlement has checked: far below 2^256.
            for (uint256 end = row + count; row < end; ++row) {
                uint256 rowWord = BatchCodec.header(section, offset + 32);
                if (Words.bit(skipped, row)) {
                    _refuse(pricing, row, rowWord, Reason.SequenceSpent);
                } else {
                    spendable = _priceRow(pricing, row, rowWord, member, spendable);
                }
                offset += pricing.rowBytes;
            }
        }
        (pricing.row, pricing.offset) = (row, offset);
        _closeMember(pricing);
    }

    /// Prices one row and answers it; returns what the patient may still be charged.
    function _priceRow(Pricing memory pricing, uint256 row, uint256 rowWord, address member, uint256 spendable)
        private
        returns (uint256)
    {
        Reason reason = _yearReason(pricing, BatchCodec.benefitYear(rowWord));
        if (reason == Reason.None) reason = Spendable.reasonOf(spendable);
        if (reason == Reason.None) reason = pricing.reason;
        if (reason == Reason.None) {
            uint256 key = _memberKey(member, BatchCodec.benefitYear(rowWord));
            if (key != pricing.memberKey) {
                _closeMember(pricing);
                _lookUpMember(pricing, key);
            }
            uint256 allowed;
            (reason, allowed) = _allowed(
                pricing, BatchCodec.serviceId(rowWord), BatchCodec.units(rowWord), BatchCodec.billed(rowWord)
            );
            if (reason == Reason.None) (reason, spendable) = _settleRow(pricing, row, rowWord, allowed, spendable);
        }
        if (reason != Reason.None) _refuse(pricing, row, rowWord, reason);
        return spendable;
    }

    /// Everything that could leave a party short pends the row before anything is noted.
    function _settleRow(Pricing memory pricing, uint256 row, uint256 rowWord, uint256 allowed, uint256 spendable)
        private
        returns (Reason, uint256)
    {
        Adjudication.Shares memory shares = Adjudication.split(allowed, pricing.category, pricing.plan, pricing.met);
        uint256 responsibility;
        unchecked {
            responsibility = allowed - shares.planPaid; // planPaid is a part of allowed
        }
        Reason reason = Spendable.refusal(spendable, responsibility);
        if (reason != Reason.None) return (reason, spendable);
        if (shares.planPaid > pricing.pool) return (Reason.PayerUnfunded, spendable);
        if (!Adjudication.fits(pricing.met, shares)) return (Reason.PayerFailed, spendable);

        unchecked {
            pricing.pool -= shares.planPaid; // compared above
        }
        Adjudication.add(pricing.met, shares);
        pricing.touched = true;
        if (pricing.fee.annualUnits != 0) {
            _units[_unitsKey(pricing.memberKey, pricing.serviceId)] += BatchCodec.units(rowWord);
        }
        (uint256 amounts, uint256 parts) =
            _answer(pricing, BatchCodec.billed(rowWord), BatchCodec.units(rowWord), allowed, shares);
        Words.set(pricing.answers, 2 * row, amounts);
        Words.set(pricing.answers, 2 * row + 1, parts);
        return (Reason.None, Spendable.charge(spendable, responsibility));
    }

    function _yearReason(Pricing memory pricing, uint16 benefitYear) private pure returns (Reason) {
        // In 256 bits: a row of the year 65535 must pend, not overflow and take the batch back.
        if (uint256(benefitYear) + 1 < pricing.currentYear) return Reason.BenefitYearClosed;
        return benefitYear > pricing.currentYear ? Reason.BenefitYearNotOpen : Reason.None;
    }

    /// What the fee schedule allows the member that was looked up, or why nothing is.
    function _allowed(Pricing memory pricing, bytes8 serviceId, uint16 units, uint64 billed)
        private
        view
        returns (Reason, uint256 allowed)
    {
        if (pricing.memberReason != Reason.None) return (pricing.memberReason, 0);
        if (serviceId != pricing.serviceId || pricing.fee.version == 0) _lookUpService(pricing, serviceId);
        if (pricing.serviceReason != Reason.None) return (pricing.serviceReason, 0);

        Fee memory fee = pricing.fee;
        if (units == 0 || units > fee.maxUnits) return (Reason.UnitsExceeded, 0);
        if (!pricing.category.covered) return (Reason.NotCovered, 0);
        if (fee.annualUnits != 0) {
            uint256 used = _units[_unitsKey(pricing.memberKey, serviceId)];
            if (used + units > fee.annualUnits) return (Reason.AnnualUnitsExceeded, 0);
        }
        unchecked {
            // amount * maxUnits < 2^64 is checked when a fee is published
            allowed = uint256(fee.amount) * units;
        }
        if (billed != 0 && billed < allowed) allowed = billed;
        return (Reason.None, allowed);
    }

    function _lookUpService(Pricing memory pricing, bytes8 serviceId) private view {
        Fee memory fee = feeAt(serviceId, pricing.signedAt);
        Reason reason;
        if (fee.version == 0) {
            // Announced but not in force yet: terms to come, not a denial.
            reason = _fees[serviceId].version != 0 ? Reason.NoTermsInForce : Reason.UnknownService;
        } else {
            pricing.category = _categories[_categoryKey(pricing.planKey, fee.category)];
        }
        (pricing.serviceId, pricing.fee, pricing.serviceReason) = (serviceId, fee, reason);
    }

    function _lookUpMember(Pricing memory pricing, uint256 key) private view {
        MemberRecord storage record = _members[key];
        (uint16 planId, uint40 endsAt, bool hasMore) = (record.planId, record.coverageEndsAt, record.hasMore);
        Adjudication.Met memory met = pricing.met;
        (met.deductible, met.oop, met.planPaid) = (record.deductibleMet, record.oopMet, record.planPaid);
        (pricing.memberKey, pricing.familyKey, met.inFamily) = (key, 0, false);
        if (hasMore) {
            if (record.nextPlanAt != 0 && record.nextPlanAt <= pricing.signedAt) planId = record.nextPlanId;
            _lookUpFamily(pricing, record.familyId, uint16(key));
        }
        bool covered = planId != 0 && planId == pricing.planId && (endsAt == 0 || pricing.signedAt < endsAt);
        pricing.memberReason = covered ? Reason.None : Reason.NotEnrolled;
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
        MemberRecord storage record = _members[pricing.memberKey];
        // `fits` has kept all of them below 2^64.
        (record.deductibleMet, record.oopMet, record.planPaid) =
            (uint64(met.deductible), uint64(met.oop), uint64(met.planPaid));
        if (pricing.familyKey != 0) {
            _families[pricing.familyKey] = FamilyRecord(uint64(met.familyDeductible), uint64(met.familyOop));
        }
    }

    function _refuse(Pricing memory pricing, uint256 row, uint256 rowWord, Reason reason) private pure {
        Words.set(pricing.answers, 2 * row, uint256(BatchCodec.billed(rowWord)) << 192);
        Words.set(pricing.answers, 2 * row + 1, uint256(reason));
    }

    function _answer(
        Pricing memory pricing,
        uint256 billed,
        uint256 units,
        uint256 allowed,
        Adjudication.Shares memory shares
    ) private pure returns (uint256 amounts, uint256 parts) {
        unchecked {
            if (billed == 0) billed = uint256(pricing.fee.amount) * units; // below 2^64, as in `_allowed`
        }
        amounts = ClaimWords.four(billed, allowed, shares.deductible, shares.copay);
        parts = ClaimWords.four(
            shares.coinsurance,
            shares.outsidePlan,
            shares.planPaid,
            pricing.fee.annualUnits == 0 ? 0 : ClaimWords.COUNTED
        );
    }

    /// The pool falls to `left`; the difference waits for `release`.
    function _takeFromPool(uint256 left) private {
        uint256 before = pool;
        if (left == before) return;
        _payable += before - left;
        pool = uint64(left);
    }
}
