"""What to do next: when an event was not paid, and when one that was paid looks wrong.

Only things that can be done in this version are named. ``COMMANDS`` lists every command that a
statement may mention, so that the command line can be held against it.
"""

from __future__ import annotations

from chainbill.billing.outcomes import Reason
from chainbill.oracle.api import Status

SHOW = "chainbill audit show"
ACCEPT_PAYER = "chainbill patient accept-payer"
CONSENT = "chainbill patient consent"
DISPUTE = "chainbill patient dispute"
FUND = "chainbill patient fund"
LIMITS = "chainbill patient limits"
REVOKE = "chainbill patient revoke"
STATEMENT = "chainbill patient statement"
VERIFY = "chainbill audit verify"

COMMANDS = (ACCEPT_PAYER, CONSENT, DISPUTE, FUND, LIMITS, REVOKE, SHOW, STATEMENT, VERIFY)
"""Every command a statement may tell its reader to type."""

_NEXT_STEPS: dict[Reason, str] = {
    Reason.NOT_COVERED: "If you think your plan should cover it, call {insurer} and give the number.",
    Reason.UNITS_EXCEEDED: "Ask {provider} whether the number it sent is right.",
    Reason.ANNUAL_UNITS_EXCEEDED: "Call {insurer} and ask how many your plan allows in a year.",
    Reason.UNKNOWN_SERVICE: "Ask {provider} which service it meant, and {insurer} whether it lists it.",
    Reason.BENEFIT_YEAR_CLOSED: "Ask {provider} why it was sent so late.",
    Reason.BENEFIT_YEAR_NOT_OPEN: "Wait: it is tried again once that year has begun.",
    Reason.PROVIDER_NOT_ACTIVE: "Ask {provider}. It is tried again once the provider is active.",
    Reason.UNKNOWN_PAYER: "Ask {provider} which insurer it named for you.",
    Reason.PROVIDER_NOT_ACCEPTED: (
        "Call {insurer} and ask whether it will pay {provider}. It is tried again once it does."
    ),
    Reason.NO_TERMS_IN_FORCE: "Wait: it is tried again once your insurer's terms are in force.",
    Reason.PAYER_NOT_ACCEPTED: (
        f"If this is your insurer, accept it with: {ACCEPT_PAYER}. Otherwise ask {{provider}} which "
        "insurer it named for you."
    ),
    Reason.NOT_ENROLLED: "Call {insurer} and ask to be enrolled for that year. It is then tried again.",
    Reason.NO_CONSENT: (
        f"If you know {{provider}} and had this service, consent with: {CONSENT}. Otherwise do nothing: "
        "without your consent it cannot charge you."
    ),
    Reason.OVER_CONSENT_LIMIT: (
        f"If the service is right, give {{provider}} a higher limit with: {CONSENT}. Otherwise do nothing."
    ),
    Reason.OVER_EVENT_LIMIT: (
        f"If the service is right, raise your limit with: {LIMITS}. Otherwise do nothing."
    ),
    Reason.OVER_DAY_LIMIT: (
        f"Wait for the next day, or raise your limit with: {LIMITS}. It is then tried again."
    ),
    Reason.PATIENT_UNFUNDED: f"Add money to your wallet with: {FUND}. It is then tried again.",
    Reason.PAYER_UNFUNDED: "Wait, or call {insurer}: it is tried again once your insurer has added money.",
    Reason.PAYER_FAILED: "Wait, or call {insurer}: it is tried again.",
    Reason.NO_CASH_PRICE: "Ask {provider} for its price. It is tried again once the price is published.",
    Reason.NOT_ATTESTED: "Nothing to do: {provider} signs it again.",
    Reason.NOT_REVERSED: "Ask {provider} which charge it meant to correct.",
}


_MISTAKE = ("the provider sent it with a mistake", "Ask {provider} to look into it.")
_REBUILDING = (
    "what was paid before is being looked up again, so that nothing is charged twice",
    "Wait, or ask {provider} to send it again.",
)
_NO_CASH_PRICE = ("the provider has published no price for it", "Ask {provider} for its price.")
_REFUSALS: dict[str, tuple[str, str]] = {
    "payer_not_accepted": (
        "you have not accepted an insurer",
        f"Accept your insurer with: {ACCEPT_PAYER}. If you have none, ask {{provider}} to charge its "
        "published price.",
    ),
    "no_schedule": (
        "your insurer has not told the provider its fees",
        "Call your insurer and ask it to publish its fees.",
    ),
    "unknown_service": (
        "your insurer lists no fee for this service",
        "Call your insurer and ask whether it covers this service.",
    ),
    "unknown_payer": (
        "the insurer that was named for you is not known",
        "Ask {provider} which one it named.",
    ),
    "no_secondary_schedule": (
        "your second insurer has not published its fees",
        "Call your second insurer and ask it to publish its fees.",
    ),
    "no_cash_schedule": _NO_CASH_PRICE,
    "no_cash_price": _NO_CASH_PRICE,
    "provider_not_active": ("the provider is not active in the registry", "Ask {provider} about it."),
    "not_an_attester": (
        "it was signed by somebody who may not sign for the provider",
        "Ask {provider} whether it sent this.",
    ),
    "fractional_amount": ("its price is not in whole cents", "Ask {provider} to correct the price."),
    "not_reversed": (
        "it corrects a charge that has not been given back",
        "Ask {provider} which charge it meant.",
    ),
    "not_its_claim": ("it corrects a charge that is not yours", "Ask {provider} which charge it meant."),
    "attester_revoked": (
        "it was signed with a key that the provider has withdrawn since",
        "Ask {provider} whether it sent this. It is tried again once the provider has signed it anew.",
    ),
    "not_signed": ("it must be signed again by the provider", "Ask {provider} to send it again."),
    "commitment_reused": (
        "the same record was sent before",
        "Nothing: you are not charged for it twice. Ask {provider} if you wonder.",
    ),
    "reading_counted": (
        "a reading in it was counted for another charge",
        "Nothing: you are not charged for it twice. Ask {provider} if you wonder.",
    ),
    "reading_outside_period": _MISTAKE,
    "reading_repeated": _MISTAKE,
    "reading_days": (
        "your device has sent readings on more or fewer days than this charge is for",
        "Nothing: you are not charged for it. Ask {provider} if you wonder.",
    ),
    "store_behind": _REBUILDING,
    "records_unknown": _REBUILDING,
    "bad_signature": _MISTAKE,
    "commitment_mismatch": _MISTAKE,
    "record_mismatch": _MISTAKE,
    "sequence_reused": _MISTAKE,
}
"""By the word of a ``RefusalReason`` or a ``Hold``: why, for a sentence, and what to do first."""


_STANDING: dict[str, tuple[str, str]] = {
    Status.ACCEPTED: (
        "accepted by the oracle, not settled yet",
        "Nothing: it is settled with one of the oracle's next batches.",
    ),
    Status.RECALLED: (
        "taken back by the provider",
        "Nothing: it is not charged any more, unless a batch that was under way still goes through or "
        "{provider} sends it again.",
    ),
}
"""The same where nothing was refused: by the word of the ``Status``."""


_SELF_PAY_NOT_ALLOWED = (
    "Ask {provider} to send it to your insurer; or, if you want to pay it yourself, say so with: "
    f"{CONSENT}."
)


def what_to_do(
    reason: Reason, number: str, provider: str, insurer: str | None, dispute: str = ""
) -> list[str]:
    """What to do about one event: if it looks wrong where it was paid, to get it paid where it was not.

    Args:
        number: the charge's.
        insurer: None: the patient was to pay without one.
        dispute: how long a paid one may be disputed, in words.
    """
    if reason is Reason.NONE:
        about_insurer = f"Ask {insurer} about the agreed price and about your part of it."
        return [
            f"Compare it with what was recorded: {STATEMENT} {number}",
            f"Ask {provider} what this service was and why it charged this price.",
            *([about_insurer] if insurer else []),
            *([dispute] if dispute else []),
            f"To stop charges by {provider}, take back your consent: {REVOKE} (holds after one day)",
        ]
    step = _NEXT_STEPS[reason]
    if insurer is None and reason is Reason.PAYER_NOT_ACCEPTED:
        step = _SELF_PAY_NOT_ALLOWED
    return [
        step.format(provider=provider, insurer=insurer or "your insurer"),
        see_recorded(number),
    ]


def after_taking_back(number: str) -> list[str]:
    """What to do about a charge that was taken back in full."""
    return [
        "Nothing: it was taken back, and nobody pays for it now.",
        see_recorded(number),
    ]


def see_recorded(number: str) -> str:
    """How to see what the ledger has of a charge."""
    return f"See what was recorded about it: {SHOW} {number}"


def why_refused(reason: str) -> str:
    """Why a service waits that the chain knows nothing of, in words a patient understands; ``reason`` is the
    word of a ``RefusalReason``, a ``Hold`` or a ``Status``."""
    return (_STANDING | _REFUSALS).get(reason, _MISTAKE)[0]


def after_refusal(reason: str, provider: str) -> list[str]:
    """What to do so that a service is taken which the oracle refused, or settled which it has taken."""
    if reason in _STANDING:
        return [_STANDING[reason][1].format(provider=provider)]
    step = _REFUSALS.get(reason, _MISTAKE)[1].format(provider=provider)
    return [step, f"Then {provider} has to send it again. Until then nothing is charged for it."]


def can_dispute(number: str, until: str, account: str) -> str:
    """How and until when a patient may dispute a charge; ``account`` is the name to act as."""
    return f"You can dispute it until {until}, with: {dispute_command(number, account)}"


def settled_without_oracle(until: str) -> str:
    """What a patient is told of a charge that no oracle has vouched for."""
    return (
        "This was settled without the oracle, which left it unanswered for a week. "
        f"You have until {until} to dispute it."
    )


SEALED = "Its details are sealed to its patient, and need the patient's key, which is not here."
"""Said of a charge on a statement that is read without the key."""


def no_record(number: str, until: str, account: str) -> str:
    """What a patient is told of a paid charge that comes without a record and may still be disputed."""
    return (
        "The provider has not shown us a record of this. If you do not recognise it, dispute it by "
        f"{until}, with: {dispute_command(number, account)}"
    )


def dispute_command(number: str, account: str) -> str:
    """The whole command; ``account`` empty: as the account that acts where none is named."""
    return f"{DISPUTE} {number}{f' --as {account}' if account else ''}"


def general_advice() -> list[str]:
    """The same for a whole statement, with each charge's number left to the reader."""
    return [
        f"Compare the service with what was recorded about it: {STATEMENT} NUMBER",
        "Ask the provider what the service was and why it charged this price.",
        "Ask your insurer about the agreed price and about your part of it.",
        f"Dispute a charge by its last day, seven days after it was paid: {DISPUTE} NUMBER. The provider "
        "then has three days to answer; if it does not, the charge is taken back.",
        f"To stop charges by a provider, take back your consent: {REVOKE} (holds after one day)",
        f"To check every amount on this statement against the published terms: {VERIFY}",
    ]
