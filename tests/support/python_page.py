"""Runs the examples of a page in Python, one after another, in a process of their own against a devnet.

What an example prints stands behind it in the page: ``print(x)  # → 12.50``. The page's node is the devnet;
the page's keys are those of the devnet's accounts, and its oracle's nodes are in the folder ``state``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from chainbill.state.local_devnet import LocalDevnet
from chainbill.state.passphrase import passphrase_from
from chainbill.state.session import Session

NODE = "http://127.0.0.1:8545"
"""Where the pages say that a node is."""

_KEPT = ("keystores", "passphrase", "addressbook.json", "schedules")


def examples(page: Path) -> list[str]:
    """The page's Python, block by block."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    """The page's blocks of another language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def promised(script: str) -> list[str]:
    """What the page says is printed, line by line."""
    return re.findall(r"# → (.*)$", script, re.MULTILINE)


def furnish(folder: Path, local: LocalDevnet) -> dict[str, str]:
    """Put what the pages suppose into the folder that they run in; returns the environment they run in."""
    session = Session.open(local.state)
    deployment = session.protocol.deployment
    (folder / "deployment.json").write_text(deployment.model_dump_json(indent=2), encoding="utf-8")
    shutil.copytree(local.state.keystores, folder / "keys")
    (folder / "state").mkdir(mode=0o700)
    for name in _KEPT:
        kept = local.state.root / name
        if not kept.exists():
            continue
        (shutil.copytree if kept.is_dir() else shutil.copy2)(kept, folder / "state" / name)
    given = {name: value for name, value in os.environ.items() if not name.startswith("CHAINBILL_")}
    return {**given, "KEYSTORE_PASSPHRASE": passphrase_from(local.state.passphrase), "HOME": str(folder)}


def run(python: Path, folder: Path, script: str, url: str, environment: dict[str, str]) -> list[str]:
    """Run a script; returns the lines that it prints. It must end well."""
    file = folder / "page.py"
    file.write_text(script.replace(NODE, url), encoding="utf-8")
    command = [str(python), file.name]
    ran = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()
