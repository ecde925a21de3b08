"""Deploys chainbill on a network: prepared first, so that it can be shown what it comes to; then carried out,
and gone on with where it was cut off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from pydantic import ValidationError
from web3 import Web3

from chainbill.attestation.address import checksum_address
from chainbill.chain.deploy import (
    EPOCH,
    ROLES,
    STEPS,
    DeploymentTerms,
    Plan,
    carry_out,
    deployment_of,
    package_code,
    plan_deployment,
)
from chainbill.chain.deployments import Deployment, read_deployment, save_deployment
from chainbill.chain.deterministic_proxy import has_proxy
from chainbill.chain.node.fees import GasPrices, coins
from chainbill.chain.node.gas_balance import needs_gas_text, rounded_up
from chainbill.chain.node.mapped_errors import mapped_errors
from chainbill.chain.node.sender import Sender
from chainbill.chain.roles import GovernanceDelays
from chainbill.chain.token_trial import check_token
from chainbill.errors import NeedsGas, StateError, TokenRefused
from chainbill.operations.deployment_check import DeploymentCheck, check_deployment
from chainbill.operations.networks import recorded_deployment
from chainbill.records.hashing import keccak256
from chainbill.state.address_book import AddressBook, Contact, Role
from chainbill.state.directory import StateDirectory
from chainbill.state.keystores import Keystores
from chainbill.state.networks import Network
from chainbill.state.outbox import AccountOutbox
from chainbill.state.passphrase import passphrase_from
from chainbill.state.private_files import locked, read_private, write_private
from chainbill.state.session import Session, open_node, url_of

MAIN_NETS = {
    1: "Ethereum",
    10: "OP Mainnet",
    25: "Cronos",
    30: "Rootstock",
    56: "BNB Smart Chain",
    100: "Gnosis",
    130: "Unichain",
    137: "Polygon",
    146: "Sonic",
    250: "Fantom",
    252: "Fraxtal",
    288: "Boba",
    324: "ZKsync Era",
    480: "World Chain",
    1088: "Metis",
    1101: "Polygon zkEVM",
    1284: "Moonbeam",
    1329: "Sei",
    1868: "Soneium",
    5000: "Mantle",
    8217: "Kaia",
    8453: "Base",
    34443: "Mode",
    42161: "Arbitrum One",
    42220: "Celo",
    43114: "Avalanche C-Chain",
    57073: "Ink",
    59144: "Linea",
    81457: "Blast",
    534352: "Scroll",
    7777777: "Zora",
}
"""Chains of real money, where DevUSD, which its governor makes at will, has no place."""

MOST_MEMBERS = 32
"""Of an oracle epoch (``QuorumAdmin.MAX_MEMBERS``)."""

GAS_OF_STEPS = {
    "governance": 2_300_000,
    "token": 1_350_000,
    "registry": 1_150_000,
    "payers": 620_000,
    "escrow": 3_500_000,
    "admin": 1_900_000,
    "extension": 5_200_000,
    "settlement": 5_400_000,
    EPOCH: 120_000,
    ROLES: 720_000,
}
"""What each step takes at most, and the first epoch besides for each member:"""

GAS_OF_MEMBER = 40_000


@dataclass(frozen=True, slots=True)
class DeploymentRequest:
    """What is decided before a deployment, in names or addresses."""

    account: str
    """The name of the account that deploys, and has all of the governor's roles thereafter."""
    oracle_members: tuple[str, ...]
    threshold: int
    delays: GovernanceDelays
    token: str | None
    """Address of the dollar token; None: DevUSD."""
    token_holder: str | None = None
    """Somebody who holds some of it, to try it with; None: the deployer."""
    untried_token: bool = False
    salt: str = "chainbill"
    """In words, for CREATE2."""
    start_over: bool = False
    """What was begun on other terms is given up."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A deployment that can be carried out."""

    network: Network
    w3: Web3
    account: LocalAccount
    request: DeploymentRequest
    plan: Plan
    begun: bool
    """Goes on with what was cut off."""
    cost: int
    """What the rest takes at most, in wei at the present price of gas."""
    noted: bytes | None
    """What was noted of an earlier run when this was prepared."""

    @property
    def deterministic(self) -> bool:
        """Are there addresses by CREATE2?"""
        return self.plan.salt is not None


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment that stands, recorded for its network."""

    deployment: Deployment
    check: DeploymentCheck
    transactions: tuple[str, ...]
    """Hashes, in order of the steps."""


def prepare(state: StateDirectory, request: DeploymentRequest, rpc_url: str | None = None) -> Prepared:
    """Check everything that can be checked before the first transaction, and compute the addresses.

    Raises:
        StateError: no network is meant, it has a deployment, a name is nobody's, the quorum is none, or a
            deployment on other terms or with other code was begun.
        TokenRefused: the token cannot be relied on; or DevUSD is asked for on a chain of real money.
        NeedsGas: the account cannot pay.
        ChainError: the node could not be reached or refused.
    """
    node = open_node(state, rpc_url)
    network, w3 = node.network, node.w3
    if network is None:
        raise StateError(
            "a deployment is made on a network, and the devnet has one already",
            hint="add the network first: chainbill network add NAME --rpc-url URL; then: `network=NAME`",
        )
    _check_not_deployed(state, network)
    account = _keystores(state).unlock(request.account)
    terms = _terms(state, request, w3)
    noted = read_private(state.deploying)
    plan = _begun(state, noted, terms, account.address, network, start_over=request.start_over)
    begun = plan is not None
    if plan is None:
        _check_token(w3, network, request, account.address)
        plan = plan_deployment(w3, account.address, terms)
    cost = _check_gas(w3, network, plan)
    return Prepared(network, w3, account, request, plan, begun, cost, noted)


def carry_out_deployment(
    state: StateDirectory, prepared: Prepared, *, on_step: Callable[[str], None] = lambda _: None
) -> Deployed:
    """Send what is not sent yet, check what stands then, and record it for the network.

    Cut off at any point, the same deployment goes on where it stopped: each transaction is noted before it
    is sent.

    Raises:
        ChainError: a transaction was refused, or the node could not be reached.
        StateError: another process deploys there, or nothing can be written.
    """
    network, w3 = prepared.network, prepared.w3
    with locked(state.root / "deploying.lock"):
        _check_not_deployed(state, network)
        if read_private(state.deploying) != prepared.noted:
            raise StateError(
                f"another process has gone on with a deployment on {network.name} in the meantime",
                hint="see what is left of it: run the same command again",
            )
        outbox = AccountOutbox(state.outbox / str(network.chain_id), prepared.account.address)
        sender = Sender(w3, prepared.account, outbox=outbox, policy=network.fees)

        def keep(plan: Plan) -> None:
            write_private(state.deploying, plan.model_dump_json(indent=2).encode() + b"\n")

        plan = carry_out(w3, sender, prepared.plan, keep=keep, on_step=on_step)
        deployment = deployment_of(w3, plan)
        check = check_deployment(w3, deployment, node=url_of(w3))
        _introduce(state, prepared.request)
        save_deployment(state.deployments, deployment)
        state.deploying.unlink(missing_ok=True)
    sent = (plan.done[step].transaction for step in STEPS if step in plan.done)
    return Deployed(deployment, check, tuple(each for each in sent if each is not None))


def verify_deployment(
    state: StateDirectory, rpc_url: str | None = None, *, record: Path | None = None
) -> DeploymentCheck:
    """Compare the chain with the record of a deployment: ``record``, else that of the network or devnet.

    Raises:
        NotDeployed: there is no record, or it does not tell how the deployment was made.
        ChainError: the node could not be reached or refused.
    """
    if record is None:
        session = Session.open(state, rpc_url)
        return check_deployment(session.protocol.w3, session.protocol.deployment, node=session.rpc_url)
    deployment = read_deployment(record)
    w3 = open_node(state, rpc_url).w3
    return check_deployment(w3, deployment, node=url_of(w3))


def _check_not_deployed(state: StateDirectory, network: Network) -> None:
    if recorded_deployment(state, network) is not None:
        raise StateError(
            f"chainbill is deployed on {network.name} already",
            hint=f"check it: chainbill --network {network.name} deploy verify; its deployment.json is "
            f"{state.deployments / f'{network.chain_id}.json'}; another one needs a network of another "
            "name",
        )


def _keystores(state: StateDirectory) -> Keystores:
    return Keystores(state.keystores, lambda: passphrase_from(state.passphrase))


def _terms(state: StateDirectory, request: DeploymentRequest, w3: Web3) -> DeploymentTerms:
    members = tuple(_address(state, member) for member in request.oracle_members)
    if len(set(members)) != len(members):
        raise StateError("an oracle member is named twice", hint="each member has a key of its own")
    if not 1 <= request.threshold <= len(members) <= MOST_MEMBERS:
        raise StateError(
            f"{request.threshold} of {len(members)} oracle members is no quorum",
            hint=f"name at most {MOST_MEMBERS} members, and a threshold between 1 and their number",
        )
    token = None if request.token is None else checksum_address(request.token)
    salt = keccak256(request.salt.encode()) if has_proxy(w3) else None
    return DeploymentTerms(members, request.threshold, request.delays, token, salt)


def _address(state: StateDirectory, account: str) -> str:
    """An address as it is, or that of a name whose keystore or entry in the address book is here."""
    keystores = _keystores(state)
    if not account.startswith("0x") and account in keystores:
        return keystores.address(account)
    return to_checksum_address(AddressBook(state.address_book).address_of(account))


def _begun(
    state: StateDirectory,
    noted: bytes | None,
    terms: DeploymentTerms,
    deployer: str,
    network: Network,
    *,
    start_over: bool,
) -> Plan | None:
    """What an earlier run has begun, by what it ``noted``; None where nothing was, or it is given up."""
    if noted is None or start_over:
        return None
    try:
        plan = Plan.model_validate_json(noted)
    except ValidationError:
        raise StateError(
            f"the notes of a deployment that was begun, {state.deploying}, are damaged or of another version",
            hint="give it up, and what stands of it with it: `start_over=True`",
        ) from None
    if plan.code != package_code():
        raise StateError(
            f"a deployment on {network.name} was begun with other code than this version's",
            hint="finish it with the version that began it, or give it up: `start_over=True`",
        )
    if plan.chain_id != network.chain_id or not plan.has_terms(terms, deployer):
        raise StateError(
            f"a deployment on {network.name} was begun on other terms",
            hint="finish it as it was begun, or give it up: `start_over=True`",
        )
    return plan


def _check_token(w3: Web3, network: Network, request: DeploymentRequest, deployer: str) -> None:
    if request.token is None:
        if network.chain_id in MAIN_NETS:
            raise TokenRefused(
                f"DevUSD is play money, and chain {network.chain_id} is {MAIN_NETS[network.chain_id]}",
                reason="main_net",
                hint="name the dollar token of that chain: `token=ADDRESS`",
            )
        return
    if not request.untried_token:
        check_token(w3, checksum_address(request.token), checksum_address(request.token_holder or deployer))


def _check_gas(w3: Web3, network: Network, plan: Plan) -> int:
    """What the rest of a plan costs at most at the present price of gas, in wei.

    Raises:
        NeedsGas: the account has less.
    """
    left = [step for step in plan.steps if step not in plan.done]
    gas = (
        sum(GAS_OF_STEPS[step] for step in left) + (EPOCH in left) * len(plan.oracle_members) * GAS_OF_MEMBER
    )
    with mapped_errors():
        quote = GasPrices(w3, network.fees).quote()
        balance = w3.eth.get_balance(to_checksum_address(plan.deployer))
    cost = gas * (quote.base_fee + quote.tip)
    if balance < cost:
        missing = rounded_up(cost - balance)
        raise NeedsGas(
            f"the account that deploys {needs_gas_text(plan.deployer, missing)}",
            address=plan.deployer,
            missing=missing,
            hint=f"it holds {coins(balance)} of the network's gas coin, and this may cost {coins(cost)}",
        )
    return cost


def _introduce(state: StateDirectory, request: DeploymentRequest) -> None:
    """Put the governor, and the oracle members that have a name here, into the network's address book."""
    book, known = AddressBook(state.address_book), _keystores(state)
    names: Sequence[tuple[str, Role]] = [
        (request.account, Role.GOVERNOR),
        *((member, Role.ORACLE) for member in request.oracle_members if not member.startswith("0x")),
    ]
    for name, role in names:
        if name in known and name not in book.entries():
            book.put(name, Contact(role=role, address=known.address(name)))
