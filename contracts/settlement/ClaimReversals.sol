// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {CreditAccount} from "./CreditAccount.sol";
import {ProviderPayouts} from "./ProviderPayouts.sol";
import {PackedClaim} from "../codec/PackedClaim.sol";
import {IInsurerPayer} from "../interfaces/IInsurerPayer.sol";
import {ISettlementExtension} from "../interfaces/ISettlementExtension.sol";
import {ExactTransfer} from "../token/ExactTransfer.sol";
import {TransferGas} from "../token/TransferGas.sol";

/// @notice The part of SettlementExtension that takes claims back: what each party gets, out of whose money,
/// and what the provider is left owing.
/// @dev Documented in ISettlementExtension.
abstract contract ClaimReversals is ProviderPayouts {
    using CreditAccount for CreditAccount.Account;

    /// What a reversal takes back of a claim, word by word; `fee` is also in `service`.
    struct Difference {
        bytes32 claimId;
        uint256 amounts; // without billed
        uint256 shares;
        uint256 secondary;
        uint256 fee;
        bool whole; // nothing of the claim is left
    }

    // ---- verbs ------------------------------------------------------------------------------------

    /// @inheritdoc ISettlementExtension
    function collectReceivable(uint32 providerId, uint32 payerId)
        external
        delegated
        nonReentrant
        returns (uint64 amount)
    {
        uint64 owed = receivableOf[providerId][payerId];
        if (owed == 0) revert NoReceivable(providerId, payerId);
        CreditAccount.Account storage account = _providers[providerId];
        account.mature();
        uint256 matured = account.matured();
        if (matured == 0) revert NoCredit(providerId);

        amount = owed < matured ? owed : uint64(matured);
        receivableOf[providerId][payerId] = owed - amount;
        account.repay(amount);
        account.takeMatured(amount);
        emit ReceivablePaid(providerId, payerId, amount);

        _payPayer(payerId, amount);
    }

    /// @inheritdoc ISettlementExtension
    function collectRefund(uint32 payerId) external delegated nonReentrant returns (uint64 amount) {
        amount = refundOf[payerId];
        if (amount == 0) revert NoRefund(payerId);

        refundOf[payerId] = 0;

        _payPayer(payerId, amount);
    }

    // ---- what is taken back -----------------------------------------------------------------------

    /// What a ruling takes back of a claim; reverts unless its values add up and none is larger.
    function _difference(bytes32 id, SettledClaim calldata claim, Ruling memory ruling)
        internal
        pure
        returns (Difference memory taken)
    {
        uint256 amounts = uint192(ruling.amounts);
        uint256 allowed = PackedClaim.allowed(amounts);
        uint256 patientParts = PackedClaim.deductible(amounts) + PackedClaim.copay(amounts)
            + PackedClaim.coinsurance(ruling.shares) + PackedClaim.outsidePlan(ruling.shares);
        uint256 parts = patientParts + PackedClaim.planPaid(ruling.shares);
        if (parts != allowed) revert RulingDoesNotAddUp(allowed, parts);
        uint256 secondaryPaid = PackedClaim.secondaryPaid(ruling.shares);
        if (secondaryPaid > patientParts) revert RulingDoesNotAddUp(patientParts, secondaryPaid);
        if (allowed == 0 && ruling.secondary != 0) revert RulingDoesNotAddUp(0, ruling.secondary);

        taken.claimId = id;
        taken.amounts = _minus(uint192(claim.amounts), amounts);
        taken.shares = _minus(claim.shares, ruling.shares);
        taken.secondary = _minus(claim.secondary, ruling.secondary);
        uint256 fee = PackedClaim.fee(claim.service);
        taken.fee = _minus(fee, ruling.fee);
        taken.whole = allowed == 0;
        // Neither the patient's responsibility nor the provider's credit may grow or fall below nothing.
        _minus(PackedClaim.responsibility(claim.amounts, claim.shares), patientParts - secondaryPaid);
        _minus(allowed, ruling.fee);
        _minus(PackedClaim.allowed(claim.amounts) - fee, allowed - ruling.fee);
    }

    /// `claimed - ruled`, four 64-bit fields at once, none of which may be larger in `ruled`.
    function _minus(uint256 claimed, uint256 ruled) private pure returns (uint256) {
        for (uint256 shift; shift < 256; shift += 64) {
            (uint256 most, uint256 field) = (uint64(claimed >> shift), uint64(ruled >> shift));
            if (field > most) revert RulingTooLarge(field, most);
        }
        return claimed - ruled;
    }

    // ---- who pays for it --------------------------------------------------------------------------

    /// Reverses a claim whose money was held for its dispute: that always covers it.
    function _reverseHeld(SettledClaim calldata claim, Difference memory taken, Dispute memory ended) internal {
        uint256 lost = PackedClaim.allowed(taken.amounts) - taken.fee;
        _unhold(claim, ended, lost, taken.fee);
        emit ReversalFunded(taken.claimId, uint64(lost), 0, 0, 0, uint64(taken.fee));
        _giveBack(claim, taken, 0, 0);
    }

    /// Reverses a claim whose provider gives it back. Where its bucket has matured, the operator's fee has
    /// gone its way and the provider bears that too.
    function _reverseVoided(SettledClaim calldata claim, Difference memory taken) internal {
        CreditAccount.Account storage account = _providers[PackedClaim.providerId(claim.parties)];
        uint256 day = CreditAccount.dayOf(claim.settledAt);
        uint256 due = PackedClaim.allowed(taken.amounts);
        if (!CreditAccount.hasMatured(day)) {
            due -= taken.fee;
            account.takeBucket(day, due);
            if (taken.fee != 0) _operators[claim.operator].takeBucket(day, taken.fee);
            emit ReversalFunded(taken.claimId, 0, uint64(due), 0, 0, uint64(taken.fee));
            return _giveBack(claim, taken, 0, 0);
        }

        taken.fee = 0;
        account.mature();
        uint256 matured = _least(account.withdrawable(), due);
        uint256 bond = _least(account.freeBond(), due - matured);
        bond += _completePatientPart(claim, taken, matured + bond);
        account.takeMatured(matured);
        account.takeBond(bond);
        emit ReversalFunded(taken.claimId, 0, 0, uint64(matured), uint64(bond), 0);
        _giveBackWhatIsThere(claim, taken, matured + bond);
    }

    /// Adds to the provider's bond what of the patient's part is not there, out of the caller's own tokens, where it
    /// has allowed that: anybody may have the credit paid out to the provider just before it gives a claim back.
    /// @param there what credit and bond can give
    /// @return missing what was added
    function _completePatientPart(SettledClaim calldata claim, Difference memory taken, uint256 there)
        private
        returns (uint256 missing)
    {
        uint256 share = PackedClaim.responsibility(taken.amounts, taken.shares);
        if (share <= there) return 0;
        missing = share - there;
        if (token.allowance(msg.sender, address(this)) < missing) {
            revert PatientPartMissing(uint64(share), uint64(there));
        }
        _addBond(PackedClaim.providerId(claim.parties), uint64(missing));
    }

    /// Ends a dispute's hold on the provider's credit and the operator's fee; this much of them is lost.
    function _unhold(SettledClaim calldata claim, Dispute memory ended, uint256 lost, uint256 feeLost) internal {
        uint256 day = CreditAccount.dayOf(claim.settledAt);
        _providers[ended.providerId].unhold(day, ended.held, lost);
        if (ended.feeHeld != 0) _operators[claim.operator].unhold(day, ended.feeHeld, feeLost);
    }

    // ---- who gets it ------------------------------------------------------------------------------

    /// The patient first and in full, then the payers as far as it goes; the rest is a receivable.
    function _giveBackWhatIsThere(SettledClaim calldata claim, Difference memory taken, uint256 there) private {
        there -= PackedClaim.responsibility(taken.amounts, taken.shares);
        uint256 primary = PackedClaim.planPaid(taken.shares);
        uint256 missing = primary - _least(primary, there);
        there -= primary - missing;
        uint256 secondaryMissing = PackedClaim.secondaryPaid(taken.shares) - there;
        _record(taken.claimId, claim.parties, PackedClaim.payerId(claim.parties), missing);
        _record(taken.claimId, claim.parties, PackedClaim.secondaryPayerId(claim.parties), secondaryMissing);
        _giveBack(claim, taken, missing, secondaryMissing);
    }

    function _record(bytes32 id, uint256 parties, uint32 payerId, uint256 amount) private {
        if (amount == 0) return;
        uint32 providerId = PackedClaim.providerId(parties);
        receivableOf[providerId][payerId] += uint64(amount);
        _providers[providerId].owe(amount);
        emit ReceivableRecorded(id, providerId, payerId, uint64(amount));
    }

    /// Logs the reversal, takes it out of the accumulators and sends everyone their part, less what is
    /// missing.
    function _giveBack(SettledClaim calldata claim, Difference memory taken, uint256 missing, uint256 secondaryMissing)
        private
    {
        emit ClaimReversed(
            taken.claimId,
            claim.patient,
            claim.commitment,
            claim.parties,
            taken.amounts,
            taken.shares,
            claim.service - (PackedClaim.fee(claim.service) - taken.fee << PackedClaim.FEE_SHIFT),
            taken.secondary
        );

        uint256 share = PackedClaim.responsibility(taken.amounts, taken.shares);
        if (share != 0) {
            uint256 before = token.balanceOf(address(escrow));
            SafeERC20.safeTransfer(token, address(escrow), share);
            escrow.refund(claim.patient, _arrived(address(escrow), before, share));
        }
        uint32 payerId = PackedClaim.payerId(claim.parties);
        if (payerId != 0) {
            IInsurerPayer(_payerAddress(payerId)).reverse(_primaryPosting(claim, taken));
            _refundPayer(payerId, PackedClaim.planPaid(taken.shares) - missing);
        }
        if (claim.secondary != 0 || claim.service & PackedClaim.SECONDARY_UNITS_COUNTED != 0) {
            payerId = PackedClaim.secondaryPayerId(claim.parties);
            IInsurerPayer(_payerAddress(payerId)).reverse(_secondaryPosting(claim, taken));
            _refundPayer(payerId, PackedClaim.secondaryPaid(taken.shares) - secondaryMissing);
        }
    }

    function _primaryPosting(SettledClaim calldata claim, Difference memory taken)
        private
        pure
        returns (IInsurerPayer.Posting memory posting)
    {
        posting = _posting(claim, taken, PackedClaim.UNITS_COUNTED);
        posting.serviceId = PackedClaim.serviceId(claim.service);
        uint256 deductible = PackedClaim.deductible(taken.amounts);
        posting.deductible = uint64(deductible);
        posting.outOfPocket =
            uint64(deductible + PackedClaim.copay(taken.amounts) + PackedClaim.coinsurance(taken.shares));
        posting.benefit = uint64(PackedClaim.planPaid(taken.shares));
    }

    function _secondaryPosting(SettledClaim calldata claim, Difference memory taken)
        private
        pure
        returns (IInsurerPayer.Posting memory posting)
    {
        posting = _posting(claim, taken, PackedClaim.SECONDARY_UNITS_COUNTED);
        posting.serviceId = PackedClaim.secondaryServiceId(claim.parties);
        posting.deductible = uint64(PackedClaim.asIfAloneDeductible(taken.secondary));
        posting.outOfPocket = uint64(PackedClaim.asIfAloneOutOfPocket(taken.secondary));
        posting.benefit = uint64(PackedClaim.asIfAlonePlanPaid(taken.secondary));
    }

    /// Units are given back with the whole of a claim only, by a payer that had counted them.
    function _posting(SettledClaim calldata claim, Difference memory taken, uint256 counted)
        private
        pure
        returns (IInsurerPayer.Posting memory posting)
    {
        posting.member = claim.patient;
        posting.benefitYear = PackedClaim.benefitYear(claim.service);
        if (taken.whole && claim.service & counted != 0) posting.units = uint32(PackedClaim.units(claim.service));
    }

    /// A payer that cannot be sent its refund now finds it in `refundOf`; it holds up nobody else.
    function _refundPayer(uint32 payerId, uint256 amount) private {
        if (amount == 0) return;
        address payer = _payerAddress(payerId);
        uint256 before = token.balanceOf(payer);
        if (TransferGas.tryTransfer(token, payer, amount)) {
            IInsurerPayer(payer).refund(_arrived(payer, before, amount));
        } else {
            refundOf[payerId] += uint64(amount);
            emit RefundDeferred(payerId, uint64(amount));
        }
    }

    function _payPayer(uint32 payerId, uint64 amount) private {
        address payer = _payerAddress(payerId);
        uint256 before = token.balanceOf(payer);
        SafeERC20.safeTransfer(token, payer, amount);
        IInsurerPayer(payer).refund(_arrived(payer, before, amount));
    }

    /// What is a party's again of what was sent: where the token keeps a fee, the party bears it, as of any payout.
    function _arrived(address recipient, uint256 before, uint256 amount) private view returns (uint64) {
        return uint64(ExactTransfer.arrived(token, recipient, before, amount));
    }

    function _least(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
