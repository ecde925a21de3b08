"""Runs the contract tests on mutants: in this process, on pyrevm, until the first that fails."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from fnmatch import fnmatch
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import pytest
from chainbill.chain import artifacts as package_artifacts
from export_artifacts import ROOT
from mutation.build import Artifacts

TESTS = ROOT / "tests" / "contracts"

# Which tests to try first for a file; the rest follow in order. A failing test ends a trial.
FIRST: dict[str, tuple[str, ...]] = {}

OPTIONS = ("-m", "not slow and not attack", "-o", f"cache_dir={ROOT / '.cache' / 'mutation' / 'pytest'}")

# A mutant that keeps the tests busy for longer than this has been noticed.
TIME_LIMIT_SECONDS = 600

_swapped: Artifacts = {}


@dataclass(frozen=True)
class Trial:
    """What the tests made of one mutant."""

    killed_by: str | None
    """The test that failed first, `timeout`, or None: the mutant survived."""
    seconds: float


def install_swap() -> None:
    """Import the tests once for all trials, and let them take their contracts from here."""

    def load_artifact(name: str) -> package_artifacts.Artifact:
        built = _swapped[name]
        return package_artifacts.Artifact(name=name, abi=built["abi"], bytecode=built["bytecode"])

    package_artifacts.load_artifact = load_artifact  # type: ignore[assignment]
    with redirect_stdout(StringIO()):
        code = pytest.main(["--collect-only", "-q", *OPTIONS, str(TESTS)])
    if code:
        raise RuntimeError("the contract tests cannot be imported: run them with pytest")
    sys.modules["tests.contracts.evm"].artifact = lambda name: _swapped[name]  # type: ignore[attr-defined]


def test_files(file: str) -> list[str]:
    """Return the contract tests, those for the given source file first."""
    globs = FIRST.get(Path(file).stem, ())
    names = sorted(path.name for path in TESTS.glob("test_*.py"))
    first = [name for glob in globs for name in names if fnmatch(name, glob)]
    return [str(TESTS / name) for name in dict.fromkeys([*first, *names])]


def failing_unchanged(artifacts: Artifacts, log: Path) -> list[str]:
    """Return the tests that fail on contracts without a change: those that look at size or gas."""
    left_out: list[str] = []
    while (failed := try_out(artifacts, "", left_out, log).killed_by) is not None:
        left_out.append(failed)
    return left_out


def try_out(swapped: Artifacts, file: str, left_out: list[str], log: Path) -> Trial:
    """Run the tests in a fork of this process on other bytecode."""
    started = time.monotonic()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _run_tests(swapped, file, left_out, log, writer)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        failed = pipe.read().strip()
    _, status = os.waitpid(child, 0)
    seconds = time.monotonic() - started
    if os.WIFSIGNALED(status):
        return Trial("timeout" if os.WTERMSIG(status) == signal.SIGALRM else "crash", seconds)
    code = os.WEXITSTATUS(status)
    if code not in (0, 1):
        raise RuntimeError(f"the tests did not run, see {log}")
    return Trial((failed or "setup") if code else None, seconds)


class _FirstFailure:
    """Notes the test that failed first."""

    def __init__(self) -> None:
        self.nodeid = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.nodeid:
            self.nodeid = report.nodeid


def _run_tests(swapped: Artifacts, file: str, left_out: list[str], log: Path, writer: int) -> NoReturn:
    signal.alarm(TIME_LIMIT_SECONDS)
    _swapped.clear()
    _swapped.update(swapped)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(ROOT)
    first_failure = _FirstFailure()
    arguments = ["-x", "-q", "--tb=line", *OPTIONS, *(f"--deselect={name}" for name in left_out)]
    code = pytest.main([*arguments, *test_files(file)], plugins=[first_failure])
    os.write(writer, first_failure.nodeid.encode())
    os._exit(code)


def use_quick_hypothesis() -> None:
    """The same examples each time, and no search for a smaller one: a failure is a failure."""
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    checks = list(hypothesis.HealthCheck)
    settings: dict[str, Any] = {"derandomize": True, "database": None, "deadline": None}
    hypothesis.settings.register_profile("mutation", phases=phases, suppress_health_check=checks, **settings)
    hypothesis.settings.load_profile("mutation")
