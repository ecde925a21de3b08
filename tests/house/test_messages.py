"""What is said below the command line makes sense to programs, too: no option stands alone.

A whole command may be named (``chainbill patient sign --help``). What is to be given otherwise is called by
the argument, as ```limit=AMOUNT```, and the command line shows its option in place of that.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.house.test_cli_documented import EVERY_COMMAND
from tests.house.test_front_door import classes, methods
from tests.house.test_operation_faces import functions_of, modules

from chainbill import state
from chainbill.cli import cli
from chainbill.cli.shell.arguments import ARGUMENT, as_options

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "chainbill"

LEFT = {
    "chain/devnet/anvil.py": "options of anvil",
    "chain/devnet/anvil_binary.py": "an option of anvil",
    "chain/devnet/geth.py": "options of geth",
    "statements/advice.py": "the end of a whole command, put together from parts",
}
"""Where options stand alone, and why. It may only shrink."""

_COMMAND = re.compile(r"chainbill [^;,]*")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every text of a module but its documentation, with its line; ``{}`` stands for what is put in."""
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    known = within | {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in known:
            yield node.lineno, node.value


def below() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith("cli/"):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def alone(tree: ast.AST) -> list[str]:
    """The texts in which an option stands alone."""
    return [f"{line}: {text}" for line, text in texts(tree) if _OPTION.search(_COMMAND.sub("", text))]


FOUND = {name: found for name, tree in below() if (found := alone(tree))}


@pytest.mark.parametrize("module", sorted({*FOUND, *LEFT}))
def test_message__below_the_command_line__names_no_option_alone(module: str) -> None:
    assert (module in LEFT) == (module in FOUND), FOUND.get(module)


def test_alone__option_without_its_command__is_found() -> None:
    for text in ('"give --limit"', 'f"add {name}: --new"', '"see: chainbill patient sign, with --external"'):
        assert alone(ast.parse(f"raise StateError({text})"))
    for text in ('"see chainbill patient sign --help"', 'f"chainbill insurer enrol {who} --plan 1; or not"'):
        assert not alone(ast.parse(f"raise StateError({text})"))


def named(tree: ast.AST) -> Iterator[str]:
    """The arguments that errors of a module are about, or name in their texts."""
    for _, text in texts(tree):
        yield from (found.group(1) for found in ARGUMENT.finditer(text))
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "argument" and isinstance(node.value, ast.Constant):
            yield str(node.value.value)


ARGUMENTS = sorted({argument for _, tree in below() for argument in named(tree)})

OF_PROGRAMS = {"kinds"}
"""Arguments that the command line checks itself."""

OPTIONS = {
    option
    for command in (cli, *EVERY_COMMAND.values())
    for parameter in command.params
    for option in (*parameter.opts, *parameter.secondary_opts)
}
"""Every option there is."""


def parameters() -> set[str]:
    """What operations, what they are asked with, the state and the client library take."""
    named: set[str] = set()
    kept = (each.name for each in pkgutil.walk_packages(state.__path__, "chainbill.state."))
    for name in (*modules(), *kept):
        module = importlib.import_module(name)
        for function in functions_of(name):
            named |= set(inspect.signature(function).parameters)
        for each in vars(module).values():
            if dataclasses.is_dataclass(each):
                named |= {field.name for field in dataclasses.fields(each)}
    for of in classes():
        for _, method in methods(of):
            named |= set(inspect.signature(method).parameters)
    return named


def test_arguments__named_in_messages__are_there() -> None:
    assert len(ARGUMENTS) > 10
    assert set(ARGUMENTS) - parameters() == set()


@pytest.mark.parametrize("argument", sorted({*ARGUMENTS} - OF_PROGRAMS))
def test_argument__on_the_command_line__is_an_option_there(argument: str) -> None:
    options = set(_OPTION.findall(as_options(f"`{argument}=`")))
    assert options
    assert options <= OPTIONS
