"""Networks: other chains by name, how their nodes answer, and where chainbill is deployed on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from chainbill.chain.deployments import Deployment, load_deployment, read_deployment, save_deployment
from chainbill.chain.node.answer import is_here, node_name
from chainbill.chain.node.connection import check_deployed, connect, newest_block
from chainbill.chain.node.endpoints import check_chain
from chainbill.errors import ChainbillError, NodeError, NotDeployed, StateError, quoted
from chainbill.state.directory import StateDirectory
from chainbill.state.networks import Network, Networks


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """How one node of a network answers."""

    node: str
    """Where it is, without the key that its URL may hold."""
    block: int | None
    """Its newest; None: it is of no use, see ``trouble``."""
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """A network, as it is recorded and as its nodes answer now."""

    network: Network
    in_use: bool
    deployment: Deployment | None
    nodes: tuple[NodeStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What is said of a network when it is added or changed; None: as it is, or as is usual."""

    rpc_urls: tuple[str, ...] = ()
    chain_id: int | None = None
    finality_tag: Literal["finalized", "safe"] | None = None
    depth_alone: bool = False
    """What the nodes call final is not gone by."""
    confirmations: int | None = None
    fee_floor: int | None = None
    """In wei for a unit of gas, as the two that follow."""
    fee_cap: int | None = None
    tip: int | None = None
    explorer_url: str | None = None


def add_network(
    state: StateDirectory,
    name: str,
    settings: NetworkSettings,
    *,
    deployment: Path | None = None,
    change: bool = False,
) -> NetworkStatus:
    """Keep a network's settings, once a node of it has said which chain it is.

    Args:
        deployment: a ``deployment.json`` of this chain: where others have deployed chainbill.
        change: what ``settings`` leave out stays as it is, where there is a network of that name.

    Raises:
        NodeError: no node answers, or something is no URL of one.
        WrongChain: a node is of another chain than was said, or than the others are.
        StateError: there is a network of that name already, or the settings make no sense.
        NotDeployed: the deployment is of another chain, or cannot be read.
    """
    networks = Networks(state)
    present = networks.get(name) if change and name in networks.names() else None
    network = _network(name, settings, present)
    found = None if deployment is None else _checked_deployment(state, network, deployment)
    networks.put(network, replace=change)
    if found is not None:
        save_deployment(state.of_network(name).deployments, found)
    return replace(network_status(state, name), nodes=())


def network_status(state: StateDirectory, name: str, *, ask_nodes: bool = False) -> NetworkStatus:
    """A network as it is recorded; with ``ask_nodes`` also how each of its nodes answers.

    Raises:
        StateError: there is none of that name.
        NotDeployed: the record of its deployment cannot be read.
    """
    networks = Networks(state)
    network = networks.get(name)
    return NetworkStatus(
        network=network,
        in_use=networks.chosen() == name,
        deployment=recorded_deployment(state, network),
        nodes=tuple(_node_status(url, network.chain_id) for url in network.rpc_urls) if ask_nodes else (),
    )


def list_networks(state: StateDirectory) -> tuple[NetworkStatus, ...]:
    """Every network as it is recorded, in order of name; without the devnet.

    Raises:
        StateError: the settings of one are damaged.
        NotDeployed: the record of a deployment cannot be read.
    """
    return tuple(network_status(state, name) for name in Networks(state).names())


def recorded_deployment(state: StateDirectory, network: Network) -> Deployment | None:
    """Where chainbill is recorded to be on a network; None: nowhere.

    Raises:
        NotDeployed: the record cannot be read.
    """
    folder = state.of_network(network.name).deployments
    if not (folder / f"{network.chain_id}.json").exists():
        return None
    return load_deployment(folder, network.chain_id)


def _network(name: str, settings: NetworkSettings, present: Network | None) -> Network:
    urls = settings.rpc_urls or (present.rpc_urls if present else ())
    if not urls:
        raise StateError("a network needs a node", hint="name one: `rpc_urls=URL`")
    chain_id = _asked(urls, settings.chain_id or (present.chain_id if present else None))
    explorer = settings.explorer_url or (present.explorer_url if present else None)
    if explorer is not None and urlsplit(explorer).scheme not in ("http", "https"):
        raise StateError(f"{quoted(explorer)} is not the URL of an explorer")
    kept = present or Network(name=name, chain_id=chain_id, rpc_urls=urls)
    said: dict[str, Any] = {
        "confirmations": settings.confirmations,
        "finality_tag": settings.finality_tag,
        "fee_floor": settings.fee_floor,
        "fee_cap": settings.fee_cap,
        "tip": settings.tip,
    }
    changes = {field: value for field, value in said.items() if value is not None}
    if settings.depth_alone:
        changes["finality_tag"] = None
    network = kept.model_copy(update={**changes, "rpc_urls": urls, "explorer_url": explorer})
    network.fees  # noqa: B018 - prices that contradict each other are refused here
    return network.model_copy(update={"chain_id": chain_id})


def _asked(urls: Sequence[str], chain_id: int | None) -> int:
    """The chain that all nodes that answer are of. Only where it is known beforehand need none answer."""
    _check_urls(urls)
    failures: list[NodeError] = []
    for url in urls:
        try:
            w3 = connect(url)
        except NodeError as error:
            failures.append(error)
            continue
        chain_id = chain_id or w3.eth.chain_id
        check_chain(w3, chain_id, url)
    if chain_id is None:
        raise NodeError(
            "; ".join(map(str, failures)),
            hint="check the URL, and that the node runs; or say which chain it is: `chain_id=N`",
        )
    return chain_id


def _check_urls(urls: Sequence[str]) -> None:
    """Name everything at once that is no URL of a node."""
    failures: list[NodeError] = []
    for url in urls:
        try:
            is_here(url)
        except NodeError as error:
            failures.append(error)
    if failures:
        raise NodeError("; ".join(map(str, failures)), hint=failures[0].hint)


def _checked_deployment(state: StateDirectory, network: Network, path: Path) -> Deployment:
    deployment = read_deployment(path)
    if deployment.chain_id != network.chain_id:
        raise NotDeployed(
            f"{path.name} is of chain {deployment.chain_id}, and {network.name} is chain {network.chain_id}"
        )
    present = recorded_deployment(state, network)
    if present is not None and present.settlement != deployment.settlement:
        raise StateError(
            f"another deployment is recorded for {network.name}, and what is kept there belongs to it",
            hint="give this one a network of its own, by another name",
        )
    for url in network.rpc_urls:
        try:
            w3 = connect(url)
        except NodeError:
            continue
        check_deployed(w3, deployment.settlement)
        break
    return deployment


def _node_status(url: str, chain_id: int) -> NodeStatus:
    try:
        w3 = connect(url)
        check_chain(w3, chain_id, url)
        return NodeStatus(node_name(url), newest_block(w3))
    except ChainbillError as error:
        return NodeStatus(node_name(url), None, str(error))
