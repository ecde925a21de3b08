"""One row as it was attested, and the batch it came in: what the contracts decide on."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.chain.format.events import Claim


@dataclass(frozen=True, slots=True)
class AttestedRow:
    """One row and the batch it came in."""

    patient: str
    claim: Claim
    signed_at: int
    block_time: int
    operator: str = ZERO_ADDRESS
    is_correction: bool = False

    @property
    def billed_amount(self) -> int:
        """As attested; 0 bills the fee schedule's amount."""
        return 0 if self.claim.billed_as_fee else self.claim.billed

    @property
    def payers(self) -> tuple[int, int]:
        """Primary and secondary; 0: none."""
        return self.claim.payer_id, self.claim.secondary_payer_id

    @property
    def one_by_one(self) -> bool:
        """Do the contracts price it apart from its neighbours? They then ask the escrow first."""
        return self.claim.payer_id == 0 or self.claim.secondary_payer_id != 0 or self.is_correction


def year_of(time: int) -> int:
    """The Gregorian year (UTC) of any time at all: the twin of ``Calendar.yearOf``.

    ``datetime`` ends with the year 9999; an edited ledger need not.
    """
    day = time // 86_400 + 719_468
    era, day_of_era = divmod(day, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    return year_of_era + era * 400 + (1 if day_of_year >= 306 else 0)
