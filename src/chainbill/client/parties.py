"""Parties as programs name them: by id, by address, or by a name of the state directory's address book."""

from __future__ import annotations

from chainbill.operations.governor.registrations import insurer_of, patient_address, provider_of
from chainbill.state.session import Session

PartyName = int | str
"""The id of a provider or a payer; or an address (``0x…``), or a name in the address book."""


def provider_id(session: Session, who: PartyName) -> int:
    """A provider's id; one that is given as an id is taken as it is.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: no such provider, or it is not registered, or is several.
    """
    return who if isinstance(who, int) else provider_of(session, who)[1]


def payer_id(session: Session, who: PartyName) -> int:
    """An insurer's payer id; one that is given as an id is taken as it is.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: no such insurer, or it has no payer contract.
    """
    return who if isinstance(who, int) else insurer_of(session, who)[1]


def patient(session: Session, who: str) -> str:
    """A patient's address.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: no patient has the name, or nobody can have the address.
    """
    return patient_address(session, who)
