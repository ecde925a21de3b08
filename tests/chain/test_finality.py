"""Which block is final: by the node's word where it has one that means something, else by depth."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.fake_node import FakeNode, Refused, serving
from tests.support.senders import Stage

from chainbill.chain.node.connection import connect
from chainbill.chain.node.finality import (
    DEVNET_FINALITY,
    Finality,
    FinalityTag,
    final_block,
    usual_finality,
)
from chainbill.errors import ChainError, NodeError


@pytest.fixture
def node() -> Iterator[FakeNode]:
    """Its newest block is number 200."""
    with serving(FakeNode()) as node:
        for _ in range(200):
            node.mine()
        yield node


def test_final_block__node_says_so__is_its_word(node: FakeNode) -> None:
    """geth: 29 blocks behind; validators that agree beforehand: none."""
    node.safe, node.finalized = 190, 171
    w3 = connect(node.url)
    assert final_block(w3, Finality()) == 171
    assert final_block(w3, Finality(FinalityTag.SAFE)) == 190
    node.finalized = 200
    assert final_block(w3, Finality()) == 200


@pytest.mark.parametrize(
    "said", [None, 0, Refused("finalized block not found"), Refused("invalid argument 0: hex string")]
)
def test_final_block__node_has_no_word_or_says_block_0__is_so_deep(
    node: FakeNode, said: int | Refused | None
) -> None:
    if isinstance(said, Refused):
        error = said

        def answer(which: str, whole: bool) -> object:
            if which == "finalized":
                raise error
            return node.eth_getBlockByNumber(which, whole)

        node.answers["eth_getBlockByNumber"] = answer
    else:
        node.finalized = said
    w3 = connect(node.url)
    assert final_block(w3, Finality()) == 136
    assert final_block(w3, Finality(confirmations=12)) == 188


def test_final_block__no_tag_wanted__is_the_depth_whatever_the_node_says(node: FakeNode) -> None:
    node.finalized = 199
    assert final_block(connect(node.url), Finality(tag=None, confirmations=5)) == 195


def test_final_block__chain_shorter_than_the_depth__is_the_first(node: FakeNode) -> None:
    assert final_block(connect(node.url), Finality(confirmations=500)) == 0


def test_final_block__node_answers_nonsense__is_an_error_and_no_depth(node: FakeNode) -> None:
    w3 = connect(node.url)
    node.answers["eth_getBlockByNumber"] = "nonsense"
    with pytest.raises(NodeError, match="that is none"):
        final_block(w3, Finality())


def test_final_block__devnet__is_the_newest_and_its_tags_are_not_believed(chain: Stage) -> None:
    newest = chain.w3.eth.block_number
    assert newest > 0
    assert chain.w3.eth.get_block("finalized")["number"] == 0
    assert final_block(chain.w3, DEVNET_FINALITY) == newest
    assert final_block(chain.w3, Finality(confirmations=2)) == newest - 2


@pytest.mark.parametrize(
    "client, finality",
    [
        ("anvil/v1.7.1", DEVNET_FINALITY),
        ("HardhatNetwork/2.29.0/@nomicfoundation", DEVNET_FINALITY),
        ("Geth/v1.17.10-stable/linux-amd64/go1.25", Finality()),
        ("not-an-anvil/1", Finality()),
        (Refused("the method web3_clientVersion does not exist"), Finality()),
    ],
)
def test_usual_finality__only_a_development_node__is_believed_to_take_nothing_back(
    node: FakeNode, client: str | Refused, finality: Finality
) -> None:
    def answer() -> str:
        if isinstance(client, Refused):
            raise client
        return client

    node.answers["web3_clientVersion"] = answer
    w3 = connect(node.url)
    assert usual_finality(w3, w3.eth.chain_id) == finality


def test_usual_finality__chain_id_of_development_nodes__is_enough(node: FakeNode) -> None:
    w3 = connect(node.url)
    asked = len(node.asked)
    assert usual_finality(w3, 31_337) == DEVNET_FINALITY
    assert len(node.asked) == asked


def test_finality__fewer_than_no_confirmations__is_refused() -> None:
    with pytest.raises(ChainError):
        Finality(confirmations=-1)
