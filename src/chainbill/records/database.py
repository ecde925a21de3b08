"""SQLite files of the program's own: private, with the tables of this version, or refused in one line."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from chainbill.errors import StateError
from chainbill.records.whole_file import make_folder


class Database:
    """Opens the file at ``path``, or makes it (0600).

    Args:
        schema: the statements that make its tables, and what is in them from the first.
        what: what the file is to a person, such as ``a provider's worklist``.
        write_ahead: keep a write-ahead log, so that readers do not wait for a writer.
        later: statements for tables that came after the rest; a file without them gets them.

    Raises:
        StateError: the file is something else, or another version of chainbill made it. It is left as it is.
    """

    def __init__(
        self, path: Path, schema: str, what: str, *, write_ahead: bool = False, later: str = ""
    ) -> None:
        self._path = path
        fresh = not path.exists()
        try:
            make_folder(path.parent)
        except OSError as error:
            raise StateError(f"{path.parent} cannot be made: {error.strerror}") from None
        try:
            with self.connection() as database:
                self._check(_tables(database), schema, later, what)
                if write_ahead:
                    database.execute("PRAGMA journal_mode = WAL")
                # At once, so that another process never finds some of the tables.
                database.executescript(f"BEGIN IMMEDIATE; {schema}; {later}; COMMIT")
        except sqlite3.DatabaseError as error:
            raise StateError(f"{path} is not {what}: {error}") from None
        if fresh:
            path.chmod(0o600)

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction, which waits up to 30 seconds for another's.

        Raises:
            StateError: the file cannot be read or written.
        """
        try:
            opened = sqlite3.connect(self._path, timeout=30, isolation_level="IMMEDIATE")
            with closing(opened), opened:
                yield opened
        except sqlite3.DatabaseError as error:
            known = next((told for begin, told in _TROUBLE.items() if _name(error).startswith(begin)), None)
            if known is None:
                raise
            raise StateError(f"{self._path} cannot be used: {known[0]}", hint=known[1]) from None

    def _check(self, found: dict[str, str], schema: str, later: str, what: str) -> None:
        if not found:
            return
        with closing(sqlite3.connect(":memory:")) as sample:
            sample.executescript(schema)
            wanted = _tables(sample)
            sample.executescript(later)
            added = {name: made for name, made in _tables(sample).items() if name not in wanted}
        if not found.keys() & wanted.keys():
            raise StateError(f"{self._path} is not {what}: it has other tables")
        if found != wanted | {name: made for name, made in added.items() if name in found}:
            raise StateError(
                f"{self._path} was made by another version of chainbill, and only that one can read it",
                hint="go on with that version, or begin anew: move the file away; "
                "on a devnet: chainbill devnet down, then chainbill devnet up --fresh",
            )


_TROUBLE = {
    "SQLITE_FULL": ("the disk is full", "make room and run it again: what was kept before is kept"),
    "SQLITE_READONLY": (
        "it can only be read",
        "have it and its folder made writable, or name another: `state=`",
    ),
    "SQLITE_CANTOPEN": ("it cannot be opened", "may this user read and write it and its folder?"),
    "SQLITE_PERM": ("this user may not", "have its owner allow it (chmod, chown)"),
    "SQLITE_IOERR": ("the disk failed", "is it full, or gone? run it again once it is not"),
    "SQLITE_BUSY": ("another process has been writing to it for too long", "wait for it, then try again"),
    "SQLITE_CORRUPT": ("it is damaged", "put a copy of it back, or move it away and begin anew"),
}
"""What SQLite's errors mean to a person, by how their names begin. Others are ours, and bugs."""


def _name(error: sqlite3.DatabaseError) -> str:
    return str(getattr(error, "sqlite_errorname", ""))


def _tables(database: sqlite3.Connection) -> dict[str, str]:
    """What makes each table and index, by name, however it is spaced."""
    made = database.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {name: "".join(sql.split()) for name, sql in made}
