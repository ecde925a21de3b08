"""Naming what a call touches before it runs (EIP-2930), where that is cheaper than touching it unnamed.

By today's rules a named account or storage slot saves 100 gas. By those of the fork to come a name costs more
than it saves. What a name costs is asked of the node, so nothing here knows a fork.
"""

from __future__ import annotations

from typing import Any

from eth_typing import HexStr
from hexbytes import HexBytes
from web3.types import AccessList, AccessListEntry, TxParams

from chainbill.attestation.address import checksum_address
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import ChainError

_KEYS = 100
"""How many slots the trial names: so many that no node's tolerance in estimating hides what they cost."""

_PLAIN_TRANSFER = 21_000
_UNNAMED = 2_600 + _KEYS * 2_100
"""Gas of touching an account and so many slots of it unnamed (EIP-2929)."""

_SOMEBODY, _ELSEWHERE = "0x" + "51" * 20, "0x" + "52" * 20
"""Two accounts of nobody's."""


class AccessLists:
    """Makes access lists for the calls of one node."""

    def __init__(self, node: JsonRpc) -> None:
        self._node = node
        self._pays: bool | None = None

    def of(self, transaction: TxParams) -> AccessList:
        """What a call touches besides the contract that it calls, whose account is named by the call itself;
        nothing where that does not pay, or the node does not say."""
        if self._pays is None:
            self._pays = self._try()
        if not self._pays:
            return AccessList([])
        called = str(transaction["to"]).lower()
        data = HexBytes(transaction["data"]).to_0x_hex()
        asked = {"from": transaction["from"], "to": transaction["to"], "data": data}
        try:
            told: Any = self._node.call("eth_createAccessList", asked, "latest")
            if told.get("error"):
                return AccessList([])
            return AccessList(
                [
                    AccessListEntry(
                        address=HexStr(checksum_address(str(entry["address"]))),
                        storageKeys=sorted(HexStr(str(key)) for key in entry["storageKeys"]),
                    )
                    for entry in told["accessList"]
                    if str(entry["address"]).lower() != called
                ]
            )
        except (ChainError, AttributeError, KeyError, TypeError, ValueError):
            return AccessList([])

    def _try(self) -> bool:
        """Is a transfer of nothing that names an account and slots cheaper than touching those unnamed?"""
        named = {"address": _ELSEWHERE, "storageKeys": [f"0x{key:064x}" for key in range(_KEYS)]}
        transfer = {"from": _SOMEBODY, "to": _SOMEBODY, "accessList": [named]}
        try:
            taken = int(str(self._node.call("eth_estimateGas", transfer)), 16)
        except (ChainError, ValueError):
            return False
        return taken - _PLAIN_TRANSFER < _UNNAMED
