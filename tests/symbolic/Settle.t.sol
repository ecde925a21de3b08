// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISettlementState} from "../../contracts/interfaces/ISettlementState.sol";
import {TypedData} from "../../contracts/codec/TypedData.sol";
import {Accumulators} from "../../contracts/types/Terms.sol";
import {OpenSettlement} from "./OpenSettlement.sol";

/// @notice `settle` as a whole, from the batch's bytes to the tokens: what the provider and the operator are credited
/// is what the patient's balance and the insurer's pool fall by and what settlement is sent, to the unit; the member's
/// year moves by the same; and of what does not settle nothing moves. Contracts of settlement, escrow and payer as
/// they are deployed.
///
/// Bounds: one row, of one patient and one payer, whose plan has a deductible, an out-of-pocket maximum, and in one
/// category a copay, in another coinsurance of 20 %; an operator's fee, a consent and the patient's limit; one oracle,
/// and a provider's signature that counts (Attestation.t.sol has the others). What is billed, what the patient and the
/// pool hold and what the member has met are any of 64 bits; with coinsurance not all of them at once, and what is
/// billed below 2^16.
contract SettleTest is OpenSettlement {
    address private constant ATTESTER = address(0xd0c);

    /// Everything that money can be in, and the member's year.
    struct Books {
        uint256 balance;
        uint256 pool;
        uint256 credit;
        uint256 fees;
        uint256 settlementTokens;
        uint256 escrowTokens;
        uint256 payerTokens;
        Accumulators met;
    }

    /// Deductible and copay; everything that an amount can depend on is any.
    function check_settle__credits_what_is_taken(Start calldata start) external {
        _check(start, WITH_COPAY);
    }

    function check_settle__with_coinsurance__whatever_is_billed(uint16 billed) external {
        _check(Start(billed, PLENTY, PLENTY, PLENTY, 0), WITH_COINSURANCE);
    }

    function check_settle__with_coinsurance__whatever_was_met(uint64 deductibleMet) external {
        _check(Start(BILLED, PLENTY, PLENTY, deductibleMet, 0), WITH_COINSURANCE);
    }

    function check_settle__with_coinsurance__whatever_was_paid(uint64 outOfPocketMet) external {
        _check(Start(BILLED, PLENTY, PLENTY, PLENTY, outOfPocketMet), WITH_COINSURANCE);
    }

    function check_settle__with_coinsurance__whatever_is_there(uint64 balance, uint64 pool) external {
        _check(Start(BILLED, balance, pool, PLENTY, 0), WITH_COINSURANCE);
    }

    function _check(Start memory start, bytes8 serviceId) private {
        _noteAttester(ATTESTER, true);
        _begin(start);
        bytes memory row = _row(COMMITMENT, serviceId, start.billed);
        assume(ecrecover(_groupDigest(row), V, R, S) == ATTESTER);
        (TypedData.BatchHeader memory header, bytes memory sections) = _batch(row, ONE_GROUP, R, S);
        Books memory before = _books();

        (uint32 settled, uint32 denied, uint32 pended, uint32 skipped) = _submit(header, sections);

        Books memory now_ = _books();
        assert(settled + pended == 1 && denied == 0 && skipped == 0);
        assert(_admin.isSpent(PROVIDER, SEQUENCE) == (settled == 1));
        uint256 charged = before.balance - now_.balance;
        uint256 paid = before.pool - now_.pool;
        uint256 earned = now_.credit + now_.fees - before.credit - before.fees;
        assert(earned == charged + paid && (settled == 1 || earned == 0));
        assert(earned <= FEE && (start.billed == 0 || earned <= start.billed));
        assert(now_.settlementTokens == before.settlementTokens + earned);
        assert(now_.escrowTokens + charged == before.escrowTokens);
        assert(now_.payerTokens + paid == before.payerTokens);
        assert(now_.met.planPaid == before.met.planPaid + paid && now_.met.oopMet == before.met.oopMet + charged);
    }

    function _books() private view returns (Books memory books) {
        books.balance = _escrow.balanceOf(PATIENT);
        books.pool = _payer.pool();
        ISettlementState.Credit memory credit = _admin.creditOf(PROVIDER);
        books.credit = uint256(credit.matured) + credit.maturing;
        credit = _admin.feesOf(OPERATOR);
        books.fees = uint256(credit.matured) + credit.maturing;
        books.settlementTokens = _around.balanceOf(SETTLEMENT);
        books.escrowTokens = _around.balanceOf(address(_escrow));
        books.payerTokens = _around.balanceOf(address(_payer));
        books.met = _payer.memberYear(PATIENT, YEAR).met;
    }
}
