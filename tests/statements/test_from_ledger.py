"""The audit's ledger and the vault, joined: each account sees its own side and no more."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from tests.statements.ledger_story import NAMES, LedgerStory, at, dollars
from tests.statements.scenarios import OFFICE, VIDEO

from chainbill.attestation.address import checksum_address
from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain import events
from chainbill.chain.deployments import Deployment
from chainbill.errors import LedgerError
from chainbill.records.commitment import Opening
from chainbill.records.service_event import ServiceEvent
from chainbill.records.vault import Vault, VaultKey
from chainbill.statements.facts import Movement, MovementKind
from chainbill.statements.from_ledger import LedgerHistory, Reader
from chainbill.statements.insurer import insurer_statement
from chainbill.statements.patient import patient_statement
from chainbill.statements.provider import provider_statement


def address(number: int) -> str:
    return checksum_address(f"0x{number:040x}")


PATIENT, OTHER, INSURER, CLINIC = address(1), address(2), address(3), address(4)
DEPLOYMENT = Deployment(
    chain_id=31337,
    block=0,
    governance=address(10),
    token=address(11),
    registry=address(12),
    escrow=address(13),
    payers=address(14),
    settlement=address(15),
)
SERVICE = b"12345678"
PLAN = PlanTerms(deductible=dollars(100), oop_max=dollars(1000))
NEXT_PLAN = PlanTerms(deductible=dollars(300), oop_max=dollars(2000))
SHARE = CategoryTerms(coinsurance_bps=2000)
START = at("2026-01-01")
DAY = 24 * 3600
VISIT = Opening(LedgerStory().record("2026-03-03", VIDEO, dollars(200)), bytes(16))
WAITING = Opening(LedgerStory().record("2026-03-04", OFFICE, dollars(90)), bytes(range(16)))


class Log:
    """Logs, one block and transaction for each batch of events."""

    def __init__(self) -> None:
        self.recorded: list[events.RecordedEvent] = []
        self._block = 0

    def add(self, time: int, *logged: events.Event) -> None:
        self._block += 1
        self.recorded += [
            events.RecordedEvent(
                event, DEPLOYMENT.settlement, self._block, time, f"0x{self._block:064x}", index
            )
            for index, event in enumerate(logged)
        ]


def claim(opening: Opening, sequence: int, deductible: int, coinsurance: int, plan_paid: int) -> events.Claim:
    allowed = deductible + coinsurance + plan_paid
    return events.Claim(
        commitment=opening.commitment,
        sequence=sequence,
        payer_id=1,
        plan_id=1,
        terms_version=1,
        benefit_year=2026,
        service_id=SERVICE,
        units=1,
        billed_amount=opening.event.billed_amount,
        billed=opening.event.billed_amount,
        allowed=allowed,
        contractual_adjustment=opening.event.billed_amount - allowed,
        deductible=deductible,
        copay=0,
        coinsurance=coinsurance,
        plan_paid=plan_paid,
    )


def batch(time: int) -> events.BatchSettled:
    return events.BatchSettled(bytes(32), 1, time, CLINIC, 1, 0, 0, 0)


@pytest.fixture(scope="module")
def history() -> LedgerHistory:
    log = Log()
    log.add(
        START,
        events.ProviderRegistered(1, CLINIC),
        events.PayerCreated(1, address(20), INSURER),
        events.PlanPublished(1, 1, 1, PLAN, START),
        events.CategoryTermsPublished(1, 1, 1, 2, SHARE),
        events.FeePublished(1, SERVICE, FeeTerms(amount=dollars(150), category=2), START, 1),
        events.PoolDeposited(1, INSURER, dollars(5000)),
        events.ProviderAccepted(1, 1),
    )
    for patient, opening in ((PATIENT, dollars(40)), (OTHER, 0)):
        log.add(
            START + DAY,
            events.PatientDeposited(patient, dollars(300)),
            events.PayerAccepted(patient, 1, START + DAY),
            events.Enrolled(1, patient, 2026, 1, opening, opening),
            events.ConsentGranted(patient, 1, dollars(500), at("2027-01-01"), START + DAY),
        )
    paid_at, tried_at = at("2026-03-04"), at("2026-03-05")
    log.add(
        paid_at,
        events.ClaimSettled(1, PATIENT, claim(VISIT, 1, dollars(60), dollars(18), dollars(72))),
        batch(paid_at),
    )
    other = Opening(VISIT.event, bytes([7] * 16))
    log.add(
        tried_at,
        events.ClaimSettled(1, OTHER, claim(other, 2, dollars(100), dollars(10), dollars(40))),
        events.ClaimPended(1, PATIENT, Reason.PAYER_UNFUNDED, WAITING.commitment, 3),
        events.ClaimPended(1, PATIENT, Reason.PAYER_NOT_ACCEPTED, bytes([9] * 32), 4),
        events.ClaimSkipped(1, PATIENT, VISIT.commitment, 1),
        batch(tried_at),
    )
    log.add(tried_at + 60, events.ProviderPaid(1, CLINIC, dollars(300)))
    log.add(tried_at + 120, events.PlanPublished(1, 1, 2, NEXT_PLAN, tried_at + 120 + DAY))
    log.add(tried_at + 180, events.CoverageEnded(1, OTHER, 2026, tried_at + 180 + DAY))
    return LedgerHistory(log.recorded, DEPLOYMENT, as_of=tried_at + 200)


KEY = VaultKey.generate()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    vault = Vault(tmp_path / "vault")
    for opening in (VISIT, WAITING):
        vault.seal(opening, [KEY.public])
    return vault


def test_patient__with_a_vault__joins_ledger_terms_and_record(history: LedgerHistory, vault: Vault) -> None:
    facts = history.patient(PATIENT.lower(), Reader(vault, KEY))
    paid, waiting, other, skipped = facts.claims
    assert paid.record == VISIT.event
    assert paid.terms is not None
    assert paid.terms.plan == PLAN
    assert paid.terms.category == SHARE
    assert (paid.terms.category_id, paid.terms.met_before) == (2, Accumulators(dollars(40), dollars(40)))
    assert (waiting.record, waiting.payer_id, waiting.benefit_year) == (WAITING.event, 1, None)
    assert (other.payer_id, other.record, skipped.outcome) == (None, None, Outcome.SKIPPED)
    assert facts.balance == dollars(300 - 78)
    assert facts.movements == [Movement(START + DAY, MovementKind.DEPOSIT, dollars(300))]


def test_patient__statement__adds_up_and_explains(history: LedgerHistory, vault: Vault) -> None:
    statement = patient_statement(PATIENT, history.patient(PATIENT, Reader(vault, KEY)), NAMES)
    assert [event.outcome for event in statement.events] == ["settled", "pended", "pended"]
    amounts = statement.events[0].amounts
    assert amounts is not None
    assert amounts.coinsurance.why == "After the deductible you pay 20% of the $90.00 that is left."
    [year] = statement.benefit_years
    assert (year.deductible, year.deductible_met, year.out_of_pocket_met) == (
        dollars(100),
        dollars(100),
        dollars(118),
    )
    assert year.carried_in_deductible == dollars(40)
    assert statement.wallet.balance == dollars(222)


def test_patient__another_ones_key__opens_nothing(history: LedgerHistory, vault: Vault) -> None:
    facts = history.patient(PATIENT, Reader(vault, VaultKey.generate()))
    assert [(claim.record, claim.record_damaged) for claim in facts.claims] == [(None, False)] * 4


def test_patient__record_swapped_in_the_vault__is_noticed(history: LedgerHistory, vault: Vault) -> None:
    swapped = Opening(changed(VISIT.event), VISIT.salt)
    sealed = vault.seal(swapped, [KEY.public])
    damaged = vault.directory / f"{VISIT.commitment.hex()}.sealed"
    damaged.write_bytes(retagged(vault, sealed))
    paid = history.patient(PATIENT, Reader(vault, KEY)).claims[0]
    assert (paid.record, paid.record_damaged) == (None, True)


def changed(event: ServiceEvent) -> ServiceEvent:
    return event.model_copy(update={"billed_amount": dollars(1)})


def retagged(vault: Vault, sealed: bytes) -> bytes:
    """The file of another record, with the copies' tags of the one it replaces."""
    own = orjson.loads((vault.directory / f"{VISIT.commitment.hex()}.sealed").read_bytes())
    other = orjson.loads((vault.directory / f"{sealed.hex()}.sealed").read_bytes())
    other["copies"][0]["to"] = own["copies"][0]["to"]
    return orjson.dumps(other)


def test_patient__without_entries__is_empty(history: LedgerHistory) -> None:
    facts = history.patient(address(99))
    assert (facts.claims, facts.movements, facts.balance, facts.years) == ([], [], 0, [])


def test_member_year__coverage_ended__is_told(history: LedgerHistory) -> None:
    [year] = history.patient(OTHER).years
    assert year.coverage_ends_at == at("2026-03-05") + 180 + DAY


def test_insurer__statement__counts_all_members_and_no_record(history: LedgerHistory) -> None:
    facts = history.insurer(1)
    statement = insurer_statement(1, facts, NAMES, {SERVICE: "video-visit"})
    assert {claim.record for claim in facts.claims} == {None}
    assert (statement.members, statement.totals.plan_paid) == (2, dollars(112))
    assert statement.counts.pended == {"payer_unfunded": 1}
    assert statement.pool.balance == dollars(5000 - 112)


def test_provider__statement__credits_what_was_allowed(history: LedgerHistory, vault: Vault) -> None:
    statement = provider_statement(1, history.provider(1, Reader(vault, KEY)), NAMES)
    assert (statement.credit.credited, statement.credit.paid_out, statement.credit.balance) == (
        dollars(300),
        dollars(300),
        0,
    )
    assert statement.lines[0].patient == "Maria Alvarez"
    assert statement.lines[1].patient == OTHER  # its record is not in this vault
    assert statement.counts.pended == {"payer_not_accepted": 1, "payer_unfunded": 1}


@pytest.mark.parametrize("side", ["insurer", "provider"])
def test_history__unknown_id__is_refused(history: LedgerHistory, side: str) -> None:
    with pytest.raises(LedgerError, match="there is no"):
        getattr(history, side)(42)


def test_history__claim_that_does_not_follow_from_its_terms__is_not_explained(vault: Vault) -> None:
    log = Log()
    log.add(
        START,
        events.ProviderRegistered(1, CLINIC),
        events.PayerCreated(1, address(20), INSURER),
        events.PlanPublished(1, 1, 1, PLAN, START),
        events.CategoryTermsPublished(1, 1, 1, 2, SHARE),
        events.FeePublished(1, SERVICE, FeeTerms(amount=dollars(150), category=2), START, 1),
        events.PoolDeposited(1, INSURER, dollars(5000)),
        events.ProviderAccepted(1, 1),
        events.PatientDeposited(PATIENT, dollars(300)),
        events.PayerAccepted(PATIENT, 1, START),
        events.Enrolled(1, PATIENT, 2026, 1, 0, 0),
        events.ConsentGranted(PATIENT, 1, dollars(500), at("2027-01-01"), START),
    )
    wrong = claim(VISIT, 1, dollars(100), dollars(30), dollars(20))
    log.add(START + DAY, events.ClaimSettled(1, PATIENT, wrong), batch(START + DAY))
    facts = LedgerHistory(log.recorded, DEPLOYMENT, as_of=START + DAY).patient(PATIENT, Reader(vault, KEY))
    [event] = patient_statement(PATIENT, facts, NAMES).events
    assert event.amounts is not None
    assert "does not follow from your plan's published terms" in event.amounts.coinsurance.why


def test_history__patient_charged_more_than_the_wallet__is_refused() -> None:
    log = Log()
    log.add(START, events.ProviderRegistered(1, CLINIC), events.PayerCreated(1, address(20), INSURER))
    settled = events.ClaimSettled(1, PATIENT, replace(claim(VISIT, 1, dollars(100), 0, 0), payer_id=1))
    log.add(START + DAY, settled, batch(START + DAY))
    with pytest.raises(LedgerError):
        LedgerHistory(log.recorded, DEPLOYMENT, as_of=START + DAY)
