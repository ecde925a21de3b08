"""A provider's own audit: which claims have settled in its name that it did not attest, or not so.

Two oracle keys and a stolen key of the provider's settle what it never attested. It is the one who can tell:
its worklist knows every commitment that it attested, and its copies in the vault say with which figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from chainbill.audit.evidence import standing_claims
from chainbill.chain.format.attested_claim import attestation_of
from chainbill.errors import ChainbillError
from chainbill.ledger.accounts import Ledger
from chainbill.ledger.claim_records import ClaimRecord
from chainbill.money import show_dollars
from chainbill.operations.provider.worklist import AttestedRecord, Worklist
from chainbill.records.vault import Vault, VaultKey


class Doubt(StrEnum):
    """What is wrong with a claim in a provider's name, as a stable word."""

    NOT_ATTESTED = "not_attested"
    """The provider attested nothing under its commitment."""
    OTHER_THAN_ATTESTED = "other_than_attested"
    """It attested the record otherwise than it was settled."""


@dataclass(frozen=True, slots=True)
class DoubtfulClaim:
    """A claim that stands in a provider's name, and what is wrong with it."""

    record: ClaimRecord
    doubt: Doubt
    why: str


def doubtful_claims(
    records: Iterable[ClaimRecord],
    ledger: Ledger,
    provider_id: int,
    worklist: Worklist,
    vault: Vault,
    key: VaultKey,
) -> Iterator[DoubtfulClaim]:
    """The provider's standing claims that it did not attest, or not as they were settled."""
    attested = {each.commitment: each for each in worklist.attested()}
    # What an unfinished attempt has signed is still on the list as waiting, under its sequence.
    begun = {item.sequence for item in worklist.waiting() if item.sequence is not None}
    for record in standing_claims(records, ledger):
        if record.provider_id != provider_id:
            continue
        known = attested.get(record.commitment)
        if known is None:
            why = "you have attested no record under this commitment"
            if record.sequence in begun:
                why = "you have begun to attest a record under this number, and never finished"
            yield DoubtfulClaim(record, Doubt.NOT_ATTESTED, why)
            continue
        differences = [*_from_worklist(record, known), *_from_vault(record, vault, key)]
        if differences:
            yield DoubtfulClaim(record, Doubt.OTHER_THAN_ATTESTED, "; ".join(differences))


def _from_worklist(record: ClaimRecord, known: AttestedRecord) -> Iterator[str]:
    # A number that the list does not know accuses nobody: the claim has the commitment that was attested.
    if known.sequence is not None and record.sequence != known.sequence:
        yield f"you attested it under number {known.sequence}"
    if record.patient != known.patient:
        yield f"you attested it for {known.patient}"
    if (record.claim.payer_id == 0) != known.self_pay:
        yield "you attested it as " + ("self-pay" if known.self_pay else "insured care")


def _from_vault(record: ClaimRecord, vault: Vault, key: VaultKey) -> Iterator[str]:
    """Nothing where the record cannot be opened: that says nothing about the claim."""
    try:
        event = vault.open(record.commitment, key).event
    except ChainbillError:
        return
    settled = attestation_of(record.patient, record.claim)
    if settled.units != event.units:
        yield f"you attested {event.units} units, and {settled.units} were settled"
    if settled.billed_amount != event.billed_amount:
        yield (
            f"you billed {show_dollars(event.billed_amount)}, and {show_dollars(settled.billed_amount)}"
            " was settled"
        )
    if settled.benefit_year != event.benefit_year:
        yield f"you attested it for {event.benefit_year}, and it was settled for {settled.benefit_year}"
