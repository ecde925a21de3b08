// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IInsurerPayer} from "../../contracts/interfaces/IInsurerPayer.sol";
import {IInsurerPayerFactory} from "../../contracts/interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "../../contracts/interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {ISettlementState} from "../../contracts/interfaces/ISettlementState.sol";
import {PackedClaim} from "../../contracts/codec/PackedClaim.sol";
import {SettlementAdmin} from "../../contracts/settlement/SettlementAdmin.sol";
import {SettlementExtension} from "../../contracts/settlement/SettlementExtension.sol";
import {Cheats} from "./Cheats.sol";

/// @notice Token, escrow, factory and registry in one, as far as a reversal needs them: it notes what everyone got.
contract Around {
    bytes32 public constant payerCodeHash = 0;
    address public constant payoutAddress_ = address(0xbeef);
    mapping(address to => uint256) public balanceOf; // what it received
    uint256 public sent;
    uint256 public refunded;
    address public refundedTo;

    function transfer(address to, uint256 amount) external returns (bool) {
        balanceOf[to] += amount;
        sent += amount;
        return true;
    }

    /// Nobody lets settlement take anything.
    function allowance(address, address) external pure returns (uint256) {
        return 0;
    }

    function refund(address patient, uint64 amount) external {
        (refundedTo, refunded) = (patient, refunded + amount);
    }

    function payoutAddress(uint32) external pure returns (address) {
        return payoutAddress_;
    }
}

/// @notice A payer that notes what is taken out of its books and put into its pool.
contract NotingPayer {
    IInsurerPayer.Posting private _reversed;
    uint256 public refunded;

    function reverse(IInsurerPayer.Posting calldata posting) external {
        _reversed = posting;
    }

    function refund(uint64 amount) external {
        refunded += amount;
    }

    function reversed() external view returns (uint256 deductible, uint256 outOfPocket, uint256 benefit) {
        return (_reversed.deductible, _reversed.outOfPocket, _reversed.benefit);
    }
}

/// @notice The extension's reversals, callable, with one account of a provider and one of an operator.
contract ReversalHarness is SettlementExtension {
    constructor(Around around)
        SettlementExtension(
            IERC20(address(around)),
            IPatientEscrow(address(around)),
            IInsurerPayerFactory(address(around)),
            IProviderRegistry(address(around)),
            address(
                new SettlementAdmin(
                    IERC20(address(around)),
                    IPatientEscrow(address(around)),
                    IInsurerPayerFactory(address(around)),
                    IProviderRegistry(address(around))
                )
            )
        )
    {}

    // Ids are handed in: the place of a constant one is worked out by the compiler, and halmos takes it for another.

    function set(uint32 providerId, uint256 head, uint256 second, address operator, uint256 operatorHead) external {
        (_providers[providerId].head, _providers[providerId].second) = (head, second);
        _operators[operator].head = operatorHead;
    }

    function standing(uint32 providerId, address operator)
        external
        view
        returns (uint256 head, uint256 second, uint256 operatorHead)
    {
        return (_providers[providerId].head, _providers[providerId].second, _operators[operator].head);
    }

    function payerAddress(uint32 payerId) external view returns (address) {
        return _payerAddress(payerId);
    }

    function reverseHeld(SettledClaim calldata claim, Dispute calldata opened) external {
        Ruling memory nothing;
        _reverseHeld(claim, _difference(0, claim, nothing), opened);
    }

    function reverseVoided(SettledClaim calldata claim) external {
        Ruling memory nothing;
        _reverseVoided(claim, _difference(0, claim, nothing));
    }
}

/// @notice A reversal as a whole: what patient and payers are sent is what provider and operator lose and what
/// the claim is allowed less, to the unit, and the books are told the same.
///
/// Bounds: a claim of two payers whose own parts add up, settled yesterday (while it is held) or nine days ago
/// (when it is given back); no ring, no other money in the operator's account. Amounts are any below 2^16.
contract ReversalTest is Cheats {
    uint256 private constant TODAY = 20_000;
    uint32 private constant PRIMARY = 5;
    uint32 private constant SECONDARY = 6;
    uint32 private constant PROVIDER = 1;
    // What the secondary payer counts, as if it were alone.
    uint256 private constant ALONE_DEDUCTIBLE = 11;
    uint256 private constant ALONE_OUT_OF_POCKET = 22;
    uint256 private constant ALONE_PLAN_PAID = 33;
    address private constant PATIENT = address(0xa1);
    address private constant OPERATOR = address(0x0b);

    Around private _around;
    ReversalHarness private _extension;
    NotingPayer private _primary;
    NotingPayer private _secondary;

    struct Components {
        uint16 deductible;
        uint16 planPaid;
        uint16 secondaryPaid;
        uint16 fee;
    }

    function setUp() public {
        _around = new Around();
        _extension = new ReversalHarness(_around);
        bytes memory code = address(new NotingPayer()).code;
        _primary = NotingPayer(_extension.payerAddress(PRIMARY));
        _secondary = NotingPayer(_extension.payerAddress(SECONDARY));
        vm.etch(address(_primary), code);
        vm.etch(address(_secondary), code);
    }

    /// A claim that was disputed and is reversed as a whole.
    function check_reverseHeld__sends_what_is_lost(Components calldata claimed) external {
        vm.warp(TODAY * 1 days);
        (ISettlementState.SettledClaim memory claim, uint256 allowed) = _claim(claimed, TODAY - 1);
        ISettlementState.Dispute memory opened;
        uint256 credit = allowed - claimed.fee;
        (opened.providerId, opened.held, opened.feeHeld) = (PROVIDER, uint64(credit), claimed.fee);
        // The accounts hold the claim and nothing else.
        uint256 head = 1 << 216 | (TODAY - 1) << 192;
        _extension.set(PROVIDER, head | credit, 0, OPERATOR, head | claimed.fee);

        _extension.reverseHeld(claim, opened);

        // Nothing is held any more, and nothing went back into the buckets.
        (uint256 after_, uint256 second, uint256 operatorAfter) = _extension.standing(PROVIDER, OPERATOR);
        assert(after_ == (TODAY - 1) << 192 && second == 0);
        assert(operatorAfter == (TODAY - 1) << 192);
        assert(_around.sent() == allowed);
        _assertEachGot(claimed.planPaid, claimed.secondaryPaid, claimed.deductible - claimed.secondaryPaid);

        (uint256 deductible, uint256 outOfPocket, uint256 benefit) = _primary.reversed();
        assert(deductible == claimed.deductible && benefit == claimed.planPaid);
        assert(outOfPocket == claimed.deductible);
        (deductible, outOfPocket, benefit) = _secondary.reversed();
        assert(deductible == ALONE_DEDUCTIBLE && outOfPocket == ALONE_OUT_OF_POCKET && benefit == ALONE_PLAN_PAID);
    }

    /// A claim that is given back after its bucket has matured: what is not there is owed, never the patient's part.
    /// Bounds: nothing was advanced, owed, maturing or held before.
    function check_reverseVoided__sends_what_is_there_and_owes_the_rest(
        Components calldata claimed,
        uint16 matured,
        uint16 bond
    ) external {
        vm.warp(TODAY * 1 days);
        (ISettlementState.SettledClaim memory claim, uint256 allowed) = _claim(claimed, TODAY - 9);
        _extension.set(PROVIDER, TODAY << 192 | uint256(matured) << 64, uint256(bond) << 128, OPERATOR, 0);

        _extension.reverseVoided(claim);

        // Matured credit first, then the bond, then it is owed: a path of its own for each.
        (uint256 head, uint256 second, uint256 operatorHead) = _extension.standing(PROVIDER, OPERATOR);
        uint256 fromMatured = matured < allowed ? matured : allowed;
        uint256 fromBond = bond < allowed - fromMatured ? bond : allowed - fromMatured;
        uint256 owed = allowed - fromMatured - fromBond;
        assert(head == (TODAY << 192 | uint256(matured) - fromMatured << 64) && operatorHead == 0);
        assert(second == (uint256(bond) - fromBond << 128 | owed));
        assert(_around.sent() == fromMatured + fromBond);
        // The patient is never owed; the primary is before the secondary.
        uint256 primary = _extension.receivableOf(PROVIDER, PRIMARY);
        uint256 secondary = _extension.receivableOf(PROVIDER, SECONDARY);
        assert(owed == primary + secondary);
        assert(primary == 0 || secondary == claimed.secondaryPaid);
        _assertEachGot(
            claimed.planPaid - primary,
            claimed.secondaryPaid - secondary,
            claimed.deductible - claimed.secondaryPaid
        );
    }

    function _assertEachGot(uint256 primary, uint256 secondary, uint256 patient) private view {
        assert(_around.balanceOf(address(_primary)) == primary && _primary.refunded() == primary);
        assert(_around.balanceOf(address(_secondary)) == secondary && _secondary.refunded() == secondary);
        assert(_around.balanceOf(address(_around)) == patient && _around.refunded() == patient);
        assert(_around.refundedTo() == PATIENT);
    }

    /// As settlement leaves every claim: parts add up, no more than the rest is paid for the patient, and the fee is
    /// within what is allowed.
    function _claim(Components calldata of_, uint256 day)
        private
        pure
        returns (ISettlementState.SettledClaim memory claim, uint256 allowed)
    {
        allowed = uint256(of_.deductible) + of_.planPaid;
        assume(of_.fee <= allowed && of_.secondaryPaid < of_.deductible);
        assume(of_.fee != 0 && of_.secondaryPaid != 0 && of_.planPaid != 0);
        claim.amounts = PackedClaim.four(0, allowed, of_.deductible, 0);
        claim.shares = PackedClaim.four(0, 0, of_.planPaid, of_.secondaryPaid);
        claim.secondary = PackedClaim.four(ALONE_DEDUCTIBLE, ALONE_OUT_OF_POCKET, ALONE_PLAN_PAID, 0);
        (claim.patient, claim.operator) = (PATIENT, OPERATOR);
        claim.settledAt = uint40(day * 1 days);
        claim.parties = uint256(PROVIDER) << 224 | uint256(PRIMARY) << 192 | uint256(SECONDARY) << 128;
        claim.service = uint256(of_.fee) << PackedClaim.FEE_SHIFT;
    }
}
