"""Invariant 8: no name, identifier, exact service date, clinical code or free text leaves the provider."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from web3 import Web3

from chainbill.interop.fhir import IngestReport
from chainbill.records.catalogue import Catalogue
from chainbill.records.hashing import keccak256
from chainbill.records.service_event import ServiceEvent
from chainbill.scenario.demo import DemoOptions, open_stage, read_story
from chainbill.scenario.replay import replay


@pytest.fixture(scope="module")
def ingest() -> IngestReport:
    return read_story(Catalogue.load())


@pytest.fixture(scope="module")
def left_behind(ingest: IngestReport, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """All that a run of the story puts on chain, in log files, and in the files of oracle and vault."""
    folder = tmp_path_factory.mktemp("run")
    with open_stage(folder, ingest.events, Catalogue.load(), DemoOptions()) as stage:
        replay(stage, ingest.events)
        on_chain = b"".join(_everything_on_chain(stage.protocol.w3))
    # A provider's worklist is its own, as its records are.
    kept = [path for path in sorted(folder.rglob("*")) if not path.name.startswith("provider-")]
    files = b"".join(path.read_bytes() for path in kept if path.is_file())
    assert len(on_chain) > 100_000
    assert len(files) > 1_000
    return {"chain": on_chain, "files": files}


def _everything_on_chain(w3: Web3) -> Iterator[bytes]:
    for number in range(w3.eth.block_number + 1):
        block = w3.eth.get_block(number, full_transactions=True)
        # web3's name for what chains of validators write there, on every connection.
        yield bytes(block["proofOfAuthorityData"])  # type: ignore[typeddict-item]
        for transaction in block["transactions"]:
            yield bytes(transaction["input"])  # type: ignore[index]
            for log in w3.eth.get_transaction_receipt(transaction["hash"])["logs"]:  # type: ignore[index]
                yield b"".join(bytes(topic) for topic in log["topics"]) + bytes(log["data"])


def _secrets(event: ServiceEvent) -> set[str]:
    """What names the patient, the provider or the care, in every spelling that somebody might put down."""
    texts = {
        event.record_identity,
        event.record_identity.partition("/")[2],
        event.patient.reference,
        event.patient.name,
        *event.patient.name.split(),
        event.provider.reference,
        event.provider.name,
        event.description,
        event.service,
        event.code,
        event.performed_at.isoformat(),
        event.performed_at.date().isoformat(),
    }
    return {text for text in texts if len(text) > 3}


def test_run__chain_and_files__hold_no_word_of_the_records(
    ingest: IngestReport, left_behind: dict[str, bytes]
) -> None:
    for event in ingest.events:
        for text in _secrets(event):
            for where, content in left_behind.items():
                assert text.encode() not in content, f"{text!r} of {event.record_identity} is in the {where}"


def test_run__chain__holds_no_guessable_hash_of_an_identifier(
    ingest: IngestReport, left_behind: dict[str, bytes]
) -> None:
    for event in ingest.events:
        for text in _secrets(event):
            for digest in (keccak256(text.encode()), sha256(text.encode()).digest()):
                assert digest not in left_behind["chain"]
                assert digest[:8] not in left_behind["chain"]


def test_run__chain__holds_no_service_time(ingest: IngestReport, left_behind: dict[str, bytes]) -> None:
    for event in ingest.events:
        assert event.performed_timestamp.to_bytes(8, "big") not in left_behind["chain"]
        assert event.performed_timestamp.to_bytes(5, "big") not in left_behind["chain"]


@pytest.mark.slow
def test_run__same_record_twice__has_unlinkable_commitments(ingest: IngestReport, tmp_path: Path) -> None:
    catalogue, event = Catalogue.load(), ingest.events[0]
    commitments = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        with open_stage(folder, [event], catalogue, DemoOptions(decoys=False)) as stage:
            commitments.append(replay(stage, [event]).events[0].commitment)

    assert commitments[0] != commitments[1]
