// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Determination, Spendable} from "../types/Outcomes.sol";
import {CategoryTerms, Fee, MemberYear, PlanTerms} from "../types/Terms.sol";

/// @notice One insurer's pool, published terms and members; prices its members' events.
interface IInsurerPayer {
    /// @notice `amount` was added to the pool.
    event Deposited(address indexed from, uint64 amount);
    /// @notice A withdrawal was announced; it replaces one announced before.
    event WithdrawalRequested(uint64 amount, uint40 availableAt);
    /// @notice `amount` left the pool for the insurer's address.
    event Withdrawn(address indexed insurer, uint64 amount);
    /// @notice Version `version` of a plan's yearly terms was published.
    event PlanPublished(uint16 indexed planId, uint16 indexed version, PlanTerms terms);
    /// @notice A plan version's terms for one category.
    event CategoryTermsPublished(
        uint16 indexed planId, uint16 indexed version, uint8 indexed category, CategoryTerms terms
    );
    /// @notice A version of the fee for one service id was published.
    event FeePublished(bytes8 indexed serviceId, Fee fee);
    /// @notice The insurer pays events of this provider.
    event ProviderAccepted(uint32 indexed providerId);
    /// @notice The insurer pays no event of this provider signed from `endsAt` on.
    event ProviderAcceptanceEnded(uint32 indexed providerId, uint40 endsAt);
    /// @notice A member's benefit year was opened under a plan; the amounts are opening entries
    /// carried in from elsewhere.
    event Enrolled(
        address indexed member, uint16 indexed benefitYear, uint16 indexed planId, uint64 deductibleMet, uint64 oopMet
    );
    /// @notice The member's coverage in that benefit year ends at `endsAt`.
    event CoverageEnded(address indexed member, uint16 indexed benefitYear, uint40 endsAt);

    error NotSettlement(address caller);
    error PoolOverflow(uint64 pool, uint64 amount);
    error InvalidPlanId();
    error InvalidTerms(string what);
    error InvalidServiceId();
    error LengthMismatch(uint256 left, uint256 right);
    error EffectiveTooSoon(uint40 effectiveAt, uint40 earliest);
    error VersionStillAnnounced(uint40 effectiveAt);
    error UnknownPlan(uint16 planId);
    error UnknownProvider(uint32 providerId);
    error ProviderAlreadyAccepted(uint32 providerId);
    error ProviderNotAccepted(uint32 providerId);
    error ZeroMember();
    error BenefitYearOutOfReach(uint16 benefitYear, uint16 currentYear);
    error AlreadyEnrolled(address member, uint16 benefitYear);
    error NotEnrolled(address member, uint16 benefitYear);
    error CoverageAlreadyEnded(uint40 endsAt);
    error OwnershipCannotBeRenounced();

    /// @notice Add the caller's tokens to the pool.
    function deposit(uint64 amount) external;

    /// @notice Announce a withdrawal from the pool. Insurer only; same rules as a patient's.
    function requestWithdrawal(uint64 amount) external;

    /// @notice Take the announced withdrawal, as much of it as settlements since have left. Insurer only.
    function withdraw() external returns (uint64 amount);

    /// @notice Publish the next version of a plan with its category terms. Insurer only. A category that
    /// is not named is not covered.
    /// @param terms `terms.effectiveAt` 0 means as soon as allowed; a plan's first version may take effect at once,
    /// every later one after NOTICE and after the version before it
    /// @return version counted from 1
    function publishPlan(
        uint16 planId,
        PlanTerms calldata terms,
        uint8[] calldata categories,
        CategoryTerms[] calldata categoryTerms
    ) external returns (uint16 version);

    /// @notice Publish fees by opaque service id. Insurer only. `fee.version` is ignored; `fee.effectiveAt`
    /// follows the same rule as a plan's.
    function publishFees(bytes8[] calldata serviceIds, Fee[] calldata fees) external;

    /// @notice Pay this provider's events from now on. Insurer only.
    function acceptProvider(uint32 providerId) external;

    /// @notice Stop paying this provider's events, after NOTICE. Insurer only.
    function endProviderAcceptance(uint32 providerId) external;

    /// @notice Open a member's benefit year under a plan. Insurer only.
    /// @param deductibleMet opening entry carried in from elsewhere
    /// @param oopMet opening entry carried in from elsewhere
    function enrol(address member, uint16 benefitYear, uint16 planId, uint64 deductibleMet, uint64 oopMet) external;

    /// @notice End a member's coverage in a benefit year, after NOTICE. Insurer only.
    function endCoverage(address member, uint16 benefitYear) external;

    /// @notice Price one section and write what settles. Settlement only.
    /// @param section one packed section, see BatchCodec
    /// @param signedAt the time whose terms apply
    /// @param currentYear benefit years accepted: this one and the one before
    /// @param spendables one per patient group, in order
    /// @param spent one per row: true where the provider's sequence was spent before
    /// @return determinations one per row, in order
    function adjudicate(
        bytes calldata section,
        uint40 signedAt,
        uint16 currentYear,
        Spendable[] calldata spendables,
        bool[] calldata spent
    ) external returns (Determination[] memory determinations);

    /// @notice Move all that was adjudicated in this transaction to settlement. Settlement only.
    function release() external;

    /// @notice The id under which settlement knows this contract.
    function payerId() external view returns (uint32);

    /// @notice What the insurer can still pay, in the token's smallest unit.
    function pool() external view returns (uint64);

    /// @notice How many versions of a plan were published.
    function planVersions(uint16 planId) external view returns (uint16);

    /// @notice One version of a plan's yearly terms; `effectiveAt` 0: no such version.
    function planTerms(uint16 planId, uint16 version) external view returns (PlanTerms memory);

    /// @notice One plan version's terms for a category; all zero: not covered.
    function categoryTerms(uint16 planId, uint16 version, uint8 category) external view returns (CategoryTerms memory);

    /// @notice The fee in force at `time`; `version` 0: none.
    function feeAt(bytes8 serviceId, uint40 time) external view returns (Fee memory);

    /// @notice A member's standing in one benefit year.
    function memberYear(address member, uint16 benefitYear) external view returns (MemberYear memory);

    /// @notice Does the insurer pay events of this provider signed at `time`?
    function acceptsProvider(uint32 providerId, uint40 time) external view returns (bool);

    /// @notice The announced withdrawal; `availableAt` 0: none.
    function withdrawalRequest()
        external
        view
        returns (uint64 amount, uint64 depositedSince, uint40 availableAt);
}
