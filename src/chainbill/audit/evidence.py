"""What stands behind a settled claim beside the oracle's word: the provider's signature, and a record.

The contracts ask for the quorum's signatures alone. Whether the provider attested a claim only somebody can
tell who has the attestation (the oracle's store) or the record (the vault): with one of them, or both, an
auditor asks of each claim that stands. The provider itself asks its own worklist (``own_claims``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chainbill.attestation.signing import recover
from chainbill.attestation.typed_data import Domain
from chainbill.audit.discrepancy import Discrepancy, Kind
from chainbill.billing.outcomes import Outcome
from chainbill.chain.format.attested_claim import attestation_of
from chainbill.chain.format.events import AttesterAdded, AttesterRevoked, RecordedEvent
from chainbill.errors import AttestationError, ChainbillError
from chainbill.ledger.accounts import Ledger
from chainbill.ledger.claim_records import ClaimRecord
from chainbill.ledger.replay import where
from chainbill.oracle.store import OracleStore
from chainbill.records.vault import Vault, VaultKey


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an auditor was given; None: it was not."""

    store: OracleStore | None = None
    """An oracle's store: attestations with their signatures."""
    vault: Vault | None = None
    """Sealed records, by commitment."""
    key: VaultKey | None = None
    """Opens those that are sealed to it; without it a record counts by its file alone."""

    def missing(self, record: ClaimRecord, attesters: Mapping[str, bool], domain: Domain) -> list[Missing]:
        """What cannot be shown for a settled claim.

        Args:
            attesters: every key that its provider had when the claim was settled; False: revoked by then.
            domain: settlement's.
        """
        found = []
        if self.store is not None:
            said = self._attestation(self.store, record, attesters, domain)
            found += [Missing(Kind.NO_ATTESTATION, said)] if said else []
        if self.vault is not None:
            said = self._record(self.vault, record)
            found += [Missing(Kind.NO_RECORD, said)] if said else []
        return found

    @staticmethod
    def _attestation(
        store: OracleStore, record: ClaimRecord, attesters: Mapping[str, bool], domain: Domain
    ) -> str:
        digest = attestation_of(record.patient, record.claim).digest(domain)
        stored = store.find(digest=digest)
        if stored is None:
            return "the store has no attestation of it"
        if not stored.signature:
            return "the store was rebuilt, and no attestation of it is left"
        try:
            signer = recover(digest, stored.signature)
        except AttestationError as error:
            return str(error)
        if signer not in attesters:
            return f"its attestation is signed by {signer}, which was never a key of the provider"
        return (
            "" if attesters[signer] else f"its attestation is signed by {signer}, which was revoked by then"
        )

    def _record(self, vault: Vault, record: ClaimRecord) -> str:
        if record.commitment not in vault:
            return "the vault has no record of it"
        if self.key is None:
            return ""
        try:
            vault.open(record.commitment, self.key)
        except ChainbillError as error:
            return str(error)
        return ""


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that cannot be shown, and why."""

    kind: Kind
    why: str


def missing_of(
    record: ClaimRecord, recorded: Sequence[RecordedEvent], settlement: Domain, evidence: Evidence
) -> list[Missing]:
    """What cannot be shown for one row; nothing where it did not settle.

    Args:
        recorded: every event of the deployment, in order, that of the row among them.
        settlement: the domain of the contract that settled it.
    """
    if record.outcome is not Outcome.SETTLED:
        return []
    attesters = _attesters_before(recorded, record.provider_id, record.recorded)
    return evidence.missing(record, attesters, settlement)


def _attesters_before(
    recorded: Sequence[RecordedEvent], provider_id: int, before: RecordedEvent
) -> dict[str, bool]:
    """Every key that a provider had when an event was logged; False: revoked by then."""
    keys: dict[str, bool] = {}
    for each in recorded:
        if each is before:
            break
        event = each.event
        if isinstance(event, AttesterAdded | AttesterRevoked) and event.provider_id == provider_id:
            keys[event.attester] = isinstance(event, AttesterAdded)
    return keys


def unsupported_claims(
    records: Iterable[ClaimRecord],
    ledger: Ledger,
    attesters: Mapping[bytes, Mapping[str, bool]],
    evidence: Evidence,
) -> Iterator[Discrepancy]:
    """Every claim that stands and for which something cannot be shown.

    Args:
        attesters: by claim id, as ``Evidence.missing`` takes them.
    """
    domain = Domain(ledger.deployment.chain_id, ledger.deployment.settlement)
    for record in standing_claims(records, ledger):
        for missing in evidence.missing(record, attesters[record.claim_id or b""], domain):
            yield Discrepancy(
                missing.kind,
                where(record.recorded),
                f"claim {record.provider_id}:{record.sequence} of {record.patient}: {missing.why}",
            )


def repeated_commitments(records: Sequence[ClaimRecord], ledger: Ledger) -> Iterator[Discrepancy]:
    """Commitments under which several claims stand. A commitment has a salt of its own, so this is one record
    that was charged again."""
    claims: defaultdict[bytes, list[ClaimRecord]] = defaultdict(list)
    for record in standing_claims(records, ledger):
        claims[record.commitment].append(record)
    for commitment, several in claims.items():
        first, *others = several
        for record in others:
            yield Discrepancy(
                Kind.COMMITMENT_REUSED,
                where(record.recorded),
                f"commitment 0x{commitment.hex()} has settled as claim {first.provider_id}:{first.sequence}"
                f" and as claim {record.provider_id}:{record.sequence}: one record may be charged twice",
            )


def standing_claims(records: Iterable[ClaimRecord], ledger: Ledger) -> Iterator[ClaimRecord]:
    """Claims that settled and were not given back in full."""
    for record in records:
        if record.outcome is not Outcome.SETTLED or record.claim_id is None:
            continue
        live = ledger.claims.get(record.claim_id)
        taken_back = live.reversed_claim if live else None
        if taken_back is None or taken_back.allowed < record.claim.allowed:
            yield record
