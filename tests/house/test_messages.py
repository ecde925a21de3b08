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
from functools import cache
from pathlib import Path
from typing import NamedTuple

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


class Said(NamedTuple):
    """What a module says."""

    texts: list[tuple[int, str]]
    """Every text but its documentation, with its line; ``{}`` stands for what is put in."""
    arguments: set[str]
    """That its errors are about, or name in their texts."""

    @property
    def alone(self) -> list[str]:
        """The texts in which an option stands alone."""
        return [f"{line}: {text}" for line, text in self.texts if _OPTION.search(_COMMAND.sub("", text))]


def said(source: str) -> Said:
    nodes = list(ast.walk(ast.parse(source)))
    known = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    known |= {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts: list[tuple[int, str]] = []
    arguments: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            texts.append((node.lineno, "".join(parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in known:
            texts.append((node.lineno, node.value))
        elif (
            isinstance(node, ast.keyword) and node.arg == "argument" and isinstance(node.value, ast.Constant)
        ):
            arguments.add(str(node.value.value))
    arguments |= {found.group(1) for _, text in texts for found in ARGUMENT.finditer(text)}
    return Said(texts, arguments)


@cache
def below() -> dict[str, Said]:
    """What the modules below the command line say, by their paths."""
    paths = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
    return {
        name: said(path.read_text(encoding="utf-8"))
        for name, path in paths.items()
        if not name.startswith("cli/")
    }


def arguments() -> set[str]:
    """Every argument that is named."""
    return {argument for each in below().values() for argument in each.arguments}


def test_messages__below_the_command_line__name_no_option_alone() -> None:
    found = {name: each.alone for name, each in below().items() if each.alone}
    assert {name: alone for name, alone in found.items() if name not in LEFT} == {}
    assert found.keys() == LEFT.keys(), "LEFT may only shrink"


def test_alone__option_without_its_command__is_found() -> None:
    for text in ('"give --limit"', 'f"add {name}: --new"', '"see: chainbill patient sign, with --external"'):
        assert said(f"raise StateError({text})").alone
    for text in ('"see chainbill patient sign --help"', 'f"chainbill insurer enrol {who} --plan 1; or not"'):
        assert not said(f"raise StateError({text})").alone


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
    assert len(arguments()) > 10
    assert arguments() - parameters() == set()


def test_arguments__on_the_command_line__are_options_there() -> None:
    options = {each: set(_OPTION.findall(as_options(f"`{each}=`"))) for each in arguments() - OF_PROGRAMS}
    assert {each: shown for each, shown in options.items() if not shown or not shown <= OPTIONS} == {}
