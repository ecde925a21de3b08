"""Whose plan prices a patient's care, and who pays after it."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.contracts.escrow import Payers as Payers  # faces get it here
from chainbill.errors import ArgumentError
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
class PayersChange(Change):
    """The payers that a patient accepts, by id."""

    payers: Payers
    before: Payers
    """Those accepted last, the same where nothing changed."""


def payers(patient: Actor) -> Permission[Payers]:
    """The payers that the patient accepts.

    Raises:
        ChainError: the node does not answer.
    """
    with looked_at(patient, "payersOf"):
        return standing(patient, patient.protocol.escrow.payers_of, "PayersAccepted")


def accept_payer(patient: Actor, payer_id: int, secondary_payer_id: int | None = None) -> PayersChange:
    """Name the insurer whose plan prices the patient's care, and one that pays after it. The first time this
    holds at once, a change after the notice; those that are named already are left alone.

    Args:
        patient: who names them.
        payer_id: 0: nobody, the patient pays itself.
        secondary_payer_id: 0: nobody; None: who is named now.

    Raises:
        ArgumentError: as of ``wanted_payers``.
        ChainError: the change before it took effect too lately, or the chain refused it.
    """
    escrow = patient.protocol.escrow
    with looked_at(patient, "payersOf"):
        wanted = wanted_payers(patient, payer_id, secondary_payer_id)
        before = escrow.payers_of(patient.address, END_OF_TIME)
        if before == wanted:
            since = held_since(patient, escrow.payers_of, wanted, "PayersAccepted")
            return PayersChange(changed=False, effective_at=since, payers=wanted, before=before)
    sender = patient.sender()
    with soon_after_another():
        receipt = escrow.accept_payer(sender, wanted.primary, wanted.secondary)
    return PayersChange(**made(patient.session, receipt), payers=wanted, before=before)


def wanted_payers(patient: Actor, payer_id: int, secondary_payer_id: int | None = None) -> Payers:
    """The payers that are to be accepted; arguments as of ``accept_payer``.

    Raises:
        ArgumentError: the second is the first, or comes after nobody, or the one that is named now would.
    """
    if payer_id == 0:
        if secondary_payer_id:
            raise ArgumentError("nobody pays after nobody: name the first insurer")
        return Payers(0, 0)
    if secondary_payer_id == payer_id:
        raise ArgumentError("the second insurer is another one")
    if secondary_payer_id is not None:
        return Payers(payer_id, secondary_payer_id)
    after = patient.protocol.escrow.payers_of(patient.address, END_OF_TIME).secondary
    if after == payer_id:
        known = patient.session.book.insurer(payer_id)
        raise ArgumentError(
            f"{known[0] if known else f'payer {payer_id}'} is the second insurer now",
            hint="say who is to be second: `secondary=`",
        )
    return Payers(payer_id, after)
