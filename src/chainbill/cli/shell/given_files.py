"""Files that commands are given: known by their first bytes, so that a wrong one is named for what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chainbill.errors import LedgerError, StateError, TermsError, unusable
from chainbill.interop.file_forms import BEGINNING, Wanted, other_form

_REFUSED_AS = {Wanted.LEDGER: LedgerError, Wanted.SIGNED: StateError}
"""What the reader of such a file raises; TermsError for all others."""


class GivenFile(click.Path):
    """A file that is there, can be read, and is not plainly of another kind than is wanted."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self._wanted = wanted

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the argument.

        Raises:
            StateError: the file cannot be read.
            TermsError, LedgerError: it is something else.
        """
        path = Path(str(super().convert(value, param, ctx)))
        try:
            with path.open("rb") as file:
                beginning = file.read(BEGINNING)
        except FileNotFoundError:
            self.fail(f"there is no file {path}: is it spelled right?", param, ctx)
        except OSError as error:
            raise unusable(path, "read", error) from None
        check_form(beginning, str(path), self._wanted)
        return path


def check_form(beginning: bytes, where: str, wanted: Wanted) -> None:
    """Refuse what is plainly of another kind than is wanted.

    Raises:
        TermsError, LedgerError, StateError: it is; says what it is, and what it is for.
    """
    found = other_form(beginning, wanted)
    if found is not None:
        refused_as = _REFUSED_AS.get(wanted, TermsError)
        raise refused_as(f"{where}: {found.sentence}", hint=found.hint)


def check_signed(content: bytes, where: str) -> None:
    """Refuse what is plainly not a signed intent; errors as ``check_form``."""
    check_form(content, where, Wanted.SIGNED)


PLAN_FILE = GivenFile(Wanted.PLAN)
FEE_FILE = GivenFile(Wanted.FEES)
MEMBER_FILE = GivenFile(Wanted.MEMBERS)
PRICE_FILE = GivenFile(Wanted.PRICES)
CATALOGUE_FILE = GivenFile(Wanted.CATALOGUE)
LEDGER_FILE = GivenFile(Wanted.LEDGER)
