// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ISettlementAdmin} from "./interfaces/ISettlementAdmin.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {NOTICE, PAYOUT_CHANGE_DELAY} from "./types/Timelocks.sol";

/// @dev Documented in IProviderRegistry.
contract ProviderRegistry is IProviderRegistry, AccessManaged {
    /// Two storage slots; the second is read only while an announcement is remembered.
    ///   payout      where the provider is paid, until nextAt if that is set
    ///   nextAt      from when it is paid at `nextPayout`; 0: no change announced
    ///   nextPayout  left in place after it took over, until the next announcement
    struct Provider {
        address payout;
        uint40 nextAt;
        address nextPayout;
    }

    /// One version of what one unit costs without a plan. One storage slot.
    ///   version  1 for the first; 0: never published
    struct CashPrice {
        uint64 amount;
        uint40 effectiveAt;
        uint16 version;
    }

    /// @inheritdoc IProviderRegistry
    uint32 public providerCount;

    mapping(uint32 providerId => Provider) private _providers;
    mapping(uint32 providerId => mapping(bytes8 serviceId => CashPrice latest)) private _cashPrices;
    mapping(uint32 providerId => mapping(bytes8 serviceId => mapping(uint16 version => CashPrice))) private
        _supersededPrices;

    /// @inheritdoc IProviderRegistry
    mapping(uint32 providerId => mapping(address attester => bool)) public isAttester;

    /// What settles: told of every change, it counts attesters without asking.
    ISettlementAdmin public immutable settlement;

    constructor(ISettlementAdmin settlement_, address authority) AccessManaged(authority) {
        settlement = settlement_;
    }

    modifier onlyPayoutAddress(uint32 providerId) {
        address expected = payoutAddress(providerId);
        if (expected == address(0)) revert UnknownProvider(providerId);
        if (msg.sender != expected) revert NotThePayoutAddress(providerId, msg.sender, expected);
        _;
    }

    // ---- registering ------------------------------------------------------------------------------

    /// @inheritdoc IProviderRegistry
    function register(address payout, address[] calldata attesters) external restricted returns (uint32 providerId) {
        if (payout == address(0)) revert ZeroAddress();
        if (attesters.length == 0) revert NoAttesters();

        providerId = ++providerCount;
        _providers[providerId].payout = payout;
        emit ProviderRegistered(providerId, payout);
        for (uint256 i; i < attesters.length; ++i) {
            _addAttester(providerId, attesters[i]);
        }
    }

    // ---- attesters --------------------------------------------------------------------------------

    /// @inheritdoc IProviderRegistry
    function addAttester(uint32 providerId, address attester) external onlyPayoutAddress(providerId) {
        _addAttester(providerId, attester);
    }

    /// @inheritdoc IProviderRegistry
    function revokeAttester(uint32 providerId, address attester) external onlyPayoutAddress(providerId) {
        _revokeAttester(providerId, attester);
    }

    /// @inheritdoc IProviderRegistry
    function rotateAttester(uint32 providerId, address retired, address attester)
        external
        onlyPayoutAddress(providerId)
    {
        _addAttester(providerId, attester);
        _revokeAttester(providerId, retired);
    }

    // ---- payout address ---------------------------------------------------------------------------

    /// @inheritdoc IProviderRegistry
    function announcePayoutAddress(uint32 providerId, address payout) external onlyPayoutAddress(providerId) {
        if (payout == address(0)) revert ZeroAddress();
        if (payout == msg.sender) revert PayoutAddressUnchanged(providerId, payout);

        // The caller is the present one, also where a change announced before has brought it there.
        uint40 effectiveAt = uint40(block.timestamp) + PAYOUT_CHANGE_DELAY;
        _providers[providerId] = Provider({payout: msg.sender, nextAt: effectiveAt, nextPayout: payout});
        emit PayoutAddressAnnounced(providerId, payout, effectiveAt);
    }

    /// @inheritdoc IProviderRegistry
    function cancelPayoutAddress(uint32 providerId) external onlyPayoutAddress(providerId) {
        Provider storage provider = _providers[providerId];
        if (provider.nextAt <= block.timestamp) revert NoPayoutAddressAnnounced(providerId);
        (provider.nextAt, provider.nextPayout) = (0, address(0));
        emit PayoutAddressCancelled(providerId);
    }

    // ---- cash prices ------------------------------------------------------------------------------

    /// @inheritdoc IProviderRegistry
    function publishCashPrices(uint32 providerId, bytes8[] calldata serviceIds, uint64[] calldata amounts)
        external
        onlyPayoutAddress(providerId)
    {
        if (serviceIds.length != amounts.length) revert LengthMismatch(serviceIds.length, amounts.length);
        for (uint256 i; i < serviceIds.length; ++i) {
            _publishCashPrice(providerId, serviceIds[i], amounts[i]);
        }
    }

    // ---- views ------------------------------------------------------------------------------------

    /// @inheritdoc IProviderRegistry
    function payoutAddress(uint32 providerId) public view returns (address) {
        Provider storage provider = _providers[providerId];
        (address payout, uint40 nextAt) = (provider.payout, provider.nextAt);
        return nextAt == 0 || block.timestamp < nextAt ? payout : provider.nextPayout;
    }

    /// @inheritdoc IProviderRegistry
    function announcedPayoutAddress(uint32 providerId) external view returns (address payout, uint40 effectiveAt) {
        Provider storage provider = _providers[providerId];
        if (provider.nextAt > block.timestamp) return (provider.nextPayout, provider.nextAt);
    }

    /// @inheritdoc IProviderRegistry
    function cashPriceAt(uint32 providerId, bytes8 serviceId, uint40 time)
        external
        view
        returns (uint64 amount, uint16 version)
    {
        CashPrice memory price = _cashPrices[providerId][serviceId];
        // Versions are NOTICE apart: a batch, younger than that, finds its own at most two back.
        while (price.version != 0 && price.effectiveAt > time) {
            price = _supersededPrices[providerId][serviceId][price.version - 1];
        }
        return (price.amount, price.version);
    }

    // ---- changing ---------------------------------------------------------------------------------

    function _addAttester(uint32 providerId, address attester) private {
        if (attester == address(0)) revert ZeroAddress();
        if (isAttester[providerId][attester]) revert AlreadyAttester(providerId, attester);
        isAttester[providerId][attester] = true;
        settlement.noteAttester(providerId, attester, true);
        emit AttesterAdded(providerId, attester);
    }

    function _revokeAttester(uint32 providerId, address attester) private {
        if (!isAttester[providerId][attester]) revert NotAttester(providerId, attester);
        isAttester[providerId][attester] = false;
        settlement.noteAttester(providerId, attester, false);
        emit AttesterRevoked(providerId, attester);
    }

    /// The first version holds at once: before it there was no price a signed batch could lose. Later ones
    /// follow NOTICE after their announcement, one at a time, so versions are in order.
    function _publishCashPrice(uint32 providerId, bytes8 serviceId, uint64 amount) private {
        if (serviceId == 0) revert InvalidServiceId();
        CashPrice memory superseded = _cashPrices[providerId][serviceId];
        if (superseded.effectiveAt > block.timestamp) revert VersionStillAnnounced(superseded.effectiveAt);

        uint40 effectiveAt = uint40(block.timestamp);
        if (superseded.version != 0) {
            effectiveAt += NOTICE;
            _supersededPrices[providerId][serviceId][superseded.version] = superseded;
        }
        uint16 version = superseded.version + 1;
        _cashPrices[providerId][serviceId] = CashPrice(amount, effectiveAt, version);
        emit CashPricePublished(providerId, serviceId, amount, effectiveAt, version);
    }
}
