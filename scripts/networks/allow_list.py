"""The allow-lists of an L1 with subnet-evm: contracts of the EVM itself, at fixed addresses."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from eth_account.signers.local import LocalAccount
from eth_utils.abi import function_signature_to_4byte_selector
from eth_utils.address import to_checksum_address
from eth_utils.conversions import to_hex

from chainbill.chain.node.json_rpc import JsonRpc

from .process import EngineError

DEPLOYERS = "0x0200000000000000000000000000000000000000"
"""Who may deploy contracts."""

SENDERS = "0x0200000000000000000000000000000000000002"
"""Who may send transactions."""

_SET_ENABLED = function_signature_to_4byte_selector("setEnabled(address)")
_GAS = 100_000
_TIP = 1
# subnet-evm keeps this many transactions of one account for certain.
_AT_ONCE = 16
_RECEIPT_SECONDS = 60.0
_POLL_SECONDS = 0.1


def admit(rpc_url: str, administrator: LocalAccount, allow_list: str, addresses: Sequence[str]) -> None:
    """Put accounts on an allow-list; one that is on it stays as it is, also the administrator.

    Raises:
        ChainError: the node does not answer, or refuses.
        EngineError: a transaction is not mined in time, or failed.
    """
    others = [address for address in addresses if address != administrator.address]
    with JsonRpc(rpc_url) as node:
        for start in range(0, len(others), _AT_ONCE):
            _await_all(node, _send(node, administrator, allow_list, others[start : start + _AT_ONCE]))


def _send(node: JsonRpc, administrator: LocalAccount, allow_list: str, addresses: Sequence[str]) -> list[str]:
    """The hashes of the transactions that admit them."""
    nonce = int(node.call("eth_getTransactionCount", administrator.address, "pending"), 16)
    chain_id = int(node.call("eth_chainId"), 16)
    base_fee = int(node.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)
    hashes = []
    for i, address in enumerate(addresses):
        signed = administrator.sign_transaction(
            {
                "to": to_checksum_address(allow_list),
                "data": _SET_ENABLED + bytes(12) + bytes.fromhex(address.removeprefix("0x")),
                "nonce": nonce + i,
                "chainId": chain_id,
                "gas": _GAS,
                "maxFeePerGas": 2 * base_fee + _TIP,
                "maxPriorityFeePerGas": _TIP,
            }
        )
        hashes.append(node.call("eth_sendRawTransaction", to_hex(signed.raw_transaction)))
    return hashes


def _await_all(node: JsonRpc, hashes: Iterable[str]) -> None:
    deadline = time.monotonic() + _RECEIPT_SECONDS
    for transaction in hashes:
        while (receipt := node.call("eth_getTransactionReceipt", transaction)) is None:
            if time.monotonic() > deadline:
                raise EngineError(f"{transaction} is not mined within {_RECEIPT_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)
        if int(receipt["status"], 16) != 1:
            raise EngineError(f"the allow-list refused {transaction}: is the sender its administrator?")
