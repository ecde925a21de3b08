"""eth-account, the measure of our digests, agrees with all 130 typed-data cases that ethers publishes."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from chainbill.attestation.signing import recover, sign_digest

DOMAIN_TYPES = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}
"""EIP-712's domain members in its order; a case's domain has those it names."""


@pytest.fixture
def cases(vectors_dir: Path) -> list[dict[str, Any]]:
    published: list[dict[str, Any]] = json.loads(
        gzip.decompress((vectors_dir / "ethers/typed-data.json.gz").read_bytes())
    )
    return published


def test_ethers_cases__encoded_by_eth_account__all_agree(cases: list[dict[str, Any]]) -> None:
    agree = [case["name"] for case in cases if _digest(case).hex() == case["digest"].removeprefix("0x")]
    assert len(agree) == len(cases) == 130


def test_ethers_signature__signed_by_us__is_the_same(cases: list[dict[str, Any]]) -> None:
    signed = [case for case in cases if "signature" in case]
    assert [case["name"] for case in signed] == ["EIP712 example"]
    for case in signed:
        signature = bytes.fromhex(case["signature"].removeprefix("0x"))
        assert sign_digest(bytes.fromhex(case["privateKey"].removeprefix("0x")), _digest(case)) == signature
        assert recover(_digest(case), signature).lower() == case["data"]["from"]["wallet"].lower()


def _digest(case: dict[str, Any]) -> bytes:
    domain_type = [
        {"name": name, "type": kind} for name, kind in DOMAIN_TYPES.items() if name in case["domain"]
    ]
    message = encode_typed_data(
        full_message={
            "types": {"EIP712Domain": domain_type, **case["types"]},
            "primaryType": case["primaryType"],
            "domain": case["domain"],
            "message": case["data"],
        }
    )
    return keccak(b"\x19" + message.version + message.header + message.body)
