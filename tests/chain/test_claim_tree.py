"""Claim ids and Merkle trees: built by hand once, and against OpenZeppelin's own dumps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from chainbill.billing.outcomes import Reason
from chainbill.chain.format.claim_tree import claim_id, claim_prefix, merkle_proof, merkle_root, root_of_proof
from chainbill.chain.format.events import Claim, SecondaryShares
from chainbill.chain.format.packed_claim import pack_claim, pack_secondary
from chainbill.records.hashing import keccak256

DUMPS = ("simple-v1.sorted", "simple-v1.unsorted", "standard-v1.sorted", "standard-v1.unsorted")
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


@pytest.mark.parametrize("dump", DUMPS)
def test_merkle__openzeppelins_trees__have_the_same_root_and_proofs(vectors_dir: Path, dump: str) -> None:
    read = json.loads((vectors_dir / "merkle" / f"{dump}.1_0_6.json").read_text())
    tree = [bytes.fromhex(node[2:]) for node in read["tree"]]
    leaves = tree[: len(tree) // 2 - 1 : -1]
    assert merkle_root(leaves) == tree[0]
    for value in read["values"]:
        place = value["treeIndex"]
        leaf = tree[place]
        if "leafEncoding" in read:  # a leaf is hashed twice, as a claim's id is
            assert leaf == keccak256(keccak256(encode(read["leafEncoding"], value["value"])))
        assert root_of_proof(leaf, merkle_proof(leaves, len(tree) - 1 - place)) == tree[0]


LEAVES = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40, unique=True)


@given(LEAVES, st.data())
def test_merkle__any_leaf__is_proved_and_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    root = merkle_root(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = merkle_proof(leaves, index)
    assert root_of_proof(leaves[index], proof) == root
    assert len(proof) <= (len(leaves) - 1).bit_length()
    stranger = data.draw(st.binary(min_size=32, max_size=32).filter(lambda leaf: leaf not in leaves))
    assert root_of_proof(stranger, proof) != root


def test_merkle__odd_node__is_promoted_as_it_is() -> None:
    a, b, c = (keccak256(bytes([n])) for n in range(3))
    pair = keccak256(min(a, b) + max(a, b))
    assert merkle_root([a, b, c]) == keccak256(min(pair, c) + max(pair, c))
    assert merkle_proof([a, b, c], 2) == [pair]
    assert merkle_root([a]) == a
    assert merkle_proof([a], 0) == []


def test_merkle__no_leaf__has_no_root() -> None:
    assert merkle_root([]) == bytes(32)
