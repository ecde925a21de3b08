"""A section that is all of a run: its payer pays, or fails, in the call in which it prices, and the last
one's patients pay in the call that charges them. It ends as any other, and tokens are where they are owed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import pytest
from tests.contracts.claims import settled_claims
from tests.contracts.situations import endings
from tests.contracts.test_payer_failed import GAS_AT_HAND, block, refused_for_gas
from tests.contracts.test_remembered_terms import REFILLS, VISITS, memory_of
from tests.contracts.test_spendable import PATIENTS, EscrowHarness, packed
from tests.contracts.test_unruly_tokens import FALSE, FALSE_AFTER_MOVING, NOTHING, ask
from tests.support.deployment import (
    COSMETIC,
    HOUR,
    MAX_BATCH_LIFE,
    NOTICE,
    PLAN,
    REFILL,
    THERAPY,
    UNLISTED,
    VISIT,
    ZERO_ADDRESS,
    Protocol,
    account,
    category_words,
    plan_words,
)
from tests.support.evm import Contract, Receipt, reverts

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms
from chainbill.chain.format.batch_codec import BatchSection
from chainbill.chain.format.events import BatchSettled, ClaimSettled, PayerFailed
from chainbill.chain.format.logs import TRANSFER_TOPIC
from chainbill.chain.node.reverts import decode_revert
from chainbill.errors import ChainError, ContractReverted
from chainbill.money import DOLLAR
from chainbill.records.merkle_tree import merkle_root

PAYERS = (1, 2, 3)

ALONE, RUN = "alone", "run"
"""One section, or two: patient and plan pay."""

PLAN_PAYS, PATIENT_PAYS, NOBODY_PAYS = "the plan pays all", "the patient pays all", "denied"
"""One section of which only one pays, or nobody."""

KINDS = (ALONE, RUN, PLAN_PAYS, PATIENT_PAYS, NOBODY_PAYS)
SETTLED = {ALONE: 1, RUN: 2, PLAN_PAYS: 1, PATIENT_PAYS: 1, NOBODY_PAYS: 0}


@dataclass(frozen=True)
class Three:
    """Three payers, of each a member who has met nothing, and one who has met all."""

    protocol: Protocol
    members: dict[int, str]
    met: dict[int, str]

    def sections(self, kinds: Sequence[str], first: int = 0) -> list[BatchSection]:
        """For each payer a run of this kind; its sequences are ten times its id, and more."""
        return [
            section
            for payer_id, kind in zip(PAYERS, kinds, strict=False)
            for section in self.run(payer_id, kind, first + 10 * payer_id)
        ]

    def run(self, payer_id: int, kind: str, sequence: int) -> list[BatchSection]:
        protocol, member = self.protocol, self.members[payer_id]
        rows = {
            ALONE: [protocol.row(member, sequence)],
            RUN: [protocol.row(member, sequence), protocol.row(member, sequence + 1, REFILL)],
            PLAN_PAYS: [protocol.row(self.met[payer_id], sequence)],
            PATIENT_PAYS: [protocol.row(member, sequence, REFILL, billed=25 * DOLLAR)],
            NOBODY_PAYS: [protocol.row(member, sequence, UNLISTED)],
        }
        return [protocol.section(row, payer_id=payer_id) for row in rows[kind]]

    def submit(self, kinds: Sequence[str], first: int = 0) -> Receipt:
        return self.protocol.submit(self.protocol.batch(self.sections(kinds, first)))

    def address(self, payer_id: int) -> str:
        return self.protocol.payer_contracts[payer_id].address.lower()


@pytest.fixture
def three(unruly: Protocol) -> Three:
    late, last = unruly.late, account("last").address
    assert unruly.second_payer(late) == 2
    assert unruly.second_payer(last, insurer="third insurer") == 3
    met: dict[int, str] = {payer_id: account(f"met {payer_id}").address for payer_id in PAYERS}
    for payer_id, member in met.items():
        unruly.welcome(member, payers=(0, 0))
        unruly.escrow.send(member, "acceptPayer", payer_id, 0)
        unruly.enrol(member, met=Accumulators(100 * DOLLAR, 1_000 * DOLLAR), payer_id=payer_id)
    unruly.advance(MAX_BATCH_LIFE)
    return Three(unruly, {1: unruly.patient, 2: late, 3: last}, met)


def senders(receipt: Receipt) -> list[str]:
    """Who has moved tokens, in order."""
    return ["0x" + log.topics[1][-20:].hex() for log in receipt.logs if log.topics[0] == TRANSFER_TOPIC]


def assert_rooted(protocol: Protocol, receipt: Receipt) -> None:
    """The root that was stored and logged is that of the claims, in the order of the sections."""
    (summary,) = receipt.of(BatchSettled)
    claims = settled_claims(receipt, protocol.evm.chain_id, protocol.settlement.address)
    assert summary.root == merkle_root([claim.claim_id for claim in claims])
    outcomes = Counter(outcome for _, outcome, _ in endings(receipt))
    assert receipt.value == (summary.settled, summary.denied, summary.pended, summary.skipped)
    assert receipt.value == (
        *(len(receipt.of(ClaimSettled)), outcomes[Outcome.DENIED]),
        *(outcomes[Outcome.PENDED], outcomes[Outcome.SKIPPED]),
    )


# ---- every token is where it is owed ----------------------------------------------------------------------


@pytest.mark.parametrize("first", KINDS)
def test_settle__runs_of_every_kind__each_contract_moves_what_it_owes_at_once(
    three: Three, first: str
) -> None:
    protocol = three.protocol
    for count in (1, 2, 3):
        for others in product(KINDS, repeat=count - 1):
            kinds = (first, *others)
            with protocol.rolled_back():
                receipt = three.submit(kinds)
                denied = kinds.count(NOBODY_PAYS)
                assert receipt.value == (sum(SETTLED[kind] for kind in kinds), denied, 0, 0)
                paying = [three.address(n) for n, kind in zip(PAYERS, kinds, strict=False) if pays(kind)]
                charged = any(kind in (ALONE, RUN, PATIENT_PAYS) for kind in kinds)
                assert senders(receipt) == paying + [protocol.escrow.address.lower()] * charged
                assert_rooted(protocol, receipt)
                protocol.assert_solvent()


def pays(kind: str) -> bool:
    """Does the plan pay a part of it?"""
    return kind in (ALONE, RUN, PLAN_PAYS)


@pytest.mark.parametrize("self_pay", [False, True])
@pytest.mark.parametrize("kinds", list(product((ALONE, RUN, NOBODY_PAYS), repeat=2)))
def test_settle__sections_of_two_payers_and_of_none_among_them__each_moves_what_it_owes(
    three: Three, kinds: tuple[str, str], self_pay: bool
) -> None:
    """Payer 1 pays in a run of its own, and in one with payer 2, which has one of its own, too."""
    protocol = three.protocol
    twice = account("insured twice").address
    protocol.welcome(twice, payers=(1, 2))
    protocol.publish_cash_prices()
    protocol.grant(protocol.neighbour, self_pay=True)
    protocol.evm.now += NOTICE
    sections = [
        *three.run(1, kinds[0], 10),
        protocol.coordinated(protocol.row(twice, 1), secondary=2),
        *three.run(2, kinds[1], 20),
    ]
    if self_pay:
        sections.insert(0, protocol.self_pay(protocol.row(protocol.neighbour, 2)))
    receipt = protocol.submit(protocol.batch(sections))
    one, two = three.address(1), three.address(2)
    assert senders(receipt) == [
        *([one] if pays(kinds[0]) else []),
        *(one, two),
        *([two] if pays(kinds[1]) else []),
        protocol.escrow.address.lower(),
    ]
    assert_rooted(protocol, receipt)
    protocol.assert_solvent()


@pytest.mark.parametrize("kinds", [(ALONE,), (ALONE, ALONE), (RUN, ALONE), (ALONE, RUN)])
def test_settle__self_pay_alone__is_charged_with_the_rest(three: Three, kinds: tuple[str, ...]) -> None:
    protocol = three.protocol
    protocol.publish_cash_prices()
    protocol.grant(protocol.neighbour, self_pay=True)
    protocol.evm.now += NOTICE
    alone = protocol.self_pay(protocol.row(protocol.neighbour, 2))
    receipt = protocol.submit(protocol.batch([alone]))
    assert senders(receipt) == [protocol.escrow.address.lower()]
    protocol.assert_solvent()
    alone = protocol.self_pay(protocol.row(protocol.neighbour, 3))
    receipt = protocol.submit(protocol.batch([alone, *three.sections(kinds)]))
    assert senders(receipt).count(protocol.escrow.address.lower()) == 1
    protocol.assert_solvent()


@pytest.mark.parametrize("last", KINDS)
def test_settle__last_run_of_unknown_payer__leaves_nothing_that_was_charged_before(
    three: Three, last: str
) -> None:
    protocol = three.protocol
    unknown = protocol.section(protocol.row(protocol.patient, 90), payer_id=9)
    receipt = protocol.submit(protocol.batch([*three.sections((ALONE, last)), unknown]))
    assert receipt.value[2] == 1
    protocol.assert_solvent()


PAIRS = [(ALONE,), (RUN,), (NOBODY_PAYS,), (PLAN_PAYS,), (ALONE, ALONE), (RUN, ALONE), (ALONE, NOBODY_PAYS)]


@pytest.mark.parametrize("first", PAIRS)
@pytest.mark.parametrize("second", PAIRS)
def test_settle__two_batches_in_one_transaction__as_one_after_the_other(
    three: Three, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    """Nothing of the one is left over to be moved with the other."""
    protocol = three.protocol
    batches = [
        protocol.batch(three.sections(kinds, 100 * n)) for n, kinds in enumerate((first, second, first))
    ]
    arguments = [protocol.settle_arguments(batch) for batch in batches]
    with protocol.rolled_back():
        for each in arguments:
            protocol.settlement.send(protocol.stranger, "settle", *each)
        one_after_the_other = protocol.state()
    caller = protocol.evm.deploy(protocol.stranger, "SeveralCalls")
    calls = [protocol.settlement.functions["settle"].encode(each) for each in arguments]
    receipt = caller.send(protocol.stranger, "run", [protocol.settlement.address] * len(calls), calls)
    assert max(Counter(senders(receipt)).values(), default=0) <= len(calls)
    assert protocol.state() == one_after_the_other
    protocol.assert_solvent()


def test_settle__many_rows_in_runs_of_both_kinds__are_all_in_the_root(three: Three) -> None:
    protocol = three.protocol
    rows = [
        [protocol.row(three.members[n], 100 * n + k, UNLISTED if k % 7 == 6 else REFILL) for k in range(40)]
        for n in PAYERS
    ]
    for divided in product((False, True), repeat=3):
        with protocol.rolled_back():
            sections = [
                protocol.section(*part, payer_id=payer_id)
                for payer_id, mine, cut in zip(PAYERS, rows, divided, strict=True)
                for part in ((mine[:13], mine[13:]) if cut else (mine,))
            ]
            receipt = protocol.submit(protocol.batch(sections))
            assert receipt.value == (105, 15, 0, 0)
            assert_rooted(protocol, receipt)
            protocol.assert_solvent()


# ---- one section, a run of sections, a batch for each -----------------------------------------------------


def outcomes(*receipts: Receipt) -> dict[int, Any]:
    """What became of each row, by sequence."""
    found: dict[int, Any] = {}
    for receipt in receipts:
        found |= {event.claim.sequence: (event.patient, event.claim) for event in receipt.of(ClaimSettled)}
        found |= {sequence: ending for sequence, *ending in endings(receipt)}
    return found


@pytest.mark.parametrize("operator", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_settle__same_rows_in_one_section_in_several_and_in_several_batches__end_alike(
    three: Three, seed: int, operator: bool
) -> None:
    protocol, draw = three.protocol, random.Random(f"paid at once {seed}")
    if operator:
        protocol.set_operator_fee(DOLLAR // 2, 50)
        protocol.evm.now += NOTICE
    members = sorted((protocol.patient, protocol.neighbour, three.met[1], three.met[2]), key=str.lower)
    rows = [
        protocol.row(
            draw.choice(members),
            n,
            draw.choice((VISIT, VISIT, REFILL, THERAPY, COSMETIC, UNLISTED)),
            units=draw.choice((1, 1, 1, 2, 9)),
            billed=draw.choice((0, 200 * DOLLAR, draw.randrange(1, 90 * DOLLAR))),
        )
        for n in range(1, 13)
    ]
    rows.sort(key=lambda row: row.patient)
    cut = draw.randrange(1, len(rows))
    by = protocol.operator if operator else ZERO_ADDRESS
    several = [protocol.section(*rows[:cut]), protocol.section(*rows[cut:])]
    ways: list[list[list[BatchSection]]] = [
        [[protocol.section(*rows)]],
        [several],
        [[protocol.section(row) for row in rows]],
        [[section] for section in several],
        [[protocol.section(row)] for row in rows],
    ]
    ends = []
    for batches in ways:
        with protocol.rolled_back():
            receipts = [protocol.submit(protocol.batch(batch, operator=by)) for batch in batches]
            ends.append((outcomes(*receipts), protocol.state(*range(1, 13))))
            protocol.assert_solvent()
            for receipt in receipts:
                assert_rooted(protocol, receipt)
    assert all(end == ends[0] for end in ends[1:])


# ---- payers whose tokens do not move ----------------------------------------------------------------------

FAILING = [chosen for count in (1, 2, 3) for chosen in combinations(PAYERS, count)]


@pytest.mark.parametrize("failing", FAILING)
def test_settle__payers_fail_in_runs_of_both_kinds__their_rows_pend_and_the_others_settle(
    three: Three, failing: tuple[int, ...]
) -> None:
    protocol = three.protocol
    for payer_id in failing:
        block(protocol, payer_id)
    for kinds in product((ALONE, RUN), repeat=3):
        with protocol.rolled_back():
            assert_pends(three, kinds, failing)


def assert_pends(three: Three, kinds: Sequence[str], failing: Sequence[int]) -> None:
    """A batch of such runs pends the rows of these payers, and writes nothing for them."""
    protocol = three.protocol
    before = protocol.state()
    receipt = three.submit(kinds)
    expected: list[str] = []
    pended: list[int] = []
    settled: list[int] = []
    for payer_id, kind in zip(PAYERS, kinds, strict=True):
        sequences = range(10 * payer_id, 10 * payer_id + SETTLED[kind])
        (pended if payer_id in failing else settled).extend(sequences)
        expected += [] if payer_id in failing else [three.address(payer_id)]
    assert [event.claim.sequence for event in receipt.of(ClaimSettled)] == settled
    assert endings(receipt) == [(n, Outcome.PENDED, Reason.PAYER_FAILED) for n in pended]
    assert [event.payer_id for event in receipt.of(PayerFailed)] == list(failing)
    assert senders(receipt) == expected + [protocol.escrow.address.lower()] * bool(settled)
    assert [n for n in range(40) if protocol.is_spent(n)] == settled
    after = protocol.state()
    for payer_id in failing:
        assert after.pools[payer_id - 1] == before.pools[payer_id - 1]
        member = three.members[payer_id]
        assert protocol.member(member, payer_id=payer_id) == Accumulators()
        which = protocol.patients().index(member)
        assert after.balances[which] == before.balances[which]
    assert_rooted(protocol, receipt)
    protocol.assert_solvent()


@pytest.mark.parametrize("failing", PAYERS)
def test_settle__payer_burns_all_its_gas_in_any_place__its_rows_pend_and_the_others_settle(
    three: Three, failing: int
) -> None:
    ask(three.protocol, "setBurnsGas", three.address(failing), True)
    for kinds in product((ALONE, RUN), repeat=3):
        with three.protocol.rolled_back():
            assert_pends(three, kinds, [failing])


@pytest.mark.parametrize("answer", [FALSE, FALSE_AFTER_MOVING])
def test_settle__token_answers_false_to_runs_of_both_kinds__all_pend(three: Three, answer: int) -> None:
    ask(three.protocol, "setAnswer", answer)
    for kinds in product((ALONE, RUN), repeat=3):
        with three.protocol.rolled_back():
            assert_pends(three, kinds, PAYERS)


def test_settle__token_answers_nothing_to_runs_of_both_kinds__all_settle(three: Three) -> None:
    ask(three.protocol, "setAnswer", NOTHING)
    for kinds in product((ALONE, RUN), repeat=3):
        with three.protocol.rolled_back():
            assert_pends(three, kinds, ())


@pytest.mark.parametrize("last", [(PLAN_PAYS,), (PATIENT_PAYS,), (NOBODY_PAYS,), (ALONE,)])
def test_settle__every_payer_blocked_and_some_owe_nothing__those_settle(
    three: Three, last: tuple[str, ...]
) -> None:
    protocol = three.protocol
    for payer_id in PAYERS:
        block(protocol, payer_id)
    receipt = three.submit((PATIENT_PAYS, ALONE, *last))
    settled = [event.claim.sequence for event in receipt.of(ClaimSettled)]
    assert settled == [10] + [30] * (last == (PATIENT_PAYS,))
    assert senders(receipt) == [protocol.escrow.address.lower()]
    assert_rooted(protocol, receipt)
    protocol.assert_solvent()


FAILURES: dict[str, tuple[str, tuple[Any, ...], bytes | str]] = {
    "blocked": ("setBlocked", ("payer", True), "ERC20InvalidSender"),
    "paused": ("setPaused", (True,), "Paused"),
    "answers false": ("setAnswer", (FALSE,), bytes(32)),
    "answers false after moving": ("setAnswer", (FALSE_AFTER_MOVING,), bytes(32)),
    "burns all gas": ("setBurnsGas", ("payer", True), b""),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_settle__payer_alone_fails__logs_what_the_token_said(
    three: Three, failure: tuple[str, tuple[Any, ...], bytes | str]
) -> None:
    verb, arguments, said = failure
    arguments = tuple(three.address(1) if each == "payer" else each for each in arguments)
    ask(three.protocol, verb, *arguments)
    (failed,) = three.submit((ALONE,)).of(PayerFailed)
    assert failed.payer_id == 1
    error = decode_revert(failed.failure)
    assert isinstance(error, ContractReverted)
    assert (error.name, error.fields["payerId"]) == ("PayerCannotPay", 1)
    tokens_own = bytes.fromhex(error.fields["failure"][2:])
    if isinstance(said, bytes):
        assert tokens_own == said
    elif said == "Paused":
        assert len(tokens_own) == 4
    else:
        refused = decode_revert(tokens_own)
        assert isinstance(refused, ContractReverted)
        assert (refused.name, refused.fields["sender"]) == (said, three.address(1))


def test_settle__payer_alone_fails__skips_what_is_spent_and_what_comes_twice(three: Three) -> None:
    """Sequence 2 comes twice: the second time it is spent, though the first time pends."""
    protocol = three.protocol
    protocol.settle(protocol.row(protocol.patient, 1))
    block(protocol, 1)
    before = protocol.state(1, 2, 3)
    receipt = protocol.settle(*(protocol.row(protocol.patient, n) for n in (1, 2, 2, 3)))
    pended, skipped = (Outcome.PENDED, Reason.PAYER_FAILED), (Outcome.SKIPPED, Reason.SEQUENCE_SPENT)
    assert endings(receipt) == [(1, *skipped), (2, *pended), (2, *skipped), (3, *pended)]
    assert protocol.state(1, 2, 3) == before
    block(protocol, 1, False)
    assert protocol.settle(*(protocol.row(protocol.patient, n) for n in (1, 2, 3))).value == (2, 0, 0, 1)


def test_settle__payer_alone_fails__remembers_what_it_did_before(three: Three) -> None:
    protocol = three.protocol
    block(protocol, 1)
    three.submit((ALONE,))
    assert memory_of(protocol, protocol.payer) is None
    block(protocol, 1, False)
    three.submit((ALONE,))
    assert memory_of(protocol, protocol.payer) == VISITS
    block(protocol, 1)
    assert protocol.settle(protocol.row(protocol.patient, 50, REFILL)).value == (0, 0, 1, 0)
    assert memory_of(protocol, protocol.payer) == VISITS
    block(protocol, 1, False)
    assert protocol.settle(protocol.row(protocol.patient, 50, REFILL)).value == (1, 0, 0, 0)
    assert memory_of(protocol, protocol.payer) == REFILLS


@pytest.mark.parametrize("kinds", list(product((ALONE, RUN), repeat=2)))
def test_settle__escrow_cannot_pay__reverts_whole_whatever_the_runs(
    three: Three, kinds: tuple[str, str]
) -> None:
    protocol = three.protocol
    ask(protocol, "setBlocked", protocol.escrow.address, True)
    before = protocol.state(10, 11, 20, 21)
    with reverts("ERC20InvalidSender", sender=protocol.escrow.address):
        three.submit(kinds)
    assert protocol.state(10, 11, 20, 21) == before


def test_settle__settlement_cannot_receive__pends_what_plans_would_pay(three: Three) -> None:
    protocol = three.protocol
    ask(protocol, "setBlocked", protocol.settlement.address, True)
    for kinds in product((ALONE, RUN), repeat=3):
        with protocol.rolled_back():
            assert_pends(three, kinds, PAYERS)


# ---- in the middle of the payer's transfer ----------------------------------------------------------------


@pytest.fixture
def owner(three: Three) -> Contract:
    """A contract that anybody may have call anything; it is the first payer's insurer."""
    protocol = three.protocol
    owner = protocol.evm.deploy(protocol.stranger, "SeveralCalls")
    payer = protocol.payer
    payer.send(protocol.insurer, "transferOwnership", owner.address)
    accepting = payer.functions["acceptOwnership"].encode(())
    owner.send(protocol.stranger, "run", [payer.address], [accepting])
    assert payer.read("owner").lower() == owner.address.lower()
    three.submit((ALONE,))
    assert memory_of(protocol, payer) == VISITS
    return owner


def in_the_middle(protocol: Protocol, owner: Contract, *calls: tuple[Contract, str, tuple[Any, ...]]) -> None:
    """Have the owner call these in the middle of the next transfer."""
    targets = [target.address for target, _, _ in calls]
    calldata = [target.functions[verb].encode(arguments) for target, verb, arguments in calls]
    protocol.token.send(
        protocol.stranger, "setHook", 0, owner.address, owner.functions["run"].encode((targets, calldata))
    )


@pytest.mark.parametrize("service", [VISIT, REFILL])
@pytest.mark.parametrize("late", [-1, 0, 1])
def test_settle__insurer_announces_a_version_while_it_pays__what_was_remembered_is_forgotten(
    three: Three, owner: Contract, service: bytes, late: int
) -> None:
    protocol = three.protocol
    at = protocol.evm.now + NOTICE
    terms = plan_words(PLAN), [1], [category_words(CategoryTerms(coinsurance_bps=9_000))]
    in_the_middle(protocol, owner, (protocol.payer, "publishPlan", (1, *terms)))
    assert protocol.settle(protocol.row(protocol.patient, 50, service)).value == (1, 0, 0, 0)
    assert protocol.token.read("hookSucceeded")
    assert memory_of(protocol, protocol.payer) is None
    protocol.evm.now = at + HOUR // 2
    receipt = protocol.settle(protocol.row(protocol.patient, 51, service), signed_at=at + late)
    assert receipt.value == ((1, 0, 0, 0) if late < 0 else (0, 0, 1, 0))


def test_settle__insurer_deposits_while_it_pays__the_pool_has_both(three: Three, owner: Contract) -> None:
    protocol = three.protocol
    protocol.mint(owner.address, DOLLAR)
    approval = protocol.token, "approve", (protocol.payer.address, DOLLAR)
    in_the_middle(protocol, owner, approval, (protocol.payer, "deposit", (DOLLAR,)))
    before = protocol.pool()
    assert protocol.settle(protocol.row(protocol.patient, 50)).value == (1, 0, 0, 0)
    assert protocol.token.read("hookSucceeded")
    assert protocol.pool() == before - 120 * DOLLAR + DOLLAR
    assert memory_of(protocol, protocol.payer) == VISITS
    protocol.assert_solvent()


# ---- what the escrow moves with the last charge -----------------------------------------------------------


@pytest.fixture
def harness(unruly: Protocol) -> EscrowHarness:
    """Two funded patients; the token refuses to move nothing."""
    opened = EscrowHarness.deploy(unruly)
    for patient in PATIENTS[:2]:
        opened.fund(patient)
    ask(unruly, "setRefusesZero", True)
    return opened


def charge(last: int, *amounts: int) -> tuple[Any, ...]:
    """A call that charges these amounts to the first patients."""
    words = b"".join(amount.to_bytes(32, "big") for amount in amounts)
    return "chargeShares", packed(PATIENTS[: len(amounts)], 1), last, words


@pytest.mark.parametrize(
    "calls, moved",
    [
        ([charge(1, 5)], [5]),
        ([charge(2, 5)], [5]),
        ([charge(2**256 - 1, 5, 2)], [7]),
        ([charge(0, 5)], []),
        ([charge(0, 5), ("disburseTotal",)], [5]),
        ([charge(1, 5), ("disburseTotal",)], [5]),
        ([charge(0, 5), charge(0, 7), ("disburseTotal",), ("disburseTotal",)], [12]),
        ([charge(0, 5), charge(1, 7), ("disburseTotal",)], [12]),
        ([charge(0, 5), charge(1, 0), ("disburseTotal",)], [5]),
        ([charge(1, 5), charge(1, 7), ("disburseTotal",)], [5, 7]),
        ([charge(0, 5), charge(1, 7), charge(0, 2), charge(1, 1, 3)], [12, 6]),
        ([charge(1, 5), charge(0, 7), ("disburseTotal",)], [5, 7]),
        ([charge(1, 0)], []),
        ([charge(0, 0), charge(1, 0, 0), ("disburseTotal",)], []),
        ([("disburseTotal",)], []),
    ],
)
def test_charge_shares__last_or_not__moves_what_was_charged_once(
    harness: EscrowHarness, calls: list[tuple[Any, ...]], moved: list[int]
) -> None:
    token, escrow = harness.protocol.token, harness.escrow.address
    charged = sum(
        int.from_bytes(call[3][at : at + 32], "big") for call in calls if len(call) > 1 for at in (0, 32)
    )
    before = token.read("balanceOf", escrow), sum(harness.balance(patient) for patient in PATIENTS)
    receipt = harness.call(*calls)
    transfers = [log for log in receipt.logs if log.topics[0] == TRANSFER_TOPIC]
    assert [int.from_bytes(log.data, "big") for log in transfers] == moved
    assert token.read("balanceOf", harness.settlement.address) == sum(moved)
    assert token.read("balanceOf", escrow) == before[0] - sum(moved)
    assert sum(harness.balance(patient) for patient in PATIENTS) == before[1] - charged


# ---- gas --------------------------------------------------------------------------------------------------

SHAPES = [(ALONE,), (ALONE, ALONE), (RUN, ALONE), (ALONE, NOBODY_PAYS)]


@dataclass
class Gas:
    """One signed batch that is submitted again and again, with another limit each time."""

    protocol: Protocol
    batch: Any
    signatures: list[bytes]
    tally: tuple[int, int, int, int]

    @classmethod
    def of(cls, three: Three, kinds: Sequence[str], gas: int = 200_000_000) -> Gas:
        protocol = three.protocol
        batch = protocol.batch(three.sections(kinds))
        signatures = protocol.sign(batch)
        with protocol.rolled_back():
            tally = protocol.submit(batch, signatures, gas, root_slot=1).value
        return cls(protocol, batch, signatures, tally)

    def is_enough(self, gas: int) -> bool:
        """Does the batch end with so much gas? Then it does as with plenty; else it reverts for gas."""
        with self.protocol.rolled_back():
            try:
                receipt = self.protocol.submit(self.batch, self.signatures, gas, root_slot=1)
            except ChainError as refusal:
                refused_for_gas(refusal)
                return False
            assert receipt.value == self.tally, gas
            self.protocol.assert_solvent()
            return True

    def least(self) -> int:
        """The smallest limit with which it ends, by halving."""
        low, high = 60_000, 8_000_000
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.is_enough(middle) else (middle, high)
        return high


@pytest.mark.parametrize("blocked", [(), (1,), (2,)])
@pytest.mark.parametrize("kinds", SHAPES)
def test_settle__any_gas_limit__ends_as_with_plenty_or_reverts(
    three: Three, kinds: tuple[str, ...], blocked: tuple[int, ...]
) -> None:
    """Gas can never turn into a pend, in whatever kind of run."""
    for payer_id in blocked:
        block(three.protocol, payer_id)
    gas = Gas.of(three, kinds)
    least = gas.least()
    coarse = range(max(least - 500_000, 60_000), least + 300_000, 9_973)
    tried = [*coarse, *range(least - 500, least + 500, 23)]
    enough = [limit for limit in tried if gas.is_enough(limit)]
    assert enough == [limit for limit in tried if limit >= least]


@pytest.mark.parametrize("kinds", [(ALONE,), (ALONE, ALONE)])
def test_settle__payer_alone_burns_its_gas_and_any_limit__ends_as_with_plenty_or_reverts(
    three: Three, kinds: tuple[str, ...]
) -> None:
    ask(three.protocol, "setBurnsGas", three.address(1), True)
    gas = Gas.of(three, kinds)
    assert gas.tally[2] == 1
    limits = [int(100_000 * 1.07**n) for n in range(112)]
    enough = [gas.is_enough(limit) for limit in limits]
    assert enough == sorted(enough)
    assert {True, False} == set(enough)


@pytest.mark.parametrize("blocked", [False, True])
@pytest.mark.parametrize("kinds", [(ALONE,), (ALONE, ALONE), (RUN, ALONE)])
def test_settle__a_little_less_than_the_least_gas__says_that_the_payers_transfer_needs_more(
    three: Three, kinds: tuple[str, ...], blocked: bool
) -> None:
    """Before tokens are asked of a payer there must be enough for it to fail by itself."""
    if blocked:
        block(three.protocol, 1)
    gas = Gas.of(three, kinds)
    with reverts("InsufficientGas", required=GAS_AT_HAND):
        gas.protocol.submit(gas.batch, gas.signatures, gas.least() - 100)
