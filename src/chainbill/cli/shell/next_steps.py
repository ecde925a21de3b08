"""What to type next where an event did not settle, or could not even be attested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainbill.billing.outcomes import Reason
from chainbill.cli.shell.arguments import as_options

if TYPE_CHECKING:
    from chainbill.attestation.typed_data import ServiceAttestation
    from chainbill.cli.audit.text import PartyNames
    from chainbill.oracle.api import Receipt

_AFTER_PENDING: dict[Reason, str] = {
    Reason.BENEFIT_YEAR_NOT_OPEN: "wait until {year} has begun",
    Reason.PROVIDER_NOT_ACTIVE: "chainbill governor reinstate {provider}",
    Reason.UNKNOWN_PAYER: "there is no payer {payer}",
    Reason.PROVIDER_NOT_ACCEPTED: "chainbill insurer accept-provider {provider} --as {payer}",
    # Also where the patient is not enrolled: then the batch has no plan to name.
    Reason.NO_TERMS_IN_FORCE: "chainbill insurer enrol {patient} --plan ID --year {year} --as {payer}"
    " (enrolled already: wait until the plan's terms and fees are in force)",
    Reason.PAYER_NOT_ACCEPTED: "chainbill patient accept-payer {payer} --as {patient}",
    Reason.NOT_ENROLLED: "chainbill insurer enrol {patient} --plan ID --year {year} --as {payer}",
    Reason.NO_CONSENT: "chainbill patient consent {provider} --limit AMOUNT --as {patient}",
    Reason.OVER_CONSENT_LIMIT: "chainbill patient consent {provider} --limit MORE --as {patient}",
    Reason.OVER_EVENT_LIMIT: "chainbill patient limits --per-event MORE --as {patient}",
    Reason.OVER_DAY_LIMIT: "wait until tomorrow, or: chainbill patient limits --per-day MORE --as {patient}",
    Reason.PATIENT_UNFUNDED: "chainbill patient fund AMOUNT --as {patient}",
    Reason.PAYER_UNFUNDED: "chainbill insurer fund AMOUNT --as {payer}",
    Reason.PAYER_FAILED: "ask {payer}: its tokens cannot move",
    Reason.NO_CASH_PRICE: "chainbill provider prices FILE --as {provider}",
    Reason.NOT_ATTESTED: "the provider attests it again, with a key that stands: chainbill provider keys",
    Reason.NOT_REVERSED: "nothing: the claim that it corrects is not reversed, or corrected already",
}

_FOR_SELF_PAY = "chainbill patient consent {provider} --limit AMOUNT --self-pay --as {patient}"

_FOR_WANT_OF_ENROLMENT = (Reason.NO_TERMS_IN_FORCE, Reason.NOT_ENROLLED)

_AFTER_REFUSAL: dict[str, str] = {
    "payer_not_accepted": "the patient names one: chainbill patient accept-payer INSURER; or charge the cash"
    " price: chainbill provider attest RECORD --self-pay",
    "no_schedule": "the insurer publishes its fees first: chainbill insurer fees FILE, or --from-catalogue",
    "unknown_patient": "make the account here: chainbill patient create NAME",
    "unknown_service": "the insurer publishes a fee for it: chainbill insurer fees FILE, or --from-catalogue",
    "fractional_amount": "correct the record's price to whole cents, then: chainbill provider remove RECORD",
    "not_an_attester": "register the provider: chainbill provider register NAME",
    "provider_not_active": "the governor reinstates it: chainbill governor reinstate PROVIDER",
    "no_cash_schedule": "the provider publishes its prices first: chainbill provider prices FILE",
    "no_cash_price": "the provider publishes a price for it: chainbill provider prices FILE",
    "no_secondary_schedule": "the patient's second insurer publishes its fees first:"
    " chainbill insurer fees FILE, or --from-catalogue",
    "not_reversed": "chainbill provider remove RECORD: there is nothing to correct",
    "not_its_claim": "chainbill provider remove RECORD, and correct a claim of the same patient",
    "sequence_reused": "chainbill provider rebuild, then attest it again",
    "commitment_reused": "chainbill provider rebuild: this record is under another sequence already",
    "reading_outside_period": "correct the record's days, then: chainbill provider remove RECORD",
    "reading_repeated": "take the second one out of the record, then: chainbill provider remove RECORD",
    "reading_days": "charge the month by the code for as many days, then: chainbill provider remove RECORD",
    "reading_counted": "chainbill provider remove RECORD: it is counted already",
    "store_behind": "the oracle rebuilds its store first: chainbill oracle rebuild",
    "records_unknown": "tell the oracle which records your claims are: chainbill provider rebuild",
}

_AGAIN = "then once more: chainbill provider export FILE --to ORACLE"
_ANEW = "chainbill provider recall RECORD --drop, then ingest it corrected and attest it"

_AFTER_REFUSAL_ELSEWHERE: dict[str, str] = {
    "bad_signature": f"chainbill provider recall RECORD, attest it again, {_AGAIN}",
    "not_an_attester": f"chainbill provider recall RECORD, attest it again with a key that may, {_AGAIN}",
    "provider_not_active": f"the governor reinstates it: chainbill governor reinstate PROVIDER; {_AGAIN}",
    "commitment_mismatch": _ANEW,
    "record_mismatch": _ANEW,
    "duplicate_record": "chainbill provider recall RECORD --drop: it was attested under another number",
    "reading_outside_period": _ANEW,
    "reading_repeated": _ANEW,
    "reading_days": _ANEW,
    "reading_counted": "chainbill provider recall RECORD --drop: it is counted already",
    "sequence_reused": f"chainbill provider rebuild; {_ANEW}",
    "commitment_reused": "chainbill provider recall RECORD --drop: it is under another number already",
    "store_behind": f"the oracle rebuilds its store first: chainbill oracle rebuild; {_AGAIN}",
    "records_unknown": "the oracle was rebuilt, and may give up on knowing its records: "
    f"chainbill oracle rebuild --without-records; {_AGAIN}",
    "unknown_payer": _ANEW,
    "unknown_service": f"the insurer publishes a fee for it: chainbill insurer fees FILE; {_AGAIN}",
    "fractional_amount": _ANEW,
    "no_cash_price": f"publish a price for it: chainbill provider prices FILE; {_AGAIN}",
    "no_secondary_schedule": "the patient's second insurer hands the oracle its schedule: "
    f"chainbill contacts card --for ORACLE; {_AGAIN}",
    "not_reversed": "chainbill provider recall RECORD --drop: there is nothing to correct",
    "not_its_claim": "chainbill provider recall RECORD --drop, and correct a claim of the same patient",
}
"""By the word of a ``RefusalReason`` that an oracle elsewhere gives, to which the event was exported."""

_AFTER_HOLD: dict[str, str] = {
    "attester_revoked": "chainbill provider recall --held --as {provider}, then attest with a good key",
    "commitment_reused": "chainbill provider recall --held --drop --as {provider}: it is charged already",
    "reading_counted": "chainbill provider recall --held --drop --as {provider}: it is counted already",
    "not_signed": "chainbill provider rebuild --as {provider}, then attest again",
}
"""By the word of a ``Hold``."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to type next, with the names of the address book and in the chain's year."""

    names: PartyNames
    chain_year: int

    def after_pending(self, reason: Reason, attestation: ServiceAttestation) -> str:
        """What lets a pended event settle at the next ``oracle settle``; empty where it was not pended."""
        year = attestation.benefit_year
        if reason in _FOR_WANT_OF_ENROLMENT and year < self.chain_year - 1:
            return f"nothing: benefit year {year} is closed, and nobody can be enrolled in it"
        advice = _AFTER_PENDING.get(reason, "")
        if reason is Reason.PAYER_NOT_ACCEPTED and attestation.payer_id == 0:
            advice = _FOR_SELF_PAY
        return advice.format(
            provider=self.names.provider(attestation.provider_id),
            patient=self.names.account(attestation.patient),
            payer=self.names.payer(attestation.payer_id),
            year=year,
        )


def after_standing(advice: Advice, receipt: Receipt) -> str:
    """What lets an attestation settle that the oracle has and that is not final, however it stands."""
    provider = advice.names.provider(receipt.attestation.provider_id)
    if receipt.status == "recalled":
        return f"chainbill provider recall --held --as {provider}" if receipt.signed_until else ""
    if receipt.hold is not None:
        return _AFTER_HOLD[receipt.hold].format(provider=provider)
    if receipt.custody == "provider":
        return f"chainbill provider export FILE --to ORACLE --as {provider}"
    return advice.after_pending(receipt.reason, receipt.attestation)


def after_refusal_elsewhere(reason: str) -> str:
    """What lets an event be taken that an oracle elsewhere has refused; empty where nobody knows."""
    return _AFTER_REFUSAL_ELSEWHERE.get(reason, "")


def after_refusal(reason: str, hint: str | None) -> str:
    """What lets a refused event be attested; empty where nobody knows."""
    return _AFTER_REFUSAL.get(reason) or as_options(hint or "")
