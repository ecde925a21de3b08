"""The state machine: rules of everybody who takes part, of the governor, of time and of the token."""

from __future__ import annotations

from hypothesis.stateful import precondition, rule
from tests.sequences.harness.choices import BITS
from tests.sequences.harness.participants import CENT, DOLLAR
from tests.sequences.model.timeline import DAY, HOUR, MINUTE
from tests.sequences.rules.disputing import Disputing
from tests.sequences.rules.patients import Patients
from tests.sequences.rules.remembered_charges import Remembering


class Machine(Patients, Remembering, Disputing):
    """Every operation, in any order."""

    # ---- time ---------------------------------------------------------------------------------------

    @rule(bits=BITS)
    def time_passes(self, bits: bytes) -> None:
        """From a second to days."""
        choices = self.begin("time_passes", bits)
        self.stage.wait(choices.of((MINUTE, 1, HOUR, 6 * HOUR, DAY, 2 * DAY, 4 * DAY, 8 * DAY)))

    @rule(bits=BITS)
    def time_comes_to_an_edge(self, bits: bytes) -> None:
        """To the moment at which something changes, the second before or the second after."""
        choices = self.begin("time_comes_to_an_edge", bits)
        edges = self.ledger.edges()[: choices.of((6, 6, 40))]
        if edges:
            self.stage.wait(max(1, choices.of(edges) + choices.of((0, -1, 1)) - self.now))

    # ---- governor -----------------------------------------------------------------------------------

    @rule(bits=BITS)
    def governor_governs(self, bits: bytes) -> None:
        """Suspend and reinstate, pause and resume, change the fee, change the quorum."""
        choices = self.begin("governor_governs", bits)
        self._govern(self.ledger.governor, choices.below(6), choices.below(256))

    @rule(bits=BITS)
    def stranger_governs(self, bits: bytes) -> None:
        """The same by somebody who may not."""
        choices = self.begin("stranger_governs", bits)
        caller = choices.of((self.stage.relay, self.ledger.owners[1], self.stage.payouts[0]))
        self._govern(caller, choices.below(6), choices.below(256))

    def _govern(self, caller: str, way: int, how: int) -> None:
        stage, ledger = self.stage, self.ledger
        provider, epoch = how % 2 + 1, len(ledger.epochs)
        if way == 0:
            suspends = not ledger.providers[provider].account.suspended
            function = "suspend" if suspends else "reinstate"
            stage.extension_call(function, caller, (provider,), ledger.suspend, caller, provider, suspends)
        elif way == 1:
            pauses = ledger.paused == (how % 8 == 7)
            stage.extension_call(
                "pause" if pauses else "unpause", caller, (), ledger.set_paused, caller, pauses
            )
        elif way == 2:
            fee = (0, 50 * CENT, DOLLAR, DOLLAR + 1)[how % 4], (0, 100, 500, 250)[how // 4 % 4]
            stage.extension_call("setOperatorFee", caller, fee, ledger.set_operator_fee, caller, *fee)
        elif way == 3:
            ending = epoch - (how % 3) // 2
            stage.extension_call("endEpoch", caller, (ending,), ledger.end_epoch, caller, ending)
        else:
            members = stage.oracles[how % 2 : how % 2 + 3]
            if how % 16 == 15:
                members = members[::-1]
            quorum = members, how // 2 % 4
            stage.extension_call("openEpoch", caller, quorum, ledger.open_epoch, caller, *quorum)

    @precondition(
        lambda self: (
            self.ledger.paused
            or self._nobody_signs()
            or any(p.account.suspended for p in self.ledger.providers.values())
        )
    )
    @rule(bits=BITS)
    def governor_relents(self, bits: bytes) -> None:
        """Let what was stopped go on, so that a sequence does not end in idleness."""
        self.begin("governor_relents", bits)
        stage, ledger, governor = self.stage, self.ledger, self.ledger.governor
        if ledger.paused:
            stage.extension_call("unpause", governor, (), ledger.set_paused, governor, False)
        if self._nobody_signs():
            quorum = stage.oracles[:3], 2
            stage.extension_call("openEpoch", governor, quorum, ledger.open_epoch, governor, *quorum)
        for number, provider in ledger.providers.items():
            if provider.account.suspended:
                stage.extension_call(
                    "reinstate", governor, (number,), ledger.suspend, governor, number, False
                )

    def _nobody_signs(self) -> bool:
        """Has the newest epoch ended?"""
        return bool(self.ledger.epochs[len(self.ledger.epochs)].ends)

    # ---- the token ----------------------------------------------------------------------------------

    @rule(bits=BITS)
    def somebody_donates(self, bits: bytes) -> None:
        """Tokens sent to a contract by hand change nobody's money."""
        choices = self.begin("somebody_donates", bits)
        p, ledger = self.stage.protocol, self.ledger
        target = choices.of((p.escrow, p.settlement, *p.payer_contracts.values())).address
        amount, donor = choices.of((5 * DOLLAR, 1)), self.stage.payouts[2]

        def verb() -> None:
            ledger.move(donor, target, amount)
            ledger.donated[target] += amount

        self.stage.act(p.token, donor, "transfer", (target, amount), verb)

    @precondition(lambda self: self.stage.unruly)
    @rule(bits=BITS)
    def token_blocks_somebody(self, bits: bytes) -> None:
        """The token refuses an account, or lets it go again."""
        choices = self.begin("token_blocks_somebody", bits)
        payers = list(self.ledger.payer_addresses.values())
        people = [*self.stage.patients, *self.stage.payouts, *self.ledger.owners.values()]
        account = choices.of([*payers, *payers, *people])
        self.stage.block(account, account not in self.ledger.blocked and not choices.once_in(3))
