"""Prove the symbolic tests in `tests/symbolic` with halmos. `make symbolic` runs this.

    .venv/bin/python scripts/run_symbolic.py [CONTRACT …]

Each test states its bounds beside it; docs/symbolic.md tells what is proved. Ends with a line for each
contract. Exit code 1: a counterexample was found, or a proof did not end.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from export_artifacts import ROOT
from foundry_view import NoForge, environment, lay_out

TESTS = ROOT / "tests" / "symbolic"
# The longest loops of the contracts that are proved: the eight slots of the credits' ring.
LOOP = 9
# For one question to the solver; a proof asks many.
SOLVER_SECONDS = 60
# For all proofs of one run of halmos. It may wait for ever for a solver that was stopped.
RUN_SECONDS = 2_400
# Whose proofs take so long that each has a run of its own.
ONE_BY_ONE = ("Settle",)
# Runs at a time: halmos keeps one processor busy.
RUNS = 2
# For asking whether a branch can be taken at all; what is not answered in time is taken. Where many branches
# follow each other it pays to ask longer than halmos' millisecond.
BRANCHING = {"Attestation": "10ms", "Reversal": "100ms", "Settle": "10ms"}
ALL = "check_"
"""How the names of all proofs begin."""
BUILD = ["forge", "build", "--ast", "--extra-output", "storageLayout", "metadata"]
# What halmos calls how a proof ended.
PASSED, COUNTEREXAMPLE, TIMED_OUT = 0, 1, 2


@dataclass
class Result:
    """How the proofs of one contract ended."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    timed_out: list[str] = field(default_factory=list)
    seconds: float = 0

    @property
    def proved(self) -> bool:
        """Whether there was something to prove and nothing is left unproved."""
        return self.passed > 0 and not self.failed and not self.timed_out

    def add(self, other: Result) -> None:
        """Add how other proofs of the same contract ended."""
        self.passed += other.passed
        self.failed += other.failed
        self.timed_out += other.timed_out
        self.seconds += other.seconds


def prove(contract: str, view: Path, env: dict[str, str], proof: str = ALL) -> Result:
    """Run halmos on one contract; stop it, and its solvers, when its time is over.

    Args:
        proof: how the names of the wanted proofs begin.
    """
    report = view / f"{contract}-{proof}.json"
    report.unlink(missing_ok=True)
    solver = shlex.join([sys.executable, str(TESTS / "solver.py")])
    command = ["halmos", "--match-contract", f"^{contract}Test$", "--loop", str(LOOP), "--no-status"]
    command += ["--function", proof, "--solver-command", solver]
    command += ["--solver-timeout-assertion", f"{SOLVER_SECONDS}s"]
    command += ["--solver-timeout-branching", BRANCHING.get(contract, "1ms"), "--json-output", str(report)]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=view, env=env, start_new_session=True)
    try:
        process.wait(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        return Result(timed_out=[proof], seconds=time.monotonic() - began)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    result = read(report)
    result.seconds = time.monotonic() - began
    return result


def read(report: Path) -> Result:
    """Sort what halmos reports by how it ended."""
    result = Result()
    if not report.exists():
        return Result(failed=["halmos gave no report"])
    for tests in json.loads(report.read_text(encoding="utf-8"))["test_results"].values():
        for test in tests:
            name = test["name"].split("(")[0]
            if test["exitcode"] == PASSED and not test["num_bounded_loops"]:
                result.passed += 1
            elif test["exitcode"] == PASSED:
                result.failed.append(f"{name} (a loop is longer than {LOOP})")
            elif test["exitcode"] == TIMED_OUT:
                result.timed_out.append(name)
            else:
                why = "counterexample" if test["exitcode"] == COUNTEREXAMPLE else "no path to its end"
                result.failed.append(f"{name} ({why})")
    return result


def runs(contract: str) -> list[str]:
    """Return how the names of the proofs of each run of a contract begin."""
    if contract not in ONE_BY_ONE:
        return [ALL]
    text = (TESTS / f"{contract}.t.sol").read_text(encoding="utf-8")
    return re.findall(rf"function ({ALL}\w+)\(", text)


def overview(results: dict[str, Result]) -> str:
    """Return a line for each contract, and one for each proof that is missing."""
    lines = [f"{'contract':<16}{'proved':>8}{'failed':>8}{'timed out':>11}{'seconds':>9}"]
    for contract, result in results.items():
        lines.append(
            f"{contract:<16}{result.passed:>8}{len(result.failed):>8}{len(result.timed_out):>11}"
            f"{result.seconds:>9.0f}"
        )
        lines += [f"    failed: {name}" for name in result.failed]
        lines += [f"    timed out: {name}" for name in result.timed_out]
    return "\n".join(lines)


def main(contracts: list[str]) -> int:
    """Run the command; return its exit code."""
    known = sorted(path.name.removesuffix(".t.sol") for path in TESTS.glob("*.t.sol"))
    wanted = contracts or known
    if unknown := set(wanted) - set(known):
        print(f"symbolic: no test is called {', '.join(sorted(unknown))}", file=sys.stderr)
        return 1
    try:
        env = environment()
    except NoForge as error:
        print(f"symbolic: {error}", file=sys.stderr)
        return 1
    view = lay_out()
    # As halmos does, which then finds nothing to compile: compiling does not count as proving.
    if code := subprocess.run(BUILD, cwd=view, env=env, check=False).returncode:
        return code
    results = {contract: Result() for contract in wanted}
    planned = [(contract, proof) for contract in wanted for proof in runs(contract)]
    # The longest first, so that nothing is left to run alone at the end.
    planned.sort(key=lambda run: run[0] not in ONE_BY_ONE)
    with ThreadPoolExecutor(RUNS) as pool:
        for (contract, _), result in zip(
            planned, pool.map(lambda run: prove(run[0], view, env, run[1]), planned), strict=True
        ):
            results[contract].add(result)
    print(f"\n{overview(results)}")
    return 0 if all(result.proved for result in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
