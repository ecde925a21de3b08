// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ClaimSettlement} from "../../contracts/ClaimSettlement.sol";
import {InsurerPayer} from "../../contracts/InsurerPayer.sol";
import {PatientEscrow} from "../../contracts/PatientEscrow.sol";
import {IInsurerPayerFactory} from "../../contracts/interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "../../contracts/interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {ISettlementState} from "../../contracts/interfaces/ISettlementState.sol";
import {PayerAddress} from "../../contracts/payer/PayerAddress.sol";
import {SettlementExtension} from "../../contracts/settlement/SettlementExtension.sol";
import {TypedData} from "../../contracts/codec/TypedData.sol";
import {Accumulators, CategoryTerms, CobMode, Fee, PlanTerms} from "../../contracts/types/Terms.sol";
import {Cheats} from "./Cheats.sol";

/// @notice Token, factory, registry and governor in one, as far as settling needs them.
contract Surroundings {
    bytes32 public constant payerCodeHash = 0;
    mapping(address account => uint256) public balanceOf;
    address private immutable _settlement;
    uint32 private immutable _payerId;
    address private immutable _insurer;

    constructor(address settlement, uint32 payerId, address insurer) {
        (_settlement, _payerId, _insurer) = (settlement, payerId, insurer);
    }

    // ---- token ------------------------------------------------------------------------------------

    function mint(address account, uint256 amount) external {
        balanceOf[account] += amount;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        return true;
    }

    // ---- factory, registry and governor -------------------------------------------------------------

    function make() external returns (InsurerPayer) {
        return new InsurerPayer();
    }

    function blueprint() external view returns (IERC20, address, IProviderRegistry, uint32, address) {
        return (IERC20(address(this)), _settlement, IProviderRegistry(address(this)), _payerId, _insurer);
    }

    function payerAt(uint32 payerId) external view returns (address) {
        return PayerAddress.derive(address(this), payerId, payerCodeHash);
    }

    function payoutAddress(uint32) external view returns (address) {
        return _insurer;
    }

    function providerCount() external pure returns (uint32) {
        return type(uint32).max;
    }

    function canCall(address, address, bytes4) external pure returns (bool, uint32) {
        return (true, 0);
    }
}

/// @notice `settle` as a whole, from the batch's bytes to the tokens: what the provider and the operator are credited
/// is what the patient's balance and the insurer's pool fall by and what settlement is sent, to the unit; the member's
/// year moves by the same; and of what does not settle nothing moves. Contracts of settlement, escrow and payer as
/// they are deployed.
///
/// Bounds: one row, of one patient and one payer, whose plan has a deductible, an out-of-pocket maximum, and in one
/// category a copay, in another coinsurance of 20 %; an operator's fee, a consent and the patient's limit; one signer.
/// What is billed, what the patient and the pool hold and what the member has met are any of 64 bits; with
/// coinsurance not all of them at once, and what is billed below 2^16.
contract SettleTest is Cheats {
    address private constant SETTLEMENT = address(0x5e771e);
    address private constant INSURER = address(0xbeef);
    address private constant PATIENT = address(0xa1);
    address private constant OPERATOR = address(0x0b);
    address private constant ORACLE = address(0x0c);
    uint32 private constant PROVIDER = 7;
    uint32 private constant PAYER = 5;
    uint16 private constant PLAN = 3;
    uint64 private constant SEQUENCE = 9;
    bytes8 private constant WITH_COPAY = bytes8(uint64(0x51));
    bytes8 private constant WITH_COINSURANCE = bytes8(uint64(0x52));
    uint64 private constant FEE = 200_000_000;
    uint64 private constant BILLED = 150_000_000;
    uint64 private constant PLENTY = 10_000_000_000;
    uint16 private constant YEAR = 2026;
    uint40 private constant OPENED = 1_767_312_000; // January 2, 2026
    uint40 private constant SIGNED = OPENED + 10 days;
    bytes32 private constant R = bytes32(uint256(1));
    bytes32 private constant S = bytes32(uint256(2));
    uint8 private constant V = 27;

    Surroundings private _around;
    ClaimSettlement private _settlement;
    PatientEscrow private _escrow;
    InsurerPayer private _payer;

    /// What is there before.
    struct Start {
        uint64 billed;
        uint64 balance;
        uint64 pool;
        uint64 deductibleMet;
        uint64 outOfPocketMet;
    }

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

    function setUp() public {
        vm.warp(OPENED);
        _around = new Surroundings(SETTLEMENT, PAYER, INSURER);
        IERC20 token = IERC20(address(_around));
        IInsurerPayerFactory factory = IInsurerPayerFactory(address(_around));
        IProviderRegistry registry = IProviderRegistry(address(_around));
        _escrow = new PatientEscrow(token, SETTLEMENT, factory, registry);
        // Each of the two knows the other: settlement is made elsewhere and put where the escrow looks for it. Its
        // storage begins empty there, but for who governs.
        IPatientEscrow escrow = IPatientEscrow(address(_escrow));
        new SettlementExtension{salt: 0}(token, escrow, factory, registry);
        ClaimSettlement made =
            new ClaimSettlement(token, escrow, factory, registry, address(_around), address(this));
        vm.etch(SETTLEMENT, address(made).code);
        vm.store(SETTLEMENT, 0, bytes32(uint256(uint160(address(_around)))));
        _settlement = ClaimSettlement(SETTLEMENT);
        address[] memory members = new address[](1);
        members[0] = ORACLE;
        _settlement.openEpoch(members, 1);
        _settlement.setOperatorFee(10_000, 100);

        _openPayer();
        vm.prank(PATIENT);
        _escrow.acceptPayer(PAYER, 0);
        vm.prank(PATIENT);
        _escrow.setLimits(100_000_000, 0);
        vm.prank(PATIENT);
        _escrow.grantConsent(PROVIDER, 150_000_000, SIGNED + 365 days, false);
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
        _begin(start);
        (TypedData.BatchHeader memory header, bytes memory sections) = _batch(start.billed, serviceId);
        assume(ecrecover(_settlement.batchDigest(header, sections), V, R, S) == ORACLE);
        Books memory before = _books();

        (uint32 settled, uint32 denied, uint32 pended, uint32 skipped) =
            _settlement.settle(header, sections, abi.encodePacked(ORACLE, R, S, V), 1);

        Books memory now_ = _books();
        assert(settled + pended == 1 && denied == 0 && skipped == 0);
        assert(_settlement.isSpent(PROVIDER, SEQUENCE) == (settled == 1));
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

    function _openPayer() private {
        InsurerPayer made = _around.make();
        _payer = InsurerPayer(_around.payerAt(PAYER));
        vm.etch(address(_payer), address(made).code);
        // Its storage, too, begins empty, but for the owner.
        vm.store(address(_payer), 0, bytes32(uint256(uint160(INSURER))));

        uint8[] memory categories = new uint8[](2);
        CategoryTerms[] memory terms = new CategoryTerms[](2);
        (categories[0], terms[0]) = (1, CategoryTerms(true, true, false, false, 0, 30_000_000));
        (categories[1], terms[1]) = (2, CategoryTerms(true, true, false, false, 2_000, 0));
        PlanTerms memory plan = PlanTerms(500_000_000, 2_000_000_000, 0, 0, 0, 1, CobMode.Standard, 0);
        vm.prank(INSURER);
        _payer.publishPlan(PLAN, plan, categories, terms);

        bytes8[] memory services = new bytes8[](2);
        Fee[] memory fees = new Fee[](2);
        (services[0], fees[0]) = (WITH_COPAY, Fee(FEE, 1, 1, 0, 0, 0));
        (services[1], fees[1]) = (WITH_COINSURANCE, Fee(FEE, 2, 1, 0, 0, 0));
        vm.prank(INSURER);
        _payer.publishFees(services, fees);
        vm.prank(INSURER);
        _payer.acceptProvider(PROVIDER);
    }

    function _begin(Start memory start) private {
        assume(start.balance != 0 && start.pool != 0);
        _around.mint(PATIENT, start.balance);
        _around.mint(INSURER, start.pool);
        vm.prank(PATIENT);
        _escrow.deposit(start.balance);
        vm.prank(INSURER);
        _payer.deposit(start.pool);
        vm.prank(INSURER);
        _payer.enrol(PATIENT, YEAR, PLAN, 0, start.deductibleMet, start.outOfPocketMet, 0);
        vm.warp(SIGNED);
    }

    function _batch(uint64 billed, bytes8 serviceId)
        private
        pure
        returns (TypedData.BatchHeader memory header, bytes memory sections)
    {
        header = TypedData.BatchHeader(1, SIGNED, SIGNED + 1 hours, OPERATOR);
        // See BatchCodec: the section's header, one patient with one row, and the row.
        sections = abi.encodePacked(PROVIDER, PAYER, PLAN, uint16(1), SEQUENCE, uint16(1), uint16(1), uint8(0));
        sections = abi.encodePacked(sections, PATIENT, uint8(1));
        sections = abi.encodePacked(sections, bytes32(uint256(77)), serviceId, uint16(1), billed, YEAR, uint16(0));
    }

    function _books() private view returns (Books memory books) {
        books.balance = _escrow.balanceOf(PATIENT);
        books.pool = _payer.pool();
        ISettlementState.Credit memory credit = _settlement.creditOf(PROVIDER);
        books.credit = uint256(credit.matured) + credit.maturing;
        credit = _settlement.feesOf(OPERATOR);
        books.fees = uint256(credit.matured) + credit.maturing;
        books.settlementTokens = _around.balanceOf(SETTLEMENT);
        books.escrowTokens = _around.balanceOf(address(_escrow));
        books.payerTokens = _around.balanceOf(address(_payer));
        books.met = _payer.memberYear(PATIENT, YEAR).met;
    }
}
