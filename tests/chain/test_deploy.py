"""Deploying on a real node: the contracts stand where they were computed, and know each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_account import Account
from tests.support.senders import Stage
from web3 import Web3

from chainbill.chain.artifacts import CONTRACTS, load_artifact
from chainbill.chain.deploy import deploy
from chainbill.chain.deployments import load_deployment, save_deployment
from chainbill.chain.node.connection import connect
from chainbill.chain.protocol import Protocol
from chainbill.errors import ChainError, ContractReverted
from chainbill.records.hashing import keccak256


def test_deploy__everything__has_code_and_names_each_other(chain: Stage) -> None:
    at = chain.deployment
    for name in ("governance", "token", "registry", "escrow", "payers", "settlement"):
        assert len(chain.w3.eth.get_code(Web3.to_checksum_address(getattr(at, name)))) > 500, name
    settlement = chain.w3.eth.contract(
        address=Web3.to_checksum_address(at.settlement), abi=load_artifact("ClaimSettlement").abi
    )
    named = [settlement.functions[name]().call() for name in ("token", "escrow", "payers", "registry")]
    assert named == [at.token, at.escrow, at.payers, at.registry]
    escrow = chain.w3.eth.contract(
        address=Web3.to_checksum_address(at.escrow), abi=load_artifact("PatientEscrow").abi
    )
    assert escrow.functions.settlement().call() == at.settlement


def test_deploy__first_epoch__is_open_with_the_quorum_asked_for(chain: Stage) -> None:
    assert chain.settlement.current_epoch() == 1
    assert chain.settlement.epoch(1) == (2, 3, 0)
    assert all(chain.settlement.is_member(1, chain.address(f"oracle-{n}")) for n in (1, 2, 3))


def test_deploy__block__is_that_of_the_first_contract(chain: Stage) -> None:
    token = Web3.to_checksum_address(chain.deployment.governance)
    assert not chain.w3.eth.get_code(token, chain.deployment.block - 1)
    assert chain.w3.eth.get_code(token, chain.deployment.block)


def test_deploy__impossible_quorum__is_refused_by_name(chain: Stage) -> None:
    deployer = Account.from_key(keccak256(b"second deployer"))
    chain.anvil.call("anvil_setBalance", deployer.address, hex(10**21))
    with pytest.raises(ContractReverted) as refused:
        deploy(chain.w3, deployer, oracle_members=[chain.address("oracle-1")], threshold=2)
    assert (refused.value.name, refused.value.fields) == ("InvalidQuorum", {"threshold": 2, "members": 1})


def test_deploy__account_without_gas_money__is_one_clear_error(chain: Stage) -> None:
    pauper = Account.from_key(keccak256(b"pauper"))
    with pytest.raises(ChainError) as refused:
        deploy(chain.w3, pauper, oracle_members=[chain.address("oracle-1")], threshold=1)
    assert "\n" not in str(refused.value)


def test_deployment__saved_and_loaded__opens_the_same_protocol(chain: Stage, tmp_path: Path) -> None:
    save_deployment(tmp_path, chain.deployment)
    loaded = load_deployment(tmp_path, chain.w3.eth.chain_id)
    assert loaded == chain.deployment
    protocol = Protocol(connect(chain.anvil.rpc_url), loaded)
    assert protocol.domain == chain.domain
    assert protocol.settlement.current_epoch() == 1


def test_protocol__unknown_payer__is_one_clear_error(chain: Stage) -> None:
    protocol = Protocol(chain.w3, chain.deployment)
    with pytest.raises(ChainError, match="there is no payer 7"):
        protocol.payer(7)


def test_artifacts__every_contract__has_abi_and_code() -> None:
    for name in CONTRACTS:
        artifact = load_artifact(name)
        assert artifact.name == name
        assert artifact.abi
        assert len(bytes.fromhex(artifact.bytecode[2:])) > 500


def test_load_artifact__unknown_or_outside_the_folder__is_one_clear_error() -> None:
    for name in ("Nothing", "../artifacts/DevUSD/x"):
        with pytest.raises(ChainError, match="no compiled contract"):
            load_artifact(name)


def test_deployment__as_deploy_makes_it__can_be_remembered_by(chain: Stage) -> None:
    again = chain.deployment.model_copy(deep=True)
    assert {chain.deployment: 1}[again] == 1
