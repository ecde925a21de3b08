"""The oracle's quorums, one an epoch: who may sign batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainbill.attestation.address import checksum_address
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.governor.calls import settlement_call


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochOpened(Change):
    """A quorum that signs batches from now on."""

    members: tuple[str, ...]
    threshold: int
    """How many of them must sign a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEnded(Change):
    """A quorum no batch of which settles any more."""

    epoch: int


def open_epoch(registrar: Actor, members: Sequence[str], threshold: int) -> EpochOpened:
    """Open a new oracle epoch; the one before ends six hours later.

    Args:
        members: addresses, in any order.
        threshold: how many of them must sign a batch.

    Raises:
        AttestationError: a member is no address.
        CallDelayed: the call is announced, and must wait.
        ChainError: the account is no registrar.
        ContractReverted: too few or too many members, one twice, or a threshold that cannot be.
        StateError: the key is not at hand.
    """
    addresses = sorted(map(checksum_address, members), key=str.lower)
    made = settlement_call(registrar, "openEpoch", addresses, threshold)
    return EpochOpened(**made, members=tuple(addresses), threshold=threshold)


def end_epoch(guardian: Actor, epoch: int) -> EpochEnded:
    """End an oracle epoch at once, such as one whose keys are lost.

    Raises:
        ChainError: the account is no guardian.
        ContractReverted: there is no such epoch, or it has ended.
        StateError: the key is not at hand.
    """
    return EpochEnded(**settlement_call(guardian, "endEpoch", epoch), epoch=epoch)
