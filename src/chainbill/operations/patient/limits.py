"""What may be taken from a patient's wallet at most, whatever providers were allowed."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.contracts.escrow import Limits as Limits  # faces get it here
from chainbill.errors import ArgumentError
from chainbill.money import check_whole_cents
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.effect import made
from chainbill.operations.patient.permission import (
    Permission,
    held_since,
    looked_at,
    soon_after_another,
    standing,
)
from chainbill.protocol_constants import END_OF_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsChange(Change):
    """A patient's limits, in micro-dollars; 0: none."""

    limits: Limits
    before: Limits
    """Those set last, the same where nothing changed."""


def limits(patient: Actor) -> Permission[Limits]:
    """The patient's limits.

    Raises:
        ChainError: the node does not answer.
    """
    with looked_at(patient, "limitsOf"):
        return standing(patient, patient.protocol.escrow.limits_of, "LimitsSet")


def set_limits(patient: Actor, *, per_event: int | None = None, per_day: int | None = None) -> LimitsChange:
    """Limit what may be taken. Raising holds at once, lowering after the notice; what is set already is left
    alone.

    Args:
        patient: whose wallet.
        per_event: in micro-dollars, whole cents; 0: no limit; None: as it is set.
        per_day: the same for a day (UTC).

    Raises:
        AmountError: not whole cents.
        ArgumentError: neither is given.
        ChainError: the change before it took effect too lately, or the chain refused it.
    """
    escrow = patient.protocol.escrow
    with looked_at(patient, "limitsOf"):
        wanted = wanted_limits(patient, per_event, per_day)
        before = escrow.limits_of(patient.address, END_OF_TIME)
        if before == wanted:
            since = held_since(patient, escrow.limits_of, wanted, "LimitsSet")
            return LimitsChange(changed=False, effective_at=since, limits=wanted, before=before)
    sender = patient.sender()
    with soon_after_another():
        receipt = escrow.set_limits(sender, wanted)
    return LimitsChange(**made(patient.session, receipt), limits=wanted, before=before)


def wanted_limits(patient: Actor, per_event: int | None, per_day: int | None) -> Limits:
    """The limits that are to be set; arguments as of ``set_limits``.

    Raises:
        AmountError: not whole cents.
        ArgumentError: neither is given.
    """
    if per_event is None and per_day is None:
        raise ArgumentError(
            "no limit is named", hint="give `per_event=`, `per_day=` or both; 0 lifts a limit"
        )
    for limit in (per_event, per_day):
        check_whole_cents("a limit", limit or 0)
    last = patient.protocol.escrow.limits_of(patient.address, END_OF_TIME)
    return Limits(
        per_event=last.per_event if per_event is None else per_event,
        per_day=last.per_day if per_day is None else per_day,
    )
