"""What a program needs of chainbill, in one place; ``chainbill`` hands it out by name, when it is asked."""

from __future__ import annotations

from chainbill.audit.discrepancy import Discrepancy
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.chain.deployments import Deployment
from chainbill.client.amounts import Amount
from chainbill.client.auditor import Auditor
from chainbill.client.connection import Chainbill, connect
from chainbill.client.governor import Governor
from chainbill.client.ledger import Ledger
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
from chainbill.ledger.history import HistoryEntry
from chainbill.ledger.raw_logs import RawLedger
from chainbill.money import format_dollars
from chainbill.operations.audit import ShownClaim, Verification
from chainbill.operations.change import Change
from chainbill.operations.claims.disputes import DisputeStep
from chainbill.operations.claims.facts import LedgerClaim
from chainbill.operations.governor.admission import PayerCreated, ProviderRegistered
from chainbill.operations.governor.epochs import EpochEnded, EpochOpened
from chainbill.operations.governor.operator_fee import OperatorFeeAnnounced, OperatorFeeStanding
from chainbill.operations.governor.roles import RoleGranted, RoleMember, RoleRevoked
from chainbill.operations.governor.scheduled import AnnouncedCall, CallCancelled, CallMade
from chainbill.operations.governor.stopping import ProviderStopped, SettlementPaused
from chainbill.records.service_event import ServiceEvent

__all__ = [
    "Amount",
    "AmountError",
    "AnnouncedCall",
    "ArgumentError",
    "AttestationError",
    "Auditor",
    "CallCancelled",
    "CallDelayed",
    "CallMade",
    "CatalogueError",
    "ChainError",
    "Chainbill",
    "ChainbillError",
    "Change",
    "ContractReverted",
    "Deployment",
    "DevnetError",
    "Discrepancy",
    "DisputeStatus",
    "DisputeStep",
    "EpochEnded",
    "EpochOpened",
    "Governor",
    "HistoryEntry",
    "HoldsTooLittle",
    "IntakeRefused",
    "Ledger",
    "LedgerClaim",
    "LedgerError",
    "MalformedRecord",
    "NodeError",
    "NodeRefused",
    "NotDeployed",
    "OperatorFeeAnnounced",
    "OperatorFeeStanding",
    "Outcome",
    "PayerCreated",
    "ProviderRegistered",
    "ProviderStopped",
    "RawLedger",
    "Reason",
    "RecordError",
    "RecordTooLarge",
    "RoleGranted",
    "RoleMember",
    "RoleRevoked",
    "ServiceEvent",
    "SettlementPaused",
    "ShownClaim",
    "StateError",
    "TermsError",
    "UnsupportedVersion",
    "Verification",
    "connect",
    "format_dollars",
]
