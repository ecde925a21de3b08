"""The wheel, installed alone in a fresh environment, serves docs/python.md against a node."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from tests.support import python_page

from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet

INSTALLED_ALONE = "import importlib.util as u; print([n for n in {!r} if u.find_spec(n)])"

DEVELOPMENT = ["ape", "pytest", "solcx", "eth_tester", "mypy", "ruff"]


def build(project_root: Path, folder: Path) -> Path:
    """The project's wheel, made as the registry's users get it."""
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", str(folder)]
    subprocess.run([*command, str(project_root)], check=True, timeout=600)
    (wheel,) = folder.glob("chainbill-*.whl")
    return wheel


@pytest.mark.slow
def test_wheel__installed_alone__runs_the_page_against_a_node(
    project_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = build(project_root, tmp_path / "wheel")
    names = zipfile.ZipFile(wheel).namelist()
    assert "chainbill/py.typed" in names
    assert "chainbill/chain/artifacts/ClaimSettlement.json" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"chainbill"}
    assert not [name for name in names if name.endswith(".sol")]

    venv.create(tmp_path / "alone", with_pip=True)
    python = tmp_path / "alone" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(wheel)], check=True, timeout=900)
    asked = INSTALLED_ALONE.format(DEVELOPMENT)
    assert subprocess.check_output([python, "-c", asked], text=True).strip() == "[]"

    script = "\n".join(python_page.examples(project_root / "docs" / "python.md"))
    local = LocalDevnet(StateDirectory.open(tmp_path / "devnet"))
    try:
        local.up()
        (tmp_path / "work").mkdir()
        environment = python_page.furnish(tmp_path / "work", local)
        # No compiler, no Node.js, no anvil: only what came with the wheel.
        environment["PATH"] = str(python.parent)
        printed = python_page.run(python, tmp_path / "work", script, local.require().rpc_url, environment)
    finally:
        local.down()
    assert printed == python_page.promised(script)
