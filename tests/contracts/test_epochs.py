"""Oracle quorums by epoch: `openEpoch`, `endEpoch`, and which signatures count when."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import pytest
from tests.support.deployment import HOUR, MAX_BATCH_LIFE, NOW, ZERO_ADDRESS, Protocol, account
from tests.support.evm import Receipt, reverts
from tests.support.pyrevm_backend import PyrevmBackend
from web3 import Web3

from chainbill.attestation.signing import Signer
from chainbill.chain.format.events import EpochEnded, EpochOpened
from chainbill.errors import ContractReverted
from chainbill.records.hashing import keccak256

MAX_MEMBERS = 32

STANDING_SLOT = 5
"""Where settlement keeps the quorum that may sign now, see `docs/storage.md`."""


def nodes(count: int, prefix: str = "new-oracle") -> list[Signer]:
    """Oracle keys in the order the contract wants."""
    return sorted((Signer(account(f"{prefix}-{i}")) for i in range(count)), key=lambda s: s.address.lower())


def open_epoch(protocol: Protocol, members: list[Signer], threshold: int = 1) -> Receipt:
    return protocol.open_epoch(members, threshold)


def end_epoch(protocol: Protocol, epoch: int) -> Receipt:
    return protocol.settlement.send(protocol.governor, "endEpoch", epoch)


def settle(
    protocol: Protocol, sequence: int, epoch: int, signers: list[Signer], signed_at: int | None = None
) -> Receipt:
    batch = protocol.batch(
        [protocol.section(protocol.row(protocol.patient, sequence))], epoch=epoch, signed_at=signed_at
    )
    return protocol.submit(batch, protocol.sign(batch, signers))


# ---- opening ----------------------------------------------------------------------------------------------


def test_open_epoch__new_quorum__may_sign_at_once(protocol: Protocol) -> None:
    members = nodes(3)
    receipt = open_epoch(protocol, members, 2)
    assert receipt.value == 2
    assert receipt.events == (
        EpochOpened(2, 2, tuple(member.address for member in members), NOW + MAX_BATCH_LIFE),
    )
    assert protocol.settlement.read("currentEpoch") == 2
    assert protocol.settlement.read("epochs", 2) == (2, 3, 0)
    assert all(protocol.settlement.read("isMember", 2, member.address) for member in members)
    assert not protocol.settlement.read("isMember", 2, protocol.oracles[0].address)
    assert settle(protocol, 1, 2, members[:2]).value == (1, 0, 0, 0)


def test_members_of__every_epoch__are_kept_in_their_order(protocol: Protocol) -> None:
    first, second = ([node.address for node in members] for members in (protocol.oracles, nodes(MAX_MEMBERS)))
    open_epoch(protocol, nodes(MAX_MEMBERS))
    for epoch, members in ((1, first), (2, second)):
        listed = protocol.settlement.read("membersOf", epoch)
        assert [Web3.to_checksum_address(member) for member in listed] == members
    for epoch in (0, 3, 2**32 - 1):
        assert protocol.settlement.read("membersOf", epoch) == ()
        assert not protocol.settlement.read("isMember", epoch, first[0])
        assert not protocol.settlement.read("isMember", epoch, ZERO_ADDRESS)


@pytest.mark.parametrize("late, counts", [(-1, True), (0, False), (1, False)])
def test_settle__old_quorum_around_its_end__until_that_second(
    protocol: Protocol, late: int, counts: bool
) -> None:
    open_epoch(protocol, nodes(1))
    ends_at = NOW + MAX_BATCH_LIFE
    protocol.evm.now = ends_at + late
    if counts:
        assert settle(protocol, 1, 1, protocol.oracles[:2]).value == (1, 0, 0, 0)
    else:
        with reverts("EpochOver", epoch=1, endsAt=ends_at):
            settle(protocol, 1, 1, protocol.oracles[:2])


def test_settle__batch_signed_just_before_a_new_quorum__settles_in_its_life(protocol: Protocol) -> None:
    batch = protocol.batch(
        [protocol.section(protocol.row(protocol.patient, 1))], deadline=NOW + MAX_BATCH_LIFE
    )
    protocol.evm.now += 1
    open_epoch(protocol, nodes(1))
    protocol.evm.now = NOW + MAX_BATCH_LIFE
    assert protocol.submit(batch).value == (1, 0, 0, 0)


def test_settle__member_of_another_epoch__does_not_count(protocol: Protocol) -> None:
    members = nodes(2)
    open_epoch(protocol, members, 2)
    with reverts("NotOracleMember", signer=protocol.oracles[0].address, epoch=2):
        settle(protocol, 1, 2, protocol.oracles[:2])
    with reverts("NotOracleMember", signer=members[0].address, epoch=1):
        settle(protocol, 1, 1, members)


def test_open_epoch__twice__ends_each_predecessor_once(protocol: Protocol) -> None:
    open_epoch(protocol, nodes(1))
    protocol.evm.now += HOUR
    open_epoch(protocol, nodes(1, "newest"))
    assert protocol.settlement.read("epochs", 1)[2] == NOW + MAX_BATCH_LIFE
    assert protocol.settlement.read("epochs", 2)[2] == NOW + HOUR + MAX_BATCH_LIFE
    assert protocol.settlement.read("epochs", 3)[2] == 0


def test_open_epoch__after_the_current_one_was_ended__does_not_revive_it(protocol: Protocol) -> None:
    end_epoch(protocol, 1)
    (opened,) = open_epoch(protocol, nodes(1)).events
    assert opened.previous_ends_at == NOW
    with reverts("EpochOver", epoch=1, endsAt=NOW):
        settle(protocol, 1, 1, protocol.oracles[:2])


@pytest.mark.parametrize("members, threshold", [(3, 0), (3, 4), (0, 0), (0, 1), (MAX_MEMBERS + 1, 1)])
def test_open_epoch__no_possible_quorum__reverts(protocol: Protocol, members: int, threshold: int) -> None:
    with reverts("InvalidQuorum", threshold=threshold, members=members):
        open_epoch(protocol, nodes(members), threshold)
    assert protocol.settlement.read("currentEpoch") == 1


@pytest.mark.parametrize("members, threshold", [(1, 1), (3, 3), (MAX_MEMBERS, MAX_MEMBERS)])
def test_open_epoch__all_must_sign__all_must_sign(protocol: Protocol, members: int, threshold: int) -> None:
    signers = nodes(members)
    open_epoch(protocol, signers, threshold)
    with reverts("QuorumNotReached", signatures=threshold - 1, threshold=threshold):
        settle(protocol, 1, 2, signers[:-1])
    assert settle(protocol, 1, 2, signers).value == (1, 0, 0, 0)


def test_open_epoch__members_not_ascending__reverts(protocol: Protocol) -> None:
    low, high = (node.address for node in nodes(2))
    for members in ([high, low], [low, low], [ZERO_ADDRESS, low]):
        with reverts("MembersUnsorted"):
            protocol.settlement.send(protocol.governor, "openEpoch", members, 1)


def test_open_epoch__by_anybody_but_the_governor__reverts(protocol: Protocol) -> None:
    member = nodes(1)[0].address
    for caller in (protocol.oracles[0].address, protocol.provider, protocol.insurer, protocol.stranger):
        with reverts("AccessManagedUnauthorized", caller=caller):
            protocol.settlement.send(caller, "openEpoch", [member], 1)


def test_settle__key_taken_out_and_in_again__old_signatures_stay_with_their_epoch(
    protocol: Protocol,
) -> None:
    """A member of epochs 1 and 3, but not of 2, has signed nothing for 3 by having signed for 1."""
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    signed = protocol.sign(batch)
    open_epoch(protocol, nodes(2), 2)
    open_epoch(protocol, protocol.oracles, 2)
    for epoch in (2, 3):
        with pytest.raises(ContractReverted) as refused:
            protocol.submit(replace(batch, epoch=epoch), signed)
        assert refused.value.name in ("NotOracleMember", "SignersUnsorted", "InvalidSignature")
    assert protocol.submit(batch, signed).value == (1, 0, 0, 0)


# ---- ending -----------------------------------------------------------------------------------------------


def test_end_epoch__at_once__in_that_very_second(protocol: Protocol) -> None:
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    assert end_epoch(protocol, 1).events == (EpochEnded(1),)
    with reverts("EpochOver", epoch=1, endsAt=NOW):
        protocol.submit(batch)
    assert not protocol.is_spent(1)


def test_end_epoch__that_runs_out__ends_it_earlier(protocol: Protocol) -> None:
    open_epoch(protocol, nodes(1))
    protocol.evm.now = NOW + MAX_BATCH_LIFE - 1
    end_epoch(protocol, 1)
    assert protocol.settlement.read("epochs", 1)[2] == NOW + MAX_BATCH_LIFE - 1


def test_end_epoch__that_is_over__reverts(protocol: Protocol) -> None:
    end_epoch(protocol, 1)
    with reverts("EpochOver", epoch=1, endsAt=NOW):
        end_epoch(protocol, 1)
    open_epoch(protocol, nodes(1))
    open_epoch(protocol, nodes(1, "newest"))
    protocol.evm.now = NOW + MAX_BATCH_LIFE
    with reverts("EpochOver", epoch=2, endsAt=NOW + MAX_BATCH_LIFE):
        end_epoch(protocol, 2)


def test_end_epoch__unknown__reverts(protocol: Protocol) -> None:
    for epoch in (0, 2, 2**32 - 1):
        with reverts("UnknownEpoch", epoch=epoch):
            end_epoch(protocol, epoch)


def test_end_epoch__by_anybody_but_the_governor__reverts(protocol: Protocol) -> None:
    for caller in (protocol.oracles[0].address, protocol.provider, protocol.insurer, protocol.stranger):
        with reverts("AccessManagedUnauthorized", caller=caller):
            protocol.settlement.send(caller, "endEpoch", 1)


# ---- the quorum that stands, which settling reads in place of the epochs ----------------------------------


def backend_of(protocol: Protocol) -> PyrevmBackend:
    backend = protocol.evm._backend  # not every EVM shows its storage
    assert isinstance(backend, PyrevmBackend)
    return backend


def standing_word(epoch: int, threshold: int, members: Sequence[Signer]) -> int:
    """A quorum in one word."""
    packed = b"".join(bytes.fromhex(member.address[2:]) for member in members)
    members_hash = int.from_bytes(keccak256(packed)[:23], "big")
    return epoch | threshold << 32 | len(members) << 40 | members_hash << 48


@cache
def quorum_of(epoch: int) -> tuple[Signer, ...]:
    """Who signs for an epoch that a test opens: one, two or three, and all of them."""
    return tuple(nodes(epoch % 3 + 1, f"epoch-{epoch}"))


OPERATIONS = ("open", "end", "end the one before", "pause", "unpause", "wait", "wait a little less")


@dataclass
class Quorums:
    """Epochs and pause as they should be, beside the contract's."""

    protocol: Protocol
    quorums: dict[int, tuple[Signer, ...]]
    ends: dict[int, int] = field(default_factory=dict)
    paused: bool = False

    @classmethod
    def of(cls, protocol: Protocol) -> Quorums:
        return cls(protocol, {1: tuple(protocol.oracles)})

    @property
    def current(self) -> int:
        return max(self.quorums)

    def may(self, operation: str) -> bool:
        """Would the contract do it, and would it change anything?"""
        if operation.startswith("end"):
            epoch = self.current - (operation != "end")
            return epoch in self.quorums and not self.is_over(epoch)
        if operation.startswith("wait"):
            return any(end >= self.protocol.evm.now for end in self.ends.values())
        return {"pause": not self.paused, "unpause": self.paused}.get(operation, True)

    def do(self, operation: str) -> None:
        now = self.protocol.evm.now
        if operation == "open":
            self.ends.setdefault(self.current, now + MAX_BATCH_LIFE)
            epoch = self.current + 1
            self.quorums[epoch] = quorum_of(epoch)
            open_epoch(self.protocol, list(quorum_of(epoch)), len(quorum_of(epoch)))
        elif operation.startswith("end"):
            epoch = self.current - (operation != "end")
            self.ends[epoch] = now
            end_epoch(self.protocol, epoch)
        elif operation.startswith("wait"):
            self.protocol.advance(MAX_BATCH_LIFE - (operation != "wait"))
        else:
            self.paused = operation == "pause"
            self.protocol.settlement.send(self.protocol.governor, operation)

    def is_over(self, epoch: int) -> bool:
        return epoch in self.ends and self.ends[epoch] <= self.protocol.evm.now

    def assert_kept(self) -> None:
        """The word that stands is that of the current epoch or none; each epoch's quorum may sign or not."""
        word = backend_of(self.protocol).storage(self.protocol.settlement.address, STANDING_SLOT)
        if self.paused or self.current in self.ends:
            assert word == 0
        else:
            members = self.quorums[self.current]
            threshold = 2 if self.current == 1 else len(members)
            assert word == standing_word(self.current, threshold, members)
        for epoch in range(self.current + 2):
            with self.protocol.rolled_back():
                assert self.settle(epoch) == self.expected(epoch), epoch

    def settle(self, epoch: int) -> str:
        signers = list(self.quorums.get(epoch, ()))
        try:
            return str(settle(self.protocol, 1, epoch, signers).value)
        except ContractReverted as refusal:
            return refusal.name

    def expected(self, epoch: int) -> str:
        if self.paused:
            return "EnforcedPause"
        if epoch not in self.quorums:
            return "UnknownEpoch"
        return "EpochOver" if self.is_over(epoch) else "(1, 0, 0, 0)"


def try_all(quorums: Quorums, depth: int) -> int:
    """Every order of so many operations; returns how many there were."""
    quorums.assert_kept()
    tried = 1
    for operation in OPERATIONS if depth else ():
        if quorums.may(operation):
            with quorums.protocol.rolled_back():
                ahead = replace(quorums, quorums=dict(quorums.quorums), ends=dict(quorums.ends))
                ahead.do(operation)
                tried += try_all(ahead, depth - 1)
    return tried


def test_settle__every_order_of_four_operations__the_quorums_that_hold_may_sign(protocol: Protocol) -> None:
    assert try_all(Quorums.of(protocol), 4) > 200


@pytest.mark.parametrize("seed", range(10))
def test_settle__operations_at_random__the_quorums_that_hold_may_sign(protocol: Protocol, seed: int) -> None:
    quorums, draw = Quorums.of(protocol), random.Random(f"quorums {seed}")
    for _ in range(20):
        quorums.do(draw.choice([operation for operation in OPERATIONS if quorums.may(operation)]))
        quorums.assert_kept()


@pytest.mark.parametrize(
    "operations",
    [
        ("open", "open"),
        ("end", "open"),
        ("open", "end"),
        ("open", "end the one before"),
        ("open", "wait"),
        ("pause", "unpause"),
        ("pause", "open", "unpause"),
        ("pause", "end", "unpause"),
        ("pause", "open", "end", "unpause"),
        ("pause", "open", "end the one before", "unpause"),
        ("pause", "end", "open", "unpause"),
        ("open", "pause", "end the one before", "unpause"),
        ("open", "pause", "wait", "unpause"),
        ("end", "pause", "unpause", "open"),
        ("pause", "unpause", "open", "pause", "open", "unpause", "end", "pause", "unpause"),
    ],
    ids=", then ".join,
)
def test_settle__operations_that_could_leave_a_stale_quorum__do_not(
    protocol: Protocol, operations: tuple[str, ...]
) -> None:
    quorums = Quorums.of(protocol)
    for operation in operations:
        quorums.do(operation)
        quorums.assert_kept()


def test_settle__quorum_that_stands__is_what_counts(protocol: Protocol) -> None:
    """Otherwise nothing here would say anything: a word that is false is believed."""
    backend, settlement = backend_of(protocol), protocol.settlement.address
    alone = protocol.oracles[:1]
    backend.set_storage(settlement, STANDING_SLOT, standing_word(1, 1, alone))
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    members, signature = bytes.fromhex(alone[0].address[2:]), protocol.sign(batch, alone)[0]
    arguments = (*protocol.settle_arguments(batch)[:2], members + signature, 1)
    assert protocol.settlement.send(protocol.stranger, "settle", *arguments).value == (1, 0, 0, 0)
    # Of another epoch it says nothing.
    backend.set_storage(settlement, STANDING_SLOT, standing_word(2, 1, alone))
    with reverts("NotTheMembers", epoch=1):
        protocol.settlement.send(protocol.stranger, "settle", *arguments)


@pytest.mark.parametrize("members, threshold", [(1, 1), (MAX_MEMBERS, 1), (MAX_MEMBERS, MAX_MEMBERS)])
@pytest.mark.parametrize("current", [True, False], ids=["standing", "the one before"])
def test_settle__smallest_and_largest_quorum__counts_alike_standing_or_not(
    protocol: Protocol, members: int, threshold: int, current: bool
) -> None:
    signers = nodes(members)
    open_epoch(protocol, signers, threshold)
    if not current:
        open_epoch(protocol, nodes(1, "newest"))
    with reverts("QuorumNotReached", signatures=threshold - 1, threshold=threshold):
        settle(protocol, 1, 2, signers[: threshold - 1])
    with reverts("NotOracleMember", signer=protocol.oracles[0].address, epoch=2):
        settle(protocol, 1, 2, [protocol.oracles[0]] * threshold)
    assert settle(protocol, 1, 2, signers[-threshold:]).value == (1, 0, 0, 0)
    assert settle(protocol, 2, 2, signers).value == (1, 0, 0, 0)
