"""The demo: a health record becomes settled, explained and audited payments on a chain of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from statistics import median
from typing import Any

from chainbill.audit.verification import verify
from chainbill.billing.outcomes import Outcome
from chainbill.chain.devnet.scratch_devnet import scratch_folder
from chainbill.chain.format.events import Claim, ClaimSettled, RecordedEvent
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.interop.fhir import IngestReport, read_fhir
from chainbill.ledger.indexer import index
from chainbill.money import format_dollars
from chainbill.records.catalogue import Catalogue
from chainbill.scenario.replay import Replay, ReplayedEvent, replay
from chainbill.scenario.testbed import SceneOptions, Stage, open_stage
from chainbill.statements.facts import Names
from chainbill.statements.from_ledger import LedgerHistory, Reader
from chainbill.statements.patient import patient_statement
from chainbill.statements.patient_model import PatientStatement
from chainbill.statements.patient_text import render_patient

STORY_UNFUNDED = frozenset({"Patient/wei"})
"""Who in the packaged story has put nothing into the wallet."""

STORY_WITHOUT_CONSENT = frozenset({"Patient/ruth"})
"""Who in the packaged story has consented to nobody."""

INSURER_NAME = "Harbor Mutual"
"""What the scenarios' insurer is called."""

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
    statement_in_full: str = ""
    """The same with every charge explained."""
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
class DemoOptions(SceneOptions):
    """What may be chosen about a run."""

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
    with (
        scratch_folder("demo") as folder,
        open_stage(folder, ingest.events, catalogue, options) as stage,
    ):
        options.on_step("attesting and settling, day by day")
        run = replay(stage, ingest.events, on_event=options.on_event)
        options.on_step("auditing from the logs alone")
        return _report(ingest, stage, run)


def _report(ingest: IngestReport, stage: Stage, run: Replay) -> DemoReport:
    deployment = stage.protocol.deployment
    with JsonRpc(stage.devnet.rpc_url) as node:
        recorded = index(node, deployment)
        verification = verify(node, deployment)
    settled = {
        event.event.claim.commitment: event.event.claim
        for event in recorded
        if isinstance(event.event, ClaimSettled)
    }
    told = _statement(stage, recorded, run)
    return DemoReport(
        ingest=ingest,
        claims=[_claim(replayed, settled.get(replayed.commitment)) for replayed in run.events],
        run=run,
        discrepancies=[str(discrepancy) for discrepancy in verification.discrepancies],
        checks=sum(verification.counts.values()),
        statement=render_patient(told) if told else "",
        statement_in_full=render_patient(told, detail=True) if told else "",
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


def _statement(stage: Stage, recorded: list[RecordedEvent], run: Replay) -> PatientStatement | None:
    """What the patient of the first settled event reads."""
    settled = [replayed for replayed in run.events if replayed.outcome is Outcome.SETTLED]
    if not settled:
        return None
    patient = stage.cast.patients[settled[0].event.patient.reference]
    history = LedgerHistory(recorded, stage.protocol.deployment, as_of=stage.protocol.now())
    facts = history.patient(patient.address, Reader(stage.vault, patient.vault_key))
    names = Names(payers={stage.cast.payer_id: INSURER_NAME})
    return patient_statement(patient.address, facts, names)
