"""Publishing fees: an outsider cannot tell which id is which service's; whoever has the key can."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.chain.outsider import Insurer, by_order, by_terms, for_certain, named, scores, show_scores

from chainbill.billing.terms import FeeTerms
from chainbill.operations.fee_publication import Newest, compare, mixed
from chainbill.protocol_constants import FEES_PER_TRANSACTION
from chainbill.records.catalogue import Catalogue
from chainbill.records.fee_file import catalogue_fees
from chainbill.records.service_id import LEAST_DECOYS, decoy_ids, draw_decoys, new_schedule_key, service_ids

FEES = catalogue_fees(Catalogue.load())
KINDS = Counter((terms.amount, terms.category) for terms in FEES.values())
ALONE = [service for service, terms in FEES.items() if KINDS[terms.amount, terms.category] == 1]
"""Services whose amount and category no other service of the public catalogue has."""

DAY = 86_400


@pytest.fixture
def insurer() -> Insurer:
    made = Insurer.new(FEES)
    made.publish(FEES)
    return made


# ---- the outsider -------------------------------------------------------------------------------------


def test_outsider__public_catalogue_and_chain__names_few_of_what_it_named_before(
    capsys: pytest.CaptureFixture[str],
) -> None:
    total, found = len(FEES), scores()
    assert found["by order"][0] == found["by amount and category"][0] == total
    assert found["for certain by amount and category"][0] == len(ALONE) > total / 3
    # By order one of them is right by chance. By the fee one in four at most, and two in five is more than
    # four standard deviations above that.
    assert found["by order"][1] <= 12
    assert found["by amount and category"][1] <= total * 2 / 5
    assert found["for certain by amount and category"][1] == 0
    with capsys.disabled():
        print()
        show_scores()


def test_outsider__claims_have_named_the_ids__the_fee_tells_what_docs_say(insurer: Insurer) -> None:
    # docs/threat-model.md: what remains.
    assert scores()["for certain, once all were charged"] == (len(ALONE), len(ALONE))
    one = next(service for service in for_certain(insurer.seen_of(FEES), FEES))
    assert named(insurer, for_certain(insurer.seen_of([one]), {one: FEES[one]})) == 1


def test_outsider__every_amount_and_category__stands_beside_several_ids(insurer: Insurer) -> None:
    kinds = Counter((terms.amount, terms.category) for _, terms in insurer.seen())
    assert kinds.keys() == KINDS.keys()
    assert all(count >= KINDS[kind] * (1 + LEAST_DECOYS) for kind, count in kinds.items())


def test_outsider__some_fees_published_again__sees_groups_and_not_which_is_real(insurer: Insurer) -> None:
    changing = list(FEES)[::7]
    changed = {
        service: terms.model_copy(update={"amount": terms.amount + 10_000})
        for service, terms in FEES.items()
        if service in changing
    }
    first, insurer.transactions[:] = list(insurer.transactions), []
    insurer.publish(FEES | changed)
    moved = {each for each, _ in insurer.seen()}
    assert moved == {each for service in changing for each in insurer.ids_of(service)}
    assert len(moved) >= len(changing) * (1 + LEAST_DECOYS)
    assert named(insurer, by_order(insurer.seen(), changed)) <= 6
    assert named(insurer, by_terms(insurer.seen(), changed)) <= 20
    assert named(insurer, for_certain(insurer.seen(), changed)) == 0
    insurer.transactions[:] = first
    insurer.publish(FEES | changed)
    assert insurer.transactions == first, "what is published is left alone"


# ---- transactions -------------------------------------------------------------------------------------


@given(st.integers(0, 700))
def test_mixed__any_number_of_ids__each_once_and_never_all_together(count: int) -> None:
    ids = [number.to_bytes(8, "big") for number in range(count)]
    chunks = list(mixed(ids))
    assert sorted(each for chunk in chunks for each in chunk) == ids
    most = count if count <= 20 else min(FEES_PER_TRANSACTION, count // 2)
    assert all(0 < len(chunk) <= most for chunk in chunks)


def test_mixed__many_times__neither_order_nor_sizes_repeat() -> None:
    ids = [number.to_bytes(8, "big") for number in range(600)]
    drawn = [list(mixed(ids)) for _ in range(8)]
    assert len({tuple(len(chunk) for chunk in chunks) for chunks in drawn}) > 1
    assert len({chunks[0][0] for chunks in drawn} | {chunks[-1][-1] for chunks in drawn}) > 2
    assert all([each for chunk in chunks for each in chunk] != ids for chunks in drawn)


# ---- a service and its decoys -------------------------------------------------------------------------


def test_decoys__of_every_service__are_nobodys_own_ids() -> None:
    key = new_schedule_key()
    own = service_ids(key, FEES)
    decoys = [each for service in FEES for each in decoy_ids(key, service, 20)]
    assert len({*own, *decoys}) == len(FEES) * 21
    assert {len(each) for each in decoys} == {8}


def test_draw_decoys__many_times__is_at_least_the_least_and_not_always_the_same() -> None:
    drawn = {draw_decoys() for _ in range(200)}
    assert min(drawn) == LEAST_DECOYS
    assert len(drawn) > 1


def test_compare__cut_off_in_its_middle__the_rest_is_published_with_the_same_terms(insurer: Insurer) -> None:
    service, ids = "office-visit", insurer.ids_of("office-visit")
    terms = FEES[service]
    part = {each: Newest(terms, 0) for each in ids[1:3]}
    changes = compare({service: terms}, insurer.ids_of, part.get, now=0)
    assert changes.changed == {service: terms}
    assert changes.to_publish == dict.fromkeys({ids[0], *ids[3:]}, terms)


def test_compare__announced_for_one_of_a_group__leaves_the_whole_group(insurer: Insurer) -> None:
    service, ids = "office-visit", insurer.ids_of("office-visit")
    dearer = FEES[service].model_copy(update={"amount": 99_000_000})
    dearest = FEES[service].model_copy(update={"amount": 111_000_000})
    standing = {each: Newest(FEES[service], 0) for each in ids} | {ids[1]: Newest(dearer, DAY)}
    changes = compare({service: dearest}, insurer.ids_of, standing.get, now=0)
    assert (changes.announced, changes.to_publish, changes.changed) == ({service: DAY}, {}, {})
    again = compare({service: dearer}, insurer.ids_of, standing.get, now=0)
    assert again.to_publish == dict.fromkeys(set(ids) - {ids[1]}, dearer)


def test_compare__published_and_the_same__is_unchanged() -> None:
    terms = FeeTerms(amount=1, category=1)
    changes = compare({"a": terms}, lambda _: (b"a",), lambda _: Newest(terms, 0), now=0)
    assert (changes.unchanged, changes.to_publish) == (("a",), {})
