"""The program's SQLite files: made once, and refused plainly where they are something else."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from chainbill.errors import StateError
from chainbill.records.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS thing (id INTEGER PRIMARY KEY, name TEXT NOT NULL, UNIQUE (name)) STRICT;
CREATE INDEX IF NOT EXISTS thing_name ON thing (name);
INSERT INTO thing SELECT 1, 'first' WHERE NOT EXISTS (SELECT 1 FROM thing);
"""


def make(path: Path, script: str) -> bytes:
    """A file that something else made; its content."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(script)
    return path.read_bytes()


def names(database: Database) -> list[str]:
    with database.connection() as connection:
        return [name for (name,) in connection.execute("SELECT name FROM thing ORDER BY id")]


def test_open__nothing_there__makes_it_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "things.sqlite"
    database = Database(path, SCHEMA, "a list of things")
    with database.connection() as connection:
        connection.execute("INSERT INTO thing VALUES (2, 'second')")
    assert path.stat().st_mode & 0o777 == 0o600
    again = Database(path, SCHEMA.replace("(id INTEGER", "(\n    id INTEGER"), "a list of things")
    assert names(again) == ["first", "second"]


def test_open__by_many_at_once__all_find_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "things.sqlite"

    def opened(_: int) -> list[str]:
        return names(Database(path, SCHEMA, "a list of things"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(opened, range(16))) == [["first"]] * 16


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE thing (id INTEGER PRIMARY KEY) STRICT",
        SCHEMA.replace("name TEXT NOT NULL, UNIQUE (name)", "name TEXT NOT NULL"),
        SCHEMA.split("CREATE INDEX", maxsplit=1)[0],
        SCHEMA + "CREATE TABLE later (id INTEGER) STRICT;",
    ],
    ids=["fewer columns", "another constraint", "no index", "a table more"],
)
def test_open__another_version_s__is_refused_and_left_as_it_is(tmp_path: Path, script: str) -> None:
    path = tmp_path / "things.sqlite"
    before = make(path, script)
    with pytest.raises(StateError) as refused:
        Database(path, SCHEMA, "a list of things", write_ahead=True)
    assert str(refused.value) == (
        f"{path} was made by another version of chainbill, and only that one can read it"
    )
    assert "move the file away" in (refused.value.hint or "")
    assert path.read_bytes() == before


def test_open__made_before_a_later_table__gets_it_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "things.sqlite"
    make(path, SCHEMA + "INSERT INTO thing VALUES (2, 'second');")
    later = "CREATE TABLE IF NOT EXISTS note (thing INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"

    database = Database(path, SCHEMA, "a list of things", later=later)

    with database.connection() as connection:
        connection.execute("INSERT INTO note VALUES (2, 'kept')")
    assert names(Database(path, SCHEMA, "a list of things", later=later)) == ["first", "second"]


def test_open__later_table_made_otherwise__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "things.sqlite"
    make(path, SCHEMA + "CREATE TABLE note (text TEXT) STRICT;")
    with pytest.raises(StateError, match="another version"):
        Database(path, SCHEMA, "a list of things", later="CREATE TABLE note (thing INTEGER) STRICT;")


def test_open__something_else__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "things.sqlite"
    make(path, "CREATE TABLE other (id INTEGER)")
    with pytest.raises(StateError, match="is not a list of things: it has other tables"):
        Database(path, SCHEMA, "a list of things")
    path.write_text("no database at all, but long enough to be taken for the header of one" * 20)
    with pytest.raises(StateError, match="is not a list of things: file is not a database"):
        Database(path, SCHEMA, "a list of things")
