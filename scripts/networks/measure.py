"""Measures the walk-through on each engine, and writes the table of docs/networks.md.

Only what stands between the page's markers is written; the prose around it is ours.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from .build import ROOT
from .engine import Engine
from .walkthrough import Walked, walk_through

PAGE = ROOT / "docs" / "networks.md"

BEGIN = "<!-- written by python -m scripts.networks measure --write -->"
END = "<!-- end of what it writes -->"

VISITS = 100
"""Events that are attested, and settled in one batch."""

COLUMNS = (
    "engine",
    "deployed in",
    "set up in",
    "gas to deploy",
    f"gas of an event, {VISITS} in a batch",
    "signed to receipt",
    "signed to final",
    "differences of `deploy verify`",
    "discrepancies of `audit verify`",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the seconds depend on besides the engines."""

    day: date
    cores: int
    load: float
    """Programs that wanted a core, on average over the minutes before and while it was measured; the larger
    of the two."""


def measure(
    engines: Mapping[str, Callable[[Path, LocalAccount], Engine]],
    folder: Path,
    say: Callable[[str], None],
) -> tuple[Machine, dict[str, Walked]]:
    """Walk through on each engine in turn.

    Args:
        engines: what makes each, from a folder and the account that gets its coins.
        folder: for their data; must be empty.
        say: hears of each as it begins.

    Raises:
        EngineError: one does not start.
        ChainError: one does not answer, or refuses.
    """
    walked, load = {}, os.getloadavg()[0]
    for name, make in engines.items():
        say(f"{name} ...")
        begun = time.monotonic()
        with make(folder / name, Account.create()) as engine:
            walked[name] = walk_through(engine, folder / f"{name}-state", visits=VISITS)
        say(f"{name}: {time.monotonic() - begun:.0f} s with its start and end")
        load = max(load, os.getloadavg()[0])
    return Machine(datetime.now(UTC).date(), os.cpu_count() or 1, load), walked


def table(machine: Machine, walked: Mapping[str, Walked]) -> str:
    """The measurements in Markdown, with what they were taken on."""
    busy = " that other programs wanted, too: the seconds are those of a busy machine"
    lines = [
        f"Measured on {machine.day.isoformat()}, one run each, on {machine.cores} cores"
        f"{busy if machine.load > machine.cores else ''} (load average {machine.load:.1f}).",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
    ]
    lines += [f"| {' | '.join(_row(name, each))} |" for name, each in walked.items()]
    return "\n".join(lines)


def written(page: str, measured: str) -> str:
    """The page with another table.

    Raises:
        ValueError: the markers are missing.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{BEGIN} and {END} must stand there")
    return f"{head}{BEGIN}\n\n{measured}\n\n{END}{tail}"


def _row(name: str, walked: Walked) -> tuple[str, ...]:
    settled = walked.settled
    return (
        name,
        f"{walked.deployed.seconds:.1f} s",
        f"{walked.set_up_seconds:.1f} s",
        f"{walked.deployed.gas:,}",
        f"{settled.settlement.gas_used / settled.settlement.waited:,.0f}",
        f"{settled.receipt_seconds:.1f} s",
        f"{settled.final_seconds:.1f} s",
        str(len(walked.differences)),
        str(len(walked.verification.discrepancies)),
    )
