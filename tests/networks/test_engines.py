"""The chains themselves: they answer, make blocks, and come back after they were killed."""

from __future__ import annotations

import time
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.conversions import to_hex
from scripts.networks.engine import BLOCK_GAS, Engine
from scripts.networks.geth import Geth
from scripts.networks.validators import Validators
from tests.networks.conftest import eventually

from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import NodeRefused

pytestmark = pytest.mark.networks

EMPTY_CONTRACT = "0x600080600a3d393df3"
"""Creation code of a contract without code."""


def ask(url: str, method: str, *parameters: Any) -> Any:
    with JsonRpc(url) as node:
        return node.call(method, *parameters)


def number(url: str, tag: str) -> int:
    return int(ask(url, "eth_getBlockByNumber", tag, False)["number"], 16)


def balance(url: str, address: str) -> int:
    return int(ask(url, "eth_getBalance", address, "latest"), 16)


def send(engine: Engine, sender: LocalAccount, **fields: Any) -> str:
    """Send a transfer of one unit to somebody new, or what ``fields`` say; return its hash."""
    url = engine.rpc_url
    base_fee = int(ask(url, "eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)
    transaction = {
        "to": Account.create().address,
        "value": 1,
        "gas": 21_000,
        "nonce": int(ask(url, "eth_getTransactionCount", sender.address, "pending"), 16),
        "chainId": engine.chain_id,
        "maxFeePerGas": 2 * base_fee + 1,
        "maxPriorityFeePerGas": 1,
    } | fields
    raw = sender.sign_transaction(transaction).raw_transaction
    return str(ask(url, "eth_sendRawTransaction", to_hex(raw)))


def is_mined(url: str, transaction: str) -> bool:
    receipt = ask(url, "eth_getTransactionReceipt", transaction)
    assert receipt is None or receipt["status"] == "0x1"
    return receipt is not None


def transfer(engine: Engine, sender: LocalAccount | None = None, **fields: Any) -> str:
    """Send a transaction, from the funded account unless told otherwise, and see it mined; its hash."""
    transaction = send(engine, sender or engine.funded, **fields)
    assert eventually(lambda: is_mined(engine.rpc_url, transaction), seconds=30)
    return transaction


# ---- every chain --------------------------------------------------------------------------------------


def test_engine__just_started__is_the_chain_that_was_asked_for(engine: Engine) -> None:
    assert int(ask(engine.rpc_url, "eth_chainId"), 16) == engine.chain_id
    assert balance(engine.rpc_url, engine.funded.address) > 10**24


def test_engine__plain_transfer__is_mined_in_a_new_block(engine: Engine) -> None:
    before = number(engine.rpc_url, "latest")
    payee = Account.create().address
    transfer(engine, to=payee, value=5)
    assert number(engine.rpc_url, "latest") > before
    assert balance(engine.rpc_url, payee) == 5


def test_engine__old_block__has_its_state(engine: Engine) -> None:
    before = number(engine.rpc_url, "latest")
    payee = Account.create().address
    transfer(engine, to=payee, value=5)
    assert int(ask(engine.rpc_url, "eth_getBalance", payee, hex(before)), 16) == 0


# ---- geth ---------------------------------------------------------------------------------------------


def test_geth__its_blocks__come_every_second_and_hold_60_million_gas(geth: Geth) -> None:
    blocks = [ask(geth.rpc_url, "eth_getBlockByNumber", "latest", False)]
    assert eventually(lambda: number(geth.rpc_url, "latest") >= int(blocks[0]["number"], 16) + 3, seconds=10)
    blocks.append(ask(geth.rpc_url, "eth_getBlockByNumber", "latest", False))
    first, last = ((int(block["number"], 16), int(block["timestamp"], 16)) for block in blocks)
    assert last[1] - first[1] == last[0] - first[0]
    assert int(blocks[1]["gasLimit"], 16) == BLOCK_GAS


def test_geth__its_rules__are_osaka(geth: Geth) -> None:
    rules = ask(geth.rpc_url, "eth_config")
    # CLZ (EIP-7939) of 1, which came with Osaka, returned by creation code.
    assert int(ask(geth.rpc_url, "eth_call", {"data": "0x60011e60005260206000f3"}), 16) == 255
    assert rules["next"] is None
    with pytest.raises(NodeRefused, match="gas limit too high"):
        send(geth, geth.funded, gas=2**24 + 1)


def test_geth__finalized__follows_the_newest_block(geth: Geth) -> None:
    assert eventually(lambda: number(geth.rpc_url, "finalized") > 0, seconds=60)
    assert number(geth.rpc_url, "finalized") <= number(geth.rpc_url, "latest")
    assert number(geth.rpc_url, "latest") - number(geth.rpc_url, "finalized") <= 32


def test_geth__killed_and_started_again__has_lost_its_newest_blocks_alone_and_goes_on(geth: Geth) -> None:
    kept = transfer(geth)
    # geth writes out what it has to write in portions of 32 KB: this is more.
    transfer(geth, data="0x" + "00" * 100_000, gas=2_000_000)
    url = geth.rpc_url
    geth.kill()
    geth.start()
    assert geth.rpc_url == url
    assert is_mined(url, kept)
    transfer(geth)


def test_geth__stopped_and_started_again__has_lost_nothing(geth: Geth) -> None:
    newest = mined_in(geth.rpc_url, transfer(geth))
    geth.restart()
    assert number(geth.rpc_url, "latest") >= newest


def mined_in(url: str, transaction: str) -> int:
    return int(ask(url, "eth_getTransactionReceipt", transaction)["blockNumber"], 16)


# ---- five validators ----------------------------------------------------------------------------------


def heights(validators: Validators) -> set[int]:
    """The newest blocks of those that run."""
    return {number(validators.rpc_urls[n - 1], "latest") for n in validators.running}


def test_validators__a_block__is_final_at_once_on_all_five(validators: Validators) -> None:
    block = mined_in(validators.rpc_url, transfer(validators))
    assert number(validators.rpc_url, "finalized") >= block
    assert validators.running == (1, 2, 3, 4, 5)
    assert eventually(lambda: min(heights(validators)) >= block, seconds=10)


def test_validators__their_blocks__hold_60_million_gas_and_long_extra_data(validators: Validators) -> None:
    transfer(validators)
    block = ask(validators.rpc_url, "eth_getBlockByNumber", "latest", False)
    assert int(block["gasLimit"], 16) == BLOCK_GAS
    assert len(block["extraData"]) > 2 + 2 * 32


def test_validators__account_on_no_list__sends_only_once_admitted(validators: Validators) -> None:
    member = Account.create()
    transfer(validators, to=member.address, value=10**18)
    with pytest.raises(NodeRefused, match="cannot issue transaction from non-allow listed address"):
        send(validators, member)
    validators.admit([member.address])
    transfer(validators, member)


def test_validators__member_that_may_not_deploy__deploys_only_once_allowed(validators: Validators) -> None:
    member = Account.create()
    transfer(validators, to=member.address, value=10**18)
    validators.admit([member.address])
    creation = {"from": member.address, "data": EMPTY_CONTRACT}
    with pytest.raises(NodeRefused):
        ask(validators.rpc_url, "eth_estimateGas", creation)
    validators.admit([member.address], may_deploy=True)
    assert int(ask(validators.rpc_url, "eth_estimateGas", creation), 16) > 21_000


def test_validators__many_at_once__are_all_admitted(validators: Validators) -> None:
    members = [Account.create().address for _ in range(40)]
    validators.admit(members)
    # readAllowList(address): 1 for one who is enabled.
    for member in members:
        call = {"to": "0x0200000000000000000000000000000000000002", "data": f"0xeb54dae1{member[2:]:0>64}"}
        assert int(ask(validators.rpc_url, "eth_call", call, "latest"), 16) == 1


def test_validators__one_killed__the_network_goes_on_and_it_catches_up(validators: Validators) -> None:
    validators.kill(5)
    assert validators.running == (1, 2, 3, 4)
    block = mined_in(validators.rpc_url, transfer(validators))
    validators.start(5)
    assert eventually(lambda: number(validators.rpc_urls[4], "latest") >= block, seconds=60)


def test_validators__two_killed__no_block_until_one_is_back(validators: Validators) -> None:
    block = mined_in(validators.rpc_url, transfer(validators))
    validators.kill(4, 5)
    waiting = send(validators, validators.funded)
    time.sleep(8)
    assert not is_mined(validators.rpc_url, waiting)
    assert heights(validators) == {block}
    validators.start(4)
    assert eventually(lambda: is_mined(validators.rpc_url, waiting), seconds=60)
    assert eventually(lambda: len(heights(validators)) == 1, seconds=30)


def test_validators__stopped_and_started_again__have_lost_nothing(validators: Validators) -> None:
    kept = transfer(validators)
    url = validators.rpc_url
    validators.restart()
    assert validators.rpc_url == url
    assert is_mined(url, kept)
    transfer(validators)
