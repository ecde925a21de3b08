"""Everybody's ``Sender`` on one anvil with one deployment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from web3 import Web3
from web3.types import RPCEndpoint, TxReceipt

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.attestation.patient_intents import Intent
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain, SettlementBatch
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain.contracts import (
    ClaimSettlement,
    DevUsd,
    InsurerPayer,
    InsurerPayerFactory,
    PatientEscrow,
    ProviderRegistry,
)
from chainbill.chain.contracts.escrow import Consent
from chainbill.chain.deploy import deploy
from chainbill.chain.deployments import Deployment
from chainbill.chain.devnet.anvil import Anvil, start
from chainbill.chain.format.batch_codec import BatchRow, BatchSection, encode_sections
from chainbill.chain.format.section_signing import sign_bundled
from chainbill.chain.node.connection import chain_time, connect
from chainbill.chain.node.sender import Sender
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256

BEGINNING = 1_718_452_800
"""15 June 2024, noon UTC: where the chain's clock starts."""

YEAR = 2024
ROLES = ("governor", "provider", "patient", "insurer", "stranger", "oracle-1", "oracle-2", "oracle-3")
PLAN = PlanTerms(deductible=100 * DOLLAR, oop_max=1_000 * DOLLAR)
CATEGORY, SERVICE = 1, b"visit\0\0\0"
TERMS = CategoryTerms(coinsurance_bps=2_000)
FEE = FeeTerms(amount=150 * DOLLAR, category=CATEGORY, max_units=4)
FUNDS = 10_000 * DOLLAR


@dataclass(frozen=True)
class Stage:
    """One chain, one deployment, one sender per role."""

    anvil: Anvil
    w3: Web3
    senders: dict[str, Sender]
    deployment: Deployment

    @classmethod
    def start(cls, folder: Path) -> Stage:
        anvil = start(folder / "state.json", folder / "anvil.log", timestamp=BEGINNING)
        try:
            w3 = connect(anvil.rpc_url)
            accounts = {role: Account.from_key(keccak256(role.encode())) for role in ROLES}
            for account in accounts.values():
                anvil.call("anvil_setBalance", account.address, hex(10**21))
            oracles = [accounts[f"oracle-{n}"].address for n in (1, 2, 3)]
            deployment = deploy(w3, accounts["governor"], oracle_members=oracles, threshold=2)
        except BaseException:
            anvil.kill()
            raise
        return cls(anvil, w3, {role: Sender(w3, accounts[role]) for role in ROLES}, deployment)

    def __getitem__(self, role: str) -> Sender:
        return self.senders[role]

    def address(self, role: str) -> str:
        """A role's checksum address."""
        return str(self.senders[role].address)

    def rpc(self, method: str, *parameters: Any) -> Any:
        """Call the node itself."""
        return self.w3.provider.make_request(RPCEndpoint(method), list(parameters))["result"]

    def now(self) -> int:
        """The chain's time."""
        return chain_time(self.w3)

    def wait(self, seconds: int) -> None:
        """Move the clock forward and mine a block."""
        self.rpc("evm_increaseTime", seconds)
        self.rpc("evm_mine")

    # ---- the contracts --------------------------------------------------------------------------------

    @property
    def token(self) -> DevUsd:
        return DevUsd(self.w3, self.deployment.token)

    @property
    def registry(self) -> ProviderRegistry:
        return ProviderRegistry(self.w3, self.deployment.registry)

    @property
    def escrow(self) -> PatientEscrow:
        return PatientEscrow(self.w3, self.deployment.escrow)

    @property
    def payers(self) -> InsurerPayerFactory:
        return InsurerPayerFactory(self.w3, self.deployment.payers)

    @property
    def settlement(self) -> ClaimSettlement:
        return ClaimSettlement(self.w3, self.deployment.settlement)

    @property
    def domain(self) -> Domain:
        return Domain(self.deployment.chain_id, self.deployment.settlement)

    @property
    def escrow_domain(self) -> Domain:
        return Domain(self.deployment.chain_id, self.deployment.escrow)

    # ---- getting started ------------------------------------------------------------------------------

    def give(self, role: str, spender: str, amount: int = FUNDS) -> None:
        """Mint tokens for a role and let ``spender`` pull them."""
        self.token.mint(self["governor"], self.address(role), amount)
        self.token.approve(self[role], spender, amount)

    def new_provider(self) -> int:
        """Register the provider, attesting with its own key."""
        provider = self.address("provider")
        return self.registry.register(self["governor"], provider, [provider])

    def new_payer(self) -> InsurerPayer:
        """A funded payer with terms, owned by the insurer."""
        payer_id = self.payers.create_payer(self["governor"], self.address("insurer"))
        payer = InsurerPayer(self.w3, self.payers.payer_at(payer_id))
        self.give("insurer", payer.address)
        payer.deposit(self["insurer"], FUNDS)
        payer.publish_plan(self["insurer"], 1, PLAN, {CATEGORY: TERMS})
        payer.publish_fees(self["insurer"], {SERVICE: FEE})
        return payer

    def open(self) -> tuple[int, InsurerPayer]:
        """Everything that a settlement needs: provider, payer, and the patient's side."""
        provider_id, payer = self.new_provider(), self.new_payer()
        payer.accept_provider(self["insurer"], provider_id)
        payer.enrol(self["insurer"], self.address("patient"), YEAR, 1)
        patient = self["patient"]
        self.give("patient", self.escrow.address)
        self.escrow.deposit(patient, FUNDS)
        self.escrow.accept_payer(patient, payer.payer_id())
        self.escrow.grant_consent(patient, provider_id, Consent(FUNDS, self.now() + 10**7))
        return provider_id, payer

    def batch(self, provider_id: int, payer_id: int, *sequences: int) -> SettlementBatch:
        """The patient's visits, one for each sequence."""
        patient = bytes.fromhex(self.address("patient")[2:])
        rows = tuple(
            BatchRow(patient, keccak256(b"%d" % n), SERVICE, 1, 200 * DOLLAR, YEAR, n) for n in sequences
        )
        return self.batch_of(BatchSection(provider_id, payer_id, 1, 1, rows))

    def batch_of(self, *sections: BatchSection, operator: str = ZERO_ADDRESS) -> SettlementBatch:
        """Sections under the provider's signature, to be settled within an hour."""
        key = Signer(self["provider"].account)
        packed = encode_sections(sign_bundled(section, key, self.domain) for section in sections)
        signed_at = self.now()
        return SettlementBatch(1, signed_at, signed_at + 3_600, operator, packed)

    def settle(self, batch: SettlementBatch, *, root_slot: int = 0) -> TxReceipt:
        """Settle a batch with the quorum's signatures, sent by a stranger."""
        return self.settlement.settle(self["stranger"], batch, self.sign(batch), root_slot=root_slot)

    def signed(self, role: str, intent: Intent, domain: Domain) -> bytes:
        """A role's signature over an intent."""
        return Signer(self[role].account).sign(intent.digest(domain))

    def sign(self, batch: SettlementBatch, count: int = 2) -> list[bytes]:
        """Signatures of oracle nodes in the contract's order."""
        signers = [Signer(self[f"oracle-{n}"].account) for n in (1, 2, 3)]
        ordered = sorted(signers, key=lambda signer: signer.address.lower())[:count]
        return [signer.sign(batch.digest(self.domain)) for signer in ordered]
