"""The pinned tool chain is complete and ties nobody to one registry."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PINNED = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.+!]+( ; [a-z_\"' =0-9]+)?( --hash=sha256:[0-9a-f]{64})+"
)


def test_package_lock__names_hashes_and_no_registry(project_root: Path) -> None:
    packages = json.loads((project_root / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    installed = {name: entry for name, entry in packages.items() if name}
    assert installed
    for name, entry in installed.items():
        assert "resolved" not in entry, name
        assert entry["integrity"].startswith("sha512-"), name


def test_package_json__pins_exact_versions(project_root: Path) -> None:
    manifest = json.loads((project_root / "package.json").read_text(encoding="utf-8"))
    for name, version in manifest["devDependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name


def test_requirements__every_line__pins_one_version_by_its_hashes(project_root: Path) -> None:
    files = sorted((project_root / "requirements").iterdir())
    assert [path.name for path in files] == [
        "attack.txt",
        "build.txt",
        "dev.txt",
        "installer.txt",
        "node.txt",
    ]
    for path in files:
        text = path.read_text(encoding="utf-8").replace(" \\\n    ", " ")
        entries = [line for line in text.splitlines() if not line.startswith("#")]
        assert entries
        assert [line for line in entries if not PINNED.fullmatch(line)] == [], path.name
        assert "://" not in text


def test_requirements__what_pyproject_asks_for__is_pinned(project_root: Path) -> None:
    project = tomllib.loads((project_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for file, wanted in (
        ("dev.txt", [*project["dependencies"], *extras["dev"]]),
        ("attack.txt", extras["attack"]),
        ("node.txt", extras["node"]),
    ):
        pins = dict(
            re.findall(r"^(\S+)==(\S+)", (project_root / "requirements" / file).read_text(), re.MULTILINE)
        )
        versions = {canonicalize_name(name): version for name, version in pins.items()}
        for requirement in map(Requirement, wanted):
            version = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version, prereleases=True), requirement


# ---- set-up refuses what is not the file pinned -------------------------------------------------------


@pytest.fixture
def offline(tmp_path: Path, project_root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The set-up, with its log apart, and with an index that is a folder with one wheel."""
    monkeypatch.syspath_prepend(str(project_root / "scripts"))
    setup_tools = import_module("setup_tools")
    monkeypatch.setattr(setup_tools, "ROOT", tmp_path)
    monkeypatch.setattr(setup_tools, "LOG", tmp_path / "setup.log")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with zipfile.ZipFile(tmp_path / WHEEL, "w") as wheel:
        wheel.writestr("parcel.py", "content = 1\n")
        wheel.writestr("parcel-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: parcel\nVersion: 1.0\n")
        wheel.writestr(
            "parcel-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("parcel-1.0.dist-info/RECORD", "")
    return setup_tools


WHEEL = "parcel-1.0-py3-none-any.whl"


def pins(folder: Path, digest: str | None) -> Path:
    file = folder / "pins.txt"
    file.write_text("parcel==1.0" + (f" --hash=sha256:{digest}\n" if digest else "\n"))
    return file


def test_setup__the_file_pinned__is_installed(offline: ModuleType, tmp_path: Path) -> None:
    digest = hashlib.sha256((tmp_path / WHEEL).read_bytes()).hexdigest()
    offline.pip_pinned(pins(tmp_path, digest), options=("--target", str(tmp_path / "there")))
    assert (tmp_path / "there" / "parcel.py").is_file()


def test_setup__another_file_than_the_one_pinned__is_refused_in_one_line_and_not_asked_for_again(
    offline: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(offline.SetupError) as refusal:
        offline.pip_pinned(pins(tmp_path, "0" * 64), options=("--target", str(tmp_path / "there")))
    assert str(refusal.value).startswith("parcel==1.0 is not the file that requirements/ pins")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "there").exists()
    assert (tmp_path / "setup.log").read_text().count("\n$ ") == 1


def test_setup__pinned_without_a_hash__is_refused(
    offline: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "ATTEMPTS", 1)
    with pytest.raises(offline.SetupError, match="--require-hashes"):
        offline.pip_pinned(pins(tmp_path, None), options=("--target", str(tmp_path / "there")))
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("pinned", [True, False])
def test_setup__native_compiler__runs_only_if_it_is_the_build_pinned(
    offline: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pinned: bool
) -> None:
    ran: list[list[str]] = []

    def fetch(command: list[str], *, env: dict[str, str] | None = None, **_: object) -> CompletedProcess[str]:
        ran.append(command)
        if env is not None:
            (Path(env["SOLCX_BINARY_PATH"]) / "solc-v0.8.30").write_bytes(b"a compiler")
        return CompletedProcess(command, 0, "Version: 0.8.30+commit.73712a01")

    monkeypatch.setattr(offline, "CACHE", tmp_path)
    monkeypatch.setattr(offline, "solc_version", lambda: "0.8.30")
    monkeypatch.setattr(offline.subprocess, "run", fetch)
    if pinned:
        monkeypatch.setattr(offline, "SOLC_BUILDS", {hashlib.sha256(b"a compiler").hexdigest()})
    assert offline.download_solc(tmp_path / "solc-v0.8.30") is pinned
    assert (tmp_path / "solc-v0.8.30").exists() is pinned
    assert len(ran) == (2 if pinned else 1)


@pytest.mark.parametrize(
    "filename, wanted",
    [
        ("numpy-1.26.4.tar.gz", True),
        ("numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("numpy-1.26.4-cp312-cp312-macosx_11_0_arm64.whl", True),
        ("numpy-1.26.4-cp312-cp312-musllinux_1_1_aarch64.whl", True),
        ("numpy-1.26.4-cp38-abi3-manylinux_2_17_x86_64.whl", True),
        ("numpy-1.26.4-py2.py3-none-any.whl", True),
        ("numpy-1.26.4-py3-none-macosx_10_9_universal2.whl", True),
        ("numpy-1.26.4-cp310-cp310-manylinux_2_17_x86_64.whl", False),
        ("numpy-1.26.4-cp313-cp313t-manylinux_2_17_x86_64.whl", False),
        ("numpy-1.26.4-cp313-abi3-manylinux_2_17_x86_64.whl", False),
        ("numpy-1.26.4-py2-none-any.whl", False),
        ("numpy-1.26.4-cp311-cp311-win_amd64.whl", False),
        ("numpy-1.26.3-cp311-cp311-macosx_11_0_arm64.whl", False),
        ("numpy-1.26.4.post1.tar.gz", False),
        ("numpy-1.26.4.exe", False),
    ],
)
def test_lock__files_of_a_version__those_that_our_pythons_may_install(
    offline: ModuleType, filename: str, wanted: bool
) -> None:
    assert import_module("index_files").may_be_installed(filename, Version("1.26.4")) is wanted


def test_makefile__every_target_has_help(project_root: Path) -> None:
    makefile = (project_root / "Makefile").read_text(encoding="utf-8")
    described = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) - {"all"} == described
