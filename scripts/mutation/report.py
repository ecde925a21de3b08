"""What a run found, as `docs/mutants.md` tells it; the reasons there are written by hand and kept."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mutation.mutants import Mutant
from mutation.trials import Trial

MARKER = (
    "<!-- written by `make mutation ARGS=--write`; of the table of survivors, the last column is ours -->"
)
UNEXPLAINED = "?"

_SURVIVOR = re.compile(r"^\| `([0-9a-f]{8})` \|.*\| *([^|]*?) *\|$", re.MULTILINE)


@dataclass(frozen=True)
class Tried:
    """One mutant and what became of it."""

    mutant: Mutant
    trial: Trial

    @property
    def survived(self) -> bool:
        return self.trial.killed_by is None

    def as_json(self) -> dict[str, object]:
        """The mutant and its trial, flat."""
        mutant = self.mutant
        return {
            "id": mutant.id,
            "file": mutant.file,
            "line": mutant.line,
            "function": mutant.function,
            "kind": mutant.kind,
            "change": mutant.change,
            "killed_by": self.trial.killed_by,
            "seconds": round(self.trial.seconds, 1),
        }


def kill_rate(tried: list[Tried]) -> float:
    """Return the share of mutants that a test noticed."""
    return sum(not one.survived for one in tried) / len(tried)


def explanations(document: Path) -> dict[str, str]:
    """Return the reasons in the document by mutant id, those still to be written left out."""
    if not document.is_file():
        return {}
    survivors = document.read_text(encoding="utf-8").split(MARKER)[-1].split("## Every mutant")[0]
    return {key: reason for key, reason in _SURVIVOR.findall(survivors) if reason != UNEXPLAINED}


def objections(tried: list[Tried], reasons: dict[str, str]) -> list[str]:
    """Return a line for each survivor without a reason, and for each reason for a mutant that was killed."""
    return [
        *(
            f"survived, not explained: {line(one)}"
            for one in tried
            if one.survived and one.mutant.id not in reasons
        ),
        *(
            f"explained as a survivor, but killed: {line(one)}"
            for one in tried
            if not one.survived and one.mutant.id in reasons
        ),
    ]


def line(one: Tried) -> str:
    """Return one mutant and its end on a line."""
    mutant = one.mutant
    place = f"{mutant.file}:{mutant.line} {mutant.function}"
    return f"{mutant.id} {place}: {mutant.change}  [{one.trial.killed_by or 'SURVIVED'}]"


def write(document: Path, tried: list[Tried], seed: str) -> None:
    """Rewrite all of the document below the marker; reasons stay with their mutants."""
    introduction = document.read_text(encoding="utf-8").split(MARKER)[0]
    reasons = explanations(document)
    survivors = [one for one in tried if one.survived]
    parts = [
        introduction + MARKER,
        f"{len(tried)} mutants with seed `{seed}`: {len(tried) - len(survivors)} killed, "
        f"{len(survivors)} survived; {kill_rate(tried):.1%} killed.",
        "## By file",
        table(("file", "mutants", "killed"), by_file(tried)),
        "## Survivors",
        table(
            ("mutant", "where", "change", "why no test can or need notice it"),
            ((*cells(one), reasons.get(one.mutant.id, UNEXPLAINED)) for one in survivors),
        ),
        "## Every mutant",
        table(
            ("mutant", "where", "change", "killed by"),
            ((*cells(one), killer(one)) for one in tried),
        ),
    ]
    document.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def by_file(tried: list[Tried]) -> Iterable[tuple[str, str, str]]:
    """Return mutants and kills of each file."""
    mutants = Counter(one.mutant.file for one in tried)
    killed = Counter(one.mutant.file for one in tried if not one.survived)
    return [(f"`{file}`", str(count), str(killed[file])) for file, count in sorted(mutants.items())]


def cells(one: Tried) -> tuple[str, str, str]:
    """Return the cells that both tables begin with."""
    mutant = one.mutant
    where = f"{Path(mutant.file).name} `{mutant.function}`" if mutant.function else Path(mutant.file).name
    return f"`{mutant.id}`", where, f"`{mutant.change}`".replace("|", "\\|")


def killer(one: Tried) -> str:
    """Return the test that killed a mutant, without the folders of its file."""
    killed_by = one.trial.killed_by
    return "survived" if killed_by is None else killed_by.rpartition("/")[2]


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell)} |" for cell in lines)
