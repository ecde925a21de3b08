// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ClaimSettlement} from "../../contracts/ClaimSettlement.sol";
import {InsurerPayer} from "../../contracts/InsurerPayer.sol";
import {PatientEscrow} from "../../contracts/PatientEscrow.sol";
import {IInsurerPayerFactory} from "../../contracts/interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "../../contracts/interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {ISettlementAdmin} from "../../contracts/interfaces/ISettlementAdmin.sol";
import {PayerAddress} from "../../contracts/payer/PayerAddress.sol";
import {SettlementAdmin} from "../../contracts/settlement/SettlementAdmin.sol";
import {SettlementExtension} from "../../contracts/settlement/SettlementExtension.sol";
import {TypedData} from "../../contracts/codec/TypedData.sol";
import {CategoryTerms, CobMode, Fee, PlanTerms} from "../../contracts/types/Terms.sol";
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

/// @notice A base for symbolic tests of `settle` as a whole: contracts of settlement, escrow and payer as they are
/// deployed, and one patient, one payer and one provider that know each other.
abstract contract OpenSettlement is Cheats {
    address internal constant SETTLEMENT = address(0x5e771e);
    address internal constant INSURER = address(0xbeef);
    address internal constant PATIENT = address(0xa1);
    address internal constant OPERATOR = address(0x0b);
    address internal constant ORACLE = address(0x0c);
    uint32 internal constant PROVIDER = 7;
    uint32 internal constant PAYER = 5;
    uint16 internal constant PLAN = 3;
    uint64 internal constant SEQUENCE = 9;
    bytes8 internal constant WITH_COPAY = bytes8(uint64(0x51));
    bytes8 internal constant WITH_COINSURANCE = bytes8(uint64(0x52));
    uint64 internal constant FEE = 200_000_000;
    uint64 internal constant BILLED = 150_000_000;
    uint64 internal constant PLENTY = 10_000_000_000;
    uint16 internal constant YEAR = 2026;
    uint40 internal constant OPENED = 1_767_312_000; // January 2, 2026
    uint40 internal constant SIGNED = OPENED + 10 days;
    bytes32 internal constant R = bytes32(uint256(1));
    bytes32 internal constant S = bytes32(uint256(2));
    uint8 internal constant V = 27;
    bytes32 internal constant COMMITMENT = bytes32(uint256(77));
    uint16 internal constant ONE_ROW = 0; // the span of an attestation
    uint16 internal constant ONE_GROUP = 1;

    Surroundings internal _around;
    ClaimSettlement internal _settlement;
    /// What settlement passes on to SettlementAdmin.
    ISettlementAdmin internal _admin;
    PatientEscrow internal _escrow;
    InsurerPayer internal _payer;

    /// What is there before.
    struct Start {
        uint64 billed;
        uint64 balance;
        uint64 pool;
        uint64 deductibleMet;
        uint64 outOfPocketMet;
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
        address admin = address(new SettlementAdmin(token, escrow, factory, registry));
        address extension = address(new SettlementExtension(token, escrow, factory, registry, admin));
        ClaimSettlement made = new ClaimSettlement(token, escrow, factory, registry, address(_around), extension);
        vm.etch(SETTLEMENT, address(made).code);
        vm.store(SETTLEMENT, 0, bytes32(uint256(uint160(address(_around)))));
        (_settlement, _admin) = (ClaimSettlement(SETTLEMENT), ISettlementAdmin(SETTLEMENT));
        address[] memory members = new address[](1);
        members[0] = ORACLE;
        _admin.openEpoch(members, 1);
        _admin.setOperatorFee(10_000, 100);

        _openPayer();
        vm.prank(PATIENT);
        _escrow.acceptPayer(PAYER, 0);
        vm.prank(PATIENT);
        _escrow.setLimits(100_000_000, 0);
        vm.prank(PATIENT);
        _escrow.grantConsent(PROVIDER, 150_000_000, SIGNED + 365 days, false);
    }

    /// The provider's registry says that a key attests from now on, or no more.
    function _noteAttester(address attester, bool stands) internal {
        vm.prank(address(_around));
        _admin.noteAttester(PROVIDER, attester, stands);
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

    function _begin(Start memory start) internal {
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

    /// A batch of one row: see BatchCodec. Its attestation is r and vs, of one row or of the row's group.
    function _batch(bytes memory row, uint16 span, bytes32 r, bytes32 vs)
        internal
        pure
        returns (TypedData.BatchHeader memory header, bytes memory sections)
    {
        header = TypedData.BatchHeader(1, SIGNED, SIGNED + 1 hours, OPERATOR);
        sections = abi.encodePacked(
            PROVIDER, PAYER, PLAN, uint16(1), SEQUENCE, uint16(1), uint16(1), uint8(0), uint24(66)
        );
        sections = abi.encodePacked(sections, _group(row), span, r, vs);
    }

    /// The patient's group of that row.
    function _group(bytes memory row) internal pure returns (bytes memory) {
        return abi.encodePacked(PATIENT, uint8(1), row);
    }

    function _row(bytes32 commitment, bytes8 serviceId, uint64 billed) internal pure returns (bytes memory) {
        return abi.encodePacked(commitment, serviceId, uint16(1), billed, YEAR, uint16(0));
    }

    /// Submits a batch under the oracle's signature.
    function _submit(TypedData.BatchHeader memory header, bytes memory sections)
        internal
        returns (uint32 settled, uint32 denied, uint32 pended, uint32 skipped)
    {
        assume(ecrecover(_admin.batchDigest(header, sections), V, R, S) == ORACLE);
        return _settlement.settle(header, sections, abi.encodePacked(ORACLE, R, S, V), 1);
    }

    /// What a provider signs for the row.
    function _rowDigest(bytes32 commitment, bytes8 serviceId, uint64 billed) internal view returns (bytes32) {
        return _digest(
            abi.encode(
                keccak256(
                    "ServiceAttestation(uint32 providerId,uint32 payerId,address patient,bytes32 commitment,bytes8 serviceId,uint16 units,uint64 billedAmount,uint16 benefitYear,uint64 sequence)"
                ),
                PROVIDER,
                PAYER,
                PATIENT,
                commitment,
                serviceId,
                uint16(1),
                billed,
                YEAR,
                SEQUENCE
            )
        );
    }

    /// What a provider signs for the row's group.
    function _groupDigest(bytes memory row) internal view returns (bytes32) {
        bytes32 typeHash =
            keccak256("ServiceBundle(uint32 providerId,uint32 payerId,uint64 sequenceBase,bytes rows)");
        return _digest(abi.encode(typeHash, PROVIDER, PAYER, SEQUENCE, keccak256(_group(row))));
    }

    /// EIP-712 of a struct, in settlement's domain.
    function _digest(bytes memory words) private view returns (bytes32) {
        bytes32 typeHash =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        bytes32 domain =
            keccak256(abi.encode(typeHash, keccak256("chainbill"), keccak256("1"), block.chainid, SETTLEMENT));
        return keccak256(abi.encodePacked(hex"1901", domain, keccak256(words)));
    }
}
