"""Random lives of the whole protocol: after every step each token is owed to exactly one owner.

Invariants 1 to 6 of docs/invariants.md, held against a ledger kept beside the contracts from the logs.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable

import pytest
from tests.contracts.claims import Settled
from tests.support.deployment import (
    CASH_PRICES,
    CATEGORIES,
    COSMETIC,
    DAY,
    FEES,
    HOUR,
    NEVER,
    NOW,
    PLAN,
    REFILL,
    THERAPY,
    UNLISTED,
    VISIT,
    YEAR,
    ZERO_ADDRESS,
    Protocol,
)
from tests.support.evm import Evm, Receipt
from tests.support.sampling import quick_first

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.adjudication import Adjudication, adjudicate
from chainbill.billing.coordination import Coordination, coordinate
from chainbill.billing.outcomes import Outcome
from chainbill.billing.self_pay import price_self_pay
from chainbill.chain.format.batch_codec import BatchSection
from chainbill.chain.format.events import (
    AdvancePaid,
    BondDeposited,
    BondWithdrawn,
    Claim,
    ClaimDenied,
    ClaimPended,
    ClaimReversed,
    ClaimSettled,
    ClaimSkipped,
    DisputeParty,
    Event,
    OperatorPaid,
    PatientDeposited,
    PatientWithdrew,
    PoolDeposited,
    PoolWithdrawn,
    ProviderPaid,
    ReceivablePaid,
    ReceivableRecorded,
    SecondaryDetermined,
)
from chainbill.errors import ContractReverted
from chainbill.money import CENT, DOLLAR

STEPS = 300
FORESEEN = {
    *("AmountOverBalance", "NothingToWithdraw", "NoWithdrawalRequested", "WithdrawalNotAvailable"),
    *("WithdrawalLapsed", "NoCredit", "NoFees", "PayersUnchanged", "NoConsentToRevoke"),
    *("ProviderAlreadyAccepted", "ProviderNotAccepted", "AlreadyEnrolled", "NotEnrolled"),
    *("CoverageAlreadyEnded", "AlreadySuspended", "NotSuspended", "UnknownPlan", "ChangeTooRecent"),
    *("LimitsUnchanged", "AlreadyDisputed", "WrongStatus", "WindowOver", "DeadlineOver", "DeadlineNotOver"),
    *("AdvanceTooLarge", "BondInUse", "NoBond", "NotAParty", "PatientPartMissing"),
    *("NoReceivable", "NoRefund", "NotInBatch"),
    *("ERC20InvalidSender", "ERC20InvalidReceiver"),  # on the token's block list
}
"""What a verb may refuse at a random moment; anything else is a bug."""


class Life:
    """One random run: two payers, two providers, three patients, and what the logs say they own."""

    def __init__(self, seed: str, token: str) -> None:
        self.draw = random.Random(seed)
        self.protocol = protocol = Protocol(Evm(NOW), token=token)
        self.token = token
        self.second = protocol.second_payer()
        protocol.welcome(protocol.late, payers=(1, self.second))
        protocol.publish_cash_prices()
        self.providers = {
            1: protocol.provider,
            protocol.register_provider(protocol.stranger): protocol.stranger,
        }
        protocol.set_operator_fee(20 * CENT, 50)
        protocol.evm.now += DAY
        self.next_sequence = 1
        self.claims: list[Settled] = []
        self.balances = {patient: protocol.balance(patient) for patient in protocol.patients()}
        self.pools = {payer_id: protocol.pool(payer_id) for payer_id in protocol.payer_contracts}
        self.credits: dict[int, int] = defaultdict(int)
        self.fees = 0
        self.met: dict[tuple[int, str], Accumulators] = defaultdict(Accumulators)
        self.units: dict[tuple[int, str], int] = defaultdict(int)
        self.final: set[tuple[int, int]] = set()
        self.outcomes: dict[Outcome, int] = defaultdict(int)
        self.reversals = 0

    # ---- verbs ----------------------------------------------------------------------------------------

    def step(self) -> None:
        """One random verb, or time passing."""
        verb = self.draw.choice(VERBS)
        try:
            receipt = verb(self)
        except ContractReverted as refusal:
            if refusal.name not in FORESEEN:
                raise
        else:
            if receipt is not None:
                self.read(receipt)

    def patient(self) -> str:
        return self.draw.choice(self.protocol.patients())

    def payer_id(self) -> int:
        return self.draw.choice((1, self.second))

    def provider_id(self) -> int:
        return self.draw.choice((1, *self.providers))

    def amount(self) -> int:
        return self.draw.choice((1, CENT, DOLLAR, self.draw.randrange(1, 800 * DOLLAR)))

    def settle(self) -> Receipt:
        """A batch of one to three sections, of every kind."""
        sections = sorted((self.section() for _ in range(self.draw.randint(1, 3))), key=lambda s: s.payers)
        life = self.draw.choice((0, HOUR))
        operator = self.draw.choice((ZERO_ADDRESS, self.protocol.operator, self.protocol.operator))
        batch = self.protocol.batch(sections, signed_at=self.protocol.evm.now - life, operator=operator)
        receipt = self.protocol.submit(batch)
        count = len(receipt.of(ClaimSettled))
        self.claims += [self.protocol.settled_claim(receipt, index) for index in range(count)]
        return receipt

    def section(self) -> BatchSection:
        payers = self.draw.choice(
            (*((1, 0),) * 6, *((1, self.second),) * 4, (0, 0), (0, 0), (self.second, 0), (9, 0))
        )
        rows = [
            self.protocol.row(
                self.member(payers),
                self.sequence(),
                self.draw.choice((VISIT, VISIT, REFILL, REFILL, THERAPY, COSMETIC, UNLISTED)),
                units=self.draw.choice((1, 1, 1, 2, 5)),
                billed=self.draw.choice((0, self.amount())),
                benefit_year=self.draw.choice((YEAR,) * 8 + (YEAR - 2, YEAR + 1)),
            )
            for _ in range(self.draw.randint(1, 5))
        ]
        primary, secondary = payers
        provider_id = self.provider_id()
        if not primary:
            return self.protocol.self_pay(*rows, provider_id=provider_id)
        if not secondary:
            return self.protocol.section(*rows, provider_id=provider_id, payer_id=primary)
        return self.protocol.coordinated(*rows, secondary=secondary, provider_id=provider_id)

    def member(self, payers: tuple[int, int]) -> str:
        """Mostly a patient who accepts these payers, sometimes anybody."""
        protocol, now = self.protocol, self.protocol.evm.now
        everybody = protocol.patients()
        own = [patient for patient in everybody if protocol.escrow.read("payersOf", patient, now) == payers]
        return self.draw.choice(own * 4 + list(everybody))

    def sequence(self) -> int:
        """Mostly a new one, sometimes one that was there before."""
        self.next_sequence += 1
        before = self.draw.randrange(self.next_sequence)
        return self.draw.choice((self.next_sequence, self.next_sequence, before))

    def patient_deposits(self) -> Receipt:
        patient, amount = self.patient(), self.amount()
        self.protocol.mint(patient, amount, self.protocol.escrow)
        return self.protocol.escrow.send(patient, "deposit", amount)

    def patient_requests(self) -> Receipt:
        return self.protocol.escrow.send(self.patient(), "requestWithdrawal", self.amount())

    def patient_withdraws(self) -> Receipt:
        return self.protocol.escrow.send(self.patient(), "withdraw")

    def insurer_deposits(self) -> Receipt:
        payer_id, amount = self.payer_id(), self.amount()
        payer, insurer = self.protocol.payer_contracts[payer_id], self.protocol.insurers[payer_id]
        self.protocol.mint(insurer, amount, payer)
        return payer.send(insurer, "deposit", amount)

    def insurer_requests(self) -> Receipt:
        payer_id = self.payer_id()
        amount = self.draw.choice((self.amount(), self.protocol.pool(payer_id)))
        return self.insurer_sends(payer_id, "requestWithdrawal", amount)

    def insurer_withdraws(self) -> Receipt:
        return self.insurer_sends(self.payer_id(), "withdraw")

    def insurer_sends(self, payer_id: int, verb: str, *arguments: object) -> Receipt:
        return self.protocol.payer_contracts[payer_id].send(
            self.protocol.insurers[payer_id], verb, *arguments
        )

    def provider_withdraws(self) -> Receipt:
        return self.protocol.withdraw(self.provider_id())

    def operator_withdraws(self) -> Receipt:
        return self.protocol.settlement.send(self.patient(), "withdrawFees", self.protocol.operator)

    def bond(self) -> Receipt:
        provider_id = self.provider_id()
        return self.protocol.deposit_bond(self.amount(), provider_id, self.providers[provider_id])

    def unbond(self) -> Receipt:
        provider_id = self.provider_id()
        return self.protocol.settlement.send(self.providers[provider_id], "withdrawBond", provider_id)

    def advance(self) -> Receipt:
        provider_id = self.provider_id()
        return self.protocol.settlement.send(
            self.providers[provider_id], "drawAdvance", provider_id, self.amount()
        )

    def dispute(self) -> Receipt | None:
        if not self.claims:
            return None
        claim = self.draw.choice(self.claims[-12:])
        party = self.draw.choice((DisputeParty.PATIENT, DisputeParty.PATIENT, DisputeParty.PRIMARY))
        if party == DisputeParty.PRIMARY and not claim.claim.payer_id:
            return None
        return self.protocol.dispute(claim, party)

    def go_on(self) -> Receipt | None:
        """Take a dispute one step further, if this claim has one."""
        if not self.claims:
            return None
        claim, protocol = self.draw.choice(self.claims[-20:]), self.protocol
        provider = self.providers[claim.claim.provider_id]
        verb = self.draw.choice(("concede", "answer", "resolve", "close", "close", "void"))
        if verb == "close":
            return protocol.close(claim)
        if verb == "resolve":
            return protocol.resolve(claim)
        step: Receipt = getattr(protocol, verb)(claim, caller=provider)
        return step

    def collect(self) -> Receipt:
        """What a provider owes a payer, or a refund that could not be sent."""
        payer_id = self.payer_id()
        if self.draw.random() < 0.5:
            return self.protocol.settlement.send(self.patient(), "collectRefund", payer_id)
        provider_id = self.provider_id()
        return self.protocol.settlement.send(self.patient(), "collectReceivable", provider_id, payer_id)

    def accept_payer(self) -> Receipt:
        one, two = (1, 0), (1, self.second)
        payers = self.draw.choice((one, one, two, two, (self.second, 0), (0, 0)))
        return self.protocol.escrow.send(self.patient(), "acceptPayer", *payers)

    def grant(self) -> Receipt:
        return self.protocol.grant(
            self.patient(),
            self.draw.choice((0, 100 * DOLLAR, 2_000 * DOLLAR, 2_000 * DOLLAR, 2_000 * DOLLAR)),
            self.draw.choice((NEVER, NEVER, self.protocol.evm.now + 3 * DAY)),
            self_pay=self.draw.random() < 0.5,
            provider_id=self.provider_id(),
        )

    def revoke(self) -> Receipt:
        return self.protocol.escrow.send(self.patient(), "revokeConsent", self.provider_id())

    def limit(self) -> Receipt:
        limits = [self.draw.choice((0, 0, 0, 90 * DOLLAR, 400 * DOLLAR)) for _ in range(2)]
        return self.protocol.escrow.send(self.patient(), "setLimits", *limits)

    def accept_provider(self) -> Receipt:
        verb = self.draw.choice((*("acceptProvider",) * 7, "endProviderAcceptance"))
        return self.insurer_sends(self.payer_id(), verb, self.provider_id())

    def enrol(self) -> Receipt:
        return self.protocol.enrol(self.patient(), payer_id=self.payer_id())

    def suspend(self) -> Receipt:
        verb = self.draw.choice(("suspend", *("reinstate",) * 9))
        return self.protocol.settlement.send(self.protocol.governor, verb, self.provider_id())

    def wait(self) -> None:
        self.protocol.evm.now += self.draw.choice((60, HOUR, DAY))

    def block(self) -> None:
        """Put a payer on the token's block list or take it off, where the token has one."""
        if self.token == "UnrulyDollar":
            payer = self.protocol.payer_contracts[self.payer_id()].address
            self.protocol.token.send(self.protocol.stranger, "setBlocked", payer, self.draw.random() < 0.3)

    # ---- the ledger -----------------------------------------------------------------------------------

    def read(self, receipt: Receipt) -> None:
        """Move the ledger as the logs say; each claim is priced again."""
        self.outcomes[Outcome.PENDED] += len(receipt.of(ClaimPended))
        self.outcomes[Outcome.SKIPPED] += len(receipt.of(ClaimSkipped))
        following: list[Event | None] = [*receipt.events[1:], None]
        for event, after in zip(receipt.events, following, strict=True):
            match event:
                case ClaimSettled():
                    self.outcomes[Outcome.SETTLED] += 1
                    self.settled(event, after if isinstance(after, SecondaryDetermined) else None)
                case ClaimDenied(_, claim):
                    self.outcomes[Outcome.DENIED] += 1
                    self.finish(claim)
                case ClaimReversed():
                    self.reversed(event)
                case PatientDeposited(patient, amount):
                    self.balances[patient] += amount
                case PatientWithdrew(patient, amount):
                    self.balances[patient] -= amount
                case PoolDeposited(payer_id, _, amount):
                    self.pools[payer_id] += amount
                case PoolWithdrawn(payer_id, _, amount):
                    self.pools[payer_id] -= amount
                case ProviderPaid(provider, _, amount) | AdvancePaid(provider, _, amount):
                    self.credits[provider] -= amount
                case BondDeposited(provider, _, amount):
                    self.credits[provider] += amount
                case BondWithdrawn(provider, _, amount):
                    self.credits[provider] -= amount
                case ReceivableRecorded(_, provider, payer_id, amount):
                    self.pools[payer_id] -= amount
                    self.credits[provider] += amount
                case ReceivablePaid(provider, payer_id, amount):
                    self.pools[payer_id] += amount
                    self.credits[provider] -= amount
                case OperatorPaid(_, amount):
                    self.fees -= amount

    def finish(self, claim: Claim) -> None:
        """Invariant 3: at most once."""
        assert (claim.provider_id, claim.sequence) not in self.final
        self.final.add((claim.provider_id, claim.sequence))

    def settled(self, event: ClaimSettled, determined: SecondaryDetermined | None) -> None:
        claim, patient = event.claim, event.patient
        self.finish(claim)
        priced = self.price(claim, patient)
        assert (claim.deductible, claim.copay, claim.coinsurance, claim.outside_plan, claim.plan_paid) == (
            *(priced.claim.deductible, priced.claim.copay, priced.claim.coinsurance),
            *(priced.claim.outside_plan, priced.claim.plan_paid),
        )
        assert claim.secondary_paid == priced.claim.secondary_paid
        assert (determined is not None) == (priced.secondary is not None)
        self.assert_adds_up(claim)
        for payer_id, decided in (
            (claim.payer_id, priced.claim),
            (claim.secondary_payer_id, priced.secondary),
        ):
            if payer_id and decided is not None:
                self.met[payer_id, patient] = decided.accumulators_after
                self.units[payer_id, patient] += claim.units if claim.service_id == THERAPY else 0
                assert self.met[payer_id, patient].oop_met <= PLAN.oop_max  # invariant 4
        self.move(claim, patient, 1)

    def price(self, claim: Claim, patient: str) -> Coordination:
        billed = 0 if claim.billed_as_fee else claim.billed
        if not claim.payer_id:
            price = CASH_PRICES[claim.service_id]
            return Coordination(
                price_self_pay(billed_amount=billed, units=claim.units, cash_price=price), None
            )
        primary = self.plan_price(claim, patient, claim.payer_id, billed)
        if not claim.secondary_payer_id:
            return Coordination(primary, None)
        secondary = self.plan_price(claim, patient, claim.secondary_payer_id, billed, primary.allowed)
        return coordinate(primary, secondary, PLAN.cob_mode)

    def plan_price(
        self, claim: Claim, patient: str, payer_id: int, billed: int, at_least: int = 0
    ) -> Adjudication:
        fee = FEES[claim.service_id]
        return adjudicate(
            billed_amount=billed,
            units=claim.units,
            fee=fee,
            category=CATEGORIES.get(fee.category),
            plan=PLAN,
            met=self.met[payer_id, patient],
            units_used=self.units[payer_id, patient] if fee.annual_units else 0,
            allowed_at_least=at_least,
        )

    def assert_adds_up(self, claim: Claim) -> None:
        """Invariant 2."""
        out_of_pocket = claim.deductible + claim.copay + claim.coinsurance
        assert out_of_pocket + claim.outside_plan + claim.plan_paid == claim.allowed <= claim.billed
        assert claim.patient_responsibility >= 0
        assert claim.fee <= claim.allowed

    def reversed(self, event: ClaimReversed) -> None:
        """Every reversal here is in full."""
        self.reversals += 1
        claim, patient = event.claim, event.patient
        self.take_back(
            claim.payer_id,
            patient,
            (claim.deductible, claim.deductible + claim.copay + claim.coinsurance, claim.plan_paid),
            claim.units if claim.units_counted else 0,
        )
        second = event.secondary
        self.take_back(
            claim.secondary_payer_id,
            patient,
            (second.deductible, second.out_of_pocket, second.plan_paid),
            claim.units if claim.secondary_units_counted else 0,
        )
        self.move(claim, patient, -1)

    def take_back(self, payer_id: int, patient: str, amounts: tuple[int, int, int], units: int) -> None:
        """Invariant 6: a claim that was reversed counts no more."""
        if payer_id:
            met = self.met[payer_id, patient]
            now = (met.deductible_met, met.oop_met, met.plan_paid)
            self.met[payer_id, patient] = Accumulators(*(a - b for a, b in zip(now, amounts, strict=True)))
            self.units[payer_id, patient] -= units

    def move(self, claim: Claim, patient: str, sign: int) -> None:
        """What a claim takes from whom and gives to whom, or back."""
        self.balances[patient] -= sign * claim.patient_responsibility
        for payer_id, paid in (
            (claim.payer_id, claim.plan_paid),
            (claim.secondary_payer_id, claim.secondary_paid),
        ):
            if payer_id:
                self.pools[payer_id] -= sign * paid
        self.credits[claim.provider_id] += sign * (claim.allowed - claim.fee)
        self.fees += sign * claim.fee

    def assert_true(self) -> None:
        """The contracts say what the ledger says, and hold that many tokens (invariants 1, 5, 6)."""
        protocol, state = self.protocol, self.protocol.state()
        assert state.balances == tuple(self.balances[patient] for patient in protocol.patients())
        refunds = sum(state.refunds)
        assert sum(state.pools) + refunds == sum(self.pools.values())
        if not refunds:
            assert state.pools == tuple(self.pools.values())
        assert [credit.tokens for credit in state.credits] == [self.credits[n] for n in self.providers]
        assert sum(credit.tokens for credit in state.fees) == self.fees
        assert min(*state.balances, *state.pools, self.fees, *self.credits.values()) >= 0
        for (payer_id, patient), met in self.met.items():
            assert protocol.member(patient, payer_id=payer_id) == met
            assert protocol.units_used(patient, payer_id=payer_id) == self.units[payer_id, patient]
        protocol.assert_solvent()


VERBS: tuple[Callable[[Life], Receipt | None], ...] = (
    *(Life.settle,) * 16,
    *(Life.dispute,) * 5,
    *(Life.go_on,) * 8,
    Life.collect,
    *(Life.patient_deposits, Life.patient_requests, Life.patient_withdraws),
    *(Life.insurer_deposits, Life.insurer_requests, Life.insurer_withdraws),
    *(Life.provider_withdraws, Life.operator_withdraws),
    *(Life.bond, Life.unbond, Life.advance, Life.advance),
    *(Life.accept_payer, Life.limit),
    *(Life.grant,) * 4,
    Life.revoke,
    *(Life.accept_provider, Life.enrol, Life.suspend),
    *(Life.wait,) * 4,
    Life.block,
)


def live(seed: str, token: str, steps: int) -> Life:
    life = Life(seed, token)
    for _ in range(steps):
        life.step()
        life.assert_true()
    return life


@pytest.mark.parametrize("token", ["DevUSD", "UnrulyDollar"])
@pytest.mark.parametrize("seed", quick_first(range(2)))
def test_random_life__after_every_step__owes_what_it_holds(seed: int, token: str) -> None:
    life = live(f"life {seed}", token, STEPS)
    # Without enough of each outcome the run would show little.
    assert min(life.outcomes[outcome] for outcome in Outcome) > 15, dict(life.outcomes)
    assert life.reversals > 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_random_long_life__after_every_step__owes_what_it_holds(seed: int) -> None:
    live(f"long life {seed}", ("DevUSD", "UnrulyDollar")[seed % 2], 2_500)
