// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SectionCalls} from "./SectionCalls.sol";
import {SettlementState} from "./SettlementState.sol";
import {BatchCodec} from "../codec/BatchCodec.sol";
import {PackedClaim} from "../codec/PackedClaim.sol";
import {WordArray} from "../codec/WordArray.sol";
import {Spendable} from "../escrow/Spendable.sol";
import {IInsurerPayer} from "../interfaces/IInsurerPayer.sol";
import {CoordinationOfBenefits} from "../math/CoordinationOfBenefits.sol";
import {BatchContext} from "../types/Batch.sol";
import {Outcome, Reason, outcomeOf} from "../types/Outcomes.sol";

/// @notice The part of ClaimSettlement that prices rows one at a time: self-pay, coordination of benefits of
/// two payers, and corrections. No payer writes before all have priced. Sections with two payers that correct nothing
/// are priced as a whole by either payer in turn, for the same outcome.
abstract contract Coordination is SettlementState {
    /// The payers of a run of sections. Contracts are zero where there is none.
    struct Payers {
        uint32 primaryId; // 0: self-pay
        uint32 secondaryId; // 0: none
        IInsurerPayer primary;
        IInsurerPayer secondary;
        bool unknown; // one of them was never made
    }

    /// The contracts of both payers of a run of sections.
    function _payerContracts(uint256 payers_) internal view returns (Payers memory pair) {
        (pair.primaryId, pair.secondaryId) = (uint32(payers_ >> 32), uint32(payers_));
        if (pair.primaryId != 0) {
            pair.primary = IInsurerPayer(_payerAddress(pair.primaryId));
            pair.unknown = address(pair.primary).code.length == 0;
        }
        if (pair.secondaryId != 0) {
            pair.secondary = IInsurerPayer(_payerAddress(pair.secondaryId));
            pair.unknown = pair.unknown || address(pair.secondary).code.length == 0;
        }
    }

    // ---- a section as a whole, with two payers ----------------------------------------------------------

    /// How often rows are guessed to stand or not before a section is priced row by row.
    uint256 private constant GUESSES = 2;

    /// Prices a section with two payers and commits what settles, for the outcome of `_priceOneByOne`. What the primary
    /// prices depends on which rows before stand with both, so it is told which to note: all at first; then, where others
    /// stand, those that did. Each guess that was wrong is taken back.
    /// @return answers see _priceOneByOne
    /// @return secondaries see there
    function _priceTogether(
        BatchContext memory context,
        Payers memory pair,
        bytes calldata section,
        bytes memory skipped,
        bytes memory spendables
    ) internal returns (bytes memory answers, bytes memory secondaries) {
        uint256 rows = BatchCodec.rowCount(BatchCodec.header(section, 0));
        uint256 times = context.currentYear << 40 | context.signedAt;
        bytes memory words = bytes.concat(spendables, skipped);
        for (uint256 guess; guess < GUESSES; ++guess) {
            bool succeeded;
            (succeeded, answers) = SectionCalls.priceSection(this.priceSection.selector, section, times, words);
            if (succeeded) return (answers, WordArray.split(answers, 2 * rows));

            if (bytes4(answers) != IInsurerPayer.RowsDiffer.selector) SectionCalls.bubble(answers);
            bytes memory quoted = SectionCalls.errorBytes(answers);
            if (quoted.length == 0) break;
            if (skipped.length == 0) skipped = WordArray.bits(rows);
            words = bytes.concat(spendables, skipped, quoted);
        }
        return _priceOneByOne(context, pair, section, skipped, spendables);
    }

    /// @notice Have both payers of a section price it and write what settles. Called by this contract alone, as a call
    /// of its own so that what the primary has written goes with what the secondary refuses.
    /// @param words one Spendable word per patient; what is behind them is as in IInsurerPayer.adjudicateAll
    /// @return reply see IInsurerPayer.adjudicateRest
    function priceSection(bytes calldata section, uint256 times, bytes calldata words)
        external
        returns (bytes memory reply)
    {
        if (msg.sender != address(this)) revert OnlySelf(msg.sender);

        Payers memory pair = _payerContracts(BatchCodec.payersOf(section, 0));
        uint256 size = BatchCodec.groupCount(BatchCodec.header(section, 0)) << 5;
        bool succeeded;
        (succeeded, reply) = SectionCalls.adjudicateAll(pair.primary, section, times, _unlimited(words, size));
        if (!succeeded) SectionCalls.bubble(reply);
        // Behind the patients' words comes what was skipped, of which the primary has told; then what is quoted.
        uint256 quotedAt = size + WordArray.bitBytes(BatchCodec.rowCount(BatchCodec.header(section, 0)));
        bytes calldata quoted = words.length > quotedAt ? words[quotedAt:] : words[:0];
        return SectionCalls.adjudicateRest(
            pair.secondary, section, times, bytes.concat(reply, words[:size], quoted)
        );
    }

    /// The words with no limit to what a patient pays, which is known when the secondary has priced.
    /// @param size how long those of the patients are, together
    function _unlimited(bytes calldata words, uint256 size) private pure returns (bytes memory unlimited) {
        unlimited = words;
        for (uint256 group; group < size >> 5; ++group) {
            WordArray.set(unlimited, group, Spendable.unlimited(WordArray.get(unlimited, group)));
        }
    }

    // ---- row by row -----------------------------------------------------------------------------------

    /// One row while it is priced.
    struct Row {
        BatchContext context;
        Payers payers;
        uint256 header;
        uint64 secondaryTerms; // secondaryPayerId u32 | planId u16 | termsVersion u16
        address patient;
        uint256 word;
        bytes8 secondaryServiceId;
        bytes32 corrects;
        Price price;
    }

    /// amounts, shares: as in PackedClaim; secondary: as if alone, with the service's flags in its low 64 bits.
    struct Price {
        uint256 amounts;
        uint256 shares;
        uint256 secondary;
        uint256 responsibility;
    }

    /// Prices all rows of a section in order and commits those that settle.
    /// @return answers two words per row: amounts and shares, or the reason why there are none
    /// @return secondaries one word per row
    function _priceOneByOne(
        BatchContext memory context,
        Payers memory pair,
        bytes calldata section,
        bytes memory skipped,
        bytes memory spendables
    ) internal returns (bytes memory answers, bytes memory secondaries) {
        Row memory row;
        (row.context, row.payers, row.header) = (context, pair, BatchCodec.header(section, 0));
        row.secondaryTerms = BatchCodec.secondary(section, 0, row.header);
        answers = new bytes(BatchCodec.rowCount(row.header) * 64);
        secondaries = new bytes(BatchCodec.rowCount(row.header) * 32);

        uint256 index;
        uint256 offset = BatchCodec.headerBytes(row.header);
        for (uint256 group; group < spendables.length >> 5; ++group) {
            uint256 end;
            (row.patient, end) = BatchCodec.group(section, offset);
            offset += BatchCodec.GROUP_BYTES;
            uint256 spendable = WordArray.get(spendables, group);
            for (end += index; index < end; ++index) {
                _read(row, section, offset, index);
                Reason reason =
                    WordArray.isSet(skipped, index) ? Reason.SequenceSpent : _priceRow(row, spendable);
                if (reason == Reason.None) {
                    spendable = Spendable.charge(spendable, row.price.responsibility);
                    WordArray.set(secondaries, index, row.price.secondary);
                } else {
                    row.price.amounts = uint256(BatchCodec.billed(row.word)) << 192;
                    row.price.shares = uint256(reason);
                }
                WordArray.set(answers, 2 * index, row.price.amounts);
                WordArray.set(answers, 2 * index + 1, row.price.shares);
                offset += BatchCodec.ROW_BYTES;
            }
        }
    }

    function _read(Row memory row, bytes calldata section, uint256 offset, uint256 index) private pure {
        row.word = BatchCodec.header(section, offset + 32);
        if (row.secondaryTerms != 0) row.secondaryServiceId = BatchCodec.secondaryServiceId(section, row.header, index);
        if (BatchCodec.isCorrection(row.header)) row.corrects = BatchCodec.corrects(section, row.header, index);
        row.price = Price(0, 0, 0, 0);
    }

    /// Prices and commits one row; the reason why it does not settle leaves nothing written.
    function _priceRow(Row memory row, uint256 spendable) private returns (Reason reason) {
        uint256 year = BatchCodec.benefitYear(row.word);
        if (year + 1 < row.context.currentYear) return Reason.BenefitYearClosed;
        if (year > row.context.currentYear) return Reason.BenefitYearNotOpen;
        reason = Spendable.reasonOf(spendable);
        if (reason != Reason.None) return reason;
        if (!BatchCodec.isCorrection(row.header)) return _priceAndCommit(row, spendable);

        if (!_takeCorrection(row.corrects, BatchCodec.providerId(row.header))) return Reason.NotReversed;
        reason = _priceAndCommit(row, spendable);
        if (reason != Reason.None) _giveBackCorrection(row.corrects);
    }

    /// Lets a correction name a claim: once, only a reversed one, and only the provider's own.
    function _takeCorrection(bytes32 id, uint32 providerId) private returns (bool) {
        Dispute storage found = _disputes[id];
        if (found.status != DisputeStatus.Reversed || found.providerId != providerId) return false;
        found.status = DisputeStatus.Corrected;
        return true;
    }

    /// Undoes `_takeCorrection` for a correction that did not settle.
    function _giveBackCorrection(bytes32 id) private {
        _disputes[id].status = DisputeStatus.Reversed;
    }

    function _priceAndCommit(Row memory row, uint256 spendable) private returns (Reason reason) {
        if (row.payers.primaryId != 0) return _priceCovered(row, spendable);
        reason = _priceSelfPay(row);
        if (reason == Reason.None) reason = Spendable.refusal(spendable, row.price.responsibility);
    }

    // ---- self-pay ---------------------------------------------------------------------------------

    /// The provider's published cash price, all of it the patient's.
    function _priceSelfPay(Row memory row) private view returns (Reason) {
        uint256 word = row.word;
        (uint64 price, uint16 version) = registry.cashPriceAt(
            BatchCodec.providerId(row.header), BatchCodec.serviceId(word), uint40(row.context.signedAt)
        );
        if (version == 0 || price == 0) return Reason.NoCashPrice;
        if (BatchCodec.units(word) == 0) return Reason.UnitsExceeded;
        uint256 owed = uint256(price) * BatchCodec.units(word);
        uint256 billed = BatchCodec.billed(word);
        if (billed == 0) billed = owed;
        if (billed < owed) owed = billed;
        // Nobody holds as much as 64 bits cannot.
        if (billed > type(uint64).max || owed > type(uint64).max) return Reason.PatientUnfunded;
        row.price = Price(PackedClaim.four(billed, owed, 0, 0), PackedClaim.four(0, owed, 0, 0), 0, owed);
        return Reason.None;
    }

    // ---- one or two payers ------------------------------------------------------------------------

    function _priceCovered(Row memory row, uint256 spendable) private returns (Reason reason) {
        IInsurerPayer.QuoteRequest memory request = _request(row);
        IInsurerPayer.Quote memory first = row.payers.primary.quote(request);
        if (first.reason != Reason.None) return first.reason;
        uint256 planPaid = PackedClaim.planPaid(first.shares);
        uint256 flags = first.shares & PackedClaim.COUNTED != 0 ? PackedClaim.UNITS_COUNTED : 0;
        row.price.amounts = first.amounts;
        row.price.shares = first.shares >> 64 << 64;

        IInsurerPayer.Quote memory second;
        second.reason = Reason.NotCovered; // without a secondary, nothing of it counts
        if (row.secondaryTerms != 0) {
            second = _quoteSecondary(row, request, PackedClaim.allowed(first.amounts));
            if (outcomeOf(second.reason) == Outcome.Pended) return second.reason;
        }
        if (second.reason == Reason.None) {
            uint256 paid =
                CoordinationOfBenefits.paid(first.amounts, first.shares, second.shares, second.cobMode);
            if (paid > second.pool) return Reason.PayerUnfunded;
            row.price.shares |= paid;
            row.price.secondary = CoordinationOfBenefits.asIfAlone(second.amounts, second.shares);
            if (second.shares & PackedClaim.COUNTED != 0) flags |= PackedClaim.SECONDARY_UNITS_COUNTED;
        }
        row.price.secondary |= flags;
        row.price.responsibility = PackedClaim.responsibility(row.price.amounts, row.price.shares);
        reason = Spendable.refusal(spendable, row.price.responsibility);
        if (reason != Reason.None) return reason;
        if (planPaid > first.pool) return Reason.PayerUnfunded;

        row.payers.primary.commit(_primaryPosting(row));
        if (second.reason == Reason.None) row.payers.secondary.commit(_secondaryPosting(row));
    }

    function _request(Row memory row) private pure returns (IInsurerPayer.QuoteRequest memory) {
        return IInsurerPayer.QuoteRequest({
            providerId: BatchCodec.providerId(row.header),
            planId: BatchCodec.planId(row.header),
            termsVersion: BatchCodec.termsVersion(row.header),
            signedAt: uint40(row.context.signedAt),
            currentYear: uint16(row.context.currentYear),
            member: row.patient,
            benefitYear: BatchCodec.benefitYear(row.word),
            serviceId: BatchCodec.serviceId(row.word),
            units: BatchCodec.units(row.word),
            billed: BatchCodec.billed(row.word),
            allowedAtLeast: 0
        });
    }

    function _quoteSecondary(Row memory row, IInsurerPayer.QuoteRequest memory request, uint256 allowed)
        private
        view
        returns (IInsurerPayer.Quote memory)
    {
        (request.planId, request.termsVersion) = (uint16(row.secondaryTerms >> 16), uint16(row.secondaryTerms));
        (request.serviceId, request.allowedAtLeast) = (row.secondaryServiceId, uint64(allowed));
        return row.payers.secondary.quote(request);
    }

    function _primaryPosting(Row memory row) private pure returns (IInsurerPayer.Posting memory) {
        bool counted = row.price.secondary & PackedClaim.UNITS_COUNTED != 0;
        return IInsurerPayer.Posting({
            member: row.patient,
            benefitYear: BatchCodec.benefitYear(row.word),
            serviceId: BatchCodec.serviceId(row.word),
            units: counted ? BatchCodec.units(row.word) : 0,
            deductible: uint64(PackedClaim.deductible(row.price.amounts)),
            outOfPocket: uint64(PackedClaim.outOfPocket(row.price.amounts, row.price.shares)),
            benefit: uint64(PackedClaim.planPaid(row.price.shares)),
            paid: uint64(PackedClaim.planPaid(row.price.shares))
        });
    }

    function _secondaryPosting(Row memory row) private pure returns (IInsurerPayer.Posting memory) {
        bool counted = row.price.secondary & PackedClaim.SECONDARY_UNITS_COUNTED != 0;
        return IInsurerPayer.Posting({
            member: row.patient,
            benefitYear: BatchCodec.benefitYear(row.word),
            serviceId: row.secondaryServiceId,
            units: counted ? BatchCodec.units(row.word) : 0,
            deductible: uint64(PackedClaim.asIfAloneDeductible(row.price.secondary)),
            outOfPocket: uint64(PackedClaim.asIfAloneOutOfPocket(row.price.secondary)),
            benefit: uint64(PackedClaim.asIfAlonePlanPaid(row.price.secondary)),
            paid: uint64(PackedClaim.secondaryPaid(row.price.shares))
        });
    }
}
