// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Who may attest and where they are paid.
interface IProviderRegistry {
    /// @notice A provider was registered under `providerId`.
    event ProviderRegistered(uint32 indexed providerId, address indexed payoutAddress);
    /// @notice `attester` may sign attestations for the provider from now on.
    event AttesterAdded(uint32 indexed providerId, address indexed attester);
    /// @notice `attester` may no longer sign attestations for the provider.
    event AttesterRevoked(uint32 indexed providerId, address indexed attester);
    /// @notice No new event of the provider settles; its credit stays its own.
    event ProviderSuspended(uint32 indexed providerId);
    /// @notice Events of the provider settle again.
    event ProviderReinstated(uint32 indexed providerId);

    error ZeroAddress();
    error UnknownProvider(uint32 providerId);
    error NotThePayoutAddress(uint32 providerId, address caller, address payoutAddress);
    error AlreadyAttester(uint32 providerId, address attester);
    error NotAttester(uint32 providerId, address attester);
    error NoAttesters();
    error AlreadySuspended(uint32 providerId);
    error NotSuspended(uint32 providerId);

    /// @notice Register a provider. Governor only.
    /// @param payoutAddress where credit is paid, and who manages the attester keys
    /// @param attesters keys that may sign attestations; at least one
    /// @return providerId counted from 1
    function register(address payoutAddress, address[] calldata attesters) external returns (uint32 providerId);

    /// @notice Let another key sign. The provider's payout address only.
    function addAttester(uint32 providerId, address attester) external;

    /// @notice Stop a key from signing. The provider's payout address only.
    function revokeAttester(uint32 providerId, address attester) external;

    /// @notice Stop new settlement for a provider. Governor only.
    function suspend(uint32 providerId) external;

    /// @notice Undo a suspension. Governor only.
    function reinstate(uint32 providerId) external;

    /// @notice Registered and not suspended.
    function isActive(uint32 providerId) external view returns (bool);

    /// @notice May this key sign attestations for the provider?
    function isAttester(uint32 providerId, address attester) external view returns (bool);

    /// @notice Where the provider's credit is paid; zero where it is unknown.
    function payoutAddress(uint32 providerId) external view returns (address);

    /// @notice How many providers were ever registered.
    function providerCount() external view returns (uint32);
}
