"""A claim's packed words: where each field stands, written out a second time with plain shifts."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.random_claims import CLAIMS, SHARES, row_claims

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format import events
from chainbill.chain.format.events import Claim, SecondaryShares
from chainbill.chain.format.logs import decode_words, event_topic
from chainbill.chain.format.packed_claim import pack_claim, pack_secondary
from chainbill.errors import LedgerError

PATIENT = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
PATIENT_TOPIC = bytes(12) + bytes.fromhex(PATIENT[2:])
ROW = "(address,bytes32,uint256,uint256,uint256,uint256)"
KINDS: dict[Any, Outcome] = {
    events.ClaimSettled: Outcome.SETTLED,
    events.ClaimDenied: Outcome.DENIED,
    events.ClaimPended: Outcome.PENDED,
    events.ClaimSkipped: Outcome.SKIPPED,
}


def integers(packed: bytes) -> list[int]:
    return [int.from_bytes(packed[start : start + 32], "big") for start in range(0, len(packed), 32)]


@given(CLAIMS)
def test_pack_claim__any_claim__stands_where_the_library_says(claim: Claim) -> None:
    parties, amounts, shares, service = integers(pack_claim(claim))

    assert parties >> 224 == claim.provider_id
    assert parties >> 192 & 0xFFFFFFFF == claim.payer_id
    assert parties >> 176 & 0xFFFF == claim.plan_id
    assert parties >> 160 & 0xFFFF == claim.terms_version
    assert parties >> 128 & 0xFFFFFFFF == claim.secondary_payer_id
    assert parties >> 112 & 0xFFFF == claim.secondary_plan_id
    assert parties >> 96 & 0xFFFF == claim.secondary_terms_version
    assert (parties >> 32 & 2**64 - 1).to_bytes(8, "big") == claim.secondary_service_id
    assert parties & 0xFFFFFFFF == claim.reason

    for word, expected in (
        (amounts, (claim.billed, claim.allowed, claim.deductible, claim.copay)),
        (shares, (claim.coinsurance, claim.outside_plan, claim.plan_paid, claim.secondary_paid)),
    ):
        assert tuple(word >> shift & 2**64 - 1 for shift in (192, 128, 64, 0)) == expected

    assert (service >> 192).to_bytes(8, "big") == claim.service_id
    assert service >> 176 & 0xFFFF == claim.units
    assert service >> 160 & 0xFFFF == claim.benefit_year
    assert service >> 96 & 2**64 - 1 == claim.sequence
    assert service >> 32 & 2**64 - 1 == claim.fee
    flags = claim.billed_as_fee | claim.units_counted << 1 | claim.secondary_units_counted << 2
    assert service & 0xFFFFFFFF == flags << 24


@given(SHARES)
def test_pack_secondary__any_shares__stand_where_the_library_says(shares: SecondaryShares) -> None:
    (word,) = integers(pack_secondary(shares))
    assert tuple(word >> shift & 2**64 - 1 for shift in (192, 128, 64, 0)) == (
        shares.deductible,
        shares.out_of_pocket,
        shares.plan_paid,
        0,
    )


@pytest.mark.parametrize("kind, outcome", KINDS.items())
def test_decode__a_row_of_any_outcome__is_the_claim_that_was_packed(kind: Any, outcome: Outcome) -> None:
    @given(row_claims(outcome))
    def agree(claim: Claim) -> None:
        topics = [event_topic(kind.__name__ + ROW), PATIENT_TOPIC]
        assert decode_words("ClaimSettlement", topics, claim.commitment + pack_claim(claim)) == kind(
            PATIENT, claim
        )

    agree()


REVERSED = "ClaimReversed(bytes32,address,bytes32,uint256,uint256,uint256,uint256,uint256)"


@given(row_claims(Outcome.SETTLED), SHARES, st.binary(min_size=32, max_size=32))
def test_decode__a_reversal__is_what_was_packed(
    claim: Claim, shares: SecondaryShares, claim_id: bytes
) -> None:
    claim = replace(claim, billed=0)
    data = claim.commitment + pack_claim(claim) + pack_secondary(shares)
    decoded = decode_words("ClaimSettlement", [event_topic(REVERSED), claim_id, PATIENT_TOPIC], data)
    assert decoded == events.ClaimReversed(claim_id, PATIENT, claim, shares)


@given(SHARES)
def test_decode__a_secondarys_determination__is_what_was_packed(shares: SecondaryShares) -> None:
    topics = [event_topic("SecondaryDetermined(address,bytes32,uint256)"), PATIENT_TOPIC]
    decoded = decode_words("ClaimSettlement", topics, b"c" * 32 + pack_secondary(shares))
    assert isinstance(decoded, events.SecondaryDetermined)
    assert (decoded.patient, decoded.commitment, decoded.shares) == (PATIENT, b"c" * 32, shares)


EMPTY = Claim(
    **{
        field.name: {"bytes": bytes(8), "bool": False, "Reason": Reason.NONE}.get(str(field.type), 0)
        for field in fields(Claim)
    }
    | {"commitment": bytes(32)}
)


@pytest.mark.parametrize("place", [28, 29, 30, 125, 126, 127], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_decode__a_byte_that_the_layout_leaves_out__is_refused(kind: Any, place: int) -> None:
    words = bytearray(pack_claim(_row(kind)))
    words[place] = 1
    with pytest.raises(LedgerError, match="does not fit its type"):
        _decode(kind, bytes(words))


ONE_PAYER = replace(EMPTY, payer_id=1, billed=200, allowed=150, plan_paid=150)
"""A claim without anything that is particular."""

ANYWHERE: list[tuple[dict[str, Any], str]] = [
    ({"secondary_plan_id": 3}, "a claim without a secondary payer has secondary plan id 3"),
    ({"secondary_terms_version": 4}, "without a secondary payer has secondary terms version 4"),
    (
        {"secondary_service_id": b"a visit "},
        "without a secondary payer has secondary service id 0x6120766973697420",
    ),
]
"""What no row's log can hold, and what is said of it."""

UNSETTLED: list[tuple[dict[str, Any], str]] = [
    ({"allowed": 5}, "allowed 5"),
    ({"deductible": 5}, "deductible 5"),
    ({"copay": 5}, "copay 5"),
    ({"coinsurance": 5}, "coinsurance 5"),
    ({"outside_plan": 5}, "outside plan 5"),
    ({"plan_paid": 5}, "plan paid 5"),
    ({"secondary_paid": 5}, "secondary paid 5"),
    ({"fee": 5}, "fee 5"),
    ({"units_counted": True}, "units counted"),
    ({"payer_id": 0, "secondary_payer_id": 2}, "without a payer has secondary payer id 2"),
    ({"secondary_payer_id": 2, "secondary_units_counted": True}, "secondary units counted"),
    ({"allowed": 5, "fee": 6, "units_counted": True}, "allowed 5, fee 6, units counted"),
]
"""What no log of a row that did not settle can hold."""

SETTLED: list[tuple[dict[str, Any], str]] = [
    ({"reason": Reason.PAYER_FAILED}, "a settled claim has reason 19"),
    ({"secondary_paid": 5}, "without a secondary payer has secondary paid 5"),
    ({"secondary_units_counted": True}, "without a secondary payer has secondary units counted"),
    ({"payer_id": 0, "plan_paid": 0, "deductible": 5}, "a claim without a payer has deductible 5"),
    ({"payer_id": 0, "plan_paid": 0, "copay": 5}, "without a payer has copay 5"),
    ({"payer_id": 0, "plan_paid": 0, "coinsurance": 5}, "without a payer has coinsurance 5"),
    ({"payer_id": 0}, "without a payer has plan paid 150"),
    ({"payer_id": 0, "plan_paid": 0, "secondary_payer_id": 2}, "without a payer has secondary payer id 2"),
    ({"payer_id": 0, "plan_paid": 0, "units_counted": True}, "without a payer has units counted"),
]
"""What no log of a settled claim can hold."""


def _row(kind: Any) -> Claim:
    """A claim that settled, or the same as it is logged with another outcome."""
    if kind is events.ClaimSettled:
        return ONE_PAYER
    reason = next(reason for reason in Reason if reason.outcome is KINDS[kind])
    return replace(ONE_PAYER, allowed=0, plan_paid=0, reason=reason)


def _decode(kind: Any, words: bytes) -> events.Event:
    return decode_words(
        "ClaimSettlement", [event_topic(kind.__name__ + ROW), PATIENT_TOPIC], bytes(32) + words
    )


@pytest.mark.parametrize(
    "kind, change, said",
    [
        *((kind, *case) for kind in KINDS for case in ANYWHERE),
        *((kind, *case) for kind in KINDS for case in UNSETTLED if kind is not events.ClaimSettled),
        *((events.ClaimSettled, *case) for case in SETTLED),
        (events.ClaimDenied, {"reason": Reason.PATIENT_UNFUNDED}, "the reason of a denied claim is 17"),
        (events.ClaimPended, {"reason": Reason.NOT_COVERED}, "the reason of a pended claim is 1"),
        (events.ClaimSkipped, {"reason": Reason.NONE}, "the reason of a skipped claim is 0"),
    ],
)
def test_decode__what_no_log_of_its_kind_holds__is_refused_by_name(
    kind: Any, change: dict[str, Any], said: str
) -> None:
    assert _decode(kind, pack_claim(_row(kind)))
    with pytest.raises(LedgerError, match=f"holds what it cannot: .*{said}$"):
        _decode(kind, pack_claim(replace(_row(kind), **change)))


@pytest.mark.parametrize(
    "change, said",
    [({"billed": 5}, "a reversal has billed 5"), ({"reason": Reason.NOT_COVERED}, "a reversal has reason 1")],
)
def test_decode__what_no_reversal_holds__is_refused_by_name(change: dict[str, Any], said: str) -> None:
    claim = replace(ONE_PAYER, billed=0)
    topics = [event_topic(REVERSED), bytes(32), PATIENT_TOPIC]
    assert decode_words("ClaimSettlement", topics, bytes(32) + pack_claim(claim) + bytes(32))
    changed = pack_claim(replace(claim, **change))
    with pytest.raises(LedgerError, match=f"holds what it cannot: {said}$"):
        decode_words("ClaimSettlement", topics, bytes(32) + changed + bytes(32))


@pytest.mark.parametrize("kind", KINDS)
def test_decode__a_reason_that_is_none__is_refused(kind: Any) -> None:
    words = bytearray(pack_claim(_row(kind)))
    words[31] = max(Reason) + 1
    with pytest.raises(LedgerError, match=f"(?:has reason|claim is) {max(Reason) + 1}$"):
        _decode(kind, bytes(words))


@pytest.mark.parametrize("bits, said", [(8, "unknown flags 8"), (128, "unknown flags 128")])
@pytest.mark.parametrize("kind", KINDS)
def test_decode__a_flag_that_means_nothing__is_refused(kind: Any, bits: int, said: str) -> None:
    words = bytearray(pack_claim(_row(kind)))
    words[124] |= bits
    with pytest.raises(LedgerError, match=f"has {said}$"):
        _decode(kind, bytes(words))


def test_claim__parts__make_responsibility_and_adjustment() -> None:
    claim = replace(EMPTY, billed=200, allowed=150, deductible=40, plan_paid=110, secondary_paid=25)
    assert (claim.patient_responsibility, claim.contractual_adjustment) == (15, 50)
