"""The terms that a payer's pool remembers, so that settling need not read them: a section is priced exactly
as by a payer that remembers nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import product
from typing import Any, NamedTuple

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import (
    CATEGORIES,
    COPAY,
    COSMETIC,
    DAY,
    FEES,
    HOUR,
    MAX_BATCH_LIFE,
    NOTICE,
    PLAN,
    POOL_FUNDS,
    REFILL,
    SHARED,
    THERAPY,
    UNCOVERED,
    UNLISTED,
    VISIT,
    YEAR,
    Protocol,
    account,
    category_words,
    fee_words,
    plan_words,
)
from tests.support.evm import Contract, Receipt, reverts
from tests.support.pyrevm_backend import PyrevmBackend
from tests.support.sampling import quick_first

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.adjudication import adjudicate
from chainbill.billing.outcomes import Reason
from chainbill.billing.terms import CategoryTerms, CobMode, FeeTerms, PlanTerms
from chainbill.chain.format.batch_codec import BatchRow, BatchSection, encode_sections
from chainbill.chain.format.events import ClaimSettled
from chainbill.money import CENT, DOLLAR, MAX_AMOUNT
from chainbill.protocol_constants import MAX_YEARLY_AMOUNT
from chainbill.records.hashing import keccak256

POOL_SLOT = 2
"""Where a payer keeps its pool, see `docs/storage.md`."""

AT_ONCE = 1 << 56
"""In the times that settlement hands over: what is priced is paid in the same call."""

UNLIMITED = b"\xff" * 24 + bytes(8)
"""A statement of a patient who may be charged anything."""

NO_END = 2**32 - 1
"""Until when terms are remembered whose end nobody has announced."""

MOST = {"copay": 2**20 - 1, "deductible": 2**23 - 1, "oop_max": 2**28 - 1}
"""What there is room for, in cents."""

MANSION, MANSION_PRICE = b"mansion\0", 3_000_000 * DOLLAR
"""Dear enough for the largest amounts of all to show in one event."""

STRANGERS, DEALERS = 2, 3
"""Providers: one that is not accepted, one that is."""

MEMBER, OTHER = sorted((account(f"remembered {n}").address for n in range(2)), key=str.lower)
"""Enrolled in plan 1, and in plan 2."""


WIDTHS = (32, 16, 16, 32, 8, 1, 1, 1, 14, 20, 23, 28)
"""Of the fields of a pool's word, above the pool: the plan's version stands below its id."""


class Memory(NamedTuple):
    """What a pool remembers."""

    provider: int = 1
    plan: int = 1
    version: int = 1
    until: int = NO_END
    category: int = SHARED
    deductible_applies: bool = True
    copay_first: bool = False
    owes_coinsurance: bool = False
    coinsurance_bps: int = 0
    copay: int = 0
    """In cents, as what follows."""
    deductible: int = 0
    oop_max: int = 0

    @classmethod
    def of(cls, plan: PlanTerms, terms: CategoryTerms, **changes: Any) -> Memory:
        """What should be remembered of these terms."""
        shares = not terms.copay or terms.coinsurance_after_copay
        return cls(
            deductible_applies=terms.deductible_applies,
            copay_first=terms.copay_first,
            owes_coinsurance=shares and terms.coinsurance_bps != 0,
            coinsurance_bps=terms.coinsurance_bps,
            copay=terms.copay // CENT,
            deductible=plan.deductible // CENT,
            oop_max=plan.oop_max // CENT,
        )._replace(**changes)

    @classmethod
    def read(cls, word: int) -> Memory | None:
        """Take a pool's word apart."""
        fields = []
        word >>= 64
        for width in WIDTHS:
            fields.append(word & (1 << width) - 1)
            word >>= width
        provider, version, plan, until, category, applies, first, owes, *amounts = fields
        if until == 0:
            assert not any(fields)
            return None
        return cls(provider, plan, version, until, category, bool(applies), bool(first), bool(owes), *amounts)

    def word(self, pool: int) -> int:
        """A pool's word that remembers this."""
        word, shift = pool, 64
        provider, plan, version, *others = (int(each) for each in self)
        for width, value in zip(WIDTHS, (provider, version, plan, *others), strict=True):
            word |= value << shift
            shift += width
        return word


def backend_of(protocol: Protocol) -> PyrevmBackend:
    backend = protocol.evm._backend  # not every EVM shows its storage
    assert isinstance(backend, PyrevmBackend)
    return backend


def memory_of(protocol: Protocol, payer: Contract) -> Memory | None:
    """What a payer remembers; its pool is what the view says."""
    word = backend_of(protocol).storage(payer.address, POOL_SLOT)
    assert word & MAX_AMOUNT == payer.read("pool")
    return Memory.read(word)


class Answer(NamedTuple):
    """How a row was priced."""

    reason: Reason
    allowed: int
    deductible: int
    copay: int
    coinsurance: int
    plan_paid: int


def answer_of(amounts: int, shares: int) -> Answer:
    words = [word >> shift & MAX_AMOUNT for word in (amounts, shares) for shift in (192, 128, 64, 0)]
    _, allowed, deductible, copay, coinsurance, _, plan_paid, _ = words
    return Answer(Reason(0 if allowed else shares & 255), allowed, deductible, copay, coinsurance, plan_paid)


@dataclass
class Twins:
    """Two payers of one insurer that settle for these tests. Both do the same, but the twin's sections are
    never paid at once: it remembers nothing."""

    protocol: Protocol
    ours: Contract
    twin: Contract
    met: list[tuple[str, int]] = field(default_factory=list)
    """Members and years to compare."""

    @classmethod
    def deploy(cls, protocol: Protocol, pool: int = POOL_FUNDS) -> Twins:
        """Funded payers, with fees; plans and providers are the tests' own."""
        factory = protocol.evm.deploy(
            *(protocol.governor, "InsurerPayerFactory", protocol.token.address, protocol.stranger),
            *(protocol.registry.address, keccak256(protocol.payer_code), protocol.governance.address),
        )

        def payer(payer_id: int) -> Contract:
            made = factory.send(protocol.governor, "createPayer", protocol.insurer, protocol.payer_code)
            return protocol.evm.at(made.value[1], "InsurerPayer", payer_id=payer_id)

        twins = cls(protocol, payer(1), payer(2))
        twins.fund(pool)
        fees = FEES | {MANSION: FeeTerms(amount=MANSION_PRICE, category=SHARED)}
        twins.both("publishFees", list(fees), [fee_words(fee) for fee in fees.values()])
        return twins

    def send(self, payer: Contract, verb: str, *arguments: Any) -> Any:
        return payer.send(self.protocol.stranger, verb, *arguments).value

    # ---- what the insurer does ------------------------------------------------------------------------

    def both(self, verb: str, *arguments: Any) -> None:
        """Do the same with both, as their insurer."""
        for payer in (self.ours, self.twin):
            payer.send(self.protocol.insurer, verb, *arguments)

    def fund(self, amount: int) -> None:
        for payer in (self.ours, self.twin):
            self.protocol.mint(self.protocol.insurer, amount, payer)
            payer.send(self.protocol.insurer, "deposit", amount)

    def publish(
        self,
        plan: PlanTerms = PLAN,
        categories: dict[int, CategoryTerms] | None = None,
        *,
        plan_id: int = 1,
        effective_at: int = 0,
    ) -> None:
        terms = CATEGORIES if categories is None else categories
        packed = list(terms), [category_words(category) for category in terms.values()]
        self.both("publishPlan", plan_id, plan_words(plan, effective_at), *packed)

    def enrol(self, member: str = MEMBER, plan_id: int = 1, year: int = YEAR, family: int = 0) -> None:
        self.both("enrol", member, year, plan_id, family, 0, 0, 0)
        self.met.append((member, year))

    # ---- what settlement does -------------------------------------------------------------------------

    def row(self, service: bytes = VISIT, member: str = MEMBER, **changes: Any) -> BatchRow:
        return self.protocol.row(member, 1, service, **changes)

    def price(
        self,
        *rows: BatchRow,
        provider: int = 1,
        plan: int = 1,
        version: int = 1,
        signed_at: int | None = None,
    ) -> list[Answer]:
        """Price a section with both payers, which must make the same of it, and of its first row what the
        view says that never uses memory."""
        at = self.protocol.evm.now if signed_at is None else signed_at
        year = datetime.fromtimestamp(at, UTC).year
        section = encode_sections([BatchSection(provider, 1, plan, version, rows)])
        statements = UNLIMITED * len({row.patient for row in rows})
        first = min(rows, key=lambda row: row.patient)
        quoted = self.quote(first, (provider, plan, version, at, year))
        pools = self.pools()
        ours = self.send(self.ours, "adjudicateAll", section, year << 40 | at | AT_ONCE, statements)
        assert ours == self.send(self.twin, "adjudicateAll", section, year << 40 | at, statements)
        words = [int.from_bytes(ours[start : start + 32], "big") for start in range(0, len(ours), 32)]
        answers = [answer_of(*pair) for pair in zip(words[::2], words[1::2], strict=True)]
        assert answers[0].reason == Reason.PAYER_UNFUNDED or tuple(words[:2]) == quoted
        paid = sum(answer.plan_paid for answer in answers)
        assert self.pools() == (pools[0] - paid, pools[1] - paid)
        self.assert_alike()
        return answers

    def quote(self, row: BatchRow, terms: tuple[int, int, int, int, int]) -> tuple[int, int]:
        request = (
            *(*terms, "0x" + row.patient.hex(), row.benefit_year),
            *(row.service_id, row.units, row.billed, 0),
        )
        reason, _, amounts, shares, _ = self.ours.read("quote", request)
        return (row.billed << 192, reason) if reason else (amounts, shares)

    def reason(self, *rows: BatchRow, **terms: Any) -> Reason:
        """How the last of the rows ends, or a visit."""
        return self.price(*(rows or (self.row(),)), **terms)[-1].reason

    # ---- looking --------------------------------------------------------------------------------------

    @property
    def memory(self) -> Memory | None:
        return memory_of(self.protocol, self.ours)

    def pools(self) -> tuple[int, int]:
        return self.ours.read("pool"), self.twin.read("pool")

    def assert_alike(self) -> None:
        """Members have met the same with both; the twin remembers nothing."""
        for member, year in self.met:
            assert self.ours.read("memberYear", member, year) == self.twin.read("memberYear", member, year)
        assert self.pools()[0] == self.pools()[1]
        assert memory_of(self.protocol, self.twin) is None


@pytest.fixture
def blank(protocol: Protocol) -> Twins:
    """Nothing is published but fees."""
    for name in ("strangers", "dealers"):
        protocol.register_provider(account(name).address)
    twins = Twins.deploy(protocol)
    for provider in (1, DEALERS):
        twins.both("acceptProvider", provider)
    return twins


@pytest.fixture
def twins(blank: Twins) -> Twins:
    """A plan with two categories, and another of the same terms, old enough to be remembered."""
    for plan_id, member in ((1, MEMBER), (2, OTHER)):
        blank.publish(plan_id=plan_id)
        blank.enrol(member, plan_id)
    blank.protocol.advance(MAX_BATCH_LIFE)
    return blank


@pytest.fixture
def remembering(twins: Twins) -> Twins:
    """Visits are remembered."""
    assert twins.reason() == Reason.NONE
    assert twins.memory == VISITS
    return twins


VISITS = Memory.of(PLAN, CATEGORIES[SHARED])
REFILLS = Memory.of(PLAN, CATEGORIES[COPAY], category=COPAY)


# ---- terms of every kind ----------------------------------------------------------------------------------


@pytest.mark.parametrize("applies, first, after", product((False, True), repeat=3))
@pytest.mark.parametrize("bps", [0, 1, 2_000, 10_000])
@pytest.mark.parametrize("copay", [0, 25, MOST["copay"]])
def test_adjudicate_all__terms_of_every_kind__are_remembered_and_price_as_published(
    blank: Twins, applies: bool, first: bool, after: bool, bps: int, copay: int
) -> None:
    terms = CategoryTerms(
        deductible_applies=applies,
        copay=copay * CENT,
        copay_first=first,
        coinsurance_bps=bps,
        coinsurance_after_copay=after,
    )
    plan = PlanTerms(deductible=20_000 * DOLLAR, oop_max=500_000 * DOLLAR)
    blank.fund(100 * MANSION_PRICE)
    blank.publish(plan, {SHARED: terms})
    blank.enrol()
    blank.protocol.advance(MAX_BATCH_LIFE)
    met = Accumulators()
    for billed in (MANSION_PRICE, 15_000 * DOLLAR + 12_345, MANSION_PRICE, DOLLAR):
        (answer,) = blank.price(blank.row(MANSION, billed=billed))
        decided = adjudicate(
            billed_amount=billed,
            units=1,
            fee=FeeTerms(amount=MANSION_PRICE, category=SHARED),
            category=terms,
            plan=plan,
            met=met,
        )
        assert answer[1:4] == (decided.allowed, decided.deductible, decided.copay)
        assert answer[4:] == (decided.coinsurance, decided.plan_paid)
        assert blank.memory == Memory.of(plan, terms)
        met = decided.accumulators_after


def all_of(name: str) -> int:
    """The most cents that may be published."""
    return (MAX_AMOUNT if name == "copay" else MAX_YEARLY_AMOUNT) // CENT


@pytest.mark.parametrize("cents", [1, "most", "one more", "twice as many", "all"])
@pytest.mark.parametrize("name", MOST)
def test_adjudicate_all__amounts_around_what_there_is_room_for__are_remembered_up_to_it(
    blank: Twins, name: str, cents: int | str
) -> None:
    most = MOST[name]
    choices = {"most": most, "one more": most + 1, "twice as many": 2 * (most + 1), "all": all_of(name)}
    amount = choices[cents] * CENT if isinstance(cents, str) else cents * CENT
    amounts = {"deductible": 1_000 * DOLLAR, "oop_max": 2_000_000 * DOLLAR, "copay": DOLLAR} | {name: amount}
    terms = CategoryTerms(
        copay=amounts.pop("copay"),
        coinsurance_bps=9_000,
        coinsurance_after_copay=True,
    )
    plan = PLAN.model_copy(update=amounts)
    blank.fund(100 * MANSION_PRICE)
    blank.publish(plan, {SHARED: terms})
    blank.enrol()
    blank.protocol.advance(MAX_BATCH_LIFE)
    for billed in (DOLLAR, 1_500 * DOLLAR, MANSION_PRICE, MANSION_PRICE):
        blank.price(blank.row(MANSION, billed=billed))
    fits = amount <= most * CENT
    assert blank.memory == (Memory.of(plan, terms) if fits else None)


@pytest.mark.parametrize("unit", [1, CENT // 2, CENT - 1, CENT, CENT + 1, 2 * CENT, DOLLAR, 2**32 - 1])
def test_adjudicate_all__units_to_round_to__a_cent_alone_is_remembered(blank: Twins, unit: int) -> None:
    plan = PlanTerms(deductible=unit, oop_max=unit * (10**9 // unit), rounding_unit=unit)
    blank.publish(plan, CATEGORIES | {COPAY: CategoryTerms(coinsurance_bps=1)})
    blank.enrol()
    blank.protocol.advance(MAX_BATCH_LIFE)
    for billed in (80 * DOLLAR, 33_333_333, 80 * DOLLAR - 1):
        blank.price(blank.row(VISIT, billed=billed), blank.row(REFILL, billed=billed))
    remembers = Memory.of(plan, CategoryTerms(coinsurance_bps=1), category=COPAY)
    assert blank.memory == (remembers if unit == CENT else None)


@pytest.mark.parametrize("name", ["family_deductible", "family_oop_max", "annual_maximum"])
def test_adjudicate_all__yearly_amounts_of_other_kinds__are_not_remembered(blank: Twins, name: str) -> None:
    """Of a family of two, who together or each for itself come to every one of them."""
    plan = PLAN.model_copy(update={name: 120 * DOLLAR})
    blank.publish(plan)
    for member in (MEMBER, OTHER):
        blank.enrol(member, family=7)
    blank.protocol.advance(MAX_BATCH_LIFE)
    for _ in range(3):
        blank.price(blank.row(), blank.row(member=OTHER))
        assert blank.memory is None
    assert blank.ours.read("familyYear", 7, YEAR) == blank.twin.read("familyYear", 7, YEAR)


def test_adjudicate_all__how_a_plan_is_secondary__does_not_count(blank: Twins) -> None:
    plan = PLAN.model_copy(update={"cob_mode": CobMode.CARVE_OUT})
    blank.publish(plan)
    blank.enrol()
    blank.protocol.advance(MAX_BATCH_LIFE)
    for _ in range(2):
        assert blank.reason() == Reason.NONE
        assert blank.memory == VISITS


def test_adjudicate_all__family_of_a_plan_without_family_amounts__is_counted_all_the_same(
    blank: Twins,
) -> None:
    blank.publish()
    blank.enrol(family=7)
    blank.protocol.advance(MAX_BATCH_LIFE)
    for _ in range(3):
        assert blank.reason() == Reason.NONE
        assert blank.memory == VISITS
        assert blank.ours.read("familyYear", 7, YEAR) == blank.twin.read("familyYear", 7, YEAR)


def test_adjudicate_all__no_amount_at_all__remembers_nothing(blank: Twins) -> None:
    """Nothing of this kind is looked for: amounts of 0 mean that there was no room."""
    blank.publish(PlanTerms(deductible=0, oop_max=0), {SHARED: CategoryTerms()})
    blank.enrol()
    blank.protocol.advance(MAX_BATCH_LIFE)
    for _ in range(2):
        assert blank.price(blank.row())[0].plan_paid == 150 * DOLLAR
        assert blank.memory is None


def test_adjudicate_all__what_is_remembered__is_what_counts(remembering: Twins) -> None:
    """Otherwise nothing here would say anything: a memory that is false is believed."""
    backend, pool = backend_of(remembering.protocol), remembering.pools()[0]
    false = VISITS._replace(deductible=123_00, coinsurance_bps=5_000, oop_max=150_00)
    backend.set_storage(remembering.ours.address, POOL_SLOT, false.word(pool))
    assert remembering.memory == false
    remembering.both("enrol", OTHER, YEAR - 1, 1, 0, 0, 0, 0)
    section = BatchSection(1, 1, 1, 1, (remembering.row(member=OTHER, benefit_year=YEAR - 1),))
    at = YEAR << 40 | remembering.protocol.evm.now
    words = remembering.send(remembering.ours, "adjudicateAll", encode_sections([section]), at, UNLIMITED)
    answer = answer_of(int.from_bytes(words[:32], "big"), int.from_bytes(words[32:], "big"))
    assert answer[2:5] == (123 * DOLLAR, 0, 13_500_000)


# ---- of one provider, plan, version and category ----------------------------------------------------------


@pytest.mark.parametrize(
    "provider, plan, version",
    [
        (0, 1, 1),
        (STRANGERS, 1, 1),
        (DEALERS, 1, 1),
        (2**16 + 1, 1, 1),
        (2**31 + 1, 1, 1),
        (2**32 - 1, 1, 1),
        (1, 0, 1),
        (1, 2, 1),
        (1, 3, 1),
        (1, 2**15 + 1, 1),
        (1, 2**16 - 1, 1),
        (1, 1, 0),
        (1, 1, 2),
        (1, 1, 2**15 + 1),
        (1, 1, 2**16 - 1),
        (DEALERS, 2, 1),
        (0, 0, 0),
    ],
)
def test_adjudicate_all__other_terms_than_those_remembered__are_read(
    remembering: Twins, provider: int, plan: int, version: int
) -> None:
    other: dict[str, Any] = {"provider": provider, "plan": plan, "version": version}
    rows = remembering.row(), remembering.row(member=OTHER)
    known = provider in (1, DEALERS) and plan in (1, 2) and version == 1
    for _ in range(2):
        reasons = [answer.reason for answer in remembering.price(*rows, **other)]
        if known:
            enrolled = [plan == 1, plan == 2]
            assert reasons == [Reason.NONE if each else Reason.NOT_ENROLLED for each in enrolled]
            assert remembering.memory == VISITS._replace(**other)
        else:
            stranger = provider not in (1, DEALERS)
            why = Reason.PROVIDER_NOT_ACCEPTED if stranger else Reason.NO_TERMS_IN_FORCE
            assert reasons == [why, why]
            assert remembering.memory == VISITS  # where nothing is paid, nothing is remembered instead
    assert remembering.reason() == Reason.NONE
    assert remembering.memory == VISITS


@pytest.mark.parametrize(
    "provider, plan, version", [(STRANGERS, 1, 1), (0, 0, 0), (0, 1, 1), (1, 2, 2), (1, 0, 0), (1, 9, 1)]
)
def test_adjudicate_all__nothing_remembered_and_no_such_terms__stays_so(
    twins: Twins, provider: int, plan: int, version: int
) -> None:
    for _ in range(2):
        assert twins.reason(provider=provider, plan=plan, version=version) in (
            *(Reason.PROVIDER_NOT_ACCEPTED, Reason.NO_TERMS_IN_FORCE),
        )
        assert twins.memory is None


def test_adjudicate_all__another_category__is_remembered_in_its_place(remembering: Twins) -> None:
    for service, memory in ((REFILL, REFILLS), (VISIT, VISITS), (THERAPY, VISITS), (REFILL, REFILLS)):
        assert remembering.reason(remembering.row(service)) == Reason.NONE
        assert remembering.memory == memory


@pytest.mark.parametrize(
    "services, memory",
    [
        ((VISIT, REFILL), REFILLS),
        ((REFILL, VISIT), VISITS),
        ((REFILL, VISIT, REFILL), REFILLS),
        ((VISIT, REFILL, REFILL), REFILLS),
        ((REFILL, THERAPY), VISITS),
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_adjudicate_all__several_categories_in_a_section__the_last_is_remembered(
    twins: Twins, services: tuple[bytes, ...], memory: Memory, times: int
) -> None:
    rows = [twins.row(service) for service in services]
    for _ in range(times):
        assert twins.reason(*rows) == Reason.NONE
        assert twins.memory == memory


def test_adjudicate_all__another_provider_and_category_in_turn__each_is_priced_by_its_own(
    twins: Twins,
) -> None:
    for provider, service in product((1, DEALERS), (VISIT, REFILL)):
        for plan, member in ((1, MEMBER), (2, OTHER)):
            row = twins.row(service, member)
            assert twins.reason(row, provider=provider, plan=plan) == Reason.NONE
            memory = VISITS if service == VISIT else REFILLS
            assert twins.memory == memory._replace(provider=provider, plan=plan)


@pytest.mark.parametrize("uncovered", [False, True], ids=["named", "not named"])
def test_adjudicate_all__last_category_not_covered__is_not_remembered(blank: Twins, uncovered: bool) -> None:
    """A plan names it and says that it is not covered, or does not name it."""
    named = CategoryTerms(covered=False, deductible_applies=False, copay=DOLLAR)
    blank.publish(PLAN, CATEGORIES | ({} if uncovered else {UNCOVERED: named}))
    blank.enrol()
    blank.protocol.advance(MAX_BATCH_LIFE)
    for _ in range(2):
        assert blank.reason(blank.row(), blank.row(COSMETIC)) == Reason.NOT_COVERED
        assert blank.memory is None
        assert blank.reason(blank.row(COSMETIC)) == Reason.NOT_COVERED
    assert blank.reason() == Reason.NONE
    assert blank.memory == VISITS
    assert blank.reason(blank.row(), blank.row(COSMETIC)) == Reason.NOT_COVERED
    assert blank.memory == VISITS
    assert blank.reason(blank.row(COSMETIC)) == Reason.NOT_COVERED


@pytest.mark.parametrize("announced", [False, True])
def test_adjudicate_all__last_service_without_a_fee__leaves_what_is_remembered(
    twins: Twins, announced: bool
) -> None:
    reason = Reason.UNKNOWN_SERVICE
    if announced:
        fee = fee_words(FEES[VISIT], twins.protocol.evm.now + DAY)
        twins.both("publishFees", [UNLISTED], [fee])
        reason = Reason.NO_TERMS_IN_FORCE
    rows = twins.row(), twins.row(UNLISTED)
    assert twins.reason(*rows) == reason
    assert twins.memory is None
    assert twins.reason() == Reason.NONE
    for _ in range(2):
        assert twins.reason(*rows) == reason
        assert twins.memory == VISITS


@pytest.mark.parametrize(
    "row, reason",
    [
        ({"service": UNLISTED}, Reason.UNKNOWN_SERVICE),
        ({"service": COSMETIC}, Reason.NOT_COVERED),
        ({"units": 5}, Reason.UNITS_EXCEEDED),
        ({"member": OTHER}, Reason.NOT_ENROLLED),
        ({"benefit_year": YEAR + 1}, Reason.BENEFIT_YEAR_NOT_OPEN),
        ({"service": REFILL, "billed": 25 * DOLLAR}, Reason.NONE),
    ],
)
def test_adjudicate_all__plan_pays_nothing__remembers_nothing_and_forgets_nothing(
    twins: Twins, row: dict[str, Any], reason: Reason
) -> None:
    assert twins.reason(twins.row(**row)) == reason
    assert twins.memory is None
    assert twins.reason() == Reason.NONE
    assert twins.reason(twins.row(**row)) == reason
    assert twins.memory == VISITS


def test_adjudicate_all__yearly_units_of_a_service_remembered__are_counted(remembering: Twins) -> None:
    reasons = [remembering.reason(remembering.row(THERAPY, units=units)) for units in (3, 2, 1, 1)]
    assert reasons == [Reason.NONE, Reason.ANNUAL_UNITS_EXCEEDED, Reason.NONE, Reason.ANNUAL_UNITS_EXCEEDED]


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_adjudicate_all__fee_changes_its_category__the_categorys_terms_are_read(
    remembering: Twins, late: int
) -> None:
    """Fees are never remembered: a service may have come into another category."""
    at = remembering.protocol.evm.now + NOTICE
    remembering.both("publishFees", [VISIT], [fee_words(FEES[REFILL])])
    remembering.protocol.evm.now = at + late
    for _ in range(2):
        assert remembering.price(remembering.row())[0].copay == (0 if late < 0 else 25 * DOLLAR)
        assert remembering.memory == (VISITS if late < 0 else REFILLS)


# ---- the ends of terms ------------------------------------------------------------------------------------

Ending = Callable[[Twins], int]


def supersede(twins: Twins) -> int:
    """Announce another version; returns when the plan's first ends."""
    twins.publish(PlanTerms(deductible=7 * DOLLAR, oop_max=900 * DOLLAR))
    return twins.protocol.evm.now + NOTICE


def end_acceptance(twins: Twins) -> int:
    twins.both("endProviderAcceptance", 1)
    return twins.protocol.evm.now + NOTICE


def supersede_then_end(twins: Twins) -> int:
    """The version ends an hour before the acceptance."""
    at = supersede(twins)
    twins.protocol.advance(HOUR)
    end_acceptance(twins)
    return at


def end_then_supersede(twins: Twins) -> int:
    """The acceptance ends an hour before the version."""
    at = end_acceptance(twins)
    twins.protocol.advance(HOUR)
    supersede(twins)
    return at


ENDINGS = [supersede, end_acceptance, supersede_then_end, end_then_supersede]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("again", [False, True], ids=["forgotten", "remembered anew"])
@pytest.mark.parametrize("order", [(-1, 0, 1), (1, 0, -1), (0, -1, 0)])
def test_adjudicate_all__signed_around_an_announced_end__until_that_second(
    remembering: Twins, ending: Ending, again: bool, order: tuple[int, int, int]
) -> None:
    """Whether a section has been priced between announcement and end or not, in any order."""
    at = ending(remembering)
    assert remembering.memory is None
    if again:
        assert remembering.reason() == Reason.NONE
        assert remembering.memory == VISITS._replace(until=at)
    remembering.protocol.evm.now = at + HOUR // 2
    superseded = ending in (supersede, supersede_then_end)
    over = Reason.NO_TERMS_IN_FORCE if superseded else Reason.PROVIDER_NOT_ACCEPTED
    for late in order:
        assert remembering.reason(signed_at=at + late) == (Reason.NONE if late < 0 else over)
        remembering.reason(signed_at=at + late, version=2)
        remembering.reason(signed_at=at + late, provider=DEALERS)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("late", [-1, 0, 1])
def test_adjudicate_all__until_the_last_second__is_remembered_and_no_longer(
    remembering: Twins, ending: Ending, late: int
) -> None:
    at = ending(remembering)
    remembering.protocol.evm.now = at + late
    for _ in range(2):
        assert (remembering.reason() == Reason.NONE) == (late < 0)
        assert remembering.memory == (VISITS._replace(until=at) if late < 0 else None)


@pytest.mark.parametrize("ending", [supersede, end_acceptance])
def test_adjudicate_all__end_announced_before_anything_is_remembered__counts(
    twins: Twins, ending: Ending
) -> None:
    at = ending(twins)
    assert twins.reason() == Reason.NONE
    assert twins.memory == VISITS._replace(until=at)


def test_publish_plan__another_plan_s_version__forgets_what_is_remembered_and_ends_nothing(
    remembering: Twins,
) -> None:
    remembering.publish(plan_id=2)
    assert remembering.memory is None
    assert remembering.reason() == Reason.NONE
    assert remembering.memory == VISITS


def test_end_provider_acceptance__of_another__ends_nothing(remembering: Twins) -> None:
    remembering.both("endProviderAcceptance", DEALERS)
    assert remembering.reason() == Reason.NONE
    assert remembering.memory == VISITS


@pytest.mark.parametrize("gap", [-NOTICE, -1, 0, 1, MAX_BATCH_LIFE - 1, MAX_BATCH_LIFE, MAX_BATCH_LIFE + 1])
@pytest.mark.parametrize("again", [False, True], ids=["forgotten", "remembered anew"])
def test_accept_provider__after_an_end__what_is_remembered_says_nothing_else(
    remembering: Twins, gap: int, again: bool
) -> None:
    """Accepted again before or after the end, for which the acceptance may go on or begin anew."""
    ends_at = end_acceptance(remembering)
    if again:
        remembering.reason()
    accepted_at = remembering.protocol.evm.now = ends_at + gap
    remembering.both("acceptProvider", 1)
    for now in (accepted_at, accepted_at + HOUR, accepted_at + MAX_BATCH_LIFE, accepted_at + 2 * NOTICE):
        remembering.protocol.evm.now = now
        for edge, late in product((ends_at, accepted_at, now - MAX_BATCH_LIFE, now), (-1, 0, 1)):
            if now - MAX_BATCH_LIFE <= edge + late <= now:
                remembering.reason(signed_at=edge + late)
    assert remembering.memory == VISITS


def unchanged(verb: str, *arguments: Any) -> Callable[[Twins], None]:
    return lambda twins: twins.both(verb, *arguments)


@pytest.mark.parametrize(
    "change",
    [
        unchanged("publishFees", [REFILL], [fee_words(FEES[REFILL])]),
        unchanged("acceptProvider", STRANGERS),
        unchanged("enrol", OTHER, YEAR - 1, 1, 0, 0, 0, 0),
        unchanged("changePlan", MEMBER, YEAR, 2),
        unchanged("endCoverage", MEMBER, YEAR),
        unchanged("requestWithdrawal", DOLLAR),
        unchanged("transferOwnership", account("buyer").address),
    ],
    ids=["fees", "provider", "enrolment", "change of plan", "end of coverage", "withdrawal", "owner"],
)
def test_change__of_what_is_not_remembered__holds_and_leaves_the_rest(
    remembering: Twins, change: Callable[[Twins], None]
) -> None:
    at = remembering.protocol.evm.now + NOTICE
    change(remembering)
    assert remembering.memory == VISITS
    remembering.protocol.evm.now = at + HOUR
    for late in (-1, 0, 1):
        remembering.reason(signed_at=at + late)
        remembering.reason(remembering.row(member=OTHER), signed_at=at + late)
        remembering.reason(signed_at=at + late, provider=STRANGERS)


# ---- the beginnings of terms ------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-1, 0, 1])
@pytest.mark.parametrize("first", [True, False], ids=["first version", "later version"])
def test_adjudicate_all__plan_younger_than_a_batch_lives__is_not_remembered(
    twins: Twins, late: int, first: bool
) -> None:
    """Of what is still on its way some was signed before the version held."""
    twins.publish(plan_id=3 if first else 1, effective_at=twins.protocol.evm.now + 2 * NOTICE)
    begins = twins.protocol.evm.now + 2 * NOTICE
    plan, version = (3, 1) if first else (1, 2)
    if first:
        twins.both("changePlan", MEMBER, YEAR, 3)
    twins.protocol.evm.now = begins + MAX_BATCH_LIFE + late
    terms: dict[str, Any] = {"plan": plan, "version": version}
    for signed_at in (None, begins):
        if signed_at is None or late <= 0:
            assert twins.reason(signed_at=signed_at, **terms) == Reason.NONE
            assert twins.memory == (None if late < 0 else VISITS._replace(**terms))
    if late < 0:
        assert twins.reason(signed_at=begins - 1, **terms) == Reason.NO_TERMS_IN_FORCE


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_adjudicate_all__acceptance_younger_than_a_batch_lives__is_not_remembered(
    twins: Twins, late: int
) -> None:
    twins.protocol.advance(DAY)
    begins = twins.protocol.evm.now
    twins.both("acceptProvider", STRANGERS)
    twins.protocol.evm.now = begins + MAX_BATCH_LIFE + late
    for signed_at in (None, begins):
        if signed_at is None or late <= 0:
            assert twins.reason(signed_at=signed_at, provider=STRANGERS) == Reason.NONE
            assert twins.memory == (None if late < 0 else VISITS._replace(provider=STRANGERS))
    if late < 0:
        assert twins.reason(signed_at=begins - 1, provider=STRANGERS) == Reason.PROVIDER_NOT_ACCEPTED


def test_adjudicate_all__young_terms__leave_what_is_remembered(remembering: Twins) -> None:
    remembering.both("acceptProvider", STRANGERS)
    assert remembering.reason(provider=STRANGERS) == Reason.NONE
    assert remembering.memory == VISITS
    assert remembering.reason() == Reason.NONE


# ---- the pool beside it -----------------------------------------------------------------------------------


def test_pool__exactly_used_up__is_nothing_and_the_terms_stay(protocol: Protocol) -> None:
    """Visits are 120 dollars of the plan's once the deductible is met, the first one 40."""
    twins = Twins.deploy(protocol, 40 * DOLLAR + 120 * DOLLAR)
    twins.both("acceptProvider", 1)
    twins.publish()
    twins.enrol()
    protocol.advance(MAX_BATCH_LIFE)
    for left in (120 * DOLLAR, 0):
        assert twins.reason() == Reason.NONE
        assert twins.pools() == (left, left)
        assert twins.memory == VISITS
    for _ in range(2):
        assert twins.reason() == Reason.PAYER_UNFUNDED
        assert twins.memory == VISITS
    twins.fund(120 * DOLLAR - 1)
    assert twins.reason() == Reason.PAYER_UNFUNDED
    twins.fund(1)
    assert twins.reason() == Reason.NONE
    assert (twins.pools(), twins.memory) == ((0, 0), VISITS)


def test_pool__as_full_as_can_be__does_not_run_into_the_terms(remembering: Twins) -> None:
    twins = remembering
    twins.fund(MAX_AMOUNT - twins.pools()[0])
    assert twins.pools() == (MAX_AMOUNT, MAX_AMOUNT)
    assert twins.memory == VISITS
    twins.protocol.mint(twins.protocol.insurer, 1, twins.ours)
    with reverts("PoolOverflow", pool=MAX_AMOUNT, amount=1):
        twins.ours.send(twins.protocol.insurer, "deposit", 1)
    assert twins.price(twins.row())[0].plan_paid == 120 * DOLLAR
    assert twins.memory == VISITS
    for payer in (twins.ours, twins.twin):
        twins.send(payer, "refund", 120 * DOLLAR)
    assert twins.pools() == (MAX_AMOUNT, MAX_AMOUNT)
    assert twins.memory == VISITS
    twins.reason(provider=DEALERS)
    assert twins.memory == VISITS._replace(provider=DEALERS)


@contextmanager
def pool_moves_by(twins: Twins, amount: int) -> Iterator[None]:
    """What happens inside moves the pool by so much, and nothing that is remembered."""
    before, memory = twins.pools()[0], twins.memory
    yield
    assert twins.pools() == (before + amount, before + amount)
    assert (twins.memory, memory) == (VISITS, VISITS)
    assert twins.reason() == Reason.NONE


def test_pool__every_other_way_that_moves_it__keeps_the_terms(remembering: Twins) -> None:
    twins = remembering
    posting = (MEMBER, YEAR, VISIT, 1, 0, 30 * DOLLAR, 120 * DOLLAR, 70 * DOLLAR)
    with pool_moves_by(twins, 5 * DOLLAR):
        twins.fund(5 * DOLLAR)
    with pool_moves_by(twins, 9 * DOLLAR):
        for payer in (twins.ours, twins.twin):
            twins.send(payer, "refund", 9 * DOLLAR)
    with pool_moves_by(twins, -70 * DOLLAR):
        for payer in (twins.ours, twins.twin):
            twins.send(payer, "commit", posting)
    with pool_moves_by(twins, 0):
        for payer in (twins.ours, twins.twin):
            twins.send(payer, "reverse", posting)
    with pool_moves_by(twins, 0):
        twins.both("requestWithdrawal", 11 * DOLLAR)
    with pool_moves_by(twins, 0):
        twins.both("cancelWithdrawal")
    twins.both("requestWithdrawal", 11 * DOLLAR)
    twins.protocol.advance(NOTICE)
    with pool_moves_by(twins, -11 * DOLLAR):
        twins.both("withdraw")
    twins.both("requestWithdrawal", twins.pools()[0])
    twins.protocol.advance(NOTICE)
    twins.both("withdraw")
    assert (twins.pools(), twins.memory) == ((0, 0), VISITS)


def test_pool__forgetful_verbs__leave_the_amount(remembering: Twins) -> None:
    for forget in (supersede, end_acceptance):
        remembering.reason()
        before = remembering.pools()
        forget(remembering)
        assert remembering.memory is None
        assert remembering.pools() == before


def test_request_withdrawal__terms_remembered__is_held_against_the_pool_alone(remembering: Twins) -> None:
    pool = remembering.pools()[0]
    with reverts("AmountOverBalance", amount=pool + 1, balance=pool):
        remembering.ours.send(remembering.protocol.insurer, "requestWithdrawal", pool + 1)
    remembering.both("requestWithdrawal", pool)


# ---- far in the future ------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-2, -1, 0, 1, HOUR])
def test_adjudicate_all__around_the_last_second_that_is_remembered__goes_on(blank: Twins, late: int) -> None:
    """32 bits hold times up to the year 2106."""
    year = 2106
    blank.protocol.evm.now = 2**32 - DAY
    blank.publish()
    blank.enrol(year=year)
    blank.protocol.evm.now = 2**32 - HOUR
    row = blank.row(benefit_year=year)
    assert blank.reason(row) == Reason.NONE
    assert blank.memory == VISITS
    blank.protocol.evm.now = 2**32 + HOUR
    for _ in range(2):
        assert blank.reason(row, signed_at=2**32 + late) == Reason.NONE
        assert blank.memory == VISITS
    blank.publish(PlanTerms(deductible=7 * DOLLAR, oop_max=900 * DOLLAR))
    assert blank.reason(row) == Reason.NONE
    assert blank.memory == VISITS


# ---- in the whole protocol --------------------------------------------------------------------------------


@pytest.fixture
def visited(protocol: Protocol) -> Protocol:
    """The payer remembers visits."""
    protocol.advance(MAX_BATCH_LIFE)
    protocol.settle(protocol.row(protocol.patient, 1))
    assert memory_of(protocol, protocol.payer) == VISITS
    return protocol


def settle_both_ways(
    protocol: Protocol, *sections: BatchSection, signed_at: int | None = None, root_slot: int = 1
) -> Receipt:
    """Settle a batch, which must end as it does where the payers remember nothing."""
    batch = protocol.batch(sections, signed_at=signed_at)
    signed = protocol.sign(batch)
    with protocol.rolled_back():
        for payer_id, payer in protocol.payer_contracts.items():
            backend_of(protocol).set_storage(payer.address, POOL_SLOT, protocol.pool(payer_id))
            assert memory_of(protocol, payer) is None
        wanted = protocol.submit(batch, signed, root_slot=root_slot)
        state = protocol.state(*range(1, 20))
    receipt = protocol.submit(batch, signed, root_slot=root_slot)
    assert (receipt.value, receipt.events) == (wanted.value, wanted.events)
    assert protocol.state(*range(1, 20)) == state
    protocol.assert_solvent()
    return receipt


def test_settle__terms_remembered__ends_as_without(visited: Protocol) -> None:
    rows = [
        *(visited.row(visited.patient, 2), visited.row(visited.patient, 3, REFILL)),
        *(visited.row(visited.neighbour, 4, COSMETIC), visited.row(visited.neighbour, 5, units=2)),
    ]
    assert settle_both_ways(visited, visited.section(*rows)).value == (3, 1, 0, 0)
    assert memory_of(visited, visited.payer) == VISITS


def test_settle__run_of_several_sections__uses_what_is_remembered_and_leaves_it(visited: Protocol) -> None:
    sections = [visited.section(visited.row(visited.patient, n, REFILL)) for n in (2, 3)]
    visits = [visited.section(visited.row(visited.neighbour, n)) for n in (4, 5)]
    assert settle_both_ways(visited, *sections, *visits).value == (4, 0, 0, 0)
    assert memory_of(visited, visited.payer) == VISITS
    # And it is read there: a false one counts.
    false = VISITS._replace(deductible=0, coinsurance_bps=0, owes_coinsurance=False)
    backend_of(visited).set_storage(visited.payer.address, POOL_SLOT, false.word(visited.pool()))
    sections = [visited.section(visited.row(visited.patient, n)) for n in (6, 7)]
    receipt = visited.submit(visited.batch(sections))
    assert [event.claim.plan_paid for event in receipt.of(ClaimSettled)] == [150 * DOLLAR] * 2
    assert memory_of(visited, visited.payer) == false


def test_settle__section_with_a_secondary_payer__keeps_what_both_remember(visited: Protocol) -> None:
    second = visited.second_payer(visited.late)
    visited.advance(MAX_BATCH_LIFE)
    visited.settle(visited.row(visited.late, 2, REFILL), payer_id=second)
    twice = account("insured twice").address
    visited.welcome(twice, payers=(visited.payer_id, second))
    pools = visited.pool(), visited.pool(second)
    coordinated = visited.coordinated(visited.row(twice, 3), secondary=second)
    (settled,) = settle_both_ways(visited, coordinated).of(ClaimSettled)
    assert (settled.claim.plan_paid, settled.claim.secondary_paid) == (40 * DOLLAR, 40 * DOLLAR)
    assert (visited.pool(), visited.pool(second)) == (pools[0] - 40 * DOLLAR, pools[1] - 40 * DOLLAR)
    assert memory_of(visited, visited.payer) == VISITS
    assert memory_of(visited, visited.payer_contracts[second]) == REFILLS
    sections = [
        visited.section(visited.row(visited.patient, 4)),
        visited.coordinated(visited.row(twice, 5), secondary=second),
        visited.section(visited.row(visited.late, 6, REFILL), payer_id=second),
    ]
    assert settle_both_ways(visited, *sections, root_slot=2).value == (3, 0, 0, 0)


def test_settle__two_payers_remembering__each_has_its_own(visited: Protocol) -> None:
    plan = PlanTerms(deductible=30 * DOLLAR, oop_max=500 * DOLLAR)
    second = visited.second_payer(visited.late, plan=plan)
    visited.advance(MAX_BATCH_LIFE)
    for n in (2, 4):
        sections = [
            visited.section(visited.row(visited.patient, n)),
            visited.section(visited.row(visited.late, n + 1), payer_id=second),
        ]
        assert settle_both_ways(visited, *sections, root_slot=n).value == (2, 0, 0, 0)
        assert memory_of(visited, visited.payer) == VISITS
        assert memory_of(visited, visited.payer_contracts[second]) == Memory.of(plan, CATEGORIES[SHARED])


def test_concede__refund_to_a_payer_that_remembers__comes_back_to_the_pool_alone(visited: Protocol) -> None:
    claim = visited.settled_claim(visited.settle(visited.row(visited.neighbour, 2)))
    before = visited.pool()
    visited.dispute(claim)
    visited.concede(claim)
    assert visited.pool() == before + 40 * DOLLAR
    assert memory_of(visited, visited.payer) == VISITS
    visited.assert_solvent()
    assert settle_both_ways(visited, visited.section(visited.row(visited.neighbour, 3))).value[0] == 1


def test_settle__provider_suspended__is_not_paid_by_what_is_remembered(visited: Protocol) -> None:
    visited.suspend()
    receipt = settle_both_ways(visited, visited.section(visited.row(visited.patient, 2)))
    assert [why for _, _, why in endings(receipt)] == [Reason.PROVIDER_NOT_ACTIVE]


@pytest.mark.parametrize("late", [-1, 0, 1])
@pytest.mark.parametrize("again", [False, True], ids=["forgotten", "remembered anew"])
@pytest.mark.parametrize("ends", ["acceptance", "version"])
def test_settle__signed_around_the_end_of_what_is_remembered__until_that_second(
    visited: Protocol, late: int, again: bool, ends: str
) -> None:
    at = visited.evm.now + NOTICE
    if ends == "acceptance":
        visited.payer.send(visited.insurer, "endProviderAcceptance", visited.provider_id)
    else:
        visited.publish_plan(PLAN, CATEGORIES)
    if again:
        visited.settle(visited.row(visited.patient, 2))
        assert memory_of(visited, visited.payer) == VISITS._replace(until=at)
    visited.evm.now = at + HOUR // 2
    for n in (3, 4):
        section = visited.section(visited.row(visited.patient, n))
        receipt = settle_both_ways(visited, section, signed_at=at + late, root_slot=n)
        assert receipt.value == ((1, 0, 0, 0) if late < 0 else (0, 0, 1, 0))


# ---- at random --------------------------------------------------------------------------------------------


class Wanderer:
    """Does at random, with both payers, what insurers and settlement do."""

    def __init__(self, twins: Twins, seed: int) -> None:
        self.twins = twins
        self.draw = random.Random(f"remembered terms {seed}")
        self.versions = dict.fromkeys((1, 2), 0)
        self.edges = [twins.protocol.evm.now]
        self.accepted = {1: True, STRANGERS: False, DEALERS: True}
        self.hits = 0
        """Sections that met their terms in memory."""

    def dollars(self, *choices: int) -> int:
        return self.draw.choice(choices) * DOLLAR

    def category(self) -> CategoryTerms:
        draw = self.draw
        return CategoryTerms(
            covered=draw.random() < 0.9,
            deductible_applies=draw.random() < 0.7,
            copay=draw.choice((0, 0, 0, 10 * DOLLAR, 10 * DOLLAR, 40 * DOLLAR, (MOST["copay"] + 1) * CENT)),
            copay_first=draw.random() < 0.5,
            coinsurance_bps=draw.choice((0, 1, 2_000, 3_333, 10_000)),
            coinsurance_after_copay=draw.random() < 0.5,
        )

    def publish(self, plan_id: int = 0) -> None:
        plan_id = plan_id or self.draw.choice((1, 2))
        now = self.twins.protocol.evm.now
        if max(self.edges) > now:
            return  # one change at a time
        ahead = self.draw.choice((0, 0, NOTICE + HOUR)) if self.versions[plan_id] else 0
        plan = PlanTerms(
            deductible=self.dollars(0, 50, 100),
            oop_max=self.dollars(0, 60, 300, 300, 9_000, 9_000, (MOST["oop_max"] + 1) // 100 + 1),
            annual_maximum=self.dollars(*[0] * 9, 150),
            rounding_unit=self.draw.choice((*[CENT] * 9, 1)),
        )
        categories = {number: self.category() for number in (SHARED, COPAY) if self.draw.random() < 0.9}
        self.twins.publish(plan, categories, plan_id=plan_id, effective_at=now + ahead if ahead else 0)
        self.edges.append(now + (ahead or NOTICE) if self.versions[plan_id] else now)
        self.versions[plan_id] += 1

    def accept_or_end(self) -> None:
        provider = self.draw.choice(tuple(self.accepted))
        now = self.twins.protocol.evm.now
        if self.accepted[provider]:
            self.twins.both("endProviderAcceptance", provider)
            self.edges.append(now + NOTICE)
        else:
            self.twins.both("acceptProvider", provider)
            self.edges.append(now)
        self.accepted[provider] = not self.accepted[provider]

    def wait(self) -> None:
        """Until about the next edge, or about as long as a batch lives after one, or some time."""
        now, draw = self.twins.protocol.evm.now, self.draw
        marks = [edge + more for edge in self.edges for more in (0, MAX_BATCH_LIFE)]
        ahead = [mark for mark in marks if mark > now + 1]
        if ahead and draw.random() < 0.7:
            self.twins.protocol.evm.now = min(ahead) + draw.choice((-1, 0, 1))
        else:
            self.twins.protocol.advance(draw.choice((1, HOUR, NOTICE)))

    def move_pool(self) -> None:
        twins, amount = self.twins, self.draw.randrange(1, 50 * DOLLAR)
        if self.draw.random() < 0.5:
            twins.fund(amount)
        else:
            for payer in (twins.ours, twins.twin):
                twins.send(payer, "refund", amount)

    def price(self) -> None:
        draw, now = self.draw, self.twins.protocol.evm.now
        near = [edge + late for edge in self.edges for late in (-1, 0, 1)]
        times = [time for time in near if now - MAX_BATCH_LIFE <= time <= now]
        signed_at = draw.choice((now, now, draw.choice(times or [now]), now - MAX_BATCH_LIFE))
        plan = draw.choice((1, 1, 1, 2))
        version = max(1, self.versions[plan] - draw.choice((0, 0, 1)))
        rows = [
            self.twins.row(
                draw.choice((VISIT, VISIT, REFILL, THERAPY, COSMETIC, UNLISTED)),
                draw.choice((MEMBER, OTHER)) if draw.random() < 0.2 else (MEMBER, OTHER)[plan - 1],
                units=draw.choice((1, 1, 1, 2, 9)),
                billed=draw.choice((0, 200 * DOLLAR, draw.randrange(1, 200 * DOLLAR))),
            )
            for _ in range(draw.choice((1, 1, 2, 3)))
        ]
        provider = draw.choice((1, 1, 1, 1, STRANGERS, DEALERS))
        before = self.twins.memory
        self.twins.price(*rows, provider=provider, plan=plan, version=version, signed_at=signed_at)
        if before is not None and before[:3] == (provider, plan, version):
            self.hits += signed_at < before.until

    def step(self) -> None:
        steps = (self.price, self.wait, self.publish, self.accept_or_end, self.move_pool)
        self.draw.choices(steps, (30, 10, 1, 1, 2))[0]()


@pytest.mark.parametrize("block", quick_first(range(4)))
def test_adjudicate_all__random_changes__prices_as_without_memory(blank: Twins, block: int) -> None:
    hits = 0
    for seed in range(20 * block, 20 * block + 20):
        with blank.protocol.rolled_back():
            wanderer = Wanderer(replace(blank, met=[]), seed)
            for plan_id, member in ((1, MEMBER), (2, OTHER)):
                wanderer.publish(plan_id)
                wanderer.twins.enrol(member, plan_id)
            for _ in range(100):
                wanderer.step()
            hits += wanderer.hits
    assert hits > 100
