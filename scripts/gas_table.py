"""Put the committed gas figures into `docs/gas.md`, beside the bounds that were set.

    .venv/bin/python scripts/gas_table.py [--check]

The figures are those of `tests/snapshots/gas.json`, which `chainbill bench gas --json` makes. Only what
stands between the markers is written; the prose around it is ours. `--check` writes nothing. Exit code 1:
the page is not what the snapshot says.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SNAPSHOT = ROOT / "tests" / "snapshots" / "gas.json"
DOCUMENT = ROOT / "docs" / "gas.md"

BEGIN = "<!-- written by scripts/gas_table.py -->"
END = "<!-- end of what scripts/gas_table.py writes -->"

CODE_LIMIT = 24_576
"""The most bytes of deployed code (EIP-170)."""

BOUNDS = {
    "single": 122_000,
    "batch_100_patients_100": 18_800,
    "batch_100_patients_10": 7_400,
    "batch_800_patients_10": 5_700,
    "batch_200_mixed": 16_500,
    "deposit_3009": 85_000,
    "dispute_open": 115_000,
}
"""The most gas per event that was asked for, by scenario."""

MEANINGS = {
    "single": "one event alone",
    "batch_100_patients_100": "100 events of 100 patients",
    "batch_100_patients_10": "100 events of 10 patients",
    "batch_800_patients_10": "800 events of 10 patients",
    "batch_200_mixed": "200 events of 100 patients, 10 providers, 3 payers",
    "deposit_3009": "a patient's deposit by signature",
    "dispute_open": "opening a dispute of one of 100 events",
    "family": "100 events of 100 members of families",
    "secondary": "100 events of 100 patients with two payers",
    "self_pay": "100 events of 100 patients outside any plan",
    "first_of_day": "100 events of 100 patients, first batch of the day",
    "single_terms_forgotten": "one event alone, of other terms than the payer's last",
    "first_touch": "100 events of 100 patients, every slot new",
    "erc20_transfer": "a transfer",
    "erc3009_transfer": "a transfer by signature (ERC-3009)",
    "batched_transfer_from": "one of 100 transfers that a contract pulls at once",
    "batched_transfer_from_unlimited": "the same, approved without limit",
}
"""What each key of the snapshot stands for."""


def tables(snapshot: dict[str, Any]) -> str:
    """Return the tables of a snapshot in Markdown."""
    return "\n\n".join(
        "\n".join(rows)
        for rows in (
            _scenarios(snapshot["scenarios"]),
            _peers(snapshot["peers"]),
            _sizes(snapshot["bytecode_bytes"]),
        )
    )


def written(document: str, snapshot: dict[str, Any]) -> str:
    """Return the document with a snapshot's tables between its markers.

    Raises:
        ValueError: the markers do not stand there once each.
    """
    if document.count(BEGIN) != 1 or document.count(END) != 1:
        raise ValueError(f"{BEGIN} and {END} must stand there once each")
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables(snapshot)}\n\n{END}{after}"


def _scenarios(figures: dict[str, dict[str, int]]) -> Iterator[str]:
    yield "| scenario | what | gas per event | at most | |"
    yield "|---|---|---:|---:|---|"
    for key, figure in figures.items():
        gas, bound = figure["gas_per_event"], BOUNDS.get(key)
        most = "" if bound is None else f"{bound:,}"
        yield f"| `{key}` | {MEANINGS[key]} | {gas:,} | {most} | {_verdict(gas, bound)} |"


def _verdict(gas: int, bound: int | None) -> str:
    if bound is None:
        return ""
    return "met" if gas <= bound else f"missed by {(gas - bound) * 100 / bound:.1f} %"


def _peers(peers: dict[str, int]) -> Iterator[str]:
    yield "| moving one payer's coin | what | gas |"
    yield "|---|---|---:|"
    for key, gas in peers.items():
        yield f"| `{key}` | {MEANINGS[key]} | {gas:,} |"


def _sizes(sizes: dict[str, int]) -> Iterator[str]:
    yield "| contract | bytes of code | of the limit |"
    yield "|---|---:|---:|"
    for name, size in sizes.items():
        yield f"| `{name}` | {size:,} | {size * 100 / CODE_LIMIT:.0f} % |"


def main() -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description="Put the committed gas figures into docs/gas.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where it is stale")
    check = parser.parse_args().check
    document = DOCUMENT.read_text(encoding="utf-8")
    current = written(document, json.loads(SNAPSHOT.read_text(encoding="utf-8")))
    if current == document:
        return 0
    if check:
        print(f"{DOCUMENT.relative_to(ROOT)} is stale: run scripts/gas_table.py", file=sys.stderr)
        return 1
    DOCUMENT.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
