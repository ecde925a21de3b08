"""The linker: what the model publishes, what attacks read from it, and the extremes where both are known."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from chainbill.chain.format.events import ClaimSettled, Enrolled
from chainbill.operations.provider.sequences import Numbering
from chainbill.records.catalogue import Catalogue, CatalogueEntry
from chainbill.scenario.linker import links
from chainbill.scenario.linker.adversary import Adversary, Score
from chainbill.scenario.linker.links import LINKERS, Groups
from chainbill.scenario.linker.population import Population, Visit, Year, day_of, draw_year
from chainbill.scenario.linker.practice import Accounts, Carried, Funded, Practice, Settled
from chainbill.scenario.linker.publication import Publication, publish
from chainbill.scenario.linker.report import ALONE, ATTACKS, PRACTICES, SEQUENCES, measure_links

FEW = Population(patients=30, visits=20)
MONTHS = Practice(Settled.MONTHLY, Accounts.MONTH, funded=Funded.COMMON, sequences=Numbering.DRAWN)
PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"


@pytest.fixture(scope="module")
def year() -> Year:
    return draw_year(FEW)


def published(year: Year, practice: Practice) -> Publication:
    return publish(year, practice, seed=FEW.seed)


def members(publication: Publication, year: Year) -> dict[str, int]:
    """Whose each account is."""
    visits = zip(publication.accounts, year.visits, strict=True)
    return {account: visit.patient for account, visit in visits}


def together(groups: Groups, accounts: dict[str, int]) -> list[set[str]]:
    """The groups, each of which has an account at least."""
    found: dict[str, set[str]] = defaultdict(set)
    for account in accounts:
        found[groups.find(account)].add(account)
    return list(found.values())


def persons(accounts: dict[str, int]) -> list[set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    for account, patient in accounts.items():
        found[patient].add(account)
    return list(found.values())


def in_order(groups: list[set[str]]) -> list[list[str]]:
    return sorted(sorted(group) for group in groups)


def service_of(fee: int) -> CatalogueEntry:
    """A laboratory test of a fee in dollars: the deductible applies, and then a share of a fifth."""
    tests = (each for each in Catalogue.load().entries.values() if each.category.label == "laboratory")
    return next(each for each in tests if each.fee == fee * 10**6)


# ---- the model ----------------------------------------------------------------------------------------


def test_report__same_seed__is_the_same_and_another_ones_is_not() -> None:
    first, again, other = (
        measure_links(replace(FEW, seed=seed), steps=4, only=["month_steps"]).to_json() for seed in (1, 1, 2)
    )
    assert first == again
    assert first["practices"] != other["practices"]


def test_year__drawn__is_of_working_days_and_about_as_many_visits_as_asked_for() -> None:
    visits = draw_year(Population()).visits
    assert all(day_of(visit.day).weekday() < 5 for visit in visits)
    assert list(visits) == sorted(visits, key=lambda visit: visit.day)
    assert 20 < len(visits) / 200 < 30
    assert {visit.provider for visit in visits} == set(range(5))


def test_publication__claims__say_what_happened_and_add_up_to_what_was_paid(year: Year) -> None:
    publication = published(year, Practice(Settled.MONTHLY))
    claims = [each.event for each in publication.seen.records if isinstance(each.event, ClaimSettled)]
    assert len(claims) == len(year.visits)
    told = Counter((each.patient, each.claim.provider_id, each.claim.allowed) for each in claims)
    pairs = zip(publication.accounts, year.visits, strict=True)
    assert told == Counter((account, visit.provider + 1, visit.service.fee) for account, visit in pairs)
    assert sum(each.claim.patient_responsibility for each in claims) == sum(publication.paid)
    sequences = Counter((each.claim.provider_id, each.claim.sequence) for each in claims)
    assert set(sequences.values()) == {1}


@pytest.mark.parametrize("numbering", list(Numbering))
def test_publication__sequences__follow_the_visits_unless_drawn(year: Year, numbering: Numbering) -> None:
    publication = published(year, Practice(Settled.DAILY))
    monthly = published(year, Practice(Settled.MONTHLY, sequences=numbering))

    def by_sequence(of: Publication) -> list[int]:
        rows = [each.event for each in of.seen.records if isinstance(each.event, ClaimSettled)]
        first = [each.claim for each in rows if each.claim.provider_id == 1]
        return [claim.allowed for claim in sorted(first, key=lambda claim: claim.sequence)]

    assert (by_sequence(monthly) == by_sequence(publication)) is (numbering is Numbering.IN_ORDER)


@pytest.mark.parametrize(
    "settled,day,settled_on,begins_on",
    [
        (Settled.DAILY, 40, 40, 40),
        (Settled.WEEKLY, 40, 41, 35),
        (Settled.MONTHLY, 0, 30, 0),
        (Settled.MONTHLY, 40, 58, 31),
        (Settled.MONTHLY, 364, 364, 334),
    ],
)
def test_practice__settled__at_the_end_of_what_is_settled_together(
    settled: Settled, day: int, settled_on: int, begins_on: int
) -> None:
    practice = Practice(settled)
    assert practice.settles_on(day) == settled_on
    assert practice.begins_on(settled_on) == begins_on


def test_practice__months__begin_on_their_first_day() -> None:
    visits = [
        Visit(7, 3, service_of(25), (each - date(2026, 1, 1)).days)
        for each in (date(2026, 5, 31), date(2026, 6, 1))
    ]
    accounts = {each: [Practice(accounts=each).account_of(visit) for visit in visits] for each in Accounts}
    assert accounts[Accounts.PATIENT] == [(7, -1, -1)] * 2
    assert accounts[Accounts.PROVIDER] == [(7, 3, -1)] * 2
    (may, june) = accounts[Accounts.MONTH]
    assert may[:2] == june[:2] == (7, -1)
    assert june[2] == may[2] + 1
    assert accounts[Accounts.PROVIDER_MONTH] == [(7, 3, may[2]), (7, 3, june[2])]


# ---- what members pay ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["month_exact", "month_one_word"])
def test_months__settled_before_the_next_account_is_opened__cost_nobody_anything(name: str) -> None:
    (scores,) = measure_links(FEW, steps=4, only=[name]).practices.values()
    assert (scores.overpaid, scores.underpaid) == (0, 0)


def test_months__nothing_carried__meet_the_deductible_again() -> None:
    (scores,) = measure_links(FEW, steps=4, only=["month_nothing"]).practices.values()
    assert scores.overpaid > 100 * 10**6
    assert scores.underpaid == 0


def test_months__carried_in_steps__are_in_the_members_favour_and_less_so_by_finer_ones() -> None:
    coarse, fine = (
        measure_links(FEW, steps=steps, only=["month_steps"]).practices["month_steps"] for steps in (2, 16)
    )
    assert coarse.overpaid == fine.overpaid == 0
    assert 0 < fine.underpaid < coarse.underpaid


def test_openings__in_steps__are_whole_ones_and_no_more_than_the_limit(year: Year) -> None:
    seen = published(year, replace(MONTHS, carried=Carried.STEPS)).seen
    entries = [each.event for each in seen.records if isinstance(each.event, Enrolled)]
    assert {each.deductible_met for each in entries} <= {n * 62_500_000 for n in range(5)}
    assert {each.oop_met for each in entries} <= {n * 500_000_000 for n in range(5)}
    assert len({(each.deductible_met, each.oop_met) for each in entries}) > 3


# ---- extremes of the adversary ------------------------------------------------------------------------


def score(year: Year, practice: Practice, *, by_order: bool = False) -> Score:
    return Adversary(published(year, practice), year, by_order=by_order).score(Groups())


@pytest.mark.parametrize("settled", list(Settled))
def test_adversary__one_patient__finds_everything(settled: Settled) -> None:
    year = draw_year(Population(patients=1))
    assert score(year, Practice(settled)) == Score(1, 1, 1)


def test_adversary__no_two_prices__finds_one_in_as_many_as_came_that_day() -> None:
    year = draw_year(Population(patients=40, providers=2, services=1))
    came: dict[tuple[int, int], set[int]] = defaultdict(set)
    for visit in year.visits:
        came[visit.provider, visit.day].add(visit.patient)
    expected = sum(1 / len(came[visit.provider, visit.day]) for visit in year.visits) / len(year.visits)
    assert score(year, Practice()).found == pytest.approx(expected)
    assert expected < 0.7


def test_adversary__every_price_another__finds_all() -> None:
    services = list({each.fee: each for each in Catalogue.load().entries.values()}.values())
    year = Year(tuple(Visit(n, 0, each, 4) for n, each in enumerate(services)), (0,) * len(services))
    assert score(year, Practice(Settled.MONTHLY)) == Score(1, 1, 1)


def test_adversary__settled_less_often__finds_less(year: Year) -> None:
    daily, weekly, monthly = (score(year, Practice(each)).found for each in Settled)
    assert daily > weekly > monthly


def test_adversary__sequences_in_order__tell_the_day_again_and_drawn_ones_do_not() -> None:
    year = draw_year(Population(patients=100))
    in_a_row, drawn = Practice(Settled.MONTHLY), Practice(Settled.MONTHLY, sequences=Numbering.DRAWN)
    assert score(year, in_a_row, by_order=True).found > 1.5 * score(year, in_a_row).found
    assert score(year, drawn, by_order=True).found < 1.2 * score(year, drawn).found


def test_adversary__blocks_of_a_busy_provider__tell_the_time_coarsely() -> None:
    year = draw_year(Population(patients=300, providers=1))
    in_a_row, drawn = Practice(Settled.MONTHLY), Practice(Settled.MONTHLY, sequences=Numbering.DRAWN)
    alone, coarse, exact = (
        score(year, practice, by_order=by_order).found
        for practice, by_order in ((drawn, False), (drawn, True), (in_a_row, True))
    )
    assert 1.2 * alone < coarse < exact / 1.2


def test_adversary__account_of_a_month__reads_no_more_than_the_month(year: Year) -> None:
    one, months = score(year, replace(MONTHS, accounts=Accounts.PATIENT)), score(year, MONTHS)
    assert months.found == pytest.approx(one.found)
    assert months.year < one.year / 4
    assert months.purity == 1


def test_adversary__wrong_accounts_put_together__are_counted_against_it() -> None:
    service = service_of(25)
    year = Year((Visit(0, 0, service, 1), Visit(1, 1, service, 1)), (0, 0))
    publication = published(year, Practice())
    everybody = Groups()
    everybody.join_all(publication.accounts)
    assert Adversary(publication, year).score(everybody) == Score(found=1, year=1, purity=0.5)


# ---- linkers ------------------------------------------------------------------------------------------


def linked(year: Year, practice: Practice, linker: links.Linker) -> tuple[list[set[str]], dict[str, int]]:
    publication = published(year, practice)
    accounts = members(publication, year)
    return together(linker(publication.seen), accounts), accounts


@pytest.mark.parametrize("accounts", [Accounts.PROVIDER, Accounts.MONTH, Accounts.PROVIDER_MONTH])
def test_storage__one_word_for_a_member__names_every_account(year: Year, accounts: Accounts) -> None:
    groups, whose = linked(year, replace(MONTHS, accounts=accounts, carried=Carried.SHARED), links.storage)
    assert in_order(groups) == in_order(persons(whose))
    groups, whose = linked(year, replace(MONTHS, accounts=accounts), links.storage)
    assert len(groups) == len(whose)


def test_funding__own_wallet__names_every_account_and_a_common_payer_none(year: Year) -> None:
    groups, whose = linked(year, replace(MONTHS, funded=Funded.WALLET), links.funding)
    assert in_order(groups) == in_order(persons(whose))
    groups, whose = linked(year, MONTHS, links.funding)
    assert len(whose) > links.MOST_ACCOUNTS
    assert len(groups) == len(whose)


def test_family__ids__put_families_together() -> None:
    year = draw_year(replace(FEW, families=0.4))
    groups, whose = linked(year, MONTHS, links.family)
    families = {
        frozenset(year.families[whose[account]] for account in group) for group in groups if len(group) > 1
    }
    assert families == {frozenset({each}) for each in (1, 2, 3)}
    assert all(len(group) == 1 for group in groups if year.families[whose[min(group)]] == 0)


def right_links(groups: list[set[str]], whose: dict[str, int]) -> float:
    """Of pairs that are put together, how many are one person's."""
    pairs = [(one, two) for group in groups for one in group for two in group if one < two]
    return sum(whose[one] == whose[two] for one, two in pairs) / len(pairs)


def test_openings__exact__lead_from_account_to_account_and_steps_lead_astray() -> None:
    year = draw_year(Population(patients=100))
    exact, whose = linked(year, MONTHS, links.openings)
    assert len(exact) < len(whose) / 4
    assert right_links(exact, whose) > 0.8
    steps, whose = linked(year, replace(MONTHS, carried=Carried.STEPS), links.openings)
    assert right_links(steps, whose) < 0.4


def test_openings__nothing_carried__link_nothing(year: Year) -> None:
    groups, whose = linked(year, replace(MONTHS, carried=Carried.NOTHING), links.openings)
    assert len(groups) == len(whose)


def two_members(january_of_the_other: list[int]) -> Year:
    """Two members' Januaries and Februaries. The first one's deductible of $250 ends in February, with $32
    left to its $45; the other comes for $25."""
    january = [(0, fee) for fee in [58, 58, 58, 22, 22]] + [(1, fee) for fee in january_of_the_other]
    rows = [(patient, fee, 5) for patient, fee in january] + [(0, 45, 40), (1, 25, 40)]
    return Year(tuple(Visit(who, 0, service_of(fee), day) for who, fee, day in rows), (0, 0))


def test_shares__two_had_met_as_much__link_nothing() -> None:
    year = two_members(january_of_the_other=[58, 58, 58, 22, 22])
    groups, whose = linked(year, replace(MONTHS, carried=Carried.SHARED), links.shares)
    assert len(groups) == len(whose) == 4


def test_shares__claim_in_which_the_deductible_ends__leads_to_what_was_met_before() -> None:
    year = two_members(january_of_the_other=[45, 24])
    groups, whose = linked(year, replace(MONTHS, carried=Carried.SHARED), links.shares)
    assert [len(group) for group in groups if whose[min(group)] == 0] == [2]
    assert [len(group) for group in groups if whose[min(group)] == 1] == [1, 1]
    assert right_links(groups, whose) == 1


def test_habits__of_what_few_have__lead_from_month_to_month() -> None:
    rare, common, other = service_of(58), service_of(25), service_of(45)
    rows = [(0, rare, 5), (0, common, 6), (1, common, 5), (1, other, 6)]
    rows += [(0, rare, 40), (1, other, 40), (1, common, 41)]
    year = Year(tuple(Visit(who, 0, service, day) for who, service, day in rows), (0, 0))
    groups, whose = linked(year, MONTHS, links.habits)
    assert in_order(groups) == in_order(persons(whose))
    groups, whose = linked(year, replace(MONTHS, accounts=Accounts.PROVIDER), links.habits)
    assert len(groups) == len(whose)


# ---- the report ---------------------------------------------------------------------------------------


def test_report__every_practice_and_attack__has_a_score_between_0_and_1() -> None:
    report = measure_links(Population(patients=8), steps=4)
    assert list(report.practices) == list(PRACTICES)
    for scores in report.practices.values():
        assert list(scores.attacks) == list(ATTACKS) == [ALONE, SEQUENCES, *LINKERS]
        assert all(0 <= each.year <= each.found <= 1 for each in scores.attacks.values())
        assert all(0 < each.purity <= 1 for each in scores.attacks.values() if each.found)


@pytest.mark.slow
def test_page__figures__are_the_models() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, scores in measure_links(Population(), steps=4).practices.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        told = [cell.strip() for cell in row.strip("|").split("|")][-len(ATTACKS) :]
        assert told == [f"{score.year * 100:.1f}" for score in scores.attacks.values()], name
