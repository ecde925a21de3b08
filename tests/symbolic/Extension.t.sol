// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Cheats} from "./Cheats.sol";
import {IInsurerPayerFactory} from "../../contracts/interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "../../contracts/interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {PackedClaim} from "../../contracts/codec/PackedClaim.sol";
import {SettlementAdmin} from "../../contracts/settlement/SettlementAdmin.sol";
import {SettlementExtension} from "../../contracts/settlement/SettlementExtension.sol";

/// @notice The contracts around the extension, as far as a payout needs them: one registered payout address for
/// all providers, and a token that notes what was sent.
contract Surroundings {
    bytes32 public constant payerCodeHash = 0;
    address public constant payoutAddressOfAll = address(0xbeef);
    address public sentTo;
    uint256 public sent;

    function payoutAddress(uint32) external pure returns (address) {
        return payoutAddressOfAll;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        (sentTo, sent) = (to, sent + amount);
        return true;
    }
}

/// @notice The extension with its accounts and its arithmetic laid open.
contract ExtensionHarness is SettlementExtension {
    constructor(Surroundings around)
        SettlementExtension(
            IERC20(address(around)),
            IPatientEscrow(address(0)),
            IInsurerPayerFactory(address(around)),
            IProviderRegistry(address(around)),
            address(
                new SettlementAdmin(
                    IERC20(address(around)),
                    IPatientEscrow(address(0)),
                    IInsurerPayerFactory(address(around)),
                    IProviderRegistry(address(around))
                )
            )
        )
    {}

    function setProvider(uint32 providerId, uint256 head, uint256 second, uint256 slot, uint256 ring) external {
        (_providers[providerId].head, _providers[providerId].second) = (head, second);
        _providers[providerId].ring[slot] = ring;
    }

    function provider(uint32 providerId, uint256 slot) external view returns (uint256, uint256, uint256) {
        return (_providers[providerId].head, _providers[providerId].second, _providers[providerId].ring[slot]);
    }

    function difference(SettledClaim calldata claim, Ruling calldata ruling) external pure returns (Difference memory) {
        return _difference(0, claim, ruling);
    }
}

/// @notice Runs the extension's code as its own, as ClaimSettlement does.
contract Front {
    address private immutable _extension;

    constructor(address extension) {
        _extension = extension;
    }

    fallback() external {
        (bool succeeded, bytes memory answer) = _extension.delegatecall(msg.data);
        assembly ("memory-safe") {
            if iszero(succeeded) { revert(add(answer, 32), mload(answer)) }
            return(add(answer, 32), mload(answer))
        }
    }
}

/// @notice A payout takes from one account what it sends; a reversal's differences add up.
///
/// Bounds of the payout: one bucket in the ring, of 9 days ago, beside a newest one of today. Bounds of the
/// reversal: a claim whose own parts add up, without a secondary payer's accumulators. All amounts are any
/// below 2^16.
contract ExtensionTest is Cheats {
    uint256 private constant TODAY = 20_000;
    uint32 private constant PROVIDER = 1;
    uint32 private constant OTHER = 2;

    Surroundings private _around;
    ExtensionHarness private _extension;

    struct Account {
        uint16 newest;
        uint16 matured;
        uint16 held;
        uint16 ripe;
        uint16 bond;
        uint16 advanced;
        uint16 owed;
    }

    struct Components {
        uint16 deductible;
        uint16 copay;
        uint16 coinsurance;
        uint16 outsidePlan;
        uint16 planPaid;
        uint16 secondaryPaid;
        uint16 fee;
    }

    function setUp() public {
        _around = new Surroundings();
        _extension = ExtensionHarness(address(new Front(address(new ExtensionHarness(_around)))));
    }

    /// What is paid is what is subtracted; nobody else's account changes.
    function check_withdraw__pays_what_it_subtracts(Account calldata account, uint256 head, uint256 second) external {
        vm.warp(TODAY * 1 days);
        uint256 ripeDay = TODAY - 9;
        uint256 accountHead =
            TODAY << 192 | uint256(account.newest) << 128 | uint256(account.matured) << 64 | account.held;
        uint256 accountSecond = uint256(account.bond) << 128 | uint256(account.advanced) << 64 | account.owed;
        _extension.setProvider(PROVIDER, accountHead, accountSecond, ripeDay % 8, ripeDay << 64 | account.ripe);
        _extension.setProvider(OTHER, head, second, 0, 0);

        uint64 amount = _extension.withdraw(PROVIDER);

        assert(_around.sent() == amount && _around.sentTo() == _around.payoutAddressOfAll());
        (uint256 headAfter, uint256 secondAfter, uint256 ring) = _extension.provider(PROVIDER, ripeDay % 8);
        // What ripened repaid advances, and the rest is matured or was paid.
        uint256 repaid = account.advanced < account.ripe ? account.advanced : account.ripe;
        assert(uint64(ring) == 0 && uint64(secondAfter >> 64) == account.advanced - repaid);
        uint256 maturedAfter = uint64(headAfter >> 64);
        assert(maturedAfter + amount == uint256(account.matured) + account.ripe - repaid);
        // Not a cent of what is maturing, held or owed, nor of the bond.
        assert(uint64(headAfter >> 128) == account.newest && uint64(headAfter) == account.held);
        assert(uint64(secondAfter >> 128) == account.bond && uint64(secondAfter) == account.owed);
        assert(maturedAfter == account.owed);
        (headAfter, secondAfter,) = _extension.provider(OTHER, 0);
        assert(headAfter == head && secondAfter == second);
    }

    /// An advance is what is sent, and all advances stay within the bond.
    function check_drawAdvance__sends_what_it_notes(Account calldata account, uint64 amount) external {
        vm.warp(TODAY * 1 days);
        uint256 ripeDay = TODAY - 9;
        _extension.setProvider(
            PROVIDER,
            TODAY << 192 | uint256(account.newest) << 128 | uint256(account.matured) << 64 | account.held,
            uint256(account.bond) << 128 | uint256(account.advanced) << 64 | account.owed,
            ripeDay % 8,
            ripeDay << 64 | account.ripe
        );

        vm.prank(_around.payoutAddressOfAll());
        _extension.drawAdvance(PROVIDER, amount);

        assert(_around.sent() == amount && _around.sentTo() == _around.payoutAddressOfAll());
        (uint256 head, uint256 second,) = _extension.provider(PROVIDER, ripeDay % 8);
        uint256 repaid = account.advanced < account.ripe ? account.advanced : account.ripe;
        uint256 advanced = uint64(second >> 64);
        assert(advanced == account.advanced - repaid + amount);
        assert(advanced <= account.bond && advanced <= account.newest);
        assert(uint64(head >> 64) == uint256(account.matured) + account.ripe - repaid);
        assert(uint64(head >> 128) == account.newest && uint64(head) == account.held);
        assert(uint64(second >> 128) == account.bond && uint64(second) == account.owed);
    }

    /// What a ruling takes back adds up: what patient and payers get is what provider and operator lose.
    function check_difference__adds_up(Components calldata claimed, Components calldata ruled, uint16 allowed)
        external
        view
    {
        // As settlement leaves every claim: parts add up, no more than the rest is paid for the patient.
        uint256 sum = _sum(claimed);
        assume(claimed.fee <= sum && claimed.secondaryPaid <= sum - claimed.planPaid);
        ExtensionHarness.SettledClaim memory claim;
        (claim.amounts, claim.shares) = _words(claimed, sum);
        claim.service = uint256(claimed.fee) << PackedClaim.FEE_SHIFT;
        ExtensionHarness.Ruling memory ruling;
        (ruling.amounts, ruling.shares) = _words(ruled, allowed);
        ruling.fee = ruled.fee;

        ExtensionHarness.Difference memory taken = _extension.difference(claim, ruling);

        uint256 takenAllowed = PackedClaim.allowed(taken.amounts);
        assert(takenAllowed == sum - allowed && allowed == _sum(ruled));
        // The three who are given money back share exactly what is no longer allowed.
        uint256 toPayers = PackedClaim.planPaid(taken.shares) + PackedClaim.secondaryPaid(taken.shares);
        assert(PackedClaim.responsibility(taken.amounts, taken.shares) + toPayers == takenAllowed);
        // Provider and operator lose it, and no more than they had.
        assert(taken.fee <= claimed.fee && taken.fee <= takenAllowed);
        assert(takenAllowed - taken.fee <= sum - claimed.fee);
    }

    function _words(Components calldata of_, uint256 allowed) private pure returns (uint256 amounts, uint256 shares) {
        amounts = PackedClaim.four(0, allowed, of_.deductible, of_.copay);
        shares = PackedClaim.four(of_.coinsurance, of_.outsidePlan, of_.planPaid, of_.secondaryPaid);
    }

    function _sum(Components calldata of_) private pure returns (uint256) {
        return uint256(of_.deductible) + of_.copay + of_.coinsurance + of_.outsidePlan + of_.planPaid;
    }
}
