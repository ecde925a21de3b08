"""The walk-through on any chain: deployed, set up, attested, settled, disputed, explained and audited.

The same code on every engine: tests run it, and the table of docs/networks.md is measured by it. All is done
by the client library and the operations behind ``chainbill network add`` and ``chainbill deploy``; every key
lies in an encrypted keystore, and the patient has none of the chain's gas coin.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.conversions import to_hex

import chainbill
from chainbill.audit.verification import Verification
from chainbill.chain.deployments import Deployment
from chainbill.chain.node.connection import find_receipt, newest_block
from chainbill.chain.node.finality import Finality, final_block
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.chain.roles import GovernanceDelays
from chainbill.errors import ChainError
from chainbill.money import DOLLAR
from chainbill.operations.accounts import new_account
from chainbill.operations.actor import Actor
from chainbill.operations.deploying import (
    DeploymentRequest,
    carry_out_deployment,
    prepare,
    verify_deployment,
)
from chainbill.operations.deployment_check import Difference
from chainbill.operations.governor.calls import acting, govern
from chainbill.operations.networks import NetworkSettings, add_network
from chainbill.operations.oracle.settle import Settlement
from chainbill.records.service_event import Party, PriceSource, ServiceEvent, ServiceKind
from chainbill.state.address_book import AddressBook, Role
from chainbill.state.directory import StateDirectory
from chainbill.state.keystores import Keystores
from chainbill.state.passphrase import passphrase_from
from chainbill.state.private_files import write_private
from chainbill.state.session import Session, open_node
from chainbill.statements.patient_model import PatientStatement

from .engine import Engine

NETWORK = "the-network"
"""What the state directory calls the chain."""

ACCOUNTS = {
    "governor": Role.GOVERNOR,
    "insurer": Role.INSURER,
    "clinic": Role.PROVIDER,
    "oracle-1": Role.ORACLE,
    "oracle-2": Role.ORACLE,
    "maria": Role.PATIENT,
}
"""Who takes part. The oracle's two nodes sign both; the first sends."""

SENDERS = ("governor", "insurer", "clinic", "oracle-1")
"""Who sends transactions, and has gas for them. The patient signs, and the clinic sends it."""

PRICE, COPAY, RULED_COPAY = 100 * DOLLAR, 25 * DOLLAR, 15 * DOLLAR
"""Of a visit, of what the patient pays for it, and of what the governor leaves of that; micro-dollars."""

PLAN = """
plan = 1
deductible = "0"
out_of_pocket_maximum = "100000"

[office_visit]
copay = "25"
"""

_GAS = 10**20
_TRANSFER_GAS = 21_000
_POLL_SECONDS = 0.05
FINAL_SECONDS = 120.0
"""How long a block may take to become final."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment, and what it took."""

    deployment: Deployment
    differences: tuple[Difference, ...]
    gas: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Settled:
    """A run of the oracle, and what it took. Seconds count from the call in which the batch is signed."""

    settlement: Settlement
    receipt_seconds: float
    """Until all its batches are in blocks, and the oracle has read what became of them."""
    final_seconds: float
    """Until the last of these blocks is final."""


@dataclass(frozen=True, slots=True)
class Walked:
    """What the walk-through came to on one engine."""

    deployed: Deployed
    set_up_seconds: float
    """Of the parties: registered, funded, enrolled, with their terms and consents."""
    settled: Settled
    statement: PatientStatement
    differences: tuple[Difference, ...]
    """Of ``deploy verify`` at the end."""
    verification: Verification


class Town:
    """A governor, an insurer, a clinic, an oracle and a patient on one chain, in one state directory."""

    def __init__(self, engine: Engine, folder: Path, *, finality: Finality | None = None) -> None:
        """Make the accounts, give gas to those that send, and register the network.

        Args:
            engine: runs.
            folder: for the state directory.
            finality: when a block counts as final; None: as is usual for the engine.

        Raises:
            ChainError: the chain does not answer, or refuses.
            StateError: ``folder`` has another town's state.
        """
        self._finality = finality or engine.finality
        home = StateDirectory.open(folder)
        self.root = home.root
        write_private(home.passphrase, secrets.token_urlsafe(24).encode() + b"\n")
        tagged = self._finality.tag is not None
        settings = NetworkSettings(
            engine.rpc_urls, depth_alone=not tagged, confirmations=self._finality.confirmations
        )
        add_network(home, NETWORK, settings)
        self.state = home.of_network(NETWORK)
        keystores = Keystores(home.keystores, lambda: passphrase_from(home.passphrase))
        book = AddressBook(self.state.address_book)
        for name, role in ACCOUNTS.items():
            new_account(book, keystores, name, role)
        self.accounts = {name: keystores.unlock(name) for name in ACCOUNTS}
        """Opened once: opening a keystore takes half a second, and more where much else runs."""
        paying = [self.accounts[name].address for name in SENDERS]
        engine.admit(paying, may_deploy=True)
        give_gas(engine.rpc_url, engine.funded, paying)

    def connect(self) -> chainbill.Chainbill:
        """The client library, as a program that has just been started has it."""
        return chainbill.connect(network=NETWORK, state=self.root)

    def deploy(self) -> Deployed:
        """Deploy chainbill from the governor's keystore, governed without delays.

        Raises:
            ChainError: the chain does not answer, or refuses.
        """
        begun = time.monotonic()
        request = DeploymentRequest(
            account="governor",
            oracle_members=("oracle-1", "oracle-2"),
            threshold=2,
            delays=GovernanceDelays(admin_seconds=0, registrar_seconds=0),
            token=None,
        )
        done = carry_out_deployment(self.state, prepare(self.state, request))
        seconds = time.monotonic() - begun
        w3 = open_node(self.state).w3
        receipts = [find_receipt(w3, bytes.fromhex(each.removeprefix("0x"))) for each in done.transactions]
        gas = sum(receipt["gasUsed"] for receipt in receipts if receipt is not None)
        return Deployed(done.deployment, done.check.differences, gas, seconds)

    def set_up(self) -> None:
        """Let the parties in, and let them say what they pay and whom they trust. Nobody waits for more than
        is needed of others: where a block takes a second, that is what setting up takes."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            payer = pool.submit(self._create_payer)
            provider = pool.submit(self._register_provider, payer)
            insurer_funded = pool.submit(self._hand_out, "insurer", 1_000_000, provider)
            maria_funded = pool.submit(self._hand_out, "maria", 50_000, insurer_funded)
            steps: list[Future[Any]] = [
                payer,
                provider,
                pool.submit(self._enrol, payer),
                pool.submit(self._publish_fees, payer),
                pool.submit(self._accept_provider, provider),
                pool.submit(self._fill_pool, insurer_funded),
                pool.submit(self._permit, payer, provider, maria_funded),
            ]
            for step in as_completed(steps):
                step.result()

    def _create_payer(self) -> int:
        governor = self.connect().governor(self.accounts["governor"])
        return governor.create_payer(self.accounts["insurer"].address).payer_id

    def _register_provider(self, after: Future[int]) -> int:
        after.result()  # the governor does one thing at a time
        governor = self.connect().governor(self.accounts["governor"])
        return governor.register_provider(self.accounts["clinic"].address).provider_id

    def _hand_out(self, name: str, dollars: int, after: Future[Any]) -> None:
        after.result()
        session = Session.open(self.state)
        with acting(Actor.of(session, self.accounts["governor"])) as sender:
            address = self.accounts[name].address
            govern(session, sender, session.protocol.token, "mint", address, dollars * DOLLAR)

    def _insurer(self) -> chainbill.Insurer:
        return self.connect().insurer(self.accounts["insurer"])

    def _enrol(self, payer: Future[int]) -> None:
        payer.result()
        insurer = self._insurer()
        insurer.publish_plan(chainbill.PlanFile.parse(PLAN))
        insurer.enrol(self.accounts["maria"].address, plan_id=1)

    def _publish_fees(self, payer: Future[int]) -> None:
        payer.result()
        self._insurer().publish_fees({"check-up-visit": PRICE})

    def _accept_provider(self, provider: Future[int]) -> None:
        self._insurer().accept_provider(provider.result())

    def _fill_pool(self, funded: Future[None]) -> None:
        funded.result()
        self._insurer().deposit("900000")

    def _permit(self, payer: Future[int], provider: Future[int], funded: Future[None]) -> None:
        """What the patient signs, and the clinic sends: one after another, since signatures are numbered."""
        bill = self.connect()
        maria, relay = bill.patient(self.accounts["maria"]), bill.relay(self.accounts["clinic"])
        relay.submit(maria.sign_accept_payer(payer.result()))
        relay.submit(maria.sign_consent(provider.result(), limit="200"))
        funded.result()
        relay.submit(maria.sign_deposit("40000"))

    def attest(self, *names: str) -> list[str]:
        """Attest a visit for each of these names, each one event, however often it is attested; returns the
        numbers that their claims will have."""
        bill = self.connect()
        clinic, at = bill.provider(self.accounts["clinic"]), datetime.fromtimestamp(bill.now() - 3600, UTC)
        attested = [clinic.attest(_visit(name, at), patient="maria").attestation for name in names]
        return [f"{each.provider_id}:{each.sequence}" for each in attested]

    def settle(self) -> Settlement:
        """Settle what is attested, as a program that has just been started.

        Raises:
            ChainError: the chain does not answer, or refuses.
        """
        return self.connect().oracle("oracle-1").settle()

    def settle_finally(self) -> Settled:
        """Settle what is attested, and wait until that is final.

        Raises:
            ChainError: the chain does not answer, or refuses; or its blocks do not become final.
        """
        session = Session.open(self.state)
        for node in session.book.entries(Role.ORACLE):
            session.account(node)
        begun = time.monotonic()
        settlement = chainbill.Chainbill(session).oracle("oracle-1").settle()
        receipt_seconds = time.monotonic() - begun
        self.await_final(max(batch.block for batch in settlement.batches))
        return Settled(settlement, receipt_seconds, time.monotonic() - begun)

    def await_final(self, block: int | None = None) -> None:
        """Wait until a block is final; None: the newest. Raises ChainError: it does not become so."""
        w3 = open_node(self.state).w3
        block = newest_block(w3) if block is None else block
        deadline = time.monotonic() + FINAL_SECONDS
        while final_block(w3, self._finality) < block:
            if time.monotonic() > deadline:
                raise ChainError(f"block {block} is not final after {FINAL_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)

    def dispute(self, ruled: str, conceded: str) -> None:
        """The patient disputes two claims: one is answered and ruled on in part, one is conceded."""
        bill = self.connect()
        maria, clinic = bill.patient(self.accounts["maria"]), bill.provider(self.accounts["clinic"])
        relay = bill.relay(self.accounts["clinic"])
        for claim in (ruled, conceded):
            relay.submit(maria.sign_dispute(claim))
        clinic.answer(ruled, "The visit took place.")
        bill.governor(self.accounts["governor"]).resolve(ruled, {"copay": RULED_COPAY})
        clinic.concede(conceded)


def walk_through(town: Town, *, visits: int) -> Walked:
    """All of it in a new town.

    Args:
        town: has no deployment yet.
        visits: how many events are attested and settled; at least 2.

    Raises:
        ChainError: the chain does not answer, or refuses; or its blocks do not become final.
    """
    deployed = town.deploy()
    begun = time.monotonic()
    town.set_up()
    set_up_seconds = time.monotonic() - begun
    ruled, conceded, *_ = town.attest(*(f"visit-{number}" for number in range(visits)))
    settled = town.settle_finally()
    town.dispute(ruled, conceded)
    # The statement says only what is final.
    town.await_final()
    bill = town.connect()
    return Walked(
        deployed,
        set_up_seconds,
        settled,
        statement=bill.patient("maria").statement(),
        differences=verify_deployment(town.state).differences,
        verification=bill.auditor().verify(),
    )


def give_gas(rpc_url: str, funder: LocalAccount, addresses: Sequence[str]) -> None:
    """Send each of them a hundred of the chain's coin, and wait until they have it.

    Raises:
        ChainError: the node does not answer, or refuses.
    """
    with JsonRpc(rpc_url) as node:
        nonce = int(node.call("eth_getTransactionCount", funder.address, "pending"), 16)
        chain_id = int(node.call("eth_chainId"), 16)
        price = 2 * int(node.call("eth_gasPrice"), 16) + 1
        for number, address in enumerate(addresses, nonce):
            signed = funder.sign_transaction(
                {
                    "to": to_checksum_address(address),
                    "value": _GAS,
                    "gas": _TRANSFER_GAS,
                    "gasPrice": price,
                    "nonce": number,
                    "chainId": chain_id,
                }
            )
            node.call("eth_sendRawTransaction", to_hex(signed.raw_transaction))
        deadline = time.monotonic() + FINAL_SECONDS
        while int(node.call("eth_getBalance", addresses[-1], "latest"), 16) == 0:
            if time.monotonic() > deadline:
                raise ChainError(f"{addresses[-1]} has no gas after {FINAL_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)


def _visit(name: str, at: datetime) -> ServiceEvent:
    return ServiceEvent(
        kind=ServiceKind.IN_PERSON_VISIT,
        record_identity=f"Encounter/{name}",
        patient=Party(reference="Patient/maria"),
        provider=Party(reference="Organization/clinic"),
        service="check-up-visit",
        category=1,
        description="Check-up visit",
        service_date=at.date(),
        performed_at=at,
        billed_amount=PRICE,
        price_source=PriceSource.CLAIM_ITEM,
    )
