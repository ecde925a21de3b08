// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IInsurerPayer} from "./interfaces/IInsurerPayer.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {Adjudication} from "./libraries/Adjudication.sol";
import {BatchCodec} from "./libraries/BatchCodec.sol";
import {Calendar} from "./libraries/Calendar.sol";
import {ExactTransfer} from "./libraries/ExactTransfer.sol";
import {MAX_BATCH_LIFE, NOTICE, Notice, WithdrawalRequest} from "./libraries/Notice.sol";
import {CostSharing, Determination, Outcome, Reason, Spendable} from "./types/Outcomes.sol";
import {CategoryTerms, Fee, MemberYear, PlanTerms} from "./types/Terms.sol";

/// @dev Documented in IInsurerPayer.
contract InsurerPayer is IInsurerPayer, Ownable2Step, ReentrancyGuardTransient {
    using Notice for WithdrawalRequest;

    /// One storage slot: acceptance runs from acceptedAt to endsAt (0: open-ended).
    struct Acceptance {
        uint40 acceptedAt;
        uint40 endsAt;
    }

    /// What stays the same for all rows of a section, and what the rows draw down.
    struct Pricing {
        uint40 signedAt;
        uint16 currentYear;
        uint16 planId;
        uint16 termsVersion;
        Reason reason; // why no row of the section can be priced
        PlanTerms plan;
        uint64 pool;
        uint64 sequenceBase;
        uint64 balance; // what is left of the patient's
        uint64 perEventLimit;
        uint256 row; // the next to be priced
        uint256 offset; // the byte where the section is read on
        Determination[] determinations; // by row
    }

    IERC20 public immutable token;
    address public immutable settlement;
    IProviderRegistry public immutable registry;
    /// @inheritdoc IInsurerPayer
    uint32 public immutable payerId;

    /// @inheritdoc IInsurerPayer
    uint64 public pool;
    /// @inheritdoc IInsurerPayer
    WithdrawalRequest public withdrawalRequest;

    /// @inheritdoc IInsurerPayer
    mapping(uint16 planId => uint16 count) public planVersions;
    mapping(uint16 planId => mapping(uint16 version => PlanTerms)) private _plans;
    mapping(uint16 planId => mapping(uint16 version => mapping(uint8 category => CategoryTerms))) private _categories;
    mapping(bytes8 serviceId => Fee latest) private _fees;
    mapping(bytes8 serviceId => mapping(uint16 version => Fee)) private _supersededFees;
    mapping(uint32 providerId => Acceptance) private _acceptances;
    mapping(address member => mapping(uint16 benefitYear => MemberYear)) private _members;

    /// Adjudicated in this transaction and not yet moved.
    uint256 private transient _payable;

    constructor(IERC20 token_, address settlement_, IProviderRegistry registry_, uint32 payerId_, address insurer)
        Ownable(insurer)
    {
        (token, settlement, registry, payerId) = (token_, settlement_, registry_, payerId_);
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
    function withdraw() external onlyOwner nonReentrant returns (uint64 amount) {
        amount = withdrawalRequest.take(pool);
        pool -= amount;
        emit Withdrawn(msg.sender, amount);

        SafeERC20.safeTransfer(token, msg.sender, amount);
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
        _checkPlan(terms);

        PlanTerms memory published = terms;
        version = ++planVersions[planId];
        published.effectiveAt = _effectiveAt(terms.effectiveAt, _plans[planId][version - 1].effectiveAt);
        _plans[planId][version] = published;
        emit PlanPublished(planId, version, published);

        for (uint256 i; i < categories.length; ++i) {
            _checkCategory(categories[i], categoryTerms_[i], terms.roundingUnit);
            _categories[planId][version][categories[i]] = categoryTerms_[i];
            emit CategoryTermsPublished(planId, version, categories[i], categoryTerms_[i]);
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
        emit ProviderAcceptanceEnded(providerId, acceptance.endsAt);
    }

    /// @inheritdoc IInsurerPayer
    function enrol(address member, uint16 benefitYear, uint16 planId, uint64 deductibleMet, uint64 oopMet)
        external
        onlyOwner
    {
        if (member == address(0)) revert ZeroMember();
        if (planVersions[planId] == 0) revert UnknownPlan(planId);
        uint16 currentYear = Calendar.yearOf(block.timestamp);
        if (uint256(benefitYear) + 1 < currentYear || benefitYear > currentYear + 1) {
            revert BenefitYearOutOfReach(benefitYear, currentYear);
        }
        MemberYear storage standing = _members[member][benefitYear];
        if (standing.planId != 0) revert AlreadyEnrolled(member, benefitYear);

        (standing.planId, standing.deductibleMet, standing.oopMet) = (planId, deductibleMet, oopMet);
        emit Enrolled(member, benefitYear, planId, deductibleMet, oopMet);
    }

    /// @inheritdoc IInsurerPayer
    function endCoverage(address member, uint16 benefitYear) external onlyOwner {
        MemberYear storage standing = _members[member][benefitYear];
        if (standing.planId == 0) revert NotEnrolled(member, benefitYear);
        if (standing.coverageEndsAt != 0) revert CoverageAlreadyEnded(standing.coverageEndsAt);
        standing.coverageEndsAt = uint40(block.timestamp) + NOTICE;
        emit CoverageEnded(member, benefitYear, standing.coverageEndsAt);
    }

    // ---- settlement -------------------------------------------------------------------------------

    /// @inheritdoc IInsurerPayer
    function adjudicate(
        bytes calldata section,
        uint40 signedAt,
        uint16 currentYear,
        Spendable[] calldata spendables,
        bool[] calldata spent
    ) external onlySettlement returns (Determination[] memory) {
        Pricing memory pricing = _openPricing(BatchCodec.readSection(section, 0), signedAt, currentYear);
        for (uint256 group; group < spendables.length; ++group) {
            _priceGroup(pricing, section, spendables[group], spent);
        }

        _payable += pool - pricing.pool;
        pool = pricing.pool;
        return pricing.determinations;
    }

    /// @inheritdoc IInsurerPayer
    function release() external onlySettlement {
        uint256 amount = _payable;
        if (amount == 0) return;
        _payable = 0;
        SafeERC20.safeTransfer(token, settlement, amount);
    }

    // ---- views ------------------------------------------------------------------------------------

    /// @inheritdoc IInsurerPayer
    function planTerms(uint16 planId, uint16 version) external view returns (PlanTerms memory) {
        return _plans[planId][version];
    }

    /// @inheritdoc IInsurerPayer
    function categoryTerms(uint16 planId, uint16 version, uint8 category)
        external
        view
        returns (CategoryTerms memory)
    {
        return _categories[planId][version][category];
    }

    /// @inheritdoc IInsurerPayer
    function feeAt(bytes8 serviceId, uint40 time) public view returns (Fee memory fee) {
        fee = _fees[serviceId];
        while (fee.version != 0 && fee.effectiveAt > time) {
            fee = _supersededFees[serviceId][fee.version - 1];
        }
    }

    /// @inheritdoc IInsurerPayer
    function memberYear(address member, uint16 benefitYear) external view returns (MemberYear memory) {
        return _members[member][benefitYear];
    }

    /// @inheritdoc IInsurerPayer
    function acceptsProvider(uint32 providerId, uint40 time) public view returns (bool) {
        Acceptance storage acceptance = _acceptances[providerId];
        if (acceptance.acceptedAt == 0 || time < acceptance.acceptedAt) return false;
        return acceptance.endsAt == 0 || time < acceptance.endsAt;
    }

    /// A payer without an owner could never pay its pool back.
    function renounceOwnership() public pure override {
        revert OwnershipCannotBeRenounced();
    }

    // ---- pricing ----------------------------------------------------------------------------------

    function _openPricing(BatchCodec.Section memory header, uint40 signedAt, uint16 currentYear)
        private
        view
        returns (Pricing memory pricing)
    {
        (pricing.signedAt, pricing.currentYear, pricing.pool) = (signedAt, currentYear, pool);
        (pricing.planId, pricing.termsVersion) = (header.planId, header.termsVersion);
        pricing.sequenceBase = header.sequenceBase;
        pricing.offset = BatchCodec.SECTION_BYTES;
        pricing.determinations = new Determination[](header.rowCount);
        pricing.plan = _plans[header.planId][header.termsVersion];
        if (!acceptsProvider(header.providerId, signedAt)) {
            pricing.reason = Reason.ProviderNotAccepted;
        } else if (!_inForce(header.planId, header.termsVersion, pricing.plan.effectiveAt, signedAt)) {
            pricing.reason = Reason.NoTermsInForce;
        }
    }

    /// The version in force at signedAt: begun, and its successor not.
    function _inForce(uint16 planId, uint16 version, uint40 effectiveAt, uint40 signedAt) private view returns (bool) {
        if (effectiveAt == 0 || effectiveAt > signedAt) return false;
        if (version == type(uint16).max) return true;
        uint40 supersededAt = _plans[planId][version + 1].effectiveAt;
        return supersededAt == 0 || supersededAt > signedAt;
    }

    function _priceGroup(
        Pricing memory pricing,
        bytes calldata section,
        Spendable calldata spendable,
        bool[] calldata spent
    ) private {
        (address member, uint256 count) = BatchCodec.readGroup(section, pricing.offset);
        (pricing.balance, pricing.perEventLimit) = (spendable.balance, spendable.perEventLimit);
        pricing.offset += BatchCodec.GROUP_BYTES;
        for (; count > 0; --count) {
            BatchCodec.Row memory row = BatchCodec.readRow(section, pricing.offset, pricing.sequenceBase);
            pricing.determinations[pricing.row] = spent[pricing.row]
                ? _without(Outcome.Skipped, Reason.SequenceSpent)
                : _determine(pricing, member, spendable.reason, row);
            ++pricing.row;
            pricing.offset += BatchCodec.ROW_BYTES;
        }
    }

    /// Prices one row and, only if it settles, writes the member's accumulators.
    function _determine(Pricing memory pricing, address member, Reason escrowReason, BatchCodec.Row memory row)
        private
        returns (Determination memory determination)
    {
        if (pricing.reason == Reason.ProviderNotAccepted) return _without(Outcome.Pended, pricing.reason);
        // In 256 bits: a row of the year 65535 must pend, not overflow and take the batch back.
        if (uint256(row.benefitYear) + 1 < pricing.currentYear) return _without(Outcome.Denied, Reason.BenefitYearClosed);
        if (row.benefitYear > pricing.currentYear) return _without(Outcome.Pended, Reason.BenefitYearNotOpen);
        if (pricing.reason != Reason.None) return _without(Outcome.Pended, pricing.reason);
        if (escrowReason != Reason.None) return _without(Outcome.Pended, escrowReason);

        MemberYear memory standing = _members[member][row.benefitYear];
        if (!_covered(standing, pricing)) return _without(Outcome.Pended, Reason.NotEnrolled);

        Fee memory fee = feeAt(row.serviceId, pricing.signedAt);
        if (fee.version == 0) {
            // Announced but not in force yet: terms to come, not a denial.
            bool announced = _fees[row.serviceId].version != 0;
            return announced
                ? _without(Outcome.Pended, Reason.NoTermsInForce)
                : _without(Outcome.Denied, Reason.UnknownService);
        }

        (Reason denial, CostSharing memory shares) = Adjudication.adjudicate(
            row.billed,
            row.units,
            fee,
            _categories[pricing.planId][pricing.termsVersion][fee.category],
            pricing.plan,
            standing
        );
        if (denial != Reason.None) return _without(Outcome.Denied, denial);
        return _settle(pricing, _members[member][row.benefitYear], shares);
    }

    /// Everything that could leave a party short pends the row before anything is written.
    function _settle(Pricing memory pricing, MemberYear storage standing, CostSharing memory shares)
        private
        returns (Determination memory)
    {
        // Parts of one uint64 allowed amount: the sum cannot overflow.
        uint64 responsibility = shares.deductible + shares.copay + shares.coinsurance;
        if (responsibility > pricing.perEventLimit) return _without(Outcome.Pended, Reason.OverConsentLimit);
        if (responsibility > pricing.balance) return _without(Outcome.Pended, Reason.PatientUnfunded);
        if (shares.planPaid > pricing.pool) return _without(Outcome.Pended, Reason.PayerUnfunded);

        pricing.balance -= responsibility;
        pricing.pool -= shares.planPaid;
        if (responsibility != 0) {
            standing.deductibleMet += shares.deductible;
            standing.oopMet += responsibility;
        }
        return Determination(Outcome.Settled, Reason.None, shares);
    }

    function _covered(MemberYear memory standing, Pricing memory pricing) private pure returns (bool) {
        if (standing.planId == 0 || standing.planId != pricing.planId) return false;
        return standing.coverageEndsAt == 0 || pricing.signedAt < standing.coverageEndsAt;
    }

    function _without(Outcome outcome, Reason reason) private pure returns (Determination memory determination) {
        (determination.outcome, determination.reason) = (outcome, reason);
    }

    // ---- publishing -------------------------------------------------------------------------------

    function _publishFee(bytes8 serviceId, Fee calldata fee) private {
        if (serviceId == 0) revert InvalidServiceId();
        if (fee.category == 0) revert InvalidTerms("fee category is 0");
        if (fee.maxUnits == 0) revert InvalidTerms("fee maxUnits is 0");
        if (uint256(fee.amount) * fee.maxUnits > type(uint64).max) revert InvalidTerms("fee amount * maxUnits");

        Fee memory superseded = _fees[serviceId];
        Fee memory published = fee;
        published.version = superseded.version + 1;
        published.effectiveAt = _effectiveAt(fee.effectiveAt, superseded.effectiveAt);
        if (superseded.version != 0) _supersededFees[serviceId][superseded.version] = superseded;
        _fees[serviceId] = published;
        emit FeePublished(serviceId, published);
    }

    /// The first version may take effect at once: before it there was nothing a signed batch could lose.
    /// Later ones follow NOTICE after their announcement. One at a time: so versions are in order, and a
    /// batch, younger than NOTICE, never has to look further back than one version.
    function _effectiveAt(uint40 requested, uint40 previous) private view returns (uint40) {
        uint40 earliest = uint40(block.timestamp);
        if (previous > earliest) revert VersionStillAnnounced(previous);
        if (previous != 0) earliest += NOTICE;
        if (requested == 0) return earliest;
        if (requested < earliest) revert EffectiveTooSoon(requested, earliest);
        return requested;
    }

    function _checkPlan(PlanTerms calldata terms) private pure {
        if (terms.roundingUnit == 0) revert InvalidTerms("roundingUnit is 0");
        if (terms.deductible % terms.roundingUnit != 0) revert InvalidTerms("deductible in rounding units");
        if (terms.oopMax % terms.roundingUnit != 0) revert InvalidTerms("oopMax in rounding units");
    }

    function _checkCategory(uint8 category, CategoryTerms calldata terms, uint32 roundingUnit) private pure {
        if (category == 0) revert InvalidTerms("category is 0");
        if (terms.coinsuranceBps > Adjudication.BPS) revert InvalidTerms("coinsuranceBps over 10000");
        if (terms.copay % roundingUnit != 0) revert InvalidTerms("copay in rounding units");
    }
}
