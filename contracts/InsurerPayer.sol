// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {BatchCodec} from "./codec/BatchCodec.sol";
import {PackedClaim} from "./codec/PackedClaim.sol";
import {WordArray} from "./codec/WordArray.sol";
import {IInsurerPayer} from "./interfaces/IInsurerPayer.sol";
import {IInsurerPayerFactory} from "./interfaces/IInsurerPayerFactory.sol";
import {ISettlementState} from "./interfaces/ISettlementState.sol";
import {Adjudication} from "./math/Adjudication.sol";
import {FamilySlot} from "./payer/FamilySlot.sol";
import {FeeSlot} from "./payer/FeeSlot.sol";
import {MemberSlot} from "./payer/MemberSlot.sol";
import {PoolSlot} from "./payer/PoolSlot.sol";
import {SecondaryPricing} from "./payer/SecondaryPricing.sol";
import {ExactTransfer} from "./token/ExactTransfer.sol";
import {TransferGas} from "./token/TransferGas.sol";
import {WithdrawalRequest, WithdrawalRequests} from "./token/WithdrawalRequests.sol";
import {Reason} from "./types/Outcomes.sol";
import {MemberRecord} from "./types/TermsRecords.sol";

/// @dev Documented in IInsurerPayer. In `payer/`: terms and members (PayerTerms) and what becomes of a row
/// (SectionPricing, and SecondaryPricing behind another payer). Here is the pool, and what settlement may ask and do.
contract InsurerPayer is SecondaryPricing, ReentrancyGuardTransient {
    using WithdrawalRequests for WithdrawalRequest;

    IERC20 public immutable token;
    address public immutable settlement;

    /// @inheritdoc IInsurerPayer
    WithdrawalRequest public withdrawalRequest;

    /// Adjudicated in this transaction and not yet moved.
    uint256 private transient _payable;

    constructor() {
        (token, settlement,,,) = IInsurerPayerFactory(msg.sender).blueprint();
    }

    modifier onlySettlement() {
        _checkSettlement();
        _;
    }

    // ---- pool -------------------------------------------------------------------------------------

    /// @inheritdoc IInsurerPayer
    function deposit(uint64 amount) external nonReentrant {
        // Credited after the tokens have arrived, so that the pool never promises what is not there.
        ExactTransfer.pull(token, msg.sender, amount);

        uint64 before = pool();
        if (amount > type(uint64).max - before) revert PoolOverflow(before, amount);
        _setPool(before + amount);
        withdrawalRequest.noteDeposit(amount);
        emit Deposited(msg.sender, amount);
    }

    /// @inheritdoc IInsurerPayer
    function pool() public view returns (uint64) {
        return PoolSlot.balance(_pool);
    }

    /// @inheritdoc IInsurerPayer
    function requestWithdrawal(uint64 amount) external onlyOwner {
        uint40 availableAt = withdrawalRequest.open(amount, pool());
        emit WithdrawalRequested(amount, availableAt);
    }

    /// @inheritdoc IInsurerPayer
    function cancelWithdrawal() external onlyOwner {
        withdrawalRequest.cancel();
        emit WithdrawalCancelled();
    }

    /// @inheritdoc IInsurerPayer
    function withdraw() external onlyOwner nonReentrant returns (uint64 amount) {
        amount = withdrawalRequest.take(pool());
        _setPool(pool() - amount);
        emit Withdrawn(msg.sender, amount);

        SafeERC20.safeTransfer(token, msg.sender, amount);
    }

    // ---- settlement -------------------------------------------------------------------------------

    /// @inheritdoc IInsurerPayer
    function adjudicateAll(bytes calldata section, uint256 times, bytes calldata statements)
        external
        onlySettlement
        returns (bytes memory)
    {
        uint256 header = BatchCodec.header(section, 0);
        (uint256 groups, uint256 size) = (BatchCodec.groupCount(header), BatchCodec.rowCount(header) * 64);
        uint256 slot = _pool;
        Pricing memory pricing = _blank()[0];
        _open(
            pricing,
            BatchCodec.providerId(header),
            BatchCodec.planId(header),
            BatchCodec.termsVersion(header),
            uint40(times),
            uint16(times >> 40),
            slot
        );
        bytes memory reply = WordArray.zeros(32 + size);
        (pricing.pool, pricing.groups) = (PoolSlot.balance(slot), groups);
        unchecked {
            // places in calldata and memory
            pricing.at = BatchCodec.place(section) + BatchCodec.headerBytes(header);
            pricing.statements = BatchCodec.place(statements);
            if (statements.length > 32 * groups) pricing.skipped = pricing.statements + 32 * groups;
            uint256 bits = WordArray.bitBytes(size >> 6);
            if (statements.length > 32 * groups + bits) pricing.quoted = pricing.skipped + bits;
            pricing.answer = pricing.answers = WordArray.start(reply) + 32;
        }
        _priceSection(pricing);
        if (times >> 56 == 0) _takeFromPool(pricing.pool);
        else _payAtOnce(pricing, slot, BatchCodec.providerId(header));

        // `reply` becomes what the ABI makes of `bytes`: their place, their length, and the answers.
        assembly ("memory-safe") {
            mstore(reply, 32)
            mstore(add(reply, 32), size)
            return(reply, add(size, 64))
        }
    }

    /// @inheritdoc IInsurerPayer
    function adjudicateRest(bytes calldata section, uint256 times, bytes calldata words)
        external
        onlySettlement
        returns (bytes memory reply)
    {
        uint256 header = BatchCodec.header(section, 0);
        uint256 terms = BatchCodec.secondary(section, 0, header);
        Pricing memory pricing = _blank()[0];
        uint16 currentYear = uint16(times >> 40);
        uint32 providerId = BatchCodec.providerId(header);
        _open(pricing, providerId, uint16(terms >> 16), uint16(terms), uint40(times), currentYear, _pool);
        pricing.pool = pool();
        reply = _priceRest(pricing, section, words);
        _takeFromPool(pricing.pool);
    }

    /// @inheritdoc IInsurerPayer
    function quote(QuoteRequest calldata row) external view returns (Quote memory quoted) {
        Pricing memory pricing = _blank()[0];
        _open(pricing, row.providerId, row.planId, row.termsVersion, row.signedAt, row.currentYear, 0);
        _lookUpMember(pricing, _memberKey(row.member, row.benefitYear));
        _lookUpService(pricing, uint64(row.serviceId));
        (quoted.reason, quoted.pool) = (Reason(_objection(pricing, row.units)), pool());
        if (quoted.reason != Reason.None) return quoted;

        uint256 scheduled = FeeSlot.amount(pricing.fee) * row.units;
        uint256 billed = row.billed == 0 ? scheduled : row.billed;
        uint256 allowed = Math.max(Math.min(billed, scheduled), row.allowedAtLeast);
        Adjudication.Met memory met = _met(pricing);
        (quoted.amounts, quoted.shares) = Adjudication.split(allowed, pricing.category, pricing.plan, met);
        if (!Adjudication.add(met, quoted.amounts, quoted.shares)) quoted.reason = Reason.PayerFailed;
        quoted.cobMode = _plans[pricing.planKey].cobMode;
        quoted.amounts |= billed << 192;
        if (FeeSlot.annualUnits(pricing.fee) != 0) quoted.shares |= PackedClaim.COUNTED;
    }

    /// @inheritdoc IInsurerPayer
    function commit(Posting calldata posting) external onlySettlement {
        uint256 member = _memberKey(posting.member, posting.benefitYear);
        MemberRecord storage record = _members[member];
        uint256 slot = record.slot;
        record.slot = MemberSlot.withMet(
            slot, _addedTo(slot, posting.deductible, posting.outOfPocket, posting.benefit)
        );
        uint32 familyId = MemberSlot.familyId(slot);
        if (familyId != 0) {
            uint256 key = _familyKey(familyId, posting.benefitYear);
            _families[key] = _addedToFamily(_families[key], posting.deductible, posting.outOfPocket);
        }
        if (posting.units != 0) _units[_unitsKey(member, uint64(posting.serviceId))] += posting.units;
        _takeFromPool(pool() - posting.paid);
    }

    /// @inheritdoc IInsurerPayer
    function reverse(Posting calldata posting) external onlySettlement {
        uint256 member = _memberKey(posting.member, posting.benefitYear);
        MemberRecord storage record = _members[member];
        uint256 slot = record.slot;
        record.slot = MemberSlot.withMet(
            slot,
            MemberSlot.met(
                MemberSlot.deductibleMet(slot) - posting.deductible,
                MemberSlot.oopMet(slot) - posting.outOfPocket,
                MemberSlot.planPaid(slot) - posting.benefit
            )
        );
        uint32 familyId = MemberSlot.familyId(slot);
        if (familyId != 0) {
            uint256 key = _familyKey(familyId, posting.benefitYear);
            uint256 family = _families[key];
            _families[key] = FamilySlot.withMet(
                family,
                FamilySlot.deductibleMet(family) - posting.deductible,
                FamilySlot.oopMet(family) - posting.outOfPocket
            );
        }
        if (posting.units != 0) _units[_unitsKey(member, uint64(posting.serviceId))] -= posting.units;
    }

    /// @inheritdoc IInsurerPayer
    function refund(uint64 amount) external onlySettlement {
        // As in the escrow: of a token with 2^64 units or more the pool stays at the most it can hold, so that a refund
        // never keeps the rest of its reversal back.
        uint64 room = type(uint64).max - pool();
        if (amount > room) amount = room;

        _setPool(pool() + amount);
        withdrawalRequest.noteDeposit(amount);
        emit Refunded(amount);
    }

    /// @inheritdoc IInsurerPayer
    function disburseTotal() external onlySettlement {
        uint256 amount = _payable;
        if (amount == 0) return;
        _payable = 0;
        _pay(amount);
    }

    function _checkSettlement() private view {
        if (msg.sender != settlement) revert NotSettlement(msg.sender);
    }

    /// What was priced leaves the pool and moves to settlement; where it cannot, all that this call did is taken
    /// back with an error that says so. The terms that were used are remembered.
    /// @param slot the pool's, as it is stored
    function _payAtOnce(Pricing memory pricing, uint256 slot, uint32 providerId) private {
        uint256 amount;
        unchecked {
            // Pricing takes no more from the pool than is there.
            amount = PoolSlot.balance(slot) - pricing.pool;
        }
        if (amount == 0) return;
        uint256 category = FeeSlot.category(pricing.fee);
        bool known = pricing.remembered != 0 && PoolSlot.category(slot) == category;
        if (!known && pricing.serviceReason == 0) {
            slot = _remembering(slot, providerId, pricing.planKey, pricing.plan, category, pricing.category);
        }
        _pool = PoolSlot.withBalance(slot, pricing.pool);
        _pay(amount);
    }

    /// Moves tokens that have left the pool to settlement, or reverts with the error by which settlement knows that
    /// they cannot.
    function _pay(uint256 amount) private {
        if (TransferGas.tryTransfer(token, settlement, amount)) return;
        revert ISettlementState.PayerCannotPay(payerId, TransferGas.answer());
    }

    /// The pool falls to `left`; the difference waits for `disburseTotal`.
    function _takeFromPool(uint256 left) private {
        uint256 before = pool();
        if (left == before) return;
        _payable += before - left;
        _setPool(left);
    }

    function _setPool(uint256 amount) private {
        _pool = PoolSlot.withBalance(_pool, amount);
    }
}
