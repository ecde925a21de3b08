"""Claim ids, built by hand once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode

from chainbill.billing.outcomes import Reason
from chainbill.chain.format.claim_tree import claim_id, claim_prefix
from chainbill.chain.format.events import Claim, SecondaryShares
from chainbill.chain.format.packed_claim import pack_claim, pack_secondary
from chainbill.records.hashing import keccak256

SETTLEMENT = "0x" + "5e" * 20
PATIENT = "0x" + "a1" * 20
OPERATOR = "0x" + "0f" * 20
CLAIM = Claim(
    commitment=bytes(range(32)),
    sequence=7,
    provider_id=1,
    payer_id=2,
    plan_id=3,
    terms_version=4,
    secondary_payer_id=5,
    secondary_plan_id=6,
    secondary_terms_version=7,
    secondary_service_id=b"secondid",
    reason=Reason.NONE,
    benefit_year=2026,
    service_id=b"serviceo",
    units=2,
    billed_as_fee=False,
    billed=200,
    allowed=150,
    deductible=10,
    copay=20,
    coinsurance=30,
    outside_plan=5,
    plan_paid=85,
    secondary_paid=40,
    fee=3,
)
SECONDARY = SecondaryShares(1, 2, 147)


def prefix(**changed: Any) -> bytes:
    batch: dict[str, Any] = {
        "chain_id": 1,
        "settlement": SETTLEMENT,
        "batch_digest": b"d" * 32,
        "settled_at": 9,
        "operator": OPERATOR,
    }
    return claim_prefix(**batch | changed)


def test_claim_id__built_by_hand__is_the_same() -> None:
    domain = keccak256(b"chainbill.claim.v1")
    types = ["bytes32", "uint256", "address", "bytes32", "uint40", "address"]
    by_hand = keccak256(encode(types, [domain, 1, SETTLEMENT, b"d" * 32, 9, OPERATOR]))
    assert prefix() == by_hand
    inner = by_hand + encode(["address", "bytes32"], [PATIENT, CLAIM.commitment])
    inner += pack_claim(CLAIM) + pack_secondary(SECONDARY)
    assert len(inner) == 256
    assert claim_id(prefix(), PATIENT, CLAIM, SECONDARY) == keccak256(keccak256(inner))


@pytest.mark.parametrize(
    "changed",
    [
        {"chain_id": 2},
        {"settlement": PATIENT},
        {"batch_digest": b"e" * 32},
        {"settled_at": 10},
        {"operator": PATIENT},
    ],
)
def test_claim_id__another_chain_contract_batch_time_or_operator__is_another(changed: dict[str, Any]) -> None:
    assert claim_id(prefix(**changed), PATIENT, CLAIM) != claim_id(prefix(), PATIENT, CLAIM)


@pytest.mark.parametrize("name", [name for name in Claim.__slots__ if name != "reason"])
def test_claim_id__any_field_of_the_claim__changes_it(name: str) -> None:
    value = getattr(CLAIM, name)
    other: Any = bytes(len(value)) if isinstance(value, bytes) else not value if value is False else value + 1
    changed = replace(CLAIM, **{name: other})
    assert claim_id(prefix(), PATIENT, changed) != claim_id(prefix(), PATIENT, CLAIM)
