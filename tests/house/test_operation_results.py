"""What operations give back is for programs: frozen and typed, and nothing of it is the command line's."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tests.house.import_layers import imported_names
from tests.house.test_operation_faces import functions_of

from chainbill import client, operations

UNTYPED = re.compile(r"dict\[str, (typing\.)?Any\]")


def modules() -> Iterator[str]:
    for package in (operations, client):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield module.name


MODULES = sorted(modules())


def results_of(module: ModuleType) -> Iterator[type]:
    """A module's public dataclasses."""
    for name, value in vars(module).items():
        own = isinstance(value, type) and value.__module__ == module.__name__
        if own and dataclasses.is_dataclass(value) and not name.startswith("_"):
            yield value


@pytest.mark.parametrize("name", MODULES)
def test_operation__its_results__are_frozen(name: str) -> None:
    for result in results_of(importlib.import_module(name)):
        assert result.__dataclass_params__.frozen, result  # type: ignore[attr-defined]
        assert "__slots__" in vars(result), result


@pytest.mark.parametrize("name", MODULES)
def test_operation__its_functions__return_no_dictionary_of_anything(name: str) -> None:
    for function in functions_of(name):
        returned = typing.get_type_hints(function).get("return", "nothing is said")
        assert not UNTYPED.search(str(returned)), f"{function.__name__} returns {returned}"
        assert returned != "nothing is said", function.__name__


@pytest.mark.parametrize("name", MODULES)
def test_operation__its_imports__have_no_command_line(name: str) -> None:
    path = Path(str(importlib.import_module(name).__file__))
    imported = {each.split(".")[0] for _, each in imported_names(name, path)}
    assert not imported & {"click", "rich"}
