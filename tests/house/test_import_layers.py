"""Imports inside the package run one way, and the check that says so is itself right."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.house import import_layers

LAYERS = 'LAYERS = ("errors", "billing", "cli")\n'


def plant(root: Path, files: dict[str, str]) -> Path:
    """Write a small package; every folder gets an `__init__.py`."""
    package = root / "chainbill"
    for name, text in {"__init__.py": LAYERS, "billing/__init__.py": "", **files}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package


def test_package__imports_run_one_way(project_root: Path) -> None:
    assert import_layers.check(project_root / "src" / "chainbill") == []


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"errors.py": "", "billing/terms.py": "from chainbill import errors"}, id="left"),
        pytest.param({"errors.py": "", "billing/terms.py": "from ..errors import Problem"}, id="relative"),
        pytest.param({"billing/terms.py": "", "billing/plan.py": "from . import terms"}, id="same layer"),
        pytest.param({"billing/terms.py": "", "billing/__init__.py": "from .terms import Plan"}, id="front"),
        pytest.param({"billing/terms.py": "from chainbill import __version__"}, id="root"),
        pytest.param({"__main__.py": "from chainbill.cli import main", "cli.py": ""}, id="main"),
        pytest.param({"billing/terms.py": "import chainbilling, pytest_like"}, id="other packages"),
    ],
)
def test_check__allowed_import__says_nothing(tmp_path: Path, files: dict[str, str]) -> None:
    assert import_layers.check(plant(tmp_path, files)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import chainbill.billing.terms",
        "import chainbill.billing.terms as terms",
        "from chainbill import billing",
        "from chainbill.billing import terms",
        "from chainbill.billing.terms import Plan",
        "from .billing.terms import Plan",
        "from . import billing",
        "def later():\n    from chainbill.billing import terms",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from chainbill.billing.terms import Plan",
    ],
)
def test_check__import_from_the_right__is_named(tmp_path: Path, statement: str) -> None:
    problems = import_layers.check(plant(tmp_path, {"errors.py": statement, "billing/terms.py": ""}))
    assert len(problems) == 1
    assert problems[0].startswith("chainbill.errors:")
    assert "chainbill.billing" in problems[0]


def test_check__root_imports_a_layer__is_named(tmp_path: Path) -> None:
    problems = import_layers.check(
        plant(tmp_path, {"__init__.py": LAYERS + "from . import errors", "errors.py": ""})
    )
    assert problems == ["chainbill:2 imports chainbill.errors, which stands to its right"]


CHECKED = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "


def test_check__root_shows_the_client_to_a_checker__says_nothing(tmp_path: Path) -> None:
    layers = 'LAYERS = ("billing", "client")\n'
    root = layers + CHECKED + "from chainbill.client.front import *"
    assert import_layers.check(plant(tmp_path, {"__init__.py": root, "client/front.py": ""})) == []


@pytest.mark.parametrize(
    "shown", [CHECKED + "from chainbill.errors import Problem", "from chainbill.client import front"]
)
def test_check__root_shows_another_layer_or_imports_the_client__is_named(tmp_path: Path, shown: str) -> None:
    layers = 'LAYERS = ("billing", "errors", "client")\n'
    files = {"__init__.py": layers + shown, "errors.py": "", "client/__init__.py": "", "client/front.py": ""}
    (problem,) = import_layers.check(plant(tmp_path, files))
    assert "which stands to its right" in problem


def test_check__circle_within_a_layer__is_named(tmp_path: Path) -> None:
    files = {"billing/a.py": "from chainbill.billing import b", "billing/b.py": "from .a import x"}
    problems = import_layers.check(plant(tmp_path, files))
    assert len(problems) == 1
    assert problems[0].startswith("imports in a circle: ")
    assert {"chainbill.billing.a", "chainbill.billing.b"} <= set(problems[0].replace(" ->", "").split())


def test_check__module_without_a_layer__is_named(tmp_path: Path) -> None:
    assert import_layers.check(plant(tmp_path, {"extra.py": ""})) == ["chainbill.extra: not in LAYERS"]


@pytest.mark.parametrize(
    "statement", ["import ape", "from ape.api import X", "import solcx.install", "import pytest"]
)
def test_check__development_tool_imported__is_named(tmp_path: Path, statement: str) -> None:
    problems = import_layers.check(plant(tmp_path, {"errors.py": statement}))
    assert len(problems) == 1
    assert "only development has" in problems[0]


def test_read_layers__none_defined__raises(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="LAYERS"):
        import_layers.read_layers(plant(tmp_path, {"__init__.py": ""}))
