"""`ape compile` works in a checkout and gives the bytecode that the package ships."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scripts import export_artifacts

# ape cannot switch off the metadata that ends each contract: a hash over the sources, which differs with
# their path, and the compiler version.
METADATA = re.compile("a264697066735822[0-9a-f]{68}64736f6c6343[0-9a-f]{6}0033")


@pytest.fixture
def project(tmp_path: Path, project_root: Path) -> Path:
    """A copy of what ape reads."""
    shutil.copytree(project_root / "contracts", tmp_path / "contracts", ignore=shutil.ignore_patterns(".*"))
    shutil.copy(project_root / "ape-config.yaml", tmp_path)
    (tmp_path / "node_modules").symlink_to(project_root / "node_modules")
    return tmp_path


def compile_with_ape(project: Path) -> dict[str, str]:
    """Return creation code by contract name."""
    ape = Path(sys.executable).with_name("ape")
    home = project / "home"
    home.mkdir()
    env = os.environ | {"APE_DATA_FOLDER": str(project / "ape"), "HOME": str(home)}
    done = subprocess.run([ape, "compile"], cwd=project, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(home.iterdir()) == [], "ape wrote into the home directory"
    manifest = json.loads((project / ".build" / "__local__.json").read_text(encoding="utf-8"))
    codes = {
        name: entry["deploymentBytecode"]["bytecode"] for name, entry in manifest["contractTypes"].items()
    }
    return {name: METADATA.sub("", code) for name, code in codes.items()}


def compile_with_metadata(project: Path) -> dict[str, str]:
    """Return creation code by contract name, from the export's own way with metadata left on."""
    settings = export_artifacts.compiler_settings()
    del settings["metadata"]
    request = export_artifacts.standard_input(export_artifacts.read_sources(project), settings)
    texts = export_artifacts.artifact_texts(export_artifacts.run_solc(project, request))
    return {Path(path).stem: METADATA.sub("", json.loads(text)["bytecode"]) for path, text in texts.items()}


@pytest.mark.slow
def test_ape_compile__gives_the_exported_bytecode(project: Path) -> None:
    by_ape = compile_with_ape(project)
    exported = compile_with_metadata(project)
    assert exported
    assert {name: by_ape[name] for name in exported} == exported
