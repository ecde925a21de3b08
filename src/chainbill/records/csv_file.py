"""Tables in CSV: whole, in UTF-8, with blanks around a cell left out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from chainbill.errors import TermsError


def read_text(path: Path, form: str) -> str:
    """A file's text.

    Args:
        path: the file.
        form: what it should be, such as ``CSV``.

    Raises:
        TermsError: it cannot be read, or is not in UTF-8; does not name the file.
    """
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise TermsError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise TermsError(f"not a {form} file: {error}") from None


def csv_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The first row and every other that is not empty, each with the number of its line, the first being 1.

    Raises:
        TermsError: it is no CSV, or a row has more or fewer columns than the first.
    """
    reader = csv.reader(io.StringIO(text), strict=True)
    width = 0
    try:
        for row in reader:
            cells = [cell.strip(" \t") for cell in row]
            if width and any(cells) and len(cells) != width:
                raise TermsError(
                    f"line {reader.line_num} has {len(cells)} columns, not {width}",
                    hint='an amount with commas stands in quotes: "1,250.00"',
                )
            if any(cells) or not width:
                yield reader.line_num, cells
            width = width or len(cells)
    except csv.Error as error:
        raise TermsError(f"not a CSV file: {error}") from None
