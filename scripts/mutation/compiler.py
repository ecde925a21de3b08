"""A compiler that stays loaded: starting it and warming it up costs more than one contract."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from setup_tools import ensure_node

SCRIPT = Path(__file__).with_name("compiler.js")

# Its memory never shrinks; a new process now and then keeps it small.
INPUTS_PER_PROCESS = 40


class Compiler:
    """The npm build of solc in a process of its own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._inputs = 0

    def compile(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the standard-JSON output for an input."""
        if self._process is None or self._inputs == INPUTS_PER_PROCESS:
            self.close()
            self._process = self._start()
        self._inputs += 1
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        output: dict[str, Any] = json.loads(self._process.stdout.readline())
        return output

    def _start(self) -> subprocess.Popen[str]:
        self._inputs = 0
        command = [str(ensure_node()), str(SCRIPT)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None
