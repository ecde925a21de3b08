"""A provider's events: ingested, attested, taken back, handed over and checked, each once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.roles import Town

from chainbill.errors import ArgumentError, RecordError, StateError
from chainbill.operations.actor import Actor
from chainbill.operations.provider.attest import attest
from chainbill.operations.provider.check import check
from chainbill.operations.provider.export import export_events
from chainbill.operations.provider.ingest import Mapped, forget_records, ingest
from chainbill.operations.provider.own_claims import Doubt
from chainbill.operations.provider.rebuild import rebuild
from chainbill.operations.provider.recall import recall
from chainbill.operations.provider.waiting import remove, worklist
from chainbill.oracle.api import RecallEnd, RefusalReason
from chainbill.state.address_book import Role


@pytest.fixture
def provider(town: Town, clinic: str) -> Actor:
    return Actor.named(town.session(), clinic, Role.PROVIDER)


@pytest.fixture
def provider_id(provider: Actor) -> int:
    return provider.session.book.get(provider.name).provider_id or 0


@pytest.fixture
def patient(town: Town, clinic: str) -> str:
    return town.patient(f"of-{clinic}", clinic)


@pytest.fixture
def record(town: Town, provider: Actor) -> Path:
    """A file with one visit."""
    return town.record(f"{provider.name}-a")


@pytest.fixture
def waiting(provider: Actor, patient: str, record: Path) -> str:
    """What is waiting on the list: its name."""
    ingest(provider, [record], patients=[Mapped("", patient)])
    return f"Encounter/{provider.name}-a"


def settle(town: Town, provider: Actor) -> str:
    (row,) = town.settle(provider.name)
    return str(row["outcome"])


def test_ingest__a_file__waits_once(provider: Actor, provider_id: int, patient: str, record: Path) -> None:
    looked = ingest(provider, [record], patients=[Mapped("", patient)], dry_run=True)
    assert (len(looked.result.added), worklist(provider, provider_id).waiting) == (1, ())
    done = ingest(provider, [record], patients=[Mapped("", patient)])
    assert [each.record_identity for each in done.result.added] == [
        item.event.record_identity for item in worklist(provider, provider_id).waiting
    ]
    # Whose account it is is remembered.
    again = ingest(provider, [record])
    assert (again.result.added, len(again.result.already_known)) == ([], 1)
    assert set(again.accounts.values()) == {provider.session.address_of(patient)}


def test_ingest__what_cannot_be__is_refused(provider: Actor, provider_id: int, record: Path) -> None:
    with pytest.raises(ArgumentError, match="say whose account a patient of the record has"):
        ingest(provider, [record])
    with pytest.raises(StateError):
        ingest(provider, [record], patients=[Mapped("", "nobody-at-all")])
    with pytest.raises(RecordError):
        ingest(provider, [record.with_name("missing.json")])
    assert worklist(provider, provider_id).waiting == ()


def test_forget_records__of_earlier_parts__are_counted_once(provider: Actor, waiting: str) -> None:
    assert forget_records(provider) > 0
    assert forget_records(provider) == 0


def test_remove__waiting__is_off_the_list_and_again_is_refused(
    provider: Actor, provider_id: int, waiting: str
) -> None:
    assert [each.endswith(waiting) for each in remove(provider, provider_id, [waiting]).records] == [True]
    assert worklist(provider, provider_id).waiting == ()
    with pytest.raises(StateError, match=waiting):
        remove(provider, provider_id, [waiting])


def test_attest__waiting__is_at_the_oracle_once(
    town: Town, provider: Actor, provider_id: int, waiting: str
) -> None:
    (done,) = attest(provider, provider_id).submitted
    assert (done.attestation.provider_id, done.repeated) == (provider_id, False)
    again = attest(provider, provider_id)
    assert (again.submitted, again.refused) == ((), ())
    standing = worklist(provider, provider_id)
    assert (standing.waiting, standing.attested) == ((), 1)
    assert [each.receipt.attestation for each in standing.at_oracle] == [done.attestation]
    assert settle(town, provider) == "settled"
    assert worklist(provider, provider_id).at_oracle == ()


def test_attest__refused__waits_with_the_reason(
    town: Town, provider: Actor, provider_id: int, record: Path
) -> None:
    town.ok("patient", "create", "uninsured")
    ingest(provider, [record], patients=[Mapped("", "uninsured")])
    done = attest(provider, provider_id)
    assert [each.refusal.reason for each in done.refused] == [RefusalReason.PAYER_NOT_ACCEPTED]
    assert len(worklist(provider, provider_id).waiting) == 1


def test_attest__by_a_key_that_may_not__signs_nothing(
    provider: Actor, provider_id: int, waiting: str
) -> None:
    with pytest.raises(StateError, match="may not sign for provider"):
        attest(provider, provider_id, key="patient")
    with pytest.raises(StateError, match="not on the worklist of"):
        attest(provider, provider_id, ["Encounter/of-nobody"])
    assert len(worklist(provider, provider_id).waiting) == 1


def test_recall__attested__waits_again_and_again_there_is_nothing(
    provider: Actor, provider_id: int, waiting: str
) -> None:
    attest(provider, provider_id)
    assert [each.end for each in recall(provider, provider_id, dry_run=True)] == [RecallEnd.RECALLED]
    assert worklist(provider, provider_id).waiting == ()
    assert [each.end for each in recall(provider, provider_id)] == [RecallEnd.RECALLED]
    (again,) = worklist(provider, provider_id).waiting
    assert recall(provider, provider_id) == ()
    identity = again.event.record_identity
    assert [each.end for each in recall(provider, provider_id, [identity])] == [RecallEnd.RECALLED_BEFORE]


def test_recall__settled_or_never_attested__says_so(
    town: Town, provider: Actor, provider_id: int, waiting: str
) -> None:
    with pytest.raises(StateError, match="was not attested"):
        recall(provider, provider_id, [waiting])
    attest(provider, provider_id)
    settle(town, provider)
    assert [each.end for each in recall(provider, provider_id, [waiting])] == [RecallEnd.SETTLED]


def test_export__what_has_not_ended__is_in_a_file_as_often_as_wanted(
    town: Town, provider: Actor, provider_id: int, waiting: str
) -> None:
    attest(provider, provider_id)
    for _ in range(2):
        exported = export_events(provider, provider_id, "oracle-1")
        assert (exported.events, exported.recalls, exported.unreadable) == (1, 0, ())
    with pytest.raises(StateError):
        export_events(provider, provider_id, "nobody-at-all")
    settle(town, provider)
    assert export_events(provider, provider_id, "oracle-1").events == 0


def test_check__settled__accuses_nothing_that_it_attested(
    town: Town, provider: Actor, provider_id: int, waiting: str
) -> None:
    attest(provider, provider_id)
    settle(town, provider)
    assert check(provider, provider_id) == ()
    # Of a list that knows nothing every claim is a stranger.
    provider.session.state.provider_database(provider.name).unlink()
    assert [each.doubt for each in check(provider, provider_id)] == [Doubt.NOT_ATTESTED]


def test_rebuild__list_that_was_lost__knows_what_was_attested_and_again_nothing_is_new(
    town: Town, provider: Actor, provider_id: int, waiting: str
) -> None:
    attest(provider, provider_id)
    settle(town, provider)
    provider.session.state.provider_database(provider.name).unlink()
    assert [each.endswith(waiting) for each in rebuild(provider, provider_id).attested] == [True]
    assert rebuild(provider, provider_id).attested == []
    assert check(provider, provider_id) == ()
