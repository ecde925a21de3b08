"""Cash prices that are to be published: those of a file, or the catalogue's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from chainbill.records.catalogue import Catalogue
from chainbill.records.price_file import example_prices as example_prices  # faces get it here
from chainbill.records.price_file import read_prices


@dataclass(frozen=True, slots=True)
class PriceList:
    """A list that was found to be in order."""

    prices: Mapping[str, int]
    """Micro-dollars a unit by service name; 0 takes a service off."""

    @classmethod
    def read(cls, file: Path | None, *, catalogue: Path | None = None) -> Self:
        """Read a list; ``file`` None: every service of the catalogue at its default fee, ``catalogue`` None:
        the packaged one.

        Raises:
            CatalogueError: the catalogue is malformed.
            TermsError: the file is unreadable, not of its format, or no list of prices; says where.
        """
        services = Catalogue.load(catalogue)
        if file is None:
            return cls({service: entry.fee for service, entry in services.entries.items()})
        return cls(read_prices(file, services))
