"""Sealed records on their way from providers to their patients."""

from __future__ import annotations

import os
from pathlib import Path

from chainbill.client.acting import Who, acting
from chainbill.client.arguments import checked
from chainbill.operations import records
from chainbill.operations.records import ExportedRecords, FetchedRecords
from chainbill.state.private_files import write_private
from chainbill.state.session import Session


@checked
class Records:
    """The sealed records of the state directory. A statement opens those that are sealed to who reads it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def export(self, place: str | os.PathLike[str], *to: str, replace: bool = False) -> ExportedRecords:
        """Lay the sealed records that are here into a folder, or write them into one file, for their patients
        to fetch. See ``operations.records.export_records``.

        Args:
            place: a folder that is there; else a file.
            to: only what is sealed to these, by name or address; nobody: all.
            replace: a file that is there.
        """
        path = Path(place)
        return records.export_records(
            self._session,
            path,
            to,
            write=lambda content: write_private(path.absolute(), content, replace=replace),
        )

    def fetch(self, place: str | os.PathLike[str], who: Who) -> FetchedRecords:
        """Take the records that are sealed to an account from a folder or a file; its statement explains
        charges by them. See ``operations.records.fetch_records``."""
        return records.fetch_records(acting(self._session, who, any_name=True), Path(place))
