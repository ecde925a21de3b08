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


def test_insurer__by_address_on_a_devnet__is_given_no_payer_contract(session: Session) -> None:
    bill, address = chainbill.connect(state=session.state.root), Account.create().address
    before = session.protocol.w3.eth.block_number
    with pytest.raises(chainbill.StateError, match="has no payer contract on this chain"):
        bill.insurer(address).deposit("1")
    assert session.protocol.w3.eth.block_number == before


def test_deposit__dollars_in_every_form__is_the_same_amount_and_a_float_is_refused(session: Session) -> None:
    patient = chainbill.connect(state=session.state.root).patient("patient")
    before = patient.balance().balance
    for amount in ("1.50", Decimal("1.50"), 1_500_000):
        patient.deposit(amount)
    assert patient.balance().balance == before + 4_500_000
    with pytest.raises(chainbill.AmountError, match="a float cannot hold every cent"):
        patient.deposit(1.5)  # type: ignore[arg-type]


ROLES = ("patient", "insurer", "provider", "oracle", "relay", "governor")


@pytest.mark.parametrize("role", ROLES)
def test_role__private_key_as_text__is_refused_and_not_repeated(session: Session, role: str) -> None:
    make = getattr(chainbill.connect(state=session.state.root), role)
    secret = "ab" * 32
    for text in (secret, f"0x{secret}"):
        with pytest.raises(chainbill.ArgumentError, match="that is a private key") as refused:
            make(text)
        assert secret not in str(refused.value) + str(refused.value.hint)


@pytest.mark.parametrize("role", ROLES)
def test_role__of_what_is_no_account__says_what_is(session: Session, role: str) -> None:
    make = getattr(chainbill.connect(state=session.state.root), role)
    for who in (None, 5, b"\x01"):
        with pytest.raises(chainbill.ArgumentError, match="who takes an eth-account LocalAccount"):
            make(who)


def test_oracle_and_relay__by_address__read_and_send_nothing(session: Session) -> None:
    bill = chainbill.connect(state=session.state.root)
    address = session.book.get("oracle-1").address
    assert bill.oracle(address).fees().operator == address
    intent = bill.patient("patient").sign_void_signatures()
    with pytest.raises(chainbill.StateError, match="it can be read, and nothing be sent for it"):
        bill.relay(address).submit(intent)


def test_party__no_id_address_or_name__is_refused_by_name(session: Session) -> None:
    bill = chainbill.connect(state=session.state.root)
    patient = bill.patient("patient")
    for number in (-1, 2**32):
        for ask in (
            lambda number=number: patient.consent(number, limit="1"),
            lambda number=number: patient.accept_payer(number),
        ):
            with pytest.raises(chainbill.StateError, match=rf"there is no .* {number}"):
                ask()
    for who in (None, 1.0, True):
        with pytest.raises(chainbill.ArgumentError, match="provider takes an id as int, an address"):
            patient.consent(who, limit="1")  # type: ignore[arg-type]
    with pytest.raises(chainbill.ArgumentError, match="patient takes an address, or a name"):
        list(bill.ledger.claims(patient=1))  # type: ignore[arg-type]


def test_provider__that_nobody_is__has_no_balance(session: Session) -> None:
    bill = chainbill.connect(state=session.state.root)
    with pytest.raises(chainbill.StateError, match="there is no provider 9999 on this chain"):
        bill.provider("provider", provider_id=9999).balance()


def test_call__argument_that_no_contract_can_hold__is_refused_by_name(session: Session) -> None:
    governor = chainbill.connect(state=session.state.root).governor()
    with pytest.raises(chainbill.ArgumentError, match="bps takes int or None, and not a value of type float"):
        governor.set_operator_fee(bps=2.5)  # type: ignore[arg-type]
    with pytest.raises(chainbill.ArgumentError, match="does not take -1"):
        governor.end_epoch(-1)


def test_consent__times_that_are_none__are_refused_by_name(session: Session) -> None:
    patient = chainbill.connect(state=session.state.root).patient("patient")
    with pytest.raises(chainbill.ArgumentError, match=r"until takes datetime\(…, tzinfo=UTC\), or seconds"):
        patient.consent(1, limit="1", until="2030-01-01")  # type: ignore[arg-type]
    with pytest.raises(chainbill.ArgumentError, match="duration takes a timedelta, or seconds as int"):
        patient.consent(1, limit="1", duration=3.5)  # type: ignore[arg-type]
