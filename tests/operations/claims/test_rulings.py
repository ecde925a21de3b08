"""Rulings: in full, in part, and none; what is allowed follows the shares."""

from __future__ import annotations

from dataclasses import replace

from chainbill.billing.outcomes import Reason
from chainbill.chain.contracts.settlement import SettledClaim
from chainbill.chain.format.events import Claim, SecondaryShares
from chainbill.operations.claims.rulings import full_reversal, partial_ruling, upheld

CLAIM = Claim(
    commitment=b"\x01" * 32,
    sequence=7,
    provider_id=2,
    payer_id=1,
    plan_id=1,
    terms_version=1,
    secondary_payer_id=3,
    secondary_plan_id=1,
    secondary_terms_version=1,
    secondary_service_id=b"\x02" * 8,
    reason=Reason.NONE,
    benefit_year=2024,
    service_id=b"\x03" * 8,
    units=1,
    billed_as_fee=False,
    billed=120,
    allowed=100,
    deductible=10,
    copay=20,
    coinsurance=5,
    outside_plan=0,
    plan_paid=65,
    secondary_paid=15,
    fee=3,
)
SETTLED = SettledClaim(
    b"\x04" * 32, 1, "0x" + "a1" * 20, "0x" + "b2" * 20, CLAIM, SecondaryShares(10, 30, 60)
)


def test_upheld__changes__nothing() -> None:
    assert upheld(SETTLED).claim == CLAIM
    assert upheld(SETTLED).secondary == SETTLED.secondary


def test_upheld__of_a_claim_of_nothing__says_so_in_a_word_of_its_own() -> None:
    """Its amounts are those of a full reversal."""
    assert (upheld(SETTLED).abi_tuple()[-1], full_reversal(SETTLED).abi_tuple()[-1]) == (True, False)


def test_full_reversal__leaves__nothing_but_what_was_attested() -> None:
    ruling = full_reversal(SETTLED)
    amounts, shares, secondary, fee, _ = ruling.abi_tuple()
    assert (amounts & (1 << 192) - 1, shares, secondary, fee) == (0, 0, 0, 0)
    assert ruling.claim.billed == CLAIM.billed


def test_partial_ruling__some_parts__keeps_the_rest_and_adds_up() -> None:
    ruling = partial_ruling(SETTLED, {"copay": 12, "plan_paid": 40, "alone_plan_paid": 50})
    assert ruling.claim == replace(CLAIM, copay=12, plan_paid=40, allowed=67)
    assert ruling.secondary == SecondaryShares(10, 30, 50)
