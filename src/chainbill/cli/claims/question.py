"""Before a step moves the money of a claim: which claim it is, in words, and whether it is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainbill.cli.shell.confirming import confirm
from chainbill.cli.shell.output import show_time
from chainbill.money import show_dollars

if TYPE_CHECKING:
    from chainbill.cli.audit.text import PartyNames
    from chainbill.operations.claims.description import ClaimDescription
    from chainbill.operations.claims.lookup import ProvenClaim
    from chainbill.operations.claims.rulings import RulingWanted
    from chainbill.state.session import Session


HELD = "the provider's money for it is held until it answers, or the arbiter rules"
"""What a dispute does to the money."""


def ask_about(session: Session, name: str, proven: ProvenClaim, will: str, then: str) -> None:
    """Show a claim (service, date, amount, who) and what will come of the step, and ask.

    Args:
        name: whose vault and schedules say what the claim was for.
        will: begins the sentence: ``maria disputes``.
        then: what the step does to the money.

    Raises:
        Unconfirmed: there is no terminal to ask on, and no ``--yes``.
        Declined: the answer is not yes.
    """
    from chainbill.cli.audit.text import PartyNames
    from chainbill.operations.claims.description import describe_claim

    about, names = describe_claim(session, proven, [name]), PartyNames(session.book)
    confirm(
        f"{will} claim {about.number}",
        {
            "service": about.service or f"its record is not here for {name} to read",
            "date": about.day or f"not known here; settled {show_time(about.settled_at)}",
            "patient": names.account(about.patient),
            "provider": names.provider(about.provider_id),
            "amount": _amount(about, names),
            "then": then,
        },
    )


def claim_facts(session: Session, proven: ProvenClaim, names: Sequence[str]) -> dict[str, str]:
    """A claim's number, service, date, patient, provider and amount, as far as the first of the accounts
    ``names`` that may know it says; nothing is asked."""
    from chainbill.cli.audit.text import PartyNames
    from chainbill.operations.claims.description import describe_claim

    about, book = describe_claim(session, proven, names), PartyNames(session.book)
    unread = f" for {about.read_by} to read" if about.read_by else ""
    return {
        "number": about.number,
        "service": about.service or f"its record is not here{unread}",
        "date": about.day or "",
        "patient": book.account(about.patient),
        "provider": book.provider(about.provider_id),
        "amount": _amount(about, book),
    }


def goes_back(proven: ProvenClaim, ruling: RulingWanted = "reverse") -> str:
    """What a ruling, or giving a claim back in full, takes back of it, in words."""
    from chainbill.operations.claims.description import would_reverse

    back = would_reverse(proven, ruling)
    patient, insurer = show_dollars(back.to_patient), show_dollars(back.to_insurer)
    told = f"{patient} goes back to the patient and {insurer} to the insurer"
    second = back.to_secondary_insurer
    return f"{told}, {show_dollars(second)} to the second insurer" if second else told


def _amount(about: ClaimDescription, names: PartyNames) -> str:
    parts = [f"{show_dollars(about.patient_responsibility)} by the patient"]
    if about.payer_id:
        parts.append(f"{show_dollars(about.plan_paid)} by {names.payer(about.payer_id)}")
    if about.secondary_payer_id:
        parts.append(f"{show_dollars(about.secondary_paid)} by {names.payer(about.secondary_payer_id)}")
    return f"{show_dollars(about.allowed)}: {', '.join(parts)}"
