"""Signed transactions: made, and read back."""

from __future__ import annotations

import rlp  # type: ignore[import-untyped]
from eth_account.signers.local import LocalAccount
from eth_typing import HexStr
from hexbytes import HexBytes
from web3 import Web3
from web3.types import AccessList, AccessListEntry, Nonce, TxParams, Wei

from chainbill.chain.node.outbox import CALL, Sending
from chainbill.records.hashing import keccak256


def sign(account: LocalAccount, transaction: TxParams, key: str) -> Sending:
    """A transaction, signed; ``key`` says what it is for."""
    signed = account.sign_transaction(transaction)  # type: ignore[arg-type]
    return Sending(bytes(signed.hash), int(transaction["nonce"]), bytes(signed.raw_transaction), key)


def read_signed(raw: bytes, chain_id: int) -> TxParams:
    """A transaction that ``sign`` has signed, without its signature."""
    fees: TxParams
    if raw[0] == 2:
        _, nonce, tip, max_fee, gas, to, value, data, named, *_ = rlp.decode(raw[1:])
        fees = {"maxFeePerGas": Wei(_number(max_fee)), "maxPriorityFeePerGas": Wei(_number(tip))}
    else:
        nonce, price, gas, to, value, data, *_ = rlp.decode(raw)
        named = []
        fees = {"gasPrice": Wei(_number(price))}
    transaction: TxParams = {
        "chainId": chain_id,
        "nonce": Nonce(_number(nonce)),
        "gas": _number(gas),
        "value": Wei(_number(value)),
        "data": HexBytes(data),
        **fees,
    }
    if named:
        transaction["accessList"] = AccessList(
            [
                AccessListEntry(
                    address=HexStr(Web3.to_checksum_address(address)),
                    storageKeys=[HexStr("0x" + key.hex()) for key in keys],
                )
                for address, keys in named
            ]
        )
    if to:
        transaction["to"] = Web3.to_checksum_address(to)
    return transaction


def call_key(transaction: TxParams) -> str:
    """What names a call, whatever its nonce and its fees."""
    to = bytes(HexBytes(transaction.get("to") or b""))
    value = int(transaction.get("value", 0)).to_bytes(32, "big")
    return CALL + keccak256(to + value + bytes(HexBytes(transaction["data"]))).hex()


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")
