"""Files of the state directory that an earlier version made: refused in a line that says what to do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.roles import Town

WORKLIST = """
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    record_identity TEXT NOT NULL UNIQUE,
    patient TEXT NOT NULL,
    record TEXT,
    salt BLOB,
    sequence INTEGER UNIQUE,
    commitment BLOB
) STRICT;
CREATE TABLE counter (next_sequence INTEGER NOT NULL) STRICT;
INSERT INTO counter VALUES (1);
"""
"""Before self-pay and corrections."""

STORE = """
CREATE TABLE secret (record_key BLOB NOT NULL) STRICT;
INSERT INTO secret VALUES (randomblob(32));
CREATE TABLE attestation (
    id INTEGER PRIMARY KEY,
    provider_id INTEGER NOT NULL,
    sequence TEXT NOT NULL,
    record_key BLOB NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    payer_id INTEGER NOT NULL,
    patient TEXT NOT NULL,
    commitment BLOB NOT NULL,
    service_id BLOB NOT NULL,
    units INTEGER NOT NULL,
    billed_amount TEXT NOT NULL,
    benefit_year INTEGER NOT NULL,
    signature BLOB NOT NULL,
    status TEXT NOT NULL,
    reason INTEGER NOT NULL DEFAULT 0,
    UNIQUE (provider_id, sequence),
    UNIQUE (provider_id, record_key)
) STRICT;
CREATE INDEX attestation_open ON attestation (status);
"""
"""Before second payers, corrections and root slots."""


def leave(path: Path, script: str) -> bytes:
    """A file as the earlier version left it; its content."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(script)
    return path.read_bytes()


def check_refused(error: str, path: Path) -> None:
    message, hint = error.splitlines()
    assert message == (
        f"error: {path} was made by another version of chainbill, and only that one can read it"
    )
    assert hint.startswith("hint: go on with that version, or begin anew: move the file away")


@pytest.mark.parametrize("command", ["worklist", "ingest", "attest", "balance"])
def test_provider__worklist_of_an_earlier_version__says_what_to_do(bare_town: Town, command: str) -> None:
    town = bare_town
    name = f"earlier-{command}"
    town.ok("provider", "register", name)
    path = town.state.provider_database(name)
    before = leave(path, WORKLIST)
    arguments = (town.record("visit"), "--patient", "patient") if command == "ingest" else ()
    check_refused(town("provider", command, *arguments, "--as", name).error, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", ["settle", "status"])
def test_oracle__store_of_an_earlier_version__says_what_to_do(bare_town: Town, command: str) -> None:
    path = bare_town.state.oracle_database
    before = leave(path, STORE)
    check_refused(bare_town("oracle", command).error, path)
    assert path.read_bytes() == before
    path.unlink()
    assert bare_town("oracle", command).code == 0
    path.unlink()
