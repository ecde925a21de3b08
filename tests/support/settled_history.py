"""A small deployment with a past: two insurers, two providers, four patients, three benefit years, and rows
that end in every way. ``chapters`` goes on with two payers, families, limits, self-pay and disputes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.types import TxReceipt

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain, SettlementBatch
from chainbill.billing.accumulators import UNTOUCHED, Accumulators
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain.artifacts import load_artifact
from chainbill.chain.contracts.escrow import Consent
from chainbill.chain.contracts.payer import InsurerPayer
from chainbill.chain.contracts.settlement import SettledClaim, settled_claims
from chainbill.chain.deploy import deploy
from chainbill.chain.deployments import Deployment
from chainbill.chain.format.batch_codec import BatchRow, BatchSection, encode_sections
from chainbill.chain.format.logs import decode_log
from chainbill.chain.format.section_signing import sign_bundled
from chainbill.chain.node.connection import chain_time, connect
from chainbill.chain.node.sender import Sender
from chainbill.chain.protocol import Protocol
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256
from chainbill.records.merkle_tree import merkle_proof

DAY = 24 * 3600
BEGIN = int(datetime(2023, 11, 15, 12, tzinfo=UTC).timestamp())
LATER = BEGIN + 1000 * DAY

VISIT, TELEHEALTH, SURGERY, UNLISTED, LAB = (bytes([n]) * 8 for n in range(1, 6))
"""Opaque service ids. ``SURGERY`` is priced but not covered; ``UNLISTED`` has no fee."""

ROLES = (
    "governor",
    "provider",
    "laboratory",
    "insurer",
    "second-insurer",
    "patient",
    "second-patient",
    "unfunded-patient",
    "silent-patient",
    "coordinated-patient",
    "spouse",
    "uninsured-patient",
    "child",
    "careful-patient",
    "newcomer",
    "operator",
    "new-payout",
    "new-attester",
    "oracle-1",
    "oracle-2",
    "oracle-3",
)


class Story:
    """Verbs act by role; each leaves the chain one step further."""

    def __init__(self, rpc_url: str) -> None:
        self.rpc_url = rpc_url
        self.w3: Web3 = connect(rpc_url)
        self.accounts: dict[str, LocalAccount] = {
            role: Account.from_key(keccak256(role.encode())) for role in ROLES
        }
        for account in self.accounts.values():
            self.rpc("anvil_setBalance", account.address, hex(10**20))
        self.by = {role: Sender(self.w3, account) for role, account in self.accounts.items()}
        self.deployment = deploy(
            self.w3,
            self.accounts["governor"],
            oracle_members=[self.address(f"oracle-{n}") for n in (1, 2, 3)],
            threshold=2,
        )
        self.protocol = Protocol(self.w3, self.deployment)
        self.sequence = 0
        self.epoch = 1
        self.root_slot = 0
        self._attesters: dict[int, Signer] = {}

    def rpc(self, method: str, *parameters: Any) -> Any:
        answer = self.w3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
        assert "error" not in answer, answer
        return answer["result"]

    def address(self, role: str) -> str:
        return self.accounts[role].address

    def payer(self, payer_id: int) -> InsurerPayer:
        return self.protocol.payer(payer_id)

    def advance(self, seconds: int) -> None:
        self.rpc("evm_increaseTime", seconds)
        self.rpc("evm_mine")

    def advance_to(self, time: int) -> None:
        self.rpc("evm_setNextBlockTimestamp", time)
        self.rpc("evm_mine")

    # ---- joining ------------------------------------------------------------------------------------------

    def register_provider(self, role: str) -> int:
        address = self.address(role)
        provider_id = self.protocol.registry.register(self.by["governor"], address, [address])
        self._attesters[provider_id] = Signer(self.accounts[role])
        return provider_id

    def rotate_attester(self, role: str, provider_id: int, key: str) -> None:
        """A provider attests with another key from now on."""
        registry = self.protocol.registry
        registry.add_attester(self.by[role], provider_id, self.address(key))
        registry.revoke_attester(self.by[role], provider_id, self._attesters[provider_id].address)
        self._attesters[provider_id] = Signer(self.accounts[key])

    def create_payer(self, role: str, pool: int) -> int:
        payer_id = self.protocol.payers.create_payer(self.by["governor"], self.address(role))
        self.protocol.token.mint(self.by["governor"], self.address(role), 10 * pool)
        self.protocol.token.approve(self.by[role], self.payer(payer_id).address, 10 * pool)
        self.payer(payer_id).deposit(self.by[role], pool)
        return payer_id

    def fund(self, role: str, amount: int) -> None:
        self.protocol.token.mint(self.by["governor"], self.address(role), amount)
        self.protocol.token.approve(self.by[role], self.deployment.escrow, amount)
        self.protocol.escrow.deposit(self.by[role], amount)

    def consent(
        self,
        role: str,
        provider_id: int,
        limit: int = 1000 * DOLLAR,
        until: int = LATER,
        *,
        self_pay: bool = False,
    ) -> None:
        consent = Consent(limit, until, self_pay)
        self.protocol.escrow.grant_consent(self.by[role], provider_id, consent)

    # ---- settling -----------------------------------------------------------------------------------------

    def row(
        self,
        role: str,
        service: bytes,
        *,
        billed: int = 0,
        year: int = 2023,
        units: int = 1,
        secondary_service: bytes = b"",
        corrects: bytes = b"",
    ) -> BatchRow:
        self.sequence += 1
        return BatchRow(
            patient=bytes.fromhex(self.address(role)[2:]),
            commitment=keccak256(f"{role}/{self.sequence}".encode()),
            service_id=service,
            units=units,
            billed=billed,
            benefit_year=year,
            sequence=self.sequence,
            secondary_service_id=secondary_service,
            corrects=corrects,
        )

    def settle(self, *sections: BatchSection, operator: str = ZERO_ADDRESS) -> Batch:
        """Settle a batch; every batch has a root slot of its own."""
        now = chain_time(self.w3)
        domain = Domain(self.deployment.chain_id, self.deployment.settlement)
        attested = [sign_bundled(each, self._attesters[each.provider_id], domain) for each in sections]
        batch = SettlementBatch(self.epoch, now, now + 3600, operator, encode_sections(attested))
        digest = batch.digest(domain)
        signers = sorted(
            (Signer(self.accounts[role]) for role in ("oracle-1", "oracle-2")),
            key=lambda s: s.address.lower(),
        )
        self.root_slot += 1
        signatures = [signer.sign(digest) for signer in signers]
        receipt = self.protocol.settlement.settle(
            self.by["governor"], batch, signatures, root_slot=self.root_slot
        )
        return Batch(chain_time(self.w3), self.root_slot, receipt, self.deployment)


@dataclass(frozen=True)
class Batch:
    """A settled batch, and what is needed to dispute its claims."""

    settled_at: int
    root_slot: int
    receipt: TxReceipt
    deployment: Deployment

    @property
    def claims(self) -> list[SettledClaim]:
        """The settled claims, in the order of the tree's leaves."""
        logs = [log for log in self.receipt["logs"] if log["address"] == self.deployment.settlement]
        events = [decode_log(log) for log in logs]
        return list(settled_claims(events, self.settled_at))

    def ids(self) -> list[bytes]:
        """The claims' ids."""
        domain = Domain(self.deployment.chain_id, self.deployment.settlement)
        return [claim.claim_id(domain) for claim in self.claims]

    def proof(self, number: int) -> list[bytes]:
        """That the claim of that number belongs to the batch."""
        return merkle_proof(self.ids(), number)


def section(
    provider_id: int, payer_id: int, rows: Iterable[BatchRow], plan: int = 1, version: int = 1, **more: Any
) -> BatchSection:
    return BatchSection(provider_id, payer_id, plan, version, tuple(rows), **more)


def tell(story: Story) -> None:
    """The past that the tests audit."""
    _found(story)
    _first_batches(story)
    _money_moves(story)
    _terms_change(story)
    _rights_change(story)
    _years_pass(story)


def _found(story: Story) -> None:
    governor = story.by["governor"]
    assert [story.register_provider(role) for role in ("provider", "laboratory")] == [1, 2]
    assert story.create_payer("insurer", 20_000 * DOLLAR) == 1
    assert story.create_payer("second-insurer", 9_000 * DOLLAR) == 2
    first, second = story.payer(1), story.payer(2)
    insurer, second_insurer = story.by["insurer"], story.by["second-insurer"]
    first.publish_plan(
        insurer,
        1,
        PlanTerms(deductible=100 * DOLLAR, oop_max=400 * DOLLAR),
        {
            1: CategoryTerms(coinsurance_bps=2000),
            2: CategoryTerms(copay=25 * DOLLAR, copay_first=True, deductible_applies=False),
            4: CategoryTerms(covered=False),
        },
    )
    first.publish_fees(
        insurer,
        {
            VISIT: FeeTerms(amount=150 * DOLLAR, category=1, max_units=4),
            TELEHEALTH: FeeTerms(amount=80 * DOLLAR, category=2),
            SURGERY: FeeTerms(amount=5000 * DOLLAR, category=4),
        },
    )
    second.publish_plan(
        second_insurer,
        7,
        PlanTerms(deductible=0, oop_max=90 * DOLLAR),
        {5: CategoryTerms(copay=10 * DOLLAR, coinsurance_bps=1250, coinsurance_after_copay=True)},
    )
    second.publish_fees(second_insurer, {LAB: FeeTerms(amount=61_370_000, category=5, max_units=10)})
    for payer, sender in ((first, insurer), (second, second_insurer)):
        payer.accept_provider(sender, 1)
        payer.accept_provider(sender, 2)
    _join(story, "patient", 1, plan=1, deposit=2_000 * DOLLAR)
    _join(
        story, "second-patient", 2, plan=7, deposit=500 * DOLLAR, opening=Accumulators(3_333_333, 61_003_333)
    )
    _join(story, "unfunded-patient", 1, plan=1, deposit=0)
    story.protocol.escrow.accept_payer(story.by["silent-patient"], 1)
    first.enrol(insurer, story.address("silent-patient"), 2023, 1)
    story.protocol.token.transfer(insurer, story.deployment.escrow, 7)
    story.protocol.settlement.pause(governor)
    story.protocol.settlement.unpause(governor)


def _join(
    story: Story, role: str, payer_id: int, *, plan: int, deposit: int, opening: Accumulators = UNTOUCHED
) -> None:
    insurer = "insurer" if payer_id == 1 else "second-insurer"
    if deposit:
        story.fund(role, deposit)
    story.protocol.escrow.accept_payer(story.by[role], payer_id)
    for provider_id in (1, 2):
        story.consent(role, provider_id)
    story.payer(payer_id).enrol(story.by[insurer], story.address(role), 2023, plan, opening=opening)


def _first_batches(story: Story) -> None:
    first = section(
        1,
        1,
        [
            story.row("patient", VISIT, billed=200 * DOLLAR),
            story.row("patient", VISIT, units=2),
            story.row("patient", TELEHEALTH, billed=60 * DOLLAR),
            story.row("patient", SURGERY, billed=900 * DOLLAR),
            story.row("patient", UNLISTED, billed=10 * DOLLAR),
            story.row("patient", VISIT, units=5, billed=DOLLAR),
            story.row("unfunded-patient", VISIT),
            story.row("silent-patient", VISIT),
        ],
    )
    labs = section(2, 2, [story.row("second-patient", LAB, units=n) for n in (1, 2, 9)], plan=7)
    story.settle(first, labs)
    # Resubmitted: what is spent is skipped, what pended pends again.
    story.settle(first, labs)
    story.fund("unfunded-patient", 500 * DOLLAR)
    story.settle(first)


def _money_moves(story: Story) -> None:
    escrow = story.protocol.escrow
    escrow.request_withdrawal(story.by["patient"], 1_500 * DOLLAR)
    story.payer(1).request_withdrawal(story.by["insurer"], 1_000 * DOLLAR)
    story.fund("patient", 50 * DOLLAR)
    story.settle(section(1, 1, [story.row("patient", VISIT)]))
    story.advance(DAY)
    escrow.withdraw(story.by["patient"])
    story.payer(1).withdraw(story.by["insurer"])
    escrow.request_withdrawal(story.by["patient"], 3 * DOLLAR)


def _terms_change(story: Story) -> None:
    insurer, payer = story.by["insurer"], story.payer(1)
    payer.publish_fees(insurer, {VISIT: FeeTerms(amount=175 * DOLLAR, category=1, max_units=4)})
    payer.publish_plan(
        insurer,
        1,
        PlanTerms(deductible=120 * DOLLAR, oop_max=410 * DOLLAR),
        {1: CategoryTerms(coinsurance_bps=3333), 2: CategoryTerms(copay=30 * DOLLAR)},
    )
    story.settle(section(1, 1, [story.row("unfunded-patient", VISIT, billed=170 * DOLLAR)]))
    story.advance(DAY)
    story.settle(section(1, 1, [story.row("unfunded-patient", VISIT)]))
    story.settle(section(1, 1, [story.row("unfunded-patient", VISIT, billed=170 * DOLLAR)], version=2))


def _rights_change(story: Story) -> None:
    escrow, settlement = story.protocol.escrow, story.protocol.settlement
    story.consent("unfunded-patient", 1, limit=DOLLAR)
    escrow.revoke_consent(story.by["second-patient"], 1)
    story.consent("second-patient", 2, limit=2000 * DOLLAR)
    story.settle(section(1, 1, [story.row("unfunded-patient", VISIT)], version=2))
    story.advance(DAY)
    story.settle(section(1, 1, [story.row("unfunded-patient", VISIT)], version=2))
    escrow.accept_payer(story.by["second-patient"], 1)
    story.settle(section(2, 2, [story.row("second-patient", LAB)], plan=7))
    story.payer(2).end_provider_acceptance(story.by["second-insurer"], 1)
    story.payer(2).accept_provider(story.by["second-insurer"], 1)
    story.payer(2).end_provider_acceptance(story.by["second-insurer"], 2)
    story.payer(2).end_coverage(story.by["second-insurer"], story.address("second-patient"), 2023)
    story.advance(DAY)
    story.settle(section(2, 2, [story.row("second-patient", LAB)], plan=7))
    story.settle(section(2, 9, [story.row("second-patient", LAB)], plan=7))
    settlement.suspend(story.by["governor"], 2)
    story.settle(section(2, 2, [story.row("second-patient", LAB)], plan=7))
    settlement.reinstate(story.by["governor"], 2)
    _keys_change(story)


def _keys_change(story: Story) -> None:
    settlement = story.protocol.settlement
    story.rotate_attester("provider", 1, "new-attester")
    settlement.open_epoch(story.by["governor"], [story.address(f"oracle-{n}") for n in (1, 2)], 2)
    settlement.end_epoch(story.by["governor"], 1)
    story.epoch = 2
    owned = story.w3.eth.contract(
        address=Web3.to_checksum_address(story.payer(2).address), abi=load_artifact("InsurerPayer").abi
    )
    story.by["second-insurer"].send(owned.functions.transferOwnership(story.address("insurer")))
    story.by["insurer"].send(owned.functions.acceptOwnership())


def _years_pass(story: Story) -> None:
    insurer, payer = story.by["insurer"], story.payer(1)
    story.advance_to(int(datetime(2024, 1, 10, tzinfo=UTC).timestamp()))
    story.protocol.settlement.withdraw(story.by["provider"], 1)
    payer.enrol(insurer, story.address("patient"), 2024, 1)
    story.settle(
        section(
            1,
            1,
            [
                story.row("patient", VISIT, year=2023, billed=99_990_000),
                story.row("patient", VISIT, year=2024),
                story.row("patient", VISIT, year=2025),
                story.row("unfunded-patient", VISIT, year=2024),
            ],
            version=2,
        )
    )
    story.advance_to(int(datetime(2025, 2, 1, tzinfo=UTC).timestamp()))
    story.settle(
        section(
            1,
            1,
            [story.row("patient", VISIT, year=2023), story.row("patient", TELEHEALTH, year=2024)],
            version=2,
        )
    )
    story.protocol.settlement.withdraw(story.by["laboratory"], 2)
