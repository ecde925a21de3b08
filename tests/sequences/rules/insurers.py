"""Rules of insurers and providers: pools, terms, members, acceptances; prices, payouts, bonds."""

from __future__ import annotations

from hypothesis.stateful import rule
from tests.sequences.harness.choices import BITS, Choices
from tests.sequences.harness.invariants import World
from tests.sequences.harness.participants import DOLLAR, PLANS
from tests.sequences.model.accounts import DAYS_TO_MATURE, Account
from tests.sequences.model.insurers import MOST_OF_A_YEAR
from tests.sequences.model.pricing import Fee
from tests.sequences.model.timeline import DAY
from tests.support.deployment import COPAY, COSMETIC, REFILL, SHARED, THERAPY, VISIT

SERVICES = (VISIT, REFILL, THERAPY, COSMETIC)


def hostile_opening(choices: Choices) -> tuple[int, int, int]:
    """Opening entries at the most that there may be, and above it; near what 64 bits hold."""
    if not choices.once_in(3):
        return MOST_OF_A_YEAR, MOST_OF_A_YEAR, MOST_OF_A_YEAR
    entries = (0, MOST_OF_A_YEAR, 2**64 - 1, MOST_OF_A_YEAR + 1, 2**64 - 300 * DOLLAR)
    return choices.of(entries), choices.of(entries), choices.of(entries)


class Insurers(World):
    """What insurers do, and others in their place."""

    @rule(bits=BITS)
    def insurer_moves_pool(self, bits: bytes) -> None:
        """Deposit; ask, call off and take a withdrawal."""
        choices = self.begin("insurer_moves_pool", bits)
        payer = choices.of((1, 2))
        owner, insurer = self.ledger.owners[payer], self.ledger.insurers[payer]
        self.losers = {f"pool {payer} ()"}
        if choices.once_in(3):
            self.stage.fund_payer(payer, choices.of((500 * DOLLAR, 1, 40 * DOLLAR, 0)))
            return
        contract = self.stage.protocol.payer_contracts[payer]
        if insurer.request is not None and not choices.once_in(4):
            self.stage.act(contract, owner, "withdraw", (), lambda: self.ledger.withdraw_pool(payer, owner))
        elif choices.once_in(5):
            self.stage.insurer_verb(payer, owner, "cancelWithdrawal", (), insurer.cancel)
        else:
            almost_all = max(0, insurer.balance - choices.of((0, 10, 100, 300)) * DOLLAR)
            amount = choices.of((almost_all, 50 * DOLLAR, insurer.balance + 1, 0))
            verb = lambda: insurer.ask(amount, self.now)  # noqa: E731
            self.stage.insurer_verb(payer, owner, "requestWithdrawal", (amount,), verb)

    @rule(bits=BITS)
    def insurer_publishes(self, bits: bytes) -> None:
        """A plan's or a fee's next version, sometimes too soon."""
        choices = self.begin("insurer_publishes", bits)
        payer = choices.of((1, 2))
        self._publish(choices, payer, self.ledger.owners[payer])

    def _publish(self, choices: Choices, payer: int, caller: str) -> None:
        at = choices.of((0, 0, self.now + DAY, self.now + 3 * DAY, self.now + DAY - 1))
        if choices.once_in(2):
            self.stage.publish_plan(payer, caller, choices.of((1, 2)), choices.of(PLANS), at)
            return
        amount = choices.of((150, 80, 200, 33, 0)) * DOLLAR
        category = choices.of((SHARED, COPAY, 9))
        fee = Fee(amount, category, choices.of((4, 1, 6)), choices.of((0, 4, 2)))
        self.stage.publish_fee(payer, caller, choices.of(SERVICES), fee, at)

    @rule(bits=BITS)
    def insurer_accepts_providers(self, bits: bytes) -> None:
        """Accept a provider, or stop after notice."""
        choices = self.begin("insurer_accepts_providers", bits)
        payer, provider = choices.of((1, 2)), choices.of((1, 2))
        self._accept(payer, provider, self.ledger.owners[payer], ends=choices.once_in(3))

    def _accept(self, payer: int, provider: int, caller: str, *, ends: bool) -> None:
        insurer = self.ledger.insurers[payer]
        spans = insurer.acceptances.get(provider)
        if ends and not (spans and spans[-1][1]):
            verb = lambda: insurer.end_acceptance(provider, self.now)  # noqa: E731
            self.stage.insurer_verb(payer, caller, "endProviderAcceptance", (provider,), verb)
        else:
            self.stage.accept_provider(payer, caller, provider)

    @rule(bits=BITS)
    def insurer_moves_members(self, bits: bytes) -> None:
        """Enrol and resume with opening entries, change plans, end coverage."""
        choices = self.begin("insurer_moves_members", bits)
        payer = choices.of((1, 2))
        self._move_member(choices, payer, self.ledger.owners[payer])

    def _move_member(self, choices: Choices, payer: int, caller: str) -> None:
        ledger, insurer = self.ledger, self.ledger.insurers[payer]
        member, year = choices.of(self.stage.patients), choices.of((2024, 2025))
        plan, known = choices.of((1, 2, 1, 2, 1, 2, 3)), insurer.members.get((member, year))
        ended = known is None or (known.ends and known.ends <= self.now)
        if ended or choices.once_in(5):
            opening = choices.of(((0, 0, 0), (20 * DOLLAR, 90 * DOLLAR, 100 * DOLLAR)))
            if choices.once_in(6):
                opening = hostile_opening(choices)
            family = known.family if known is not None and not choices.once_in(8) else choices.of((0, 7))
            self.stage.enrol(payer, member, year, plan, family, opening, caller)
        elif choices.once_in(3):
            self.stage.insurer_verb(
                *(payer, caller, "endCoverage", (member, year)),
                lambda: insurer.end_coverage(member, year, ledger.now),
            )
        else:
            self.stage.insurer_verb(
                *(payer, caller, "changePlan", (member, year, plan)),
                lambda: insurer.change_plan(member, year, plan, ledger.now),
            )

    @rule(bits=BITS)
    def stranger_poses_as_insurer(self, bits: bytes) -> None:
        """Anything that only the owner may do."""
        choices = self.begin("stranger_poses_as_insurer", bits)
        payer = choices.of((1, 2))
        caller = choices.of((self.stage.relay, self.ledger.owners[3 - payer], self.stage.patients[0]))
        way = choices.below(4)
        if way == 0:
            self._publish(choices, payer, caller)
        elif way == 1:
            self._accept(payer, choices.of((1, 2)), caller, ends=choices.once_in(2))
        elif way == 2:
            self._move_member(choices, payer, caller)
        else:
            contract = self.stage.protocol.payer_contracts[payer]
            self.stage.act(contract, caller, "withdraw", (), lambda: self.ledger.withdraw_pool(payer, caller))


class Providers(World):
    """What providers do with their prices, payouts and bonds."""

    @rule(bits=BITS)
    def provider_manages(self, bits: bytes) -> None:
        """Publish a cash price; announce another payout address, or call it off."""
        choices = self.begin("provider_manages", bits)
        provider, ledger = choices.of((1, 2)), self.ledger
        caller = self._caller(choices, provider)
        registry = self.stage.protocol.registry
        way = choices.below(4)
        if way == 2:
            payout = choices.of(self.stage.payouts)
            self.stage.act(
                *(registry, caller, "announcePayoutAddress", (provider, payout)),
                lambda: ledger.announce_payout(provider, caller, payout),
            )
        elif way == 3:
            verb = lambda: ledger.cancel_payout(provider, caller)  # noqa: E731
            self.stage.act(registry, caller, "cancelPayoutAddress", (provider,), verb)
        else:
            amount = choices.of((120, 60, 0, 240)) * DOLLAR
            self.stage.publish_cash(provider, caller, choices.of(SERVICES[:3]), amount)

    @rule(bits=BITS)
    def provider_changes_attesters(self, bits: bytes) -> None:
        """Add, revoke and rotate keys and a wallet; some come back after they were revoked."""
        choices = self.begin("provider_changes_attesters", bits)
        provider = choices.of((1, 2))
        caller, standing = self._caller(choices, provider), self.ledger.providers[provider].attesters
        absent = [one for one in self.stage.attesters if one not in standing]
        newcomer = choices.of(absent or self.stage.attesters) if not choices.once_in(8) else self.stage.relay
        retired = choices.of(list(standing) or self.stage.attesters)
        if choices.once_in(8):
            newcomer, retired = retired, newcomer
        way = choices.of(("revoke", "add", "rotate", "revoke", "add"))
        if way == "add" or (len(standing) < 2 and not choices.once_in(4)):
            self.stage.attester_verb("addAttester", provider, caller, newcomer)
        elif way == "revoke":
            self.stage.attester_verb("revokeAttester", provider, caller, retired)
        else:
            self.stage.attester_verb("rotateAttester", provider, caller, retired, newcomer)

    def _caller(self, choices: Choices, provider: int) -> str:
        return self.ledger.payout(provider) if not choices.once_in(6) else choices.of(self.stage.payouts)

    @rule(bits=BITS)
    def credit_is_paid_out(self, bits: bytes) -> None:
        """Anybody has a provider or an operator paid what has matured."""
        choices = self.begin("credit_is_paid_out", bits)
        stage, ledger = self.stage, self.ledger
        if choices.once_in(8):
            self.collect_refund_of(choices.of((1, 2)))
            self.collect_receivable_of(choices.of((1, 2)), choices.of((1, 2)))
        elif choices.once_in(3):
            operator = choices.of(stage.operators)
            ledger.operators.setdefault(operator, Account())
            self.losers = {f"feesOf {(operator,)}"}
            stage.extension_call("withdrawFees", stage.relay, (operator,), ledger.pay_operator, operator)
        else:
            provider = choices.of((1, 2))
            self.losers = {f"creditOf ({provider},)"}
            lots = ledger.providers[provider].account.lots
            if lots and not choices.once_in(3):
                stage.wait(max(1, (min(lots) + DAYS_TO_MATURE) * DAY - self.now))
            stage.extension_call("withdraw", stage.relay, (provider,), ledger.pay_provider, provider)

    @rule(bits=BITS)
    def provider_uses_bond(self, bits: bytes) -> None:
        """Deposit a bond, take it back, draw advances against it."""
        choices = self.begin("provider_uses_bond", bits)
        ledger = self.ledger
        able = [number for number, one in ledger.providers.items() if one.account.maturing]
        provider = choices.of(able or (1, 2)) if not choices.once_in(4) else choices.of((1, 2))
        caller = self._caller(choices, provider)
        self.losers = {f"creditOf ({provider},)"}
        way = choices.below(6)
        if way == 0:
            self.stage.deposit_bond(provider, caller, choices.of((90 * DOLLAR, 1, 0)))
        elif way == 1:
            self.stage.extension_call(
                "withdrawBond", caller, (provider,), ledger.withdraw_bond, provider, caller
            )
        else:
            self._draw(provider, caller, choices.of((1, 1, 2, 3)))
            self._draw(provider, caller, choices.of((0, 0, 1)))

    def _draw(self, provider: int, caller: str, share: int) -> None:
        """Draw this share of what may be drawn; 0: something more than that."""
        most = self.ledger.providers[provider].account.advanceable
        amount = most // share if share else most + 1
        arguments = provider, amount
        self.stage.extension_call(
            "drawAdvance", caller, arguments, self.ledger.draw_advance, provider, caller, amount
        )

    def collect_refund_of(self, payer: int) -> None:
        stage, ledger = self.stage, self.ledger
        stage.extension_call("collectRefund", stage.relay, (payer,), ledger.collect_refund, payer)

    def collect_receivable_of(self, provider: int, payer: int) -> None:
        stage, ledger = self.stage, self.ledger
        debt = provider, payer
        stage.extension_call("collectReceivable", stage.relay, debt, ledger.collect_receivable, *debt)
