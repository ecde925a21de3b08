"""Signatures over digests: secp256k1 through libsecp256k1, equal to eth-account's and far faster.

A signature is 65 bytes, r ‖ s ‖ v with v 27 or 28 and s in the lower half of the curve's order. The
nonce is RFC 6979's, so one key signs one digest in one way. That is the only form the contracts take; what
wallets write besides is brought into it by ``canonical_signature``.
"""

from __future__ import annotations

from coincurve import PrivateKey, PublicKey
from eth_account.signers.local import LocalAccount

from chainbill.attestation.address import checksum_address
from chainbill.errors import AttestationError
from chainbill.records.hashing import keccak256

SIGNATURE_BYTES = 65
COMPACT_BYTES = 64
"""r ‖ s with the parity in the top bit of s (EIP-2098)."""
DIGEST_BYTES = 32
KEY_BYTES = 32

CURVE_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""The order n of secp256k1's group: r and s are below it."""

HALF_ORDER = CURVE_ORDER // 2
"""The largest low s. Above it lies the mirror image of a signature that anyone could make (EIP-2)."""


class Signer:
    """A private key made ready once: building it costs more than a signature. ``repr`` shows the address."""

    __slots__ = ("_key", "address")

    def __init__(self, private_key: LocalAccount | bytes) -> None:
        """Take an eth-account account or 32 raw bytes.

        Raises:
            AttestationError: not 32 bytes, or not between 1 and the curve's order.
        """
        secret = bytes(private_key.key if isinstance(private_key, LocalAccount) else private_key)
        if len(secret) != KEY_BYTES:
            raise AttestationError(f"a private key has {KEY_BYTES} bytes, not {len(secret)}")
        try:
            self._key = PrivateKey(secret)
        except ValueError:
            raise AttestationError("the private key is not below the curve's order and above 0") from None
        self.address = _address_of(self._key.public_key)
        """The checksum address this key signs for."""

    def sign(self, digest: bytes) -> bytes:
        """Sign a 32-byte digest as r ‖ s ‖ v.

        Raises:
            AttestationError: the digest is not 32 bytes.
        """
        _check_digest(digest)
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + (b"\x1c" if signature[64] else b"\x1b")

    def __repr__(self) -> str:
        return f"Signer({self.address})"


def sign_digest(private_key: LocalAccount | bytes, digest: bytes) -> bytes:
    """Sign one digest. For many, make a ``Signer`` once.

    Raises:
        AttestationError: as ``Signer`` and ``Signer.sign``.
    """
    return Signer(private_key).sign(digest)


def canonical_signature(signature: bytes) -> bytes:
    """A key's signature as the contracts take it, from any form in use: v as the parity 0 or 1 (the Yellow
    Paper's, and what hardware wallets write), or the 64 bytes of EIP-2098. Never for a contract's signature,
    whose bytes are its own affair.

    Raises:
        AttestationError: another length or v, or s in the upper half; the hint says what the signer must do.
    """
    if len(signature) == COMPACT_BYTES:
        parity_and_s = int.from_bytes(signature[32:], "big")
        parity, low = parity_and_s >> 255, parity_and_s & (1 << 255) - 1
        signature = signature[:32] + low.to_bytes(32, "big") + bytes((27 + parity,))
    if len(signature) != SIGNATURE_BYTES:
        raise AttestationError(
            f"a key's signature has {SIGNATURE_BYTES} bytes, or {COMPACT_BYTES} in the compact form, "
            f"not {len(signature)}",
            hint="a contract wallet, whose signatures have any length, must be deployed on this chain first",
        )
    v = signature[64]
    if v not in (0, 1, 27, 28):
        raise AttestationError(
            f"a signature's last byte is 27 or 28, or as parity 0 or 1, not {v}",
            hint="sign the message as typed data (EIP-712); a transaction's signature has other last bytes",
        )
    if int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        raise AttestationError(
            "a signature's s is in the upper half: a mirrored signature",
            hint="the contracts take low s alone (EIP-2): have the wallet or library that signs make low s",
        )
    return signature[:64] + bytes((v if v > 1 else v + 27,))


def compact_signature(signature: bytes) -> bytes:
    """The 64 bytes of EIP-2098 for a key's signature r ‖ s ‖ v: the parity is the highest bit of s.

    Raises:
        AttestationError: not 65 bytes, v not 27 or 28, or s in the upper half.
    """
    signature = canonical_signature(signature)
    return signature[:32] + bytes((signature[32] | (signature[64] - 27) << 7,)) + signature[33:64]


def recover(digest: bytes, signature: bytes) -> str:
    """The checksum address whose key signed ``digest``, by the contract's rules.

    Raises:
        AttestationError: the digest is not 32 bytes; the signature is not 65, its v is not 27 or 28, its
            r or s is 0 or not below the curve's order, its s is in the upper half, or it belongs to no key.
    """
    _check_digest(digest)
    if len(signature) != SIGNATURE_BYTES:
        raise AttestationError(f"a signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
    r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    if v not in (27, 28):
        raise AttestationError(f"a signature's v is 27 or 28, not {v}")
    if not 0 < r < CURVE_ORDER:
        raise AttestationError("a signature's r is 0 or not below the curve's order")
    if not 0 < s < CURVE_ORDER:
        raise AttestationError("a signature's s is 0 or not below the curve's order")
    if s > HALF_ORDER:
        raise AttestationError("a signature's s is in the upper half: a mirrored signature")
    try:
        key = PublicKey.from_signature_and_message(
            bytes(signature[:64]) + bytes((v - 27,)), digest, hasher=None
        )
    except Exception:  # coincurve raises a bare Exception here
        raise AttestationError("a signature belongs to no key") from None
    return _address_of(key)


def _address_of(key: PublicKey) -> str:
    return checksum_address("0x" + keccak256(key.format(compressed=False)[1:])[-20:].hex())


def _check_digest(digest: bytes) -> None:
    if len(digest) != DIGEST_BYTES:
        raise AttestationError(f"a digest has {DIGEST_BYTES} bytes, not {len(digest)}")
