"""``demo`` and ``bench`` told to end, at any point: nothing runs on, and no temporary folder is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DYING = Path(__file__).parent.parent / "devnet" / "dying.py"

SCRATCH, ANVIL = "chainbill.chain.devnet.scratch_devnet", "chainbill.chain.devnet.anvil"

COMMANDS = {"demo": ["demo"], "bench": ["bench", "gas", "--only", "single"]}

POINTS = [
    ("pathlib:Path.mkdir", "before"),
    ("pathlib:Path.mkdir", "after"),
    (f"{ANVIL}:_spawn", "before"),
    (f"{ANVIL}:_spawn", "after"),
    (f"{ANVIL}:_wait_for_answer", "before"),
    (f"{ANVIL}:_wait_for_answer", "after"),
    ("chainbill.chain.deploy:deploy", "before"),
    ("chainbill.chain.contracts.token:DevUsd.mint", "after"),
    (f"{ANVIL}:Anvil.kill", "before"),  # The run is over, and it clears up.
    (f"{ANVIL}:Anvil.kill", "after"),
    ("shutil:rmtree", "before"),
    ("shutil:rmtree", "after"),
]


def left_running(folder: Path) -> list[int]:
    """Processes that have something in a folder among their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and str(folder).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks into /proc")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "point, moment, signals",
    [
        *((point, moment, "SIGTERM") for point, moment in POINTS),
        # A terminal that is closed, and Ctrl-C pressed more than once.
        (f"{ANVIL}:_wait_for_answer", "after", "SIGHUP"),
        (f"{ANVIL}:_wait_for_answer", "after", "SIGINT,SIGINT,SIGTERM"),
        (f"{ANVIL}:Anvil.kill", "before", "SIGHUP,SIGTERM,SIGINT"),
    ],
)
def test_scratch_chain__told_to_end__leaves_no_process_and_no_folder(
    tmp_path: Path, command: str, point: str, moment: str, signals: str
) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    program = [sys.executable, str(DYING), point, moment, signals, *COMMANDS[command]]
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120, check=False)
    first = signals.split(",", maxsplit=1)[0]
    expected = 130 if first == "SIGINT" else 128 + getattr(signal, first)
    assert ended.returncode == expected, (ended.stdout, ended.stderr)
    assert "Traceback" not in ended.stderr
    assert left_running(tmp_path) == []
    assert list(tmp_path.glob("chainbill-*")) == []
