"""Naming what a call touches: only where the node says that it pays, and never what the call names itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_account import Account
from web3.types import TxParams

from chainbill.chain.node.access_list import AccessLists
from chainbill.chain.node.signed import read_signed, sign
from chainbill.errors import NodeRefused

CALLED, TOUCHED, PLAIN = ("0x" + byte * 20 for byte in ("c1", "c2", "c3"))
CALL: TxParams = {"from": "0x" + "a1" * 20, "to": CALLED, "data": b"\1"}  # type: ignore[typeddict-item]
KEYS = ["0x" + byte * 32 for byte in ("02", "01")]
TOLD = [
    {"address": CALLED, "storageKeys": KEYS},
    {"address": TOUCHED, "storageKeys": KEYS},
    {"address": PLAIN, "storageKeys": []},
]
TODAYS, TO_COME = 21_000 + 2_400 + 100 * 1_900, 15_000 + 4_180 + 100 * 4_048


class Node:
    """A node that answers two questions."""

    def __init__(self, estimate: int | None, told: Any) -> None:
        self.estimate, self.told = estimate, told
        self.asked: list[str] = []

    def call(self, method: str, *parameters: Any) -> Any:
        json.dumps(parameters)
        self.asked.append(method)
        answer = hex(self.estimate) if method == "eth_estimateGas" and self.estimate else self.told
        if answer is None or (method == "eth_estimateGas" and self.estimate is None):
            raise NodeRefused("no such method")
        return answer


def listed(node: Node) -> list[Any]:
    return AccessLists(node).of(CALL)  # type: ignore[arg-type]


def test_of__names_pay__names_all_but_the_called_contracts_own() -> None:
    named = listed(Node(TODAYS, {"accessList": TOLD, "gasUsed": "0x1"}))
    assert [entry["address"].lower() for entry in named] == [TOUCHED, PLAIN]
    assert [entry["storageKeys"] for entry in named] == [sorted(KEYS), []]


@pytest.mark.parametrize("error", [-15_000, 0, 3_000])
def test_of__estimate_within_a_nodes_tolerance__is_understood(error: int) -> None:
    assert listed(Node(TODAYS + error, {"accessList": TOLD})) != []
    assert listed(Node(TO_COME + error, {"accessList": TOLD})) == []


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"accessList": TOLD, "error": "execution reverted"},
        {"accessList": [{}]},
        {"accessList": [1]},
        [],
    ],
    ids=["refuses", "says nothing", "reverts", "names nobody", "names a number", "is no answer"],
)
def test_of__node_does_not_say__names_nothing(told: Any) -> None:
    assert listed(Node(TODAYS, told)) == []


def test_of__node_does_not_estimate__names_nothing_and_asks_no_more() -> None:
    node = Node(None, {"accessList": TOLD})
    assert listed(node) == []
    assert node.asked == ["eth_estimateGas"]


def test_of__many_calls__try_the_node_once() -> None:
    node = Node(TO_COME, {"accessList": TOLD})
    lists = AccessLists(node)  # type: ignore[arg-type]
    assert [lists.of(CALL), lists.of(CALL)] == [[], []]
    assert node.asked == ["eth_estimateGas"]


def test_read_signed__transaction_with_names__keeps_them_where_it_offers_more() -> None:
    account = Account.from_key(b"\2" * 32)
    named = [{"address": "0x" + "52" * 20, "storageKeys": ["0x" + "01" * 32]}]
    transaction: Any = {
        **{"chainId": 1, "nonce": 3, "gas": 100_000, "value": 0, "data": b"\1", "to": "0x" + "51" * 20},
        **{"maxFeePerGas": 10, "maxPriorityFeePerGas": 1, "accessList": named},
    }
    sent = sign(account, transaction, "a call")
    assert sign(account, read_signed(sent.raw, 1), "a call") == sent
