// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Holds patients' deposits, whom they accept as payers, what they allow to be spent, and which
/// providers may charge them. Each patient verb has a twin by EIP-712 signature (EOA or ERC-1271), so that
/// a patient without the chain's coin can do all through anyone's relay; direct and signed calls share one
/// sequential nonce. Amounts are in the token's smallest unit, times in seconds since 1970.
interface IPatientEscrow {
    /// @notice `amount` was added to the patient's balance.
    event Deposited(address indexed patient, uint64 amount);
    /// @notice A withdrawal was announced; it replaces one announced before.
    event WithdrawalRequested(address indexed patient, uint64 amount, uint40 availableAt);
    /// @notice The announced withdrawal was called off.
    event WithdrawalCancelled(address indexed patient);
    /// @notice `amount` left the patient's balance for the patient's own address.
    event Withdrawn(address indexed patient, uint64 amount);
    /// @notice The patient's payers are these from `effectiveAt` on; 0: none.
    event PayersAccepted(
        address indexed patient, uint32 indexed payerId, uint32 indexed secondaryPayerId, uint40 effectiveAt
    );
    /// @notice No more than these may be taken for one event and on one day (UTC) from `effectiveAt` on; 0: no limit.
    event LimitsSet(address indexed patient, uint64 perEventLimit, uint64 perDayLimit, uint40 effectiveAt);
    /// @notice The provider may charge the patient at most `perEventLimit` an event until `expiresAt`, and
    /// outside any plan only if `selfPay`.
    event ConsentGranted(
        address indexed patient,
        uint32 indexed providerId,
        uint64 perEventLimit,
        uint40 expiresAt,
        bool selfPay,
        uint40 effectiveAt
    );
    /// @notice The provider may charge the patient only until `expiresAt`.
    event ConsentRevoked(address indexed patient, uint32 indexed providerId, uint40 expiresAt);
    /// @notice A reversed claim gave `amount` back to the patient's balance.
    event Refunded(address indexed patient, uint64 amount);
    /// @notice The patient's nonce rose to `nonce`: signatures over lower ones are void.
    event NonceUsed(address indexed patient, uint64 nonce);

    error SettlementUnderWay();
    error NotSettlement(address caller);
    error BalanceOverflow(uint64 balance, uint64 amount);
    error DebitOverBalance(uint64 balance, uint256 amount);
    error UnknownPayer(uint32 payerId);
    error PayersUnchanged(uint32 payerId, uint32 secondaryPayerId);
    error SecondaryWithoutPrimary(uint32 secondaryPayerId);
    error SamePayerTwice(uint32 payerId);
    error UnknownProvider(uint32 providerId);
    error ConsentExpiryInPast(uint40 expiresAt, uint256 now_);
    error NoConsentToRevoke(uint32 providerId);
    error ChangeTooRecent(uint40 changedAt, uint40 until);
    error LimitNotInCents(uint64 limit);
    error LimitTooLarge(uint64 limit, uint64 largest);
    error LimitsUnchanged(uint64 perEventLimit, uint64 perDayLimit);
    error SignatureExpired(uint256 deadline, uint256 now_);
    error InvalidSignature(address patient);

    /// @notice Add the caller's tokens to the caller's balance.
    function deposit(uint64 amount) external;

    /// @notice `deposit`, with the caller's ERC-2612 permit in place of an allowance set before. A permit
    /// that somebody else has already used does no harm: the allowance it made is used.
    function depositWithPermit(uint64 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Add tokens that `from` has authorised this contract to receive (ERC-3009) to the balance of
    /// `from`. Anyone may submit it.
    function depositWithAuthorization(
        address from,
        uint64 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;

    /// @notice Announce a withdrawal of at most the present balance. It can be taken after NOTICE, for
    /// WITHDRAWAL_LIFE; until taken the money stays debitable; later deposits are not covered.
    function requestWithdrawal(uint64 amount) external;

    /// @notice `requestWithdrawal` by signature: RequestWithdrawal(address patient,uint64 amount,uint64
    /// nonce,uint256 deadline).
    function requestWithdrawalBySig(address patient, uint64 amount, uint256 deadline, bytes calldata signature) external;

    /// @notice Call the announced withdrawal off.
    function cancelWithdrawal() external;

    /// @notice `cancelWithdrawal` by signature: CancelWithdrawal(address patient,uint64 nonce,uint256 deadline).
    function cancelWithdrawalBySig(address patient, uint256 deadline, bytes calldata signature) external;

    /// @notice Take the announced withdrawal, as much of it as settlements since have left.
    /// @return amount what was paid to the caller
    function withdraw() external returns (uint64 amount);

    /// @notice `withdraw` by signature: Withdraw(address patient,uint64 nonce,uint256 deadline). Pays the patient.
    function withdrawBySig(address patient, uint256 deadline, bytes calldata signature) external returns (uint64 amount);

    /// @notice Name the payers that may adjudicate the caller's events; 0: none. The first at once; a change
    /// takes effect after NOTICE, and the next change must leave MAX_BATCH_LIFE between.
    function acceptPayer(uint32 payerId, uint32 secondaryPayerId) external;

    /// @notice `acceptPayer` by signature: AcceptPayer(address patient,uint32 payerId,uint32
    /// secondaryPayerId,uint64 nonce,uint256 deadline).
    function acceptPayerBySig(
        address patient,
        uint32 payerId,
        uint32 secondaryPayerId,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Limit what may be taken for one event and on one day (UTC); 0: no limit. Whole cents, below
    /// 2^32 cents. Raising holds at once, lowering either after NOTICE. Within MAX_BATCH_LIFE of a lowering that
    /// took effect only back to at least what held before it.
    function setLimits(uint64 perEventLimit, uint64 perDayLimit) external;

    /// @notice `setLimits` by signature: SetLimits(address patient,uint64 perEventLimit,uint64
    /// perDayLimit,uint64 nonce,uint256 deadline).
    function setLimitsBySig(
        address patient,
        uint64 perEventLimit,
        uint64 perDayLimit,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Let a provider charge the caller. A wider consent holds at once; a narrower one (lower
    /// limit, earlier expiry or no self-pay) after NOTICE. Not within MAX_BATCH_LIFE of a narrowing that took effect.
    /// @param perEventLimit the most for one event
    /// @param selfPay may the provider charge its cash price although the caller has a payer?
    function grantConsent(uint32 providerId, uint64 perEventLimit, uint40 expiresAt, bool selfPay) external;

    /// @notice `grantConsent` by signature: GrantConsent(address patient,uint32 providerId,uint64
    /// perEventLimit,uint40 expiresAt,bool selfPay,uint64 nonce,uint256 deadline).
    function grantConsentBySig(
        address patient,
        uint32 providerId,
        uint64 perEventLimit,
        uint40 expiresAt,
        bool selfPay,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Stop a provider from charging the caller, after NOTICE.
    function revokeConsent(uint32 providerId) external;

    /// @notice `revokeConsent` by signature: RevokeConsent(address patient,uint32 providerId,uint64
    /// nonce,uint256 deadline).
    function revokeConsentBySig(address patient, uint32 providerId, uint256 deadline, bytes calldata signature) external;

    /// @notice Void every signature given over the caller's present nonce.
    function useNonce() external;

    /// @notice `useNonce` by signature: UseNonce(address patient,uint64 nonce,uint256 deadline).
    function useNonceBySig(address patient, uint256 deadline, bytes calldata signature) external;

    /// @notice What each patient of a section may be charged. Read by settlement.
    /// @param section one packed section, see BatchCodec
    /// @param signedAt the time whose payers, limits and consents apply
    /// @return words one Spendable word per patient, in order, see `escrow/Spendable.sol`
    function maySpend(bytes calldata section, uint256 signedAt) external view returns (bytes memory words);

    /// @notice Take priced amounts from the balances of a section's patients. Settlement only; cannot fail
    /// for amounts within `maySpend`.
    /// @param last not 0: as `disburseTotal` afterwards
    /// @param charges one 32-byte amount per patient, in order
    function chargeShares(bytes calldata section, uint256 last, bytes calldata charges) external;

    /// @notice Move all that was debited in this transaction to settlement. Settlement only.
    function disburseTotal() external;

    /// @notice Add what a reversed claim gives back to the patient's balance; settlement has sent the
    /// tokens. Settlement only.
    function refund(address patient, uint64 amount) external;

    /// @notice The patient's balance.
    function balanceOf(address patient) external view returns (uint64);

    /// @notice The patient's nonce: what the next signature must name.
    function nonceOf(address patient) external view returns (uint64);

    /// @notice The patient's payers at `time`, no further back than a batch lives; 0: none.
    function payersOf(address patient, uint40 time) external view returns (uint32 payerId, uint32 secondaryPayerId);

    /// @notice The patient's limits at `time`, no further back than a batch lives; 0: none.
    function limitsOf(address patient, uint40 time) external view returns (uint64 perEventLimit, uint64 perDayLimit);

    /// @notice What was taken from the patient on the day (UTC) of the block; 0 where no per-day limit is set.
    function spentToday(address patient) external view returns (uint64);

    /// @notice The consent in force at `time`, no further back than a batch lives; `expiresAt` 0: none.
    function consentOf(address patient, uint32 providerId, uint40 time)
        external
        view
        returns (uint64 perEventLimit, uint40 expiresAt, bool selfPay);

    /// @notice The announced withdrawal; `availableAt` 0: none.
    function withdrawalOf(address patient)
        external
        view
        returns (uint64 amount, uint64 depositedSince, uint40 availableAt);
}
