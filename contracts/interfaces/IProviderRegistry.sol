// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Who may attest, where providers are paid, and what they charge patients without a plan.
/// Whether a provider is suspended stands in ClaimSettlement, in a word that settling reads anyway.
interface IProviderRegistry {
    /// @notice A provider was registered under `providerId`.
    event ProviderRegistered(uint32 indexed providerId, address indexed payoutAddress);
    /// @notice `attester` may sign attestations for the provider from now on.
    event AttesterAdded(uint32 indexed providerId, address indexed attester);
    /// @notice `attester` may no longer sign attestations for the provider.
    event AttesterRevoked(uint32 indexed providerId, address indexed attester);
    /// @notice The provider is paid at, and controlled by, `payoutAddress` from `effectiveAt` on.
    event PayoutAddressAnnounced(uint32 indexed providerId, address indexed payoutAddress, uint40 effectiveAt);
    /// @notice An announced change of the payout address was called off.
    event PayoutAddressCancelled(uint32 indexed providerId);
    /// @notice What the provider charges patients without a plan for one unit, from `effectiveAt` on; 0: not offered.
    event CashPricePublished(
        uint32 indexed providerId, bytes8 indexed serviceId, uint64 amount, uint40 effectiveAt, uint16 version
    );

    error ZeroAddress();
    error UnknownProvider(uint32 providerId);
    error NotThePayoutAddress(uint32 providerId, address caller, address payoutAddress);
    error AlreadyAttester(uint32 providerId, address attester);
    error NotAttester(uint32 providerId, address attester);
    error NoAttesters();
    error PayoutAddressUnchanged(uint32 providerId, address payoutAddress);
    error NoPayoutAddressAnnounced(uint32 providerId);
    error LengthMismatch(uint256 left, uint256 right);
    error InvalidServiceId();
    error VersionStillAnnounced(uint40 effectiveAt);

    /// @notice Register a provider. Governor only.
    /// @param payoutAddress where credit is paid, and who manages keys, prices and disputes
    /// @param attesters keys that may sign attestations; at least one
    /// @return providerId counted from 1
    function register(address payoutAddress, address[] calldata attesters) external returns (uint32 providerId);

    /// @notice Let another key sign. The provider's payout address only.
    function addAttester(uint32 providerId, address attester) external;

    /// @notice Stop a key from signing, at once. The provider's payout address only.
    function revokeAttester(uint32 providerId, address attester) external;

    /// @notice Replace one key by another in one step. The provider's payout address only.
    function rotateAttester(uint32 providerId, address retired, address attester) external;

    /// @notice Announce another payout address; it takes over after PAYOUT_CHANGE_DELAY. The present one only.
    function announcePayoutAddress(uint32 providerId, address payoutAddress) external;

    /// @notice Call an announced change off. The present payout address only.
    function cancelPayoutAddress(uint32 providerId) external;

    /// @notice Publish cash prices by the provider's own opaque service ids. A first price may hold at once,
    /// every later one after NOTICE, one announced at a time. The provider's payout address only.
    function publishCashPrices(uint32 providerId, bytes8[] calldata serviceIds, uint64[] calldata amounts) external;

    /// @notice May this key sign attestations for the provider?
    function isAttester(uint32 providerId, address attester) external view returns (bool);

    /// @notice Where the provider's credit is paid now; zero where it is unknown.
    function payoutAddress(uint32 providerId) external view returns (address);

    /// @notice The announced payout address; `effectiveAt` 0: none.
    function announcedPayoutAddress(uint32 providerId) external view returns (address payout, uint40 effectiveAt);

    /// @notice The cash price of one unit in force at `time`; `version` 0: none.
    function cashPriceAt(uint32 providerId, bytes8 serviceId, uint40 time)
        external
        view
        returns (uint64 amount, uint16 version);

    /// @notice How many providers were ever registered.
    function providerCount() external view returns (uint32);
}
