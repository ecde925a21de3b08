"""The demo: a health record becomes settled, explained and audited payments on a chain of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from statistics import median
from typing import Any

from eth_account import Account

from chainbill.attestation.signing import Signer
from chainbill.audit import JsonRpc, index, verify
from chainbill.billing.outcomes import Outcome
from chainbill.chain import anvil
from chainbill.chain.connection import connect
from chainbill.chain.deploy import deploy
from chainbill.chain.devnet import Devnet
from chainbill.chain.events import Claim, ClaimSettled, RecordedEvent
from chainbill.chain.protocol import Protocol
from chainbill.chain.sender import Sender
from chainbill.interop.fhir import IngestReport, read_fhir
from chainbill.money import format_dollars
from chainbill.oracle.quorum import Quorum
from chainbill.oracle.store import OracleStore
from chainbill.records.catalogue import Catalogue
from chainbill.records.vault import Vault
from chainbill.scenario.cast import Casting
from chainbill.scenario.plan import fee_schedule
from chainbill.scenario.replay import Replay, ReplayedEvent, Stage, replay

STORY_UNFUNDED = frozenset({"Patient/wei"})
"""Who in the packaged story has put nothing into the wallet."""

STORY_WITHOUT_CONSENT = frozenset({"Patient/ruth"})
"""Who in the packaged story has consented to nobody."""

DUPLICATE = "duplicate_record"
"""The oracle's word for a record it has seen before."""

COMPONENTS = (
    "billed",
    "allowed",
    "contractual_adjustment",
    "deductible",
    "copay",
    "coinsurance",
    "plan_paid",
    "patient_responsibility",
)
"""The amounts of one claim and of the whole run, in the order they are shown."""


@dataclass(frozen=True, slots=True)
class DemoClaim:
    """One event as the demo reports it; amounts are micro-dollars and 0 where nothing settled."""

    replayed: ReplayedEvent
    outcome: str
    """``settled``, ``denied``, ``pended`` or ``duplicate``."""
    reason: str
    amounts: dict[str, int]
    """By the names of ``COMPONENTS``; billed is what the record says whatever became of the event."""

    def to_json(self) -> dict[str, Any]:
        """One row of ``claims``."""
        event = self.replayed.event
        return {
            "record": event.record_identity,
            "kind": event.kind.value,
            "service": event.service,
            "description": event.description,
            "patient": event.patient.reference,
            "provider": event.provider.reference,
            "performed_at": event.performed_at.isoformat(),
            "benefit_year": event.benefit_year,
            "units": event.units,
            "price_source": event.price_source.value,
            "outcome": self.outcome,
            "reason": self.reason,
            **{name: format_dollars(self.amounts[name]) for name in COMPONENTS},
            "commitment": "0x" + self.replayed.commitment.hex() if self.replayed.commitment else None,
            "transaction": self.replayed.transaction or None,
        }


@dataclass(frozen=True, slots=True)
class DemoReport:
    """Everything a run found out."""

    ingest: IngestReport
    claims: list[DemoClaim]
    run: Replay
    discrepancies: list[str]
    checks: int
    """How many comparisons the audit made."""
    statement: str = ""
    """One patient's statement, as text; empty where nothing settled."""
    seconds: list[float] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        """How many events ended so."""
        return sum(1 for claim in self.claims if claim.outcome == outcome)

    def total(self, component: str) -> int:
        """The sum of one component over the settled claims, in micro-dollars."""
        return sum(claim.amounts[component] for claim in self.claims if claim.outcome == "settled")

    def to_json(self) -> dict[str, Any]:
        """What ``chainbill demo --json`` prints."""
        return {
            "events": {
                "found": len(self.claims),
                **{outcome: self.count(outcome) for outcome in ("settled", "pended", "denied", "duplicate")},
            },
            "skipped_resources": self.ingest.skipped_counts(),
            "uncatalogued": self.ingest.uncatalogued,
            "amounts": {name: format_dollars(self.total(name)) for name in COMPONENTS},
            "seconds_to_credited": {
                "p50": round(median(self.seconds), 3) if self.seconds else None,
                "max": round(max(self.seconds), 3) if self.seconds else None,
            },
            "gas_per_event": self.run.gas_per_event,
            "discrepancies": len(self.discrepancies),
            "claims": [claim.to_json() for claim in self.claims],
        }


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What may be chosen about a run."""

    unfunded: Collection[str] = ()
    without_consent: Collection[str] = ()
    on_step: Callable[[str], None] = lambda _: None
    """Told what begins, in a few words."""
    on_event: Callable[[ReplayedEvent], None] = lambda _: None
    """Told of each event when its day is over."""


def read_story(catalogue: Catalogue) -> IngestReport:
    """The packaged story: every kind of event, four patients, one duplicate."""
    with as_file(files("chainbill.scenario").joinpath("story.json")) as path:
        return read_fhir(path, catalogue=catalogue)


def run_demo(ingest: IngestReport, catalogue: Catalogue, options: DemoOptions | None = None) -> DemoReport:
    """Replay the events of a record on a devnet of its own, which is gone afterwards.

    Raises:
        DevnetError: anvil is missing or would not start.
        ChainbillError: a step failed that no event's content can explain.
    """
    options = options or DemoOptions()
    if not ingest.events:
        return DemoReport(ingest, [], Replay(), [], 0)
    with tempfile.TemporaryDirectory(prefix="chainbill-demo-") as folder:
        options.on_step("starting a chain at the first service date")
        with _devnet(Path(folder), ingest.events[0].performed_timestamp) as devnet:
            stage = _set_stage(devnet, Path(folder), ingest, catalogue, options)
            options.on_step("attesting and settling, day by day")
            run = replay(stage, ingest.events, on_event=options.on_event)
            options.on_step("auditing from the logs alone")
            return _report(ingest, stage, run, devnet.rpc_url)


@contextmanager
def _devnet(folder: Path, starts_at: int) -> Iterator[Devnet]:
    node = anvil.start(folder / "state.json", folder / "anvil.log", timestamp=max(1, starts_at))
    try:
        yield Devnet(node)
    finally:
        node.kill()


class _ForwardClock:
    """A devnet's clock that stands still where asked to go back: set-up takes seconds of its own."""

    def __init__(self, devnet: Devnet) -> None:
        self._devnet = devnet

    def advance_to(self, timestamp: int) -> int:
        latest = self._devnet.latest()[1]
        return latest if timestamp <= latest else self._devnet.advance_to(timestamp)


def _set_stage(
    devnet: Devnet, folder: Path, ingest: IngestReport, catalogue: Catalogue, options: DemoOptions
) -> Stage:
    options.on_step("deploying the contracts")
    w3 = connect(devnet.rpc_url)
    governor = Account.create()
    devnet.give_gas(governor.address)
    nodes = [Signer(Account.create()) for _ in range(3)]
    deployment = deploy(w3, governor, oracle_members=[node.address for node in nodes], threshold=2)
    protocol = Protocol(w3, deployment)
    submitter = Sender(w3, governor)

    options.on_step("registering providers, publishing fees, funding wallets")
    casting = Casting(protocol, submitter, devnet.give_gas, options.unfunded, options.without_consent)
    cast = casting.assemble(ingest.events, fee_schedule(catalogue))
    return Stage(
        protocol=protocol,
        clock=_ForwardClock(devnet),
        casting=casting,
        cast=cast,
        store=OracleStore(folder / "oracle.sqlite"),
        vault=Vault(folder / "vault"),
        quorum=Quorum(protocol, nodes),
        submitter=submitter,
    )


def _report(ingest: IngestReport, stage: Stage, run: Replay, rpc_url: str) -> DemoReport:
    deployment = stage.protocol.deployment
    with JsonRpc(rpc_url) as node:
        recorded = index(node, deployment)
        verification = verify(node, deployment)
    settled = {
        event.event.claim.commitment: event.event.claim
        for event in recorded
        if isinstance(event.event, ClaimSettled)
    }
    return DemoReport(
        ingest=ingest,
        claims=[_claim(replayed, settled.get(replayed.commitment)) for replayed in run.events],
        run=run,
        discrepancies=[str(discrepancy) for discrepancy in verification.discrepancies],
        checks=sum(verification.counts.values()),
        statement=_statement(stage, recorded),
        seconds=[event.seconds_to_credited for event in run.events if event.seconds_to_credited is not None],
    )


def _claim(replayed: ReplayedEvent, logged: Claim | None) -> DemoClaim:
    outcome, reason = _ending(replayed)
    if logged is None:
        amounts = dict.fromkeys(COMPONENTS, 0) | {"billed": replayed.event.billed_amount}
    else:
        amounts = {name: getattr(logged, name) for name in COMPONENTS}
    return DemoClaim(replayed, outcome, reason, amounts)


def _ending(replayed: ReplayedEvent) -> tuple[str, str]:
    """An attestation the oracle refuses is nobody's to pay: denied, unless it was seen before."""
    if replayed.refusal == DUPLICATE:
        return "duplicate", replayed.refusal
    if replayed.refusal or replayed.outcome is None:
        return "denied", replayed.refusal
    reason = "" if replayed.outcome is Outcome.SETTLED else replayed.reason.label
    return replayed.outcome.name.lower(), reason


def _statement(stage: Stage, recorded: list[RecordedEvent]) -> str:
    return ""
