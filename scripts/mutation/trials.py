"""Runs the contract tests on mutants: in this process, on pyrevm, until the first that fails."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import pytest
from pyrevm import EVM, CfgEnv, Env

from chainbill.chain import artifacts as package_artifacts
from export_artifacts import ROOT
from mutation.build import Artifacts

TESTS = ROOT / "tests" / "contracts"

# Too slow for hundreds of runs: another EVM, and random walks that others than these tests stand for.
LEFT_OUT = ("test_second_evm.py",)

# Which tests to try first for a file; the rest follow. A failing test ends a trial.
FIRST = {
    "Adjudication": ("adjudication", "pricing", "rounding", "annual", "family"),
    "AttestationCheck": ("attestation", "wycheproof"),
    "AttesterNotes": ("registry", "attestation"),
    "BatchCodec": ("batch_codec", "malformed", "sequences"),
    "BatchWriter": ("settle", "sequences", "operator_fee", "shared_words"),
    "Calendar": ("calendar",),
    "CategorySlot": ("shared_words", "publish_plan", "adjudication"),
    "ClaimDisputes": ("dispute",),
    "ClaimReversals": ("disputes", "receivables", "corrections"),
    "ClaimSettlement": ("settle", "payer_failed", "paid_at_once", "epochs", "malformed"),
    "ClaimTree": ("dispute_proofs",),
    "ConsentSlot": ("consent",),
    "Coordination": ("coordination", "self_pay", "corrections"),
    "CoordinationOfBenefits": ("coordination",),
    "Cursor": ("settle", "payer_failed"),
    "CreditAccount": ("credits", "unanswered", "bond", "disputes", "provider_withdraw"),
    "DevUSD": ("token",),
    "ExtensionCode": ("extension",),
    "ExtensionCalls": ("extension", "disputes", "credits", "bond"),
    "FamilySlot": ("family", "enrol"),
    "FeeSlot": ("publish_fees",),
    "InsurerPayer": ("settle", "pricing", "payer", "paid_at_once", "remembered", "coordination", "disputes"),
    "InsurerPayerFactory": ("create_payer",),
    "MemberSlot": ("enrol", "change_plan", "family"),
    "PackedClaim": ("shared_words", "coordination", "disputes"),
    "PatientEscrow": ("patient", "consent", "spendable", "limits", "accept_payer", "withdrawals"),
    "PatientIntents": ("patient_signatures",),
    "PatientSlot": ("consent", "spendable", "accept_payer", "limits"),
    "PayerTerms": ("publish", "enrol", "accept_provider", "change_plan", "remembered_terms"),
    "PlainRows": ("settle", "shared_logs", "shared_words"),
    "PoolSlot": ("remembered_terms",),
    "ProviderPayouts": ("bond", "provider_withdraw", "suspend", "operator_fee"),
    "ProviderRegistry": ("registry", "payout_address", "cash_prices"),
    "QuorumAdmin": ("epochs", "operator_fee", "pause"),
    "QuorumCheck": ("tampering", "epochs", "wycheproof"),
    "QuorumSignatures": ("wycheproof", "tampering"),
    "RefusedRows": ("settle", "payer_failed", "attestation", "shared_logs"),
    "SecondaryPricing": ("coordination", "family"),
    "SectionCalls": ("settle", "payer_failed", "reentrancy"),
    "SectionPricing": ("pricing", "settle", "annual", "family", "enrol", "change_plan", "payer"),
    "SequenceBitmap": ("sequences", "malformed", "tampering", "settle"),
    "SettlementAdmin": ("extension",),
    "SettlementExtension": ("extension",),
    "SettlementState": ("digests", "dispute_proofs"),
    "SettlementViews": ("credits", "corrections", "epochs"),
    "Spendable": ("spendable", "limits"),
    "Timelocks": ("withdrawals", "dispute", "epochs"),
    "TypedData": ("digests", "attestation", "unanswered"),
    "UnansweredSections": ("unanswered",),
    "UnsettledRows": ("shared_logs", "settle", "sequences"),
    "WithdrawalRequests": ("withdrawals",),
    "WordArray": ("settle", "attestation_spans"),
}

OPTIONS = ("-m", "not slow and not attack", "-o", f"cache_dir={ROOT / '.cache' / 'mutation' / 'pytest'}")

# A mutant that keeps the tests busy for longer than this has been noticed.
TIME_LIMIT_SECONDS = 300

# The part of the tests that may fail without a change: where more do, something is wrong with all trials.
MOST_FAILING = 0.02

_swapped: Artifacts = {}


@dataclass(frozen=True)
class Trial:
    """What the tests made of one mutant."""

    killed_by: str | None
    """The test that failed first, `timeout`, or None: the mutant survived."""
    seconds: float


def install_swap(artifacts: Artifacts) -> None:
    """Import the tests once for all trials, and let them take their contracts from here."""
    _swapped.update(artifacts)

    def load_artifact(name: str) -> package_artifacts.Artifact:
        return package_artifacts.read_artifact(_swapped[name])

    package_artifacts.load_artifact = load_artifact  # type: ignore[assignment]
    with redirect_stdout(StringIO()) as output:
        code = pytest.main(["--collect-only", "-q", *OPTIONS, *first_and_rest("")[1]])
    if code:
        raise RuntimeError(f"the contract tests cannot be imported:\n{output.getvalue()}")
    sys.modules["tests.support.evm"].artifact = lambda name: _swapped[name]  # type: ignore[attr-defined]
    # What is compiled without the optimizer is larger than a chain allows.
    any_size = Env(cfg=CfgEnv(chain_id=1, limit_contract_code_size=2**20))
    sys.modules["tests.support.pyrevm_backend"].EVM = partial(EVM, env=any_size)  # type: ignore[attr-defined]


def first_and_rest(file: str) -> tuple[list[str], list[str]]:
    """Return the test files that a source file's mutants are tried with first, and the others."""
    words = FIRST.get(Path(file).stem, ())
    tests = sorted(path for path in TESTS.glob("test_*.py") if path.name not in LEFT_OUT)
    first = [str(path) for path in tests if any(word in path.name for word in words)]
    return first, [str(path) for path in tests if str(path) not in first]


@dataclass(frozen=True)
class Baseline:
    """What the tests make of the contracts without a change."""

    failing: list[str]
    """Left out of all trials: they look at size or gas, which are others here."""
    seconds: dict[str, float]
    """How long each test took: the quick ones go first."""


def run_unchanged(artifacts: Artifacts, log: Path) -> Baseline:
    """Run all tests on the contracts as they are."""
    reports = _Reports()
    pid, pipe = _fork(artifacts, log, reports, ["-q", "--tb=short"])
    with os.fdopen(pipe) as reader:
        told = json.load(reader)
    os.waitpid(pid, 0)
    if len(told["failed"]) > MOST_FAILING * len(told["seconds"]):
        raise RuntimeError(f"the tests fail on the contracts as they are, see {log}")
    return Baseline(told["failed"], told["seconds"])


def try_out(swapped: Artifacts, file: str, baseline: Baseline, log: Path) -> Trial:
    """Run the tests on other bytecode until one fails."""
    started = time.monotonic()
    reports = _Reports(file, baseline.seconds)
    arguments = ["-x", "-q", "--tb=line", *(f"--deselect={name}" for name in baseline.failing)]
    pid, pipe = _fork(swapped, log, reports, arguments)
    with os.fdopen(pipe) as reader:
        told = reader.read()
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - started
    if os.WIFSIGNALED(status):
        return Trial("timeout" if os.WTERMSIG(status) == signal.SIGALRM else "crash", seconds)
    code = os.WEXITSTATUS(status)
    if code not in (0, 1):
        raise RuntimeError(f"the tests did not run, see {log}")
    return Trial(json.loads(told)["failed"][0] if code else None, seconds)


class _Reports:
    """Puts the tests in order, and notes what failed and how long each took."""

    def __init__(self, file: str = "", expected: dict[str, float] | None = None) -> None:
        self.file = file
        self.expected = expected or {}
        self.failed: list[str] = []
        self.seconds: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.expected.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration
        if report.failed and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)

    def told(self) -> str:
        return json.dumps({"failed": self.failed, "seconds": self.seconds})


def _fork(swapped: Artifacts, log: Path, reports: _Reports, arguments: list[str]) -> tuple[int, int]:
    """Run the tests in a fork of this process; its reports come through a pipe."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _run_tests(swapped, log, reports, arguments, writer)
    os.close(writer)
    return child, reader


def _run_tests(
    swapped: Artifacts, log: Path, reports: _Reports, arguments: list[str], writer: int
) -> NoReturn:
    if reports.file:
        signal.alarm(TIME_LIMIT_SECONDS)
    _swapped.clear()
    _swapped.update(swapped)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(ROOT)
    code = 0
    for files in first_and_rest(reports.file):
        if files and code == 0:
            code = pytest.main([*arguments, *OPTIONS, *files], plugins=[reports])
    with os.fdopen(writer, "w") as pipe:
        pipe.write(reports.told())
    sys.stdout.flush()
    os._exit(code)


def use_quick_hypothesis() -> None:
    """The same examples each time, and no search for a smaller one: a failure is a failure."""
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    checks = list(hypothesis.HealthCheck)
    settings: dict[str, Any] = {"derandomize": True, "database": None, "deadline": None}
    hypothesis.settings.register_profile("mutation", phases=phases, suppress_health_check=checks, **settings)
    hypothesis.settings.load_profile("mutation")
