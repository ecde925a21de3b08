"""What a claim moves in a member's benefit year: accumulators of member and family, and counted units."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.billing.accumulators import Accumulators, FamilyAccumulators
from chainbill.chain.format.events import Claim, SecondaryShares
from chainbill.errors import LedgerError
from chainbill.ledger.accounts import Ledger


@dataclass(frozen=True, slots=True)
class Posting:
    """One payer's part of a claim, or of a reversal; amounts in micro-dollars."""

    payer_id: int
    member: str
    benefit_year: int
    service_id: bytes
    deductible: int = 0
    out_of_pocket: int = 0
    benefit: int = 0
    """Counts towards the annual plan maximum."""
    units: int = 0

    @classmethod
    def primary(cls, member: str, claim: Claim, *, units: bool) -> Posting:
        """What the only or primary payer counts; ``units``: those too."""
        return cls(
            claim.payer_id,
            member,
            claim.benefit_year,
            claim.service_id,
            claim.deductible,
            claim.deductible + claim.copay + claim.coinsurance,
            claim.plan_paid,
            claim.units if units else 0,
        )

    @classmethod
    def secondary(cls, member: str, claim: Claim, shares: SecondaryShares, *, units: bool) -> Posting:
        """What the secondary payer counts: its price as if it were alone."""
        return cls(
            claim.secondary_payer_id,
            member,
            claim.benefit_year,
            claim.secondary_service_id,
            shares.deductible,
            shares.out_of_pocket,
            shares.plan_paid,
            claim.units if units else 0,
        )


def post(ledger: Ledger, posting: Posting, *, back: bool = False) -> None:
    """Count a posting, or take it back.

    Raises:
        LedgerError: the member is not enrolled, or less was counted than is taken back.
    """
    sign = -1 if back else 1
    payer = ledger.payer(posting.payer_id)
    standing = payer.members.get((posting.member, posting.benefit_year))
    if standing is None:
        raise LedgerError(
            f"{posting.member} settled a claim without being enrolled in {posting.benefit_year}"
        )
    met = Accumulators(
        standing.met.deductible_met + sign * posting.deductible,
        standing.met.oop_met + sign * posting.out_of_pocket,
        standing.met.plan_paid + sign * posting.benefit,
    )
    family = payer.family_of(standing, posting.benefit_year) or FamilyAccumulators()
    if standing.family_id:
        family = FamilyAccumulators(
            family.deductible_met + sign * posting.deductible, family.oop_met + sign * posting.out_of_pocket
        )
    service = (posting.member, posting.benefit_year, posting.service_id)
    units = payer.units_used(*service) + sign * posting.units
    counted = (met.deductible_met, met.oop_met, met.plan_paid, family.deductible_met, family.oop_met, units)
    if min(counted) < 0:
        raise LedgerError(f"more was taken back than {posting.member} had met in {posting.benefit_year}")
    standing.met = met
    if standing.family_id:
        payer.families[standing.family_id, posting.benefit_year] = family
    if posting.units:
        payer.units[service] = units
