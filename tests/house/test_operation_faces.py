"""Every verb exists once: each page of docs/operations names its operation, its method and its command, and
they are there; no operation that changes something is without a page."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.house.test_cli_documented import EVERY_COMMAND
from tests.house.test_operation_pages import OPERATIONS, PAGES, name_of, text_of

import chainbill
from chainbill import operations
from chainbill.operations.change import Change

WITH_FACES = sorted([*PAGES, OPERATIONS / "audit.md"])

BY_NAME = {
    "chainbill.operations.governor.registrations.open_payer": "governor.admission.create_payer",
    "chainbill.operations.governor.registrations.register_provider": "governor.admission.register_provider",
}
"""Verbs that do another one for a party of the address book, and note there what came of it."""

_LINE = re.compile(r"^Operation: (.+) · method (.+) · command (.+)$", re.MULTILINE)


class Faces(NamedTuple):
    """What a page names."""

    operations: list[str]
    methods: list[str]
    commands: list[str]


def faces(page: Path) -> Faces:
    """Of a page's line; it stands before the first heading but the title."""
    found = _LINE.findall(text_of(page).split("\n## ")[0])
    assert len(found) == 1, f"{name_of(page)} has {len(found)} lines that begin with Operation:"
    return Faces(*(re.findall(r"`([^`]+)`", each) for each in found[0]))


@pytest.mark.parametrize("page", WITH_FACES, ids=name_of)
def test_page__its_operation_method_and_command__exist(page: Path) -> None:
    named = faces(page)
    assert all(named), "one of the three is missing"
    for path in named.operations:
        module, _, function = path.rpartition(".")
        assert inspect.isfunction(getattr(importlib.import_module(module), function)), path
    for path in named.methods:
        role, _, method = path.partition(".")
        assert inspect.isfunction(getattr(getattr(chainbill, role), method)), path
    assert set(named.commands) <= set(EVERY_COMMAND), named.commands


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page__the_line__stands_right_under_the_contracts_functions(page: Path) -> None:
    assert re.search(r"```solidity\n[^`]*```\n\nOperation: ", text_of(page))


def modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(operations.__path__, "chainbill.operations."):
        yield module.name


def verbs() -> Iterator[str]:
    """Every public operation whose result tells of a change."""
    for name in modules():
        for function in functions_of(name):
            result = typing.get_type_hints(function).get("return")
            if isinstance(result, type) and issubclass(result, Change):
                yield f"{name}.{function.__name__}"


def functions_of(name: str) -> Iterator[Callable[..., Any]]:
    for function_name, function in vars(importlib.import_module(name)).items():
        own = inspect.isfunction(function) and function.__module__ == name
        if own and not function_name.startswith("_"):
            yield function


VERBS = sorted(verbs())


def test_verbs__read_from_the_modules__are_all_of_them() -> None:
    assert len(VERBS) > 20
    assert "chainbill.operations.claims.disputes.resolve" in VERBS
    assert set(BY_NAME) <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_verb__that_changes_something__has_a_page(verb: str) -> None:
    lines = [found for page in WITH_FACES for found in _LINE.findall(text_of(page))]
    named = {path for found in lines for path in re.findall(r"`([^`]+)`", found[0])}
    assert f"chainbill.operations.{BY_NAME[verb]}" in named if verb in BY_NAME else verb in named
