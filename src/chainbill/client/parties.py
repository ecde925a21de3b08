"""Parties as programs name them: by id, by address, or by a name of the state directory's address book."""

from __future__ import annotations

from typing import Annotated, Literal

from chainbill.client.arguments import Expected
from chainbill.errors import StateError
from chainbill.operations.parties import insurer_of, patient_address, provider_of
from chainbill.state.address_book import Role
from chainbill.state.session import Session

PartyName = Annotated[int | str, Expected("an id as int, an address, or a name of the address book")]
"""The id of a provider or a payer; or an address (``0x…``), or a name in the address book."""

PatientName = Annotated[str, Expected("an address, or a name of the address book")]
"""A patient's address (``0x…``), or a name in the address book: patients have no ids."""

AccountRole = Role | Literal["governor", "provider", "patient", "insurer", "oracle"]
"""What an account is for, as ``Role`` or as a word."""

_LARGEST_ID = 2**32 - 1
"""The contracts keep an id in a ``uint32``."""


def provider_id(session: Session, who: PartyName) -> int:
    """A provider's id; one that is given as an id is taken as it is.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: no such provider, or it is not registered, or is several.
    """
    return _id(who, "provider") if isinstance(who, int) else provider_of(session, who)[1]


def payer_id(session: Session, who: PartyName) -> int:
    """An insurer's payer id; one that is given as an id is taken as it is.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: no such insurer, or it has no payer contract.
    """
    return _id(who, "payer") if isinstance(who, int) else insurer_of(session, who)[1]


def payer_id_or_nobody(session: Session, who: PartyName) -> int:
    """The same, where 0 is nobody."""
    return 0 if who == 0 else payer_id(session, who)


def patient(session: Session, who: PatientName) -> str:
    """A patient's address.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: no patient has the name, or nobody can have the address.
    """
    return patient_address(session, who)


def role_of(role: AccountRole) -> Role:
    """What an account is for, of either way to say it."""
    return Role(role)


def _id(number: int, whose: str) -> int:
    if not 1 <= number <= _LARGEST_ID:
        raise StateError(f"there is no {whose} {number}", hint=f"ids go from 1 to {_LARGEST_ID}")
    return number
