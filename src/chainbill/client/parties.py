"""Parties as programs name them: by id, by address, or by a name of the state directory's address book."""

from __future__ import annotations

from chainbill.errors import ArgumentError, StateError
from chainbill.operations.parties import insurer_of, patient_address, provider_of
from chainbill.state.session import Session

PartyName = int | str
"""The id of a provider or a payer; or an address (``0x…``), or a name in the address book."""

_LARGEST_ID = 2**32 - 1
"""The contracts keep an id in a ``uint32``."""


def provider_id(session: Session, who: PartyName) -> int:
    """A provider's id; one that is given as an id is taken as it is.

    Raises:
        ArgumentError: neither a number nor text.
        AttestationError: it begins like an address and is none.
        StateError: no such provider, or it is not registered, or is several.
    """
    return _id(who, "provider") if isinstance(who, int) else provider_of(session, _text(who, "provider"))[1]


def payer_id(session: Session, who: PartyName) -> int:
    """An insurer's payer id; one that is given as an id is taken as it is.

    Raises:
        ArgumentError: neither a number nor text.
        AttestationError: it begins like an address and is none.
        StateError: no such insurer, or it has no payer contract.
    """
    return _id(who, "payer") if isinstance(who, int) else insurer_of(session, _text(who, "insurer"))[1]


def patient(session: Session, who: str) -> str:
    """A patient's address.

    Raises:
        ArgumentError: no text: patients have no ids.
        AttestationError: it begins like an address and is none.
        StateError: no patient has the name, or nobody can have the address.
    """
    return patient_address(session, _text(who, "patient"))


def _id(number: int, whose: str) -> int:
    if isinstance(number, bool):
        raise _nobody(number, whose)
    if not 0 <= number <= _LARGEST_ID:
        raise StateError(f"there is no {whose} {number}", hint=f"ids go from 1 to {_LARGEST_ID}")
    return number


def _text(who: str, whose: str) -> str:
    if not isinstance(who, str):
        raise _nobody(who, whose)
    return who


def _nobody(who: object, whose: str) -> ArgumentError:
    return ArgumentError(
        f"{who!r} names no {whose}",
        argument=whose,
        hint="give an address or a name" if whose == "patient" else "give an id as int, an address or a name",
    )
