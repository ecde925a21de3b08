"""Before a step moves the money of a claim: which claim it is, in words, and whether it is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainbill.attestation.claim_number import claim_number
from chainbill.cli.shell.confirming import confirm
from chainbill.cli.shell.output import show_time
from chainbill.errors import ChainbillError
from chainbill.money import show_dollars

if TYPE_CHECKING:
    from chainbill.chain.format.events import Claim
    from chainbill.ledger.proofs import ProvenClaim
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
    from chainbill.cli.audit.text import Names

    claim, names = proven.settled.claim, Names(session.book)
    service, day = _service(session, name, claim)
    confirm(
        f"{will} claim {claim_number(claim.provider_id, claim.sequence)}",
        {
            "service": service,
            "date": day or f"not known here; settled {show_time(proven.settled.settled_at)}",
            "patient": names.account(proven.settled.patient),
            "provider": names.provider(claim.provider_id),
            "amount": _amount(claim, names.payer(claim.payer_id), names.payer(claim.secondary_payer_id)),
            "then": then,
        },
    )


def claim_facts(session: Session, proven: ProvenClaim, names: Sequence[str]) -> dict[str, str]:
    """A claim's number, service, date, patient, provider and amount, as far as the first of the accounts
    ``names`` that may know it says; nothing is asked."""
    from chainbill.cli.audit.text import Names

    claim, book = proven.settled.claim, Names(session.book)
    told = [_service(session, name, claim) for name in names]
    known = next((each for each in told if each[1]), None) or (told[0] if told else None)
    service, day = known or ("its record is not here", "")
    return {
        "number": claim_number(claim.provider_id, claim.sequence),
        "service": service,
        "date": day,
        "patient": book.account(proven.settled.patient),
        "provider": book.provider(claim.provider_id),
        "amount": _amount(claim, book.payer(claim.payer_id), book.payer(claim.secondary_payer_id)),
    }


def goes_back(before: Claim, after: Claim | None = None) -> str:
    """What a reversal takes back of a claim, in words; ``after`` is what is left of it, None for nothing."""
    left = (0, 0, 0) if after is None else _parts(after)
    patient, insurer, second = (part - rest for part, rest in zip(_parts(before), left, strict=True))
    told = f"{show_dollars(patient)} goes back to the patient and {show_dollars(insurer)} to the insurer"
    return f"{told}, {show_dollars(second)} to the second insurer" if second else told


def _parts(claim: Claim) -> tuple[int, int, int]:
    return claim.patient_responsibility, claim.plan_paid, claim.secondary_paid


def _service(session: Session, name: str, claim: Claim) -> tuple[str, str]:
    """What it was and on which day, as far as the account may know; empty where it may not."""
    if claim.commitment in session.vault and name in session.keystores:
        try:
            event = session.vault.open(claim.commitment, session.vault_key(name)).event
        except ChainbillError:
            pass  # Sealed to others, or damaged: the statement says so.
        else:
            return event.description, event.service_date.isoformat()
    if claim.payer_id in session.schedules:
        service = session.schedules.load(claim.payer_id).names().get(claim.service_id)
        if service is not None:
            return service, ""
    return f"its record is not here for {name} to read", ""


def _amount(claim: Claim, insurer: str, second: str) -> str:
    parts = [f"{show_dollars(claim.patient_responsibility)} by the patient"]
    if claim.payer_id:
        parts.append(f"{show_dollars(claim.plan_paid)} by {insurer}")
    if claim.secondary_payer_id:
        parts.append(f"{show_dollars(claim.secondary_paid)} by {second}")
    return f"{show_dollars(claim.allowed)}: {', '.join(parts)}"
