"""Which root slot a batch takes."""

from __future__ import annotations

import pytest
from tests.oracle.conftest import NOW, MemoryChain

from chainbill.oracle.root_slots import RootSlots
from chainbill.oracle.store import OracleStore
from chainbill.protocol_constants import DISPUTE_WINDOW_SECONDS


@pytest.fixture
def slots(chain: MemoryChain, store: OracleStore) -> RootSlots:
    return RootSlots(chain, store)  # type: ignore[arg-type]


def test_next_free__nothing_settled_yet__is_the_first(slots: RootSlots) -> None:
    assert slots.next_free(NOW) == 0


@pytest.mark.parametrize("late, slot", [(-1, 1), (0, 0), (1, 0)])
def test_next_free__a_window_about_to_end__is_taken_until_it_has(
    slots: RootSlots, chain: MemoryChain, late: int, slot: int
) -> None:
    chain.roots[0] = NOW - DISPUTE_WINDOW_SECONDS - late
    assert slots.next_free(NOW) == slot


def test_next_free__own_batches__are_remembered_without_asking(
    slots: RootSlots, chain: MemoryChain, store: OracleStore
) -> None:
    for slot in (0, 1):
        slots.take(slot, NOW)
    assert not chain.roots
    assert slots.next_free(NOW) == 2
    assert RootSlots(chain, store).next_free(NOW) == 2  # type: ignore[arg-type]
    assert slots.next_free(NOW + DISPUTE_WINDOW_SECONDS) == 0


def test_next_free__other_submitters_batches__are_passed_over(slots: RootSlots, chain: MemoryChain) -> None:
    chain.roots = {0: NOW - 5, 1: NOW - 4, 3: NOW}
    assert slots.next_free(NOW) == 2
