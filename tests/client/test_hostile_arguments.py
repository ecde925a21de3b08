"""Whatever a public method is given, it answers or raises an error of chainbill's own, with a sentence."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from tests.house.test_front_door import classes, methods
from tests.support.roles import PLAN
from tests.support.testbed import Testbed
from tests.support.visits import visit

import chainbill
from chainbill.client.arguments import fits
from chainbill.client.auditor import Auditor
from chainbill.money import DOLLAR

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**64,
    2**256,
    1.5,
    Decimal("-1"),
    Decimal("NaN"),
    "",
    "\x00",
    "\ud800",
    "a" * 300,
    "../../etc",
    "0",
    "1:99",
    "0x" + "00" * 20,
    "0x52908400098527886E0F7030069857D2E4169Ee7",
    "0x" + "ab" * 32,
    "ab" * 32,
    b"",
    b"\xff" * 32,
    [],
    [None],
    ["\x00"],
    {},
    {"": ""},
    {"check-up-visit": -1},
    {None: None},
    object(),
    datetime(2024, 1, 1),
    datetime(1, 1, 1, tzinfo=UTC),
    Path("/nowhere/at/all"),
)
"""What somebody without a type checker, or with a damaged file, may give."""


def good(name: str, hint: Any, event: chainbill.ServiceEvent, folder: Path) -> Any:
    """Something that a parameter takes, so that another one is looked at."""
    given: dict[str, Any] = {
        "event": event,
        "claim": "1:1",
        "amount": "1",
        "address": Account.create().address,
        "account": Account.create().address,
        "insurer": Account.create().address,
        "patient": Account.create().address,
        "payout_address": Account.create().address,
        "role": "admin" if "admin" in str(hint) else "patient",
        "name": "somebody-new",
        "file": folder / "missing",
        "place": folder / "records",
        "card": folder / "card",
        "ruling": "uphold",
        "who": "patient",
        "sent_by": Account.create(),
        "members": [Account.create().address],
        "new_members": [chainbill.NewMember(Account.create().address, 1)],
        "threshold": 1,
        "epoch": 99,
        "plan_id": 1,
        "payer_id": 1,
        "provider": 1,
        "payer": 1,
        "key": Account.create().address,
        "retired": Account.create().address,
        "oracle": "oracle-1",
        "fees_by_service": {"check-up-visit": "1"},
        "prices": {"check-up-visit": "1"},
        "plan": chainbill.PlanFile.parse(PLAN),
        "operation_id": "0x" + "11" * 32,
        "statement": "it took place",
        "passphrase": "its own",
        "signed": None,
    }
    return given[name]


@pytest.fixture(scope="module")
def bill(testbed: Testbed) -> chainbill.Chainbill:
    return chainbill.connect(state=testbed.session.state.root)


@pytest.fixture(scope="module")
def objects(bill: chainbill.Chainbill, testbed: Testbed) -> dict[type, Any]:
    """One of each class: accounts that have nothing, so that little can come of what they are asked."""
    provider_id = testbed.provider()
    insurer, payer_id = testbed.insurer()
    return {
        chainbill.Chainbill: bill,
        chainbill.Ledger: bill.ledger,
        chainbill.Contacts: bill.contacts,
        chainbill.Accounts: bill.accounts,
        chainbill.Records: bill.records,
        chainbill.Patient: bill.patient(testbed.account().account),
        chainbill.Provider: bill.provider(testbed.account().account, provider_id=provider_id),
        chainbill.Insurer: bill.insurer(insurer.account, payer_id=payer_id),
        chainbill.Oracle: bill.oracle(testbed.account().account),
        chainbill.Relay: bill.relay(testbed.account().account),
        chainbill.Governor: bill.governor(testbed.account().account),
        Auditor: bill.auditor(),
    }


@pytest.fixture(scope="module")
def event(bill: chainbill.Chainbill) -> chainbill.ServiceEvent:
    return visit(bill, "monday", 100 * DOLLAR)


def cases() -> Iterator[Any]:
    for of in classes():
        for name, method in methods(of):
            for parameter in list(inspect.signature(method).parameters)[1:]:
                yield pytest.param(of, name, parameter, id=f"{of.__name__}.{name}-{parameter}")


@pytest.mark.slow
@pytest.mark.parametrize("of, name, parameter", cases())
def test_method__given_anything__answers_or_raises_an_error_of_its_own(
    of: type,
    name: str,
    parameter: str,
    objects: dict[type, Any],
    event: chainbill.ServiceEvent,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    method = getattr(objects[of], name)
    hints = typing.get_type_hints(method, include_extras=True)
    for hostile in HOSTILE:
        refused = refusal(call(method, parameter, hostile, event, tmp_path))
        if refused is None:
            assert fits(hostile, hints[parameter]), f"{name} takes {hostile!r} for {parameter}"
        else:
            assert isinstance(refused, chainbill.ChainbillError), f"{parameter}={hostile!r}: {refused!r}"
            assert str(refused).strip(), hostile


def call(
    method: Callable[..., Any], parameter: str, given: Any, event: chainbill.ServiceEvent, folder: Path
) -> Callable[[], Any]:
    """A method's call with something for one parameter, and what is taken for the others that it needs."""
    hints = typing.get_type_hints(method, include_extras=True)
    parameters = inspect.signature(method).parameters
    others = {
        each.name: good(each.name, hints[each.name], event, folder)
        for each in parameters.values()
        if each.default is inspect.Parameter.empty
        and each.name != parameter
        and each.kind is not inspect.Parameter.VAR_POSITIONAL
    }
    if parameters[parameter].kind is inspect.Parameter.VAR_POSITIONAL:
        return partial(method, *others.values(), given)
    return partial(method, **others, **{parameter: given})


SECRET = "4f3edf983ac636a65a842ce7c78d9aa706d3b113bce9c46f30d7d21715b23b1d"

OF_HASHES = {"charges", "claim", "claims", "operation_id", "records"}
"""What looks like a private key is what is asked for, and so is told of."""


@pytest.mark.parametrize("of", list(classes()), ids=lambda of: of.__name__)
def test_methods__given_a_private_key__do_not_repeat_it(
    of: type,
    objects: dict[type, Any],
    event: chainbill.ServiceEvent,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    for name, signed in methods(of):
        for parameter in [
            each for each in list(inspect.signature(signed).parameters)[1:] if each not in OF_HASHES
        ]:
            for given in (SECRET, f"0x{SECRET}", [f"0x{SECRET}"], {SECRET: 1}):
                refused = refusal(call(getattr(objects[of], name), parameter, given, event, tmp_path))
                told.append(f"{name}, {parameter}: {refused} {vars(refused) if refused else ''}")
    assert [each for each in told if SECRET in each] == []


def refusal(ask: Callable[[], Any]) -> Exception | None:
    """What is raised; None: it was answered."""
    try:
        answer = ask()
        if inspect.isgenerator(answer):
            list(answer)
    except Exception as error:
        return error
    return None


def test_method__without_an_argument_that_it_needs__says_which(bill: chainbill.Chainbill) -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'amount'"):
        bill.patient("patient").deposit()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'sum'"):
        bill.patient("patient").deposit("1", sum="1")  # type: ignore[call-arg]


def test_event__of_anything__is_one_or_is_refused_by_the_names_of_its_fields(
    event: chainbill.ServiceEvent,
) -> None:
    good = {name: getattr(event, name) for name in chainbill.ServiceEvent.model_fields}
    for field in good:
        for hostile in HOSTILE:
            refused = refusal(lambda given=good | {field: hostile}: chainbill.ServiceEvent(**given))
            if refused is not None:
                assert isinstance(refused, chainbill.ArgumentError), repr(refused)
                assert field in str(refused)
    with pytest.raises(chainbill.ArgumentError, match=r"record_identity: field required; .*and 6 more"):
        chainbill.ServiceEvent(description="")  # type: ignore[call-arg]
    with pytest.raises(chainbill.ArgumentError, match="amount: input should be a valid integer") as refused:
        chainbill.FeeTerms(amount=120.0, category=1)  # type: ignore[arg-type]
    assert refused.value.argument == "amount"


def test_claims__of_payer_or_provider_0__is_nobody_and_not_everybody(bill: chainbill.Chainbill) -> None:
    for nobody in (0, "0"):
        with pytest.raises(chainbill.ChainbillError):
            list(bill.ledger.claims(payer=nobody))
        with pytest.raises(chainbill.ChainbillError):
            list(bill.ledger.claims(provider=nobody))
        with pytest.raises(chainbill.ChainbillError):
            bill.auditor().history(payer=nobody)


def test_file__whose_name_the_system_refuses__is_an_error_with_what_to_do(bill: chainbill.Chainbill) -> None:
    with pytest.raises(chainbill.StateError, match="its name is too long") as refused:
        bill.records.fetch("a" * 300, Account.create())
    assert refused.value.hint == "choose a shorter one"
