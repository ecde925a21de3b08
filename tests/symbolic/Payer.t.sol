// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {InsurerPayer} from "../../contracts/InsurerPayer.sol";
import {IInsurerPayer} from "../../contracts/interfaces/IInsurerPayer.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {Cheats, NotingToken} from "./Cheats.sol";

/// @notice Makes a payer as the factory does.
contract PayerMaker {
    IERC20 private immutable _token;
    address private immutable _settlement;

    constructor(NotingToken token) {
        (_token, _settlement) = (IERC20(address(token)), msg.sender);
    }

    function make() external returns (InsurerPayer) {
        return new InsurerPayer();
    }

    function blueprint() external view returns (IERC20, address, IProviderRegistry, uint32, address) {
        return (_token, _settlement, IProviderRegistry(address(0)), 1, address(0xbeef));
    }
}

/// @notice A payer's books: what a claim posts is what moves, a reversal takes exactly that back, and tokens
/// out are what the pool falls by.
///
/// Bounds: none but the fields' own. Storage, and with it the pool, the member, its family, the units and the
/// announced withdrawal, is any; so are the postings and the time. The test is the payer's settlement.
contract PayerTest is Cheats {
    NotingToken private _token;
    InsurerPayer private _payer;

    /// All that a posting may move.
    struct Books {
        uint64 deductible;
        uint64 outOfPocket;
        uint64 benefit;
        uint64 familyDeductible;
        uint64 familyOutOfPocket;
        uint32 units;
        uint64 pool;
    }

    function setUp() public {
        _token = new NotingToken();
        _payer = new PayerMaker(_token).make();
        svm.enableSymbolicStorage(address(_payer));
    }

    function check_commit__moves_what_is_posted(IInsurerPayer.Posting calldata posting) external {
        Books memory before = _books(posting);
        _payer.commit(posting);
        Books memory now_ = _books(posting);

        assert(now_.deductible == before.deductible + posting.deductible);
        assert(now_.outOfPocket == before.outOfPocket + posting.outOfPocket);
        assert(now_.benefit == before.benefit + posting.benefit);
        assert(now_.units == before.units + posting.units);
        assert(now_.pool == before.pool - posting.paid);
        // Of a family both amounts, or of none neither.
        uint256 deductible = now_.familyDeductible - before.familyDeductible;
        uint256 outOfPocket = now_.familyOutOfPocket - before.familyOutOfPocket;
        assert(
            (deductible == posting.deductible && outOfPocket == posting.outOfPocket)
                || (deductible == 0 && outOfPocket == 0)
        );
    }

    function check_commit__pays_settlement_what_the_pool_falls_by(IInsurerPayer.Posting calldata posting) external {
        uint64 before = _payer.pool();
        _payer.commit(posting);
        _payer.disburseTotal();
        _payer.disburseTotal();
        assert(_token.sent() == before - _payer.pool() && _token.sent() == posting.paid);
        assert(posting.paid == 0 || _token.sentTo() == address(this));
    }

    /// What was posted and is reversed and refunded leaves the books as they were.
    function check_reverse__takes_back_what_was_posted(IInsurerPayer.Posting calldata posting) external {
        Books memory before = _books(posting);
        _payer.commit(posting);
        _payer.reverse(posting);
        _payer.refund(posting.paid);
        Books memory now_ = _books(posting);
        assert(keccak256(abi.encode(now_)) == keccak256(abi.encode(before)));
    }

    /// Of a part of a claim the part moves, and the pool only by its refund.
    function check_reverse__moves_what_is_taken_back(IInsurerPayer.Posting calldata taken) external {
        Books memory before = _books(taken);
        _payer.reverse(taken);
        Books memory now_ = _books(taken);

        assert(before.deductible == now_.deductible + taken.deductible);
        assert(before.outOfPocket == now_.outOfPocket + taken.outOfPocket);
        assert(before.benefit == now_.benefit + taken.benefit);
        assert(before.units == now_.units + taken.units);
        assert(before.pool == now_.pool);
    }

    function check_postings__leave_another_member_alone(
        IInsurerPayer.Posting calldata posting,
        address other,
        uint16 otherYear
    ) external {
        assume(other != posting.member || otherYear != posting.benefitYear);
        bytes32 before = keccak256(abi.encode(_payer.memberYear(other, otherYear)));
        _payer.commit(posting);
        assert(keccak256(abi.encode(_payer.memberYear(other, otherYear))) == before);
        _payer.reverse(posting);
        assert(keccak256(abi.encode(_payer.memberYear(other, otherYear))) == before);
    }

    /// Or to the most that it can hold.
    function check_refund__raises_the_pool_by_it(uint64 amount) external {
        uint256 expected = uint256(_payer.pool()) + amount;
        if (expected > type(uint64).max) expected = type(uint64).max;
        _payer.refund(amount);
        assert(_payer.pool() == expected && _token.sent() == 0);
    }

    function check_withdraw__pays_what_the_pool_falls_by(uint40 now_) external {
        vm.warp(now_);
        uint256 before = _payer.pool();
        (uint64 announced, uint64 depositedSince, uint40 availableAt) = _payer.withdrawalRequest();
        address owner = _payer.owner();
        vm.prank(owner);
        uint256 paid = _payer.withdraw();

        assert(_token.sent() == paid && _token.sentTo() == owner);
        assert(paid != 0 && paid <= before && _payer.pool() == before - paid);
        // No more than was announced, none of later deposits, and not before its time.
        assert(paid <= announced && depositedSince <= before && paid <= before - depositedSince);
        assert(availableAt != 0 && availableAt <= now_ && now_ < uint256(availableAt) + 7 days);
        (announced,, availableAt) = _payer.withdrawalRequest();
        assert(announced == 0 && availableAt == 0);
    }

    function check_money__moves_for_settlement_and_owner_alone(address caller, IInsurerPayer.Posting calldata posting)
        external
    {
        assume(caller != address(this) && caller != _payer.owner());
        uint64 before = _payer.pool();
        bool passed;
        for (uint256 verb; verb < 5; ++verb) {
            vm.prank(caller);
            if (verb == 0) (passed,) = address(_payer).call(abi.encodeCall(IInsurerPayer.commit, (posting)));
            if (verb == 1) (passed,) = address(_payer).call(abi.encodeCall(IInsurerPayer.reverse, (posting)));
            if (verb == 2) (passed,) = address(_payer).call(abi.encodeCall(IInsurerPayer.refund, (posting.paid)));
            if (verb == 3) (passed,) = address(_payer).call(abi.encodeCall(IInsurerPayer.disburseTotal, ()));
            if (verb == 4) (passed,) = address(_payer).call(abi.encodeCall(IInsurerPayer.withdraw, ()));
            assert(!passed);
        }
        assert(_payer.pool() == before && _token.sent() == 0);
    }

    function _books(IInsurerPayer.Posting calldata posting) private view returns (Books memory books) {
        (address member, uint16 year) = (posting.member, posting.benefitYear);
        (books.deductible, books.outOfPocket, books.benefit) = (
            _payer.memberYear(member, year).met.deductibleMet,
            _payer.memberYear(member, year).met.oopMet,
            _payer.memberYear(member, year).met.planPaid
        );
        uint32 familyId = _payer.memberYear(member, year).familyId;
        (books.familyDeductible, books.familyOutOfPocket) = _payer.familyYear(familyId, year);
        books.units = _payer.unitsUsed(member, year, posting.serviceId);
        books.pool = _payer.pool();
    }
}
