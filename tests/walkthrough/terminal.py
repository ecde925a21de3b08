"""A document's commands, and a terminal to run them in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def commands(text: str) -> list[str]:
    """Every command of the shell blocks of a Markdown text, in order."""
    blocks = [part.partition("```")[0] for part in text.split("```sh\n")[1:]]
    return [
        line for block in blocks for line in block.splitlines() if line.strip() and not line.startswith("#")
    ]


class Terminal:
    """A shell in an empty directory with the project's files at hand and a state directory of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("src", "docs"):
            (folder / name).symlink_to(ROOT / name)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {
            **os.environ,
            "PATH": path,
            "CHAINBILL_STATE_DIR": str(folder / "state"),
            "CHAINBILL_ANVIL": str(next(ROOT.glob("node_modules/@foundry-rs/anvil-*/bin/anvil"))),
        }

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run one line."""
        return subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def ok(self, line: str) -> str:
        """Run one line, which must succeed; returns what it printed."""
        done = self.run(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def facts(self, line: str) -> dict[str, Any]:
        """Run one line with ``--json``; returns its facts."""
        facts: dict[str, Any] = json.loads(self.ok(f"{line} --json"))
        return facts
