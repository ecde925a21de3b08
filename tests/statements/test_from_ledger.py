"""The audit's ledger and the vault, joined: each account sees its own side and no more."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.statements.scenarios import OFFICE, VIDEO
from tests.support.priced_ledger import NAMES, LedgerStory, at, dollars

from chainbill.attestation.address import ZERO_ADDRESS, checksum_address
from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain.deployments import Deployment
from chainbill.chain.format import events
from chainbill.chain.format.claim_tree import claim_id, claim_prefix
from chainbill.errors import LedgerError
from chainbill.oracle.api import Status
from chainbill.oracle.store import StoredAttestation
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
STORY = LedgerStory()
VISIT = Opening(STORY.record("2026-03-03", VIDEO, dollars(200)), bytes(16))
WAITING = Opening(STORY.record("2026-03-04", OFFICE, dollars(90)), bytes(range(16)))


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


def claim(
    opening: Opening, sequence: int, deductible: int, coinsurance: int, plan_paid: int, **changed: Any
) -> events.Claim:
    allowed = deductible + coinsurance + plan_paid
    settled = events.Claim(
        commitment=opening.commitment,
        sequence=sequence,
        provider_id=1,
        payer_id=1,
        plan_id=1,
        terms_version=1,
        secondary_payer_id=0,
        secondary_plan_id=0,
        secondary_terms_version=0,
        secondary_service_id=bytes(8),
        reason=Reason.NONE,
        benefit_year=2026,
        service_id=SERVICE,
        units=1,
        billed_as_fee=False,
        billed=opening.event.billed_amount,
        allowed=allowed,
        deductible=deductible,
        copay=0,
        coinsurance=coinsurance,
        outside_plan=0,
        plan_paid=plan_paid,
        secondary_paid=0,
        fee=0,
    )
    return replace(settled, **changed)


def unsettled(commitment: bytes, sequence: int, reason: Reason) -> events.Claim:
    attested = claim(WAITING, sequence, 0, 0, 0, commitment=commitment, reason=reason)
    return replace(attested, billed=WAITING.event.billed_amount)


def batch(time: int) -> events.BatchSettled:
    return events.BatchSettled(time.to_bytes(32), 1, time, CLINIC, ZERO_ADDRESS, 1, 0, 0, 0, b"r" * 32, time)


def claim_ids(time: int, *settled: tuple[str, events.Claim]) -> list[bytes]:
    prefix = claim_prefix(31337, DEPLOYMENT.settlement, time.to_bytes(32), time, ZERO_ADDRESS)
    return [claim_id(prefix, patient, each) for patient, each in settled]


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
            events.PayersAccepted(patient, 1, 0, START + DAY),
            events.Enrolled(1, patient, 2026, 1, 0, opening, opening, 0),
            events.ConsentGranted(patient, 1, dollars(500), at("2027-01-01"), False, START + DAY),
        )
    paid_at, tried_at = at("2026-03-04"), at("2026-03-05")
    paid = claim(VISIT, 1, dollars(60), dollars(18), dollars(72))
    log.add(paid_at, events.ClaimSettled(PATIENT, paid), batch(paid_at))
    other = claim(Opening(VISIT.event, bytes([7] * 16)), 2, dollars(100), dollars(10), dollars(40))
    log.add(
        tried_at,
        events.ClaimSettled(OTHER, other),
        events.ClaimPended(PATIENT, unsettled(WAITING.commitment, 3, Reason.PAYER_UNFUNDED)),
        events.ClaimPended(PATIENT, unsettled(bytes([9] * 32), 4, Reason.PAYER_NOT_ACCEPTED)),
        events.ClaimSkipped(PATIENT, unsettled(VISIT.commitment, 1, Reason.SEQUENCE_SPENT)),
        batch(tried_at),
    )
    [disputed] = claim_ids(tried_at, (OTHER, other))
    log.add(
        tried_at + 60, events.ClaimDisputed(disputed, 1, events.DisputeParty.PATIENT, tried_at + 60 + 3 * DAY)
    )
    log.add(
        tried_at + 90,
        events.ReversalFunded(disputed, dollars(150), 0, 0, 0, 0),
        events.ClaimReversed(disputed, OTHER, replace(other, billed=0), events.SecondaryShares(0, 0, 0)),
        events.PatientRefunded(OTHER, dollars(110)),
        events.PoolRefunded(1, dollars(40)),
    )
    log.add(tried_at + 120, events.PlanPublished(1, 1, 2, NEXT_PLAN, tried_at + 120 + DAY))
    log.add(tried_at + 180, events.CoverageEnded(1, OTHER, 2026, tried_at + 180 + DAY))
    log.add(tried_at + 190, events.LimitsSet(PATIENT, dollars(50), 0, tried_at + 190 + DAY))
    log.add(tried_at + 195, events.PatientWithdrawalRequested(PATIENT, dollars(20), tried_at + 195 + DAY))
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
    assert (waiting.record, waiting.payer_id, waiting.benefit_year) == (WAITING.event, 1, 2026)
    assert (other.payer_id, other.record, skipped.outcome) == (1, None, Outcome.SKIPPED)
    assert facts.balance == dollars(300 - 78)
    assert facts.movements == [Movement(START + DAY, MovementKind.DEPOSIT, dollars(300))]


def accepted(opening: Opening, sequence: int) -> StoredAttestation:
    attestation = ServiceAttestation(
        provider_id=1,
        payer_id=1,
        patient=PATIENT,
        commitment=opening.commitment,
        service_id=SERVICE,
        units=1,
        billed_amount=opening.event.billed_amount,
        benefit_year=2026,
        sequence=sequence,
    )
    return StoredAttestation(1, attestation, Status.ACCEPTED, Reason.NONE)


@pytest.mark.parametrize("sequence, number", [(9, "1:9"), (2, None)], ids=["free", "anothers"])
def test_patient__put_back_and_attested_anew__stands_once_under_a_number_of_its_own(
    history: LedgerHistory, vault: Vault, sequence: int, number: str | None
) -> None:
    anew = Opening(WAITING.event, bytes([8] * 16))
    vault.seal(anew, [KEY.public])
    facts = history.patient(PATIENT, Reader(vault, KEY, taken=[accepted(anew, sequence)]))
    assert [claim.sequence for claim in facts.claims if claim.outcome is Outcome.PENDED] == [4]
    assert [(waits.number, waits.reason) for waits in facts.refused] == [(number, "accepted")]


def test_patient__accepted_and_on_the_chain__stands_once(history: LedgerHistory, vault: Vault) -> None:
    facts = history.patient(PATIENT, Reader(vault, KEY, taken=[accepted(WAITING, 3)]))
    assert [claim.sequence for claim in facts.claims if claim.outcome is Outcome.PENDED] == [3, 4]
    assert facts.refused == []


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
    assert statement.announced == [
        "From March 6, 2026 on you can be charged at most $50.00 for one service.",
        "You can take $20.00 out of your wallet from March 6, 2026 on, for 7 days. Until you do, it can "
        "still pay for care.",
    ]


def test_patient__charge_taken_back__is_told_and_refunded(history: LedgerHistory) -> None:
    statement = patient_statement(OTHER, history.patient(OTHER), NAMES)
    [event] = statement.events
    assert event.since == [
        "You disputed this charge, and it was taken back in full: you got back $110.00 and your insurer "
        "$40.00."
    ]
    assert (statement.wallet.paid_for_care, statement.wallet.refunded) == (dollars(110), dollars(110))
    assert (statement.counts.settled, statement.counts.taken_back) == (0, 1)
    assert (statement.totals.billed, statement.totals.patient_responsibility) == (0, 0)
    assert statement.benefit_years[0].deductible_met == 0


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
    assert (statement.members, statement.totals.plan_paid) == (2, dollars(72))
    assert statement.counts.pended == {"payer_not_accepted": 1, "payer_unfunded": 1}
    assert (statement.pool.paid, statement.pool.refunded) == (dollars(112), dollars(40))
    assert statement.pool.balance == dollars(5000 - 72)


def test_provider__statement__credits_what_was_allowed_and_was_not_taken_back(
    history: LedgerHistory, vault: Vault
) -> None:
    statement = provider_statement(1, history.provider(1, Reader(vault, KEY)), NAMES)
    credit = statement.credit
    assert (credit.credited, credit.taken_back) == (dollars(300), dollars(150))
    assert (credit.balance, credit.maturing, credit.may_be_withdrawn) == (dollars(150), dollars(150), 0)
    assert statement.lines[0].patient == "Maria Alvarez"
    assert statement.lines[1].patient == OTHER  # its record is not in this vault
    assert statement.lines[1].dispute == "disputed by patient, and taken back in full"
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
        events.PayersAccepted(PATIENT, 1, 0, START),
        events.Enrolled(1, PATIENT, 2026, 1, 0, 0, 0, 0),
        events.ConsentGranted(PATIENT, 1, dollars(500), at("2027-01-01"), False, START),
    )
    wrong = claim(VISIT, 1, dollars(100), dollars(30), dollars(20))
    log.add(START + DAY, events.ClaimSettled(PATIENT, wrong), batch(START + DAY))
    facts = LedgerHistory(log.recorded, DEPLOYMENT, as_of=START + DAY).patient(PATIENT, Reader(vault, KEY))
    [event] = patient_statement(PATIENT, facts, NAMES).events
    assert event.amounts is not None
    assert "does not follow from your plan's published terms" in event.amounts.coinsurance.why


def test_history__charges_in_blocks_that_are_not_final__are_counted_for_those_they_concern() -> None:
    log = Log()
    log.add(
        START,
        events.ProviderRegistered(1, CLINIC),
        *(events.PayerCreated(payer_id, address(19 + payer_id), INSURER) for payer_id in (1, 2, 3)),
    )
    final = len(log.recorded)
    settled = replace(claim(VISIT, 1, dollars(100), 0, 0), secondary_payer_id=2)
    log.add(
        START + DAY,
        events.ClaimSettled(PATIENT, settled),
        events.ClaimPended(PATIENT, unsettled(WAITING.commitment, 3, Reason.PAYER_UNFUNDED)),
        events.ClaimSkipped(PATIENT, unsettled(VISIT.commitment, 4, Reason.SEQUENCE_SPENT)),
        batch(START + DAY),
    )
    # Tried again: one charge still.
    pended = events.ClaimPended(PATIENT, unsettled(WAITING.commitment, 3, Reason.PAYER_UNFUNDED))
    log.add(START + 2 * DAY, pended, batch(START + 2 * DAY))
    history = LedgerHistory(log.recorded[:final], DEPLOYMENT, as_of=START, not_final=log.recorded[final:])
    assert (history.patient(PATIENT).claims, history.patient(PATIENT).not_final) == ([], 2)
    assert history.patient(OTHER).not_final == 0
    assert history.provider(1).not_final == 2
    assert [history.insurer(payer_id).not_final for payer_id in (1, 2, 3)] == [2, 1, 0]
    with pytest.raises(LedgerError) as refused:
        history.provider(2)
    assert "not final yet" in str(refused.value.hint)


def test_history__patient_charged_more_than_the_wallet__is_refused() -> None:
    log = Log()
    log.add(START, events.ProviderRegistered(1, CLINIC), events.PayerCreated(1, address(20), INSURER))
    settled = events.ClaimSettled(PATIENT, claim(VISIT, 1, dollars(100), 0, 0))
    log.add(START + DAY, settled, batch(START + DAY))
    with pytest.raises(LedgerError):
        LedgerHistory(log.recorded, DEPLOYMENT, as_of=START + DAY)
