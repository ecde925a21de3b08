// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {CreditAccount} from "./CreditAccount.sol";
import {OnlyDelegateCall} from "./OnlyDelegateCall.sol";
import {ISettlementExtension} from "../interfaces/ISettlementExtension.sol";
import {ExactTransfer} from "../token/ExactTransfer.sol";

/// @notice The part of SettlementExtension that pays providers and operators, and keeps bonds.
/// @dev Documented in ISettlementExtension.
abstract contract ProviderPayouts is OnlyDelegateCall, ISettlementExtension {
    using CreditAccount for CreditAccount.Account;

    // ---- verbs ------------------------------------------------------------------------------------

    /// @inheritdoc ISettlementExtension
    function withdraw(uint32 providerId) external delegated nonReentrant returns (uint64 amount) {
        address payoutAddress = _payoutAddress(providerId);
        amount = _payOut(_providers[providerId]);
        if (amount == 0) revert NoCredit(providerId);

        emit ProviderPaid(providerId, payoutAddress, amount);

        SafeERC20.safeTransfer(token, payoutAddress, amount);
    }

    /// @inheritdoc ISettlementExtension
    function withdrawFees(address operator) external delegated nonReentrant returns (uint64 amount) {
        amount = _payOut(_operators[operator]);
        if (amount == 0) revert NoFees(operator);

        emit OperatorPaid(operator, amount);

        SafeERC20.safeTransfer(token, operator, amount);
    }

    /// @inheritdoc ISettlementExtension
    function drawAdvance(uint32 providerId, uint64 amount) external delegated nonReentrant {
        _checkPayoutAddress(providerId);
        CreditAccount.Account storage account = _providers[providerId];
        account.mature();
        uint64 available = _advanceable(account.standing());
        if (amount > available) revert AdvanceTooLarge(amount, available);
        if (amount == 0) revert NoCredit(providerId);

        account.advance(amount);
        emit AdvancePaid(providerId, msg.sender, amount);

        SafeERC20.safeTransfer(token, msg.sender, amount);
    }

    /// @inheritdoc ISettlementExtension
    function depositBond(uint32 providerId, uint64 amount) external delegated nonReentrant {
        _payoutAddress(providerId);

        _addBond(providerId, amount);
    }

    /// @inheritdoc ISettlementExtension
    function withdrawBond(uint32 providerId) external delegated nonReentrant returns (uint64 amount) {
        _checkPayoutAddress(providerId);
        CreditAccount.Account storage account = _providers[providerId];
        account.mature();
        Credit memory credit = account.standing();
        if (credit.maturing != 0 || credit.openDisputes != 0 || credit.owed != 0) {
            revert BondInUse(providerId, credit.advanced, credit.maturing, credit.openDisputes);
        }
        // An advance that is left now was paid on credit that was reversed since: the bond stands for it.
        amount = credit.bond - credit.advanced;
        if (amount == 0) revert NoBond(providerId);

        account.writeOffAdvances();
        account.takeBond(amount);
        emit BondWithdrawn(providerId, msg.sender, amount);

        SafeERC20.safeTransfer(token, msg.sender, amount);
    }

    /// @inheritdoc ISettlementExtension
    function suspend(uint32 providerId) external delegated restricted {
        _payoutAddress(providerId);
        if (_providers[providerId].isSuspended()) revert AlreadySuspended(providerId);

        _providers[providerId].setSuspended(true);
        emit ProviderSuspended(providerId);
    }

    /// @inheritdoc ISettlementExtension
    function reinstate(uint32 providerId) external delegated restricted {
        if (!_providers[providerId].isSuspended()) revert NotSuspended(providerId);

        _providers[providerId].setSuspended(false);
        emit ProviderReinstated(providerId);
    }

    // ---- parts ------------------------------------------------------------------------------------

    /// Adds the caller's tokens to a bond, after they have arrived: it never promises what is not there.
    function _addBond(uint32 providerId, uint64 amount) internal {
        ExactTransfer.pull(token, msg.sender, amount);

        _providers[providerId].addBond(amount);
        emit BondDeposited(providerId, msg.sender, amount);
    }

    function _payOut(CreditAccount.Account storage account) private returns (uint64 amount) {
        account.mature();
        amount = uint64(account.withdrawable());
        account.takeMatured(amount);
    }

    /// What may be paid out now against the bond: no more than the bond, and no more than is maturing.
    function _advanceable(Credit memory credit) private pure returns (uint64) {
        uint64 most = credit.bond < credit.maturing ? credit.bond : credit.maturing;
        return credit.owed != 0 || most < credit.advanced ? 0 : most - credit.advanced;
    }
}
