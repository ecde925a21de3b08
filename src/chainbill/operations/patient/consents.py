"""Which provider may charge a patient's wallet, and how much for one event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chainbill.chain.contracts.escrow import Consent as Consent  # faces get it here
from chainbill.chain.node.connection import time_of_block
from chainbill.chain.reads import Question
from chainbill.errors import ArgumentError
from chainbill.money import check_whole_cents
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.effect import made
from chainbill.operations.parties import provider_of
from chainbill.operations.patient.permission import announced_since, held_since, soon_after_another
from chainbill.operations.times import show_time
from chainbill.protocol_constants import DAY_SECONDS, END_OF_TIME, NOTICE_SECONDS
from chainbill.state.address_book import Role

_YEAR_SECONDS = 365 * DAY_SECONDS
"""How long a consent lasts where nobody says."""


@dataclass(frozen=True, slots=True)
class ConsentStanding:
    """What a provider may charge; None where there is none."""

    provider_id: int
    in_force: Consent | None
    announced: Consent | None = None
    """Another consent, narrower, that is to hold later."""
    announced_at: int | None = None
    """From when that holds, in seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentChange(Change):
    """A consent that was given."""

    provider_id: int
    consent: Consent
    before: Consent | None
    """What was consented to last; None: nothing that had not ended."""
    narrower: bool
    """It is announced: a signed batch may rely on what it was before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation(Change):
    """A consent that was taken back, or ends as soon without."""

    provider_id: int
    expires_at: int | None
    """When it ends, in seconds since 1970; None where there is none."""


def standing_consents(patient: Actor, provider_id: int | None = None) -> tuple[ConsentStanding, ...]:
    """Consents that hold or will, to anybody or to one provider; by provider's id.

    Raises:
        ChainError: the node does not answer.
    """
    reads = patient.protocol.reads
    with reads.held():
        if provider_id is not None:
            reads.learn([consent_question(patient, provider_id)])
        ids = learn_consents(patient) if provider_id is None else (provider_id,)
        found = [_standing(patient, each) for each in ids]
    return tuple(each for each in found if each.in_force or each.announced)


def grant_consent(
    patient: Actor,
    provider_id: int,
    *,
    limit: int | None = None,
    until: int | None = None,
    duration: int | None = None,
    self_pay: bool | None = None,
) -> ConsentChange:
    """Let a provider charge the wallet. A wider consent holds at once, a narrower one after the notice; what
    was consented to already is left alone.

    Args:
        patient: whose wallet.
        provider_id: who may charge it.
        limit: the most that one event may cost the patient, in micro-dollars, whole cents; None: as it is.
        until: when it ends, in seconds since 1970.
        duration: or after how many seconds from now; neither: as it is, else in a year.
        self_pay: may it charge its cash price, outside the patient's plan? None: as it is, else not.

    Raises:
        AmountError, ArgumentError: as of ``wanted_consent``.
        ChainError: the change before it took effect too lately, or the chain refused it.
    """
    escrow, reads = patient.protocol.escrow, patient.protocol.reads
    with reads.held():
        reads.learn([consent_question(patient, provider_id)])
        now = patient.session.now()
        wanted = wanted_consent(
            patient, provider_id, limit=limit, until=until, duration=duration, self_pay=self_pay
        )
        before = escrow.consent_of(patient.address, provider_id, END_OF_TIME)
        if before == wanted:
            since = held_since(
                patient,
                lambda address, time: escrow.consent_of(address, provider_id, time),
                wanted,
                "ConsentGranted",
                providerId=provider_id,
            )
            return ConsentChange(
                changed=False,
                effective_at=since,
                provider_id=provider_id,
                consent=wanted,
                before=before,
                narrower=since is not None,
            )
    sender = patient.sender()
    with soon_after_another():
        receipt = escrow.grant_consent(sender, provider_id, wanted)
    done = made(patient.session, receipt)
    return ConsentChange(
        **done,
        provider_id=provider_id,
        consent=wanted,
        before=before if before.expires_at > now else None,
        narrower=done["effective_at"] > time_of_block(patient.protocol.w3, receipt["blockHash"]),
    )


def wanted_consent(
    patient: Actor,
    provider_id: int,
    *,
    limit: int | None = None,
    until: int | None = None,
    duration: int | None = None,
    self_pay: bool | None = None,
) -> Consent:
    """The consent that is to be given; arguments as of ``grant_consent``.

    Raises:
        AmountError: not whole cents.
        ArgumentError: there is no limit to keep, two ends are given, or an end that is over or too far away.
    """
    check_whole_cents("a limit", limit or 0)
    if duration is not None and until is not None:
        raise ArgumentError("when it ends is said twice", hint="give either `duration=` or `until=`")
    now = patient.session.now()
    last = patient.protocol.escrow.consent_of(patient.address, provider_id, END_OF_TIME)
    # What ends within the notice was taken back, or is as good as over: that is no end to keep.
    kept = last if last.expires_at > now + NOTICE_SECONDS else None
    if limit is None and kept is None:
        raise ArgumentError("there is no consent to keep the limit of", hint="give `limit=AMOUNT`")
    expires_at = now + duration if duration is not None else until
    if expires_at is None:
        expires_at = kept.expires_at if kept else now + _YEAR_SECONDS
    if expires_at <= now:
        raise ArgumentError(f"{show_time(expires_at)} is not after the chain's time")
    if expires_at > END_OF_TIME:
        raise ArgumentError("that is too far away for the contract")
    return Consent(
        per_event_limit=last.per_event_limit if limit is None else limit,
        expires_at=expires_at,
        self_pay=(kept is not None and kept.self_pay) if self_pay is None else self_pay,
    )


def revoke_consent(patient: Actor, provider_id: int) -> Revocation:
    """Take a consent back: it ends after the notice. One that ends as soon, or there is not, is left alone.

    Raises:
        ChainError: the change before it took effect too lately, or the chain refused it.
    """
    escrow, now = patient.protocol.escrow, patient.session.now()
    ends = escrow.consent_of(patient.address, provider_id, END_OF_TIME).expires_at
    if ends <= now + NOTICE_SECONDS:
        end = ends if ends > now else None
        return Revocation(changed=False, effective_at=end, provider_id=provider_id, expires_at=end)
    sender = patient.sender()
    with soon_after_another():
        done = made(patient.session, escrow.revoke_consent(sender, provider_id))
    return Revocation(**done, provider_id=provider_id, expires_at=done["effective_at"])


def learn_consents(patient: Actor, also: Iterable[Question] = ()) -> tuple[int, ...]:
    """Learn, with what else is asked, every consent that the patient ever gave; the ids of the providers. An
    entry of the address book that was made before its provider was registered learns its id."""
    session, protocol = patient.session, patient.protocol
    block, registry = protocol.deployment.block, protocol.registry
    logs = protocol.escrow.logged("ConsentGranted", from_block=block, patient=patient.address)
    ids = tuple(sorted({int(log["providerId"]) for log in logs}))
    entries = session.book.entries(Role.PROVIDER).values()
    unnumbered = {entry.address for entry in entries if entry.provider_id is None}
    unknown = [each for each in ids if unnumbered and session.book.provider(each) is None]
    protocol.reads.learn(
        [
            *also,
            *(consent_question(patient, each) for each in ids),
            *(Question(registry, "payoutAddress", (each,)) for each in unknown),
        ]
    )
    for provider_id in unknown:
        if registry.payout_address(provider_id) in unnumbered:
            provider_of(session, str(provider_id))
    return ids


def consent_question(patient: Actor, provider_id: int) -> Question:
    """What a provider may charge, now and at the end of time."""
    return Question(
        patient.protocol.escrow, "consentOf", (patient.address, provider_id, patient.session.now())
    )


def _standing(patient: Actor, provider_id: int) -> ConsentStanding:
    escrow, now = patient.protocol.escrow, patient.session.now()
    present, last = (escrow.consent_of(patient.address, provider_id, time) for time in (now, END_OF_TIME))
    in_force = present if present.expires_at > now else None
    if last == present or last.expires_at <= now:
        return ConsentStanding(provider_id, in_force)
    since = announced_since(patient, "ConsentGranted", providerId=provider_id)
    return ConsentStanding(provider_id, in_force, last, since)
