"""chainbill: pay for care one event at a time. Attested, adjudicated and settled on chain.

    bill = chainbill.connect("http://127.0.0.1:8545", deployment="deployment.json")

``docs/python.md`` shows what follows. Names are imported when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainbill.client.front import *

    __version__: str

LAYERS = (
    "errors",
    "money",
    "protocol_constants",
    "billing",
    "records",
    "attestation",
    "chain",
    "ledger",
    "oracle",
    "state",
    "audit",
    "statements",
    "interop",
    "operations",
    "client",
    "scenario",
    "web",
    "cli",
)
"""The package's parts from the bottom up: each imports only itself and what stands before it."""

__all__ = [
    "Accepted",
    "AdvanceDrawn",
    "Amount",
    "AmountError",
    "AnnouncedCall",
    "ArgumentError",
    "AttestationError",
    "AttestedEvents",
    "AttesterKey",
    "Auditor",
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
    "Collected",
    "ConsentChange",
    "ConsentStanding",
    "ContractReverted",
    "Correction",
    "CreditWithdrawn",
    "Deployment",
    "Deposit",
    "DevnetError",
    "Discrepancy",
    "DisputeStatus",
    "DisputeStep",
    "DisputedClaim",
    "DoubtfulClaim",
    "EpochEnded",
    "EpochOpened",
    "EventsRemoved",
    "FeeStanding",
    "FeeTerms",
    "FeesPublished",
    "FeesWithdrawn",
    "Governor",
    "HistoryEntry",
    "HoldsTooLittle",
    "Ingested",
    "Insurer",
    "InsurerStatement",
    "IntakeRefused",
    "KeyChange",
    "KeyRotation",
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
    "OperatorFees",
    "Oracle",
    "OracleStanding",
    "Outcome",
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
    "Reason",
    "RebuiltWorklist",
    "Recalled",
    "Receipt",
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
    "Settlement",
    "SettlementPaused",
    "ShownClaim",
    "SignaturesVoided",
    "SignedIntent",
    "StateError",
    "StoreRebuilt",
    "TermsError",
    "UnsupportedVersion",
    "Validity",
    "VaultKey",
    "Verification",
    "WalletStanding",
    "WithdrawalAnnounced",
    "WithdrawalCalledOff",
    "WithdrawalTaken",
    "WorklistStanding",
    "__version__",
    "connect",
    "format_dollars",
    "parse_dollars",
]

if not TYPE_CHECKING:  # A checker would take this for leave to ask for anything.

    def __getattr__(name: str) -> Any:
        """A name of the front door, imported now."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name == "__version__":
            return importlib.import_module("importlib.metadata").version("chainbill")
        return getattr(importlib.import_module("chainbill.client.front"), name)


def __dir__() -> list[str]:
    return __all__
