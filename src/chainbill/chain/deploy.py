"""Deploys the whole protocol. The contracts name each other in immutables, so the addresses are
computed beforehand from the deployer's nonce."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from web3 import Web3
from web3.types import Nonce
from web3.utils.address import get_create_address

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.contracts.settlement import ClaimSettlement
from chainbill.chain.deployments import Deployment
from chainbill.chain.sender import Sender
from chainbill.errors import ChainError

_ORDER = ("governance", "token", "registry", "escrow", "payers", "settlement")


def deploy(w3: Web3, deployer: LocalAccount, *, oracle_members: Sequence[str], threshold: int) -> Deployment:
    """Deploy every contract and open the first oracle epoch; the deployer becomes governor.

    Args:
        oracle_members: addresses of the oracle nodes' keys, in any order.
        threshold: how many of them must sign a batch.

    Raises:
        ContractReverted: the quorum is not valid.
        ChainError: a contract landed elsewhere than computed (the account sent something in between).
    """
    sender = Sender(w3, deployer)
    first_nonce = w3.eth.get_transaction_count(deployer.address)
    at = {name: get_create_address(deployer.address, Nonce(first_nonce + i)) for i, name in enumerate(_ORDER)}

    block = _create(sender, w3, "Governance", at["governance"], deployer.address)
    _create(sender, w3, "DevUSD", at["token"], at["governance"])
    _create(sender, w3, "ProviderRegistry", at["registry"], at["governance"])
    _create(
        sender, w3, "PatientEscrow", at["escrow"], at["token"], at["settlement"], at["payers"], at["registry"]
    )
    _create(
        sender,
        w3,
        "InsurerPayerFactory",
        at["payers"],
        at["token"],
        at["settlement"],
        at["registry"],
        at["governance"],
    )
    _create(
        sender,
        w3,
        "ClaimSettlement",
        at["settlement"],
        at["token"],
        at["escrow"],
        at["payers"],
        at["registry"],
        at["governance"],
    )
    ClaimSettlement(w3, at["settlement"]).open_epoch(sender, oracle_members, threshold)
    return Deployment(chain_id=w3.eth.chain_id, block=block, **at)


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
