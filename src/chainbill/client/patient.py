"""What a patient does: fills a wallet, says who may be paid from it, and reads what was charged."""

from __future__ import annotations

from collections.abc import Sequence

from chainbill.chain.contracts.escrow import Limits, Payers
from chainbill.client import parties
from chainbill.client.amounts import Amount, micro_dollars
from chainbill.client.arguments import checked
from chainbill.client.parties import PartyName
from chainbill.client.times import Moment, Span, seconds, timestamp
from chainbill.operations import readings, statements
from chainbill.operations.actor import Actor
from chainbill.operations.balances import Deposit, WithdrawalAnnounced, WithdrawalCalledOff, WithdrawalTaken
from chainbill.operations.claims import disputes
from chainbill.operations.claims.disputes import DisputeStep
from chainbill.operations.claims.lookup import Claims, DisputedClaim, PartyTo
from chainbill.operations.patient import consents, intents, limits, payers, wallet
from chainbill.operations.patient.consents import ConsentChange, ConsentStanding, Revocation
from chainbill.operations.patient.intents import ONE_DAY, Validity
from chainbill.operations.patient.limits import LimitsChange
from chainbill.operations.patient.payers import PayersChange
from chainbill.operations.patient.permission import Permission
from chainbill.operations.patient.signed_intents import SignedIntent, sign
from chainbill.operations.patient.wallet import SignaturesVoided, WalletStanding
from chainbill.records.reading import Readings
from chainbill.records.reading_proof import ReadingsProof
from chainbill.statements.patient_model import PatientStatement
from chainbill.statements.period import Period


@checked
class Patient:
    """A patient's account. Without its key it can be read, and nothing be sent or signed for it."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    @property
    def address(self) -> str:
        """The account's checksummed address."""
        return self._actor.address

    # ---- the wallet -----------------------------------------------------------------------------------

    def balance(self) -> WalletStanding:
        """What the wallet holds, and whom it may pay; see ``operations.patient.wallet.balance``."""
        return wallet.balance(self._actor)

    def deposit(self, amount: Amount) -> Deposit:
        """Put dollars of the account's own in; see ``operations.patient.wallet.deposit``."""
        return wallet.deposit(self._actor, micro_dollars(amount))

    def deposit_with_permit(self, amount: Amount) -> Deposit:
        """The same by one transaction; see ``operations.patient.wallet.deposit_with_permit``."""
        return wallet.deposit_with_permit(self._actor, micro_dollars(amount))

    def request_withdrawal(self, amount: Amount) -> WithdrawalAnnounced:
        """Announce a withdrawal; see ``operations.patient.wallet.request_withdrawal``."""
        return wallet.request_withdrawal(self._actor, micro_dollars(amount))

    def cancel_withdrawal(self) -> WithdrawalCalledOff:
        """Call the announced withdrawal off; see ``operations.patient.wallet.cancel_withdrawal``."""
        return wallet.cancel_withdrawal(self._actor)

    def withdraw(self) -> WithdrawalTaken:
        """Take the announced withdrawal; see ``operations.patient.wallet.withdraw``."""
        return wallet.withdraw(self._actor)

    def void_signatures(self) -> SignaturesVoided:
        """Void what was signed and nobody has sent; see ``operations.patient.wallet.use_nonce``."""
        return wallet.use_nonce(self._actor)

    # ---- who may be paid from it ------------------------------------------------------------------------

    def payers(self) -> Permission[Payers]:
        """The payers that the patient accepts, by id."""
        return payers.payers(self._actor)

    def accept_payer(self, payer: PartyName, *, secondary: PartyName | None = None) -> PayersChange:
        """Name whose plan prices the patient's care; see ``operations.patient.payers.accept_payer``.

        Args:
            payer: 0: nobody, the patient pays itself.
            secondary: who pays after it; 0: nobody; None: who does now.
        """
        return payers.accept_payer(self._actor, *self._payers(payer, secondary))

    def limits(self) -> Permission[Limits]:
        """What may be taken from the wallet at most, in micro-dollars; 0: no limit."""
        return limits.limits(self._actor)

    def set_limits(self, *, per_event: Amount | None = None, per_day: Amount | None = None) -> LimitsChange:
        """Limit what may be taken; see ``operations.patient.limits.set_limits``.

        Args:
            per_event: 0: no limit; None: as it is set.
            per_day: the same for a day (UTC).
        """
        return limits.set_limits(self._actor, per_event=_amount(per_event), per_day=_amount(per_day))

    def consents(self, provider: PartyName | None = None) -> tuple[ConsentStanding, ...]:
        """Who may charge the wallet, or what one provider may."""
        provider_id = None if provider is None else self._provider(provider)
        return consents.standing_consents(self._actor, provider_id)

    def consent(
        self,
        provider: PartyName,
        *,
        limit: Amount | None = None,
        until: Moment | None = None,
        duration: Span | None = None,
        self_pay: bool | None = None,
    ) -> ConsentChange:
        """Let a provider charge the wallet; see ``operations.patient.consents.grant_consent``.

        Args:
            provider: who may charge it.
            limit: the most that one event may cost; None: as it is.
            until: when it ends.
            duration: or how long it lasts; neither: as it is, else a year.
            self_pay: also its cash price, outside the plan? None: as it is, else not.
        """
        return consents.grant_consent(
            self._actor,
            self._provider(provider),
            limit=_amount(limit),
            until=None if until is None else timestamp(until),
            duration=None if duration is None else seconds(duration),
            self_pay=self_pay,
        )

    def revoke_consent(self, provider: PartyName) -> Revocation:
        """Take a consent back; see ``operations.patient.consents.revoke_consent``."""
        return consents.revoke_consent(self._actor, self._provider(provider))

    # ---- what was charged -------------------------------------------------------------------------------

    def statement(self, *charges: str, period: Period | None = None) -> PatientStatement:
        """The Explanation of Benefits; see ``operations.statements.patient_statement``."""
        return statements.patient_statement(self._actor, period=period, charges=charges)

    def readings(self, claim: str) -> Readings:
        """What a claim for a month of monitoring stands on; see ``operations.readings.show_readings``."""
        return readings.show_readings(self._actor, claim)

    def prove_readings(self, claim: str, *, reading: int | None = None) -> ReadingsProof:
        """A proof of one reading, whole, or of the days of all and no value; see
        ``operations.readings.prove_readings``."""
        return readings.prove_readings(self._actor, claim, reading=reading)

    def dispute(self, claim: str) -> DisputeStep:
        """Dispute a settled claim; see ``operations.claims.disputes.dispute_as_patient``."""
        return disputes.dispute_as_patient(self._actor, claim)

    def disputes(self) -> Sequence[DisputedClaim]:
        """The patient's claims that were disputed or given back."""
        return Claims(self._actor.session).disputed(PartyTo(self._actor.name, patient=self.address))

    # ---- the same, signed for anybody to send ------------------------------------------------------------

    def sign_deposit(self, amount: Amount, *, validity: Validity = ONE_DAY) -> SignedIntent:
        """Sign a deposit of the account's own tokens."""
        return sign(self._actor, intents.deposit_intent(self._actor, micro_dollars(amount), validity))

    def sign_request_withdrawal(self, amount: Amount, *, validity: Validity = ONE_DAY) -> SignedIntent:
        """Sign the announcement of a withdrawal."""
        amount = micro_dollars(amount)
        return sign(self._actor, intents.withdrawal_request_intent(self._actor, amount, validity))

    def sign_cancel_withdrawal(self, *, validity: Validity = ONE_DAY) -> SignedIntent:
        """Sign that the announced withdrawal is called off."""
        return sign(self._actor, intents.cancel_withdrawal_intent(self._actor, validity))

    def sign_withdraw(self, *, validity: Validity = ONE_DAY) -> SignedIntent:
        """Sign the taking of the announced withdrawal."""
        return sign(self._actor, intents.withdrawal_intent(self._actor, validity))

    def sign_void_signatures(self, *, validity: Validity = ONE_DAY) -> SignedIntent:
        """Sign that whatever else was signed over the same nonce is void."""
        return sign(self._actor, intents.use_nonce_intent(self._actor, validity))

    def sign_accept_payer(
        self, payer: PartyName, *, secondary: PartyName | None = None, validity: Validity = ONE_DAY
    ) -> SignedIntent:
        """Sign what ``accept_payer`` would do."""
        asked = self._payers(payer, secondary)
        return sign(self._actor, intents.payers_intent(self._actor, *asked, validity=validity))

    def sign_set_limits(
        self,
        *,
        per_event: Amount | None = None,
        per_day: Amount | None = None,
        validity: Validity = ONE_DAY,
    ) -> SignedIntent:
        """Sign what ``set_limits`` would do."""
        intent = intents.limits_intent(
            self._actor, per_event=_amount(per_event), per_day=_amount(per_day), validity=validity
        )
        return sign(self._actor, intent)

    def sign_consent(
        self,
        provider: PartyName,
        *,
        limit: Amount | None = None,
        until: Moment | None = None,
        duration: Span | None = None,
        self_pay: bool | None = None,
        validity: Validity = ONE_DAY,
    ) -> SignedIntent:
        """Sign what ``consent`` would do."""
        intent = intents.consent_intent(
            self._actor,
            self._provider(provider),
            limit=_amount(limit),
            until=None if until is None else timestamp(until),
            duration=None if duration is None else seconds(duration),
            self_pay=self_pay,
            validity=validity,
        )
        return sign(self._actor, intent)

    def sign_revoke_consent(self, provider: PartyName, *, validity: Validity = ONE_DAY) -> SignedIntent:
        """Sign what ``revoke_consent`` would do."""
        return sign(self._actor, intents.revocation_intent(self._actor, self._provider(provider), validity))

    def sign_dispute(self, claim: str, *, validity: Validity = ONE_DAY) -> SignedIntent:
        """Sign a dispute of a settled claim."""
        return sign(self._actor, intents.dispute_intent(self._actor, claim, validity))

    def _provider(self, provider: PartyName) -> int:
        return parties.provider_id(self._actor.session, provider)

    def _payers(self, payer: PartyName, secondary: PartyName | None) -> tuple[int, int | None]:
        session = self._actor.session
        second = None if secondary is None else parties.payer_id_or_nobody(session, secondary)
        return parties.payer_id_or_nobody(session, payer), second


def _amount(amount: Amount | None) -> int | None:
    return None if amount is None else micro_dollars(amount)
