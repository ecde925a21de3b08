"""The artifacts in the package belong to the contracts, and the tool that makes them is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from scripts import export_artifacts

COUNTER = "pragma solidity ^0.8.24;\ncontract Counter { uint256 public count; }\n"
ABSTRACT = "pragma solidity ^0.8.24;\nabstract contract Base { function f() external virtual; }\n"
LIBRARY = "pragma solidity ^0.8.24;\nlibrary L { function f() internal pure {} }\n"
BROKEN = "pragma solidity ^0.8.24;\ncontract Broken { uint256 public count = missing; }\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one contract."""
    (tmp_path / "contracts").mkdir()
    (tmp_path / "tests" / "mocks").mkdir(parents=True)
    (tmp_path / "contracts" / "Counter.sol").write_text(COUNTER)
    return tmp_path


BUILD = """
import sys
sys.path.insert(0, "scripts")
from export_artifacts import ROOT
from mutation.build import build_unchanged
from mutation.compiler import Compiler
build_unchanged(ROOT, Compiler())
"""


@pytest.mark.slow  # it takes some seconds
def test_contracts__without_via_ir__compile(project_root: Path) -> None:
    """Mutants and planted bugs are made by the old code generator, which has less room on the stack."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=project_root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow  # `make check-artifacts` compiles as well
def test_artifacts__are_fresh(project_root: Path) -> None:
    command = [sys.executable, "scripts/export_artifacts.py", "--check"]
    done = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_settings__ape_and_npm_agree_with_the_export(project_root: Path) -> None:
    config = yaml.safe_load((project_root / "ape-config.yaml").read_text(encoding="utf-8"))["solidity"]
    manifest = json.loads((project_root / "package.json").read_text(encoding="utf-8"))
    settings = export_artifacts.compiler_settings()
    assert config["version"] == manifest["devDependencies"]["solc"] == export_artifacts.SOLC_VERSION
    assert config["evm_version"] == settings["evmVersion"]
    assert config["via_ir"] == settings["viaIR"]
    assert {"enabled": config["optimize"], "runs": config["optimization_runs"]} == settings["optimizer"]


@pytest.mark.slow
def test_build__same_sources_elsewhere__same_artifacts(project: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "contracts").mkdir()
    (elsewhere / "contracts" / "Counter.sol").write_text(COUNTER)
    assert export_artifacts.build(project) == export_artifacts.build(elsewhere)


@pytest.mark.slow
def test_build__unchanged_sources__are_not_compiled_again(project: Path, monkeypatch: Any) -> None:
    first = export_artifacts.build(project)
    monkeypatch.setattr(export_artifacts, "run_solc", lambda *_: pytest.fail("compiled again"))
    assert export_artifacts.build(project) == first


@pytest.mark.slow
def test_build__only_deployable_contracts_are_kept(project: Path) -> None:
    (project / "contracts" / "Base.sol").write_text(ABSTRACT)
    (project / "contracts" / "L.sol").write_text(LIBRARY)
    (project / "tests" / "mocks" / "Mock.sol").write_text(COUNTER.replace("Counter", "Mock"))
    assert sorted(export_artifacts.build(project)) == [
        "src/chainbill/chain/artifacts/Counter.json",
        "tests/artifacts/Mock.json",
    ]


@pytest.mark.slow
def test_build__compile_error__carries_the_compilers_message(project: Path) -> None:
    (project / "contracts" / "Broken.sol").write_text(BROKEN)
    with pytest.raises(export_artifacts.ExportError, match="Undeclared identifier"):
        export_artifacts.build(project)


def test_build__missing_import__is_named(project: Path) -> None:
    (project / "contracts" / "Counter.sol").write_text('import {X} from "./Nowhere.sol";\n' + COUNTER)
    with pytest.raises(export_artifacts.ExportError, match=r"contracts/Nowhere\.sol"):
        export_artifacts.build(project)


@pytest.mark.slow
def test_compare__changed_and_removed_contracts__are_named_until_applied(project: Path) -> None:
    texts = export_artifacts.build(project)
    export_artifacts.apply(project, texts, export_artifacts.compare(project, texts))
    assert not export_artifacts.compare(project, texts)
    (project / "contracts" / "Counter.sol").write_text(COUNTER.replace("count", "total"))
    (project / "contracts" / "Other.sol").write_text(COUNTER.replace("Counter", "Other"))
    export_artifacts.write_text(project / export_artifacts.PACKAGE_ARTIFACTS / "Gone.json", "{}")
    texts = export_artifacts.build(project)
    drift = export_artifacts.compare(project, texts)
    folder = export_artifacts.PACKAGE_ARTIFACTS
    assert drift.lines() == [
        f"stale: {folder}/Counter.json",
        f"missing: {folder}/Other.json",
        f"left over: {folder}/Gone.json",
    ]
    export_artifacts.apply(project, texts, drift)
    assert not export_artifacts.compare(project, texts)


@pytest.mark.parametrize(
    "statement",
    [
        'import "./B.sol";',
        "import './B.sol';",
        'import {X, Y as Z} from "./B.sol";',
        'import {\n    X,\n    Y\n} from "./B.sol";',
        'import * as B from "./B.sol";',
    ],
)
def test_imports__every_form__is_found(statement: str) -> None:
    assert export_artifacts.IMPORT.findall(f"pragma solidity ^0.8.24;\n{statement}\n") == ["./B.sol"]


def test_import_name__relative_and_package_imports__become_source_names() -> None:
    assert export_artifacts.import_name("contracts/a/A.sol", "../B.sol") == "contracts/B.sol"
    assert export_artifacts.import_name("contracts/A.sol", "@x/y/Z.sol") == "@x/y/Z.sol"
    assert export_artifacts.import_name("@x/y/Z.sol", "./W.sol") == "@x/y/W.sol"
