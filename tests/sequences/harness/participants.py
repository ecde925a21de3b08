"""The contracts and the independent ledger side by side: every verb is done to both, and both must agree."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache

from tests.sequences.harness import views
from tests.sequences.harness.both_sides import Doing
from tests.sequences.model.insurers import Insurer
from tests.sequences.model.ledger import Ledger, Provider
from tests.sequences.model.pricing import Category, Fee, Plan
from tests.sequences.model.timeline import Timeline
from tests.sequences.model.wallets import Consent, Wallet
from tests.support.deployment import COPAY, COSMETIC, NEVER, REFILL, SHARED, THERAPY, VISIT, Protocol, account
from tests.support.evm import Evm
from tests.support.pyrevm_backend import PyrevmBackend

from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain

START = int(datetime(2024, 12, 20, 12, tzinfo=UTC).timestamp())
"""Where every sequence begins: a year ends in most of them."""

YEARS = (2024, 2025)
DOLLAR, CENT = 1_000_000, 10_000
SLOTS = range(16)
"""Root slots that batches share."""
PLENTY = 10**15

OPENING_PLAN = Plan(
    deductible=100 * DOLLAR,
    oop_max=1_000 * DOLLAR,
    categories={SHARED: Category(bps=2_000), COPAY: Category(deductible_applies=False, copay=25 * DOLLAR)},
)
FAMILY_PLAN = Plan(
    deductible=60 * DOLLAR,
    oop_max=240 * DOLLAR,
    family_deductible=90 * DOLLAR,
    family_oop_max=320 * DOLLAR,
    annual_maximum=400 * DOLLAR,
    categories={
        SHARED: Category(bps=3_333, copay=10 * DOLLAR, copay_first=True, after_copay=True),
        COPAY: Category(copay=15 * DOLLAR),
    },
)
CARVE_OUT_PLAN = Plan(
    deductible=50 * DOLLAR,
    oop_max=150 * DOLLAR,
    carve_out=True,
    categories={SHARED: Category(bps=1_000), COPAY: Category(bps=5_000, deductible_applies=False)},
)
STANDARD_PLAN = Plan(deductible=0, oop_max=500 * DOLLAR, categories={SHARED: Category(bps=2_500)})
PLANS = (OPENING_PLAN, FAMILY_PLAN, CARVE_OUT_PLAN, STANDARD_PLAN)

FEES = {
    VISIT: Fee(150 * DOLLAR, SHARED, max_units=4),
    REFILL: Fee(80 * DOLLAR, COPAY),
    THERAPY: Fee(50 * DOLLAR, SHARED, max_units=6, annual_units=4),
    COSMETIC: Fee(900 * DOLLAR, 9),
}


class Stage(Doing):
    """One deployment on one token, opened; and its ledger."""

    def __init__(self, token: str) -> None:
        self.backend = PyrevmBackend()
        self.evm = Evm(START, self.backend)
        self.protocol = p = Protocol(self.evm, token=token)
        self.unruly = token != "DevUSD"
        self.patients = [p.patient, p.neighbour, p.late]
        self.payouts = [p.provider, account("second provider").address, account("third payout").address]
        self.operators = [p.operator, p.stranger]
        self.shams = [account(f"sham {n}").address for n in range(6)]
        self.relay = account("relay").address
        oracles = [*p.oracles, Signer(account("oracle-4"))]
        others = [Signer(account(name)) for name in ("patient", "neighbour", "late", "relay")]
        attesters = [Signer(account(name)) for name in ("provider", "second provider", "attester")]
        self.keys = {signer.address: signer for signer in (*oracles, *others, *attesters)}
        owner = Signer(account("wallet's owner"))
        self.wallet = self.evm.deploy(self.relay, "ContractWallet", owner.address).address
        self.keys[self.wallet] = owner
        self.attesters = [*(signer.address for signer in attesters), self.wallet]
        self.oracles = sorted((signer.address for signer in oracles), key=lambda address: int(address, 16))
        self.escrow_domain = Domain(self.evm.chain_id, p.escrow.address).separator
        self.settlement_domain = p.domain.separator
        self.token_domain = Domain(self.evm.chain_id, p.token.address, "Dev USD", "1").separator
        self.ledger = Ledger(
            *(START, self.evm.chain_id, p.escrow.address, p.settlement.address, p.governor, p.arbiter)
        )
        self.seen: dict[str, views.Words] = {}
        self._mirror_opening()
        self._open()
        self.views = self._views()
        self._pickled = pickle.dumps(self.ledger)

    # ---- opening ------------------------------------------------------------------------------------

    def _mirror_opening(self) -> None:
        """What `Protocol` has done so far."""
        p, ledger = self.protocol, self.ledger
        ledger.open_epoch(p.governor, [signer.address for signer in p.oracles], 2)
        ledger.providers[1] = Provider(Timeline(p.provider), {p.provider: START})
        self._mirror_payer(1, p.insurer)
        payer = ledger.insurers[1]
        ledger.tokens[p.insurer] += 100_000 * DOLLAR
        ledger.fund(1, p.insurer, 100_000 * DOLLAR)
        payer.publish_plan(1, OPENING_PLAN, 0, START)
        for service, fee in FEES.items():
            payer.publish_fee(service, fee, 0, START)
        payer.accept(1, START)
        for patient in self.patients:
            ledger.wallets[patient] = Wallet()
        for patient in self.patients[:2]:
            ledger.tokens[patient] += 5_000 * DOLLAR
            ledger.deposit(patient, 5_000 * DOLLAR)
            ledger.accept_payers(patient, (1, 0))
            ledger.grant(patient, 1, Consent(2_000 * DOLLAR, NEVER))
            ledger.wallets[patient].nonce = 2
            payer.enrol(patient, 2024, 1, 0, (0, 0, 0), START, 2024)

    def _mirror_payer(self, payer_id: int, owner: str) -> None:
        contract = self.protocol.payer_contracts[payer_id]
        self.ledger.insurers[payer_id] = Insurer(payer_id)
        self.ledger.owners[payer_id] = owner
        self.ledger.payer_addresses[payer_id] = contract.address

    def _open(self) -> None:
        """A second provider and a second payer; plans of every kind; a family; an insured and a self-paying
        patient; a bond; a fee. All notices are over."""
        p, ledger = self.protocol, self.ledger
        second_insurer = account("second insurer").address
        assert p.register_provider(self.payouts[1]) == 2
        ledger.providers[2] = Provider(Timeline(self.payouts[1]), {self.payouts[1]: START})
        assert p.create_payer(second_insurer) == 2
        self._mirror_payer(2, second_insurer)
        for owner in (*self.patients, *self.payouts, p.insurer, second_insurer, self.relay):
            p.mint(owner, PLENTY)
            ledger.tokens[owner] += PLENTY
        self.fund_payer(2, 3_000 * DOLLAR)
        for payer, plan_id, plan in ((1, 2, FAMILY_PLAN), (2, 1, CARVE_OUT_PLAN), (2, 2, STANDARD_PLAN)):
            self.publish_plan(payer, ledger.owners[payer], plan_id, plan, 0)
        for service in (VISIT, REFILL, THERAPY):
            self.publish_fee(2, second_insurer, service, FEES[service], 0)
        for payer, provider in ((1, 2), (2, 1), (2, 2)):
            self.accept_provider(payer, ledger.owners[payer], provider)
        for patient in self.patients:
            self.enrol(2, patient, 2024, 1, 0)
            self.enrol(2, patient, 2025, 2, 7)
        for patient in self.patients[:2]:
            self.enrol(1, patient, 2025, 2, 7)
        self.deposit(self.patients[2], 900 * DOLLAR)
        for patient, provider in ((0, 2), (1, 2), (2, 1)):
            self.grant(self.patients[patient], provider, Consent(500 * DOLLAR, NEVER, patient != 0))
        self.publish_cash(1, self.payouts[0], VISIT, 120 * DOLLAR)
        self.publish_cash(1, self.payouts[0], REFILL, 60 * DOLLAR)
        for provider, amount in ((1, 150), (2, 40)):
            self.deposit_bond(provider, self.payouts[provider - 1], amount * DOLLAR)
        self.attester_verb("addAttester", 2, self.payouts[1], self.wallet)
        fee = 50 * CENT, 100
        self.extension_call("setOperatorFee", p.governor, fee, ledger.set_operator_fee, p.governor, *fee)
        self.wait(6 * 3600)
        self.patient_verb(
            *(self.patients[1], "acceptPayer", (1, 2)), lambda: ledger.accept_payers(self.patients[1], (1, 2))
        )
        self.wait(86_400)

    @contextmanager
    def played(self) -> Iterator[None]:
        """One sequence: everything is as it was opened, before and after."""
        self.ledger = pickle.loads(self._pickled)
        self.seen = {}
        with self.evm.rolled_back():
            yield

    def _views(self) -> views.Views:
        p = self.protocol
        compared = views.Views(self.evm, self.backend)
        members = [(patient, year) for patient in self.patients for year in YEARS]
        for patient in self.patients:
            views.add_patient(compared, p.escrow, p.settlement, patient, range(1, 3))
        for payer_id, payer in p.payer_contracts.items():
            views.add_payer(compared, payer_id, payer, members, [THERAPY])
        views.add_attesters(compared, p.registry, p.settlement, self.attesters)
        views.add_settlement(compared, p.settlement, self.operators, list(p.payer_contracts), SLOTS)
        owed = [p.escrow, p.settlement, *p.payer_contracts.values()]
        people = [*self.patients, *self.payouts, *self.operators, *self.ledger.owners.values()]
        views.add_tokens(compared, p.token, [*(contract.address for contract in owed), *people])
        return compared


@cache
def stage(token: str) -> Stage:
    """The deployment that all sequences on a token share."""
    return Stage(token)
