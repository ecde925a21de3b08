"""One provider on a real chain: a worklist, a vault, two attester keys; for what comes after attesting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from eth_account import Account
from tests.oracle.conftest import service_event

from chainbill.attestation.signing import Signer
from chainbill.chain.contracts.escrow import Consent
from chainbill.chain.node.sender import Sender
from chainbill.money import DOLLAR
from chainbill.operations.provider.recaller import AttestationRecaller
from chainbill.operations.provider.sequences import Numbering
from chainbill.operations.provider.submission import AttestationSubmitter, Counterparties, SubmittedEvent
from chainbill.operations.provider.worklist import Worklist
from chainbill.oracle.local import LocalOracle
from chainbill.oracle.quorum import Quorum
from chainbill.oracle.receipts import SettledBatch
from chainbill.oracle.settling import settle_open
from chainbill.oracle.store import OracleStore, StoredAttestation
from chainbill.records.catalogue import Catalogue
from chainbill.records.service_event import ServiceEvent
from chainbill.records.vault import Vault, VaultKey
from chainbill.scenario.testbed import SceneOptions, Stage, open_stage

VISITS = [service_event(f"Encounter/{number}") for number in range(1, 4)]
UNPAID = service_event("Encounter/unpaid").model_copy(
    update={"patient": VISITS[0].patient.model_copy(update={"reference": "Patient/poor"})}
)
FIRST, SECOND, THIRD = VISITS


class Crash(RuntimeError):
    """The process dies here."""


@dataclass
class Workplace:
    """The provider's place of work, and the oracle's."""

    stage: Stage
    folder: Path
    provider_id: int
    owner: Sender
    night: Signer
    """A second key that may sign."""
    numbering: Numbering = Numbering.IN_ORDER
    """Tests name events by their numbers; those of drawing draw."""
    worklist: Worklist = field(init=False)
    store: OracleStore = field(init=False)

    def __post_init__(self) -> None:
        self.reopen()

    def reopen(self) -> None:
        """As after a restart."""
        self.worklist = Worklist(self.folder / "worklist.sqlite", numbering=self.numbering)
        self.store = OracleStore(self.folder / "oracle.sqlite")

    def lose(self, *files: str) -> None:
        """The disk forgets ``worklist`` or ``oracle``, or both."""
        for name in files:
            for path in self.folder.glob(f"{name}.sqlite*"):
                path.unlink()
        self.reopen()

    @property
    def own(self) -> Signer:
        return Signer(self.owner.account)

    @property
    def vault_key(self) -> VaultKey:
        return VaultKey.derive(bytes(self.owner.account.key))

    def submitter(self, key: Signer | None = None) -> AttestationSubmitter:
        cast = self.stage.cast
        keys = {patient.address: patient.vault_key.public for patient in cast.patients.values()}
        return AttestationSubmitter(
            protocol=self.stage.protocol,
            provider_id=self.provider_id,
            attester=key or self.own,
            own_vault_key=self.vault_key.public,
            worklist=self.worklist,
            oracle=self.oracle,
            vault=self.stage.vault,
            counterparties=Counterparties(lambda _: cast.schedule_key, lambda patient: keys[patient]),
        )

    @property
    def oracle(self) -> LocalOracle:
        return LocalOracle(self.stage.protocol, self.store)

    @property
    def quorum(self) -> Quorum:
        """Nodes that read the store as it is now."""
        return self.stage.quorum_of(self.store)

    def recaller(self, key: Signer | None = None) -> AttestationRecaller:
        return AttestationRecaller(
            protocol=self.stage.protocol,
            provider_id=self.provider_id,
            key=key or self.own,
            vault_key=self.vault_key,
            worklist=self.worklist,
            oracle=self.oracle,
            vault=self.stage.vault,
        )

    def enlist(self, *events: ServiceEvent) -> list[bool]:
        return [
            self.worklist.add(self.stage.cast.patients[event.patient.reference].address, event)
            for event in events
        ]

    def attest_waiting(self, key: Signer | None = None) -> list[SubmittedEvent]:
        submitter = self.submitter(key)
        return [submitter.submit(waiting) for waiting in self.worklist.waiting()]

    def attest(self, *events: ServiceEvent, key: Signer | None = None) -> list[SubmittedEvent]:
        self.enlist(*events)
        return self.attest_waiting(key)

    def settle(self) -> list[SettledBatch]:
        return settle_open(self.stage.protocol, self.store, self.quorum, self.stage.submitter)

    def outcomes(self) -> list[tuple[int, str]]:
        """What settling comes to now: sequences with their outcomes, in order."""
        return sorted(
            (row.attestation.sequence, row.outcome.name.lower())
            for batch in self.settle()
            for row in batch.rows
        )

    def revoke(self, key: Signer) -> None:
        self.stage.protocol.registry.revoke_attester(self.owner, self.provider_id, key.address)

    def standing(self) -> dict[int, str]:
        """By sequence: how the oracle has it, with the reason of what is held."""
        return {
            stored.attestation.sequence: stored.status.value
            + (f": {stored.hold.value}" if stored.hold else "")
            for stored in self.store.of_provider(self.provider_id)
        }

    def paid(self) -> int:
        """The provider's credit, in micro-dollars."""
        return self.stage.protocol.settlement.credit_of(self.provider_id).maturing

    def one(self, sequence: int = 1) -> StoredAttestation:
        stored = self.store.find_sequence(self.provider_id, sequence)
        assert stored is not None
        return stored


@contextmanager
def open_workplace(folder: Path) -> Iterator[Workplace]:
    """A chain of its own for a provider whose patients have consented; ``Patient/poor`` has no money."""
    options = SceneOptions(unfunded={"Patient/poor"}, decoys=False)
    with open_stage(folder, [*VISITS, UNPAID], Catalogue.load(), options) as stage:
        protocol, cast = stage.protocol, stage.cast
        owner, night = Account.create(), Signer(Account.create())
        stage.devnet.give_gas(owner.address)
        provider_id = protocol.registry.register(
            stage.submitter, owner.address, [owner.address, night.address]
        )
        cast.payer.accept_provider(cast.insurer, provider_id)
        consent = Consent(per_event_limit=10_000 * DOLLAR, expires_at=2**40 - 1)
        for reference, patient in cast.patients.items():
            protocol.escrow.grant_consent(patient.sender, provider_id, consent)
            stage.casting.enrol(cast, reference, FIRST.benefit_year)
        yield Workplace(stage, folder, provider_id, Sender(protocol.w3, owner), night)


@contextmanager
def begun_again(place: Workplace, folder: Path) -> Iterator[Workplace]:
    """A workplace as it was opened, with files of its own; afterwards the chain is as it was."""
    anvil = place.stage.devnet.anvil
    mark = anvil.call("evm_snapshot")
    store = OracleStore(folder / "oracle.sqlite")
    stage = replace(
        place.stage,
        folder=folder,
        store=store,
        vault=Vault(folder / "vault"),
        quorum=place.stage.quorum_of(store),
    )
    try:
        yield Workplace(stage, folder, place.provider_id, place.owner, place.night)
    finally:
        anvil.call("evm_revert", mark)
