"""The payer contract that an insurer's commands act for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainbill.cli.shell.output import note

if TYPE_CHECKING:
    from chainbill.operations.actor import Actor


def own_payer(insurer: Actor) -> int:
    """The insurer's payer id; says so where its payer contract is made only now.

    Raises:
        StateError: it has no payer contract.
    """
    from chainbill.operations.insurer import account

    own = account.own_payer(insurer)
    if own.created:
        note(f"note: the governor made payer contract {own.payer_id} for {insurer.name}")
    return own.payer_id
