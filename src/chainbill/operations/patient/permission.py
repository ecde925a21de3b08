"""What a patient allows is announced where it takes something back: what holds, and what is to hold later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from web3.types import TxReceipt

from chainbill.chain.format.events import Event
from chainbill.chain.format.logs import decode_receipt
from chainbill.errors import ChainError, ContractReverted
from chainbill.operations.actor import Actor
from chainbill.operations.times import show_time
from chainbill.protocol_constants import END_OF_TIME

_Terms = TypeVar("_Terms")
_Event = TypeVar("_Event", bound=Event)


@dataclass(frozen=True, slots=True)
class Permission(Generic[_Terms]):
    """Terms of one kind, as they stand."""

    in_force: _Terms
    announced: _Terms | None = None
    """Other terms, that are to hold later."""
    announced_at: int | None = None
    """From when they hold, in seconds since 1970."""


def standing(patient: Actor, terms_at: Callable[[str, int], _Terms], event: str) -> Permission[_Terms]:
    """Terms as they stand.

    Args:
        patient: whose.
        terms_at: those of an address at a time.
        event: what the escrow logs of their changes.
    """
    present, last = (terms_at(patient.address, time) for time in (patient.session.now(), END_OF_TIME))
    if present == last:
        return Permission(present)
    return Permission(present, last, announced_since(patient, event))


def announced_since(patient: Actor, event: str, **indexed: int) -> int:
    """From when the patient's last change of a kind holds, in seconds since 1970."""
    block = patient.protocol.deployment.block
    logs = patient.protocol.escrow.logged(event, from_block=block, patient=patient.address, **indexed)
    return int(logs[-1]["effectiveAt"])


def change(patient: Actor, kind: type[_Event], send: Callable[[], TxReceipt]) -> tuple[_Event, TxReceipt]:
    """Send a change; returns the one event of a kind that the escrow logged of it.

    Raises:
        ChainError: the change before it took effect too lately, or the chain refused it.
    """
    try:
        receipt = send()
    except ContractReverted as refusal:
        if refusal.name != "ChangeTooRecent":
            raise
        # The escrow remembers one state before the present one, and a signed batch may still need it.
        raise ChainError(
            f"an earlier change took effect at {show_time(refusal.fields['changedAt'])}; "
            f"the next may be made from {show_time(refusal.fields['until'])}",
            hint="wait until then; on a devnet: chainbill devnet advance 6h",
        ) from None
    events = decode_receipt(receipt, patient.protocol.escrow.address, "PatientEscrow")
    (event,) = (event for event in events if isinstance(event, kind))
    return event, receipt
