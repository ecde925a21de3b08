"""The deployed protocol as one object: every client of one deployment on one connection."""

from __future__ import annotations

from functools import cached_property

from web3 import Web3

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.attestation.typed_data import Domain
from chainbill.chain.contracts import (
    ClaimSettlement,
    DevUsd,
    Governance,
    InsurerPayer,
    InsurerPayerFactory,
    PatientEscrow,
    ProviderRegistry,
)
from chainbill.chain.deployments import Deployment
from chainbill.chain.node.connection import chain_time, json_rpc_of
from chainbill.chain.reads import Reads
from chainbill.chain.row_index import RowIndex
from chainbill.errors import ChainError


class Protocol:
    """Clients of one deployment. Addresses never change, so payers are remembered by id."""

    def __init__(self, w3: Web3, deployment: Deployment) -> None:
        self.w3 = w3
        self.deployment = deployment
        self._payers: dict[int, InsurerPayer] = {}
        self.reads = Reads(
            lambda: json_rpc_of(w3),
            [deployment.settlement, deployment.escrow, deployment.registry, deployment.payers],
            lambda: self.rows,
        )
        """What stays true from block to block."""

    @cached_property
    def domain(self) -> Domain:
        """The EIP-712 domain of settlement: what attestations, batches and disputes are signed for."""
        return Domain(self.deployment.chain_id, self.deployment.settlement)

    @cached_property
    def escrow_domain(self) -> Domain:
        """The EIP-712 domain of the escrow: what a patient's other intents are signed for."""
        return Domain(self.deployment.chain_id, self.deployment.escrow)

    @cached_property
    def token_domain(self) -> Domain:
        """The EIP-712 domain of the token: what permits and authorizations are signed for."""
        return self.token.domain()

    @cached_property
    def governance(self) -> Governance:
        """Who may call what."""
        return Governance(self.w3, self.deployment.governance)

    @cached_property
    def token(self) -> DevUsd:
        """The dollar token."""
        return DevUsd(self.w3, self.deployment.token, self.reads)

    @cached_property
    def registry(self) -> ProviderRegistry:
        """The provider registry."""
        return ProviderRegistry(self.w3, self.deployment.registry, self.reads)

    @cached_property
    def escrow(self) -> PatientEscrow:
        """The patients' escrow."""
        return PatientEscrow(self.w3, self.deployment.escrow, self.reads)

    @cached_property
    def payers(self) -> InsurerPayerFactory:
        """The payers' factory."""
        return InsurerPayerFactory(self.w3, self.deployment.payers, self.reads)

    @cached_property
    def settlement(self) -> ClaimSettlement:
        """The settlement contract."""
        return ClaimSettlement(self.w3, self.deployment.settlement, self.reads)

    @cached_property
    def rows(self) -> RowIndex:
        """What settlement has logged of each row."""
        return RowIndex(self.w3, self.deployment, lambda: self.reads.block is not None)

    def payer(self, payer_id: int) -> InsurerPayer:
        """The payer contract of an id.

        Raises:
            ChainError: the factory made no payer of that id.
        """
        if payer_id not in self._payers:
            address = self.payers.payer_at(payer_id)
            if address == ZERO_ADDRESS:
                raise ChainError(
                    f"there is no payer {payer_id}",
                    hint="ask the insurer for its id, or its card: chainbill contacts import CARD",
                )
            self._payers[payer_id] = InsurerPayer(self.w3, address, self.reads)
        return self._payers[payer_id]

    def now(self) -> int:
        """The chain's time, in seconds since 1970."""
        looked_at = self.reads.block
        return chain_time(self.w3) if looked_at is None else looked_at.time
