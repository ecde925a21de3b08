// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Reason} from "../types/Outcomes.sol";
import {CategoryTerms, CobMode, Fee, MemberYear, PlanTerms} from "../types/Terms.sol";

/// @notice One insurer's pool, published terms and members; prices its members' events.
/// Amounts are in the token's smallest unit, times in seconds since 1970.
interface IInsurerPayer {
    /// @notice `amount` was added to the pool.
    event Deposited(address indexed from, uint64 amount);
    /// @notice A withdrawal was announced; it replaces one announced before.
    event WithdrawalRequested(uint64 amount, uint40 availableAt);
    /// @notice The announced withdrawal was called off.
    event WithdrawalCancelled();
    /// @notice `amount` left the pool for the insurer's address.
    event Withdrawn(address indexed insurer, uint64 amount);
    /// @notice A reversed claim, or a receivable that was paid, gave `amount` back to the pool.
    event Refunded(uint64 amount);
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
    /// @notice A member's benefit year was opened, or resumed after coverage had ended, under a plan; the
    /// amounts are opening entries carried in from elsewhere, added to what is there.
    event Enrolled(
        address indexed member,
        uint16 indexed benefitYear,
        uint16 indexed planId,
        uint32 familyId,
        uint64 deductibleMet,
        uint64 oopMet,
        uint64 planPaid
    );
    /// @notice The member's plan in that benefit year is `planId` from `effectiveAt` on; accumulators stay.
    event PlanChanged(
        address indexed member, uint16 indexed benefitYear, uint16 indexed planId, uint40 effectiveAt
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
    error EffectiveTooLate(uint40 effectiveAt, uint40 latest);
    error VersionStillAnnounced(uint40 effectiveAt);
    error UnknownPlan(uint16 planId);
    error PlanUnchanged(uint16 planId);
    error UnknownProvider(uint32 providerId);
    error ProviderAlreadyAccepted(uint32 providerId);
    error ProviderNotAccepted(uint32 providerId);
    error ZeroMember();
    error BenefitYearOutOfReach(uint16 benefitYear, uint16 currentYear);
    error AlreadyEnrolled(address member, uint16 benefitYear);
    error NotEnrolled(address member, uint16 benefitYear);
    error FamilyUnchangeable(uint32 familyId);
    error FamilyFull(uint32 familyId);
    error OpeningTooLarge(uint64 opening, uint256 met);
    error CoverageAlreadyEnded(uint40 endsAt);
    error ChangeTooRecent(uint40 changedAt, uint40 until);
    error OwnershipCannotBeRenounced();
    /// @notice Other rows stand with both payers than the primary has noted; nothing was written.
    /// @param rows a bit per row, 1: the primary priced it, and it does not stand; empty: that cannot be said, the
    /// primary or what it may charge a patient fell short
    error RowsDiffer(bytes rows);

    /// @notice Add the caller's tokens to the pool.
    function deposit(uint64 amount) external;

    /// @notice Announce a withdrawal from the pool. Insurer only; same rules as a patient's.
    function requestWithdrawal(uint64 amount) external;

    /// @notice Call the announced withdrawal off. Insurer only.
    function cancelWithdrawal() external;

    /// @notice Take the announced withdrawal, as much of it as settlements since have left. Insurer only.
    function withdraw() external returns (uint64 amount);

    /// @notice Publish the next version of a plan with its category terms. Insurer only. A category that
    /// is not named is not covered.
    /// @param terms `terms.effectiveAt` 0 means as soon as allowed; a plan's first version may take effect at once,
    /// every later one after NOTICE and after the version before it, none later than MAX_ANNOUNCEMENT ahead
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

    /// @notice Open a member's benefit year under a plan, or resume it after its coverage has ended. Insurer
    /// only. Never clears accumulators: opening entries carried in from elsewhere are added, to the member's
    /// and the family's. They bring none of the member's above MAX_YEARLY_AMOUNT.
    /// @param familyId the family whose deductible and maximum the member shares; 0: none; cannot change within a year;
    /// one has at most MAX_FAMILY_MEMBERS members in a year
    function enrol(
        address member,
        uint16 benefitYear,
        uint16 planId,
        uint32 familyId,
        uint64 deductibleMet,
        uint64 oopMet,
        uint64 planPaid
    ) external;

    /// @notice Move an enrolled member to another plan, after NOTICE; accumulators go on. Insurer only.
    function changePlan(address member, uint16 benefitYear, uint16 planId) external;

    /// @notice End a member's coverage in a benefit year, after NOTICE. Insurer only.
    function endCoverage(address member, uint16 benefitYear) external;

    /// @notice Price one section as its only payer, or its primary, and write what settles.
    /// Settlement only.
    /// @param section one packed section, see BatchCodec
    /// @param times u40 the time whose terms apply, and above it u16 that time's year: it and the one before
    /// may be billed; and above that 1 where what is priced moves to settlement in this call, which reverts with
    /// PayerCannotPay where it cannot: else `disburseTotal` follows
    /// @param statements one Spendable word per patient, in order; and behind them, where there is such a row,
    /// a bit per row (row r: bit r % 256 of word r / 256), 1: its sequence was spent before; and behind those, where
    /// there is such a row, another, 1: it is priced, but nothing of it is noted or written
    /// @return answers two words per row, in order: amounts and shares, see PackedClaim
    function adjudicateAll(bytes calldata section, uint256 times, bytes calldata statements)
        external
        returns (bytes memory answers);

    /// @notice Price one section as its secondary payer, behind the primary's `adjudicateAll`, and write what settles;
    /// RowsDiffer where that is not what the primary has written. Settlement only.
    /// @param section as in `adjudicateAll`
    /// @param times as there; `disburseTotal` follows
    /// @param words the primary's answers, two words per row; one Spendable word per patient; and behind them, where
    /// there is such a row, a bit per row, 1: the primary has noted nothing of it
    /// @return answers two words per row, as a claim has them; their length in bytes halved, in one word; and one word
    /// per row: PackedClaim's `secondary`, with the service's flags in its low 64 bits
    function adjudicateRest(bytes calldata section, uint256 times, bytes calldata words)
        external
        returns (bytes memory answers);

    /// @notice Price one row of a section with two payers; writes nothing.
    /// @param row what is priced, and under which terms
    /// @return quote the answer, or the reason why there is none
    function quote(QuoteRequest calldata row) external view returns (Quote memory);

    /// @notice Write a quoted row: accumulators, units and pool. Settlement only.
    function commit(Posting calldata posting) external;

    /// @notice Take a claim, or a part of one, back out of the accumulators of its own year. Settlement only.
    function reverse(Posting calldata posting) external;

    /// @notice Add `amount` to the pool; settlement has sent the tokens. Settlement only.
    function refund(uint64 amount) external;

    /// @notice Move all that was adjudicated in this transaction to settlement; PayerCannotPay where that fails.
    /// Settlement only.
    function disburseTotal() external;

    /// @notice One row to be priced with another payer.
    struct QuoteRequest {
        uint32 providerId;
        uint16 planId;
        uint16 termsVersion;
        uint40 signedAt;
        uint16 currentYear;
        address member;
        uint16 benefitYear;
        bytes8 serviceId;
        uint16 units;
        uint64 billed;
        uint64 allowedAtLeast; // as secondary: the primary's allowed amount; 0 as primary
    }

    /// @notice A price that was not written.
    struct Quote {
        Reason reason; // None: `amounts` and `shares` are the price
        CobMode cobMode; // of the plan
        uint256 amounts; // see PackedClaim
        uint256 shares;
        uint64 pool; // what can still be paid
    }

    /// @notice What one claim moves in a member's year.
    struct Posting {
        address member;
        uint16 benefitYear;
        bytes8 serviceId;
        uint32 units;
        uint64 deductible;
        uint64 outOfPocket;
        uint64 benefit; // counts towards the annual plan maximum
        uint64 paid; // what the pool pays; ignored in a reversal, which `refund` follows
    }

    /// @notice The id under which settlement knows this contract.
    function payerId() external view returns (uint32);

    /// @notice What the insurer can still pay.
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

    /// @notice What a family has met together in one benefit year.
    function familyYear(uint32 familyId, uint16 benefitYear)
        external
        view
        returns (uint64 deductibleMet, uint64 oopMet);

    /// @notice Units of a service that a member had settled in one benefit year; counted only while the fee
    /// names a yearly limit.
    function unitsUsed(address member, uint16 benefitYear, bytes8 serviceId) external view returns (uint32);

    /// @notice Does the insurer pay events of this provider signed at `time`?
    function acceptsProvider(uint32 providerId, uint40 time) external view returns (bool);

    /// @notice The announced withdrawal; `availableAt` 0: none.
    function withdrawalRequest()
        external
        view
        returns (uint64 amount, uint64 depositedSince, uint40 availableAt);
}
