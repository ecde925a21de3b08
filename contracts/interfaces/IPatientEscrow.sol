// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Spendable} from "../types/Outcomes.sol";

/// @notice Holds patients' deposits, whom they accept as payer, and which providers may charge them.
interface IPatientEscrow {
    /// @notice `amount` was added to the patient's balance.
    event Deposited(address indexed patient, uint64 amount);
    /// @notice A withdrawal was announced; it replaces one announced before.
    event WithdrawalRequested(address indexed patient, uint64 amount, uint40 availableAt);
    /// @notice `amount` left the patient's balance for the patient's own address.
    event Withdrawn(address indexed patient, uint64 amount);
    /// @notice The patient's payer is `payerId` from `effectiveAt` on.
    event PayerAccepted(address indexed patient, uint32 indexed payerId, uint40 effectiveAt);
    /// @notice The provider may charge the patient at most `perEventLimit` an event until `expiresAt`.
    event ConsentGranted(
        address indexed patient, uint32 indexed providerId, uint64 perEventLimit, uint40 expiresAt, uint40 effectiveAt
    );
    /// @notice The provider may charge the patient only until `expiresAt`.
    event ConsentRevoked(address indexed patient, uint32 indexed providerId, uint40 expiresAt);

    error NotSettlement(address caller);
    error BalanceOverflow(uint64 balance, uint64 amount);
    error UnknownPayer(uint32 payerId);
    error PayerUnchanged(uint32 payerId);
    error UnknownProvider(uint32 providerId);
    error ConsentExpiryInPast(uint40 expiresAt, uint256 now_);
    error NoConsentToRevoke(uint32 providerId);
    error ChangeTooRecent(uint40 changedAt, uint40 until);

    /// @notice Add the caller's tokens to the caller's balance.
    /// @param amount in the token's smallest unit
    function deposit(uint64 amount) external;

    /// @notice Announce a withdrawal of at most the present balance. It can be taken after NOTICE, for
    /// WITHDRAWAL_LIFE; until taken the money stays debitable; later deposits are not covered.
    function requestWithdrawal(uint64 amount) external;

    /// @notice Take the announced withdrawal, as much of it as settlements since have left.
    /// @return amount what was paid to the caller
    function withdraw() external returns (uint64 amount);

    /// @notice Name the payer that may adjudicate the caller's events. The first at once; a change
    /// takes effect after NOTICE, and the next change must leave MAX_BATCH_LIFE between.
    function acceptPayer(uint32 payerId) external;

    /// @notice Let a provider charge the caller. A wider consent holds at once; a narrower one (lower
    /// limit or earlier expiry) after NOTICE. Not within MAX_BATCH_LIFE of a narrowing that took effect.
    /// @param perEventLimit the most for one event, in the token's smallest unit
    /// @param expiresAt seconds since 1970
    function grantConsent(uint32 providerId, uint64 perEventLimit, uint40 expiresAt) external;

    /// @notice Stop a provider from charging the caller, after NOTICE.
    function revokeConsent(uint32 providerId) external;

    /// @notice What each patient may be charged by this provider through this payer. Read by settlement.
    /// @param signedAt the time whose payer and consent apply
    function spendable(uint32 providerId, uint32 payerId, uint40 signedAt, address[] calldata patients)
        external
        view
        returns (Spendable[] memory);

    /// @notice Take priced amounts from balances. Settlement only; cannot fail for amounts within `spendable`.
    function debit(address[] calldata patients, uint64[] calldata amounts) external;

    /// @notice Move all that was debited in this transaction to settlement. Settlement only.
    function release() external;

    /// @notice The patient's balance, in the token's smallest unit.
    function balanceOf(address patient) external view returns (uint64);

    /// @notice The patient's payer at `time`; 0: none.
    function payerOf(address patient, uint40 time) external view returns (uint32);

    /// @notice The consent in force at `time`; `expiresAt` 0: none.
    function consentOf(address patient, uint32 providerId, uint40 time)
        external
        view
        returns (uint64 perEventLimit, uint40 expiresAt);

    /// @notice The announced withdrawal; `availableAt` 0: none.
    function withdrawalOf(address patient)
        external
        view
        returns (uint64 amount, uint64 depositedSince, uint40 availableAt);
}
