"""Random lives of the whole protocol: after every step each token is owed to exactly one owner.

Invariants 1 to 6 of docs/invariants.md, held against a ledger kept beside the contracts from the logs.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable

import pytest
from tests.contracts.evm import Evm, Receipt
from tests.contracts.protocol import (
    CATEGORIES,
    COSMETIC,
    DAY,
    FEES,
    HOUR,
    NEVER,
    NOW,
    PLAN,
    REFILL,
    UNLISTED,
    VISIT,
    YEAR,
    Protocol,
    account,
)

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.adjudication import adjudicate
from chainbill.billing.outcomes import Outcome
from chainbill.chain.batch_codec import BatchSection
from chainbill.chain.events import (
    ClaimDenied,
    ClaimPended,
    ClaimSettled,
    ClaimSkipped,
    PatientDeposited,
    PatientWithdrew,
    PoolDeposited,
    PoolWithdrawn,
    ProviderPaid,
)
from chainbill.errors import ContractReverted
from chainbill.money import CENT, DOLLAR

STEPS = 400
FORESEEN = {
    *("AmountOverBalance", "NothingToWithdraw", "NoWithdrawalRequested", "WithdrawalNotAvailable"),
    *("WithdrawalLapsed", "NoCredit", "PayerUnchanged", "NoConsentToRevoke", "ProviderAlreadyAccepted"),
    *("ProviderNotAccepted", "AlreadyEnrolled", "NotEnrolled", "CoverageAlreadyEnded", "AlreadySuspended"),
    *("NotSuspended", "UnknownPlan", "ChangeTooRecent"),
    *("ERC20InvalidSender", "ERC20InvalidReceiver"),  # on the token's block list
}
"""What a verb may refuse at a random moment; anything else is a bug."""


class Life:
    """One random run: two payers, two providers, three patients, and what the logs say they own."""

    def __init__(self, seed: str, token: str) -> None:
        self.draw = random.Random(seed)
        self.protocol = Protocol(Evm(NOW), token=token)
        self.token = token
        self.second = self.protocol.second_payer(self.protocol.late)
        self.insurers = {1: self.protocol.insurer, self.second: account("second insurer").address}
        self.other = self.protocol.register_provider(self.protocol.stranger)
        self.next_sequence = 1
        self.balances = {patient: self.protocol.balance(patient) for patient in self.protocol.patients()}
        self.pools = {n: payer.read("pool") for n, payer in self.protocol.payer_contracts.items()}
        self.credits: dict[int, int] = defaultdict(int)
        self.met: dict[tuple[int, str], Accumulators] = defaultdict(Accumulators)
        self.final: set[tuple[int, int]] = set()
        self.outcomes: dict[Outcome, int] = defaultdict(int)

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
        return self.draw.choice((1, 1, self.other))

    def amount(self) -> int:
        return self.draw.choice((1, CENT, DOLLAR, self.draw.randrange(1, 800 * DOLLAR)))

    def settle(self) -> Receipt:
        """A batch of one to three sections in random order of everything but the payers."""
        sections = sorted((self.section() for _ in range(self.draw.randint(1, 3))), key=lambda s: s.payer_id)
        life = self.draw.choice((0, HOUR))
        return self.protocol.submit(self.protocol.batch(sections, signed_at=self.protocol.evm.now - life))

    def section(self) -> BatchSection:
        payer_id = self.draw.choice((1, 1, 1, self.second, self.second, 9))
        rows = [
            self.protocol.row(
                self.member(payer_id),
                self.sequence(),
                self.draw.choice((VISIT, VISIT, VISIT, REFILL, REFILL, REFILL, COSMETIC, UNLISTED)),
                units=self.draw.choice((1, 1, 1, 2, 5)),
                billed=self.draw.choice((0, self.amount())),
                benefit_year=self.draw.choice((YEAR,) * 8 + (YEAR - 2, YEAR + 1)),
            )
            for _ in range(self.draw.randint(1, 6))
        ]
        return self.protocol.section(*rows, provider_id=self.provider_id(), payer_id=payer_id)

    def member(self, payer_id: int) -> str:
        """Mostly a patient who accepts this payer, sometimes anybody."""
        now = self.protocol.evm.now
        own = [
            p for p in self.protocol.patients() if self.protocol.escrow.read("payerOf", p, now) == payer_id
        ]
        return self.draw.choice(own * 4 + list(self.protocol.patients()))

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
        payer = self.protocol.payer_contracts[payer_id]
        self.protocol.mint(self.insurers[payer_id], amount, payer)
        return payer.send(self.insurers[payer_id], "deposit", amount)

    def insurer_requests(self) -> Receipt:
        payer_id = self.payer_id()
        payer = self.protocol.payer_contracts[payer_id]
        amount = self.draw.choice((self.amount(), payer.read("pool")))
        return payer.send(self.insurers[payer_id], "requestWithdrawal", amount)

    def insurer_withdraws(self) -> Receipt:
        payer_id = self.payer_id()
        return self.protocol.payer_contracts[payer_id].send(self.insurers[payer_id], "withdraw")

    def provider_withdraws(self) -> Receipt:
        return self.protocol.settlement.send(self.patient(), "withdraw", self.provider_id())

    def accept_payer(self) -> Receipt:
        return self.protocol.escrow.send(self.patient(), "acceptPayer", self.payer_id())

    def grant(self) -> Receipt:
        limit = self.draw.choice((0, 100 * DOLLAR, 2_000 * DOLLAR, 2_000 * DOLLAR, 2_000 * DOLLAR))
        expires_at = self.draw.choice((NEVER, NEVER, self.protocol.evm.now + 3 * DAY))
        return self.protocol.escrow.send(
            self.patient(), "grantConsent", self.provider_id(), limit, expires_at
        )

    def revoke(self) -> Receipt:
        return self.protocol.escrow.send(self.patient(), "revokeConsent", self.provider_id())

    def accept_provider(self) -> Receipt:
        verb = self.draw.choice((*("acceptProvider",) * 3, "endProviderAcceptance"))
        payer_id = self.payer_id()
        return self.protocol.payer_contracts[payer_id].send(self.insurers[payer_id], verb, self.provider_id())

    def enrol(self) -> Receipt:
        payer_id = self.payer_id()
        payer, insurer = self.protocol.payer_contracts[payer_id], self.insurers[payer_id]
        return payer.send(insurer, "enrol", self.patient(), YEAR, 1, 0, 0)

    def suspend(self) -> Receipt:
        verb = self.draw.choice(("suspend", "reinstate", "reinstate", "reinstate"))
        return self.protocol.registry.send(self.protocol.governor, verb, self.provider_id())

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
        for event in receipt.events:
            match event:
                case ClaimSettled():
                    self.outcomes[Outcome.SETTLED] += 1
                    self.settled(event)
                case ClaimDenied(provider, _, _, claim):
                    self.outcomes[Outcome.DENIED] += 1
                    self.finish(provider, claim.sequence)
                case PatientDeposited(patient, amount):
                    self.balances[patient] += amount
                case PatientWithdrew(patient, amount):
                    self.balances[patient] -= amount
                case PoolDeposited(payer_id, _, amount):
                    self.pools[payer_id] += amount
                case PoolWithdrawn(payer_id, _, amount):
                    self.pools[payer_id] -= amount
                case ProviderPaid(provider, _, amount):
                    self.credits[provider] -= amount

    def finish(self, provider: int, sequence: int) -> None:
        """Invariant 3: at most once."""
        assert (provider, sequence) not in self.final
        self.final.add((provider, sequence))

    def settled(self, event: ClaimSettled) -> None:
        claim, member = event.claim, (event.claim.payer_id, event.patient)
        self.finish(event.provider_id, claim.sequence)
        fee = FEES[claim.service_id]
        priced = adjudicate(
            billed_amount=claim.billed_amount,
            units=claim.units,
            fee=fee,
            category=CATEGORIES.get(fee.category),
            plan=PLAN,
            met=self.met[member],
        )
        assert (claim.deductible, claim.copay, claim.coinsurance, claim.plan_paid) == (
            *(priced.deductible, priced.copay, priced.coinsurance, priced.plan_paid),
        )
        assert claim.plan_paid + claim.patient_responsibility == claim.allowed  # invariant 2
        self.met[member] = priced.accumulators_after
        assert self.met[member].oop_met <= PLAN.oop_max  # invariant 4
        self.balances[event.patient] -= claim.patient_responsibility
        self.pools[claim.payer_id] -= claim.plan_paid
        self.credits[event.provider_id] += claim.allowed

    def assert_true(self) -> None:
        """The contracts say what the ledger says, and hold that many tokens (invariants 1, 5, 6)."""
        state = self.protocol.state()
        assert state.balances == tuple(self.balances[patient] for patient in self.protocol.patients())
        assert state.pools == tuple(self.pools.values())
        assert state.credits == (self.credits[1], self.credits[self.other])
        assert min(*state.balances, *state.pools, *state.credits) >= 0
        for (payer_id, patient), met in self.met.items():
            payer = self.protocol.payer_contracts[payer_id]
            assert self.protocol.member(patient, payer=payer) == met
        self.protocol.assert_solvent()


VERBS: tuple[Callable[[Life], Receipt | None], ...] = (
    *(Life.settle,) * 8,
    Life.patient_deposits,
    Life.patient_requests,
    Life.patient_withdraws,
    Life.insurer_deposits,
    Life.insurer_requests,
    Life.insurer_withdraws,
    Life.provider_withdraws,
    Life.accept_payer,
    *(Life.grant,) * 3,
    Life.revoke,
    *(Life.accept_provider, Life.enrol, Life.suspend) * 2,
    *(Life.wait,) * 3,
    Life.block,
)


def live(seed: str, token: str, steps: int) -> Life:
    life = Life(seed, token)
    for _ in range(steps):
        life.step()
        life.assert_true()
    return life


@pytest.mark.parametrize("token", ["DevUSD", "UnrulyDollar"])
@pytest.mark.parametrize("seed", range(3))
def test_random_life__after_every_step__owes_what_it_holds(seed: int, token: str) -> None:
    life = live(f"life {seed}", token, STEPS)
    # Without enough of each outcome the run would show little.
    assert min(life.outcomes[outcome] for outcome in Outcome) > 20, dict(life.outcomes)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_random_long_life__after_every_step__owes_what_it_holds(seed: int) -> None:
    live(f"long life {seed}", ("DevUSD", "UnrulyDollar")[seed % 2], 2_500)
