"""The front door: `chainbill.__all__` is true, sorted, documented, and enough to annotate a program with."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest

import chainbill
from chainbill.client import front
from chainbill.errors import ChainbillError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"

HOUSE_ONLY = {"LAYERS", "TYPE_CHECKING", "Any", "annotations", "importlib"}
"""What stands in `chainbill/__init__.py` beside the front door: the order of layers, and its own tools."""


def classes() -> Iterator[type]:
    """Every class of the front door that is chainbill's own to call: roles, the ledger, the connection."""
    for name in (
        "Chainbill",
        "Ledger",
        "Patient",
        "Provider",
        "Insurer",
        "Oracle",
        "Governor",
        "Auditor",
        "Relay",
        "Contacts",
        "Accounts",
        "Records",
    ):
        if name in front.__all__:
            yield getattr(front, name)


def methods(of: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, member in vars(of).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            assert member.fget is not None
            yield name, member.fget
        elif inspect.isfunction(member):
            yield name, member


METHODS = [
    pytest.param(method, id=f"{of.__name__}.{name}") for of in classes() for name, method in methods(of)
]


def test_front_door__every_name__can_be_imported_and_is_listed_in_both_places() -> None:
    assert all(getattr(chainbill, name) is not None for name in chainbill.__all__)
    assert set(chainbill.__all__) == {*front.__all__, "__version__"}
    assert chainbill.__all__ == sorted(set(chainbill.__all__))
    assert dir(chainbill) == chainbill.__all__


def test_front_door__nothing_else__is_public() -> None:
    modules = {name for name in vars(chainbill) if f"chainbill.{name}" in sys.modules}
    public = {name for name in vars(chainbill) if not name.startswith("_")}
    assert public - modules - set(chainbill.__all__) - HOUSE_ONLY == set()
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        chainbill.nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", chainbill.__all__)
def test_front_door__every_name__is_in_the_manual(name: str) -> None:
    assert re.search(rf"`(chainbill\.)?{re.escape(name)}\b", PAGE.read_text(encoding="utf-8"))


def test_front_door__opened__loads_nothing_before_it_is_asked() -> None:
    asked = "import sys, chainbill; print([name for name in sys.modules if name.startswith('chainbill.')])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_front_door__every_error__is_there() -> None:
    def below(error: type[ChainbillError]) -> Iterator[type[ChainbillError]]:
        yield error
        for each in error.__subclasses__():
            yield from below(each)

    named = {each.__name__ for each in below(ChainbillError) if each.__module__ == "chainbill.errors"}
    assert named - set(chainbill.__all__) == set()


@pytest.mark.parametrize("method", METHODS)
def test_method__what_it_takes_and_returns__is_typed_and_at_the_front_door(
    method: Callable[..., Any],
) -> None:
    hints = typing.get_type_hints(method)
    parameters = [name for name in inspect.signature(method).parameters if name != "self"]
    assert set(parameters) <= set(hints), "an argument without a type"
    assert method.__doc__
    own = {name: [each for each in parts(hint) if is_own(each)] for name, hint in hints.items()}
    missing = [each for named in own.values() for each in named if not is_handed_out(each)]
    assert missing == []
    assert all(is_frozen(each) for each in own["return"] if is_dataclass(each))


def parts(hint: Any) -> Iterator[type]:
    """The classes that an annotation is made of."""
    if isinstance(hint, type) and not typing.get_args(hint):
        yield hint
    elif isinstance(typing.get_origin(hint), type):
        yield typing.get_origin(hint)
    for each in typing.get_args(hint):
        yield from parts(each)


def is_own(each: type) -> bool:
    return each.__module__.startswith("chainbill.")


def is_handed_out(each: type) -> bool:
    return getattr(front, each.__name__, None) is each


def is_frozen(each: Any) -> bool:
    return bool(each.__dataclass_params__.frozen and each.__slots__ is not None)


@pytest.mark.parametrize("of", classes(), ids=lambda of: of.__name__)
def test_manual__its_table_of_methods__is_true(of: type) -> None:
    rows = re.findall(rf"^\| `{of.__name__}` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 1
    assert re.findall(r"`(\w+)`", rows[0]) == [name for name, _ in methods(of) if name != "address"]
