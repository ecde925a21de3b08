"""The vault: records sealed to the people they concern, kept under their commitments.

One file per commitment, named for it, holds one sealed copy of the opening per recipient (X25519 sealed
boxes, libsodium). A file does not name its recipients: a copy carries a tag that only someone who knows
the recipient's public key can compute, different in every file, and copies lie in random order.
Opening one recomputes the commitment, so a swapped or edited file is noticed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from chainbill.errors import AttestationError, StateError
from chainbill.records.commitment import Opening, verify
from chainbill.records.hashing import keccak256
from chainbill.records.sealed_file import SealedRecord
from chainbill.records.shared_records import SUFFIX, RecordsFolder
from chainbill.records.whole_file import make_folder, sweep, write_whole

KEY_BYTES = 32
"""Length of an X25519 key, public or private."""

_NAME = re.compile(r"[0-9a-f]{64}\.sealed")
_UNFINISHED = ".sealing-"
_KEY_TAG = b"chainbill/vault-key/v1\0"
_COPY_TAG = b"chainbill/vault-copy/v1\0"


class VaultKey:
    """A recipient's X25519 key pair. Its ``repr`` shows the public half only."""

    __slots__ = ("_private", "public")

    def __init__(self, private: bytes) -> None:
        """Take 32 private bytes, as ``to_bytes`` gave them.

        Raises:
            AttestationError: not 32 bytes.
        """
        if len(private) != KEY_BYTES:
            raise AttestationError(f"a vault key has {KEY_BYTES} bytes, not {len(private)}")
        self._private = PrivateKey(private)
        self.public = bytes(self._private.public_key)
        """The 32 bytes others seal to."""

    @classmethod
    def generate(cls) -> Self:
        """A new random key."""
        return cls(bytes(PrivateKey.generate()))

    @classmethod
    def derive(cls, account_key: bytes) -> Self:
        """The vault key that belongs to an account's 32-byte private key, so that one keystore holds both.

        Raises:
            AttestationError: not 32 bytes.
        """
        if len(account_key) != KEY_BYTES:
            raise AttestationError(f"an account's key has {KEY_BYTES} bytes, not {len(account_key)}")
        return cls(keccak256(_KEY_TAG + bytes(account_key)))

    def to_bytes(self) -> bytes:
        """The private key. Keep it in an encrypted keystore."""
        return bytes(self._private)

    def unseal(self, sealed: bytes) -> bytes:
        """Open a box sealed to this key.

        Raises:
            AttestationError: sealed to another key, or damaged.
        """
        try:
            return SealedBox(self._private).decrypt(sealed)
        except CryptoError:
            raise AttestationError("a sealed copy is damaged, or was sealed to another key") from None

    def __repr__(self) -> str:
        return f"VaultKey(public={self.public.hex()})"


class Vault:
    """A directory of sealed records, readable by its owner alone (0700, files 0600)."""

    def __init__(self, directory: Path, *, shared: RecordsFolder | None = None) -> None:
        """Open the vault in ``directory``, which is made where it is missing, and sweep what killed writers
        left there. What is sealed is laid into the ``shared`` folder too, and what is not here is looked for
        there.

        Raises:
            StateError: the directory cannot be made, or other users may enter it.
        """
        try:
            make_folder(directory)
            mode = directory.stat().st_mode & 0o777
        except OSError as error:
            raise StateError(f"the vault {directory} cannot be used: {error.strerror}") from None
        if mode & 0o077:
            raise StateError(
                f"the vault {directory} is open to other users (mode {mode:o})", hint=f"chmod 700 {directory}"
            )
        self.directory = directory
        self._shared = shared
        sweep(directory, _UNFINISHED)

    def seal(self, opening: Opening, recipients: Sequence[bytes]) -> bytes:
        """Seal ``opening`` to each of ``recipients`` (X25519 public keys) and return its commitment.

        The file is whole or absent whatever happens meanwhile. Sealing the same opening again replaces it.

        Raises:
            AttestationError: no recipient, or a public key that is not 32 bytes.
            StateError: the file cannot be written.
        """
        commitment = opening.commitment
        plain = opening.to_bytes()
        copies = [
            (copy_tag(commitment, public), seal_to(public, plain)) for public in dict.fromkeys(recipients)
        ]
        if not copies:
            raise AttestationError("a record must be sealed to at least one recipient")
        secrets.SystemRandom().shuffle(copies)
        record = SealedRecord(dict(copies))
        self._write(commitment, record)
        if self._shared is not None:
            self._shared.put(commitment, record)
        return commitment

    def open(self, commitment: bytes, key: VaultKey) -> Opening:
        """Open the record under ``commitment`` with a recipient's key.

        Raises:
            StateError: no such record, none of its copies is for this key, or the file is unreadable.
            AttestationError: the copy is damaged, or opens another commitment.
            MalformedRecord: the copy does not hold a service event.
        """
        tag = copy_tag(commitment, key.public)
        shared = None if self._shared is None else self._shared.get(commitment)
        here = None if shared and not self._path(commitment).is_file() else self.sealed(commitment)
        for record in (here, shared):
            if record is not None and tag in record.copies:
                return open_copy(record, commitment, key)
        raise StateError(f"record 0x{commitment.hex()} is not sealed to this key")

    def sealed(self, commitment: bytes) -> SealedRecord:
        """The record under ``commitment``, as it is sealed.

        Raises:
            StateError: no such record, or its file is unreadable.
        """
        try:
            return SealedRecord.parse(self._path(commitment).read_bytes())
        except FileNotFoundError:
            raise StateError(f"record 0x{commitment.hex()} is not in the vault {self.directory}") from None
        except (OSError, StateError):
            raise StateError(f"the vault's file of record 0x{commitment.hex()} is unreadable") from None

    def take(self, commitment: bytes, record: SealedRecord, key: VaultKey) -> bool | None:
        """Keep a record of elsewhere: the copy that ``key`` opens, and nothing else that came with it. False
        where it is here already; None where it is not sealed to this key.

        Raises:
            AttestationError: the copy is damaged, or opens another commitment.
            MalformedRecord: the copy does not hold a service event.
            StateError: the file cannot be written.
        """
        tag = copy_tag(commitment, key.public)
        if tag not in record.copies:
            return None
        kept = dict(self.sealed(commitment).copies) if self._path(commitment).is_file() else {}
        if tag in kept:
            return False
        open_copy(record, commitment, key)
        self._write(commitment, SealedRecord({**kept, tag: record.copies[tag]}))
        return True

    def __contains__(self, commitment: bytes) -> bool:
        here = self._path(commitment).is_file()
        return here or (self._shared is not None and self._shared.get(commitment) is not None)

    def __iter__(self) -> Iterator[bytes]:
        """Every commitment in the vault, ascending."""
        for path in sorted(self.directory.glob(f"*{SUFFIX}")):
            # Another name is nobody's record: a copy that somebody made by hand, for one.
            if _NAME.fullmatch(path.name):
                yield bytes.fromhex(path.name.removesuffix(SUFFIX))

    def _path(self, commitment: bytes) -> Path:
        if len(commitment) != 32:
            raise AttestationError(f"a commitment has 32 bytes, not {len(commitment)}")
        return self.directory / f"{commitment.hex()}{SUFFIX}"

    def _write(self, commitment: bytes, record: SealedRecord) -> None:
        try:
            write_whole(self._path(commitment), record.to_bytes(), prefix=_UNFINISHED)
        except OSError as error:
            raise StateError(f"the vault {self.directory} cannot be written: {error.strerror}") from None


def seal_to(public: bytes, plain: bytes) -> bytes:
    """Seal something to one recipient's X25519 public key; ``VaultKey.unseal`` opens it.

    Raises:
        AttestationError: the key is not 32 bytes.
    """
    return _box(public).encrypt(plain)


def _box(public: bytes) -> SealedBox[PublicKey]:
    if len(public) != KEY_BYTES:
        raise AttestationError(f"a vault's public key has {KEY_BYTES} bytes, not {len(public)}")
    return SealedBox(PublicKey(public))


def open_copy(record: SealedRecord, commitment: bytes, key: VaultKey) -> Opening:
    """Open the copy of a record that is sealed to a key.

    Raises:
        StateError: none is.
        AttestationError: the copy is damaged, or opens another commitment.
        MalformedRecord: the copy does not hold a service event.
    """
    sealed = record.copies.get(copy_tag(commitment, key.public))
    if sealed is None:
        raise StateError(f"record 0x{commitment.hex()} is not sealed to this key")
    opening = Opening.from_bytes(key.unseal(sealed))
    verify(opening, commitment)
    return opening


def copy_tag(commitment: bytes, public: bytes) -> str:
    """How a recipient finds its copy: 64 bits, different for every record."""
    return keccak256(_COPY_TAG + commitment + public)[:8].hex()
