"""Who is on a new devnet: the contracts, an account for every role, and money to spend."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from chainbill.chain.contracts import DevUsd
from chainbill.chain.deploy import bind_governor, deploy
from chainbill.chain.deployments import save_deployment
from chainbill.chain.devnet.devnet import Devnet
from chainbill.chain.node.connection import connect
from chainbill.chain.node.sender import Sender
from chainbill.chain.roles import GovernanceDelays
from chainbill.money import DOLLAR
from chainbill.records.vault import VaultKey
from chainbill.state.address_book import AddressBook, Contact, Role
from chainbill.state.directory import StateDirectory
from chainbill.state.keystores import Keystores
from chainbill.state.passphrase import make_passphrase, passphrase_from

ACCOUNTS: dict[str, Role] = {
    "governor": Role.GOVERNOR,
    "insurer": Role.INSURER,
    "oracle-1": Role.ORACLE,
    "oracle-2": Role.ORACLE,
    "oracle-3": Role.ORACLE,
    "patient": Role.PATIENT,
    "provider": Role.PROVIDER,
}
"""Every account a new devnet has, by name."""

ORACLE_THRESHOLD = 2
"""How many of the oracle accounts must sign a batch."""

SPENDING_MONEY: dict[str, int] = {"insurer": 1_000_000 * DOLLAR, "patient": 10_000 * DOLLAR}
"""DevUSD minted to accounts, in micro-dollars."""


def populate(devnet: Devnet, state: StateDirectory, *, bound: bool = False) -> None:
    """Make the accounts (those that exist are kept), fund them, deploy, and record it all.

    ``bound``: the governor must announce its calls, as in a real deployment.

    Raises:
        ChainError: a transaction was refused.
        StateError: the passphrase does not open an account that exists.
    """
    make_passphrase(state.passphrase)
    keystores = Keystores(state.keystores, lambda: passphrase_from(state.passphrase), devnet=True)
    accounts = {name: keystores.ensure(name) for name in ACCOUNTS}
    for account in accounts.values():
        devnet.give_gas(account.address)
    w3 = connect(devnet.rpc_url)
    members = [accounts[name].address for name, role in ACCOUNTS.items() if role is Role.ORACLE]
    deployment = deploy(w3, accounts["governor"], oracle_members=members, threshold=ORACLE_THRESHOLD)
    governor, token = Sender(w3, accounts["governor"]), DevUsd(w3, deployment.token)
    for name, amount in SPENDING_MONEY.items():
        token.mint(governor, accounts[name].address, amount)
    if bound:
        # Only now: money is made by the governor too.
        deployment = bind_governor(w3, accounts["governor"], deployment, GovernanceDelays.standard())
    book = AddressBook(state.address_book)
    for name, role in ACCOUNTS.items():
        book.put(name, contact(accounts[name], role))
    # Last: a recorded deployment means a finished one.
    save_deployment(state.deployments, deployment)


def contact(account: LocalAccount, role: Role) -> Contact:
    """An account's entry in the address book."""
    vault_key = VaultKey.derive(bytes(account.key))
    return Contact(role=role, address=account.address, vault_public_key=vault_key.public.hex())
