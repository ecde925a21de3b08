"""Deploys the whole protocol, step by step, so that a run that was cut off is gone on with.

The contracts name each other in immutables. ``Governance`` and the token do not depend on what comes after
them, so CREATE2 can give them addresses that are the same on every chain. Registry, factory, escrow and
settlement, whose code is in three contracts, name each other in a circle, which no hash of their code can
close: their addresses are computed beforehand from the deployer's nonces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, cast

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from pydantic import BaseModel, ConfigDict
from web3 import Web3
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.types import Nonce, TxReceipt
from web3.utils.address import get_create_address

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.contracts.governance import Governance
from chainbill.chain.contracts.payer_factory import InsurerPayerFactory, payer_creation_code
from chainbill.chain.contracts.registry import ProviderRegistry
from chainbill.chain.contracts.settlement import ClaimSettlement
from chainbill.chain.contracts.token import DevUsd
from chainbill.chain.deployments import CONTRACT_NAMES, Address, Created, Deployment, Making, Way
from chainbill.chain.deterministic_proxy import ProxyCreation
from chainbill.chain.node.connection import has_code, newest_block
from chainbill.chain.node.fees import FeePolicy
from chainbill.chain.node.mapped_errors import mapped_errors
from chainbill.chain.node.outbox import Errand
from chainbill.chain.node.sender import ANY_NETWORK, Sender
from chainbill.chain.roles import RESTRICTED, GovernanceDelays, GovernorRole
from chainbill.errors import ChainError, Displaced
from chainbill.records.hashing import keccak256

CONTRACTS: dict[str, str] = {
    "governance": "Governance",
    "token": "DevUSD",
    "registry": "ProviderRegistry",
    "payers": "InsurerPayerFactory",
    "escrow": "PatientEscrow",
    "admin": "SettlementAdmin",
    "extension": "SettlementExtension",
    "settlement": "ClaimSettlement",
}
"""What is created, in this order, by its Solidity name. Settlement's three come last: they ask the factory
for the payers' code hash, and each asks the one before it, whose code it runs, for its wiring."""

FIRST = ("governance", "token")
"""What depends on nothing that comes after it."""
_IN_A_CIRCLE = tuple(name for name in CONTRACTS if name not in FIRST)

EPOCH, ROLES = "epoch", "roles"
"""The steps after the contracts: the first oracle epoch is opened; then, and not before, the roles are handed
out, and with them the delays."""

STEPS = (*CONTRACTS, EPOCH, ROLES)
"""Every step, in order: one transaction each."""

_MOST_DISPLACED = 3
"""How often the addresses are computed again because the account has sent something else in between."""


@dataclass(frozen=True, slots=True)
class DeploymentTerms:
    """What is decided before a deployment."""

    oracle_members: tuple[str, ...]
    """Addresses of the oracle nodes' keys, in any order."""
    threshold: int
    """How many of them must sign a batch."""
    delays: GovernanceDelays
    """Of the governor's calls from then on."""
    token: str | None = None
    """Address of the dollar token; None: DevUSD is deployed."""
    salt: bytes | None = None
    """32 bytes for CREATE2; None: every address comes from the deployer's nonces."""


class Done(BaseModel):
    """A step that is done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transaction: str | None = None
    """Its hash; None: somebody else did it, or the note of it is lost."""
    block: int | None = None


class Plan(BaseModel):
    """A deployment and how far it has come. It is written down before each transaction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    """``package_code()`` of the package that began it: with other code it cannot be gone on with."""
    chain_id: int
    deployer: Address
    begun_at_block: int
    oracle_members: tuple[Address, ...]
    """In ascending order."""
    threshold: int
    admin_delay_seconds: int
    registrar_delay_seconds: int
    token: Address | None
    salt: str | None
    at: dict[str, Address]
    """Where each contract stands or will stand."""
    nonces: dict[str, int]
    """Which of the deployer's transactions creates it; of those by CREATE2 any does."""
    done: dict[str, Done] = {}

    @property
    def delays(self) -> GovernanceDelays:
        """Of the governor's calls."""
        return GovernanceDelays(self.admin_delay_seconds, self.registrar_delay_seconds)

    @property
    def steps(self) -> tuple[str, ...]:
        """Every step of it, in order."""
        return tuple(step for step in STEPS if step != "token" or self.token is None)

    def has_terms(self, terms: DeploymentTerms, deployer: str) -> bool:
        """Is it of this account and on these terms?"""
        return (
            self.deployer == deployer
            and self.oracle_members == _ascending(terms.oracle_members)
            and (self.threshold, self.delays, self.token) == (terms.threshold, terms.delays, terms.token)
            and self.salt == (None if terms.salt is None else f"0x{terms.salt.hex()}")
        )

    def way(self, name: str) -> Way:
        """How a contract gets its address."""
        if name == "token" and self.token is not None:
            return Way.EXISTING
        return Way.CREATE if name in self.nonces else Way.CREATE2


def package_code() -> str:
    """keccak256 over the hashes of the creation codes of all that a deployment creates, and of its payers."""
    codes = [bytes(HexBytes(load_artifact(contract).bytecode)) for contract in CONTRACTS.values()]
    return f"0x{keccak256(b''.join(keccak256(code) for code in [*codes, payer_creation_code()])).hex()}"


def plan_deployment(w3: Web3, deployer: str, terms: DeploymentTerms) -> Plan:
    """Compute where everything will stand.

    Raises:
        ChainError: the node could not be reached or refused, or what CREATE2 would make stands there.
    """
    with mapped_errors():
        chain_id = w3.eth.chain_id
    plan = Plan(
        code=package_code(),
        chain_id=chain_id,
        deployer=deployer,
        begun_at_block=newest_block(w3),
        oracle_members=_ascending(terms.oracle_members),
        threshold=terms.threshold,
        admin_delay_seconds=terms.delays.admin_seconds,
        registrar_delay_seconds=terms.delays.registrar_seconds,
        token=terms.token,
        salt=None if terms.salt is None else f"0x{terms.salt.hex()}",
        at={},
        nonces={},
    )
    plan = _laid_out(w3, plan)
    for name in FIRST:
        if plan.way(name) is Way.CREATE2 and has_code(w3, plan.at[name]):
            raise ChainError(
                f"{CONTRACTS[name]} of this account and salt stands at {plan.at[name]} already",
                hint="it belongs to an earlier deployment; begin another with another salt: `salt=TEXT`",
            )
    return plan


def carry_out(
    w3: Web3,
    sender: Sender,
    plan: Plan,
    *,
    keep: Callable[[Plan], None] = lambda _: None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Plan:
    """Do what is not done yet of a plan; returns it with everything done.

    Args:
        keep: writes the plan down; called before the first transaction and after each.
        on_step: hears of each step before it is done.

    Raises:
        ContractReverted: the quorum is not valid.
        ChainError: a transaction was refused, or the account is used by something else all the time.
    """
    keep(plan)
    for _ in range(1 + _MOST_DISPLACED):
        for step in plan.steps:
            if step in plan.done:
                continue
            on_step(step)
            _reach_nonce(w3, sender, plan, step)
            done = _do(w3, sender, plan, step, keep)
            if done is None:
                break
            plan = done
        else:
            return plan
        plan = _laid_out(w3, plan)
        keep(plan)
    raise ChainError(
        f"the account {plan.deployer} sends other transactions all the while: each moves the addresses on",
        hint="deploy from an account that nothing else uses; run it again to go on",
    )


def deployment_of(w3: Web3, plan: Plan) -> Deployment:
    """The record of a plan that is carried out.

    Raises:
        ChainError: the node could not be reached or refused.
    """
    made = Making(
        package=version("chainbill"),
        compiler=load_artifact("ClaimSettlement").compiler,
        deployer=plan.deployer,
        contracts={name: _created(w3, plan, name) for name in CONTRACTS},
        test_token=plan.token is None,
        salt=plan.salt,
        governor=plan.deployer,
        admin_delay_seconds=plan.admin_delay_seconds,
        registrar_delay_seconds=plan.registrar_delay_seconds,
        oracle_members=plan.oracle_members,
        oracle_threshold=plan.threshold,
    )
    begun = plan.done["governance"].block
    return Deployment(
        chain_id=plan.chain_id,
        block=plan.begun_at_block if begun is None else begun,
        made=made,
        **{name: plan.at[name] for name in CONTRACT_NAMES},
    )


def deploy(
    w3: Web3,
    deployer: LocalAccount,
    *,
    oracle_members: Sequence[str],
    threshold: int,
    delays: GovernanceDelays | None = None,
    policy: FeePolicy = ANY_NETWORK,
) -> Deployment:
    """Deploy every contract and DevUSD at once, open the first oracle epoch, and give the deployer all roles
    of the governor: for devnets, where nothing is to be gone on with.

    Args:
        oracle_members: addresses of the oracle nodes' keys, in any order.
        threshold: how many of them must sign a batch.
        delays: of the governor's calls from then on; none where they are not given.
        policy: what the network takes for gas, and how much of it.

    Raises:
        ContractReverted: the quorum is not valid.
        ChainError: a transaction was refused.
    """
    terms = DeploymentTerms(tuple(oracle_members), threshold, delays or GovernanceDelays.none())
    plan = plan_deployment(w3, deployer.address, terms)
    return deployment_of(w3, carry_out(w3, Sender(w3, deployer, policy=policy), plan))


def bind_governor(
    w3: Web3, governor: LocalAccount, deployment: Deployment, delays: GovernanceDelays
) -> Deployment:
    """Delay a governor's calls from now on, of a deployment that was made without delays; returns its record.

    Raises:
        ContractReverted: the account is no admin, or is bound already.
    """
    sender, governance = Sender(w3, governor), Governance(w3, deployment.governance)
    targets = restricted_contracts(w3, deployment.addresses(), test_token=True)
    calls = [
        governance.calldata("grantRole", GovernorRole.REGISTRAR, sender.address, delays.registrar_seconds),
        *_bind_admin(governance, targets, sender.address, delays),
    ]
    governance.multicall(sender, calls)
    if deployment.made is None:
        return deployment
    bound = {
        "admin_delay_seconds": delays.admin_seconds,
        "registrar_delay_seconds": delays.registrar_seconds,
    }
    return deployment.model_copy(update={"made": deployment.made.model_copy(update=bound)})


def address_by_salt(w3: Web3, name: str, salt: bytes, deployer: str, at: Mapping[str, str]) -> str:
    """Where the proxy that most chains have creates governance or the token.

    Args:
        salt: 32 bytes.
        at: where governance is, for the token.
    """
    return _creation_by_salt(w3, name, salt, deployer, at).address


def restricted_contracts(w3: Web3, at: Mapping[str, str], *, test_token: bool) -> list[ContractClient]:
    """The contracts with restricted functions; a token that was there before has none of ours."""
    clients: list[ContractClient] = [DevUsd(w3, at["token"])] if test_token else []
    return [
        *clients,
        ProviderRegistry(w3, at["registry"]),
        InsurerPayerFactory(w3, at["payers"]),
        ClaimSettlement(w3, at["settlement"]),
    ]


def role_calls(
    governance: Governance, targets: Sequence[ContractClient], governor: str, delays: GovernanceDelays
) -> Iterator[bytes]:
    """The calls of ``Governance`` that put every restricted function under its role and the governor into
    every role. The governor's own delay as admin comes last: it would stop what follows."""
    for target in targets:
        functions = RESTRICTED[target.artifact]
        for role in sorted(set(functions.values())):
            selectors = [target.selector(name) for name, holder in functions.items() if holder is role]
            yield governance.calldata("setTargetFunctionRole", target.address, selectors, role)
    for role in (GovernorRole.REGISTRAR, GovernorRole.GUARDIAN, GovernorRole.ARBITER):
        yield governance.calldata("labelRole", role, role.label)
    yield governance.calldata("setRoleGuardian", GovernorRole.REGISTRAR, GovernorRole.GUARDIAN)
    yield governance.calldata("grantRole", GovernorRole.REGISTRAR, governor, delays.registrar_seconds)
    yield governance.calldata("grantRole", GovernorRole.GUARDIAN, governor, 0)
    yield governance.calldata("grantRole", GovernorRole.ARBITER, governor, 0)
    if delays.admin_seconds:
        yield from _bind_admin(governance, targets, governor, delays)


def _bind_admin(
    governance: Governance, targets: Sequence[ContractClient], governor: str, delays: GovernanceDelays
) -> Iterator[bytes]:
    """Keep an admin from making another one that is bound by less. AccessManager lets the delays of grants
    and of targets begin five days later; until then the admin's own delay is what holds."""
    for target in targets:
        yield governance.calldata("setTargetAdminDelay", target.address, delays.admin_seconds)
    for role in (GovernorRole.ADMIN, GovernorRole.REGISTRAR):
        yield governance.calldata("setGrantDelay", role, delays.admin_seconds)
    yield governance.calldata("grantRole", GovernorRole.ADMIN, governor, delays.admin_seconds)


# ---- laying out ---------------------------------------------------------------------------------------


def _laid_out(w3: Web3, plan: Plan) -> Plan:
    """The plan with the addresses of what is not created yet. Those in a circle name each other: as long as
    settlement is missing, all of them are made, or made once more."""
    done = dict(plan.done)
    if "settlement" not in done:
        for name in _IN_A_CIRCLE:
            done.pop(name, None)
    at: dict[str, str] = {} if plan.token is None else {"token": plan.token}
    at.update({name: plan.at[name] for name in CONTRACTS if name in done})
    nonces = {name: nonce for name, nonce in plan.nonces.items() if name in done}
    nonce = _next_nonce(w3, plan.deployer)
    for name in CONTRACTS:
        if name in at:
            continue
        if plan.salt is not None and name in FIRST:
            at[name] = address_by_salt(w3, name, bytes(HexBytes(plan.salt)), plan.deployer, at)
        else:
            at[name] = get_create_address(Web3.to_checksum_address(plan.deployer), Nonce(nonce))
            nonces[name] = nonce
        nonce += 1
    return plan.model_copy(update={"at": at, "nonces": nonces, "done": done})


def _arguments(name: str, deployer: str, at: Mapping[str, str]) -> tuple[Any, ...]:
    """What a contract's constructor is given."""
    if name == "governance":
        return (deployer,)
    if name == "token":
        return (at["governance"],)
    if name == "registry":
        return at["settlement"], at["governance"]
    if name == "payers":
        code_hash = Web3.keccak(payer_creation_code())
        return at["token"], at["settlement"], at["registry"], code_hash, at["governance"]
    if name == "escrow":
        return at["token"], at["settlement"], at["payers"], at["registry"]
    around = at["token"], at["escrow"], at["payers"], at["registry"]
    if name == "admin":
        return around
    if name == "extension":
        return *around, at["admin"]
    return *around, at["governance"], at["extension"]


def _constructor(w3: Web3, deployer: str, name: str, at: Mapping[str, str]) -> ContractConstructor:
    artifact = load_artifact(CONTRACTS[name])
    factory = w3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    return factory.constructor(*_arguments(name, deployer, at))


def _creation_by_salt(
    w3: Web3, name: str, salt: bytes, deployer: str, at: Mapping[str, str]
) -> ProxyCreation:
    code = bytes(HexBytes(_constructor(w3, deployer, name, at).data_in_transaction))
    return ProxyCreation(w3, salt, code)


# ---- carrying out -------------------------------------------------------------------------------------


def _do(w3: Web3, sender: Sender, plan: Plan, step: str, keep: Callable[[Plan], None]) -> Plan | None:
    """The plan with one step done; None where the account has sent something else in its place."""
    with sender.errand(Errand(f"deploy {step} {plan.at.get(step, plan.at['settlement'])}")) as earlier:
        receipt = earlier
        if receipt is None and not _stands(w3, plan, step):
            if step in plan.nonces and _next_nonce(w3, plan.deployer) != plan.nonces[step]:
                return None
            try:
                receipt = _send(w3, sender, plan, step)
            except Displaced:
                return None
        if step in plan.nonces and not has_code(w3, plan.at[step]):
            return None
        transaction = None if receipt is None else receipt["transactionHash"].to_0x_hex()
        block = None if receipt is None else int(receipt["blockNumber"])
        done = Done(transaction=transaction, block=block)
        plan = plan.model_copy(update={"done": {**plan.done, step: done}})
        keep(plan)
    return plan


def _stands(w3: Web3, plan: Plan, step: str) -> bool:
    """Is a step done, whatever is noted of it?"""
    if step == EPOCH:
        return ClaimSettlement(w3, plan.at["settlement"]).current_epoch() != 0
    if step == ROLES:
        governance = Governance(w3, plan.at["governance"])
        return governance.membership(GovernorRole.REGISTRAR, plan.deployer).since != 0
    return has_code(w3, plan.at[step])


def _send(w3: Web3, sender: Sender, plan: Plan, step: str) -> TxReceipt:
    if step == EPOCH:
        settlement = ClaimSettlement(w3, plan.at["settlement"])
        return settlement.open_epoch(sender, plan.oracle_members, plan.threshold)
    if step == ROLES:
        governance = Governance(w3, plan.at["governance"])
        targets = restricted_contracts(w3, plan.at, test_token=plan.token is None)
        return governance.multicall(
            sender, list(role_calls(governance, targets, sender.address, plan.delays))
        )
    if plan.way(step) is Way.CREATE2:
        creation = _creation_by_salt(w3, step, bytes(HexBytes(plan.salt or "0x")), plan.deployer, plan.at)
        return sender.send(cast("ContractFunction", creation))
    return sender.send(_constructor(w3, plan.deployer, step, plan.at))


def _reach_nonce(w3: Web3, sender: Sender, plan: Plan, step: str) -> None:
    """Use up the nonces before a step's own. What CREATE2 makes anybody can make, and then the nonce
    for it is left over: without this, a stranger could move the addresses on for ever. Where the chain has
    forgotten what was created, they are computed again."""
    wanted = plan.nonces.get(step, 0)
    created = [plan.at[name] for name in CONTRACTS if name in plan.done]
    if _next_nonce(w3, plan.deployer) < wanted and all(has_code(w3, address) for address in created):
        sender.fill_up_to(wanted)


def _next_nonce(w3: Web3, account: str) -> int:
    with mapped_errors():
        return int(w3.eth.get_transaction_count(cast("ChecksumAddress", account), "pending"))


def _created(w3: Web3, plan: Plan, name: str) -> Created:
    done = plan.done.get(name, Done())
    way = plan.way(name)
    return Created(
        contract="token" if way is Way.EXISTING else CONTRACTS[name],
        address=plan.at[name],
        code_hash=_code_hash(w3, plan.at[name]),
        way=way,
        block=done.block,
        transaction=done.transaction,
    )


def _code_hash(w3: Web3, address: str) -> str:
    with mapped_errors():
        return Web3.keccak(w3.eth.get_code(Web3.to_checksum_address(address))).to_0x_hex()


def _ascending(addresses: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(addresses, key=str.lower))
