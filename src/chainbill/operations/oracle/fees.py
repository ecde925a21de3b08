"""What an operator earns by settling."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.format.events import OperatorPaid
from chainbill.chain.format.logs import decode_receipt
from chainbill.chain.node.connection import time_of_block
from chainbill.chain.node.outbox import Errand
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change, transaction_of
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class OperatorFees:
    """An operator's fees, and the fee in force; amounts in micro-dollars."""

    operator: str
    matured: int
    """May be withdrawn."""
    maturing: int
    held: int
    """Of disputed claims."""
    fee_flat: int
    """For each event."""
    fee_bps: int
    """Basis points of what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeesWithdrawn(Change):
    """Fees that were paid out to an operator."""

    operator: str
    amount: int
    """In micro-dollars; 0: there were none."""


def fees(session: Session, operator: str) -> OperatorFees:
    """What an operator has earned.

    Args:
        operator: checksum address.

    Raises:
        ChainError: the node does not answer.
    """
    settlement = session.protocol.settlement
    earned = settlement.fees_of(operator)
    flat, bps = settlement.operator_fee_at(session.now())
    return OperatorFees(operator, earned.matured, earned.maturing, earned.held, flat, bps)


def withdraw_fees(sender: Actor, operator: str) -> FeesWithdrawn:
    """Pay an operator's matured fees out to it, once; anyone may send it.

    Args:
        operator: checksum address.

    Raises:
        StateError: the key is not at hand.
        ChainError: the chain refused it.
    """
    settlement = sender.protocol.settlement
    paying = sender.sender()
    with paying.errand(Errand(f"pay operator {operator}", settlement.address)) as earlier:
        # What has matured since is another payout than the one that a run was cut off in.
        due = settlement.fees_of(operator).matured > 0
        receipt = settlement.withdraw_fees(paying, operator) if due else earlier
        if receipt is None:
            return FeesWithdrawn(changed=False, operator=operator, amount=0)
        events = decode_receipt(receipt, settlement.address)
        return FeesWithdrawn(
            changed=True,
            effective_at=time_of_block(sender.protocol.w3, receipt["blockHash"]),
            transaction=transaction_of(receipt),
            block=receipt["blockNumber"],
            resumed=not due,
            operator=operator,
            amount=sum(event.amount for event in events if isinstance(event, OperatorPaid)),
        )
