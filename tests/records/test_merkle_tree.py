"""Merkle trees: against OpenZeppelin's own dumps, and against leaves made at random."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from chainbill.records.hashing import keccak256
from chainbill.records.merkle_tree import merkle_proof, merkle_root, root_of_proof

DUMPS = ("simple-v1.sorted", "simple-v1.unsorted", "standard-v1.sorted", "standard-v1.unsorted")


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
