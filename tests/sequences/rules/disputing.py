"""Rules of disputes: opened, joined, conceded, answered, ruled on, left lying; claims given back."""

from __future__ import annotations

from dataclasses import replace

from eth_hash.auto import keccak
from hypothesis.stateful import precondition, rule
from tests.sequences.harness.choices import BITS, Choices
from tests.sequences.harness.invariants import World
from tests.sequences.model.accounts import DAYS_TO_MATURE
from tests.sequences.model.claims import Claim, Status, scaled, word
from tests.sequences.model.ledger import DISPUTE_WINDOW, ZERO
from tests.sequences.model.timeline import DAY, HOUR, Refused
from tests.sequences.rules.insurers import Providers
from tests.sequences.rules.settling import Settling

DISPUTE = "DisputeClaim(bytes32 claimId,uint256 nonce,uint256 deadline)"


def has_claims(world: World) -> bool:
    return bool(world.ledger.claims)


class Disputing(Settling, Providers):
    """What becomes of settled claims."""

    def _lose(self, claim: Claim) -> None:
        """The provider, and the operator, may lose by it; nobody else."""
        self.losers = {f"creditOf ({claim.event.header.provider},)", f"feesOf {(claim.operator,)}"}

    def _recent(self, choices: Choices) -> Claim:
        """A claim, mostly one of the last that may still be disputed."""
        claims = self.ledger.claims[::-1]
        fresh = [claim for claim in claims if claim.settled_at + DISPUTE_WINDOW > self.now]
        return choices.of(fresh[:6]) if fresh and not choices.once_in(6) else choices.of(claims)

    @precondition(has_claims)
    @rule(bits=BITS)
    def claim_is_disputed(self, bits: bytes) -> None:
        """By the patient, called or signed, or by a payer; while the window lasts, and after it."""
        choices = self.begin("claim_is_disputed", bits)
        claim, party = self._recent(choices), choices.below(3)
        if self.ledger.party(claim, party) is None:
            party = 0
        if party == 0 and choices.once_in(2):
            self._dispute_signed(claim)
            return
        caller = self.ledger.party(claim, party)
        assert caller is not None
        self._dispute(claim, party, caller)

    @precondition(has_claims)
    @rule(bits=BITS)
    def dispute_is_refused(self, bits: bytes) -> None:
        """By strangers, with a forged proof or claim, under a bad signature, or in no state for it."""
        choices = self.begin("dispute_is_refused", bits)
        claim = self._recent(choices)
        flaw = choices.of(("stranger", "proof", "claim", "key", "nonce", "late", "mirror", "state", "state"))
        if flaw == "state":
            self._meddle(choices)
        elif flaw == "stranger":
            self._dispute(claim, choices.below(3), choices.of((self.stage.relay, self.stage.payouts[0])))
        elif flaw in ("proof", "claim"):
            self._dispute_forged(claim, flaw)
        else:
            self._dispute_signed(claim, flaw)

    @precondition(has_claims)
    @rule(bits=BITS)
    def old_claim_is_given_back(self, bits: bytes) -> None:
        """By its provider, after its credit has matured, and mostly after that was paid out."""
        choices = self.begin("old_claim_is_given_back", bits)
        standing = [claim for claim in self.ledger.claims if claim.status in (Status.NONE, Status.UPHELD)]
        claim = choices.of((standing or self.ledger.claims)[::-1])
        half_covered = [one for one in standing if self._is_half_covered(one)]
        if half_covered and choices.once_in(2):
            claim = choices.of(half_covered)
        number = claim.event.header.provider
        self._lose(claim)
        self.stage.wait(max(1, (claim.day + DAYS_TO_MATURE) * DAY + 1 - self.now))
        if not choices.once_in(4):
            stage, ledger = self.stage, self.ledger
            stage.extension_call("withdraw", stage.relay, (number,), ledger.pay_provider, number)
        self._give_back(claim, self._provider(choices, claim))

    @precondition(lambda self: any(self._debts()))
    @rule(bits=BITS)
    def debts_are_collected(self, bits: bytes) -> None:
        """Refunds that had to wait, mostly once they can move; receivables, mostly after more work."""
        choices = self.begin("debts_are_collected", bits)
        waiting, owing = self._debts()
        if waiting and (not owing or choices.once_in(2)):
            payer = choices.of(waiting)
            if not choices.once_in(3):
                self.stage.block(self.ledger.payer_addresses[payer], False)
            self.collect_refund_of(payer)
            return
        provider, payer = choices.of(owing)
        if not choices.once_in(3):
            signed_at = self._signed_at(choices)
            self._settle(choices, [self._insured(choices, signed_at, provider)], signed_at)
            self.stage.wait(DAYS_TO_MATURE * DAY)
        self.collect_receivable_of(provider, payer)

    def _debts(self) -> tuple[list[int], list[tuple[int, int]]]:
        """Payers whose refunds wait; providers that owe, and whom."""
        waiting = [payer for payer, amount in self.ledger.refunds.items() if amount]
        owed = [(number, one.account.owed) for number, one in self.ledger.providers.items()]
        return waiting, [(number, payer) for number, dues in owed for payer, due in dues.items() if due]

    def _is_half_covered(self, claim: Claim) -> bool:
        """Does the free bond alone cover the patient's part of a claim, and not all of it?"""
        account = self.ledger.providers[claim.event.header.provider].account
        return claim.settled.responsibility <= account.bond - account.advanced < claim.settled.allowed

    def _give_back(self, claim: Claim, caller: str) -> None:
        proven = claim.words(), claim.root_slot, list(claim.proof)
        self.stage.extension_call("void", caller, proven, self.ledger.void, claim, caller)

    def _meddle(self, choices: Choices) -> None:
        """Concede, answer, rule on or close a claim in whatever state it is."""
        ledger = self.ledger
        claim = self._recent(choices)
        self._lose(claim)
        payout = ledger.payout(claim.event.header.provider)
        way = choices.below(4)
        if way == 0:
            self.stage.extension_call("concede", payout, (claim.words(),), ledger.concede, claim, payout)
        elif way == 1:
            self.stage.extension_call(
                "answer", payout, (claim.words(), claim.id), ledger.answer, claim, payout
            )
        elif way == 2:
            self.stage.resolve(claim, ledger.arbiter, ZERO)
        else:
            self.stage.extension_call("close", payout, (claim.words(),), ledger.close, claim)

    def _dispute(self, claim: Claim, party: int, caller: str) -> None:
        proven = claim.words(), party, claim.root_slot, list(claim.proof)
        self.stage.extension_call("dispute", caller, proven, self.ledger.dispute, claim, party, caller)

    def _dispute_forged(self, claim: Claim, flaw: str) -> None:
        *head, amounts, shares, service, secondary = claim.words()
        proof = list(claim.proof)
        if flaw == "proof":
            proof = [*proof, keccak(claim.id)]
        else:
            assert isinstance(amounts, int)
            amounts += 1 << 128
        words = (*head, amounts, shares, service, secondary)
        arguments = words, 0, claim.root_slot, proof
        settlement = self.stage.protocol.settlement
        names = {"NotInBatch", "WindowOver"}
        self.stage.refuses(settlement, claim.event.patient, "dispute", arguments, names)

    def _dispute_signed(self, claim: Claim, flaw: str = "") -> None:
        patient, stage = claim.event.patient, self.stage
        deadline = self.now - 1 if flaw == "late" else self.now + HOUR
        nonce = self.ledger.wallets[patient].dispute_nonce + (flaw == "nonce")
        struct = keccak(keccak(DISPUTE.encode()) + claim.id + word(nonce) + word(deadline))
        signature = stage.sign(patient, stage.settlement_domain, struct, flaw)
        proof = list(claim.proof)

        def verb() -> None:
            if flaw == "late":
                raise Refused("SignatureExpired")
            if flaw:
                self.ledger.check_disputable(claim)
                raise Refused("InvalidPatientSignature")
            self.ledger.dispute(claim, 0, stage.relay, signed=True)

        arguments = claim.words(), claim.root_slot, proof, deadline, signature
        stage.act(stage.protocol.settlement, stage.relay, "disputeBySig", arguments, verb)

    @precondition(has_claims)
    @rule(bits=BITS)
    def dispute_is_heard(self, bits: bytes) -> None:
        """A dispute from its opening, through the answer, to the ruling."""
        choices = self.begin("dispute_is_heard", bits)
        claim = self._recent(choices)
        caller, provider = claim.event.patient, self.ledger.payout(claim.event.header.provider)
        self._lose(claim)
        self._dispute(claim, 0, caller)
        self.stage.wait(choices.of((1, DAY, HOUR)))
        arguments = claim.words(), keccak(claim.id)
        self.stage.extension_call("answer", provider, arguments, self.ledger.answer, claim, provider)
        self.stage.wait(choices.of((1, 3 * DAY, 8 * DAY, 13 * DAY)))
        ruling = scaled(claim.settled, [choices.below(5) for _ in range(8)])
        ruling = choices.of((ruling, ruling, ZERO))
        self.stage.resolve(claim, self.ledger.arbiter, ruling, stands=choices.once_in(6))

    @precondition(has_claims)
    @rule(bits=BITS)
    def provider_responds(self, bits: bytes) -> None:
        """Answers or concedes; sometimes somebody else tries to."""
        choices = self.begin("provider_responds", bits)
        claim = self._disputed(choices)
        caller = self._provider(choices, claim)
        if choices.once_in(3):
            self.stage.extension_call("concede", caller, (claim.words(),), self.ledger.concede, claim, caller)
        else:
            arguments = claim.words(), keccak(claim.id)
            self.stage.extension_call("answer", caller, arguments, self.ledger.answer, claim, caller)

    @precondition(has_claims)
    @rule(bits=BITS)
    def ruling_is_made(self, bits: bytes) -> None:
        """In full, in part, or not at all; sometimes out of bounds or by somebody else."""
        choices = self.begin("ruling_is_made", bits)
        claim = self._disputed(choices)
        if claim.status == Status.OPEN and not choices.once_in(4):
            provider = self.ledger.payout(claim.event.header.provider)
            arguments = claim.words(), keccak(claim.id)
            self.stage.extension_call("answer", provider, arguments, self.ledger.answer, claim, provider)
        ruling = choices.of(
            (ZERO, claim.settled, *[scaled(claim.settled, [choices.below(5) for _ in range(8)])] * 2)
        )
        if choices.once_in(8):
            more = choices.of(("plan_paid", "second_paid", "fee", "coinsurance", "allowed"))
            ruling = replace(ruling, **{more: getattr(ruling, more) + choices.of((1, 50_000_000))})
        caller = (
            self.ledger.arbiter
            if not choices.once_in(8)
            else choices.of((self.stage.relay, self.ledger.governor))
        )
        stands = ruling == claim.settled and choices.once_in(2)
        self.stage.resolve(claim, caller, ruling, stands)

    @precondition(has_claims)
    @rule(bits=BITS)
    def dispute_is_closed(self, bits: bytes) -> None:
        """By anybody, once somebody has let a deadline pass."""
        choices = self.begin("dispute_is_closed", bits)
        claim = self._disputed(choices)
        if not choices.once_in(3) and claim.deadline > self.now:
            self.stage.wait(claim.deadline - self.now)
        self.stage.extension_call("close", self.stage.relay, (claim.words(),), self.ledger.close, claim)

    @precondition(has_claims)
    @rule(bits=BITS)
    def claim_is_given_back(self, bits: bytes) -> None:
        """By its provider, undisputed: before it has matured, and after."""
        choices = self.begin("claim_is_given_back", bits)
        claim = self._recent(choices)
        self._lose(claim)
        payer = claim.event.header.payer
        if payer and self.stage.unruly and choices.once_in(2):
            self.stage.block(self.ledger.payer_addresses[payer], True)
        caller = self._provider(choices, claim)
        self._allow_missing(choices, claim, caller)
        self._give_back(claim, caller)

    def _allow_missing(self, choices: Choices, claim: Claim, caller: str) -> None:
        """Perhaps somebody has the credit paid out first; the caller may let its own tokens be taken."""
        provider = claim.event.header.provider
        if choices.once_in(2):
            self.losers.add(f"creditOf ({provider},)")
            self.stage.extension_call(
                "withdraw", self.stage.relay, (provider,), self.ledger.pay_provider, provider
            )
        share = claim.settled.responsibility
        amount = choices.of((0, share, 2 * share, share // 2))
        self.stage.approve(caller, self.stage.protocol.settlement, amount)

    def _disputed(self, choices: Choices) -> Claim:
        """A claim under dispute; where there is none, its patient disputes one, if that may be."""
        open_ones = self.open_disputes()
        claim = choices.of(open_ones) if open_ones else self._recent(choices)
        self._lose(claim)
        if not open_ones:
            self._dispute(claim, 0, claim.event.patient)
        return claim

    def _provider(self, choices: Choices, claim: Claim) -> str:
        if choices.once_in(8):
            return choices.of((self.stage.relay, claim.event.patient, *self.stage.payouts))
        return self.ledger.payout(claim.event.header.provider)
