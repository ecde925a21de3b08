"""`Sender` on a real node: what it sends, and how each way of being refused is told."""

from __future__ import annotations

import re
import socket
from decimal import Decimal

import pytest
from eth_account import Account
from tests.support.senders import Stage

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.contracts import DevUsd
from chainbill.chain.node.connection import connect
from chainbill.chain.node.sender import Sender
from chainbill.errors import ChainError, ContractReverted, NeedsGas
from chainbill.money import DOLLAR
from chainbill.protocol_constants import GAS_CAP
from chainbill.records.hashing import keccak256


def test_send__contract_refuses__is_named_with_its_fields_and_nothing_is_sent(chain: Stage) -> None:
    nonce = chain.w3.eth.get_transaction_count(chain["stranger"].address)
    with pytest.raises(ContractReverted) as refused:
        chain.token.transfer(chain["stranger"], chain.address("patient"), DOLLAR)
    assert refused.value.name == "ERC20InsufficientBalance"
    assert refused.value.fields == {
        "sender": chain.address("stranger").lower(),
        "balance": 0,
        "needed": DOLLAR,
    }
    assert refused.value.hint == "give less, or get the account more of the dollar token"
    assert chain.w3.eth.get_transaction_count(chain["stranger"].address) == nonce


def test_send__refused_by_a_library_or_by_another_contract__is_named(chain: Stage) -> None:
    with pytest.raises(ContractReverted) as refused:
        chain.escrow.withdraw(chain["patient"])
    assert (refused.value.name, refused.value.fields) == ("NoWithdrawalRequested", {})
    with pytest.raises(ContractReverted) as refused:
        chain.escrow.deposit(chain["patient"], DOLLAR)
    assert refused.value.name == "ERC20InsufficientAllowance"
    with pytest.raises(ContractReverted) as refused:
        chain.settlement.pause(chain["stranger"])
    assert refused.value.name == "AccessManagedUnauthorized"
    assert refused.value.hint == "only the governor may do this"


def test_send__batch_with_a_short_quorum__is_named(chain: Stage) -> None:
    provider_id, payer = chain.open()
    batch = chain.batch(provider_id, payer.payer_id(), 1)
    with pytest.raises(ContractReverted) as refused:
        chain.settlement.settle(chain["stranger"], batch, chain.sign(batch, 1), root_slot=0)
    assert refused.value.fields == {"signatures": 1, "threshold": 2}


def test_send__estimated_gas__settles_and_is_never_a_payers_failure(chain: Stage) -> None:
    """A node may find that settling works with less gas; the contract must not let that change anything."""
    provider_id, payer = chain.open()
    batch = chain.batch(provider_id, payer.payer_id(), *range(40))
    receipt = chain.settle(batch)
    assert chain.settlement.credit_of(provider_id).maturing == 40 * 150 * DOLLAR
    assert receipt["gasUsed"] < GAS_CAP


def test_send__mined_but_reverted__is_explained_from_the_state_it_met(
    chain: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the estimate and the block somebody else was quicker: here, the estimate is made up."""
    token = chain.w3.eth.contract(address=chain.token.address, abi=load_artifact("DevUSD").abi)
    call = token.functions.transfer(chain.address("patient"), DOLLAR)
    monkeypatch.setattr(type(call), "estimate_gas", lambda *_: 100_000)
    with pytest.raises(ContractReverted) as refused:
        chain["stranger"].send(call)
    assert refused.value.name == "ERC20InsufficientBalance"


def test_send__gas_given__is_asked_for_without_a_check_beforehand(chain: Stage) -> None:
    sender = Sender(chain.w3, chain["patient"].account, gas=100_000)
    receipt = chain.token.approve(sender, chain.address("stranger"), 1)
    assert chain.w3.eth.get_transaction(receipt["transactionHash"])["gas"] == 100_000
    nonce = chain.w3.eth.get_transaction_count(sender.address)
    with pytest.raises(ContractReverted):
        chain.token.transfer(sender, chain.address("stranger"), DOLLAR)
    assert chain.w3.eth.get_transaction_count(sender.address) == nonce + 1


def test_send__without_gas_money__is_one_clear_error(chain: Stage) -> None:
    pauper = Sender(chain.w3, Account.from_key(keccak256(b"pauper")))
    with pytest.raises(NeedsGas) as refused:
        chain.token.approve(pauper, chain.address("patient"), 1)
    send = re.fullmatch(
        rf"the account that sends needs gas: send (0\.000[0-9]{{1,3}}) to {pauper.address}",
        str(refused.value),
    )
    assert send
    assert refused.value.missing == Decimal(send[1]) * 10**18
    assert "it holds 0 of the network's gas coin" in (refused.value.hint or "")
    assert "chainbill patient sign" in (refused.value.hint or "")


def test_send__no_contract_there__is_a_chain_error(chain: Stage) -> None:
    nowhere = DevUsd(chain.w3, "0x" + "12" * 20)
    with pytest.raises(ChainError):
        nowhere.balance_of(chain.address("patient"))


def test_connect__nothing_listens__says_what_to_do() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(ChainError, match="no node answers") as refused:
        connect(f"http://127.0.0.1:{port}")
    assert refused.value.hint


def test_call__node_gone__is_a_chain_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    gone = Stage.start(tmp_path_factory.mktemp("gone"))
    gone.anvil.kill()
    with pytest.raises(ChainError, match="no node answers"):
        gone.settlement.current_epoch()
    with pytest.raises(ChainError, match="no node answers"):
        gone.settlement.pause(gone["governor"])
