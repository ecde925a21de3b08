"""Resolve the newest allowed versions of everything and pin them. `make lock` runs this.

Rewrites `requirements/constraints.txt` (Python) and `package-lock.json` (npm). Both are the same for
Python 3.11 and 3.12. Run the tests before committing what changed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from setup_tools import CONSTRAINTS, ROOT, ensure_node, environment, node_path

HEADER = """\
# Exact versions of everything `make` installs from PyPI, build tools included. Written by `make lock`.
"""
# Packages built from source need these; pip takes them from the constraints too.
BUILD_TOOLS = ["hatchling<2", "setuptools", "wheel", "pip"]


def resolve(folder: Path) -> str:
    """Install the project into a fresh environment and return its `pip freeze`."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip"]
    wanted = ["--prefer-binary", *BUILD_TOOLS, f"{ROOT}[dev,node]"]
    subprocess.run([*pip, "install", "--quiet", "--upgrade", "pip"], env=environment(), check=True)
    subprocess.run([*pip, "install", "--quiet", *wanted], env=environment(), check=True)
    subprocess.run([*pip, "check"], env=environment(), check=True)
    freeze = [*pip, "freeze", "--all", "--exclude", "chainbill"]
    return subprocess.run(freeze, env=environment(), check=True, capture_output=True, text=True).stdout


def lock_npm() -> None:
    """Resolve package.json again; the lock names versions and hashes, never a registry."""
    lock = ROOT / "package-lock.json"
    lock.unlink(missing_ok=True)
    env = environment() | {"PATH": node_path(ensure_node())}
    options = ["--package-lock-only", "--ignore-scripts", "--omit-lockfile-registry-resolved"]
    subprocess.run(["npm", "install", *options], cwd=ROOT, env=env, check=True)


def main() -> int:
    """Run the command; return its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        CONSTRAINTS.write_text(HEADER + resolve(Path(folder)), encoding="utf-8")
    lock_npm()
    return 0


if __name__ == "__main__":
    sys.exit(main())
