"""What a program needs of chainbill, in one place; ``chainbill`` hands it out by name, when it is asked."""

from __future__ import annotations

from chainbill.audit.discrepancy import (
    Discrepancy,
)
from chainbill.billing.outcomes import (
    Outcome,
    Reason,
)
from chainbill.billing.plan_file import (
    PlanFile,
)
from chainbill.billing.terms import (
    FeeTerms,
)
from chainbill.chain.contracts.escrow import (
    Limits,
    Payers,
)
from chainbill.chain.contracts.payer import (
    Enrolment,
    MemberYear,
)
from chainbill.chain.contracts.settlement import (
    DisputeStatus,
)
from chainbill.chain.deployments import (
    Deployment,
)
from chainbill.client.accounts import (
    Accounts,
)
from chainbill.client.amounts import (
    Amount,
)
from chainbill.client.auditor import (
    Auditor,
)
from chainbill.client.connection import (
    Chainbill,
    connect,
)
from chainbill.client.contacts import (
    Contacts,
)
from chainbill.client.governor import (
    Governor,
)
from chainbill.client.insurer import (
    Insurer,
)
from chainbill.client.ledger import (
    Ledger,
)
from chainbill.client.oracle import (
    Oracle,
)
from chainbill.client.patient import (
    Patient,
)
from chainbill.client.provider import (
    Provider,
)
from chainbill.client.records import (
    Records,
)
from chainbill.client.relay import (
    Relay,
)
from chainbill.errors import (
    AmountError,
    ArgumentError,
    AttestationError,
    BatchTooLarge,
    CallDelayed,
    CatalogueError,
    ChainbillError,
    ChainError,
    ContractReverted,
    DevnetError,
    Displaced,
    GasTooDear,
    HoldsTooLittle,
    IntakeRefused,
    LedgerError,
    MalformedRecord,
    NeedsGas,
    NodeError,
    NodeRefused,
    NotDeployed,
    PartlySent,
    RecordError,
    RecordTooLarge,
    StateError,
    StateForgotten,
    TermsError,
    TokenRefused,
    TooManyAddresses,
    UnknownBlock,
    UnsupportedVersion,
    WrongChain,
)
from chainbill.ledger.history import (
    HistoryEntry,
)
from chainbill.ledger.raw_logs import (
    RawLedger,
)
from chainbill.money import (
    format_dollars,
    parse_dollars,
)
from chainbill.operations.accounts import (
    OwnAccount,
)
from chainbill.operations.announcements import (
    StandingAnnouncement,
)
from chainbill.operations.audit import (
    ShownClaim,
    Verification,
)
from chainbill.operations.balances import (
    Deposit,
    WithdrawalAnnounced,
    WithdrawalCalledOff,
    WithdrawalTaken,
)
from chainbill.operations.change import (
    Change,
)
from chainbill.operations.claims.corrections import (
    Correction,
)
from chainbill.operations.claims.disputes import (
    DisputeStep,
)
from chainbill.operations.claims.facts import (
    LedgerClaim,
    Reversal,
)
from chainbill.operations.claims.lookup import (
    DisputedClaim,
)
from chainbill.operations.claims.receivables import (
    Collected,
)
from chainbill.operations.contacts import (
    ImportedCard,
    KnownContact,
    SignedCard,
)
from chainbill.operations.governor.admission import (
    PayerCreated,
    ProviderRegistered,
)
from chainbill.operations.governor.epochs import (
    EpochEnded,
    EpochOpened,
)
from chainbill.operations.governor.operator_fee import (
    OperatorFeeAnnounced,
    OperatorFeeStanding,
)
from chainbill.operations.governor.roles import (
    RoleGranted,
    RoleMember,
    RoleRevoked,
)
from chainbill.operations.governor.scheduled import (
    AnnouncedCall,
    CallCancelled,
    CallMade,
)
from chainbill.operations.governor.stopping import (
    ProviderStopped,
    SettlementPaused,
)
from chainbill.operations.insurer.acceptances import (
    Accepted,
    ProviderAcceptance,
)
from chainbill.operations.insurer.enrolment import (
    EnrolledMember,
    MembersEnrolled,
)
from chainbill.operations.insurer.fees import (
    FeesPublished,
    FeeStanding,
)
from chainbill.operations.insurer.members import (
    MemberChange,
)
from chainbill.operations.insurer.ownership import (
    PayerOffer,
    PayerTakeover,
)
from chainbill.operations.insurer.plans import (
    PlanPublication,
    PublishedPlan,
)
from chainbill.operations.insurer.pool import (
    PoolStanding,
)
from chainbill.operations.oracle.fees import (
    FeesWithdrawn,
    OperatorFees,
)
from chainbill.operations.oracle.objections import (
    AnnouncementCalledOff,
)
from chainbill.operations.oracle.settle import (
    OracleStanding,
    Settlement,
    StoreRebuilt,
)
from chainbill.operations.oracle.take import (
    TakenEvents,
)
from chainbill.operations.patient.consents import (
    ConsentChange,
    ConsentStanding,
    Revocation,
)
from chainbill.operations.patient.intents import (
    Validity,
)
from chainbill.operations.patient.limits import (
    LimitsChange,
)
from chainbill.operations.patient.payers import (
    PayersChange,
)
from chainbill.operations.patient.permission import (
    Permission,
)
from chainbill.operations.patient.signed_intents import (
    SignedIntent,
)
from chainbill.operations.patient.wallet import (
    SignaturesVoided,
    WalletStanding,
)
from chainbill.operations.provider.attest import (
    AttestedEvents,
)
from chainbill.operations.provider.attesters import (
    AttesterKey,
    KeyChange,
    KeyRotation,
)
from chainbill.operations.provider.cash_prices import (
    PricesPublished,
    PriceStanding,
)
from chainbill.operations.provider.credit import (
    AdvanceDrawn,
    BondDeposited,
    BondReturned,
    CreditWithdrawn,
    ProviderStanding,
)
from chainbill.operations.provider.export import (
    ExportedEvents,
)
from chainbill.operations.provider.ingest import (
    Ingested,
)
from chainbill.operations.provider.own_claims import (
    DoubtfulClaim,
)
from chainbill.operations.provider.payout import (
    PayoutChangeAnnounced,
    PayoutChangeCalledOff,
    PayoutStanding,
)
from chainbill.operations.provider.recaller import (
    Recalled,
)
from chainbill.operations.provider.receipts import (
    TakenReceipts,
)
from chainbill.operations.provider.unanswered import (
    EventsAnnounced,
    SettledUnanswered,
)
from chainbill.operations.provider.waiting import (
    EventsRemoved,
    WorklistStanding,
)
from chainbill.operations.provider.worklist_rebuild import (
    RebuiltWorklist,
)
from chainbill.operations.readings import (
    CheckedReadings,
)
from chainbill.operations.records import (
    ExportedRecords,
    FetchedRecords,
)
from chainbill.operations.relay import (
    Relayed,
)
from chainbill.oracle.api import (
    Custody,
    Receipt,
    Status,
)
from chainbill.records.catalogue import (
    Catalogue,
)
from chainbill.records.member_file import (
    NewMember,
    read_members,
)
from chainbill.records.reading import (
    Measured,
    Reading,
    Readings,
)
from chainbill.records.reading_proof import (
    ReadingsProof,
)
from chainbill.records.service_event import (
    Party,
    PriceSource,
    ServiceEvent,
    ServiceKind,
)
from chainbill.records.vault import (
    VaultKey,
)
from chainbill.state.address_book import (
    Contact,
    Role,
)
from chainbill.statements.insurer import (
    InsurerStatement,
)
from chainbill.statements.patient_model import (
    PatientStatement,
)
from chainbill.statements.period import (
    Period,
)
from chainbill.statements.provider import (
    ProviderStatement,
)

__all__ = [
    "Accepted",
    "Accounts",
    "AdvanceDrawn",
    "Amount",
    "AmountError",
    "AnnouncedCall",
    "AnnouncementCalledOff",
    "ArgumentError",
    "AttestationError",
    "AttestedEvents",
    "AttesterKey",
    "Auditor",
    "BatchTooLarge",
    "BondDeposited",
    "BondReturned",
    "CallCancelled",
    "CallDelayed",
    "CallMade",
    "Catalogue",
    "CatalogueError",
    "ChainError",
    "Chainbill",
    "ChainbillError",
    "Change",
    "CheckedReadings",
    "Collected",
    "ConsentChange",
    "ConsentStanding",
    "Contact",
    "Contacts",
    "ContractReverted",
    "Correction",
    "CreditWithdrawn",
    "Custody",
    "Deployment",
    "Deposit",
    "DevnetError",
    "Discrepancy",
    "Displaced",
    "DisputeStatus",
    "DisputeStep",
    "DisputedClaim",
    "DoubtfulClaim",
    "EnrolledMember",
    "Enrolment",
    "EpochEnded",
    "EpochOpened",
    "EventsAnnounced",
    "EventsRemoved",
    "ExportedEvents",
    "ExportedRecords",
    "FeeStanding",
    "FeeTerms",
    "FeesPublished",
    "FeesWithdrawn",
    "FetchedRecords",
    "GasTooDear",
    "Governor",
    "HistoryEntry",
    "HoldsTooLittle",
    "ImportedCard",
    "Ingested",
    "Insurer",
    "InsurerStatement",
    "IntakeRefused",
    "KeyChange",
    "KeyRotation",
    "KnownContact",
    "Ledger",
    "LedgerClaim",
    "LedgerError",
    "Limits",
    "LimitsChange",
    "MalformedRecord",
    "Measured",
    "MemberChange",
    "MemberYear",
    "MembersEnrolled",
    "NeedsGas",
    "NewMember",
    "NodeError",
    "NodeRefused",
    "NotDeployed",
    "OperatorFeeAnnounced",
    "OperatorFeeStanding",
    "OperatorFees",
    "Oracle",
    "OracleStanding",
    "Outcome",
    "OwnAccount",
    "PartlySent",
    "Party",
    "Patient",
    "PatientStatement",
    "PayerCreated",
    "PayerOffer",
    "PayerTakeover",
    "Payers",
    "PayersChange",
    "PayoutChangeAnnounced",
    "PayoutChangeCalledOff",
    "PayoutStanding",
    "Period",
    "Permission",
    "PlanFile",
    "PlanPublication",
    "PoolStanding",
    "PriceSource",
    "PriceStanding",
    "PricesPublished",
    "Provider",
    "ProviderAcceptance",
    "ProviderRegistered",
    "ProviderStanding",
    "ProviderStatement",
    "ProviderStopped",
    "PublishedPlan",
    "RawLedger",
    "Reading",
    "Readings",
    "ReadingsProof",
    "Reason",
    "RebuiltWorklist",
    "Recalled",
    "Receipt",
    "RecordError",
    "RecordTooLarge",
    "Records",
    "Relay",
    "Relayed",
    "Reversal",
    "Revocation",
    "Role",
    "RoleGranted",
    "RoleMember",
    "RoleRevoked",
    "ServiceEvent",
    "ServiceKind",
    "SettledUnanswered",
    "Settlement",
    "SettlementPaused",
    "ShownClaim",
    "SignaturesVoided",
    "SignedCard",
    "SignedIntent",
    "StandingAnnouncement",
    "StateError",
    "StateForgotten",
    "Status",
    "StoreRebuilt",
    "TakenEvents",
    "TakenReceipts",
    "TermsError",
    "TokenRefused",
    "TooManyAddresses",
    "UnknownBlock",
    "UnsupportedVersion",
    "Validity",
    "VaultKey",
    "Verification",
    "WalletStanding",
    "WithdrawalAnnounced",
    "WithdrawalCalledOff",
    "WithdrawalTaken",
    "WorklistStanding",
    "WrongChain",
    "connect",
    "format_dollars",
    "parse_dollars",
    "read_members",
]
