"""Many members at once: each is enrolled once however often it is tried, and a bad line stops all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from tests.support.roles import PLAN
from tests.support.testbed import DAY, Testbed

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.billing.accumulators import Accumulators
from chainbill.billing.plan_file import PlanFile
from chainbill.chain.contracts.payer import Enrolment, InsurerPayer
from chainbill.chain.node import pipeline
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.chain.node.outbox import Sending
from chainbill.errors import ChainError, ContractReverted, Displaced, NodeError, PartlySent, StateError
from chainbill.money import DOLLAR, MAX_AMOUNT
from chainbill.operations.actor import Actor
from chainbill.operations.insurer.enrolment import NewMember, enrol_many
from chainbill.operations.insurer.members import end_coverage, enrol, member_year
from chainbill.operations.insurer.plans import publish_plan
from chainbill.operations.patient import account as patients
from chainbill.state.outbox import AccountOutbox

YEAR = 2024


@pytest.fixture(scope="module")
def payer(testbed: Testbed) -> tuple[Actor, int]:
    """An insurer with two plans."""
    insurer, payer_id = testbed.insurer()
    for number in (1, 2):
        publish_plan(insurer, payer_id, PlanFile.parse(PLAN.replace("plan = 1", f"plan = {number}")))
    return insurer, payer_id


def people(testbed: Testbed, count: int) -> list[NewMember]:
    """Patients, as the lines of a file name them."""
    return [NewMember(testbed.account().address, 1, line=number) for number in range(2, count + 2)]


def plans_of(testbed: Testbed, payer: tuple[Actor, int], members: list[NewMember]) -> list[int]:
    return [member_year(testbed.session, payer[1], each.patient).plan_id for each in members]


# ---- enrolled -----------------------------------------------------------------------------------------


def test_enrol_many__with_what_was_met_elsewhere__opens_each_year_with_it(
    testbed: Testbed, payer: tuple[Actor, int]
) -> None:
    first, second = (testbed.account().address for _ in range(2))
    heard: list[int] = []
    members = [
        NewMember(first, 1, family_id=9, deductible_met=10 * DOLLAR, plan_paid=DOLLAR),
        NewMember(first, 2, year=YEAR + 1),
        NewMember(second, 2),
    ]
    done = enrol_many(*payer, members, progress=lambda _: nullcontext(heard.append))
    assert (done.changed, done.enrolled, sum(heard)) == (True, 3, 3)
    assert done.effective_at == testbed.session.now()
    assert (done.transaction, done.block) == (done.members[-1].transaction, done.members[-1].block)
    standing = member_year(testbed.session, payer[1], first)
    assert standing.met == Accumulators(10 * DOLLAR, 10 * DOLLAR, DOLLAR)
    assert (standing.plan_id, standing.family_id) == (1, 9)
    assert member_year(testbed.session, payer[1], first, year=YEAR + 1).plan_id == 2
    assert [each.enrolment.benefit_year for each in done.members] == [YEAR, YEAR + 1, YEAR]


def test_enrol_many__enrolled_already__is_told_so_without_a_transaction_or_a_key(
    testbed: Testbed, payer: tuple[Actor, int]
) -> None:
    members = people(testbed, 5)
    enrol(*payer, members[3].patient, 1)
    sent = testbed.sent_by(payer[0])
    done = enrol_many(*payer, members)
    assert [each.changed for each in done.members] == [True, True, True, False, True]
    assert testbed.sent_by(payer[0]) == sent + 4
    locked = Actor.reading(testbed.session, payer[0].address)
    again = enrol_many(locked, payer[1], members)
    assert (again.changed, again.enrolled, again.blocks, again.transaction) == (False, 0, 0, None)
    assert testbed.sent_by(payer[0]) == sent + 4


def test_enrol_many__coverage_that_has_ended__is_resumed(testbed: Testbed, payer: tuple[Actor, int]) -> None:
    members = people(testbed, 2)
    enrol_many(*payer, members)
    end_coverage(*payer, members[1].patient)
    assert enrol_many(*payer, members).changed is False, "until it has ended it goes on"
    testbed.wait(DAY + 6 * 3_600)
    assert [each.changed for each in enrol_many(*payer, members).members] == [False, True]


def test_enrol_many__a_name_of_the_address_book__is_its_patient(
    testbed: Testbed, payer: tuple[Actor, int]
) -> None:
    made = patients.create(testbed.session, "many-maria")
    done = enrol_many(*payer, [NewMember("many-maria", 1)])
    assert done.members[0].enrolment.member == made.address


# ---- refused before anything is sent ------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad, told",
    [
        ({"plan_id": 9}, "has published no plan 9"),
        ({"year": 2026}, "only 2023 to 2025 can be opened"),
        ({"patient": "nobody-here"}, "there is no patient named 'nobody-here'"),
        ({"patient": "0x12"}, "'0x12' is not an address"),
        ({"patient": ZERO_ADDRESS}, "the zero address is nobody's"),
        ({"deductible_met": 2, "oop_met": 1}, "what was paid to meet the deductible"),
        ({"plan_paid": MAX_AMOUNT + 1}, "does not take"),
    ],
)
def test_enrol_many__a_line_that_cannot_be__is_named_and_nothing_was_sent(
    testbed: Testbed, payer: tuple[Actor, int], bad: dict[str, Any], told: str
) -> None:
    members = people(testbed, 3)
    given: dict[str, Any] = {"patient": testbed.account().address, "plan_id": 1, "line": 3, **bad}
    members[1] = NewMember(**given)
    sent = testbed.sent_by(payer[0])
    with pytest.raises(StateError) as refused:
        enrol_many(*payer, members)
    assert str(refused.value).startswith("line 3: ")
    assert told in str(refused.value)
    assert testbed.sent_by(payer[0]) == sent


def test_enrol_many__enrolled_otherwise__is_named_with_what_to_do(
    testbed: Testbed, payer: tuple[Actor, int]
) -> None:
    members = people(testbed, 4)
    enrol(*payer, members[1].patient, 2)
    enrol(*payer, members[3].patient, 1, family_id=4)
    sent = testbed.sent_by(payer[0])
    members[3] = NewMember(members[3].patient, 1, family_id=5, line=5)
    told = r"line 3: .* is enrolled for 2024 under plan 2 already; neither can be: line 5"
    with pytest.raises(StateError, match=told) as refused:
        enrol_many(*payer, members)
    assert f"chainbill insurer change-plan {members[1].patient} --plan 1" in str(refused.value.hint)
    with pytest.raises(StateError, match=r"line 5: .* is enrolled for 2024 in family 4 already"):
        enrol_many(*payer, [members[0], members[3]])
    assert testbed.sent_by(payer[0]) == sent


def test_enrol_many__somebody_twice__is_named_with_where_first(
    testbed: Testbed, payer: tuple[Actor, int]
) -> None:
    members = people(testbed, 2)
    twice = NewMember(members[0].patient.lower(), 1)
    with pytest.raises(StateError, match=r"member 3: .* stands there twice for 2024, first: line 2"):
        enrol_many(*payer, [*members, twice])
    next_year = NewMember(members[0].patient, 1, year=YEAR + 1)
    assert enrol_many(*payer, [*members, next_year]).enrolled == 3


def test_enrol_many__what_only_the_contract_refuses__is_refused_before_anything_is_sent(
    testbed: Testbed, payer: tuple[Actor, int]
) -> None:
    members = people(testbed, 3)
    enrol_many(*payer, [members[2]])
    end_coverage(*payer, members[2].patient)
    testbed.wait(DAY + 60)
    sent = testbed.sent_by(payer[0])
    with pytest.raises(StateError, match=r"line 4: the contract refused: ChangeTooRecent"):
        enrol_many(*payer, members)
    with pytest.raises(StateError, match=r"line 2: the contract refused: OwnableUnauthorizedAccount"):
        enrol_many(testbed.account(), payer[1], members[:2])
    assert testbed.sent_by(payer[0]) == sent


def test_enrol_many__a_file_full_of_bad_lines__names_ten_of_them(
    testbed: Testbed, payer: tuple[Actor, int]
) -> None:
    members = [NewMember("nobody-here", 1, line=line) for line in range(2, 50)]
    told = r"line 2: .*; neither can be: line 3, (line \d+, ){7}line 11 and more$"
    with pytest.raises(StateError, match=told):
        enrol_many(*payer, members)


# ---- cut off ------------------------------------------------------------------------------------------


class CutOff(BaseException):
    """What a signal does."""


@pytest.fixture
def by_threes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broadcast of three at a time, so that there are several."""
    monkeypatch.setattr(pipeline, "AT_ONCE", 3)


@pytest.mark.parametrize("moment", ["noted", "sent"])
@pytest.mark.parametrize("broadcast", [1, 2, 3, 4])
def test_enrol_many__cut_off_at_any_broadcast__goes_on_and_does_nothing_twice(
    testbed: Testbed,
    payer: tuple[Actor, int],
    by_threes: None,
    monkeypatch: pytest.MonkeyPatch,
    broadcast: int,
    moment: str,
) -> None:
    members, sent = people(testbed, 10), testbed.sent_by(payer[0])
    seen = 0

    def cut(does: Callable[..., Any]) -> Callable[..., Any]:
        def done(*arguments: Any, **named: Any) -> Any:
            nonlocal seen
            if moment == "sent" and not named.get("sends"):
                return does(*arguments, **named)
            answer = does(*arguments, **named)
            seen += 1
            if seen == broadcast:
                raise CutOff
            return answer

        return done

    with monkeypatch.context() as patch:
        if moment == "noted":
            patch.setattr(AccountOutbox, "note", cut(AccountOutbox.note))
        else:
            patch.setattr(JsonRpc, "answers", cut(JsonRpc.answers))
        with pytest.raises(CutOff):
            enrol_many(*payer, members)
    assert seen == broadcast
    done = enrol_many(*payer, members)
    assert done.enrolled == 10 - 3 * (broadcast - 1) - (min(3, 10 - 3 * (broadcast - 1)) * (moment == "sent"))
    assert plans_of(testbed, payer, members) == [1] * 10
    assert testbed.sent_by(payer[0]) == sent + 10


@pytest.fixture
def slow_blocks(testbed: Testbed) -> Iterator[None]:
    """A block each second, as on a network."""
    assert testbed.session.devnet is not None
    node = testbed.session.devnet.anvil
    node.call("evm_setAutomine", False)
    node.call("evm_setIntervalMining", 1)
    yield
    node.call("evm_setIntervalMining", 0)
    node.call("evm_setAutomine", True)


def test_enrol_many__cut_off_while_they_wait__are_waited_for_and_not_sent_again(
    testbed: Testbed, payer: tuple[Actor, int], slow_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    members, sent = people(testbed, 6), testbed.sent_by(payer[0])

    def cut(*_: object) -> None:
        raise CutOff

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.Pipeline, "_collect", cut)
        with pytest.raises(CutOff):
            enrol_many(*payer, members[:4])
    assert testbed.sent_by(payer[0]) == sent, "they wait"
    done = enrol_many(*payer, members)
    assert [each.changed for each in done.members] == [False] * 4 + [True] * 2
    assert testbed.sent_by(payer[0]) == sent + 6


def left_behind(testbed: Testbed, insurer: Actor) -> list[Sending]:
    """What the account's notes still have."""
    chain = str(testbed.session.protocol.deployment.chain_id)
    return AccountOutbox(testbed.session.state.outbox / chain, insurer.address).sendings()


def test_enrol_many__done__leaves_no_notes(testbed: Testbed, payer: tuple[Actor, int]) -> None:
    enrol_many(*payer, people(testbed, 3))
    assert left_behind(testbed, payer[0]) == []


# ---- others in between --------------------------------------------------------------------------------


def test_enrol_many__enrolled_by_somebody_in_between__is_no_failure(
    testbed: Testbed, payer: tuple[Actor, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    members, enrols = people(testbed, 5), InsurerPayer.enrol_many

    def late(self: InsurerPayer, sender: Any, given: Any, **named: Any) -> Any:
        enrol(*payer, members[2].patient, 1)
        return enrols(self, sender, given, **named)

    monkeypatch.setattr(InsurerPayer, "enrol_many", late)
    done = enrol_many(*payer, members)
    assert [each.changed for each in done.members] == [True, True, False, True, True]


def test_enrol_many__another_was_mined_in_the_place_of_some__are_sent_again(
    testbed: Testbed, payer: tuple[Actor, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    members, enrols = people(testbed, 5), InsurerPayer.enrol_many
    rounds: list[int] = []

    def displaced(self: InsurerPayer, sender: Any, given: Any, **named: Any) -> Any:
        rounds.append(len(given))
        if len(rounds) > 1:
            return enrols(self, sender, given, **named)
        receipts = enrols(self, sender, list(given)[:3], **named)
        return [*receipts, receipts[-1], receipts[-1]]

    monkeypatch.setattr(InsurerPayer, "enrol_many", displaced)
    done = enrol_many(*payer, members)
    assert rounds == [5, 2]
    assert len({each.transaction for each in done.members}) == 5
    assert plans_of(testbed, payer, members) == [1] * 5


def test_enrol_many__some_not_mined__says_which_by_their_lines(
    testbed: Testbed, payer: tuple[Actor, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    members, enrols = people(testbed, 4), InsurerPayer.enrol_many

    def fails(self: InsurerPayer, sender: Any, given: Any, **named: Any) -> Any:
        first, *_, last = given
        receipts = enrols(self, sender, [first, last], **named)
        failures: dict[int, ChainError] = {1: NodeError("no node answers"), 2: NodeError("no node answers")}
        raise PartlySent("2 of 4", failures=failures, receipts={0: receipts[0], 3: receipts[1]})

    enrol(*payer, members[0].patient, 1)
    given = [members[0], *people(testbed, 1), *members[1:]]
    monkeypatch.setattr(InsurerPayer, "enrol_many", fails)
    told = "2 of 5 members were not enrolled; the first, line 3: no node answers"
    with pytest.raises(PartlySent, match=told) as refused:
        enrol_many(*payer, given)
    assert list(refused.value.failures) == [2, 3]
    assert list(refused.value.receipts) == [1, 4]
    assert refused.value.hint == "run it again: whoever is enrolled is left alone"
    monkeypatch.undo()
    assert enrol_many(*payer, given).enrolled == 2


def test_enrol_many__nothing_is_mined_of_what_was_sent__is_not_tried_for_ever(
    testbed: Testbed, payer: tuple[Actor, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = enrol(*payer, testbed.account().address, 1)
    receipt = testbed.session.protocol.w3.eth.get_transaction_receipt(other.transaction)  # type: ignore[arg-type]
    monkeypatch.setattr(InsurerPayer, "enrol_many", lambda *_, **__: [receipt])
    with pytest.raises(PartlySent, match="1 of 1 members were not enrolled") as refused:
        enrol_many(*payer, people(testbed, 1))
    assert isinstance(refused.value.failures[0], Displaced)


def test_refused_enrolments__of_the_contract__are_told_by_place(
    testbed: Testbed, payer: tuple[Actor, int]
) -> None:
    members = [Enrolment(testbed.account().address, YEAR, plan) for plan in (1, 9, 2)]
    refused = testbed.session.protocol.payer(payer[1]).refused_enrolments(payer[0].address, members)
    assert list(refused) == [1]
    assert isinstance(refused[1], ContractReverted)
    assert refused[1].name == "UnknownPlan"
