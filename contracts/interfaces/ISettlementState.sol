// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What settlement logs, refuses and answers: shared by ClaimSettlement and SettlementExtension, which is
/// the part of its code that did not fit one contract (EIP-170).
/// Amounts are in the token's smallest unit, times in seconds since 1970.
interface ISettlementState {
    /// @notice A settled claim as its log tells it; hashes to the claim's id, a leaf of its batch's tree.
    /// The words are laid out in `codec/PackedClaim.sol`.
    struct SettledClaim {
        bytes32 batchDigest;
        uint40 settledAt; // where it settled without the quorum, UNANSWERED_DELAY later
        address operator; // of the batch
        address patient;
        bytes32 commitment;
        uint256 parties;
        uint256 amounts;
        uint256 shares;
        uint256 service;
        uint256 secondary;
    }

    /// @notice New, not larger values of a claim's components; all zero reverses it in full.
    struct Ruling {
        uint256 amounts; // billed stays as it was
        uint256 shares;
        uint256 secondary;
        uint64 fee;
        bool stands; // the values are the claim's own: needed only for a claim of nothing, which has no others
    }

    enum Party {
        Patient,
        Primary,
        Secondary
    }

    enum DisputeStatus {
        None,
        Open, // the provider has not answered
        Answered, // waits for the arbiter
        Upheld, // the claim stands
        Reversed, // in full or in part
        Corrected // reversed, and a new claim has named it
    }

    /// @notice What is stored of one disputed or reversed claim. One storage slot.
    struct Dispute {
        DisputeStatus status;
        uint8 parties; // bit per Party that has disputed
        uint40 deadline; // of the answer, or of the ruling
        uint64 held; // of the provider's credit
        uint64 feeHeld; // of the operator's
        uint32 providerId;
    }

    /// @notice A provider's or an operator's money.
    struct Credit {
        uint64 matured; // may be paid out
        uint64 maturing; // its dispute windows have not ended
        uint64 held; // disputed
        uint64 bond;
        uint64 advanced; // maturing credit already paid out against the bond
        uint64 owed; // receivables of payers, paid from matured credit before anything else
        uint32 openDisputes;
        bool suspended;
    }

    // ---- events -----------------------------------------------------------------------------------
    // Neighbouring rows of one patient in a section that are all plain claims, or are all refused by one reason, share
    // a log: what its event declares is of the first row, and behind it stands of each other row
    //   commitment | amounts | service                     where they are PlainClaimSettled
    //   commitment | service, with billed in fee's place   where they are ClaimDenied, ClaimPended or ClaimSkipped

    /// @notice An event was paid. Words: see PackedClaim.
    event ClaimSettled(
        address indexed patient, bytes32 commitment, uint256 parties, uint256 amounts, uint256 shares, uint256 service
    );
    /// @notice The same of a claim with one payer, no operator's fee, nothing outside the plan and no units
    /// counted: what it does not say is 0, or the rest. Its first topic is the patient: a signature would be a
    /// quarter of what the log costs.
    /// @param parties see PackedClaim
    /// @param amounts see PackedClaim
    /// @param service coinsurance u64 | serviceId bytes8 | units u16 | benefitYear u16 | sequence u64 | 0 u24 |
    /// flags u8
    event PlainClaimSettled(
        address indexed patient, bytes32 commitment, uint256 parties, uint256 amounts, uint256 service
    ) anonymous;
    /// @notice An event was refused for good: nobody pays. Reason in `parties`.
    event ClaimDenied(
        address indexed patient, bytes32 commitment, uint256 parties, uint256 amounts, uint256 shares, uint256 service
    );
    /// @notice An event was put back; nothing was written, and the same attestation may come again.
    event ClaimPended(
        address indexed patient, bytes32 commitment, uint256 parties, uint256 amounts, uint256 shares, uint256 service
    );
    /// @notice An event was passed over: the provider's sequence was spent before.
    event ClaimSkipped(
        address indexed patient, bytes32 commitment, uint256 parties, uint256 amounts, uint256 shares, uint256 service
    );
    /// @notice Follows the ClaimSettled of a claim with two payers: the secondary as if it were alone.
    event SecondaryDetermined(address indexed patient, bytes32 commitment, uint256 secondary);
    /// @notice Follows the ClaimSettled of a correction: it names this reversed claim.
    event ClaimCorrected(bytes32 indexed claimId, bytes32 commitment);
    /// @notice A batch was settled; follows the logs of its rows. `root` 0: nothing settled, none was kept. Epoch 0: it
    /// settled without the quorum, and its digest is that of the SectionsObjection that nobody signed.
    /// @param batch operator address | epoch u32 | settled u16 | denied u16 | pended u16 | skipped u16
    /// @param submission submitter address | signedAt u40 | rootSlot u32 | 0 u24
    event BatchSettled(bytes32 indexed digest, bytes32 root, uint256 batch, uint256 submission);
    /// @notice A provider will settle these sections without the quorum from QUORUM_SILENCE after `announcedAt` on.
    event SectionsAnnounced(uint32 indexed providerId, bytes32 sectionsHash, uint40 announcedAt, bytes sections);
    /// @notice The quorum has called announced sections off.
    event SectionsObjected(uint32 indexed providerId, bytes32 sectionsHash, uint40 announcedAt);
    /// @notice A payer's tokens could not move; all events that name it were pended.
    event PayerFailed(uint32 indexed payerId, bytes failure);
    /// @notice Matured credit was paid out to the provider's registered address.
    event ProviderPaid(uint32 indexed providerId, address indexed payoutAddress, uint64 amount);
    /// @notice Maturing credit was paid out against the bond.
    event AdvancePaid(uint32 indexed providerId, address indexed payoutAddress, uint64 amount);
    event BondDeposited(uint32 indexed providerId, address indexed from, uint64 amount);
    event BondWithdrawn(uint32 indexed providerId, address indexed payoutAddress, uint64 amount);
    /// @notice Matured fees were paid out to the operator.
    event OperatorPaid(address indexed operator, uint64 amount);
    /// @notice From `effectiveAt` on an operator gets `flat` plus `bps` of what is allowed for each event.
    event OperatorFeeAnnounced(uint64 flat, uint16 bps, uint40 effectiveAt);
    /// @notice No new event of the provider settles; its credit stays its own.
    event ProviderSuspended(uint32 indexed providerId);
    /// @notice Events of the provider settle again.
    event ProviderReinstated(uint32 indexed providerId);

    /// @notice A claim was disputed, or another party joined its open dispute.
    event ClaimDisputed(bytes32 indexed claimId, uint32 indexed providerId, Party indexed party, uint40 answerBy);
    /// @notice The provider answered; the statement itself stays off chain.
    event DisputeAnswered(bytes32 indexed claimId, bytes32 statementHash, uint40 ruleBy);
    /// @notice The claim stands; what was held is the provider's again.
    event DisputeUpheld(bytes32 indexed claimId, uint32 indexed providerId);
    /// @notice A claim was reversed, in full or in part: these differences were taken back. Words as in
    /// PackedClaim; `service` is the claim's, with the difference of the fee.
    event ClaimReversed(
        bytes32 indexed claimId,
        address indexed patient,
        bytes32 commitment,
        uint256 parties,
        uint256 amounts,
        uint256 shares,
        uint256 service,
        uint256 secondary
    );
    /// @notice What a reversal took from where: held and maturing credit, matured credit, bond; and from the
    /// operator's fees.
    event ReversalFunded(
        bytes32 indexed claimId, uint64 held, uint64 maturing, uint64 matured, uint64 bond, uint64 operatorFee
    );
    /// @notice The provider owes a payer what a reversal could not give back.
    event ReceivableRecorded(bytes32 indexed claimId, uint32 indexed providerId, uint32 indexed payerId, uint64 amount);
    /// @notice A receivable was paid from matured credit, in full or in part.
    event ReceivablePaid(uint32 indexed providerId, uint32 indexed payerId, uint64 amount);
    /// @notice A refund to a payer could not be sent; it waits under `refundOf` for `collectRefund`.
    event RefundDeferred(uint32 indexed payerId, uint64 amount);

    /// @notice A new oracle quorum may sign; `previousEndsAt` is when the one before stops.
    event EpochOpened(uint32 indexed epoch, uint16 threshold, address[] members, uint40 previousEndsAt);
    /// @notice An oracle quorum stopped at once.
    event EpochEnded(uint32 indexed epoch);

    // ---- errors -----------------------------------------------------------------------------------

    error BatchNotYetValid(uint64 signedAt, uint256 now_);
    error BatchExpired(uint64 deadline, uint256 now_);
    error BatchLifeTooLong(uint64 deadline, uint64 latest);
    error EmptyBatch();
    error TooManyRows(uint256 rows, uint256 most);
    error NotAnnounced(uint32 providerId, bytes32 sectionsHash, uint40 announcedAt);
    error QuorumMayObject(uint40 until, uint256 now_);
    error AnnouncementLapsed(uint40 lapsedAt, uint256 now_);
    error NotTheProviders(uint32 providerId, uint256 offset);
    error ProviderIsSuspended(uint32 providerId);
    error UnknownEpoch(uint32 epoch);
    error EpochOver(uint32 epoch, uint40 endsAt);
    error QuorumNotReached(uint256 signatures, uint256 threshold);
    error TooManySignatures(uint256 signatures, uint256 members);
    error InvalidSignature(uint256 index);
    error SignersUnsorted(address previous, address signer);
    error NotTheMembers(uint32 epoch);
    error NotOracleMember(address signer, uint32 epoch);
    error InvalidQuorum(uint256 threshold, uint256 members);
    error MembersUnsorted(address previous, address member);
    error OnlySelf(address caller);
    error OnlyRegistry(address caller);
    error OnlyDelegated();
    error ForeignExtension(address extension);
    error InsufficientGas(uint256 available, uint256 required);
    error PayerCannotPay(uint32 payerId, bytes failure);
    error CreditOverflow(uint64 credit, uint256 amount);
    error NoCredit(uint32 providerId);
    error NoFees(address operator);
    error UnknownProvider(uint32 providerId);
    error NotThePayoutAddress(uint32 providerId, address caller, address payoutAddress);
    error AlreadySuspended(uint32 providerId);
    error NotSuspended(uint32 providerId);
    error AdvanceTooLarge(uint64 amount, uint64 available);
    error BondInUse(uint32 providerId, uint64 advanced, uint64 maturing, uint32 openDisputes);
    error NoBond(uint32 providerId);
    error OperatorFeeTooHigh(uint64 flat, uint16 bps);
    error FeeStillAnnounced(uint40 effectiveAt);
    error NotInBatch(bytes32 claimId, uint32 rootSlot);
    error NotAParty(address caller, Party party);
    error WindowOver(uint40 endedAt, uint256 now_);
    error AlreadyDisputed(bytes32 claimId, Party party);
    error WrongStatus(bytes32 claimId, DisputeStatus status);
    error DeadlineOver(uint40 deadline, uint256 now_);
    error DeadlineNotOver(uint40 deadline, uint256 now_);
    error RulingTooLarge(uint256 ruled, uint256 claimed);
    error RulingDoesNotAddUp(uint256 allowed, uint256 parts);
    error RulingContradictsItself(bytes32 claimId);
    error PatientPartMissing(uint64 required, uint64 available);
    error NoReceivable(uint32 providerId, uint32 payerId);
    error NoRefund(uint32 payerId);
    error SignatureExpired(uint256 deadline, uint256 now_);
    error InvalidPatientSignature(address patient);

    // ---- what is stored -----------------------------------------------------------------------------

    /// @notice What a provider owes a payer.
    function receivableOf(uint32 providerId, uint32 payerId) external view returns (uint64);

    /// @notice A payer's refunds that could not be sent.
    function refundOf(uint32 payerId) external view returns (uint64);

    /// @notice The newest oracle epoch; 0: none yet.
    function currentEpoch() external view returns (uint32);

}
