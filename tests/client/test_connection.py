"""``connect``: what it needs, what it refuses, and that nothing is written before something must be kept."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from eth_account import Account
from tests.support.roles import Town

import chainbill
from chainbill.chain.deployments import save_deployment
from chainbill.state.directory import StateDirectory
from chainbill.state.networks import Network, Networks
from chainbill.state.session import Session


@pytest.fixture
def session(bare_town: Town) -> Session:
    return bare_town.session()


@pytest.fixture
def written(session: Session, tmp_path: Path) -> Path:
    """The deployment's file."""
    path = tmp_path / "deployment.json"
    path.write_text(session.protocol.deployment.model_dump_json(), encoding="utf-8")
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the usual state directory would be."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_connect__by_url_and_deployment__reads_without_writing(
    session: Session, written: Path, home: Path
) -> None:
    bill = chainbill.connect(session.rpc_url, deployment=written)
    assert bill.deployment == session.protocol.deployment
    assert list(bill.ledger.claims()) == []
    assert bill.auditor().verify().adds_up
    assert bill.patient(session.book.get("patient").address).balance().balance == 0
    assert not home.exists()


def test_connect__by_a_deployment_at_hand__keeps_what_is_sent_in_a_folder_of_its_own(
    session: Session, home: Path
) -> None:
    deployment = session.protocol.deployment
    bill = chainbill.connect(session.rpc_url, deployment=deployment)
    key = session.account("governor")
    address = Account.create().address
    assert bill.governor(key).register_provider(address).changed
    kept = home / ".chainbill" / "deployed" / f"{deployment.chain_id}-{deployment.settlement.lower()}"
    assert kept.is_dir()
    assert {path.stat().st_mode & 0o777 for path in (kept, kept.parent, home / ".chainbill")} == {0o700}
    assert not (home / ".chainbill" / "keystores").exists()


def test_connect__nothing_named__is_the_state_directorys_devnet(bare_town: Town) -> None:
    bill = chainbill.connect(state=bare_town.state.root)
    assert bill.governor().address == bare_town.session().book.get("governor").address


def test_connect__node_of_another_chain__is_refused(session: Session, home: Path) -> None:
    other = session.protocol.deployment.model_copy(update={"chain_id": 1})
    with pytest.raises(chainbill.WrongChain, match="chain 1"):
        chainbill.connect(session.rpc_url, deployment=other)
    moved = session.protocol.deployment.model_copy(update={"settlement": "0x" + "11" * 20})
    with pytest.raises(chainbill.NodeError, match="another chain"):
        chainbill.connect(session.rpc_url, deployment=moved)


def test_connect__deployment_without_a_node__says_so(
    session: Session, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHAINBILL_RPC_URL", raising=False)
    with pytest.raises(chainbill.ChainbillError, match="no node"):
        chainbill.connect(deployment=session.protocol.deployment)


def test_connect__network_of_the_state_directory__is_meant_by_its_name(
    session: Session, tmp_path: Path
) -> None:
    state = StateDirectory.open(tmp_path / "elsewhere")
    deployment = session.protocol.deployment
    Networks(state).put(Network(name="clinic-net", chain_id=deployment.chain_id, rpc_urls=(session.rpc_url,)))
    with pytest.raises(chainbill.NotDeployed, match="is not deployed on chain"):
        chainbill.connect(network="clinic-net", state=state.root)
    save_deployment(state.of_network("clinic-net").deployments, deployment)
    assert chainbill.connect(network="clinic-net", state=state.root).deployment == deployment
    with pytest.raises(chainbill.StateError, match="there is no network named 'other-net'"):
        chainbill.connect(network="other-net", state=state.root)


def test_connect__file_that_is_no_deployment__says_so(session: Session, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(chainbill.NotDeployed, match=r"other.json is not a deployment record"):
        chainbill.connect(session.rpc_url, deployment=file)
    with pytest.raises(chainbill.NotDeployed, match="cannot be read"):
        chainbill.connect(session.rpc_url, deployment=tmp_path / "missing.json")


def test_role__by_address__reads_and_sends_nothing(session: Session) -> None:
    bill = chainbill.connect(state=session.state.root)
    patient = bill.patient(session.book.get("patient").address)
    assert patient.balance().outside > 0
    with pytest.raises(chainbill.StateError, match="it can be read, and nothing be sent for it"):
        patient.deposit("1")


def test_deposit__dollars_in_every_form__is_the_same_amount_and_a_float_is_refused(session: Session) -> None:
    patient = chainbill.connect(state=session.state.root).patient("patient")
    before = patient.balance().balance
    for amount in ("1.50", Decimal("1.50"), 1_500_000):
        patient.deposit(amount)
    assert patient.balance().balance == before + 4_500_000
    with pytest.raises(chainbill.AmountError, match="a float cannot hold every cent"):
        patient.deposit(1.5)  # type: ignore[arg-type]
