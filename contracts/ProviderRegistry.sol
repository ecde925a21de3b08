// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";

/// @dev Documented in IProviderRegistry.
contract ProviderRegistry is IProviderRegistry, AccessManaged {
    struct Provider {
        address payoutAddress;
        bool suspended;
    }

    /// @inheritdoc IProviderRegistry
    uint32 public providerCount;

    mapping(uint32 providerId => Provider) private _providers;

    /// @inheritdoc IProviderRegistry
    mapping(uint32 providerId => mapping(address attester => bool)) public isAttester;

    constructor(address authority) AccessManaged(authority) {}

    modifier onlyPayoutAddress(uint32 providerId) {
        address expected = _known(providerId).payoutAddress;
        if (msg.sender != expected) revert NotThePayoutAddress(providerId, msg.sender, expected);
        _;
    }

    /// @inheritdoc IProviderRegistry
    function register(address payout, address[] calldata attesters) external restricted returns (uint32 providerId) {
        if (payout == address(0)) revert ZeroAddress();
        if (attesters.length == 0) revert NoAttesters();

        providerId = ++providerCount;
        _providers[providerId].payoutAddress = payout;
        emit ProviderRegistered(providerId, payout);
        for (uint256 i; i < attesters.length; ++i) {
            _addAttester(providerId, attesters[i]);
        }
    }

    /// @inheritdoc IProviderRegistry
    function addAttester(uint32 providerId, address attester) external onlyPayoutAddress(providerId) {
        _addAttester(providerId, attester);
    }

    /// @inheritdoc IProviderRegistry
    function revokeAttester(uint32 providerId, address attester) external onlyPayoutAddress(providerId) {
        if (!isAttester[providerId][attester]) revert NotAttester(providerId, attester);
        isAttester[providerId][attester] = false;
        emit AttesterRevoked(providerId, attester);
    }

    /// @inheritdoc IProviderRegistry
    function suspend(uint32 providerId) external restricted {
        Provider storage provider = _known(providerId);
        if (provider.suspended) revert AlreadySuspended(providerId);
        provider.suspended = true;
        emit ProviderSuspended(providerId);
    }

    /// @inheritdoc IProviderRegistry
    function reinstate(uint32 providerId) external restricted {
        Provider storage provider = _known(providerId);
        if (!provider.suspended) revert NotSuspended(providerId);
        provider.suspended = false;
        emit ProviderReinstated(providerId);
    }

    /// @inheritdoc IProviderRegistry
    function isActive(uint32 providerId) external view returns (bool) {
        Provider storage provider = _providers[providerId];
        return provider.payoutAddress != address(0) && !provider.suspended;
    }

    /// @inheritdoc IProviderRegistry
    function payoutAddress(uint32 providerId) external view returns (address) {
        return _providers[providerId].payoutAddress;
    }

    function _addAttester(uint32 providerId, address attester) private {
        if (attester == address(0)) revert ZeroAddress();
        if (isAttester[providerId][attester]) revert AlreadyAttester(providerId, attester);
        isAttester[providerId][attester] = true;
        emit AttesterAdded(providerId, attester);
    }

    function _known(uint32 providerId) private view returns (Provider storage provider) {
        provider = _providers[providerId];
        if (provider.payoutAddress == address(0)) revert UnknownProvider(providerId);
    }
}
