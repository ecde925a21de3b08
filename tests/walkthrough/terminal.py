"""A document's commands, and a terminal to run them in."""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def commands(text: str) -> list[str]:
    """Every command of the shell blocks of a Markdown text, in order."""
    blocks = [part.partition("```")[0] for part in text.split("```sh\n")[1:]]
    return [
        line for block in blocks for line in block.splitlines() if line.strip() and not line.startswith("#")
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a document; ``shown`` is what the document says it prints, None: it does not say."""

    line: str
    shown: str | None = None


def steps(text: str) -> list[Step]:
    """Every command of a Markdown text in order: of its shell blocks, and of its screens, which are text
    blocks that begin with ``$`` and a command."""
    found = []
    for block in re.findall(r"^```(sh|text)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        language, content = block
        if language == "sh":
            lines = content.splitlines()
            found += [Step(line) for line in lines if line.strip() and not line.startswith("#")]
        elif content.startswith("$ "):
            line, _, shown = content[2:].partition("\n")
            found.append(Step(line, shown))
    return found


def masked(shown: str) -> str:
    """What a command printed, without what no two runs have in common: hashes and addresses, times of the
    day, numbers of blocks."""
    without_hashes = re.sub(r"0x[0-9a-f]{16,}", "0x…", shown, flags=re.IGNORECASE)
    without_blocks = re.sub(r"\b(block +)\d+", r"\g<1>10", without_hashes)
    return re.sub(r"\d\d:\d\d(:\d\d)? UTC", "09:00 UTC", without_blocks)


def with_screens(text: str, screens: dict[str, str]) -> str:
    """The same Markdown text with what each screen's command printed, by its line."""

    def screen(found: re.Match[str]) -> str:
        line = found[1]
        return f"```text\n$ {line}\n{screens[line]}```"

    return re.sub(r"^```text\n\$ (.*?)\n.*?^```$", screen, text, flags=re.MULTILINE | re.DOTALL)


def check_screens(document: Path, said: dict[str, str]) -> None:
    """Every screen of ``document`` is what its command printed. ``CHAINBILL_WRITE_GOLDEN=1`` writes them."""
    text = document.read_text(encoding="utf-8")
    screens = {step.line: masked(said[step.line]) for step in steps(text) if step.shown is not None}
    if os.environ.get("CHAINBILL_WRITE_GOLDEN"):
        document.write_text(with_screens(text, screens), encoding="utf-8")
    else:
        printed = with_screens(text, screens)
        difference = difflib.unified_diff(text.splitlines(), printed.splitlines(), "shown", "printed", n=1)
        assert printed == text, "\n".join(difference)


class Terminal:
    """A shell in an empty directory with the project's files at hand and a state directory of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("src", "docs"):
            (folder / name).symlink_to(ROOT / name)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "CHAINBILL_SEQUENCES"},
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
