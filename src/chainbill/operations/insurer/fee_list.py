"""Fees that are to be published: those of a file, or the catalogue's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from chainbill.billing.terms import FeeTerms
from chainbill.operations.insurer.fees import newest_terms
from chainbill.records.catalogue import Catalogue
from chainbill.records.fee_file import Present, catalogue_fees, read_fees
from chainbill.records.fee_file import example_fees as example_fees  # faces get it here
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class FeeList:
    """A list that was found to be in order; what it does not say of a service stays as it was published."""

    file: Path | None
    """None: every service of the catalogue at its default fee."""
    catalogue: Catalogue
    """The services that may stand in it."""
    max_units: int | None
    """Of services of which the file states none; None: as they were published, else the usual."""

    @classmethod
    def read(cls, file: Path | None, *, catalogue: Path | None = None, max_units: int | None = None) -> Self:
        """Read a list; ``catalogue`` None: the packaged one.

        Raises:
            CatalogueError: the catalogue is malformed.
            TermsError: the file is unreadable, not of its format, or no list of fees; says where.
        """
        found = cls(file, Catalogue.load(catalogue), max_units)
        # Without the chain: what is wrong in the file is said before anything is made or sent.
        found._terms(lambda _: None)
        return found

    def beside_published(self, session: Session, payer_id: int) -> dict[str, FeeTerms]:
        """Its terms by service name, beside what an insurer has published.

        Raises:
            ChainError: the node does not answer.
            TermsError: as ``read``.
        """
        return self._terms(newest_terms(session, payer_id).get)

    def _terms(self, present: Present) -> dict[str, FeeTerms]:
        if self.file is None:
            return catalogue_fees(self.catalogue, max_units=self.max_units, present=present)
        return read_fees(self.file, self.catalogue, max_units=self.max_units, present=present)
