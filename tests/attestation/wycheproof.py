"""Wycheproof's signatures for Bitcoin (low s), as r ‖ s: published by others, made to break verifiers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from eth_utils.crypto import keccak

from chainbill.attestation.address import checksum_address

LARGE_X = "k*G has a large x-coordinate"
"""Valid ECDSA whose recovery id is 2 or 3: no v of Ethereum's says that."""


@dataclass(frozen=True)
class Case:
    """One signature that is two numbers of 32 bytes in strict DER, or is not (``numbers`` None)."""

    number: int
    signer: str
    digest: bytes
    numbers: bytes | None
    valid: bool
    recoverable: bool
    """Valid, and the key can be found from the signature with v 27 or 28."""


def cases(vectors_dir: Path) -> Iterator[Case]:
    """All cases of the file."""
    vectors = json.loads((vectors_dir / "wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json").read_text())
    for group in vectors["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["uncompressed"])
        for case in group["tests"]:
            valid = case["result"] == "valid"
            yield Case(
                number=case["tcId"],
                signer=checksum_address("0x" + keccak(key[1:])[-20:].hex()),
                digest=sha256(bytes.fromhex(case["msg"])).digest(),
                numbers=strict_der(bytes.fromhex(case["sig"])),
                valid=valid,
                recoverable=valid and case["comment"] != LARGE_X,
            )


def strict_der(signature: bytes) -> bytes | None:
    """r ‖ s of a DER signature, None where it is not the one DER form of two numbers below 2^256."""
    if len(signature) < 8 or signature[3] == 0:
        return None
    size = signature[3]
    r, s = signature[4 : 4 + size], signature[6 + size :]
    numbers = [int.from_bytes(part, "big") for part in (r, s)]
    if max(numbers) >= 1 << 256:
        return None
    body = b"".join(bytes((2, len(part))) + part for part in map(_der_number, numbers))
    if signature != bytes((0x30, len(body))) + body:
        return None
    return numbers[0].to_bytes(32, "big") + numbers[1].to_bytes(32, "big")


def _der_number(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")
