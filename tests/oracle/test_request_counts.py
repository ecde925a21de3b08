"""How many round trips to the node intake takes, counted by a proxy; and that what has changed is seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from eth_account import Account
from tests.oracle.conftest import service_event
from tests.oracle.workplace import Workplace, open_workplace
from tests.support.node_proxy import Proxy, proxy_before

from chainbill.attestation.attested import Assignment, AttestedEvent, attest
from chainbill.attestation.signing import Signer
from chainbill.billing.outcomes import Outcome
from chainbill.chain.node.connection import connect
from chainbill.chain.protocol import Protocol
from chainbill.chain.reads import Question
from chainbill.errors import IntakeRefused
from chainbill.oracle.api import Receipt
from chainbill.oracle.intake import Intake
from chainbill.records.service_id import service_id


@dataclass
class Counted:
    """A workplace, and the oracle's own way to its node, on which requests are counted."""

    place: Workplace
    proxy: Proxy
    protocol: Protocol
    sequence: int = field(default=0)

    def events(self, count: int, key: Signer | None = None) -> list[AttestedEvent]:
        """As many records of the known patient, by the known provider."""
        cast = self.place.stage.cast
        event = service_event()
        patient = cast.patients[event.patient.reference].address
        found = []
        for _ in range(count):
            self.sequence += 1
            assignment = Assignment(
                provider_id=self.place.provider_id,
                payer_id=cast.payer_id,
                patient=patient,
                service_id=service_id(cast.schedule_key, event.service),
                sequence=self.sequence,
            )
            record = service_event(f"Encounter/counted-{self.sequence}")
            found.append(attest(record, assignment, key or self.place.own, self.protocol.domain))
        return found

    def take_in(self, events: list[AttestedEvent]) -> tuple[list[str], int]:
        """What became of each, and round trips."""
        self.proxy.asked.clear()
        outcomes = Intake(self.protocol, self.place.store).accept_all(events)
        words = [
            str(each.status if isinstance(each, Receipt) else each.reason)
            for each in outcomes
            if isinstance(each, Receipt | IntakeRefused)
        ]
        return words, len(self.proxy.asked)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counted]:
    with (
        open_workplace(tmp_path_factory.mktemp("counted")) as place,
        proxy_before(place.stage.devnet.rpc_url) as proxy,
    ):
        yield Counted(place, proxy, Protocol(connect(proxy.url), place.stage.protocol.deployment))


def known(counted: Counted) -> None:
    """The parties are known after a first event."""
    words, _ = counted.take_in(counted.events(1))
    assert words == ["accepted"]


def test_intake__hundred_attestations_of_known_parties__one_round_trip(counted: Counted) -> None:
    known(counted)

    words, trips = counted.take_in(counted.events(100))

    assert words == ["accepted"] * 100
    assert trips <= 1


def test_intake__new_block_that_changed_none_of_it__still_one_round_trip(counted: Counted) -> None:
    known(counted)
    counted.place.stage.devnet.advance(3600)

    words, trips = counted.take_in(counted.events(100))

    assert words == ["accepted"] * 100
    assert trips <= 1


@pytest.mark.slow
def test_intake__batch_settled_meanwhile__still_one_round_trip(counted: Counted) -> None:
    known(counted)
    (row, *_) = [
        row for batch in counted.place.settle() for row in batch.rows if row.outcome is Outcome.SETTLED
    ]

    words, trips = counted.take_in(counted.events(100))

    assert words == ["accepted"] * 100
    assert trips <= 1
    with counted.protocol.reads.held():
        counted.proxy.asked.clear()
        assert counted.protocol.rows.is_spent(counted.place.provider_id, row.attestation.sequence)
    assert counted.proxy.asked == []


def test_intake__unknown_parties__a_few_round_trips_however_many_events(counted: Counted) -> None:
    protocol = Protocol(connect(counted.proxy.url), counted.place.stage.protocol.deployment)
    fresh = Counted(counted.place, counted.proxy, protocol, counted.sequence)

    words, trips = fresh.take_in(fresh.events(100))

    counted.sequence = fresh.sequence
    assert words == ["accepted"] * 100
    assert trips <= 8


# ---- what has changed is seen -------------------------------------------------------------------------


def test_intake__key_revoked_meanwhile__is_refused_at_once(counted: Counted) -> None:
    night = counted.place.night
    assert counted.take_in(counted.events(1, night))[0] == ["accepted"]
    counted.place.revoke(night)

    assert counted.take_in(counted.events(2, night))[0] == ["not_an_attester"] * 2

    registry = counted.place.stage.protocol.registry
    registry.add_attester(counted.place.owner, counted.place.provider_id, night.address)
    assert counted.take_in(counted.events(1, night))[0] == ["accepted"]


def test_intake__provider_suspended_meanwhile__is_refused_until_it_is_reinstated(counted: Counted) -> None:
    known(counted)
    settlement, governor = counted.place.stage.protocol.settlement, counted.place.stage.submitter
    settlement.suspend(governor, counted.place.provider_id)

    assert counted.take_in(counted.events(1))[0] == ["provider_not_active"]

    settlement.reinstate(governor, counted.place.provider_id)
    assert counted.take_in(counted.events(1))[0] == ["accepted"]


def test_held__change_announced_for_later__is_not_remembered_beyond_its_block(counted: Counted) -> None:
    """The patient accepts no payer from in two days on: until then the payer is asked of each block."""
    stage, protocol = counted.place.stage, counted.protocol
    patient, escrow = stage.cast.patients["Patient/1"], stage.protocol.escrow

    def primary() -> int:
        with protocol.reads.held():
            asked = (patient.address, protocol.now())
            protocol.reads.learn([Question(protocol.escrow, "payersOf", asked)])
            counted.proxy.asked.clear()
            payers = protocol.escrow.payers_of(*asked)
            assert counted.proxy.asked == []
            return payers.primary

    stage.devnet.advance(86_400)
    escrow.accept_payer(patient.sender, 0, 0)
    before = primary()
    stage.devnet.advance(3 * 86_400)

    assert (before, primary()) == (stage.cast.payer_id, 0)
    escrow.accept_payer(patient.sender, stage.cast.payer_id, 0)
    stage.devnet.advance(3 * 86_400)
    assert primary() == stage.cast.payer_id


@pytest.mark.parametrize("mined", [0, 1, 2], ids=["shorter", "as long", "longer"])
def test_held__chain_reorganised__forgets_what_the_dropped_block_said(counted: Counted, mined: int) -> None:
    stage, protocol = counted.place.stage, counted.protocol
    stranger = Account.create().address
    snapshot = stage.devnet.anvil.call("evm_snapshot")
    counted.place.stage.protocol.registry.add_attester(
        counted.place.owner, counted.place.provider_id, stranger
    )
    questions = (counted.place.provider_id, stranger)
    with protocol.reads.held():
        assert protocol.registry.is_attester(*questions)
    stage.devnet.anvil.call("evm_revert", snapshot)
    if mined:
        stage.devnet.anvil.call("anvil_mine", hex(mined))

    with protocol.reads.held():
        assert not protocol.registry.is_attester(*questions)


def test_outside_of_held__nothing_is_remembered(counted: Counted) -> None:
    known(counted)
    counted.proxy.asked.clear()

    for _ in range(2):
        counted.protocol.registry.is_attester(counted.place.provider_id, counted.place.own.address)

    assert counted.proxy.asked.count("eth_call") == 2


@pytest.mark.slow
def test_held__rows_read_since_the_last_look_and_dropped__are_forgotten(counted: Counted) -> None:
    known(counted)
    stage, protocol = counted.place.stage, counted.protocol
    # What earlier tests have left may be pended, and is sent again.
    pended = {each.claim.commitment for each in protocol.rows.rows(counted.place.provider_id)}
    snapshot = stage.devnet.anvil.call("evm_snapshot")
    settled = [row for batch in counted.place.settle() for row in batch.rows]
    row = next(each for each in settled if each.attestation.commitment not in pended)
    place = row.attestation.provider_id, row.attestation.sequence
    assert protocol.rows.places_of(row.attestation.commitment) == {place}
    stage.devnet.anvil.call("evm_revert", snapshot)

    with protocol.reads.held():
        assert protocol.rows.places_of(row.attestation.commitment) == set()
