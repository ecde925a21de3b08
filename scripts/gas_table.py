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
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SNAPSHOT = ROOT / "tests" / "snapshots" / "gas.json"
DOCUMENT = ROOT / "docs" / "gas.md"

BEGIN = "<!-- written by scripts/gas_table.py -->"
END = "<!-- end of what scripts/gas_table.py writes -->"

CODE_LIMIT = 24_576
"""The most bytes of deployed code (EIP-170)."""

TRANSACTION_GAS = 1 << 24
"""The most gas of a transaction (EIP-7825); by Amsterdam's rules, state gas comes on top (EIP-8037)."""

BLOCK_GAS = 60_000_000
"""The most gas of a block on Ethereum, and on networks that follow it."""


class Bounds(NamedTuple):
    """The most gas per event that is asked for, by fork; None: there is no bound."""

    osaka: int | None = None
    amsterdam: int | None = None


BOUNDS = {
    "single": Bounds(122_000, 190_000),
    "batch_100_patients_100": Bounds(18_800, 33_500),
    "batch_100_patients_10": Bounds(7_400, 9_200),
    "batch_800_patients_10": Bounds(5_700, 5_900),
    "batch_200_mixed": Bounds(16_500, 23_500),
    "deposit_3009": Bounds(85_000),
    "dispute_open": Bounds(115_000),
}
"""By scenario. None is passed."""

WANTED = {
    "single": 126_000,
    "batch_100_patients_100": 17_800,
    "batch_100_patients_10": 6_700,
    "batch_800_patients_10": 4_850,
    "batch_200_mixed": 14_200,
    "family": 22_000,
    "secondary": 36_000,
    "pended": 3_500,
    "pended_over_limit": 3_500,
}
"""By scenario, the most gas per event by today's rules once contracts check the provider's signature."""

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
    "pended": "100 events of 10 patients whose consent has ended: all pend",
    "pended_over_limit": "100 events of 10 patients, each over the patient's limit: all pend",
    "self_pay": "100 events of 100 patients outside any plan",
    "first_of_day": "100 events of 100 patients, first batch of the day",
    "single_terms_forgotten": "one event alone, of other terms than the payer's last",
    "first_touch": "100 events of 100 patients, first batch of all",
    "patient_opened": "a new patient's deposit by signature, payer and consent: three transactions",
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
            _creations(snapshot["creation_gas"]),
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


def _scenarios(figures: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield "| scenario | what | osaka | at most | wanted | amsterdam | at most | slots written | created |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    for key, figure in figures.items():
        gas, slots, bounds = figure["gas_per_event"], figure["slots"], BOUNDS.get(key, Bounds())
        yield (
            f"| `{key}` | {MEANINGS[key]} | {gas['osaka']:,} | {_verdict(gas['osaka'], bounds.osaka)} "
            f"| {_verdict(gas['osaka'], WANTED.get(key))} "
            f"| {gas['amsterdam']:,} | {_verdict(gas['amsterdam'], bounds.amsterdam)} "
            f"| {slots['written']:,} | {slots['created']:,} |"
        )


def _verdict(gas: int, bound: int | None) -> str:
    if bound is None:
        return ""
    return f"{bound:,}" if gas <= bound else f"{bound:,}: missed by {(gas - bound) * 100 / bound:.1f} %"


def _peers(peers: dict[str, dict[str, int]]) -> Iterator[str]:
    yield "| moving one payer's coin | what | osaka | amsterdam |"
    yield "|---|---|---:|---:|"
    for key, gas in peers.items():
        yield f"| `{key}` | {MEANINGS[key]} | {gas['osaka']:,} | {gas['amsterdam']:,} |"


def _creations(creations: dict[str, dict[str, int]]) -> Iterator[str]:
    yield "| created | osaka | of 2^24 | amsterdam | of 60 million | without state | of 2^24 |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for name, gas in creations.items():
        regular = gas["amsterdam"] - gas["amsterdam_state"]
        yield (
            f"| `{name}` | {gas['osaka']:,} | {_part(gas['osaka'], TRANSACTION_GAS)} "
            f"| {gas['amsterdam']:,} | {_part(gas['amsterdam'], BLOCK_GAS)} "
            f"| {regular:,} | {_part(regular, TRANSACTION_GAS)} |"
        )


def _sizes(sizes: dict[str, int]) -> Iterator[str]:
    yield "| contract | bytes of code | of the limit |"
    yield "|---|---:|---:|"
    for name, size in sizes.items():
        yield f"| `{name}` | {size:,} | {_part(size, CODE_LIMIT)} |"


def _part(number: int, whole: int) -> str:
    return f"{number * 100 / whole:.0f} %"


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
