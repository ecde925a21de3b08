// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {FeeSlot} from "./FeeSlot.sol";
import {MemberSlot} from "./MemberSlot.sol";
import {SectionPricing} from "./SectionPricing.sol";
import {BatchCodec} from "../codec/BatchCodec.sol";
import {PackedClaim} from "../codec/PackedClaim.sol";
import {WordArray} from "../codec/WordArray.sol";
import {Spendable} from "../escrow/Spendable.sol";
import {Adjudication} from "../math/Adjudication.sol";
import {CoordinationOfBenefits} from "../math/CoordinationOfBenefits.sol";
import {Outcome, Reason, outcomeOf} from "../types/Outcomes.sol";
import {CobMode} from "../types/Terms.sol";

/// @notice The part of InsurerPayer that prices a section as its secondary payer, when the primary has priced it and
/// noted what it takes to stand. Where that is what stands, the outcome is the one of pricing row by row with both
/// (Coordination._priceCovered): each row then found the same state at either payer.
abstract contract SecondaryPricing is SectionPricing {
    /// A section with the primary's answers, and the row at hand. Places are in calldata, or in memory where said so.
    struct Rest {
        uint256 count; // of rows
        uint256 answers; // the primary's answer to the row at hand
        uint256 services; // the secondary's service id of the row at hand
        uint256 quoted; // a bit per row, 1: the primary has noted nothing of it; 0: of no row
        uint256 secondaries; // in memory: where the row's secondary word goes
        CobMode cobMode;
        bool differs; // another row stands than the primary has noted, or one that it has does not
        bytes fails; // a bit per row, 1: the primary priced it, and it does not stand
        uint256 amounts;
        uint256 shares;
        uint256 secondary;
    }

    /// Prices all rows of a section, opened as the secondary's, and notes what stands.
    /// @param words see IInsurerPayer.adjudicateRest
    /// @return reply see there
    function _priceRest(Pricing memory pricing, bytes calldata section, bytes calldata words)
        internal
        returns (bytes memory reply)
    {
        Rest memory rest;
        reply = _openRest(pricing, rest, section, words);
        for (uint256 index; index < rest.count; ++index) {
            if (pricing.rows == 0) _openGroup(pricing);
            _priceRow(pricing, rest, index);
            WordArray.put(pricing.answer, rest.amounts, rest.shares);
            WordArray.write(rest.secondaries, rest.secondary);
            unchecked {
                // Counts and places within a section that settlement has checked, and words beside it.
                pricing.answer += 64;
                pricing.at += BatchCodec.ROW_BYTES;
                --pricing.rows;
                rest.secondaries += 32;
                rest.answers += 64;
                rest.services += BatchCodec.SECONDARY_SERVICE_BYTES;
            }
        }
        if (rest.differs) revert RowsDiffer(rest.fails);
        _closeMember(pricing);
    }

    function _openRest(Pricing memory pricing, Rest memory rest, bytes calldata section, bytes calldata words)
        private
        view
        returns (bytes memory reply)
    {
        uint256 header = BatchCodec.header(section, 0);
        uint256 rows = BatchCodec.rowCount(header);
        (pricing.groups, rest.count, rest.answers) = (BatchCodec.groupCount(header), rows, BatchCodec.place(words));
        uint256 end = rows * 64 + pricing.groups * 32;
        pricing.statements = rest.answers + rows * 64;
        if (words.length > end) rest.quoted = rest.answers + end;
        pricing.at = BatchCodec.place(section) + BatchCodec.headerBytes(header);
        rest.services = BatchCodec.place(section) + BatchCodec.groupsEnd(header);
        (rest.cobMode, rest.fails) = (_plans[pricing.planKey].cobMode, WordArray.bits(rows));

        reply = WordArray.zeros(rows * 96 + 32);
        WordArray.set(reply, 2 * rows, rows * 32);
        pricing.answer = WordArray.start(reply);
        rest.secondaries = pricing.answer + rows * 64 + 32;
    }

    /// What becomes of the row at hand, from `amounts` to `secondary`.
    function _priceRow(Pricing memory pricing, Rest memory rest, uint256 index) private {
        (rest.amounts, rest.shares) = (BatchCodec.load(rest.answers), BatchCodec.load(rest.answers + 32));
        rest.secondary = 0;
        uint256 reason = PackedClaim.reasonOf(rest.amounts, rest.shares);
        if (reason != 0) return _checkReason(pricing, Reason(reason));

        uint256 row = BatchCodec.load(pricing.at + 32);
        reason = _takeOver(pricing, rest, row);
        bool quoted = rest.quoted != 0
            && BatchCodec.load(rest.quoted + (index >> 8 << 5)) >> (index & 0xff) & 1 != 0;
        if (quoted != (reason != 0)) rest.differs = true;
        if (reason == 0) return;
        WordArray.setBit(rest.fails, index);
        (rest.amounts, rest.shares, rest.secondary) = (uint256(BatchCodec.billed(row)) << 192, reason, 0);
    }

    /// The primary says first why a row does not settle, except where it ran out of money: before that come the
    /// secondary's reasons, of which it knows nothing.
    function _checkReason(Pricing memory pricing, Reason reason) private pure {
        if (reason < Reason.OverConsentLimit || reason > Reason.PayerUnfunded) return;
        if (Spendable.reasonOf(pricing.statement) == Reason.None) revert RowsDiffer("");
    }

    /// Takes over what the secondary pays of a row that the primary has priced, and notes it and what the patient
    /// pays; or says why the row does not settle, and notes nothing.
    function _takeOver(Pricing memory pricing, Rest memory rest, uint256 row) private returns (uint256 reason) {
        uint256 key = pricing.member | BatchCodec.benefitYear(row);
        if (key != pricing.memberKey) _closeMember(pricing);
        _lookUpMember(pricing, key);
        uint256 serviceId = BatchCodec.load(rest.services) >> 192;
        if (pricing.rowKey != serviceId) _lookUpService(pricing, pricing.rowKey = serviceId);
        uint256 units = BatchCodec.units(row);
        reason = _objection(pricing, units);
        if (outcomeOf(Reason(reason)) == Outcome.Pended) return reason;

        if (rest.shares & PackedClaim.COUNTED != 0) rest.secondary = PackedClaim.UNITS_COUNTED;
        rest.shares = rest.shares >> 64 << 64;
        if (reason != 0) return _charge(pricing, rest); // denied: only the primary pays

        Adjudication.Met memory met = _met(pricing);
        uint256 paid;
        (paid, reason) = _benefit(pricing, rest, row, met);
        if (reason != 0) return reason;
        if (paid > pricing.pool) return uint256(Reason.PayerUnfunded);
        rest.shares |= paid;
        reason = _charge(pricing, rest);
        if (reason != 0) return reason;

        pricing.pool -= paid;
        pricing.slot = MemberSlot.withMet(pricing.slot, MemberSlot.met(met.deductible, met.oop, met.planPaid));
        if (FeeSlot.annualUnits(pricing.fee) == 0) return 0;
        _units[_unitsKey(pricing.memberKey, pricing.serviceId)] += uint32(units);
        rest.secondary |= PackedClaim.SECONDARY_UNITS_COUNTED;
    }

    /// What the secondary pays of a row, with its price as if alone added to what was met.
    function _benefit(Pricing memory pricing, Rest memory rest, uint256 row, Adjudication.Met memory met)
        private
        pure
        returns (uint256 paid, uint256 reason)
    {
        uint256 allowed = FeeSlot.amount(pricing.fee) * BatchCodec.units(row);
        uint256 billed = BatchCodec.billed(row);
        if (billed != 0) allowed = Math.min(billed, allowed);
        allowed = Math.max(allowed, PackedClaim.allowed(rest.amounts));
        (uint256 amounts, uint256 shares) = Adjudication.split(allowed, pricing.category, pricing.plan, met);
        if (!Adjudication.add(met, amounts, shares)) return (0, uint256(Reason.PayerFailed));
        rest.secondary |= CoordinationOfBenefits.asIfAlone(amounts, shares);
        paid = CoordinationOfBenefits.paid(rest.amounts, rest.shares, shares, rest.cobMode);
    }

    /// Charges the patient what both payers leave, or says why not.
    function _charge(Pricing memory pricing, Rest memory rest) private pure returns (uint256 reason) {
        uint256 responsibility = PackedClaim.responsibility(rest.amounts, rest.shares);
        reason = uint256(Spendable.refusal(pricing.statement, responsibility));
        if (reason == 0) pricing.statement = Spendable.charge(pricing.statement, responsibility);
    }
}
