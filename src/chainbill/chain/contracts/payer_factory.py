"""``InsurerPayerFactory``: makes the payer contracts."""

from __future__ import annotations

from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.sender import Sender


class InsurerPayerFactory(ContractClient):
    """Payer ids count from 1."""

    artifact = "InsurerPayerFactory"

    def create_payer(self, sender: Sender, insurer: str) -> int:
        """Make a payer contract owned by ``insurer``, as the governor; returns its id."""
        self._send(sender, "createPayer", insurer)
        return int(self._call("payerCount"))

    def payer_at(self, payer_id: int) -> str:
        """The payer contract's address; the zero address where the id is unknown."""
        return str(self._call("payerAt", payer_id))

    def payer_count(self) -> int:
        """How many payer contracts were made."""
        return int(self._call("payerCount"))
