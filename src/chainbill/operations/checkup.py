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
from web3 import Web3

from chainbill.chain.deployments import Deployment, load_deployment
from chainbill.chain.devnet.anvil import CHAIN_ID
from chainbill.chain.devnet.anvil_binary import anvil_version, find_anvil
from chainbill.chain.devnet.devnet import Devnet
from chainbill.chain.node.connection import connect, newest_block
from chainbill.chain.node.fees import coins
from chainbill.chain.node.finality import final_block
from chainbill.chain.node.gas_balance import gas_balance
from chainbill.chain.row_index import LoggedRow
from chainbill.errors import ChainbillError, StateError
from chainbill.operations.deployment_check import code_differences
from chainbill.operations.networks import NodeStatus, network_status
from chainbill.operations.provider.worklist import Worklist
from chainbill.oracle.store import OracleStore
from chainbill.state.address_book import Role
from chainbill.state.directory import StateDirectory
from chainbill.state.keystores import Keystores
from chainbill.state.local_devnet import LocalDevnet
from chainbill.state.networks import state_of
from chainbill.state.passphrase import passphrase_from
from chainbill.state.session import Session

OLDEST_PYTHON = (3, 11)
"""The oldest Python that runs the package."""

KNOWN_ANVIL = "1.7"
"""The anvil that the tests run with; others may behave differently."""

CLOCK_TOLERANCE_SECONDS = 300
"""A chain's clock this close to the machine's counts as the same."""

AHEAD_TOLERANCE_SECONDS = 15
"""No node takes a block that is further ahead of its own clock."""


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


def check_up(
    state_path: Path | None, network: str | None = None, rpc_url: str | None = None
) -> list[Finding]:
    """Check everything of the chain that is meant, whatever fails on the way.

    Args:
        network: what was named; else ``$CHAINBILL_NETWORK``, else the one in use, else the devnet.
        rpc_url: a node to ask instead of the network's.
    """
    findings = [_guarded("python", _python), _guarded("packages", _packages), _guarded("anvil", _anvil)]
    try:
        home = StateDirectory.open(state_path)
    except StateError as error:
        return [*findings, _failed("state directory", error)]
    findings.append(_ok("state directory", f"{home.root}, yours alone"))
    findings.append(_guarded("passphrase", lambda: _passphrase(home)))
    try:
        state = state_of(home, network)
    except StateError as error:
        return [*findings, _failed("network", error)]
    if state.network is not None:
        return [*(_only_for_dry_runs(each) for each in findings), *_on_network(state, state.network, rpc_url)]
    findings.append(_guarded("devnet", lambda: _devnet(state)))
    devnet = LocalDevnet(state).find() if findings[-1].verdict is Verdict.OK else None
    if devnet is not None:
        findings.append(_guarded("deployment", lambda: _devnet_deployment(state, devnet)))
        findings.append(_guarded("chain clock", lambda: _clock(devnet)))
        if findings[-2].verdict is not Verdict.FAIL:
            findings += _memories(state, devnet.rpc_url)
    return findings


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


def _devnet_deployment(state: StateDirectory, devnet: Devnet) -> Finding:
    deployment = load_deployment(state.deployments, CHAIN_ID)
    again = "begin a new chain: chainbill devnet down, then chainbill devnet up --fresh"
    return _deployment(connect(devnet.rpc_url), deployment, again)


def _deployment(w3: Web3, deployment: Deployment, advice: str) -> Finding:
    differences = code_differences(w3, deployment)
    if differences:
        return _fail("deployment", str(differences[0]), advice)
    found = f"{len(deployment.addresses())} contracts in place since block {deployment.block}"
    return _ok("deployment", found)


# ---- a network ------------------------------------------------------------------------------------------


def _only_for_dry_runs(finding: Finding) -> Finding:
    """On a network nothing but a dry run needs an anvil."""
    if finding.check != "anvil" or finding.verdict is not Verdict.FAIL:
        return finding
    return _warn("anvil", finding.found, "only a dry run needs it here")


def _on_network(state: StateDirectory, name: str, rpc_url: str | None) -> list[Finding]:
    try:
        status = network_status(state, name, ask_nodes=True)
    except ChainbillError as error:
        return [_failed("network", error)]
    network = status.network
    findings = [_ok("network", f"{name}, chain {network.chain_id}"), *_nodes(status.nodes)]
    if status.deployment is None:
        advice = f"chainbill --network {name} deploy --help"
        return [*findings, _fail("deployment", f"chainbill is not deployed on {name}", advice)]
    try:
        session = Session.open(state, rpc_url)
    except ChainbillError as error:
        return [*findings, _failed("deployment", error)]
    advice = f"see all: chainbill --network {name} deploy verify"
    w3, deployment = session.protocol.w3, session.protocol.deployment
    findings.append(_guarded("deployment", lambda: _deployment(w3, deployment, advice)))
    findings.append(_guarded("finality", lambda: _finality(session)))
    findings.append(_guarded("newest block", lambda: _newest_block(session)))
    findings += [_guarded(f"gas of {who}", partial(_gas, session, at)) for who, at in _payers_of_gas(session)]
    return findings + _memories(state, session.rpc_url)


def _nodes(nodes: Sequence[NodeStatus]) -> list[Finding]:
    """Every node of a network; one that is of no use is a failure only where no other is."""
    some = any(node.block is not None for node in nodes)
    findings = []
    for node in nodes:
        check = f"node {node.node}"
        if node.trouble is None:
            findings.append(_ok(check, f"answers, block {node.block}"))
        elif some:
            findings.append(_warn(check, node.trouble, "another node answers and is used"))
        else:
            findings.append(
                _fail(check, node.trouble, "start it, or name another: chainbill network add --help")
            )
    return findings


def _finality(session: Session) -> Finding:
    newest = newest_block(session.protocol.w3)
    final = final_block(session.protocol.w3, session.finality)
    return _ok("finality", f"block {final} is final, {max(0, newest - final)} behind the newest")


def _newest_block(session: Session) -> Finding:
    age = int(time.time()) - session.now()
    if age < -AHEAD_TOLERANCE_SECONDS:
        advice = "set this machine's clock, or ask whoever runs the chain to set theirs"
        return _warn("newest block", f"{-age} s ahead of this machine's clock", advice)
    if age <= CLOCK_TOLERANCE_SECONDS:
        return _ok("newest block", f"{max(age, 0)} s old")
    advice = (
        "it makes blocks only for transactions, or it stands still, or this machine's clock is ahead: see "
        "that the clock is right, and ask whoever runs the chain"
    )
    return _warn("newest block", f"{age} s old", advice)


def _payers_of_gas(session: Session) -> list[tuple[str, str]]:
    """The accounts whose keys are here and that send transactions. Patients need no gas: they sign."""
    entries = session.book.entries().items()
    senders = ((name, each) for name, each in entries if each.role is not Role.PATIENT)
    return [(name, each.address) for name, each in senders if name in session.keystores]


def _gas(session: Session, address: str) -> Finding:
    held = gas_balance(session.protocol.w3, address, session.fees)
    check = f"gas of {session.book.name_of(address)}"
    found = f"{coins(held.balance)} of the gas coin, for {held.transactions_left:,} transactions or more"
    return _ok(check, found) if held.alarm is None else _warn(check, found, held.alarm)


# ---- the devnet's clock, and what store and worklists know ------------------------------------------------


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


def _memories(state: StateDirectory, rpc_url: str) -> list[Finding]:
    """Does the oracle's store know what the chain has settled, and every provider's worklist?"""
    try:
        session = Session.open(state, rpc_url)
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
    free = worklist.may_reserve(row.claim.sequence for row in rows)
    if len(missing) == len(rows) > 0 or free:
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
