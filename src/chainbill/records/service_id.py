"""Opaque service ids: a pseudonym per insurer that only the holders of its schedule key can read.

The chain shows eight bytes where a catalogue shows a service's name (DESIGN 3, "what is public"). They
are a keyed hash, so names cannot be tried against them without the insurer's key. Equal services of one
insurer do show as equal; ``docs/protocol.md`` says so.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from unicodedata import normalize

from chainbill.errors import CatalogueError

KEY_BYTES = 32
"""Length of an insurer's schedule key."""

ID_BYTES = 8
"""Length of a service id, ``bytes8`` on chain."""


def new_schedule_key() -> bytes:
    """A random schedule key; the insurer keeps it and hands it to the providers it accepts."""
    return secrets.token_bytes(KEY_BYTES)


def service_id(schedule_key: bytes, service: str) -> bytes:
    """The 8-byte id of the catalogue's ``service`` under one insurer's key.

    Raises:
        CatalogueError: the key is not 32 bytes, or the service has no name.
    """
    if len(schedule_key) != KEY_BYTES:
        raise CatalogueError(f"a schedule key has {KEY_BYTES} bytes, not {len(schedule_key)}")
    if not service:
        raise CatalogueError("a service without a name has no id")
    name = normalize("NFC", service).encode()
    return hmac.digest(schedule_key, name, "sha256")[:ID_BYTES]


def service_ids(schedule_key: bytes, services: Iterable[str]) -> dict[bytes, str]:
    """Every service's name by its id: how a holder of the key reads the chain.

    Raises:
        CatalogueError: two services share an id (draw a new key), or as ``service_id``.
    """
    names: dict[bytes, str] = {}
    for service in services:
        known = names.setdefault(service_id(schedule_key, service), service)
        if known != service:
            raise CatalogueError(
                f"{known!r} and {service!r} have the same id under this schedule key",
                hint="make a new schedule key",
            )
    return names
