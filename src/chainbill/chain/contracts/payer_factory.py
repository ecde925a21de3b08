"""``InsurerPayerFactory``: makes the payer contracts."""

from __future__ import annotations

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.node.sender import Sender


def payer_creation_code() -> bytes:
    """The code of ``InsurerPayer`` that the factory must be given for every new payer."""
    return bytes.fromhex(load_artifact("InsurerPayer").bytecode.removeprefix("0x"))


class InsurerPayerFactory(ContractClient):
    """Payer ids count from 1."""

    artifact = "InsurerPayerFactory"

    def create_payer(self, sender: Sender, insurer: str) -> int:
        """Make a payer contract owned by ``insurer``, as the governor; returns its id."""
        receipt = self._send(sender, "createPayer", insurer, payer_creation_code())
        # This contract's only log is PayerCreated; its first indexed field is the id.
        created = next(log for log in receipt["logs"] if log["address"] == self.address)
        return int.from_bytes(created["topics"][1], "big")

    def payer_at(self, payer_id: int) -> str:
        """The payer contract's address; the zero address where the id is unknown."""
        return str(self._standing("payerAt", payer_id))

    def payer_code_hash(self) -> bytes:
        """The hash of the creation code that the factory accepts."""
        return bytes(self._call("payerCodeHash"))

    def payer_count(self) -> int:
        """How many payer contracts were made."""
        return int(self._call("payerCount"))
