"""Sending on real chains: what waits is replaced, what is many is pipelined, what is final is known."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NoReturn

import pytest
from eth_account import Account
from scripts.networks.devnet import Devnet
from scripts.networks.engine import Engine
from scripts.networks.geth import Geth
from web3 import Web3
from web3.contract.contract import ContractFunction

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.node.connection import connect, json_rpc_of, newest_block
from chainbill.chain.node.fees import FeePolicy, Fees
from chainbill.chain.node.finality import DEVNET_FINALITY, Finality, final_block
from chainbill.chain.node.log_queries import fetch_logs
from chainbill.chain.node.outbox import Errand, MemoryOutbox
from chainbill.chain.node.send_state import Patience
from chainbill.chain.node.sender import Sender
from chainbill.chain.node.signed import read_signed, sign
from chainbill.errors import NeedsGas, NodeError
from chainbill.state.outbox import AccountOutbox

pytestmark = pytest.mark.networks

NOBODY = Web3.to_checksum_address(f"0x{0xAB:040x}")
"""Nobody's, without code: any call to it is mined, and does nothing."""


def approvals(sender: Sender, count: int) -> list[ContractFunction]:
    token = sender._w3.eth.contract(NOBODY, abi=load_artifact("DevUSD").abi)
    return [token.functions.approve(sender.address, amount) for amount in range(1, count + 1)]


def funded(engine: Engine, folder: Path, **settings: object) -> Sender:
    """The funded account, with notes on the disk."""
    outbox = AccountOutbox(folder / "outbox", engine.funded.address)
    return Sender(connect(engine.rpc_url), engine.funded, outbox=outbox, **settings)  # type: ignore[arg-type]


def test_send__any_chain__is_mined_with_the_headers_of_its_makers(engine: Engine, tmp_path: Path) -> None:
    sender = funded(engine, tmp_path)
    assert sender.send(approvals(sender, 1)[0])["status"] == 1


def test_send_many__any_chain__are_mined_in_their_order_within_few_blocks(
    engine: Engine, tmp_path: Path
) -> None:
    sender = funded(engine, tmp_path)
    begun = time.monotonic()
    receipts = sender.send_many(approvals(sender, 300))
    blocks = [receipt["blockNumber"] for receipt in receipts]
    assert blocks == sorted(blocks)
    assert len(receipts) == 300
    print(f"{engine.name}: 300 in {time.monotonic() - begun:.1f} s, {len(set(blocks))} blocks")


def test_send__offered_too_little_for_the_next_block__is_replaced_and_mined(
    geth: Geth, tmp_path: Path
) -> None:
    """geth takes it and lets it wait; anvil would have refused it."""
    outbox = MemoryOutbox()
    sender = Sender(
        connect(geth.rpc_url),
        geth.funded,
        outbox=outbox,
        patience=Patience(receipt=60, renewal=3, second_look=3),
    )
    (call,) = approvals(sender, 1)
    transaction = sender._priced(call)
    nonce = sender._broadcaster.next_nonce()
    poor = {**transaction, **Fees(2, 1).fields(), "nonce": nonce}
    stuck = sign(geth.funded, poor, "call 0xstuck")  # type: ignore[arg-type]
    outbox.note(stuck)
    sender._broadcaster.broadcast(stuck)
    time.sleep(2.5)
    assert sender._broadcaster.receipt([stuck]) is None
    receipt = sender.send(call)
    used = sender._w3.eth.get_transaction_count(geth.funded.address)
    # The one that was stuck held the other up: it was replaced, and both are mined.
    assert used == nonce + 2
    mined = sender._w3.eth.get_transaction(receipt["transactionHash"])
    assert mined["nonce"] == nonce + 1
    assert sender._broadcaster.receipt([stuck]) is None


@pytest.mark.parametrize("seconds", [0.0, 2.5])
def test_errand__geth_killed_after_it_was_sent__is_done_once_when_it_is_back(
    geth: Geth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """At once it is in the pool alone, which is lost; later in a block, which may be lost, too."""
    errand = Errand("deposit", NOBODY, int(seconds * 10))
    sender = funded(geth, tmp_path)
    (call,) = approvals(sender, 1)
    before = sender._w3.eth.get_transaction_count(geth.funded.address)

    def killed(*_: object) -> NoReturn:
        time.sleep(seconds)
        geth.kill()
        raise NodeError("no node answers")

    with monkeypatch.context() as patch:
        patch.setattr(Sender, "_wait", killed)
        with pytest.raises(NodeError), sender.errand(errand):
            sender.send(call)
    geth.start()
    again = funded(geth, tmp_path)
    with again.errand(errand) as earlier:
        assert earlier is not None
    assert again._w3.eth.get_transaction_count(geth.funded.address) == before + 1


def test_replacement__smallest_step_of_the_policy__is_taken_by_any_chain(engine: Engine) -> None:
    """+10 % is what geth and Avalanche demand of both fees."""
    sender = Sender(connect(engine.rpc_url), engine.funded)
    broadcaster = sender._broadcaster
    if isinstance(engine, Devnet):
        json_rpc_of(sender._w3).call("evm_setAutomine", False)
    nonce = broadcaster.next_nonce()
    quote = broadcaster.prices.quote()
    (call,) = approvals(sender, 1)
    # A nonce too far: it waits for the one before it, and cannot be mined meanwhile.
    waiting = {**sender._priced(call), "nonce": nonce + 1}
    first = broadcaster.sign(waiting, "call 0x1")  # type: ignore[arg-type]
    broadcaster.broadcast(first)
    better = Fees.of(waiting).replacement(quote, FeePolicy(replacement_bps=1_000))  # type: ignore[arg-type]
    assert better is not None
    second = broadcaster.sign({**waiting, **better.fields()}, "call 0x1")  # type: ignore[typeddict-item]
    broadcaster.broadcast(second)
    broadcaster.fill_up_to(nonce + 1)
    if isinstance(engine, Devnet):
        json_rpc_of(sender._w3).call("evm_mine")
        json_rpc_of(sender._w3).call("evm_setAutomine", True)
    deadline = time.monotonic() + 30
    while (receipt := broadcaster.receipt([first, second])) is None and time.monotonic() < deadline:
        time.sleep(0.2)
    assert receipt is not None
    assert bytes(receipt["transactionHash"]) == second.hash
    assert read_signed(second.raw, engine.chain_id)["nonce"] == nonce + 1


def test_send__account_without_coins__says_how_much_to_send_where(engine: Engine) -> None:
    pauper = Sender(connect(engine.rpc_url), Account.create())
    with pytest.raises(NeedsGas, match=rf"needs gas: send 0\.[0-9]+ to {pauper.address}"):
        pauper.send(approvals(pauper, 1)[0])


def test_final_block__any_chain__is_no_newer_than_the_newest_and_moves(
    engine: Engine, tmp_path: Path
) -> None:
    sender = funded(engine, tmp_path)
    finality = DEVNET_FINALITY if isinstance(engine, Devnet) else Finality()
    mined = sender.send(approvals(sender, 1)[0])["blockNumber"]
    deadline = time.monotonic() + 120
    while final_block(sender._w3, finality) < mined and time.monotonic() < deadline:
        time.sleep(0.5)
    assert mined <= final_block(sender._w3, finality) <= newest_block(sender._w3)


def test_fetch_logs__more_addresses_than_a_node_takes__are_asked_for_in_parts(engine: Engine) -> None:
    node = json_rpc_of(connect(engine.rpc_url))
    addresses = [f"0x{number:040x}" for number in range(1, 2_501)]
    assert fetch_logs(node, {"address": addresses, "topics": [None, None]}, 0, 1) == []


def test_find_block__not_there_yet__is_none_on_any_chain(engine: Engine) -> None:
    w3 = connect(engine.rpc_url)
    assert json_rpc_of(w3).find_block(10**6) is None
    assert json_rpc_of(w3).find_blocks([0, 10**6])[1] is None


def test_batch__more_than_a_thousand__is_asked_in_parts_by_any_chain(engine: Engine) -> None:
    node = json_rpc_of(connect(engine.rpc_url))
    assert len(set(node.batch([("eth_chainId", [])] * 1_500))) == 1
