"""One thin typed client per contract."""

from chainbill.chain.contracts.escrow import PatientEscrow
from chainbill.chain.contracts.governance import Governance
from chainbill.chain.contracts.payer import InsurerPayer
from chainbill.chain.contracts.payer_factory import InsurerPayerFactory
from chainbill.chain.contracts.registry import ProviderRegistry
from chainbill.chain.contracts.settlement import ClaimSettlement
from chainbill.chain.contracts.token import DevUsd

__all__ = [
    "ClaimSettlement",
    "DevUsd",
    "Governance",
    "InsurerPayer",
    "InsurerPayerFactory",
    "PatientEscrow",
    "ProviderRegistry",
]
