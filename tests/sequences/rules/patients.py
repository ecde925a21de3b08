"""Rules of patients: money in and out, payers, limits, consents; called and signed, well and badly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eth_hash.auto import keccak
from hypothesis.stateful import rule
from tests.sequences.harness.choices import BITS, Choices
from tests.sequences.harness.invariants import World
from tests.sequences.harness.participants import CENT, DOLLAR
from tests.sequences.model.claims import word
from tests.sequences.model.timeline import DAY, HOUR, Refused
from tests.sequences.model.wallets import WITHDRAWAL_LIFE, Consent, Limits

AMOUNTS = (100 * DOLLAR, 1, 30 * DOLLAR, 2_000 * DOLLAR, 777_777, 450 * DOLLAR)
PERMIT = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
RECEIVE = (
    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
    "bytes32 nonce)"
)

Verb = tuple[str, tuple[Any, ...], Callable[[], Any]]
"""A patient's verb: its function, arguments, and what the ledger does."""


class Patients(World):
    """What patients do."""

    # ---- deposits -----------------------------------------------------------------------------------

    @rule(bits=BITS)
    def patient_deposits(self, bits: bytes) -> None:
        """Plainly, by permit, or by an authorization that somebody else submits."""
        choices = self.begin("patient_deposits", bits)
        patient, amount = choices.of(self.stage.patients), choices.of(AMOUNTS)
        way = choices.of((self.stage.deposit, self._deposit_with_permit, self._deposit_with_authorization))
        if self.stage.unruly:
            way = self.stage.deposit  # that token has neither
        way(patient, amount)

    @rule(bits=BITS)
    def patient_deposits_badly(self, bits: bytes) -> None:
        """Nothing at all, with a bad permit, or by an authorization that is used, late, early or altered."""
        choices = self.begin("patient_deposits_badly", bits)
        patient, amount = choices.of(self.stage.patients), choices.of(AMOUNTS)
        flaw = choices.of(("nothing", "permit", "used", "late", "early", "field"))
        if flaw == "nothing" or self.stage.unruly:
            self.stage.deposit(patient, 0)
        elif flaw == "permit":
            self._deposit_with_permit(patient, amount, forged=True)
        else:
            self._deposit_with_authorization(patient, amount, flaw)

    def _deposit_with_permit(self, patient: str, amount: int, *, forged: bool = False) -> None:
        p, stage = self.stage.protocol, self.stage
        nonce, deadline = p.token.read("nonces", patient), self.now + HOUR
        words = int(patient, 16), int(p.escrow.address, 16), amount, nonce, deadline
        struct = keccak(PERMIT.encode()) + b"".join(map(word, words))
        signature = stage.sign(patient, stage.token_domain, keccak(struct), "key" if forged else "")
        v, r, s = signature[64], signature[:32], signature[32:64]

        def verb() -> None:
            if forged:
                raise Refused("ERC20InsufficientAllowance")
            self.ledger.deposit(patient, amount)

        stage.act(p.escrow, patient, "depositWithPermit", (amount, deadline, v, r, s), verb)

    def _deposit_with_authorization(self, patient: str, amount: int, flaw: str = "") -> None:
        p, stage, used = self.stage.protocol, self.stage, self.ledger.authorizations
        mine = sorted(nonce for owner, nonce in used if owner == patient)
        nonce = mine[0] if flaw == "used" and mine else keccak(word(len(used)))
        after = self.now if flaw == "early" else self.now - 1
        before = self.now if flaw == "late" else self.now + HOUR
        numbers = amount, after, before, int.from_bytes(nonce, "big")
        words = int(patient, 16), int(p.escrow.address, 16), *numbers
        struct = keccak(RECEIVE.encode()) + b"".join(map(word, words))
        signature = stage.sign(patient, stage.token_domain, keccak(struct))
        credited = amount + (flaw == "field")

        def verb() -> None:
            if flaw == "late":
                raise Refused("AuthorizationExpired")
            if flaw == "early":
                raise Refused("AuthorizationNotYetValid")
            if (patient, nonce) in used:
                raise Refused("AuthorizationUsedOrCanceled")
            if flaw == "field":
                raise Refused("InvalidAuthorizationSignature")
            self.ledger.deposit(patient, amount)
            used.add((patient, nonce))

        arguments = patient, credited, after, before, nonce, signature
        stage.act(p.escrow, stage.relay, "depositWithAuthorization", arguments, verb)

    # ---- verbs, called or signed --------------------------------------------------------------------

    @rule(bits=BITS)
    def patient_withdraws(self, bits: bytes) -> None:
        """Ask, call off, take: in time, too early, too late."""
        choices = self.begin("patient_withdraws", bits)
        patient = choices.of(self.stage.patients)
        self.losers = {f"balanceOf {patient[:6]}"}
        request = self.ledger.wallets[patient].request
        if request is not None and choices.once_in(3):
            self.stage.deposit(patient, choices.of(AMOUNTS))
        if request is not None and choices.once_in(2):
            times = request.available_at, request.available_at - 1, request.available_at + WITHDRAWAL_LIFE
            self.stage.wait(max(1, choices.of(times) - self.now))
        self._do(choices, patient, self._withdrawing(choices, patient))

    @rule(bits=BITS)
    def patient_accepts_payers(self, bits: bytes) -> None:
        """Name, change and drop payers."""
        choices = self.begin("patient_accepts_payers", bits)
        patient = choices.of(self.stage.patients)
        self._do(choices, patient, self._accepting(choices, patient))

    @rule(bits=BITS)
    def patient_sets_limits(self, bits: bytes) -> None:
        """Raise and lower limits."""
        choices = self.begin("patient_sets_limits", bits)
        patient = choices.of(self.stage.patients)
        self._do(choices, patient, self._limiting(choices, patient))

    @rule(bits=BITS)
    def patient_consents(self, bits: bytes) -> None:
        """Widen, narrow and revoke consents."""
        choices = self.begin("patient_consents", bits)
        patient = choices.of(self.stage.patients)
        self._do(choices, patient, self._consenting(choices, patient))

    @rule(bits=BITS)
    def patient_signs_badly(self, bits: bytes) -> None:
        """Any verb under a signature that must not count."""
        choices = self.begin("patient_signs_badly", bits)
        patient = choices.of(self.stage.patients)
        kinds = self._withdrawing, self._accepting, self._limiting, self._consenting, self._voiding
        function, arguments, verb = choices.of(kinds)(choices, patient)
        flaw = choices.of(("nonce", "key", "late", "field", "mirror"))
        self.stage.patient_verb(patient, function, arguments, verb, signed=True, flaw=flaw)

    def _do(self, choices: Choices, patient: str, verb: Verb) -> None:
        self.stage.patient_verb(patient, *verb, signed=choices.once_in(2))

    def _withdrawing(self, choices: Choices, patient: str) -> Verb:
        wallet, ledger = self.ledger.wallets[patient], self.ledger
        way = choices.of(("withdraw", "withdraw", "cancel", "request") if wallet.request else ("request",))
        if way == "withdraw" or (way == "request" and choices.once_in(8)):
            return "withdraw", (), lambda: ledger.withdraw(patient)
        if way == "cancel" or choices.once_in(8):
            return "cancelWithdrawal", (), wallet.cancel
        if choices.once_in(6):
            return self._voiding(choices, patient)
        amount = choices.of((wallet.balance, *AMOUNTS[:3], wallet.balance, wallet.balance + 1, 0))
        return "requestWithdrawal", (amount,), lambda: wallet.ask(amount, self.now)

    def _accepting(self, choices: Choices, patient: str) -> Verb:
        pair = choices.of(((1, 0), (1, 2), (2, 0), (2, 1), (0, 0), (1, 0), (1, 2), (0, 1), (1, 1), (1, 3)))
        return "acceptPayer", pair, lambda: self.ledger.accept_payers(patient, pair)

    def _limiting(self, choices: Choices, patient: str) -> Verb:
        event = choices.of((0, 300 * DOLLAR, 25 * DOLLAR, 110 * DOLLAR))
        limits = Limits(event, choices.of((0, 400 * DOLLAR, 60 * DOLLAR, 150 * DOLLAR)))
        if choices.once_in(12):
            limits = limits._replace(event=CENT + 1)
        return "setLimits", limits, lambda: self.ledger.set_limits(patient, limits)

    def _consenting(self, choices: Choices, patient: str) -> Verb:
        provider = choices.of((1, 2, 1, 2, 1, 2, 3))
        if choices.once_in(4):
            return (
                "revokeConsent",
                (provider,),
                lambda: self.ledger.wallets[patient].revoke(provider, self.now),
            )
        limit = choices.of((2_000 * DOLLAR, 100 * DOLLAR, 25 * DOLLAR, 0))
        ends = choices.of(
            (2**40 - 1, self.now + 10 * DAY, self.now + 3 * HOUR, self.now + 10 * DAY, self.now)
        )
        consent = Consent(limit, ends, choices.once_in(2))
        return "grantConsent", (provider, *consent), lambda: self.ledger.grant(patient, provider, consent)

    def _voiding(self, choices: Choices, patient: str) -> Verb:
        return "useNonce", (), lambda: None
