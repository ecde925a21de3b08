"""The check-up behind ``chainbill doctor``: is everything there that the commands need?"""

from __future__ import annotations

import importlib.metadata
import re
import sys
import time
from collections.abc import Callable, Sequence, Sized
from enum import StrEnum
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.deployments import load_deployment
from chainbill.chain.devnet.anvil import CHAIN_ID
from chainbill.chain.devnet.anvil_binary import anvil_version, find_anvil
from chainbill.chain.devnet.devnet import Devnet
from chainbill.chain.row_index import LoggedRow
from chainbill.errors import ChainbillError, StateError
from chainbill.operations.provider.worklist import Worklist
from chainbill.oracle.store import OracleStore
from chainbill.state.address_book import Role
from chainbill.state.directory import StateDirectory
from chainbill.state.keystores import Keystores
from chainbill.state.local_devnet import LocalDevnet
from chainbill.state.passphrase import passphrase_from
from chainbill.state.session import Session

OLDEST_PYTHON = (3, 11)
"""The oldest Python that runs the package."""

KNOWN_ANVIL = "1.7"
"""The anvil that the tests run with; others may behave differently."""

CONTRACTS = {
    "governance": "Governance",
    "token": "DevUSD",
    "registry": "ProviderRegistry",
    "escrow": "PatientEscrow",
    "payers": "InsurerPayerFactory",
    "settlement": "ClaimSettlement",
}
"""Each field of a deployment, and the contract that must stand there."""

CLOCK_TOLERANCE_SECONDS = 300
"""A chain's clock this close to the machine's counts as the same."""

_ANCHOR_BYTES = 32
"""How a contract's code begins is enough to find it in its creation code; no immutable stands that early."""


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(BaseModel):
    """One check."""

    model_config = ConfigDict(frozen=True)

    check: str
    verdict: Verdict
    found: str
    advice: str | None = None
    """What to do; None where nothing need be done."""


def check_up(state_path: Path | None) -> list[Finding]:
    """Check everything, whatever fails on the way."""
    findings = [_guarded("python", _python), _guarded("packages", _packages), _guarded("anvil", _anvil)]
    try:
        state = StateDirectory.open(state_path)
    except StateError as error:
        return [*findings, _failed("state directory", error)]
    findings.append(_ok("state directory", f"{state.root}, yours alone"))
    findings.append(_guarded("passphrase", lambda: _passphrase(state)))
    findings.append(_guarded("devnet", lambda: _devnet(state)))
    devnet = LocalDevnet(state).find() if findings[-1].verdict is Verdict.OK else None
    if devnet is not None:
        findings.append(_guarded("deployment", lambda: _deployment(state, devnet)))
        findings.append(_guarded("chain clock", lambda: _clock(devnet)))
        if findings[-2].verdict is not Verdict.FAIL:
            findings += _memories(state, devnet)
    return findings


def matches_artifact(name: str, code: bytes) -> bool:
    """Is ``code`` the contract ``name``? It is a part of the creation code, but for the immutables, which
    stand there as zeros until the constructor fills them in."""
    compiled = bytes.fromhex(load_artifact(name).bytecode.removeprefix("0x"))
    start = compiled.find(code[:_ANCHOR_BYTES])
    while code and start >= 0:
        template = compiled[start : start + len(code)]
        if len(template) == len(code) and all(
            here in (0, there) for here, there in zip(template, code, strict=True)
        ):
            return True
        start = compiled.find(code[:_ANCHOR_BYTES], start + 1)
    return False


def _python() -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < OLDEST_PYTHON:
        return _fail("python", found, "install Python 3.11 or newer")
    return _ok("python", found)


def _packages() -> Finding:
    missing = []
    for requirement in importlib.metadata.requires("chainbill") or []:
        if "extra ==" in requirement:
            continue
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return _fail("packages", f"missing: {', '.join(missing)}", "install chainbill again, or run `make`")
    return _ok("packages", f"chainbill {importlib.metadata.version('chainbill')} with all it requires")


def _anvil() -> Finding:
    binary = find_anvil()
    version = anvil_version(binary)
    if not version:
        return _fail(
            "anvil", f"{binary} does not tell its version", "run `make` again, or fix CHAINBILL_ANVIL"
        )
    if not version.startswith(f"{KNOWN_ANVIL}."):
        return _warn("anvil", f"{version} at {binary}", f"chainbill is tested with {KNOWN_ANVIL}")
    return _ok("anvil", f"{version} at {binary}")


def _passphrase(state: StateDirectory) -> Finding:
    keystores = Keystores(state.keystores, lambda: passphrase_from(state.passphrase))
    names = keystores.names()
    if not names:
        return _ok("passphrase", "no account yet, none needed")
    keystores.unlock(names[0])
    return _ok("passphrase", f"opens {names[0]!r}, one of {len(names)} accounts")


def _devnet(state: StateDirectory) -> Finding:
    local = LocalDevnet(state)
    if local.find() is None and not state.devnet_record.exists():
        return _warn("devnet", "not running", "start it: chainbill devnet up")
    if local.find() is None and local.is_saved():
        return _warn("devnet", "not running; its chain is saved", "go on with it: chainbill devnet up")
    number, _ = local.require().latest()
    return _ok("devnet", f"running at {local.require().rpc_url}, block {number}")


def _deployment(state: StateDirectory, devnet: Devnet) -> Finding:
    deployment = load_deployment(state.deployments, CHAIN_ID)
    for field, name in CONTRACTS.items():
        address = getattr(deployment, field)
        code = devnet.code(address)
        again = "begin a new chain: chainbill devnet down, then up --fresh"
        if not code:
            return _fail("deployment", f"there is no contract at {address}, where {name} should be", again)
        if not matches_artifact(name, code):
            return _fail("deployment", f"{name} at {address} is not the one this chainbill ships", again)
    return _ok("deployment", f"{len(CONTRACTS)} contracts in place since block {deployment.block}")


def _clock(devnet: Devnet) -> Finding:
    _, latest = devnet.latest()
    now = devnet.now()
    if now < latest:
        advice = f"move it on: chainbill devnet advance --to {latest}"
        return _fail("chain clock", f"{latest - now} s behind its own newest block", advice)
    skew = now - int(time.time())
    if abs(skew) <= CLOCK_TOLERANCE_SECONDS:
        return _ok("chain clock", "as this machine's")
    side = "ahead of" if skew > 0 else "behind"
    days, rest = divmod(abs(skew), 86_400)
    found = f"{days} d {rest // 3_600} h {side} this machine's"
    return _warn("chain clock", found, "nothing, if you moved it: commands go by the chain's own time")


def _memories(state: StateDirectory, devnet: Devnet) -> list[Finding]:
    """Does the oracle's store know what the chain has settled, and every provider's worklist?"""
    try:
        session = Session.open(state, devnet.rpc_url)
        rows = [row for row in session.protocol.rows.rows() if row.is_final]
        providers = {
            name: each
            for name, each in session.book.entries(Role.PROVIDER).items()
            if name in session.keystores
        }
    except ChainbillError as error:
        return [_failed("oracle's store", error)]
    findings = []
    if any(node in session.keystores for node in session.book.entries(Role.ORACLE)):
        findings.append(_guarded("oracle's store", lambda: _store(state, rows)))
    for name, contact in providers.items():
        own = [row for row in rows if row.claim.provider_id == contact.provider_id]
        if own or state.provider_database(name).exists():
            findings.append(_guarded(f"worklist of {name}", partial(_worklist, state, name, own)))
    return findings


def _store(state: StateDirectory, rows: Sequence[LoggedRow]) -> Finding:
    if not state.oracle_database.exists():
        if not rows:
            return _ok("oracle's store", "nothing was attested yet")
        found = f"missing, and the chain has {_claims(rows)}: they could be attested and paid again"
        return _fail("oracle's store", found, "chainbill oracle rebuild")
    store = OracleStore(state.oracle_database)
    missing = sum(store.find_sequence(*row.place) is None for row in rows)
    if missing:
        found = f"knows nothing of {missing} of the chain's {_claims(rows)}"
        return _fail("oracle's store", found, "chainbill oracle rebuild")
    unknown = len(store.unknown_records())
    if unknown:
        found = f"does not know the records of {unknown} of the chain's {_claims(rows)}"
        return _warn("oracle's store", found, "each provider tells it: chainbill provider rebuild")
    return _ok("oracle's store", f"knows all of the chain's {_claims(rows)}")


def _worklist(state: StateDirectory, name: str, rows: Sequence[LoggedRow]) -> Finding:
    check, advice = f"worklist of {name}", f"chainbill provider rebuild --as {name}"
    if not state.provider_database(name).exists():
        return _fail(check, f"missing, and the chain has {_claims(rows)} of it", advice)
    worklist = Worklist(state.provider_database(name))
    known = {each.commitment for each in worklist.attested()}
    missing = [row for row in rows if row.claim.commitment not in known]
    highest = max((row.claim.sequence for row in rows), default=0)
    if len(missing) == len(rows) > 0 or worklist.next_sequence() <= highest:
        return _fail(check, f"knows nothing of {len(missing)} of its {_claims(rows)}", advice)
    if missing:
        found = f"knows nothing of {len(missing)} of its {_claims(rows)}"
        return _warn(check, found, f"{advice}; then see: chainbill provider check --as {name}")
    return _ok(check, f"knows all of its {_claims(rows)}")


def _guarded(check: str, run: Callable[[], Finding]) -> Finding:
    try:
        return run()
    except ChainbillError as error:
        return _failed(check, error)


def _failed(check: str, error: ChainbillError) -> Finding:
    return Finding(check=check, verdict=Verdict.FAIL, found=str(error), advice=error.hint)


def _ok(check: str, found: str) -> Finding:
    return Finding(check=check, verdict=Verdict.OK, found=found)


def _warn(check: str, found: str, advice: str) -> Finding:
    return Finding(check=check, verdict=Verdict.WARN, found=found, advice=advice)


def _fail(check: str, found: str, advice: str) -> Finding:
    return Finding(check=check, verdict=Verdict.FAIL, found=found, advice=advice)


def _claims(rows: Sized) -> str:
    return "1 claim" if len(rows) == 1 else f"{len(rows)} claims"
