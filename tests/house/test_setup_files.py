"""The pinned tool chain is complete and ties nobody to one registry."""

from __future__ import annotations

import json
import re
from pathlib import Path

PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.+!]+")


def test_package_lock__names_hashes_and_no_registry(project_root: Path) -> None:
    packages = json.loads((project_root / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    installed = {name: entry for name, entry in packages.items() if name}
    assert installed
    for name, entry in installed.items():
        assert "resolved" not in entry, name
        on_linux_x64 = "linux" in entry.get("os", ["linux"]) and "x64" in entry.get("cpu", ["x64"])
        assert not on_linux_x64 or entry["integrity"].startswith("sha512-"), name


def test_package_json__pins_exact_versions(project_root: Path) -> None:
    manifest = json.loads((project_root / "package.json").read_text(encoding="utf-8"))
    for name, version in manifest["devDependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name


def test_constraints__every_line_pins_one_version(project_root: Path) -> None:
    for path in sorted((project_root / "requirements").glob("*.txt")):
        lines = path.read_text(encoding="utf-8").splitlines()
        entries = [line for line in lines if not line.startswith("#")]
        assert entries
        assert [line for line in entries if not PINNED.fullmatch(line)] == [], path.name


def test_makefile__every_target_has_help(project_root: Path) -> None:
    makefile = (project_root / "Makefile").read_text(encoding="utf-8")
    described = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) - {"all"} == described
