"""Plant bugs into the contracts, one at a time, and see how soon the random sequences notice.

    .venv/bin/python scripts/planted_bugs.py [--only WORDS] [--examples 2000] [--write]

The bugs stand in `tests/sequences/harness/planted_bugs.py`. They are compiled for speed, not for the chain,
and the sequences are the same each time. Exit code 1: a bug was not noticed, or the contracts as they are
were accused. `--write` rewrites `docs/planted-bugs.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pyrevm
import pytest

from chainbill.chain import artifacts as package_artifacts
from export_artifacts import ROOT
from mutation.build import Artifacts, Build, build_mutant, build_unchanged
from mutation.compiler import Compiler

DOCUMENT = ROOT / "docs" / "planted-bugs.md"
LOGS = ROOT / ".cache" / "planted"
TESTS = ROOT / "tests" / "sequences"
EXAMPLES = 2_000

INTRODUCTION = """# Planted bugs

Do the random sequences (`tests/sequences/`) notice a bug? Each of these was planted into the contracts
alone, and the same sequences of up to 60 steps were played until contracts and ledger disagreed or an
invariant of [invariants.md](invariants.md) did not hold. Sequences and steps count from 1. What did not
agree is an outcome (the contract refused or agreed where the ledger did not), the logged rows of a batch, a
view, or an invariant. On the contracts as they are, {unchanged} sequences of the same kind found nothing.

Made by `.venv/bin/python scripts/planted_bugs.py --write`.

| planted bug | file | caught by: rule | what did not agree | sequence | step |
|---|---|---|---|---|---|
"""

_swapped: Artifacts = {}


@dataclass(frozen=True)
class Hunt:
    """How one hunt ended. `catch`: sequence, step, rule and what did not agree; None: nothing was noticed."""

    name: str
    file: str
    catch: tuple[int, int, str, str] | None
    seconds: float

    def row(self) -> str:
        """A row of the document's table."""
        sequence, step, rule, what = self.catch or ("not in time", "", "", "**not noticed**")
        file = self.file.removeprefix("contracts/")
        return f"| {self.name} | `{file}` | `{rule}` | {what} | {sequence} | {step} |"


def load_hunts() -> Any:
    """Import the sequences once for all hunts, and let them take their contracts from here."""

    def load_artifact(name: str) -> package_artifacts.Artifact:
        return package_artifacts.read_artifact(_swapped[name])

    package_artifacts.load_artifact = load_artifact  # type: ignore[assignment]
    cache = f"cache_dir={LOGS / 'pytest'}"
    with redirect_stdout(StringIO()):
        code = pytest.main(["--collect-only", "-q", "-o", cache, str(TESTS)])
    if code:
        raise RuntimeError("the sequences cannot be imported: run them with pytest")
    sys.modules["tests.support.evm"].artifact = lambda name: _swapped[name]  # type: ignore[attr-defined]
    # Compiled for speed, contracts are larger than a chain takes.
    roomy = pyrevm.Env(cfg=pyrevm.CfgEnv(limit_contract_code_size=2**20))
    machine = partial(pyrevm.EVM, env=roomy)
    sys.modules["tests.support.pyrevm_backend"].EVM = machine  # type: ignore[attr-defined]
    return sys.modules["tests.sequences.harness.planted_bugs"]


def build_planted(build: Build, compiler: Compiler, bug: Any) -> Artifacts:
    """Return all artifacts with a bug in them."""
    changed = build_mutant(build, compiler, bug)
    if not changed:
        raise RuntimeError(f"{bug.name}: does not compile, or to nothing else")
    return build.artifacts | changed


def hunt_in_fork(artifacts: Artifacts, hunt: Callable[[int], Any], examples: int, log: Path) -> Any:
    """Hunt in a fork of this process on other bytecode; returns the catch as a list, or None."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _swapped.update(artifacts)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(output, 1)
        os.dup2(output, 2)
        catch = hunt(examples)
        found = None if catch is None else [catch.sequence, catch.step, catch.rule, catch.what]
        os.write(writer, json.dumps(found).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status or not answer:
        raise RuntimeError(f"the hunt did not end, see {log}")
    return json.loads(answer)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description="Plant bugs and see whether the random sequences notice.")
    parser.add_argument("--only", default="", help="bugs whose name contains these words")
    parser.add_argument(
        "--examples", type=int, default=EXAMPLES, help=f"sequences at most (default {EXAMPLES})"
    )
    parser.add_argument("--write", action="store_true", help=f"write the table to {DOCUMENT.name}")
    options = parser.parse_args(arguments)
    LOGS.mkdir(parents=True, exist_ok=True)

    compiler = Compiler()
    build = build_unchanged(ROOT, compiler)
    hunts = load_hunts()
    accused = hunt_in_fork(build.artifacts, hunts.hunt, options.examples, LOGS / "unchanged.log")
    print(f"without a bug: {accused or 'nothing found'}", flush=True)
    done: list[Hunt] = []
    for bug in hunts.PLANTED:
        if options.only in bug.name:
            started = time.monotonic()
            planted = build_planted(build, compiler, bug)
            log = LOGS / f"{len(done)}.log"
            catch = hunt_in_fork(planted, hunts.hunt, options.examples, log)
            done.append(Hunt(bug.name, bug.file, tuple(catch) if catch else None, time.monotonic() - started))
            print(f"{done[-1].row()} {done[-1].seconds:.0f} s", flush=True)
    compiler.close()

    if options.write:
        text = INTRODUCTION.format(unchanged=options.examples) + "\n".join(hunt.row() for hunt in done) + "\n"
        DOCUMENT.write_text(text, encoding="utf-8")
    unnoticed = [hunt.name for hunt in done if hunt.catch is None]
    print(f"planted: {len(done)} bugs, {len(done) - len(unnoticed)} noticed")
    return 1 if unnoticed or accused else 0


if __name__ == "__main__":
    sys.exit(main())
