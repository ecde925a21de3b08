"""Change the contracts in small ways and see whether the contract tests notice. `make mutation` runs this.

    .venv/bin/python scripts/mutate.py [--mutants 200] [--seed SEED] [--only FILE-OR-ID | --again] [--write]

The mutants are the same for the same seed. Each is tried with the tests of its file first, then all others,
until one fails. Exit code 1: fewer than 95 % were killed, or a survivor is not explained in
`docs/mutants.md`. `--write` rewrites the tables there; reasons are written by hand. The report goes to
`.cache/mutation/report.json`; `--again` takes from there what was killed and tries the survivors anew, after
tests were added.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict

from export_artifacts import CONTRACTS, ROOT
from mutation import report, trials
from mutation.build import Artifacts, Build, BuildError, all_mutants, build_mutant, build_unchanged
from mutation.compiler import Compiler
from mutation.mutants import Mutant, in_turn

CACHE = ROOT / ".cache" / "mutation"
REPORT = CACHE / "report.json"
DOCUMENT = ROOT / "docs" / "mutants.md"
WANTED = 160
SEED = "chainbill"
LEAST_KILLED = 0.95

# Inherited by the worker processes.
_build: Build
_baseline: trials.Baseline
_compiler: Compiler | None = None


class NothingToRepeat(Exception):
    """There is no report of a run on these contracts; the message says so."""


def last_report(everything: list[Mutant]) -> list[report.Tried]:
    """Return what the last run found."""
    if not REPORT.is_file():
        raise NothingToRepeat("there is no report of a run yet")
    known = {mutant.id: mutant for mutant in everything}
    entries = json.loads(REPORT.read_text(encoding="utf-8"))
    if unknown := [entry["id"] for entry in entries if entry["id"] not in known]:
        raise NothingToRepeat(f"the contracts have changed since the last run: {', '.join(unknown)}")
    return [
        report.Tried(known[entry["id"]], trials.Trial(entry["killed_by"], entry["seconds"]))
        for entry in entries
    ]


def mutated_files(build: Build) -> list[str]:
    """Return our sources; interfaces hold nothing to break."""
    ours = [name for name in build.sources if name.startswith(CONTRACTS)]
    return [name for name in ours if not name.startswith("contracts/interfaces/")]


def baseline() -> trials.Baseline:
    """Run the tests on the contracts as they are, unless that was done before."""
    state = hashlib.sha256(json.dumps(_build.sources).encode())
    for path in sorted((ROOT / "tests" / "contracts").glob("*.py")):
        state.update(path.read_bytes())
    kept = CACHE / f"unchanged-{state.hexdigest()}.json"
    if kept.is_file():
        return trials.Baseline(**json.loads(kept.read_text(encoding="utf-8")))
    found = trials.run_unchanged(_build.artifacts, CACHE / "unchanged.log")
    kept.write_text(json.dumps(asdict(found)), encoding="utf-8")
    return found


def choose(
    pool: multiprocessing.pool.Pool, mutants: Iterable[Mutant], wanted: int
) -> list[tuple[Mutant, Artifacts]]:
    """Compile mutants in turn until enough of them compile to other bytecode."""
    waiting = iter(mutants)
    chosen: list[tuple[Mutant, Artifacts]] = []
    while len(chosen) < wanted:
        batch = [mutant for _, mutant in zip(range(wanted - len(chosen)), waiting, strict=False)]
        if not batch:
            break
        compiled = pool.map(compile_one, batch, chunksize=1)
        chosen += [(mutant, changed) for mutant, changed in zip(batch, compiled, strict=True) if changed]
    return chosen


def compile_one(mutant: Mutant) -> Artifacts | None:
    """Compile one mutant in a worker process."""
    global _compiler
    _compiler = _compiler or Compiler()
    return build_mutant(_build, _compiler, mutant)


def try_one(chosen: tuple[Mutant, Artifacts]) -> report.Tried:
    """Try one mutant in a worker process."""
    mutant, changed = chosen
    swapped = _build.artifacts | changed
    return report.Tried(mutant, trials.try_out(swapped, mutant.file, _baseline, CACHE / f"{mutant.id}.log"))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description="Change the contracts and see whether the tests notice.")
    parser.add_argument("--mutants", type=int, default=WANTED, help=f"how many (default {WANTED})")
    parser.add_argument("--seed", default=SEED, help=f"which ones (default {SEED})")
    parser.add_argument("--only", help="mutants of one file, by part of its name, or one mutant, by its id")
    parser.add_argument("--again", action="store_true", help="try the survivors of the last report anew")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--write", action="store_true", help=f"write the outcome to {DOCUMENT.name}")
    options = parser.parse_args(arguments)
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        tried = run(options)
    except BuildError as error:
        print(f"mutation: the contracts do not compile:\n{error}", file=sys.stderr)
        return 1
    except NothingToRepeat as error:
        print(f"mutation: {error}", file=sys.stderr)
        return 1
    if not tried:
        print("mutation: no mutant is called so", file=sys.stderr)
        return 1
    REPORT.write_text(json.dumps([one.as_json() for one in tried], indent=1) + "\n")
    if options.write:
        report.write(DOCUMENT, tried, options.seed)
    problems = report.objections(tried, report.explanations(DOCUMENT))
    for problem in problems:
        print(problem)
    rate = report.kill_rate(tried)
    print(f"mutation: {len(tried)} mutants, {rate:.1%} killed")
    return 1 if problems or rate < LEAST_KILLED else 0


def run(options: argparse.Namespace) -> list[report.Tried]:
    """Choose, compile and try the mutants."""
    global _build, _baseline
    started = time.monotonic()
    compiler = Compiler()
    _build = build_unchanged(ROOT, compiler)
    everything = all_mutants(_build, compiler, mutated_files(_build))
    compiler.close()
    if options.only:
        everything = [m for m in everything if options.only in m.file or options.only == m.id]
    tried = last_report(everything) if options.again else []
    if options.again:
        everything = [one.mutant for one in tried if one.survived]
        tried = [one for one in tried if not one.survived]

    trials.use_quick_hypothesis()
    trials.install_swap(_build.artifacts)
    _baseline = baseline()
    tell(f"{len(_baseline.seconds)} tests in {sum(_baseline.seconds.values()):.0f} s without a change")
    for name in _baseline.failing:
        tell(f"left out, fails without a change: {name}")
    # Workers are forked: they inherit the contracts and the imported tests.
    with multiprocessing.get_context("fork").Pool(options.workers) as pool:
        chosen = choose(pool, in_turn(everything, options.seed), options.mutants)
        tell(f"{len(chosen)} of {len(everything)} mutants compiled ({time.monotonic() - started:.0f} s)")
        for count, one in enumerate(pool.imap_unordered(try_one, chosen), 1):
            tried.append(one)
            tell(f"{count}/{len(chosen)} {report.line(one)} {one.trial.seconds:.0f} s")
    tell(f"{time.monotonic() - started:.0f} s")
    return sorted(tried, key=lambda one: (one.mutant.file, one.mutant.start, one.mutant.replacement))


def tell(text: str) -> None:
    """Report progress."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
