"""Sequences that are drawn: never one that is used, never two for an event, and one block after another."""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.oracle.conftest import PATIENT, MemoryChain, service_event
from tests.oracle.test_submission import SCHEDULE_KEY, schedule_key
from tests.oracle.workplace import Crash

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.signing import Signer
from chainbill.errors import IntakeRefused, StateError
from chainbill.operations.provider import sequences
from chainbill.operations.provider.sequences import (
    BLOCK,
    ENVIRONMENT,
    FIRST_BLOCK,
    LAST,
    Block,
    Numbering,
    choose,
    unused,
)
from chainbill.operations.provider.submission import AttestationSubmitter, Counterparties, RefusedEvent
from chainbill.operations.provider.worklist import WaitingEvent, Worklist
from chainbill.operations.provider.worklist_rebuild import rebuild_worklist
from chainbill.oracle.api import Receipt, Status
from chainbill.oracle.local import LocalOracle
from chainbill.oracle.store import OracleStore
from chainbill.records.service_id import service_id
from chainbill.records.vault import Vault, VaultKey

LARGEST: Callable[[Sequence[int]], int] = max
ATTESTER = Signer((7).to_bytes(32, "big"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "worklist.sqlite"


def enlist(worklist: Worklist, count: int, *, begin: int = 0) -> list[WaitingEvent]:
    worklist.add_all((PATIENT, service_event(f"Encounter/{begin + n}")) for n in range(count))
    return worklist.waiting()[-count:]


def reserve(worklist: Worklist, count: int, *, begin: int = 0) -> list[int]:
    return [worklist.reserve_sequence(each) for each in enlist(worklist, count, begin=begin)]


# ---- one list -----------------------------------------------------------------------------------------


def test_reserve__by_itself__draws_in_no_order_from_the_first_block(path: Path) -> None:
    drawn = reserve(Worklist(path), 30)
    assert len(set(drawn)) == 30
    assert all(1 <= each < BLOCK for each in drawn)
    # One in 30! of all draws is in order.
    assert drawn != sorted(drawn)


def test_reserve__whatever_is_drawn__fills_a_block_before_the_next_is_begun(path: Path) -> None:
    worklist = Worklist(path, pick=random.Random(1).choice)
    assert worklist.block() == FIRST_BLOCK == Block(0, 255, unused=255)
    assert set(reserve(worklist, 255)) == set(range(1, 256))
    assert worklist.block() == Block(256, 511, unused=256)
    assert set(reserve(worklist, 256, begin=255)) == set(range(256, 512))
    (first,) = reserve(worklist, 1, begin=511)
    assert worklist.block() == Block(512, 767, unused=255)
    assert 512 <= first < 768


def test_reserve__again_with_what_was_read_before__is_the_same_sequence(path: Path) -> None:
    worklist = Worklist(path)
    (waiting,) = enlist(worklist, 1)
    first = worklist.reserve_sequence(waiting)
    # Another process has read the event before it had a sequence.
    assert waiting.sequence is None
    assert Worklist(path).reserve_sequence(waiting) == first
    worklist.mark_attested(waiting, b"c" * 32, first)
    assert worklist.reserve_sequence(waiting) == first


def test_reserve__event_that_was_removed__is_refused(path: Path) -> None:
    worklist = Worklist(path)
    (waiting,) = enlist(worklist, 1)
    worklist.remove([waiting])
    with pytest.raises(StateError, match="does not wait any more"):
        worklist.reserve_sequence(waiting)
    assert worklist.block() == FIRST_BLOCK


def test_reserve__of_a_removed_event__is_given_to_nobody_else(path: Path) -> None:
    worklist = Worklist(path, pick=LARGEST)
    (waiting,) = enlist(worklist, 1)
    assert worklist.reserve_sequence(waiting) == 255
    worklist.remove([waiting])
    assert reserve(worklist, 2) == [254, 253]


def test_take_sequences__some_of_the_block__leaves_the_others(path: Path) -> None:
    worklist = Worklist(path, pick=LARGEST)
    worklist.take_sequences({255, 254, 12})
    worklist.take_sequences(set())
    assert reserve(Worklist(path, pick=LARGEST), 2) == [253, 252]


def test_take_sequences__beyond_what_the_list_holds__says_so(path: Path) -> None:
    with pytest.raises(StateError, match="come to their end"):
        Worklist(path).take_sequences({2**64 - 1})


def test_take_sequences__used_ones__are_not_reserved(path: Path) -> None:
    worklist = Worklist(path, pick=LARGEST)
    assert worklist.may_reserve({300, 511}) == {300, 511}
    worklist.take_sequences({511, 300, 5})
    assert worklist.may_reserve({300, 511, 5, 301}) == {301}
    assert worklist.block() == Block(256, 511, unused=254)
    assert reserve(worklist, 1) == [510]


def test_reserve__list_that_counted_on_before__draws_what_is_left_of_its_block(path: Path) -> None:
    Worklist(path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE given")
        database.execute("UPDATE counter SET next_sequence = 1001")
    worklist = Worklist(path)
    assert worklist.block() == Block(768, 1_023, unused=23)
    assert set(reserve(worklist, 23)) == set(range(1_001, 1_024))


def test_reserve__in_order__counts_on_after_the_highest(path: Path) -> None:
    worklist = Worklist(path, numbering=Numbering.IN_ORDER)
    assert reserve(worklist, 3) == [1, 2, 3]
    worklist.take_sequences({9})
    assert reserve(worklist, 2, begin=3) == [10, 11]


def test_choose__after_the_last__is_refused() -> None:
    for numbering in Numbering:
        with pytest.raises(StateError, match="come to their end"):
            choose(numbering, {LAST}, floor=LAST)
        with pytest.raises(StateError, match="come to their end"):
            choose(numbering, {2**64 - 1}, floor=1)
    assert unused({LAST - 1}, floor=LAST - 1) == [LAST]


@pytest.mark.parametrize("said", [None, "", "drawn", "in-order"])
def test_numbering__as_the_environment_says__is_drawn_where_it_says_nothing(
    said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    if said is not None:
        monkeypatch.setenv(ENVIRONMENT, said)
    assert Numbering.from_environment() is (Numbering.IN_ORDER if said == "in-order" else Numbering.DRAWN)


def test_numbering__environment_says_something_else__is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "random")
    with pytest.raises(StateError, match="'random'") as refused:
        Numbering.from_environment()
    assert refused.value.hint == "drawn or in-order; drawn where it is not set"


def _reserve_all(path: Path, waiting: list[WaitingEvent]) -> list[int]:
    worklist = Worklist(path)
    return [worklist.reserve_sequence(each) for each in waiting]


def test_reserve__by_two_processes_at_once__agrees_on_one_for_each_event(path: Path) -> None:
    waiting = enlist(Worklist(path), 60)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        one, other = pool.starmap(_reserve_all, [(path, waiting), (path, waiting)])
    assert one == other
    assert len(set(one)) == 60


# ---- with an oracle and a chain -----------------------------------------------------------------------


@dataclass
class World:
    """A provider and an oracle in a folder; every draw is checked."""

    folder: Path
    seed: int = 0
    chain: MemoryChain = field(default_factory=lambda: MemoryChain(attesters={(1, ATTESTER.address)}))
    given: set[int] = field(default_factory=set)
    """Sequences that were given, and are on the list or at the oracle."""
    of_record: dict[str, int] = field(default_factory=dict)
    """By record on the list: the sequence it was first seen to have."""
    crash_at: str = ""

    def __post_init__(self) -> None:
        key = service_id(SCHEDULE_KEY, "office-visit")
        self.chain.fees = {key: next(iter(self.chain.fees.values()))}
        self._random = random.Random(self.seed)
        self._key = VaultKey.generate()
        self._made = 0

    def pick(self, free: Sequence[int]) -> int:
        assert self.given.isdisjoint(free)
        assert len({each // sequences.BLOCK for each in free}) == 1
        begun = [each for each in self.given if each // sequences.BLOCK == max(self.given) // sequences.BLOCK]
        if begun and free[0] > max(begun):
            block = max(begun) - max(begun) % sequences.BLOCK
            others = set(range(max(1, block), block + sequences.BLOCK)) - set(begun)
            assert not others or free[0] // sequences.BLOCK == block // sequences.BLOCK
        drawn = self._random.choice(free)
        self.given.add(drawn)
        return drawn

    @property
    def worklist(self) -> Worklist:
        return Worklist(self.folder / "worklist.sqlite", pick=self.pick)

    @property
    def oracle(self) -> LocalOracle:
        store = OracleStore(self.folder / "oracle.sqlite")
        return LocalOracle(self.chain, store, schedule_key)  # type: ignore[arg-type]

    @property
    def submitter(self) -> AttestationSubmitter:
        oracle: Any = self.oracle
        if self.crash_at:
            oracle = _Crashing(self.oracle, self.crash_at)
        return AttestationSubmitter(
            protocol=self.chain,  # type: ignore[arg-type]
            provider_id=1,
            attester=ATTESTER,
            own_vault_key=self._key.public,
            worklist=self.worklist,
            oracle=oracle,
            vault=Vault(self.folder / "vault"),
            counterparties=Counterparties(schedule_key, lambda _: self._key.public),
        )

    def enlist(self) -> None:
        self._made += 1
        self.worklist.add(PATIENT, service_event(f"Encounter/{self._made}"))

    def attest(self) -> list[int]:
        done = list(self.submitter.submit_all(self.worklist.waiting()))
        assert not [each for each in done if isinstance(each, RefusedEvent)]
        return [each.attestation.sequence for each in done if not isinstance(each, RefusedEvent)]

    def cut_off(self, at: str) -> None:
        self.crash_at = at
        with suppress(Crash):
            self.attest()
        self.crash_at = ""

    def remove(self) -> None:
        for item in self.worklist.waiting()[:1]:
            self.worklist.remove([item])
            self.of_record.pop(item.event.record_identity, None)

    def lose(self) -> None:
        """The worklist; what it alone had given is forgotten."""
        (self.folder / "worklist.sqlite").unlink(missing_ok=True)
        self.given = self.oracle.sequences(1)
        self.of_record.clear()

    def rebuild(self, *, unsent: bool = False) -> None:
        vault, chain = Vault(self.folder / "vault"), self.chain
        rebuild_worklist(
            chain,  # type: ignore[arg-type]
            self.oracle,
            self.worklist,
            vault,
            self._key,
            1,
            with_unsent=unsent,
        )

    def check(self) -> None:
        held = [each.attestation.sequence for each in self.oracle.attestations(1)]
        assert len(held) == len(set(held))
        listed = {each.event.record_identity: each.sequence for each in self.worklist.waiting()}
        listed |= {each.record_identity: each.sequence for each in self.worklist.attested()}
        numbered = {record: number for record, number in listed.items() if number is not None}
        assert len(set(numbered.values())) == len(numbered)
        for record, number in numbered.items():
            assert self.of_record.setdefault(record, number) == number


@dataclass
class _Crashing:
    """An oracle at whose door the process dies: before it took anything, or after."""

    oracle: LocalOracle
    at: str

    def submit_all(self, events: Sequence[AttestedEvent]) -> list[Receipt | IntakeRefused]:
        if self.at == "after":
            self.oracle.submit_all(events)
        raise Crash

    def __getattr__(self, name: str) -> Any:
        return getattr(self.oracle, name)


@contextmanager
def small_blocks(size: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequences, "BLOCK", size)
        yield


_STEPS: dict[str, Callable[[World], object]] = {
    "enlist": World.enlist,
    "attest": World.attest,
    "cut off before the oracle": lambda world: world.cut_off("before"),
    "cut off after the oracle": lambda world: world.cut_off("after"),
    "remove": World.remove,
    "lose": World.lose,
    "lose and rebuild": lambda world: (world.lose(), world.rebuild()),
    "lose and rebuild with unsent": lambda world: (world.lose(), world.rebuild(unsent=True)),
    "rebuild": World.rebuild,
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32), steps=st.lists(st.sampled_from(["enlist", "enlist", *_STEPS]), max_size=25)
)
def test_any_interleaving__sequences__are_distinct_unused_and_fill_block_after_block(
    seed: int, steps: list[str]
) -> None:
    with TemporaryDirectory() as folder, small_blocks(4):
        world = World(Path(folder), seed)
        for step in steps:
            _STEPS[step](world)
            world.check()
        world.attest()
        world.check()


def test_submit__sequence_that_only_the_chain_knows__is_not_given(tmp_path: Path) -> None:
    with small_blocks(4):
        world = World(tmp_path, given={2})
        # Pended: not spent, and not the oracle's to miss.
        pended = SimpleNamespace(claim=SimpleNamespace(sequence=2), is_final=False)
        rows = SimpleNamespace(
            rows=lambda provider: [pended] if provider == 1 else [],
            places_of=lambda commitment: set(),
            is_spent=lambda provider, sequence: False,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(MemoryChain, "rows", property(lambda _: rows))
            drawn = []
            for _ in range(3):
                world.enlist()
                drawn += world.attest()
        assert {*drawn[:2]} == {1, 3}
        assert drawn[2] >= 4


def test_submit__attestation_that_gave_way_to_another__leaves_its_sequence_to_nobody(tmp_path: Path) -> None:
    with small_blocks(4):
        world = World(tmp_path)
        world.enlist()
        (first,) = world.attest()
        store = OracleStore(tmp_path / "oracle.sqlite")
        (stored,) = store.of_provider(1)
        with closing(sqlite3.connect(tmp_path / "oracle.sqlite")) as database, database:
            database.execute("UPDATE attestation SET status = ?", (Status.RECALLED,))
        # Recalled and dropped, ingested again, and attested under another number.
        (listed,) = world.worklist.attested()
        world.worklist.drop(listed)
        world.worklist.add(PATIENT, service_event("Encounter/1"))
        world.of_record.clear()
        (second,) = world.attest()
        assert second != first
        assert store.find(digest=stored.attestation.digest(world.chain.domain)) is None
        assert world.oracle.sequences(1) == {first, second}
        world.lose()
        assert world.given == {first, second}
        world.rebuild()
        for _ in range(6):
            world.enlist()
        assert first not in world.attest()
