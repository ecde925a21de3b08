"""Every operation has a page on one template, and what the papers name is there: functions, events, errors,
commands, methods, tests, and each other."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from tests.house.test_cli_documented import EVERY_COMMAND

from chainbill.chain import contracts
from chainbill.chain.artifacts import load_artifact
from chainbill.client import front

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OPERATIONS = DOCS / "operations"
PAGES = sorted(OPERATIONS.glob("*/*.md"))
PAPERS = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])

TEMPLATE = [
    "What it is for",
    "Who calls it",
    "Checks",
    "State",
    "Events",
    "Errors",
    "Example by command line",
    "Example by Python",
]
"""The headings of a page, in their order."""

INTERFACES = {
    "IPatientEscrow": "PatientEscrow",
    "IInsurerPayer": "InsurerPayer",
    "IClaimSettlement": "ClaimSettlement",
    "ISettlementExtension": "ClaimSettlement",
    "ISettlementAdmin": "ClaimSettlement",
    "IProviderRegistry": "ProviderRegistry",
    "IInsurerPayerFactory": "InsurerPayerFactory",
}
"""Whose functions each declares."""

ROLES = {
    "bill": front.Chainbill,
    "clinic": front.Provider,
    "governor": front.Governor,
    "harbor": front.Insurer,
    "maria": front.Patient,
    "oracle": front.Oracle,
    "relay": front.Relay,
}
"""What the Python examples call the objects of the client library."""

CLIENTS: dict[str, type] = {
    "protocol.escrow": contracts.PatientEscrow,
    "protocol.governance": contracts.Governance,
    "protocol.payers": contracts.InsurerPayerFactory,
    "protocol.registry": contracts.ProviderRegistry,
    "protocol.settlement": contracts.ClaimSettlement,
    "protocol.token": contracts.DevUsd,
    "payer": contracts.InsurerPayer,
    **ROLES,
}
"""And those, and their clients of contracts."""

_FUNCTION = re.compile(r"((?:^    ///[^\n]*\n)+)    function (\w+)\(([^;]*);", re.MULTILINE)
_PATH = re.compile(r"\b(?:tests|scripts|contracts|docs|src)/[\w./-]+\.(?:py|sol|md|json|toml)\b")


def operations() -> Iterator[str]:
    """Every function that changes something and is not settlement's alone, as ``Contract.function``."""
    for name, contract in INTERFACES.items():
        text = (ROOT / "contracts" / "interfaces" / f"{name}.sol").read_text(encoding="utf-8")
        for notes, function, rest in _FUNCTION.findall(text):
            reads = re.search(r"\b(view|pure)\b", rest)
            if not reads and "Settlement only" not in " ".join(notes.split("///")).replace("\n", " "):
                yield f"{contract}.{function}"


OPERATION_LIST = sorted(set(operations()))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def section(page: Path, heading: str) -> str:
    """What a page says under one heading."""
    return text_of(page).split(f"\n## {heading}\n")[1].split("\n## ")[0]


def blocks(page: Path, language: str) -> list[str]:
    """A page's code blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", text_of(page), re.DOTALL)


def name_of(page: Path) -> str:
    return page.relative_to(DOCS if page.is_relative_to(DOCS) else ROOT).as_posix()


@cache
def declared(kind: str) -> frozenset[str]:
    """The names of all events or errors of the package's contracts."""
    artifacts = (load_artifact(path.stem) for path in (ROOT / "src/chainbill/chain/artifacts").glob("*.json"))
    return frozenset(entry["name"] for one in artifacts for entry in one.abi if entry["type"] == kind)


def test_operations__read_from_the_interfaces__are_all_of_them() -> None:
    assert len(OPERATION_LIST) > 50
    for contract in ("PatientEscrow.withdrawBySig", "InsurerPayer.enrol", "ClaimSettlement.void"):
        assert contract in OPERATION_LIST
    for internal in ("PatientEscrow.chargeShares", "InsurerPayer.commit", "InsurerPayer.adjudicateAll"):
        assert internal not in OPERATION_LIST


@pytest.mark.parametrize("operation", OPERATION_LIST)
def test_operation__of_a_contract__has_a_page_that_names_it(operation: str) -> None:
    naming = [page for page in PAGES if any(f"{operation}(" in block for block in blocks(page, "solidity"))]
    assert naming, f"no page in docs/operations names {operation}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page__its_headings__are_the_template(page: Path) -> None:
    assert re.findall(r"^## (.*)$", text_of(page), re.MULTILINE) == TEMPLATE
    assert all(section(page, heading).strip() for heading in TEMPLATE)
    assert len(re.findall(r"^# .", text_of(page).split("## ")[0], re.MULTILINE)) == 1


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page__its_functions__exist_with_these_arguments(page: Path) -> None:
    (listed,) = blocks(page, "solidity")
    for contract, function, arguments in re.findall(r"^(\w+)\.(\w+)\((.*)\)$", listed, re.MULTILINE):
        names = [argument.split()[-1] for argument in arguments.split(", ") if argument]
        inputs = [
            [each["name"].rstrip("_") for each in entry["inputs"]]
            for entry in load_artifact(contract).abi
            if entry["type"] == "function" and entry["name"] == function
        ]
        assert inputs, f"{contract} has no {function}"
        # ClaimSettlement passes some on without naming them, and the registry says `payout` for short.
        assert any(len(each) == len(names) for each in inputs), (function, names, inputs)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page__events_and_errors__are_declared(page: Path) -> None:
    events = set(re.findall(r"`([A-Z]\w+)(?=[(`])", section(page, "Events")))
    errors = set(re.findall(r"^\| `(\w+)`", section(page, "Errors"), re.MULTILINE))

    assert events, "an operation that logs nothing"
    assert events <= declared("event"), events - declared("event")
    assert errors <= declared("error"), errors - declared("error")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page__in_the_index__is_listed(page: Path) -> None:
    assert f"({page.relative_to(OPERATIONS).as_posix()})" in text_of(OPERATIONS / "README.md")


def commands() -> Iterator[tuple[str, str]]:
    """Every line of a shell example that calls chainbill, and its page."""
    for page in PAPERS:
        for block in blocks(page, "sh"):
            for line in block.splitlines():
                if line.startswith("chainbill "):
                    yield line, name_of(page)


@pytest.mark.parametrize("line,page", list(commands()))
def test_example__on_the_command_line__can_be_parsed(line: str, page: str) -> None:
    words = shlex.split(re.split(r"\s[>|]\s", line)[0], comments=True)
    fitting = [each for each in EVERY_COMMAND if f"{' '.join(words)} ".startswith(f"{each} ")]
    path = max(fitting, key=len, default=None)
    assert path, f"{page}: there is no command {line}"
    command = EVERY_COMMAND[path]
    context = click.Context(command, info_name=path)
    _, extra, _ = command.make_parser(context).parse_args(words[len(path.split()) :])
    assert not extra, f"{page}: {line!r} has arguments too many"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_example__in_python__calls_what_is_there(page: Path) -> None:
    (code,) = blocks(page, "python")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in CLIENTS:
            client: type = CLIENTS[ast.unparse(node.value)]
            assert hasattr(client, node.attr) or node.attr == "address", (
                f"{client.__name__} has no {node.attr}"
            )


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_example__in_python__calls_methods_with_arguments_that_they_take(page: Path) -> None:
    (code,) = blocks(page, "python")
    for node in ast.walk(ast.parse(code)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        role = ROLES.get(ast.unparse(node.func.value))
        if role is not None:
            named = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
            inspect.signature(getattr(role, node.func.attr)).bind(role, *node.args, **named)


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_paper__the_files_it_names__exist(paper: Path) -> None:
    missing = [path for path in _PATH.findall(text_of(paper)) if not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_paper__the_pages_it_links__exist(paper: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text_of(paper))
    assert [link for link in links if not (paper.parent / link).exists()] == []


@pytest.mark.parametrize("paper", ["invariants.md", "threat-model.md"])
def test_paper__the_tests_it_names__exist(paper: str) -> None:
    text = text_of(DOCS / paper)
    named = set(re.findall(r"`(test_\w+\.py)`", text))
    known = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(re.findall(r"test_\w+\.py", text)) > 20
    assert named <= known, named - known

    functions = set(re.findall(r"`((?:test|check)_\w+__\w+)`", text))
    sources = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "tests" / "symbolic").glob("*.sol")]
    defined = {name for path in sources for name in re.findall(r"(?:def|function) (\w+)", text_of(path))}
    assert functions <= defined, functions - defined
