"""Opaque service ids: a pseudonym per insurer that only the holders of its schedule key can read.

The chain shows eight bytes where a catalogue shows a service's name (DESIGN 3, "what is public"). They
are a keyed hash, so names cannot be tried against them without the insurer's key. Equal services of one
insurer do show as equal; ``docs/protocol.md`` says so.

Fees stand beside the ids, and amounts of a public catalogue name a service as well as its name does. So each
service has decoys: further ids of the same key, with the same terms, that no record ever names.
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

LEAST_DECOYS = 3
"""Decoys that a service has at least: who guesses by the fee alone is right once in four times at most."""

_MORE_DECOYS = 2
"""How many more it may have; their number is drawn, so that the size of a group does not tell either."""


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


def draw_decoys() -> int:
    """How many decoys a new service gets."""
    return LEAST_DECOYS + secrets.randbelow(_MORE_DECOYS + 1)


def decoy_ids(schedule_key: bytes, service: str, count: int) -> tuple[bytes, ...]:
    """The ids of a service's decoys: only a holder of the key can tell them from the service's own.

    Raises:
        CatalogueError: as ``service_id``.
    """
    # Services are slugs of letters, digits and hyphens, so no service is ever named like a decoy.
    return tuple(service_id(schedule_key, f"decoy {number} of {service}") for number in range(1, count + 1))


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
