"""Resolve the newest allowed versions of everything and pin them. `make lock` runs this.

Rewrites `requirements/constraints.txt` (Python packages), `requirements/build.txt` (what builds the few
that have no wheel) and `package-lock.json` (npm). They serve Python 3.11 and 3.12 alike. Run the tests
before committing what changed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from setup_tools import BUILD_CONSTRAINTS, CONSTRAINTS, ROOT, ensure_node, environment, node_path, npm_command

FOUNDRY_TOOLS = ("node_modules/@foundry-rs/anvil", "node_modules/@foundry-rs/forge")

HEADER = "# {purpose} Written by `make lock`; do not edit.\n"


def resolve(requirements: list[str], leave_out: list[str]) -> str:
    """Install the requirements into a fresh environment and return its `pip freeze`."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip = [str(Path(folder) / "bin" / "python"), "-m", "pip"]
        for wanted in (["pip"], ["--prefer-binary", *requirements]):
            subprocess.run([*pip, "install", "--quiet", "--upgrade", *wanted], env=environment(), check=True)
        subprocess.run([*pip, "check"], env=environment(), check=True)
        freeze = [*pip, "freeze", "--all", *(f"--exclude={name}" for name in leave_out)]
        return subprocess.run(freeze, env=environment(), check=True, capture_output=True, text=True).stdout


def lock_python() -> None:
    """Resolve pyproject.toml, and apart from it what builds packages."""
    packages = resolve([f"{ROOT}[dev,attack,node]"], ["chainbill", "setuptools"])
    purpose = "Exact versions of everything `make` installs from PyPI."
    CONSTRAINTS.write_text(HEADER.format(purpose=purpose) + packages, encoding="utf-8")
    build = resolve(["hatchling<2", "setuptools", "wheel"], ["pip"])
    purpose = "Exact versions of what builds packages that come without a wheel, this one included."
    BUILD_CONSTRAINTS.write_text(HEADER.format(purpose=purpose) + build, encoding="utf-8")


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


def main() -> int:
    """Run the command; return its exit code."""
    lock_python()
    lock_npm()
    return 0


if __name__ == "__main__":
    sys.exit(main())
