"""A claim's packed words: where each field stands, written out a second time with plain shifts."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainbill.billing.outcomes import Reason
from chainbill.chain import events
from chainbill.chain.claim_words import pack_claim, pack_secondary
from chainbill.chain.events import Claim, SecondaryShares
from chainbill.chain.logs import decode_words, event_topic
from chainbill.errors import LedgerError

AMOUNT = st.integers(0, 2**64 - 1)
U16, U32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
SERVICE = st.binary(min_size=8, max_size=8)
CLAIMS = st.builds(
    Claim,
    commitment=st.binary(min_size=32, max_size=32),
    sequence=AMOUNT,
    provider_id=U32,
    payer_id=U32,
    plan_id=U16,
    terms_version=U16,
    secondary_payer_id=U32,
    secondary_plan_id=U16,
    secondary_terms_version=U16,
    secondary_service_id=SERVICE,
    reason=st.sampled_from(Reason),
    benefit_year=U16,
    service_id=SERVICE,
    units=U16,
    billed_as_fee=st.booleans(),
    billed=AMOUNT,
    allowed=AMOUNT,
    deductible=AMOUNT,
    copay=AMOUNT,
    coinsurance=AMOUNT,
    outside_plan=AMOUNT,
    plan_paid=AMOUNT,
    secondary_paid=AMOUNT,
    fee=AMOUNT,
    units_counted=st.booleans(),
    secondary_units_counted=st.booleans(),
)
SHARES = st.builds(SecondaryShares, AMOUNT, AMOUNT, AMOUNT)
PATIENT = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
PATIENT_TOPIC = bytes(12) + bytes.fromhex(PATIENT[2:])
ROW = "(address,bytes32,uint256,uint256,uint256,uint256)"


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


@pytest.mark.parametrize(
    "kind", [events.ClaimSettled, events.ClaimDenied, events.ClaimPended, events.ClaimSkipped]
)
def test_decode__a_row_of_any_outcome__is_the_claim_that_was_packed(kind: Any) -> None:
    @given(CLAIMS)
    def agree(claim: Claim) -> None:
        topics = [event_topic(kind.__name__ + ROW), PATIENT_TOPIC]
        assert decode_words("ClaimSettlement", topics, claim.commitment + pack_claim(claim)) == kind(
            PATIENT, claim
        )

    agree()


@given(CLAIMS, SHARES, st.binary(min_size=32, max_size=32))
def test_decode__a_reversal__is_what_was_packed(
    claim: Claim, shares: SecondaryShares, claim_id: bytes
) -> None:
    signature = "ClaimReversed(bytes32,address,bytes32,uint256,uint256,uint256,uint256,uint256)"
    data = claim.commitment + pack_claim(claim) + pack_secondary(shares)
    decoded = decode_words("ClaimSettlement", [event_topic(signature), claim_id, PATIENT_TOPIC], data)
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
def test_decode__a_byte_that_the_layout_leaves_out__is_refused(place: int) -> None:
    words = bytearray(pack_claim(EMPTY))
    words[place] = 1
    with pytest.raises(LedgerError):
        decode_words(
            "ClaimSettlement", [event_topic("ClaimSettled" + ROW), PATIENT_TOPIC], bytes(32) + bytes(words)
        )


def test_decode__a_reason_that_is_none__is_refused() -> None:
    words = bytearray(pack_claim(EMPTY))
    words[31] = max(Reason) + 1
    with pytest.raises(LedgerError):
        decode_words(
            "ClaimSettlement", [event_topic("ClaimDenied" + ROW), PATIENT_TOPIC], bytes(32) + bytes(words)
        )


def test_claim__parts__make_responsibility_and_adjustment() -> None:
    claim = replace(EMPTY, billed=200, allowed=150, deductible=40, plan_paid=110, secondary_paid=25)
    assert (claim.patient_responsibility, claim.contractual_adjustment) == (15, 50)
