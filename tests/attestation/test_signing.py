"""Signatures equal eth-account's to the byte; recovery refuses whatever the contract refuses."""

from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import defunct_hash_message
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st
from tests.attestation.wycheproof import cases

from chainbill.attestation.signing import (
    CURVE_ORDER,
    HALF_ORDER,
    Signer,
    canonical_signature,
    compact_signature,
    recover,
    sign_digest,
)
from chainbill.errors import AttestationError

KEYS = st.integers(1, CURVE_ORDER - 1).map(lambda secret: secret.to_bytes(32, "big"))
DIGESTS = st.binary(min_size=32, max_size=32)

KEY = keccak(text="provider")
DIGEST = keccak(text="an attestation")
SIGNATURE = sign_digest(KEY, DIGEST)


@given(KEYS, DIGESTS)
def test_sign_digest__any_key_and_digest__equals_eth_account(key: bytes, digest: bytes) -> None:
    account = Account.from_key(key)
    signature = sign_digest(key, digest)
    assert signature == bytes(account.unsafe_sign_hash(digest).signature)
    assert signature == sign_digest(account, digest)
    assert recover(digest, signature) == account.address == Signer(key).address


@given(KEYS, DIGESTS)
def test_sign_digest__any_key_and_digest__has_a_low_s(key: bytes, digest: bytes) -> None:
    signature = sign_digest(key, digest)
    assert 0 < int.from_bytes(signature[32:64], "big") <= HALF_ORDER
    assert signature[64] in (27, 28)


@given(st.integers(0, 8 * 65 - 1))
def test_recover__one_bit_flipped__is_never_the_signer(bit: int) -> None:
    tampered = bytearray(SIGNATURE)
    tampered[bit // 8] ^= 1 << bit % 8
    assert _recovered(DIGEST, bytes(tampered)) != Signer(KEY).address


def test_recover__another_digest__is_not_the_signer() -> None:
    assert recover(keccak(text="another"), SIGNATURE) != Signer(KEY).address


R, S, V = SIGNATURE[:32], SIGNATURE[32:64], SIGNATURE[64:]
MIRRORED = (CURVE_ORDER - int.from_bytes(S, "big")).to_bytes(32, "big")
ORDER = CURVE_ORDER.to_bytes(32, "big")


@pytest.mark.parametrize(
    "signature, said",
    [
        (b"", "has 65 bytes, not 0"),
        (R + S, "has 65 bytes, not 64"),
        (SIGNATURE + b"\x00", "has 65 bytes, not 66"),
        (R + S + b"\x00", "v is 27 or 28, not 0"),
        (R + S + b"\x01", "v is 27 or 28, not 1"),
        (R + S + b"\x1d", "v is 27 or 28, not 29"),
        (R + MIRRORED + V, "upper half"),
        (R + MIRRORED + bytes([55 - V[0]]), "upper half"),
        (R + (HALF_ORDER + 1).to_bytes(32, "big") + V, "upper half"),
        (bytes(32) + S + V, "r is 0"),
        (ORDER + S + V, "r is 0 or not below"),
        (R + bytes(32) + V, "s is 0"),
        (R + ORDER + V, "s is 0 or not below"),
        ((5).to_bytes(32, "big") + S + V, "belongs to no key"),  # no point has x = 5
    ],
)
def test_recover__malformed_signature__is_refused(signature: bytes, said: str) -> None:
    with pytest.raises(AttestationError, match=said):
        recover(DIGEST, signature)


@pytest.mark.parametrize("digest", [b"", bytes(31), bytes(33)])
def test_sign_and_recover__wrong_digest_length__are_refused(digest: bytes) -> None:
    with pytest.raises(AttestationError, match="digest has 32 bytes"):
        sign_digest(KEY, digest)
    with pytest.raises(AttestationError, match="digest has 32 bytes"):
        recover(digest, SIGNATURE)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33), bytes(32), ORDER, b"\xff" * 32])
def test_signer__not_a_private_key__is_refused(key: bytes) -> None:
    with pytest.raises(AttestationError, match="private key"):
        Signer(key)


def test_signer__shown__hides_its_key() -> None:
    assert repr(Signer(KEY)) == f"Signer({Signer(KEY).address})"


# ---- the forms in use ---------------------------------------------------------------------------------


def parity_form(signature: bytes) -> bytes:
    """With v as the parity, 0 or 1."""
    return signature[:64] + bytes((signature[64] - 27,))


def compact_form(signature: bytes) -> bytes:
    """EIP-2098, written apart from the package: the parity is the highest bit of s."""
    head = signature[32] | (0x80 if signature[64] == 28 else 0)
    return signature[:32] + bytes((head,)) + signature[33:64]


@given(KEYS, DIGESTS)
def test_canonical_signature__any_form__is_the_same_signature(key: bytes, digest: bytes) -> None:
    signature = sign_digest(key, digest)
    for form in (signature, parity_form(signature), compact_form(signature)):
        assert canonical_signature(form) == signature


@given(KEYS, DIGESTS)
def test_compact_signature__any_form__is_the_same_64_bytes(key: bytes, digest: bytes) -> None:
    signature = sign_digest(key, digest)
    for form in (signature, parity_form(signature), compact_form(signature)):
        assert compact_signature(form) == compact_form(signature)


@pytest.mark.parametrize("refused", [b"", R + S[:31], R + S + b"\x1d", R + MIRRORED + V])
def test_compact_signature__no_form_in_use__is_refused(refused: bytes) -> None:
    with pytest.raises(AttestationError):
        compact_signature(refused)


@pytest.mark.parametrize(
    "secret, message, long, compact",
    [
        (
            0x1234567890123456789012345678901234567890123456789012345678901234,
            "Hello World",
            "68a020a209d3d56c46f38cc50a33f704f4a9a10a59377f8dd762ac66910e9b90"
            "7e865ad05c4035ab5792787d4a0297a43617ae897930a6fe4d822b8faea520641b",
            "68a020a209d3d56c46f38cc50a33f704f4a9a10a59377f8dd762ac66910e9b90"
            "7e865ad05c4035ab5792787d4a0297a43617ae897930a6fe4d822b8faea52064",
        ),
        (
            0x1234567890123456789012345678901234567890123456789012345678901234,
            "It's a small(er) world",
            "9328da16089fcba9bececa81663203989f2df5fe1faa6291a45381c81bd17f76"
            "139c6d6b623b42da56557e5e734a43dc83345ddfadec52cbe24d0cc64f5507931c",
            "9328da16089fcba9bececa81663203989f2df5fe1faa6291a45381c81bd17f76"
            "939c6d6b623b42da56557e5e734a43dc83345ddfadec52cbe24d0cc64f550793",
        ),
    ],
)
def test_canonical_signature__vectors_of_eip_2098__are_expanded(
    secret: int, message: str, long: str, compact: str
) -> None:
    assert canonical_signature(bytes.fromhex(compact)) == bytes.fromhex(long)
    assert compact_signature(bytes.fromhex(long)) == bytes.fromhex(compact)
    digest = bytes(defunct_hash_message(text=message))
    signer = Signer(secret.to_bytes(32, "big")).address
    assert recover(digest, canonical_signature(bytes.fromhex(compact))) == signer


@pytest.mark.parametrize(
    "signature, said, advice",
    [
        (b"", "65 bytes, or 64 in the compact form, not 0", "contract wallet"),
        (R + S[:31], "not 63", "contract wallet"),
        (SIGNATURE + b"\x00", "not 66", "contract wallet"),
        (R + S + b"\x02", "not 2$", "EIP-712"),
        (R + S + b"\x1d", "not 29$", "EIP-712"),
        (R + S + b"\x25", "not 37$", "EIP-712"),
        (R + MIRRORED + V, "upper half", "low s"),
        (R + MIRRORED + bytes((55 - V[0],)), "upper half", "low s"),
        (R + MIRRORED + b"\x00", "upper half", "low s"),
        (R + b"\x7f" + b"\xff" * 31, "upper half", "low s"),  # compact, parity 0
        (R + b"\xff" * 32, "upper half", "low s"),  # compact, parity 1
    ],
)
def test_canonical_signature__no_form_in_use__is_refused_with_what_to_do(
    signature: bytes, said: str, advice: str
) -> None:
    with pytest.raises(AttestationError, match=said) as refusal:
        canonical_signature(signature)
    assert advice in (refusal.value.hint or "")


def test_recover__wycheproof_signatures__only_the_valid_give_the_signer(vectors_dir: Path) -> None:
    tried = {True: 0, False: 0}
    for case in cases(vectors_dir):
        if case.numbers is None:
            assert not case.valid, case.number
            continue
        found = {_recovered(case.digest, case.numbers + v) for v in (b"\x1b", b"\x1c")}
        assert (case.signer in found) == case.recoverable, case.number
        tried[case.valid] += 1
    assert tried == {True: 162, False: 69}


def _recovered(digest: bytes, signature: bytes) -> str:
    """The address, or nothing where the signature is refused."""
    try:
        return recover(digest, signature)
    except AttestationError:
        return ""
