"""The nodes of a network: the first that answers is used, and none of another chain."""

from __future__ import annotations

from collections.abc import Sequence

from web3 import Web3

from chainbill.chain.node.answer import node_name
from chainbill.chain.node.connection import connect
from chainbill.errors import NodeError, WrongChain


def connect_first(urls: Sequence[str], chain_id: int) -> Web3:
    """Connect to the first node that answers. One of another chain is not passed over: what was meant to be
    sent to the network's chain must not find a way to another.

    Args:
        urls: of the nodes, in the order in which they are tried; at least one.
        chain_id: of the network.

    Raises:
        WrongChain: the first that answers is of another chain.
        NodeError: none answers; where there is one alone, what is wrong with it.
    """
    failures: list[NodeError] = []
    for url in urls:
        try:
            w3 = connect(url)
        except NodeError as error:
            failures.append(error)
            continue
        check_chain(w3, chain_id, url)
        return w3
    first = failures[0]
    told = (
        str(first)
        if len(urls) == 1
        else f"none of the network's {len(urls)} nodes answers; of the first: {first}"
    )
    raise NodeError(told, hint="see its nodes: chainbill network show; or name another: `rpc_url=URL`")


def check_chain(w3: Web3, chain_id: int, url: str) -> None:
    """Check that a node is of a chain.

    Raises:
        WrongChain: it is of another.
    """
    found = w3.eth.chain_id
    if found != chain_id:
        raise WrongChain(
            f"the node at {node_name(url)} is of chain {found}, and not of chain {chain_id}",
            expected=chain_id,
            found=found,
            hint="check the node's URL and the network: chainbill network show",
        )
