"""One process's view of the protocol: the state directory, its chain, and the accounts to act with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.types import TxReceipt

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.chain.deployments import Deployment, load_deployment
from chainbill.chain.devnet.devnet import Devnet
from chainbill.chain.node.connection import check_deployed, connect
from chainbill.chain.node.endpoints import check_chain, connect_first
from chainbill.chain.node.fees import FeePolicy
from chainbill.chain.node.finality import DEVNET_FINALITY, Finality, usual_finality
from chainbill.chain.node.outbox import Errand
from chainbill.chain.node.sender import Sender
from chainbill.chain.protocol import Protocol
from chainbill.errors import StateError
from chainbill.records.shared_records import RecordsFolder
from chainbill.records.vault import Vault, VaultKey
from chainbill.state.address_book import AddressBook, Contact, Role
from chainbill.state.devnet_accounts import contact
from chainbill.state.directory import StateDirectory
from chainbill.state.keystores import Keystores
from chainbill.state.local_devnet import LocalDevnet
from chainbill.state.networks import RPC_ENVIRONMENT, Network, Networks
from chainbill.state.outbox import AccountOutbox
from chainbill.state.passphrase import passphrase_from
from chainbill.state.schedules import Schedules
from chainbill.state.untold import Untold


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the chain that is meant."""

    w3: Web3
    devnet: Devnet | None
    """The state directory's devnet, where it is that."""
    network: Network | None
    """The network that the node is of; None: the devnet, or whatever chain ``--rpc-url`` names."""


def open_node(state: StateDirectory, rpc_url: str | None = None) -> Node:
    """Connect to ``rpc_url``, else ``$CHAINBILL_RPC_URL``, else a node of the network whose state it is, else
    the state directory's devnet.

    Raises:
        DevnetError: no node is named and the devnet is not running.
        WrongChain: the node is of another chain than the network.
        NodeError: no node answers.
        StateError: there is no such network any more.
    """
    url = rpc_url or os.environ.get(RPC_ENVIRONMENT)
    if state.network is not None:
        network = Networks(state).get(state.network)
        return Node(connect_first((url,) if url else network.rpc_urls, network.chain_id), None, network)
    local = LocalDevnet(state)
    devnet = local.find() if url else local.require()
    if devnet is not None and url not in (None, devnet.rpc_url):
        devnet = None
    return Node(connect(url or local.require().rpc_url), devnet, None)


RECORDS_ENVIRONMENT = "CHAINBILL_RECORDS"
"""Names a folder that providers and patients both reach, in which sealed records lie; none: each has only
what is in the state directory."""


class Session:
    """Everything a command needs. Accounts are opened when they are first asked for."""

    def __init__(
        self,
        state: StateDirectory,
        protocol: Protocol,
        devnet: Devnet | None,
        network: Network | None = None,
        *,
        shared_records: Path | None = None,
    ) -> None:
        self.state = state
        self._shared_records = shared_records
        self.protocol = protocol
        self.devnet = devnet
        """The state directory's devnet, None where the session is on another chain."""
        self.network = network
        """The network whose chain it is, None on the devnet and on a chain that only ``--rpc-url`` names."""
        self.book = AddressBook(state.address_book)
        self.keystores = Keystores(
            state.keystores, lambda: passphrase_from(state.passphrase), devnet=devnet is not None
        )
        self.schedules = Schedules(state.schedules)
        self.cash_prices = Schedules(state.cash_prices)
        self.untold: Untold | None = None
        """Given by a program that shows what was done: an errand is over once it has. None: at its end."""

    @classmethod
    def open(
        cls, state: StateDirectory, rpc_url: str | None = None, *, deployment: Deployment | None = None
    ) -> Session:
        """Connect to the chain as ``open_node`` does, and to what is deployed there.

        Args:
            deployment: where; else what the state has recorded.

        Raises:
            DevnetError: no node is named and the devnet is not running.
            WrongChain: the node is of another chain than the network or the deployment.
            NodeError: no node answers, or one of another chain of the same id.
            NotDeployed: no deployment is recorded for its chain.
        """
        node = open_node(state, rpc_url)
        w3, network = node.w3, node.network
        if deployment is None:
            deployment = load_deployment(state.deployments, w3.eth.chain_id, hint=_how_to_deploy(network))
        check_chain(w3, deployment.chain_id, url_of(w3))
        if node.devnet is None:
            # The devnet's chain was looked at when it was brought up. A transaction to a contract that is not
            # there would be mined, and do nothing.
            check_deployed(w3, deployment.settlement)
        shared = os.environ.get(RECORDS_ENVIRONMENT)
        return cls(
            state,
            Protocol(w3, deployment),
            node.devnet,
            network,
            shared_records=Path(shared).expanduser() if shared else None,
        )

    @property
    def rpc_url(self) -> str:
        """The node this session speaks to."""
        return url_of(self.protocol.w3)

    @property
    def fees(self) -> FeePolicy:
        """What is offered for gas on this chain.

        Raises:
            ChainError: the network's prices contradict each other.
        """
        return FeePolicy() if self.network is None else self.network.fees

    @cached_property
    def finality(self) -> Finality:
        """When a block of this chain counts as final: as its network's settings say; on a devnet, the newest;
        and as is usual on a chain that only its node's URL names.

        Raises:
            ChainError: the node could not be reached or refused.
        """
        if self.network is not None:
            return self.network.finality
        if self.devnet is not None:
            return DEVNET_FINALITY
        return usual_finality(self.protocol.w3, self.protocol.deployment.chain_id)

    @cached_property
    def vault(self) -> Vault:
        """The sealed records: here, and in the folder that ``$CHAINBILL_RECORDS`` names.

        Raises:
            StateError: that is not there, or the vault cannot be used.
        """
        shared = None if self._shared_records is None else RecordsFolder(self._shared_records)
        return Vault(self.state.vault, shared=shared)

    def now(self) -> int:
        """The chain's time, the only clock protocol times are taken from; seconds since 1970."""
        return self.protocol.now()

    def account(self, name: str) -> LocalAccount:
        """An account, opened.

        Raises:
            StateError: no such account, its key is elsewhere, or the passphrase is missing or wrong.
        """
        known = self.book.entries().get(name)
        if known is not None and name not in self.keystores:
            raise StateError(
                f"the key of {name} ({known.address}) is not here: the address book knows its address alone",
                hint="have it here: chainbill accounts import FILE; or sign with it where it is, such as a "
                "hardware wallet: chainbill patient sign … --external",
            )
        return self.keystores.unlock(name)

    def sender(self, name: str) -> Sender:
        """The sender of a named account; errors as ``account``."""
        return self.sender_of(self.account(name))

    def sender_of(self, account: LocalAccount) -> Sender:
        """Sends an account's transactions, with gas for them on the devnet."""
        if self.devnet is not None:
            # An account of an earlier chain is kept by `devnet up --fresh`, and has nothing on the new one.
            self.devnet.give_gas(account.address)
        chain = self.state.outbox / str(self.protocol.deployment.chain_id)
        outbox = AccountOutbox(chain, account.address)
        if self.untold is None:
            return Sender(self.protocol.w3, account, outbox=outbox, policy=self.fees)
        return _TellingSender(self.protocol.w3, account, outbox, self.untold, self.fees)

    def vault_key(self, name: str) -> VaultKey:
        """The key that opens records sealed to an account: its own, or, where its key is elsewhere, that of
        an account here to whose vault key its records are sealed. Errors as ``account``."""
        return self.vault_key_in_stead(name) or VaultKey.derive(bytes(self.account(name).key))

    def vault_key_in_stead(self, name: str) -> VaultKey | None:
        """The vault key of another account here to which the records of an account are sealed whose own key
        is elsewhere; None where there is none.

        Raises:
            StateError: the passphrase is missing or wrong.
        """
        entry = self.book.entries().get(name)
        if entry is None or name in self.keystores or entry.vault_public_key is None:
            return None
        return self.vault_key_behind(bytes.fromhex(entry.vault_public_key))

    def vault_key_behind(self, public: bytes) -> VaultKey | None:
        """The vault key of an account here, by its public half of 32 bytes; None where it is elsewhere.

        Raises:
            StateError: the passphrase is missing or wrong.
        """
        for name, entry in self.book.entries().items():
            if entry.vault_public_key == public.hex() and name in self.keystores:
                return VaultKey.derive(bytes(self.account(name).key))
        return None

    def ensure_account(self, name: str, role: Role) -> Contact:
        """The account of that name and role, made (and on the devnet given gas) where there is none.

        Raises:
            StateError: the name belongs to an account of another role, or is not a name.
        """
        known = self.book.entries().get(name)
        if known is not None:
            if known.role is not role:
                raise StateError(
                    f"{name!r} names an account already: its role is {known.role}, not {role}",
                    hint="choose another name",
                )
            return known
        account = self.keystores.ensure(name)
        if self.devnet is not None:
            self.devnet.give_gas(account.address)
        entry = contact(account, role)
        self.book.put(name, entry)
        return entry

    def new_account(self, name: str, role: Role) -> Contact:
        """An account that there was not before; errors as ``ensure_account``.

        Raises:
            StateError: there is an account of that name.
        """
        self.check_new(name)
        return self.ensure_account(name, role)

    def check_new(self, name: str) -> None:
        """Refuse to make an account of a name that somebody has.

        Raises:
            StateError: there is an account or a key of that name, or it is not a name.
        """
        if name in self.keystores or name in self.book.entries():
            raise StateError(
                f"there is an account named {name!r} already",
                hint="leave out `new=`, or choose another name",
            )

    def address_of(self, account: str, *, role: Role | None = None, new: bool = False) -> str:
        """An address as it is, or that of a name in the address book. A name that nobody has is refused: it
        may be mistyped, and what is sent to a key that was made for it is out of its owner's sight.

        Args:
            role: of the account that could be made; None where none can.
            new: make an account of that name, because that was asked for.

        Raises:
            AttestationError: it begins like an address and is none.
            StateError: nobody has the name (or somebody has, and a new account was asked for); or nobody
                holds a key of the address: zero, or a contract of the deployment.
        """
        if role is not None and new:
            return self.new_account(account, role).address
        try:
            address = self.book.address_of(account)
        except StateError as error:
            if role is not None:
                error.hint = (
                    f"{error.hint}; whose key is elsewhere: name its address, or take its card: chainbill "
                    "contacts import FILE; a new account of that name, with its key here: add `new=True`"
                )
            raise
        deployed = self.protocol.deployment.addresses()
        nobodys = {at: f"{at}, a contract ({what}), is" for what, at in deployed.items()}
        nobodys[ZERO_ADDRESS] = "the zero address is"
        if address in nobodys:
            raise StateError(
                f"{nobodys[address]} nobody's", hint="name an account, or an address that somebody has"
            )
        return address


def url_of(w3: Web3) -> str:
    """Where a connection's node is."""
    return str(w3.provider.endpoint_uri)  # type: ignore[attr-defined]


def _how_to_deploy(network: Network | None) -> str:
    if network is None:
        return "start a devnet: chainbill devnet up; or name the network that is meant: `network=NAME`"
    return (
        f"deploy it: chainbill --network {network.name} deploy --help; or say where others have: "
        f"chainbill network add {network.name} --replace --deployment FILE"
    )


class _TellingSender(Sender):
    """Sends for a program that shows what was done."""

    def __init__(
        self, w3: Web3, account: LocalAccount, outbox: AccountOutbox, untold: Untold, policy: FeePolicy
    ) -> None:
        super().__init__(w3, account, outbox=outbox, policy=policy)
        self._untold = untold

    @contextmanager
    def errand(self, errand: Errand) -> Iterator[TxReceipt | None]:
        """As of ``Sender``, but an errand that ends well is over once somebody was told of it."""
        with ExitStack() as done:
            yield done.enter_context(super().errand(errand))
            self._untold.add(done)
