"""The networks of a state directory: chains other than the devnet, by name, and which of them is in use."""

from __future__ import annotations

import os
import shutil
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chainbill.errors import StateError, quoted, unusable
from chainbill.records.repeated_keys import refuse_repeated_keys
from chainbill.state.directory import StateDirectory
from chainbill.state.names import NAME, check_name, whom_else
from chainbill.state.private_files import locked, read_private, write_private

if TYPE_CHECKING:
    # web3 costs most of a second to import; only a command that needs the chain pays for it.
    from chainbill.chain.node.fees import FeePolicy
    from chainbill.chain.node.finality import Finality

ENVIRONMENT = "CHAINBILL_NETWORK"
"""Names a network where ``--network`` does not; else the one in use is meant."""

RPC_ENVIRONMENT = "CHAINBILL_RPC_URL"
"""Names a node where ``--rpc-url`` does not; else one of the network's, or the devnet, is meant."""

DEVNET = "devnet"
"""What the state directory's own devnet is called among the networks."""

Wei = Annotated[int, Field(ge=0, lt=2**63)]
"""A price in wei for a unit of gas."""

_REMOVED = ".removed-"
"""How a network's folder begins that is being removed."""


class Network(BaseModel):
    """A chain, how it is reached, and how it is dealt with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    chain_id: Annotated[int, Field(ge=1, lt=2**63)]
    """What every node must say of itself at every connection."""
    rpc_urls: Annotated[tuple[str, ...], Field(min_length=1)]
    """Of its nodes, in the order in which they are tried. A URL may hold a key: it is shown to nobody."""
    finality_tag: Literal["finalized", "safe"] | None = "finalized"
    """Which of its nodes' words makes a block final; None: none does."""
    confirmations: Annotated[int, Field(ge=0, le=10_000)] = 64
    """Under how many blocks one is final where the nodes give no word."""
    fee_floor: Wei | None = None
    """The least that is offered for a unit of gas, in wei as the two that follow; None: as is usual."""
    fee_cap: Wei | None = None
    """The most."""
    tip: Wei | None = None
    """For the block's producer; None: what the node names."""
    explorer_url: str | None = None
    """Where a person looks transactions up."""

    @property
    def finality(self) -> Finality:
        """When a block counts as final."""
        from chainbill.chain.node.finality import Finality, FinalityTag

        tag = None if self.finality_tag is None else FinalityTag(self.finality_tag)
        return Finality(tag, self.confirmations)

    @property
    def fees(self) -> FeePolicy:
        """What is offered for gas.

        Raises:
            ChainError: the prices contradict each other.
        """
        from chainbill.chain.node.fees import FeePolicy

        said = {"floor": self.fee_floor, "cap": self.fee_cap, "tip": self.tip}
        return FeePolicy(**{name: price for name, price in said.items() if price is not None})


class Networks:
    """A state directory's networks. Each has a folder with its settings and all that belongs to its chain."""

    def __init__(self, state: StateDirectory) -> None:
        self._state = state

    def names(self) -> list[str]:
        """Every network, in order of name; without the devnet."""
        found = self._state.networks.glob("*/network.json")
        return sorted(path.parent.name for path in found if NAME.fullmatch(path.parent.name))

    def get(self, name: str) -> Network:
        """A network's settings.

        Raises:
            StateError: there is none of that name, or its settings are damaged or open to other users.
        """
        path = self._state.of_network(name).network_settings
        content = read_private(path)
        if content is None:
            raise StateError(
                f"there is no network named {quoted(name)}",
                hint=f"{whom_else(name, [*self.names(), DEVNET], none='')}; a new one: chainbill network add",
            )
        refuse_repeated_keys(content, f"the network's settings {path}", StateError)
        try:
            network = Network.model_validate_json(content)
        except ValidationError as error:
            raise StateError(
                f"the network's settings {path} are damaged: {error.error_count()} errors"
            ) from None
        if network.name != name:
            raise StateError(f"the network's settings {path} are those of {network.name!r}")
        return network

    def put(self, network: Network, *, replace: bool = False) -> None:
        """Keep a network's settings.

        Raises:
            StateError: there is one of that name and it is not to be replaced, or not by one of another
                chain; or it is called as the devnet is.
        """
        name = check_name(network.name)
        if name == DEVNET:
            raise StateError(
                f"{DEVNET!r} is the devnet of this state directory",
                hint="choose another name for the network",
            )
        with self._changing():
            folder = self._state.of_network(name).root
            if name not in self.names() and folder.exists():
                raise StateError(
                    f"there is a folder {folder} already, without a network's settings",
                    hint="move it away: it may belong to another chain",
                )
            if name in self.names():
                self._check_replaceable(self.get(name), network, replace=replace)
            content = network.model_dump_json(indent=2).encode() + b"\n"
            write_private(self._state.of_network(name).network_settings, content)

    def remove(self, name: str) -> bool:
        """Forget a network, and with it all that belongs to its chain. Keys stay. Was it in use, so that the
        devnet is now?

        Raises:
            StateError: there is none of that name, or its folder cannot be removed.
        """
        with self._changing():
            self.get(name)
            in_use = self._named_in_file() == name
            if in_use:
                self._state.network_in_use.unlink()
            # In one step: what a removal leaves that is cut off is no network any more.
            gone = self._state.networks / f"{_REMOVED}{name}"
            shutil.rmtree(gone, ignore_errors=True)
            try:
                self._state.of_network(name).root.rename(gone)
                shutil.rmtree(gone)
            except OSError as error:
                raise unusable(gone, "removed", error) from None
        return in_use

    def use(self, name: str) -> None:
        """Mean this network, or the devnet, where nothing else is named.

        Raises:
            StateError: there is none of that name.
        """
        with self._changing():
            if name == DEVNET:
                self._state.network_in_use.unlink(missing_ok=True)
                return
            self.get(name)
            write_private(self._state.network_in_use, f"{name}\n".encode())

    def chosen(self, named: str | None = None) -> str | None:
        """Which network is meant: ``named``, else ``$CHAINBILL_NETWORK``, else the one in use; None: the
        devnet.

        Raises:
            StateError: there is none of that name.
        """
        name = named or os.environ.get(ENVIRONMENT) or self._named_in_file() or DEVNET
        if name == DEVNET:
            return None
        return self.get(name).name

    def holdings(self, name: str) -> list[str]:
        """What is kept of a network's chain beside its settings and what only locks: names of files and
        folders."""
        root = self._state.of_network(name).root
        kept = (path.name for path in root.iterdir() if path.suffix != ".lock")
        return sorted(name for name in kept if name != "network.json")

    def _check_replaceable(self, present: Network, wanted: Network, *, replace: bool) -> None:
        if not replace:
            raise StateError(
                f"there is a network named {wanted.name!r} already",
                hint="change its settings: `replace=True`; or choose another name",
            )
        if present.chain_id != wanted.chain_id:
            raise StateError(
                f"the network {wanted.name!r} is chain {present.chain_id}, and not chain {wanted.chain_id}",
                hint=f"choose another name, or forget that one: chainbill network remove {wanted.name}",
            )

    def _named_in_file(self) -> str | None:
        content = read_private(self._state.network_in_use)
        return None if content is None else content.decode(errors="replace").strip() or None

    def _changing(self) -> AbstractContextManager[None]:
        return locked(self._state.networks / ".lock")


def state_of(state: StateDirectory, named: str | None = None) -> StateDirectory:
    """The state of the chain that is meant; see ``Networks.chosen``.

    Raises:
        StateError: there is no network of that name.
    """
    name = Networks(state).chosen(named)
    return state.of_devnet() if name is None else state.of_network(name)
