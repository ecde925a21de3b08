"""The oracle of this machine, in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.typed_data import RecallAttestation
from chainbill.chain.protocol import Protocol
from chainbill.errors import IntakeRefused
from chainbill.oracle.api import FINAL, Custody, RecallEnd, Receipt
from chainbill.oracle.bundling import take_bundle, unbundled
from chainbill.oracle.intake import Intake, no_schedule
from chainbill.oracle.rebuild import name_records
from chainbill.oracle.recall import find_own, foresee, take_back
from chainbill.oracle.store import OracleStore
from chainbill.records.commitment import Opening


class LocalOracle:
    """Answers as ``OracleApi`` from the store on this machine."""

    def __init__(
        self,
        protocol: Protocol,
        store: OracleStore,
        schedule_key: Callable[[int], bytes] = no_schedule,
        *,
        custody: Custody = Custody.ORACLE,
    ) -> None:
        """``schedule_key`` as for ``Intake``; ``custody``: whose the store is, where no oracle reads it the
        provider's."""
        self._protocol = protocol
        self._store = store
        self._schedule_key = schedule_key
        self._custody = custody

    def submit(self, attested: AttestedEvent) -> Receipt:
        """See ``OracleApi``."""
        return self._kept(self._intake().accept(attested))

    def submit_all(self, events: Sequence[AttestedEvent]) -> list[Receipt | IntakeRefused]:
        """See ``OracleApi``."""
        outcomes = self._intake().accept_all(events)
        return [each if isinstance(each, IntakeRefused) else self._kept(each) for each in outcomes]

    def unbundled(self, provider_id: int) -> list[list[Receipt]]:
        """See ``OracleApi``."""
        found = unbundled(self._protocol, self._store, provider_id)
        return [[stored.receipt() for stored in together] for together in found]

    def bundle(self, attestations: Sequence[bytes], signature: bytes) -> None:
        """See ``OracleApi``."""
        take_bundle(self._protocol, self._store, attestations, signature)

    def find(self, provider_id: int, record_identity: str, *, corrects: bytes = b"") -> Receipt | None:
        """See ``OracleApi``."""
        key = self._store.record_key(provider_id, record_identity)
        stored = self._store.find_record(provider_id, key, corrects=corrects)
        return None if stored is None else self._kept(stored.receipt())

    def find_all(self, provider_id: int, record_identity: str) -> list[Receipt]:
        """See ``OracleApi``."""
        key = self._store.record_key(provider_id, record_identity)
        return [self._kept(stored.receipt()) for stored in self._store.find_records(provider_id, key)]

    def attestations(self, provider_id: int) -> list[Receipt]:
        """See ``OracleApi``."""
        return [self._kept(stored.receipt()) for stored in self._store.of_provider(provider_id)]

    def sequences(self, provider_id: int) -> set[int]:
        """See ``OracleApi``."""
        return self._store.sequences(provider_id)

    def recall(self, request: RecallAttestation, signature: bytes) -> tuple[RecallEnd, Receipt]:
        """See ``OracleApi``."""
        end, stored = take_back(self._protocol, self._store, request, signature)
        return end, self._kept(stored.receipt())

    def foresee_recall(self, provider_id: int, digest: bytes) -> tuple[RecallEnd, Receipt]:
        """See ``OracleApi``."""
        stored = find_own(self._store, provider_id, digest)
        return foresee(self._protocol, stored), self._kept(stored.receipt())

    def name_records(self, provider_id: int, records: Mapping[bytes, Opening | str]) -> int:
        """See ``OracleApi``."""
        return name_records(self._store, provider_id, records)

    def _kept(self, receipt: Receipt) -> Receipt:
        return replace(receipt, custody=Custody.CHAIN if receipt.status in FINAL else self._custody)

    def _intake(self) -> Intake:
        return Intake(self._protocol, self._store, self._schedule_key)
