"""Oracle quorums by epoch: `openEpoch`, `endEpoch`, and which signatures count when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contracts.evm import Receipt, reverts
from tests.contracts.protocol import HOUR, MAX_BATCH_LIFE, NOW, ZERO_ADDRESS, Protocol, account
from web3 import Web3

from chainbill.attestation.signing import Signer
from chainbill.chain.events import EpochEnded, EpochOpened
from chainbill.errors import ContractReverted

MAX_MEMBERS = 32


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


# ---- the quorum that stands -------------------------------------------------------------------------------


def governs(protocol: Protocol, verb: str) -> None:
    """Do one of the guardian's and governor's verbs; epochs count on from the newest."""
    newest = protocol.settlement.read("currentEpoch")
    if verb == "open":
        open_epoch(protocol, nodes(1, f"epoch {newest + 1}"), 1)
    elif verb == "end":
        end_epoch(protocol, newest)
    elif verb == "end previous":
        end_epoch(protocol, newest - 1)
    else:
        protocol.settlement.send(protocol.governor, verb)


@pytest.mark.parametrize(
    "verbs",
    [
        ("pause", "open", "unpause"),
        ("pause", "end", "unpause"),
        ("pause", "unpause", "pause"),
        ("end", "pause", "unpause"),
        ("end", "open"),
        ("end", "open", "pause", "unpause"),
        ("open", "end previous"),
        ("open", "end"),
        ("open", "open"),
        ("pause", "open", "open", "unpause"),
        ("open", "pause", "end previous", "unpause", "end"),
    ],
    ids=" ".join,
)
def test_settle__after_any_order_of_these__by_whoever_may_sign_then_and_nobody_else(
    protocol: Protocol, verbs: tuple[str, ...]
) -> None:
    """What is kept of the standing quorum says what epochs and pause say, after each verb."""
    quorums = {1: (list(protocol.oracles[:2]), False)}
    paused = False
    for count, verb in enumerate(verbs):
        governs(protocol, verb)
        newest = protocol.settlement.read("currentEpoch")
        paused = {"pause": True, "unpause": False}.get(verb, paused)
        if verb == "open":
            quorums[newest] = (nodes(1, f"epoch {newest}"), False)
        elif verb.startswith("end"):
            over = newest - (verb == "end previous")
            quorums[over] = (quorums[over][0], True)
        for epoch, (signers, over_) in quorums.items():
            sequence = 100 * count + epoch
            if paused:
                with reverts("EnforcedPause"):
                    settle(protocol, sequence, epoch, signers)
            elif over_:
                with reverts("EpochOver", epoch=epoch):
                    settle(protocol, sequence, epoch, signers)
            else:
                settle(protocol, sequence, epoch, signers)
                assert protocol.is_spent(sequence)
