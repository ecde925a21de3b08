"""What a patient allows is announced where it takes something back: what holds, and what is to hold later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from chainbill.chain.reads import Question
from chainbill.errors import ChainError, ContractReverted
from chainbill.operations.actor import Actor
from chainbill.operations.times import show_time
from chainbill.protocol_constants import END_OF_TIME

_Terms = TypeVar("_Terms")


@dataclass(frozen=True, slots=True)
class Permission(Generic[_Terms]):
    """Terms of one kind, as they stand."""

    in_force: _Terms
    announced: _Terms | None = None
    """Other terms, that are to hold later."""
    announced_at: int | None = None
    """From when they hold, in seconds since 1970."""


@contextmanager
def looked_at(patient: Actor, terms: str) -> Iterator[None]:
    """Within, the patient's terms of a kind are those of one block, for now and for the end of time.

    Args:
        terms: the escrow's view of them.
    """
    reads = patient.protocol.reads
    with reads.held():
        reads.learn([Question(patient.protocol.escrow, terms, (patient.address, patient.session.now()))])
        yield


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


def held_since(
    patient: Actor, terms_at: Callable[[str, int], _Terms], wanted: _Terms, event: str, **indexed: int
) -> int | None:
    """From when terms hold that were set last, in seconds since 1970; None: they do already. Arguments as of
    ``standing``, and what else the event is looked for by."""
    if terms_at(patient.address, patient.session.now()) == wanted:
        return None
    return announced_since(patient, event, **indexed)


def announced_since(patient: Actor, event: str, **indexed: int) -> int:
    """From when the patient's last change of a kind holds, in seconds since 1970."""
    block = patient.protocol.deployment.block
    logs = patient.protocol.escrow.logged(event, from_block=block, patient=patient.address, **indexed)
    return int(logs[-1]["effectiveAt"])


@contextmanager
def soon_after_another() -> Iterator[None]:
    """Say when a change may be made that comes too soon after another one took effect.

    Raises:
        ChainError: it does.
    """
    try:
        yield
    except ContractReverted as refusal:
        if refusal.name != "ChangeTooRecent":
            raise
        # The escrow remembers one state before the present one, and a signed batch may still need it.
        raise ChainError(
            f"an earlier change took effect at {show_time(refusal.fields['changedAt'])}; "
            f"the next may be made from {show_time(refusal.fields['until'])}",
            hint="wait until then; on a devnet: chainbill devnet advance 6h",
        ) from None
