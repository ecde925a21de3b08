"""Deploys the whole protocol. The contracts name each other in immutables, so the addresses are
computed beforehand from the deployer's nonce."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from web3 import Web3
from web3.types import Nonce
from web3.utils.address import get_create_address

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.contracts.governance import Governance
from chainbill.chain.contracts.payer_factory import InsurerPayerFactory, payer_creation_code
from chainbill.chain.contracts.registry import ProviderRegistry
from chainbill.chain.contracts.settlement import ClaimSettlement
from chainbill.chain.contracts.token import DevUsd
from chainbill.chain.deployments import Deployment
from chainbill.chain.node.fees import FeePolicy
from chainbill.chain.node.sender import ANY_NETWORK, Sender
from chainbill.chain.roles import RESTRICTED, GovernanceDelays, GovernorRole
from chainbill.errors import ChainError

# Settlement comes last: it asks the factory for the payers' code hash.
_ORDER = ("governance", "token", "registry", "payers", "escrow", "settlement")


def deploy(
    w3: Web3,
    deployer: LocalAccount,
    *,
    oracle_members: Sequence[str],
    threshold: int,
    delays: GovernanceDelays | None = None,
    policy: FeePolicy = ANY_NETWORK,
) -> Deployment:
    """Deploy every contract, open the first oracle epoch, and give the deployer all roles of the governor.

    Args:
        oracle_members: addresses of the oracle nodes' keys, in any order.
        threshold: how many of them must sign a batch.
        delays: of the governor's calls from then on; none where they are not given.
        policy: what the network takes for gas, and how much of it.

    Raises:
        ContractReverted: the quorum is not valid.
        ChainError: a contract landed elsewhere than computed (the account sent something in between).
    """
    sender = Sender(w3, deployer, policy=policy)
    first_nonce = w3.eth.get_transaction_count(deployer.address)
    at = {name: get_create_address(deployer.address, Nonce(first_nonce + i)) for i, name in enumerate(_ORDER)}
    authority, token, registry, payers = (at[name] for name in ("governance", "token", "registry", "payers"))

    block = _create(sender, w3, "Governance", authority, deployer.address)
    _create(sender, w3, "DevUSD", token, authority)
    _create(sender, w3, "ProviderRegistry", registry, authority)
    code_hash = Web3.keccak(payer_creation_code())
    _create(
        sender, w3, "InsurerPayerFactory", payers, token, at["settlement"], registry, code_hash, authority
    )
    _create(sender, w3, "PatientEscrow", at["escrow"], token, at["settlement"], payers, registry)
    _create(sender, w3, "ClaimSettlement", at["settlement"], token, at["escrow"], payers, registry, authority)

    # Before the roles are handed out, and with them the delays.
    ClaimSettlement(w3, at["settlement"]).open_epoch(sender, oracle_members, threshold)
    _hand_out_roles(sender, w3, at, delays or GovernanceDelays.none())
    return Deployment(chain_id=w3.eth.chain_id, block=block, **at)


def bind_governor(w3: Web3, governor: LocalAccount, deployment: Deployment, delays: GovernanceDelays) -> None:
    """Delay a governor's calls from now on, of a deployment that was made without delays.

    Raises:
        ContractReverted: the account is no admin, or is bound already.
    """
    sender, governance = Sender(w3, governor), Governance(w3, deployment.governance)
    calls = [
        governance.calldata("grantRole", GovernorRole.REGISTRAR, sender.address, delays.registrar_seconds),
        *_bind_admin(governance, _targets(w3, deployment.model_dump()), sender.address, delays),
    ]
    governance.multicall(sender, calls)


def _targets(w3: Web3, at: Mapping[str, Any]) -> list[ContractClient]:
    """The contracts with restricted functions."""
    return [
        DevUsd(w3, at["token"]),
        ProviderRegistry(w3, at["registry"]),
        InsurerPayerFactory(w3, at["payers"]),
        ClaimSettlement(w3, at["settlement"]),
    ]


def _hand_out_roles(
    sender: Sender, w3: Web3, at: Mapping[str, ChecksumAddress], delays: GovernanceDelays
) -> None:
    governance = Governance(w3, at["governance"])
    calls = role_calls(governance, _targets(w3, at), sender.address, delays)
    governance.multicall(sender, list(calls))


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


def _create(sender: Sender, w3: Web3, name: str, expected: ChecksumAddress, *arguments: Any) -> int:
    artifact = load_artifact(name)
    factory = w3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    receipt = sender.send(factory.constructor(*arguments))
    if receipt["contractAddress"] != expected:
        raise ChainError(
            f"{name} was deployed at {receipt['contractAddress']}, not at {expected}",
            hint="deploy from an account that nothing else uses",
        )
    return int(receipt["blockNumber"])
