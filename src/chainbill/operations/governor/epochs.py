"""The oracle's quorums, one an epoch: who may sign batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from web3.types import LogReceipt

from chainbill.attestation.address import checksum_address
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.effect import stood
from chainbill.operations.governor.calls import settlement_call
from chainbill.operations.repeats import unless_so


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
    """Open a new oracle epoch; the one before ends six hours later. The quorum that signs now, with nobody to
    follow it, is told with since when.

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
    addresses = tuple(sorted(map(checksum_address, members), key=str.lower))
    session, settlement = registrar.session, registrar.protocol.settlement

    def stands() -> EpochOpened | None:
        epoch = settlement.current_epoch()
        if settlement.members(epoch) != addresses or settlement.epoch(epoch) != (threshold, len(members), 0):
            return None
        since = _opened(registrar, epoch)
        return EpochOpened(**stood(session, since), members=addresses, threshold=threshold)

    def do() -> EpochOpened:
        made = settlement_call(registrar, "openEpoch", list(addresses), threshold)
        return EpochOpened(**made, members=addresses, threshold=threshold)

    return unless_so(stands, do)


def end_epoch(guardian: Actor, epoch: int) -> EpochEnded:
    """End an oracle epoch at once, such as one whose keys are lost. One that is over is told with since when.

    Raises:
        ChainError: the account is no guardian.
        ContractReverted: there is no such epoch.
        StateError: the key is not at hand.
    """
    session, protocol = guardian.session, guardian.protocol

    def stands() -> EpochEnded | None:
        _, _, ends_at = protocol.settlement.epoch(epoch)
        if not 0 < ends_at <= session.now():
            return None
        block = protocol.deployment.block
        ended = protocol.settlement.newest_log("EpochEnded", from_block=block, epoch=epoch)
        told = stood(session, ended or _opened(guardian, epoch + 1))
        told["effective_at"] = ends_at
        return EpochEnded(**told, epoch=epoch)

    def do() -> EpochEnded:
        return EpochEnded(**settlement_call(guardian, "endEpoch", epoch), epoch=epoch)

    return unless_so(stands, do)


def _opened(governor: Actor, epoch: int) -> LogReceipt | None:
    protocol = governor.protocol
    return protocol.settlement.newest_log("EpochOpened", from_block=protocol.deployment.block, epoch=epoch)
