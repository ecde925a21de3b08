// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {CategorySlot} from "./CategorySlot.sol";
import {FamilySlot} from "./FamilySlot.sol";
import {FeeSlot} from "./FeeSlot.sol";
import {MemberSlot} from "./MemberSlot.sol";
import {PoolSlot} from "./PoolSlot.sol";
import {IInsurerPayer} from "../interfaces/IInsurerPayer.sol";
import {IInsurerPayerFactory} from "../interfaces/IInsurerPayerFactory.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {Adjudication} from "../math/Adjudication.sol";
import {Calendar} from "../math/Calendar.sol";
import {
    Accumulators,
    CategoryTerms,
    CobMode,
    Fee,
    MAX_FAMILY_MEMBERS,
    MAX_YEARLY_AMOUNT,
    MemberYear,
    PlanTerms
} from "../types/Terms.sol";
import {MemberRecord, PlanRecord} from "../types/TermsRecords.sol";
import {MAX_ANNOUNCEMENT, MAX_BATCH_LIFE, NOTICE} from "../types/Timelocks.sol";

/// @notice What an insurer publishes and whom it insures: the part of InsurerPayer that its owner writes.
abstract contract PayerTerms is IInsurerPayer, Ownable2Step {
    /// One storage slot: acceptance runs from acceptedAt to endsAt (0: open-ended).
    struct Acceptance {
        uint40 acceptedAt;
        uint40 endsAt;
    }

    IProviderRegistry public immutable registry;
    /// @inheritdoc IInsurerPayer
    uint32 public immutable payerId;

    uint256 internal _pool; // see PoolSlot
    /// @inheritdoc IInsurerPayer
    mapping(uint16 planId => uint16 count) public planVersions;
    mapping(uint256 planKey => PlanRecord) internal _plans;
    mapping(uint256 categoryKey => uint256 slot) internal _categories; // see CategorySlot
    mapping(uint256 serviceId => uint256 slot) internal _fees; // the latest, see FeeSlot
    mapping(uint256 feeKey => uint256 slot) internal _supersededFees;
    mapping(uint32 providerId => Acceptance) internal _acceptances;
    mapping(uint256 memberKey => MemberRecord) internal _members;
    mapping(uint256 familyKey => uint256 slot) internal _families; // see FamilySlot
    mapping(uint256 unitsKey => uint32) internal _units;

    /// The factory says whose payer this is and what else it must know.
    constructor() Ownable(_insurer()) {
        (,, registry, payerId,) = IInsurerPayerFactory(msg.sender).blueprint();
    }

    function _insurer() private view returns (address insurer) {
        (,,,, insurer) = IInsurerPayerFactory(msg.sender).blueprint();
    }

    // ---- terms ------------------------------------------------------------------------------------

    /// @inheritdoc IInsurerPayer
    function publishPlan(
        uint16 planId,
        PlanTerms calldata terms,
        uint8[] calldata categories,
        CategoryTerms[] calldata categoryTerms_
    ) external onlyOwner returns (uint16 version) {
        if (planId == 0) revert InvalidPlanId();
        if (categories.length != categoryTerms_.length) {
            revert LengthMismatch(categories.length, categoryTerms_.length);
        }
        // Copied once, and read from there: of calldata every read is checked anew.
        PlanTerms memory published = terms;
        _checkPlan(published);

        version = ++planVersions[planId];
        published.effectiveAt = _supersede(planId, version, published.effectiveAt);
        _store(_plans[_planKey(planId, version)], published);
        _forgetTerms();
        emit PlanPublished(planId, version, published);

        for (uint256 i; i < categories.length; ++i) {
            (uint8 category, CategoryTerms memory shares) = (categories[i], categoryTerms_[i]);
            _checkCategory(category, shares, published.roundingUnit);
            _categories[_categoryKey(_planKey(planId, version), category)] = CategorySlot.pack(shares);
            emit CategoryTermsPublished(planId, version, category, shares);
        }
    }

    /// @inheritdoc IInsurerPayer
    function publishFees(bytes8[] calldata serviceIds, Fee[] calldata fees) external onlyOwner {
        if (serviceIds.length != fees.length) revert LengthMismatch(serviceIds.length, fees.length);
        for (uint256 i; i < serviceIds.length; ++i) {
            _publishFee(serviceIds[i], fees[i]);
        }
    }

    // ---- providers and members --------------------------------------------------------------------

    /// @inheritdoc IInsurerPayer
    function acceptProvider(uint32 providerId) external onlyOwner {
        if (registry.payoutAddress(providerId) == address(0)) revert UnknownProvider(providerId);
        Acceptance storage acceptance = _acceptances[providerId];
        if (acceptance.acceptedAt != 0 && acceptance.endsAt == 0) revert ProviderAlreadyAccepted(providerId);

        // Where an acceptance still runs out, or batches signed before its end may be on their way, it goes
        // on without a gap.
        bool running = acceptance.endsAt + MAX_BATCH_LIFE > block.timestamp && acceptance.acceptedAt != 0;
        acceptance.acceptedAt = running ? acceptance.acceptedAt : uint40(block.timestamp);
        acceptance.endsAt = 0;
        emit ProviderAccepted(providerId);
    }

    /// @inheritdoc IInsurerPayer
    function endProviderAcceptance(uint32 providerId) external onlyOwner {
        Acceptance storage acceptance = _acceptances[providerId];
        if (acceptance.acceptedAt == 0 || acceptance.endsAt != 0) revert ProviderNotAccepted(providerId);
        acceptance.endsAt = uint40(block.timestamp) + NOTICE;
        _forgetTerms();
        emit ProviderAcceptanceEnded(providerId, acceptance.endsAt);
    }

    /// @inheritdoc IInsurerPayer
    function enrol(
        address member,
        uint16 benefitYear,
        uint16 planId,
        uint32 familyId,
        uint64 deductibleMet,
        uint64 oopMet,
        uint64 planPaid
    ) external onlyOwner {
        if (member == address(0)) revert ZeroMember();
        if (planVersions[planId] == 0) revert UnknownPlan(planId);
        uint16 currentYear = Calendar.yearOf(block.timestamp);
        if (uint256(benefitYear) + 1 < currentYear || benefitYear > currentYear + 1) {
            revert BenefitYearOutOfReach(benefitYear, currentYear);
        }
        MemberRecord storage record = _members[_memberKey(member, benefitYear)];
        uint256 slot = record.slot;
        _checkResumable(slot, member, benefitYear, familyId);

        uint256 met = MemberSlot.met(
            _opened(MemberSlot.deductibleMet(slot), deductibleMet),
            _opened(MemberSlot.oopMet(slot), oopMet),
            _opened(MemberSlot.planPaid(slot), planPaid)
        );
        (record.slot, record.more) = (MemberSlot.pack(met, planId, 0, familyId, 0), 0);
        if (familyId != 0) {
            uint256 key = _familyKey(familyId, benefitYear);
            uint256 family = _addedToFamily(_families[key], deductibleMet, oopMet);
            _families[key] = MemberSlot.planId(slot) == 0 ? _withMember(family, familyId) : family;
        }
        emit Enrolled(member, benefitYear, planId, familyId, deductibleMet, oopMet, planPaid);
    }

    /// @inheritdoc IInsurerPayer
    function changePlan(address member, uint16 benefitYear, uint16 planId) external onlyOwner {
        if (planVersions[planId] == 0) revert UnknownPlan(planId);
        MemberRecord storage record = _enrolled(member, benefitYear);
        (uint256 slot, uint256 more) = (record.slot, record.more);
        uint40 endsAt = MemberSlot.coverageEndsAt(slot);
        if (endsAt != 0) revert CoverageAlreadyEnded(endsAt);
        uint16 current = _settledPlan(slot, more);
        bool announced = MemberSlot.nextPlanAt(more) > block.timestamp;
        if (planId == current && !announced) revert PlanUnchanged(planId);

        // Going back to the present plan calls an announced change off; there is nothing to announce.
        uint40 effectiveAt = planId == current ? 0 : uint40(block.timestamp) + NOTICE;
        more = effectiveAt == 0 ? 0 : MemberSlot.packMore(planId, effectiveAt);
        slot = MemberSlot.pack(MemberSlot.metOf(slot), current, 0, MemberSlot.familyId(slot), more);
        (record.slot, record.more) = (slot, more);
        emit PlanChanged(member, benefitYear, planId, effectiveAt == 0 ? uint40(block.timestamp) : effectiveAt);
    }

    /// @inheritdoc IInsurerPayer
    function endCoverage(address member, uint16 benefitYear) external onlyOwner {
        MemberRecord storage record = _enrolled(member, benefitYear);
        uint256 slot = record.slot;
        uint40 endsAt = MemberSlot.coverageEndsAt(slot);
        if (endsAt != 0) revert CoverageAlreadyEnded(endsAt);
        endsAt = uint40(block.timestamp) + NOTICE;
        (uint256 met, uint256 familyId) = (MemberSlot.metOf(slot), MemberSlot.familyId(slot));
        record.slot = MemberSlot.pack(met, MemberSlot.planId(slot), endsAt, familyId, record.more);
        emit CoverageEnded(member, benefitYear, endsAt);
    }

    /// A payer without an owner could never pay its pool back.
    function renounceOwnership() public pure override {
        revert OwnershipCannotBeRenounced();
    }

    // ---- views ------------------------------------------------------------------------------------

    /// @inheritdoc IInsurerPayer
    function planTerms(uint16 planId, uint16 version) external view returns (PlanTerms memory) {
        PlanRecord storage record = _plans[_planKey(planId, version)];
        return PlanTerms({
            deductible: record.deductible,
            oopMax: record.oopMax,
            familyDeductible: record.familyDeductible,
            familyOopMax: record.familyOopMax,
            annualMaximum: record.annualMaximum,
            roundingUnit: record.roundingUnit,
            cobMode: record.cobMode,
            effectiveAt: record.effectiveAt
        });
    }

    /// @inheritdoc IInsurerPayer
    function categoryTerms(uint16 planId, uint16 version, uint8 category)
        external
        view
        returns (CategoryTerms memory)
    {
        return CategorySlot.unpack(_categories[_categoryKey(_planKey(planId, version), category)]);
    }

    /// @inheritdoc IInsurerPayer
    function feeAt(bytes8 serviceId, uint40 time) external view returns (Fee memory) {
        return FeeSlot.unpack(_feeAt(uint64(serviceId), time));
    }

    /// @inheritdoc IInsurerPayer
    function memberYear(address member, uint16 benefitYear) external view returns (MemberYear memory) {
        MemberRecord storage record = _members[_memberKey(member, benefitYear)];
        (uint256 slot, uint256 more) = (record.slot, record.more);
        return MemberYear({
            met: Accumulators({
                deductibleMet: uint64(MemberSlot.deductibleMet(slot)),
                oopMet: uint64(MemberSlot.oopMet(slot)),
                planPaid: uint64(MemberSlot.planPaid(slot))
            }),
            planId: MemberSlot.planId(slot),
            nextPlanId: MemberSlot.nextPlanId(more),
            nextPlanAt: MemberSlot.nextPlanAt(more),
            coverageEndsAt: MemberSlot.coverageEndsAt(slot),
            familyId: MemberSlot.familyId(slot)
        });
    }

    /// @inheritdoc IInsurerPayer
    function familyYear(uint32 familyId, uint16 benefitYear)
        external
        view
        returns (uint64 deductibleMet, uint64 oopMet)
    {
        uint256 family = _families[_familyKey(familyId, benefitYear)];
        return (FamilySlot.deductibleMet(family), FamilySlot.oopMet(family));
    }

    /// @inheritdoc IInsurerPayer
    function unitsUsed(address member, uint16 benefitYear, bytes8 serviceId) external view returns (uint32) {
        return _units[_unitsKey(_memberKey(member, benefitYear), uint64(serviceId))];
    }

    /// @inheritdoc IInsurerPayer
    function acceptsProvider(uint32 providerId, uint40 time) public view returns (bool) {
        Acceptance storage acceptance = _acceptances[providerId];
        (uint40 acceptedAt, uint40 endsAt) = (acceptance.acceptedAt, acceptance.endsAt);
        return acceptedAt != 0 && acceptedAt <= time && (endsAt == 0 || time < endsAt);
    }

    // ---- terms that are remembered, see PoolSlot ----------------------------------------------------

    /// The pool with the terms by which a section was priced: an accepted provider's, by a plan and a category
    /// that were found in force.
    function _remembering(
        uint256 slot,
        uint32 providerId,
        uint256 planKey,
        Adjudication.Plan memory plan,
        uint256 category,
        uint256 terms
    ) internal view returns (uint256) {
        PlanRecord storage record = _plans[planKey];
        Acceptance storage acceptance = _acceptances[providerId];
        // What may still be settled was signed no longer ago than a batch lives.
        uint256 oldest = block.timestamp - MAX_BATCH_LIFE;
        if (record.effectiveAt > oldest || acceptance.acceptedAt > oldest) return slot;
        uint256 until = Math.min(_end(record.supersededAt), _end(acceptance.endsAt));
        return PoolSlot.remember(slot, planKey << 32 | providerId, until, plan, category, terms);
    }

    /// An end that may not have been announced: 0.
    function _end(uint40 time) private pure returns (uint256) {
        return time == 0 ? type(uint40).max : time;
    }

    /// What was remembered may be about to change.
    function _forgetTerms() private {
        _pool = PoolSlot.forgetful(_pool);
    }

    // ---- keys: one word each, no two alike ----------------------------------------------------------

    function _planKey(uint16 planId, uint16 version) internal pure returns (uint256) {
        return uint256(planId) << 16 | version;
    }

    function _categoryKey(uint256 planKey, uint256 category) internal pure returns (uint256) {
        return planKey << 8 | category;
    }

    /// The benefit year is in the lowest 16 bits.
    function _memberKey(address member, uint16 benefitYear) internal pure returns (uint256) {
        return uint256(uint160(member)) << 16 | benefitYear;
    }

    function _familyKey(uint32 familyId, uint16 benefitYear) internal pure returns (uint256) {
        return uint256(familyId) << 16 | benefitYear;
    }

    function _unitsKey(uint256 memberKey, uint256 serviceId) internal pure returns (uint256) {
        return memberKey << 64 | serviceId;
    }

    function _feeKey(uint256 serviceId, uint256 version) internal pure returns (uint256) {
        return serviceId << 16 | version;
    }

    // ---- publishing -------------------------------------------------------------------------------

    function _store(PlanRecord storage record, PlanTerms memory terms) private {
        (record.deductible, record.oopMax, record.roundingUnit) = (terms.deductible, terms.oopMax, terms.roundingUnit);
        record.effectiveAt = terms.effectiveAt;
        bool hasExtras = terms.familyDeductible != 0 || terms.familyOopMax != 0 || terms.annualMaximum != 0
            || terms.cobMode != CobMode.Standard;
        record.hasExtras = hasExtras;
        if (!hasExtras) return;
        (record.familyDeductible, record.familyOopMax) = (terms.familyDeductible, terms.familyOopMax);
        (record.annualMaximum, record.cobMode) = (terms.annualMaximum, terms.cobMode);
    }

    /// Decides when a plan's new version takes effect and notes it in the version before.
    function _supersede(uint16 planId, uint16 version, uint40 requested) private returns (uint40 effectiveAt) {
        PlanRecord storage previous = _plans[_planKey(planId, version - 1)];
        effectiveAt = _effectiveAt(requested, previous.effectiveAt);
        if (version > 1) previous.supersededAt = effectiveAt;
    }

    function _publishFee(bytes8 serviceId, Fee memory fee) private {
        if (serviceId == 0) revert InvalidServiceId();
        if (fee.category == 0) revert InvalidTerms("fee category is 0");
        if (fee.maxUnits == 0) revert InvalidTerms("fee maxUnits is 0");
        if (uint256(fee.amount) * fee.maxUnits > type(uint64).max) revert InvalidTerms("fee amount * maxUnits");

        uint256 superseded = _fees[uint64(serviceId)];
        fee.version = uint16(FeeSlot.version(superseded)) + 1;
        fee.effectiveAt = _effectiveAt(fee.effectiveAt, uint40(FeeSlot.effectiveAt(superseded)));
        if (superseded != 0) _supersededFees[_feeKey(uint64(serviceId), FeeSlot.version(superseded))] = superseded;
        _fees[uint64(serviceId)] = FeeSlot.pack(fee);
        emit FeePublished(serviceId, fee);
    }

    /// The first version may take effect at once: before it there was nothing a signed batch could lose.
    /// Later ones follow NOTICE after their announcement. One at a time: so versions are in order, and a
    /// batch, younger than NOTICE, never has to look further back than one version.
    function _effectiveAt(uint40 requested, uint40 previous) private view returns (uint40) {
        uint40 earliest = uint40(block.timestamp);
        uint40 latest = earliest + MAX_ANNOUNCEMENT;
        if (previous > earliest) revert VersionStillAnnounced(previous);
        if (previous != 0) earliest += NOTICE;
        if (requested == 0) return earliest;
        if (requested < earliest) revert EffectiveTooSoon(requested, earliest);
        if (requested > latest) revert EffectiveTooLate(requested, latest);
        return requested;
    }

    function _checkPlan(PlanTerms memory terms) private pure {
        if (terms.roundingUnit == 0) revert InvalidTerms("roundingUnit is 0");
        if (terms.deductible > MAX_YEARLY_AMOUNT) revert InvalidTerms("deductible over 2^48 - 1");
        if (terms.oopMax > MAX_YEARLY_AMOUNT) revert InvalidTerms("oopMax over 2^48 - 1");
        _checkUnits(terms.deductible, terms.roundingUnit, "deductible in rounding units");
        _checkUnits(terms.oopMax, terms.roundingUnit, "oopMax in rounding units");
        _checkUnits(terms.familyDeductible, terms.roundingUnit, "familyDeductible in rounding units");
        _checkUnits(terms.familyOopMax, terms.roundingUnit, "familyOopMax in rounding units");
        _checkUnits(terms.annualMaximum, terms.roundingUnit, "annualMaximum in rounding units");
    }

    function _checkUnits(uint64 amount, uint32 roundingUnit, string memory what) private pure {
        if (amount % roundingUnit != 0) revert InvalidTerms(what);
    }

    function _checkCategory(uint8 category, CategoryTerms memory terms, uint32 roundingUnit) private pure {
        if (category == 0) revert InvalidTerms("category is 0");
        if (terms.coinsuranceBps > Adjudication.BPS) revert InvalidTerms("coinsuranceBps over 10000");
        if (terms.copay % roundingUnit != 0) revert InvalidTerms("copay in rounding units");
    }

    // ---- members ----------------------------------------------------------------------------------

    /// The fee in force at `time`, see FeeSlot; 0: none.
    function _feeAt(uint256 serviceId, uint256 time) internal view returns (uint256 fee) {
        fee = _fees[serviceId];
        while (fee != 0 && FeeSlot.effectiveAt(fee) > time) {
            fee = _supersededFees[_feeKey(serviceId, FeeSlot.version(fee) - 1)];
        }
    }

    function _enrolled(address member, uint16 benefitYear) private view returns (MemberRecord storage record) {
        record = _members[_memberKey(member, benefitYear)];
        if (MemberSlot.planId(record.slot) == 0) revert NotEnrolled(member, benefitYear);
    }

    /// A new year, or one whose coverage ended so long ago that no batch signed under it is on its way.
    function _checkResumable(uint256 slot, address member, uint16 benefitYear, uint32 familyId) private view {
        if (MemberSlot.planId(slot) == 0) return;
        uint40 endsAt = MemberSlot.coverageEndsAt(slot);
        if (endsAt == 0 || block.timestamp < endsAt) revert AlreadyEnrolled(member, benefitYear);
        if (block.timestamp < endsAt + MAX_BATCH_LIFE) revert ChangeTooRecent(endsAt, endsAt + MAX_BATCH_LIFE);
        if (MemberSlot.familyId(slot) != familyId) revert FamilyUnchangeable(MemberSlot.familyId(slot));
    }

    /// What was met, with an opening entry added. Bounded, because claims are added to it: a plan lets them bring no
    /// deductible or out-of-pocket amount above MAX_YEARLY_AMOUNT, so none of these ever is. What a plan has paid may
    /// be above it by claims alone; then nothing more may be opened.
    function _opened(uint256 met, uint64 opening) private pure returns (uint256 sum) {
        sum = met + opening;
        if (opening != 0 && sum > MAX_YEARLY_AMOUNT) revert OpeningTooLarge(opening, met);
    }

    /// Bounded, because a family's amounts are the sums of its members'.
    function _withMember(uint256 family, uint32 familyId) private pure returns (uint256) {
        if (FamilySlot.members(family) == MAX_FAMILY_MEMBERS) revert FamilyFull(familyId);
        return FamilySlot.withOneMore(family);
    }

    /// A family with what one of its members has met added.
    function _addedToFamily(uint256 family, uint64 deductible, uint64 oop) internal pure returns (uint256) {
        return FamilySlot.withMet(family, FamilySlot.deductibleMet(family) + deductible, FamilySlot.oopMet(family) + oop);
    }

    /// A slot's accumulators with those of a claim added.
    function _addedTo(uint256 slot, uint64 deductible, uint64 oop, uint64 planPaid) internal pure returns (uint256) {
        return MemberSlot.met(
            uint48(MemberSlot.deductibleMet(slot)) + SafeCast.toUint48(deductible),
            uint48(MemberSlot.oopMet(slot)) + SafeCast.toUint48(oop),
            uint64(MemberSlot.planPaid(slot)) + planPaid
        );
    }

    /// The plan in force, once no signed batch can name the one before.
    function _settledPlan(uint256 slot, uint256 more) private view returns (uint16) {
        uint40 nextPlanAt = MemberSlot.nextPlanAt(more);
        if (nextPlanAt == 0 || block.timestamp < nextPlanAt) return MemberSlot.planId(slot);
        // Only one plan before the present one is remembered.
        uint40 until = nextPlanAt + MAX_BATCH_LIFE;
        if (block.timestamp < until) revert ChangeTooRecent(nextPlanAt, until);
        return MemberSlot.nextPlanId(more);
    }
}
