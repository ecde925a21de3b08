"""What all rules share: the stage, and the invariants that hold after each of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from tests.sequences.harness import views
from tests.sequences.harness.both_sides import Disagreement, require
from tests.sequences.harness.choices import Choices
from tests.sequences.harness.participants import Stage, stage
from tests.sequences.model.claims import Claim
from tests.sequences.model.ledger import Batch, Ending, Ledger
from tests.sequences.model.timeline import DAY

INVARIANT_OF = {
    **dict.fromkeys(("memberYear", "familyYear", "unitsUsed"), "invariant 6 (accumulators)"),
    "isSpent": "invariant 3 (once)",
}
"""What a view that does not agree breaks, where that has a number."""


class World(RuleBasedStateMachine):
    """One sequence. Rules stand in the classes that inherit."""

    examples: ClassVar[int] = 0
    """How many sequences have begun in this process."""
    failures: ClassVar[list[tuple[int, int, str, str]]] = []
    """Of each failure: the sequence, the step, the rule, and what did not hold."""

    def __init__(self) -> None:
        super().__init__()
        World.examples += 1
        self.steps = 0
        self.rule = "initialize"
        self.losers: set[str] = set()
        """Whose withdrawable money the present rule may lower, as the labels of their views."""
        self._exit = ExitStack()
        self.touched: set[tuple[int, int]] = set()
        """Provider and sequence of every row ever submitted."""
        self.once: set[tuple[int, int]] = set()
        """Those that were settled or denied."""

    @initialize(token=st.sampled_from(("DevUSD", "UnrulyDollar")))
    def open(self, token: str) -> None:
        """Begin on a fresh deployment."""
        self.stage: Stage = stage(token)
        self._exit.enter_context(self.stage.played())
        self.next_sequence = {1: 1, 2: 1}
        self.batches: list[tuple[Batch, list[str]]] = []
        """All that were settled, with their signers."""

    def teardown(self) -> None:
        """Compare the sequences; leave nothing behind."""
        if hasattr(self, "stage"):
            failing = sys.exc_info()[1]
            try:
                if failing is None:
                    settlement = self.stage.protocol.settlement
                    spent = [views.spent_view(settlement, *one) for one in sorted(self.touched)]
                    self._compare(self.stage.views.read(self.now, spent))
            except Disagreement as error:
                failing = error
                raise
            finally:
                self._exit.close()
                if isinstance(failing, Exception):  # Hypothesis ends sequences by other exceptions
                    what = getattr(failing, "what", type(failing).__name__)
                    World.failures.append((World.examples, self.steps, self.rule, what))

    @property
    def ledger(self) -> Ledger:
        return self.stage.ledger

    def begin(self, rule: str, raw: bytes) -> Choices:
        """Every rule begins with this."""
        self.steps += 1
        self.rule = rule
        self.losers = set()
        return Choices(raw)

    @property
    def now(self) -> int:
        return self.ledger.now

    def open_disputes(self) -> list[Claim]:
        """Claims under dispute."""
        return [claim for claim in self.ledger.claims if claim.pending]

    # ---- invariants ---------------------------------------------------------------------------------

    @invariant()
    def contracts_and_ledger_agree(self) -> None:
        """Invariants 1 and 5 hold for what the contracts say, and every view says what the ledger says."""
        if not hasattr(self, "stage"):
            return
        before = self.stage.seen
        settlement = self.stage.protocol.settlement
        more = [
            views.dispute_view(settlement, index, claim.id)
            for index, claim in enumerate(self.ledger.claims)
            if claim.status
        ]
        more += [
            views.spent_today_view(self.stage.protocol.escrow, patient)
            for patient, wallet in self.ledger.wallets.items()
            if wallet.limits.at(self.ledger.now).day
        ]
        answers = list(self.stage.views.read(self.now, more))
        seen = {view.label: answer for view, answer in answers}
        self._check_solvent(seen)
        self._check_nobody_robbed(before, seen)
        self._compare(answers)
        self.stage.seen = seen

    def _compare(self, answers: Iterable[tuple[views.View, views.Words]]) -> None:
        for view, answer in answers:
            expected = tuple(view.expected(self.ledger))
            if answer != expected:
                what = INVARIANT_OF.get(view.kind, f"view {view.kind}")
                require(False, what, f"{view.label}: ledger {expected}, contract {answer}")

    def _check_solvent(self, seen: dict[str, views.Words]) -> None:
        """Invariant 1: tokens are what is owed, and what was donated."""
        p, ledger = self.stage.protocol, self.ledger
        owed = {p.escrow.address: sum(seen[f"balanceOf {patient[:6]}"][0] for patient in self.stage.patients)}
        accounts = [seen[f"creditOf ({i},)"] for i in (1, 2)]
        accounts += [seen[f"feesOf {(operator,)}"] for operator in self.stage.operators]
        owed[p.settlement.address] = sum(
            matured + maturing + held + bond - advanced
            for matured, maturing, held, bond, advanced, *_ in accounts
        )
        for payer_id, payer in p.payer_contracts.items():
            owed[payer.address] = seen[f"pool {payer_id} ()"][0]
            owed[p.settlement.address] += seen[f"refundOf ({payer_id},)"][0]
        for holder, amount in owed.items():
            tokens = seen[f"tokens {holder[:6]}"][0]
            require(
                tokens == amount + ledger.donated[holder], "invariant 1 (solvent)", (holder, tokens, amount)
            )

    def _check_nobody_robbed(self, before: dict[str, views.Words], seen: dict[str, views.Words]) -> None:
        """Invariant 5: withdrawable money falls only where the rule says whose may."""
        for label, old in before.items():
            kind, new = label.split()[0], seen.get(label)
            if new is None or new == old:
                continue
            if kind in ("balanceOf", "feesOf", "pool"):
                fell = new[0] < old[0]
            elif kind == "creditOf":
                fell = max(0, new[0] - new[5]) < max(0, old[0] - old[5]) or new[3] < old[3]
            else:
                continue
            require(not fell or label in self.losers, "invariant 5 (robbed)", (self.rule, label, old, new))

    def check_settled(self, endings: list[Ending], signed_at: int) -> None:
        """Invariants 2 to 4 on what a batch has settled."""
        for ending in endings:
            event, claim = ending.event, ending.claim
            where = event.header.provider, event.sequence
            if event.header.provider in self.ledger.providers:
                self.touched.add(where)
            if claim is not None or ending.reason in ("NOT_COVERED", "UNKNOWN_SERVICE"):
                require(where not in self.once, "invariant 3 (once)", where)
                self.once.add(where)
            if claim is None:
                continue
            a = claim.settled
            require(min(*a.numbers(), a.responsibility, a.credit) >= 0, "invariant 2 (adds up)", a)
            total = a.plan_paid + a.second_paid + a.responsibility
            require(total == a.allowed <= claim.billed, "invariant 2 (adds up)", a)
            wallet = self.ledger.wallets[event.patient]
            consent = wallet.consent_to(event.header.provider).at(signed_at)
            limits = wallet.limits.at(signed_at)
            bounded = a.responsibility <= consent.limit and signed_at < consent.ends
            bounded = bounded and (not limits.event or a.responsibility <= limits.event)
            if limits.day and a.responsibility:
                bounded = bounded and wallet.spent[self.now // DAY] <= limits.day
            require(bounded, "invariant 4 (bounded)", (a, consent, limits))
            self._check_maximum(claim)

    def _check_maximum(self, claim: Claim) -> None:
        """Invariant 4, of a year: no member pays more than the highest out-of-pocket maximum of any plan."""
        payer, who = claim.event.header.payer, (claim.event.patient, claim.event.year)
        if payer == 0:
            return
        insurer = self.ledger.insurers[payer]
        claims = [one for one in insurer.members[who].claims if one.event.header.payer == payer]
        most = max(plan.oop_max for versions in insurer.plans.values() for _, plan in versions)
        require(sum(one.live.oop for one in claims) <= most, "invariant 4 (bounded)", who)
