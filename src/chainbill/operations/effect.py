"""From when a change holds: what its transaction has logged of that, else the time of its block."""

from __future__ import annotations

from typing import TypedDict

from web3.types import LogReceipt, TxReceipt

from chainbill.chain.format.events import (
    ConsentGranted,
    ConsentRevoked,
    CoverageEnded,
    LimitsSet,
    OperatorFeeAnnounced,
    PayersAccepted,
    PayoutAddressAnnounced,
    PlanChanged,
    PlanPublished,
    ProviderAcceptanceEnded,
)
from chainbill.chain.format.logs import decode_receipt
from chainbill.chain.node.connection import time_of_block
from chainbill.operations.change import transaction_of
from chainbill.state.session import Session

_TIMED = {
    ConsentGranted: "effective_at",
    ConsentRevoked: "expires_at",
    LimitsSet: "effective_at",
    PayersAccepted: "effective_at",
    PlanChanged: "effective_at",
    PlanPublished: "effective_at",
    CoverageEnded: "ends_at",
    ProviderAcceptanceEnded: "ends_at",
    OperatorFeeAnnounced: "effective_at",
    PayoutAddressAnnounced: "effective_at",
}
"""Events of changes that may hold later than their block, and the field that says from when."""


class Made(TypedDict):
    """What a transaction tells for a ``Change``."""

    changed: bool
    effective_at: int
    transaction: str
    block: int


def made(session: Session, receipt: TxReceipt) -> Made:
    """A change that this transaction made; errors as ``effective_at``."""
    return Made(
        changed=True,
        effective_at=effective_at(session, receipt),
        transaction=transaction_of(receipt),
        block=receipt["blockNumber"],
    )


class Stood(TypedDict):
    """What is told for a ``Change`` that is none."""

    changed: bool
    effective_at: int | None
    transaction: str | None
    block: int | None


def stood(session: Session, log: LogReceipt | None) -> Stood:
    """What was so already, since the block of this log; None: it has never been otherwise.

    Raises:
        ChainError: the node could not be reached, or has no such block.
    """
    if log is None:
        return Stood(changed=False, effective_at=None, transaction=None, block=None)
    return Stood(
        changed=False,
        effective_at=time_of_block(session.protocol.w3, log["blockHash"]),
        transaction=log["transactionHash"].to_0x_hex(),
        block=log["blockNumber"],
    )


def effective_at(session: Session, receipt: TxReceipt) -> int:
    """From when the change of a transaction holds, in seconds since 1970.

    Raises:
        ChainError: the node could not be reached, or has no such block.
    """
    protocol = session.protocol
    contracts = {
        protocol.escrow.address: "PatientEscrow",
        protocol.settlement.address: "ClaimSettlement",
        protocol.registry.address: "ProviderRegistry",
    }
    known = {log["address"] for log in receipt["logs"]}
    if known - contracts.keys():
        for number in range(1, protocol.payers.payer_count() + 1):
            contracts.setdefault(protocol.payer(number).address, "InsurerPayer")
    stated = [
        int(getattr(event, _TIMED[type(event)]))
        for address in known & contracts.keys()
        for event in decode_receipt(receipt, address, contracts[address])
        if type(event) in _TIMED
    ]
    return max(stated) if stated else time_of_block(protocol.w3, receipt["blockHash"])
