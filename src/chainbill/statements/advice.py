"""What to do next: when an event was not paid, and when one that was paid looks wrong.

Only things that can be done in this version are named. ``COMMANDS`` lists every command that a
statement may mention, so that the command line can be held against it.
"""

from __future__ import annotations

from chainbill.billing.outcomes import Reason

SHOW = "chainbill audit show"
ACCEPT_PAYER = "chainbill patient accept-payer"
CONSENT = "chainbill patient consent"
DISPUTE = "chainbill patient dispute"
FUND = "chainbill patient fund"
LIMITS = "chainbill patient limits"
REVOKE = "chainbill patient revoke"
VERIFY = "chainbill audit verify"

COMMANDS = (ACCEPT_PAYER, CONSENT, DISPUTE, FUND, LIMITS, REVOKE, SHOW, VERIFY)
"""Every command a statement may tell its reader to type."""

_NEXT_STEPS: dict[Reason, str] = {
    Reason.NOT_COVERED: "If you think your plan should cover it, call {insurer} and give the reference.",
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
    Reason.NOT_REVERSED: "Ask {provider} which charge it meant to correct.",
}


_SELF_PAY_NOT_ALLOWED = (
    "Ask {provider} to send it to your insurer; or, if you want to pay it yourself, say so with: "
    f"{CONSENT}."
)


def what_to_do(reason: Reason, reference: str, provider: str, insurer: str | None) -> list[str]:
    """What to do about one event: if it looks wrong where it was paid, to get it paid where it was not.

    ``insurer`` None: the patient was to pay without one.
    """
    if reason is Reason.NONE:
        about_insurer = f"Ask {insurer} about the agreed price and about your part of it."
        return [
            f"Compare it with what was recorded: {SHOW} {reference}",
            f"Ask {provider} what this service was and why it charged this price.",
            *([about_insurer] if insurer else []),
            f"Dispute it within seven days after it was paid: {DISPUTE} {reference}",
            f"To stop charges by {provider}, take back your consent: {REVOKE} (holds after one day)",
        ]
    step = _NEXT_STEPS[reason]
    if insurer is None and reason is Reason.PAYER_NOT_ACCEPTED:
        step = _SELF_PAY_NOT_ALLOWED
    return [
        step.format(provider=provider, insurer=insurer or "your insurer"),
        f"See what was recorded about it: {SHOW} {reference}",
    ]


def general_advice() -> list[str]:
    """The same for a whole statement, with each service's reference left to the reader."""
    return [
        f"Compare the service with what was recorded about it: {SHOW} REFERENCE",
        "Ask the provider what the service was and why it charged this price.",
        "Ask your insurer about the agreed price and about your part of it.",
        f"Dispute a charge within seven days after it was paid: {DISPUTE} REFERENCE. The provider then has "
        "three days to answer; if it does not, the charge is taken back.",
        f"To stop charges by a provider, take back your consent: {REVOKE} (holds after one day)",
        f"To check every amount on this statement against the published terms: {VERIFY}",
    ]
