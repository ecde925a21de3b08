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
    MemberYear,
)
from chainbill.chain.contracts.settlement import (
    DisputeStatus,
)
from chainbill.chain.deployments import (
    Deployment,
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
from chainbill.client.governor import (
    Governor,
)
from chainbill.client.insurer import (
    Insurer,
)
from chainbill.client.ledger import (
    Ledger,
)
from chainbill.client.patient import (
    Patient,
)
from chainbill.client.relay import (
    Relay,
)
from chainbill.errors import (
    AmountError,
    ArgumentError,
    AttestationError,
    CallDelayed,
    CatalogueError,
    ChainbillError,
    ChainError,
    ContractReverted,
    DevnetError,
    HoldsTooLittle,
    IntakeRefused,
    LedgerError,
    MalformedRecord,
    NodeError,
    NodeRefused,
    NotDeployed,
    RecordError,
    RecordTooLarge,
    StateError,
    TermsError,
    UnsupportedVersion,
)
from chainbill.ledger.history import (
    HistoryEntry,
)
from chainbill.ledger.raw_logs import (
    RawLedger,
)
from chainbill.money import (
    format_dollars,
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
from chainbill.operations.relay import (
    Relayed,
)
from chainbill.records.catalogue import (
    Catalogue,
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
from chainbill.statements.insurer import (
    InsurerStatement,
)
from chainbill.statements.patient_model import (
    PatientStatement,
)
from chainbill.statements.period import (
    Period,
)

__all__ = [
    "Accepted",
    "Amount",
    "AmountError",
    "AnnouncedCall",
    "ArgumentError",
    "AttestationError",
    "Auditor",
    "CallCancelled",
    "CallDelayed",
    "CallMade",
    "Catalogue",
    "CatalogueError",
    "ChainError",
    "Chainbill",
    "ChainbillError",
    "Change",
    "Collected",
    "ConsentChange",
    "ConsentStanding",
    "ContractReverted",
    "Deployment",
    "Deposit",
    "DevnetError",
    "Discrepancy",
    "DisputeStatus",
    "DisputeStep",
    "DisputedClaim",
    "EpochEnded",
    "EpochOpened",
    "FeeStanding",
    "FeeTerms",
    "FeesPublished",
    "Governor",
    "HistoryEntry",
    "HoldsTooLittle",
    "Insurer",
    "InsurerStatement",
    "IntakeRefused",
    "Ledger",
    "LedgerClaim",
    "LedgerError",
    "Limits",
    "LimitsChange",
    "MalformedRecord",
    "MemberChange",
    "MemberYear",
    "NodeError",
    "NodeRefused",
    "NotDeployed",
    "OperatorFeeAnnounced",
    "OperatorFeeStanding",
    "Outcome",
    "Party",
    "Patient",
    "PatientStatement",
    "PayerCreated",
    "PayerOffer",
    "PayerTakeover",
    "Payers",
    "PayersChange",
    "Period",
    "Permission",
    "PlanFile",
    "PlanPublication",
    "PoolStanding",
    "PriceSource",
    "ProviderAcceptance",
    "ProviderRegistered",
    "ProviderStopped",
    "PublishedPlan",
    "RawLedger",
    "Reason",
    "RecordError",
    "RecordTooLarge",
    "Relay",
    "Relayed",
    "Reversal",
    "Revocation",
    "RoleGranted",
    "RoleMember",
    "RoleRevoked",
    "ServiceEvent",
    "ServiceKind",
    "SettlementPaused",
    "ShownClaim",
    "SignaturesVoided",
    "SignedIntent",
    "StateError",
    "TermsError",
    "UnsupportedVersion",
    "Validity",
    "VaultKey",
    "Verification",
    "WalletStanding",
    "WithdrawalAnnounced",
    "WithdrawalCalledOff",
    "WithdrawalTaken",
    "connect",
    "format_dollars",
]
