"""Rules about what the contracts remember of the last charge, and may read in place of what it is about."""

from __future__ import annotations

from dataclasses import replace

from hypothesis.stateful import rule
from tests.sequences.harness.choices import BITS, Choices
from tests.sequences.harness.participants import DOLLAR, OPENING_PLAN, PLANS, STANDARD_PLAN
from tests.sequences.model.claims import Header
from tests.sequences.model.ledger import Section
from tests.sequences.model.timeline import DAY, HOUR, MAX_BATCH_LIFE
from tests.sequences.model.wallets import Consent, Limits
from tests.sequences.rules.insurers import Insurers
from tests.sequences.rules.settling import Settling


class Remembering(Insurers, Settling):
    """A charge; something changes; a charge again, or a withdrawal."""

    @rule(bits=BITS)
    def consent_changes_after_a_charge(self, bits: bytes) -> None:
        """A patient with a limit for one event is charged by its consent, changes it, and is charged again by
        either provider, around the end of the notice."""
        choices = self.begin("consent_changes_after_a_charge", bits)
        patients = [one for one in self.stage.patients if not self._payers(one, self.now)[1]]
        patient, provider = choices.of(patients or self.stage.patients), choices.of((1, 2))
        limits = Limits(110 * DOLLAR, choices.of((0, 400 * DOLLAR)))
        self.stage.patient_verb(
            patient, "setLimits", tuple(limits), lambda: self.ledger.set_limits(patient, limits)
        )
        self._grant(patient, provider, Consent(2_000 * DOLLAR, self.now + 10 * DAY, choices.once_in(2)))
        self.stage.wait(DAY + MAX_BATCH_LIFE)
        self._charge(choices, patient, provider)
        if choices.once_in(2):
            wallet = self.ledger.wallets[patient]
            revoked = (provider,), lambda: wallet.revoke(provider, self.now)
            self.stage.patient_verb(patient, "revokeConsent", *revoked)
        elif choices.once_in(2):
            self._grant(patient, provider, Consent(25 * DOLLAR, self.now + 10 * DAY))
        self.stage.wait(choices.of((DAY, DAY + 1, DAY - 1, HOUR)))
        self._charge(choices, patient, choices.of((provider, provider, 3 - provider)))

    @rule(bits=BITS)
    def terms_change_after_a_charge(self, bits: bytes) -> None:
        """An insurer prices one event alone by plain terms, ends its acceptance of a provider or publishes a
        plan, and prices again for either provider, around the end of the notice, or by the old version."""
        choices = self.begin("terms_change_after_a_charge", bits)
        patients = [one for one in self.stage.patients if self._payers(one, self.now)[0]]
        patient, provider = choices.of(patients or self.stage.patients), choices.of((1, 2))
        payer = self._payers(patient, self.now)[0] or 1
        owner, plan = self.ledger.owners[payer], self._plan_of(payer, patient)
        self._grant(patient, provider, Consent(2_000 * DOLLAR, self.now + 10 * DAY))
        if not self.ledger.insurers[payer].accepts(provider, self.now):
            self._accept(payer, provider, owner, ends=False)
        if choices.once_in(2):
            self.stage.publish_plan(payer, owner, plan, choices.of((OPENING_PLAN, STANDARD_PLAN)), 0)
        self.stage.wait(choices.of((DAY + MAX_BATCH_LIFE, DAY + MAX_BATCH_LIFE, DAY)))
        self._charge(choices, patient, provider)
        ends = choices.once_in(2)
        if ends:
            self._accept(payer, choices.of((provider, provider, 3 - provider)), owner, ends=True)
        else:
            self.stage.publish_plan(payer, owner, plan, choices.of(PLANS), 0)
        if choices.once_in(2):
            self._charge(choices, patient, provider)
        self.stage.wait(choices.of((DAY, DAY + 1, DAY - 1, HOUR)))
        again = choices.of((provider, provider, 3 - provider))
        self._charge(choices, patient, again, versions_back=int(not ends and not choices.once_in(4)))

    @rule(bits=BITS)
    def patient_is_charged_before_it_withdraws(self, bits: bytes) -> None:
        """All that a patient has is to be paid out; it is charged, deposits and takes what it may."""
        choices = self.begin("patient_is_charged_before_it_withdraws", bits)
        patient = choices.of(self.stage.patients)
        wallet = self.ledger.wallets[patient]
        if wallet.request is not None:
            self.stage.patient_verb(patient, "cancelWithdrawal", (), wallet.cancel)
        amount = wallet.balance
        verb = (amount,), lambda: wallet.ask(amount, self.now)
        self.stage.patient_verb(patient, "requestWithdrawal", *verb)
        self._charge(choices, patient, choices.of((1, 2)))
        self.stage.deposit(patient, choices.of((400 * DOLLAR, 50 * DOLLAR, 1)))
        self.stage.wait(choices.of((DAY, DAY, DAY - 1)))
        self.losers |= {f"balanceOf {patient[:6]}"}
        self.stage.patient_verb(patient, "withdraw", (), lambda: self.ledger.withdraw(patient))

    def _plan_of(self, payer: int, patient: str) -> int:
        member = self.ledger.insurers[payer].members.get((patient, self.ledger.year))
        return member.plans.at(self.now) if member else 1

    def _grant(self, patient: str, provider: int, consent: Consent) -> None:
        verb = (provider, *consent), lambda: self.ledger.grant(patient, provider, consent)
        self.stage.patient_verb(patient, "grantConsent", *verb)

    def _charge(self, choices: Choices, patient: str, provider: int, *, versions_back: int = 0) -> None:
        """One event of one patient, signed just now; by terms in force, or so many versions before."""
        if not self._free_slots():
            self._signed_at(choices)
        first, second = self._payers(patient, self.now)
        header = self._under_plans(Header(provider, first, 0, 0, second), patient, self.ledger.year)
        header = self._in_force(header, self.now)
        header = replace(header, version=max(0, header.version - versions_back))
        event = self._event(choices, header, patient, self.ledger.year)
        self._settle(choices, [Section(event.header, (event,))], self.now)
