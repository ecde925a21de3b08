"""Where the quorum is silent: a provider announces its signed rows for everybody to see, a live quorum calls
them off, and after a week they settle without it, to be disputed for thirty days."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.contracts.claims import Settled
from tests.contracts.situations import endings
from tests.support.attesting import sign_spans
from tests.support.deployment import (
    ANSWER_TIME,
    BUCKET,
    DAY,
    DISPUTE_WINDOW,
    HOUR,
    QUORUM_SILENCE,
    THERAPY,
    UNANSWERED_DELAY,
    UNANSWERED_LIFE,
    YEAR,
    ZERO_ADDRESS,
    Credit,
    Protocol,
    account,
)
from tests.support.evm import Receipt, reverts

from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import SectionsObjection
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.batch_codec import BatchSection
from chainbill.chain.format.events import (
    BatchSettled,
    ClaimReversed,
    ClaimSettled,
    DisputeParty,
    SectionsAnnounced,
    SectionsObjected,
)
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256

VISIT_CREDIT = 150 * DOLLAR
OPEN, UPHELD, REVERSED = 1, 3, 4
WINDOW = DISPUTE_WINDOW + UNANSWERED_DELAY


def visits(protocol: Protocol, *sequences: int) -> bytes:
    """The patient's visits, packed and signed by the provider."""
    return protocol.packed(protocol.section(*(protocol.row(protocol.patient, n) for n in sequences or (1,))))


def announced(protocol: Protocol, sections: bytes, wait: int = QUORUM_SILENCE) -> SectionsObjection:
    """Announce sections, and let the quorum be silent."""
    objection = protocol.announce(sections)
    protocol.advance(wait)
    return objection


def escape(protocol: Protocol, *sequences: int) -> Receipt:
    """Settle the patient's visits without the quorum."""
    sections = visits(protocol, *sequences)
    return protocol.settle_unanswered(sections, announced(protocol, sections).announced_at)


def escaped(protocol: Protocol, *sequences: int) -> Settled:
    return protocol.settled_claim(escape(protocol, *sequences))


def shown(value: bytes) -> str:
    """As errors show it."""
    return "0x" + value.hex()


# ---- any k of n, and anybody ------------------------------------------------------------------------------


@pytest.mark.parametrize("submitter", ["provider", "stranger", "insurer", "patient"])
@pytest.mark.parametrize("silent", [0, 1, 2])
def test_settle__whoever_submits_whichever_members_signed__settles(
    protocol: Protocol, submitter: str, silent: int
) -> None:
    """One node that is silent, or who runs the oracle and will not send, holds nothing up."""
    signers = [each for index, each in enumerate(protocol.oracles) if index != silent]
    batch = protocol.batch(visits(protocol, 1))
    receipt = protocol.submit(batch, protocol.sign(batch, signers), caller=account(submitter).address)
    assert receipt.value == (1, 0, 0, 0)
    assert receipt.of(BatchSettled)[0].submitter == account(submitter).address


# ---- announcing -------------------------------------------------------------------------------------------


def test_announce__sections__are_logged_in_full_and_noted(protocol: Protocol) -> None:
    sections = visits(protocol, 1, 2)
    objection = protocol.announce(sections)
    receipt = protocol.settlement.send(protocol.provider, "announceSections", protocol.provider_id, sections)
    assert receipt.events == (
        SectionsAnnounced(protocol.provider_id, keccak256(sections), protocol.evm.now, sections),
    )
    assert protocol.settlement.read("announcementOf", protocol.provider_id) == (
        objection.sections_hash[:27],
        protocol.evm.now,
    )
    assert protocol.settlement.read("announcementOf", 77) == (bytes(27), 0)


@pytest.mark.parametrize("name", ["stranger", "governor", "oracle-1", "insurer"])
def test_announce__by_anybody_but_the_payout_address__reverts(protocol: Protocol, name: str) -> None:
    caller = account(name).address
    with reverts("NotThePayoutAddress", caller=caller, payoutAddress=protocol.provider):
        protocol.announce(visits(protocol), caller=caller)


def test_announce__unknown_provider__reverts(protocol: Protocol) -> None:
    with reverts("UnknownProvider", providerId=77):
        protocol.announce(visits(protocol), provider_id=77)


def test_announce__again__begins_another_week_and_drops_the_first(protocol: Protocol) -> None:
    sections = visits(protocol)
    first = announced(protocol, sections, QUORUM_SILENCE - 1)
    second = protocol.announce(sections)
    protocol.advance(1)
    with reverts("NotAnnounced", announcedAt=first.announced_at):
        protocol.settle_unanswered(sections, first.announced_at)
    with reverts("QuorumMayObject", until=second.announced_at + QUORUM_SILENCE):
        protocol.settle_unanswered(sections, second.announced_at)
    protocol.evm.now = second.announced_at + QUORUM_SILENCE
    protocol.settle_unanswered(sections, second.announced_at)


def test_announce__nothing__withdraws_what_was_announced(protocol: Protocol) -> None:
    sections = visits(protocol)
    first = protocol.announce(sections)
    second = announced(protocol, b"")
    with reverts("NotAnnounced"):
        protocol.settle_unanswered(sections, first.announced_at)
    with reverts("EmptyBatch"):
        protocol.settle_unanswered(b"", second.announced_at)


# ---- objecting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, QUORUM_SILENCE, QUORUM_SILENCE + UNANSWERED_LIFE - 1])
def test_object__at_any_time_before_they_settle__calls_them_off(protocol: Protocol, after: int) -> None:
    sections = visits(protocol)
    objection = announced(protocol, sections, after)
    assert protocol.object(objection).events == (
        SectionsObjected(protocol.provider_id, objection.sections_hash, objection.announced_at),
    )
    assert protocol.settlement.read("announcementOf", protocol.provider_id) == (bytes(27), 0)
    protocol.evm.now = max(protocol.evm.now, objection.announced_at + QUORUM_SILENCE)
    with reverts("NotAnnounced", sectionsHash=shown(objection.sections_hash)):
        protocol.settle_unanswered(sections, objection.announced_at)


def test_object__twice__reverts(protocol: Protocol) -> None:
    objection = protocol.announce(visits(protocol))
    protocol.object(objection)
    with reverts("NotAnnounced"):
        protocol.object(objection)


def test_object__too_few_or_strangers_signed__reverts(protocol: Protocol) -> None:
    objection = protocol.announce(visits(protocol))
    with reverts("QuorumNotReached", signatures=1, threshold=2):
        protocol.object(objection, protocol.oracles[:1])
    stranger = Signer(account("stranger"))
    pair = sorted((protocol.oracles[0], stranger), key=lambda signer: signer.address.lower())
    with reverts("NotOracleMember", signer=stranger.address):
        protocol.object(objection, pair)
    with reverts("NotTheMembers"):
        protocol.settlement.send(
            protocol.stranger,
            "objectToSections",
            *(objection.provider_id, objection.sections_hash, objection.announced_at, b""),
        )


@pytest.mark.parametrize(
    "change",
    [
        lambda objection: {"provider_id": objection.provider_id + 1},
        lambda _: {"sections_hash": keccak256(b"others")},
        lambda objection: {"announced_at": objection.announced_at - 1},
    ],
    ids=["provider", "sections", "time"],
)
def test_object__signed_of_another_announcement__reverts(
    protocol: Protocol, change: Callable[[SectionsObjection], dict[str, object]]
) -> None:
    """An objection counts once and for one announcement: an old one stops no new one."""
    objection = protocol.announce(visits(protocol))
    other = replace(objection, **change(objection))
    with reverts("NotAnnounced"):
        protocol.object(other)
    signed = [signer.sign(other.digest(protocol.domain)) for signer in protocol.oracles[:2]]
    with reverts("NotOracleMember"):
        protocol.settlement.send(
            protocol.stranger,
            "objectToSections",
            *(objection.provider_id, objection.sections_hash, objection.announced_at),
            protocol.members_of(1) + b"".join(signed),
        )


def test_object__nothing_announced__reverts(protocol: Protocol) -> None:
    with reverts("NotAnnounced", announcedAt=0):
        protocol.object(SectionsObjection(protocol.provider_id, bytes(32), 0))


def test_object__quorum_of_an_earlier_epoch__reverts(protocol: Protocol) -> None:
    """Who has lost office holds no provider up; the quorum that has it may object."""
    objection = protocol.announce(visits(protocol))
    new = sorted((Signer(account(f"new-{i}")) for i in (1, 2)), key=lambda signer: signer.address.lower())
    protocol.open_epoch(new)
    with reverts("NotTheMembers", epoch=2):
        protocol.object(objection)
    protocol.object(objection, new, epoch=2)


def test_object__quorum_whose_epoch_was_ended__reverts(protocol: Protocol) -> None:
    objection = protocol.announce(visits(protocol))
    protocol.settlement.send(protocol.governor, "endEpoch", 1)
    with reverts("EpochOver", epoch=1):
        protocol.object(objection)


def test_object__while_paused__calls_them_off(protocol: Protocol) -> None:
    """A pause is no silence: the quorum has the whole week."""
    sections = visits(protocol)
    objection = protocol.announce(sections)
    protocol.settlement.send(protocol.governor, "pause")
    protocol.object(objection)
    protocol.settlement.send(protocol.governor, "unpause")
    protocol.advance(QUORUM_SILENCE)
    with reverts("NotAnnounced"):
        protocol.settle_unanswered(sections, objection.announced_at)


# ---- settling ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second", [0, UNANSWERED_LIFE - 1])
def test_settle_unanswered__in_its_time__settles_as_the_quorum_would(protocol: Protocol, second: int) -> None:
    sections = visits(protocol, 1, 2)
    objection = announced(protocol, sections, QUORUM_SILENCE + second)
    with protocol.rolled_back():
        usual = protocol.submit(protocol.batch(sections)).of(ClaimSettled)
        balances = protocol.balance(protocol.patient), protocol.pool(), protocol.credit_of()
    receipt = protocol.settle_unanswered(sections, objection.announced_at, root_slot=7)
    assert receipt.of(ClaimSettled) == usual
    assert (protocol.balance(protocol.patient), protocol.pool(), protocol.credit_of()) == balances
    (batch,) = receipt.of(BatchSettled)
    assert batch == BatchSettled(
        digest=objection.digest(protocol.domain),
        epoch=0,
        signed_at=protocol.evm.now,
        submitter=protocol.provider,
        operator=ZERO_ADDRESS,
        settled=2,
        denied=0,
        pended=0,
        skipped=0,
        root=batch.root,
        root_slot=7,
    )
    assert protocol.settlement.read("rootAt", 7) == (batch.root[:27], protocol.evm.now + UNANSWERED_DELAY)
    protocol.assert_solvent()


def test_settle_unanswered__a_second_before_the_week_is_over__reverts(protocol: Protocol) -> None:
    sections = visits(protocol)
    objection = announced(protocol, sections, QUORUM_SILENCE - 1)
    with reverts("QuorumMayObject", until=objection.announced_at + QUORUM_SILENCE, now=protocol.evm.now):
        protocol.settle_unanswered(sections, objection.announced_at)


def test_settle_unanswered__a_week_later__has_lapsed(protocol: Protocol) -> None:
    sections = visits(protocol)
    objection = announced(protocol, sections, QUORUM_SILENCE + UNANSWERED_LIFE)
    with reverts("AnnouncementLapsed", lapsedAt=protocol.evm.now, now=protocol.evm.now):
        protocol.settle_unanswered(sections, objection.announced_at)


def test_settle_unanswered__another_time_is_said__reverts(protocol: Protocol) -> None:
    """A week that has not passed cannot be said to have."""
    sections = visits(protocol)
    objection = announced(protocol, sections, 0)
    with reverts("NotAnnounced"):
        protocol.settle_unanswered(sections, objection.announced_at - QUORUM_SILENCE)


def test_settle_unanswered__never_announced__reverts(protocol: Protocol) -> None:
    sections = visits(protocol)
    with reverts("NotAnnounced"):
        protocol.settle_unanswered(sections, protocol.evm.now - QUORUM_SILENCE)


def test_settle_unanswered__other_sections_than_announced__reverts(protocol: Protocol) -> None:
    objection = announced(protocol, visits(protocol, 1))
    for other in (visits(protocol, 2), visits(protocol, 1, 2), visits(protocol, 1) + b"\0"):
        with reverts("NotAnnounced", sectionsHash=shown(keccak256(other))):
            protocol.settle_unanswered(other, objection.announced_at)


@pytest.mark.parametrize("name", ["stranger", "governor", "oracle-1", "patient"])
def test_settle_unanswered__by_anybody_but_the_payout_address__reverts(protocol: Protocol, name: str) -> None:
    sections = visits(protocol)
    objection = announced(protocol, sections)
    caller = account(name).address
    with reverts("NotThePayoutAddress", caller=caller):
        protocol.settle_unanswered(sections, objection.announced_at, caller=caller)


def test_settle_unanswered__twice__reverts(protocol: Protocol) -> None:
    sections = visits(protocol)
    objection = announced(protocol, sections)
    protocol.settle_unanswered(sections, objection.announced_at)
    with reverts("NotAnnounced"):
        protocol.settle_unanswered(sections, objection.announced_at)


def test_settle_unanswered__rows_that_the_quorum_settled_meanwhile__are_skipped(protocol: Protocol) -> None:
    sections = visits(protocol, 1, 2)
    objection = announced(protocol, sections)
    protocol.settle(protocol.row(protocol.patient, 1))
    receipt = protocol.settle_unanswered(sections, objection.announced_at)
    assert endings(receipt) == [(1, Outcome.SKIPPED, Reason.SEQUENCE_SPENT)]
    assert [event.claim.sequence for event in receipt.of(ClaimSettled)] == [2]
    assert protocol.credit() == 2 * VISIT_CREDIT
    protocol.assert_solvent()


def test_settle__rows_that_settled_without_the_quorum__are_skipped(protocol: Protocol) -> None:
    escape(protocol, 1)
    assert endings(protocol.settle(protocol.row(protocol.patient, 1))) == [
        (1, Outcome.SKIPPED, Reason.SEQUENCE_SPENT)
    ]


def test_settle_unanswered__the_same_rows_again__are_skipped(protocol: Protocol) -> None:
    escape(protocol, 1)
    assert endings(escape(protocol, 1)) == [(1, Outcome.SKIPPED, Reason.SEQUENCE_SPENT)]
    assert protocol.credit() == VISIT_CREDIT


def test_settle_unanswered__another_providers_section__reverts(protocol: Protocol) -> None:
    """Its key may have signed it: when it is billed is for that provider to say."""
    payout = account("other provider").address
    other = protocol.register_provider(payout)
    protocol.accept_provider(other)
    protocol.grant(protocol.patient, provider_id=other)
    theirs = protocol.attested(protocol.section(protocol.row(protocol.patient, 1), provider_id=other))
    ours = protocol.attested(protocol.section(protocol.row(protocol.patient, 1)))
    alone, behind = protocol.packed(theirs), protocol.packed(ours, theirs)
    for sections, offset in ((alone, 0), (behind, len(protocol.packed(ours)))):
        objection = announced(protocol, sections)
        with reverts("NotTheProviders", providerId=protocol.provider_id, offset=offset):
            protocol.settle_unanswered(sections, objection.announced_at)
        protocol.settlement.send(payout, "announceSections", other, alone)


def test_settle_unanswered__key_revoked_meanwhile__pends(protocol: Protocol) -> None:
    protocol.registry.send(
        protocol.provider, "addAttester", protocol.provider_id, account("other attester").address
    )
    sections = visits(protocol)
    objection = announced(protocol, sections)
    protocol.registry.send(protocol.provider, "revokeAttester", protocol.provider_id, protocol.provider)
    receipt = protocol.settle_unanswered(sections, objection.announced_at)
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.NOT_ATTESTED)]
    assert not protocol.is_spent(1)


def test_settle_unanswered__signed_by_nobody_of_the_provider__pends(protocol: Protocol) -> None:
    section = protocol.section(protocol.row(protocol.patient, 1))
    sections = protocol.packed(sign_spans(section, [1], Signer(account("stranger")), protocol.domain))
    receipt = protocol.settle_unanswered(sections, announced(protocol, sections).announced_at)
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.NOT_ATTESTED)]


def test_settle_unanswered__consent_revoked_meanwhile__charges_nobody(protocol: Protocol) -> None:
    sections = visits(protocol)
    objection = announced(protocol, sections, QUORUM_SILENCE - DAY)
    protocol.escrow.send(protocol.patient, "revokeConsent", protocol.provider_id)
    protocol.advance(DAY)
    before = protocol.balance(protocol.patient)
    receipt = protocol.settle_unanswered(sections, objection.announced_at)
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.NO_CONSENT)]
    assert protocol.balance(protocol.patient) == before
    assert protocol.credit_of() == Credit()


def test_settle_unanswered__limit_set_meanwhile__holds(protocol: Protocol) -> None:
    sections = visits(protocol)
    objection = announced(protocol, sections, DAY)
    protocol.escrow.send(protocol.patient, "setLimits", 50 * DOLLAR, 0)
    protocol.evm.now = objection.announced_at + QUORUM_SILENCE
    receipt = protocol.settle_unanswered(sections, objection.announced_at)
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.OVER_EVENT_LIMIT)]


def test_settle_unanswered__acceptance_ended_meanwhile__pends(protocol: Protocol) -> None:
    sections = visits(protocol)
    objection = announced(protocol, sections, DAY)
    protocol.payer.send(protocol.insurer, "endProviderAcceptance", protocol.provider_id)
    protocol.evm.now = objection.announced_at + QUORUM_SILENCE
    receipt = protocol.settle_unanswered(sections, objection.announced_at)
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.PROVIDER_NOT_ACCEPTED)]


def test_settle_unanswered__operators_fee_in_force__takes_none(protocol: Protocol) -> None:
    protocol.set_operator_fee(DOLLAR, 100)
    protocol.advance(DAY)
    receipt = escape(protocol, 1)
    assert receipt.of(ClaimSettled)[0].claim.fee == 0
    assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT)


def test_settle_unanswered__paused__reverts(protocol: Protocol) -> None:
    sections = visits(protocol)
    objection = announced(protocol, sections)
    protocol.settlement.send(protocol.governor, "pause")
    with reverts("EnforcedPause"):
        protocol.settle_unanswered(sections, objection.announced_at)


def test_settle_unanswered__suspended__reverts_until_reinstated(protocol: Protocol) -> None:
    sections = visits(protocol)
    objection = announced(protocol, sections)
    protocol.suspend()
    with reverts("ProviderIsSuspended", providerId=protocol.provider_id):
        protocol.settle_unanswered(sections, objection.announced_at)
    protocol.settlement.send(protocol.governor, "reinstate", protocol.provider_id)
    protocol.settle_unanswered(sections, objection.announced_at)


def test_settle_unanswered__no_quorum_stands__settles(protocol: Protocol) -> None:
    protocol.settlement.send(protocol.governor, "endEpoch", 1)
    assert len(escape(protocol, 1).of(ClaimSettled)) == 1


def test_settle_unanswered__too_many_rows__reverts(protocol: Protocol) -> None:
    sections = protocol.provider_id.to_bytes(4, "big") + bytes(54 * 4097)
    objection = announced(protocol, sections)
    with reverts("TooManyRows"):
        protocol.settle_unanswered(sections, objection.announced_at)


def test_settle_unanswered__several_payers_and_sections__are_credited_together(protocol: Protocol) -> None:
    """A run of its own, a section by itself, two payers, and one who pays alone: all of it is put off."""
    secondary = protocol.second_payer()
    protocol.welcome(protocol.late, payers=(protocol.payer_id, secondary))
    protocol.publish_cash_prices()
    section: list[BatchSection] = [
        protocol.section(protocol.row(protocol.patient, 1)),
        protocol.section(protocol.row(protocol.neighbour, 2)),
        protocol.coordinated(protocol.row(protocol.late, 3), secondary=secondary),
    ]
    sections = protocol.packed(*section)
    receipt = protocol.settle_unanswered(sections, announced(protocol, sections).announced_at)
    assert len(receipt.of(ClaimSettled)) == 3
    assert protocol.credit_of() == Credit(maturing=3 * VISIT_CREDIT)
    protocol.advance(WINDOW)
    assert protocol.credit_of() == Credit(maturing=3 * VISIT_CREDIT)
    protocol.advance(DAY)
    assert protocol.withdraw().value == 3 * VISIT_CREDIT
    protocol.assert_solvent()


@pytest.mark.parametrize("name", ["stranger", "provider", "governor"])
def test_settle_announced__called_from_outside__reverts(protocol: Protocol, name: str) -> None:
    """All that is checked before would be left out."""
    sections = visits(protocol)
    caller = account(name).address
    with reverts("OnlySelf", caller=caller):
        protocol.settlement.send(
            caller,
            "settleAnnounced",
            *(protocol.provider_id, bytes(32), protocol.evm.now, caller, sections, 1),
        )


# ---- thirty days to dispute -------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, DISPUTE_WINDOW, WINDOW - 1])
def test_dispute__settled_without_the_quorum__may_be_for_thirty_days(protocol: Protocol, after: int) -> None:
    assert WINDOW == 30 * DAY
    settled = escaped(protocol, 1)
    protocol.advance(after)
    protocol.dispute(settled)
    assert protocol.credit_of() == Credit(held=VISIT_CREDIT, open_disputes=1)
    protocol.concede(settled)
    assert protocol.credit_of() == Credit()
    protocol.assert_solvent()


def test_dispute__on_the_thirtieth_day__is_too_late(protocol: Protocol) -> None:
    settled = escaped(protocol, 1)
    protocol.advance(WINDOW)
    with reverts("WindowOver", endedAt=protocol.evm.now):
        protocol.dispute(settled)


def test_dispute__time_of_the_block_in_place_of_the_later__is_another_claim(protocol: Protocol) -> None:
    settled = escaped(protocol, 1)
    with reverts("NotInBatch"):
        protocol.dispute(replace(settled, settled_at=protocol.evm.now))


@pytest.mark.parametrize("second_of_day", [0, 1, DAY - 1])
def test_withdraw__settled_without_the_quorum__not_before_the_window_ends(
    protocol: Protocol, second_of_day: int
) -> None:
    sections = visits(protocol)
    protocol.evm.now = protocol.evm.now // DAY * DAY + DAY + second_of_day
    settled_at = announced(protocol, sections).announced_at + QUORUM_SILENCE
    protocol.settle_unanswered(sections, settled_at - QUORUM_SILENCE)
    edge = (settled_at // BUCKET + 1) * BUCKET + WINDOW
    for instant in (settled_at, settled_at + DISPUTE_WINDOW + DAY, settled_at + WINDOW - 1, edge - 1):
        protocol.evm.now = instant
        assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT)
        with reverts("NoCredit"):
            protocol.withdraw()
    protocol.evm.now = edge
    assert protocol.credit_of() == Credit(matured=VISIT_CREDIT)
    assert protocol.withdraw().value == VISIT_CREDIT
    assert protocol.credit_of() == Credit()
    protocol.assert_solvent()


def test_root__of_a_batch_settled_without_the_quorum__is_kept_for_thirty_days(protocol: Protocol) -> None:
    sections = visits(protocol)
    objection = announced(protocol, sections)
    first = protocol.settled_claim(protocol.settle_unanswered(sections, objection.announced_at, root_slot=7))
    protocol.advance(WINDOW - 1)
    second = protocol.submit(protocol.batch(visits(protocol, 2)), root_slot=7)
    assert second.of(BatchSettled)[0].root_slot != 7
    protocol.dispute(first)
    protocol.advance(1)
    third = protocol.submit(protocol.batch(visits(protocol, 3)), root_slot=7)
    assert third.of(BatchSettled)[0].root_slot == 7


@pytest.mark.parametrize("wait", [0, DISPUTE_WINDOW, UNANSWERED_DELAY - DAY, UNANSWERED_DELAY, WINDOW])
def test_close__dispute_of_a_claim_settled_without_the_quorum_upheld__matures_with_the_rest(
    protocol: Protocol, wait: int
) -> None:
    """What was held goes back to its own day, whether that is still to come, is today or has been, and other
    credit of that day stands beside it."""
    settled_at = protocol.evm.now + QUORUM_SILENCE
    first, second = (
        protocol.settled_claim(receipt, n) for receipt in [escape(protocol, 1, 2)] for n in (0, 1)
    )
    protocol.advance(min(wait, WINDOW - 1))
    protocol.dispute(first)
    protocol.dispute(second)
    protocol.answer(first)
    same_day = settled_at + UNANSWERED_DELAY
    if protocol.evm.now // DAY == same_day // DAY:
        protocol.settle(protocol.row(protocol.patient, 3))
    protocol.settlement.send(protocol.arbiter, "resolve", first.words, ruling_as_it_is(first))
    usual = VISIT_CREDIT if protocol.is_spent(3) else 0
    matured = protocol.credit_of()
    assert matured == Credit(maturing=VISIT_CREDIT + usual, held=VISIT_CREDIT, open_disputes=1)
    protocol.assert_solvent()
    protocol.concede(second)
    # Disputed once more by the insurer: it is found wherever it has come back to.
    protocol.dispute(first, DisputeParty.PRIMARY)
    assert protocol.credit_of() == Credit(maturing=usual, held=VISIT_CREDIT, open_disputes=1)
    protocol.advance(ANSWER_TIME)
    protocol.close(first)
    protocol.assert_solvent()
    assert protocol.credit() == usual


def ruling_as_it_is(settled: Settled) -> tuple[int, int, int, int, bool]:
    """The claim's own amounts: they let it stand."""
    _, amounts, shares, _, secondary = settled.words[5:]
    return amounts, shares, secondary, settled.claim.fee, False


@pytest.mark.parametrize("late", [False, True])
def test_void__settled_without_the_quorum__gives_all_back(protocol: Protocol, late: bool) -> None:
    before = protocol.balance(protocol.patient), protocol.pool()
    settled = escaped(protocol, 1)
    if late:
        protocol.advance(WINDOW + 2 * DAY)
    (reversal,) = protocol.void(settled).of(ClaimReversed)
    assert reversal.claim_id == settled.claim_id
    assert (protocol.balance(protocol.patient), protocol.pool()) == before
    assert protocol.credit_of() == Credit()
    protocol.assert_solvent()


def test_draw_advance__on_credit_that_matures_later__needs_the_bond_for_all_of_it(protocol: Protocol) -> None:
    escape(protocol, 1)
    with reverts("AdvanceTooLarge", available=0):
        protocol.settlement.send(protocol.provider, "drawAdvance", protocol.provider_id, 1)
    protocol.deposit_bond(100 * DOLLAR)
    with reverts("AdvanceTooLarge", available=100 * DOLLAR):
        protocol.settlement.send(protocol.provider, "drawAdvance", protocol.provider_id, 100 * DOLLAR + 1)
    protocol.settlement.send(protocol.provider, "drawAdvance", protocol.provider_id, 100 * DOLLAR)
    protocol.advance(WINDOW)
    with reverts("BondInUse", maturing=VISIT_CREDIT):
        protocol.settlement.send(protocol.provider, "withdrawBond", protocol.provider_id)
    protocol.advance(DAY)
    assert protocol.withdraw().value == 50 * DOLLAR
    assert (
        protocol.settlement.send(protocol.provider, "withdrawBond", protocol.provider_id).value
        == 100 * DOLLAR
    )
    protocol.assert_solvent()


def test_credit__every_week_for_half_a_year__none_is_lost_or_early(protocol: Protocol) -> None:
    """As often as a provider can, beside what the quorum settles; five batches are put off at once."""
    days: list[int] = []
    for number in range(20):
        escape(protocol, 2 * number)
        days.append((protocol.evm.now + UNANSWERED_DELAY) // DAY)
        if number % 3:
            protocol.settle(protocol.row(protocol.patient, 2 * number + 1))
            days.append(protocol.evm.now // DAY)
        today = protocol.evm.now // DAY
        ripe = sum(day + 8 <= today for day in days)
        assert protocol.credit_of() == Credit(
            matured=ripe * VISIT_CREDIT, maturing=(len(days) - ripe) * VISIT_CREDIT
        )
        protocol.assert_solvent()
        protocol.evm.now += HOUR
        protocol.fund_patient(protocol.patient, 500 * DOLLAR)
    protocol.advance(WINDOW + DAY)
    assert protocol.withdraw().value == len(days) * VISIT_CREDIT
    assert protocol.credit_of() == Credit()


def test_settle_unanswered__a_denied_row__spends_its_sequence(protocol: Protocol) -> None:
    sections = protocol.packed(protocol.section(protocol.row(protocol.patient, 1, THERAPY, units=5)))
    receipt = protocol.settle_unanswered(sections, announced(protocol, sections).announced_at)
    assert endings(receipt) == [(1, Outcome.DENIED, Reason.ANNUAL_UNITS_EXCEEDED)]
    assert receipt.of(BatchSettled)[0].root == bytes(32)
    assert protocol.is_spent(1)


def test_settle_unanswered__a_year_that_has_closed_meanwhile__is_denied(protocol: Protocol) -> None:
    sections = protocol.packed(protocol.section(protocol.row(protocol.patient, 1, benefit_year=YEAR - 1)))
    protocol.evm.now = 1735689600 - QUORUM_SILENCE  # 2025 begins a week later
    objection = protocol.announce(sections)
    protocol.advance(QUORUM_SILENCE)
    receipt = protocol.settle_unanswered(sections, objection.announced_at)
    assert endings(receipt) == [(1, Outcome.DENIED, Reason.BENEFIT_YEAR_CLOSED)]
