"""Who is meant by a name, an address or an id: the address book's word, and else the chain's."""

from __future__ import annotations

from collections.abc import Callable

from chainbill.attestation.address import ZERO_ADDRESS, checksum_address
from chainbill.errors import StateError
from chainbill.operations.governor.admission import owned_payer, registered_ids
from chainbill.state.address_book import Contact, Role
from chainbill.state.names import is_id
from chainbill.state.session import Session


def provider_of(session: Session, who: str) -> tuple[Contact, int]:
    """A registered provider and its id, by its name, address or id. What the address book does not know is
    looked up on chain.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: no such provider, it is not registered on this chain, or its address is several
            providers'.
    """
    if is_id(who):
        return _provider_of_id(session, int(who))
    name, entry = known_party(session, who, Role.PROVIDER)
    if entry.provider_id is None:
        ids = registered_ids(session, entry.address)
        if not ids:
            raise StateError(
                f"{who} is not registered on this chain",
                hint=f"register it: chainbill provider register {who}",
            )
        if len(ids) > 1:
            raise StateError(
                f"{who} is several providers: {', '.join(map(str, ids))}", hint="name one by its id"
            )
        entry = noted(session, name, entry, provider_id=ids[0])
    return entry, entry.provider_id or 0


def insurer_of(session: Session, who: str) -> tuple[Contact, int]:
    """An insurer with a payer contract, and its payer id, by its name, address or payer id. What the address
    book does not know is looked up on chain.

    Raises:
        AttestationError: it begins like an address and is none.
        ChainError: there is no payer of that id.
        StateError: no such insurer, or it has no payer contract on this chain.
    """
    if is_id(who):
        return _insurer_of_id(session, int(who))
    name, entry = known_party(session, who, Role.INSURER)
    if entry.payer_id is None:
        payer_id = owned_payer(session, entry.address)
        if payer_id is None:
            raise StateError(
                f"{who} has no payer contract on this chain",
                hint=f"the governor makes one: chainbill insurer create {who}",
            )
        entry = noted(session, name, entry, payer_id=payer_id)
    return entry, entry.payer_id or 0


def patient_address(session: Session, who: str) -> str:
    """The address of a patient, by its name or as it is.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: no patient has the name, or nobody can have the address.
    """
    return known_party(session, who, Role.PATIENT)[1].address


def patient_finder(session: Session) -> Callable[[str], str]:
    """``patient_address`` for many: the address book is read once."""
    entries = session.book.entries()
    patients = {name: entry.address for name, entry in entries.items() if entry.role is Role.PATIENT}
    others = {entry.address for entry in entries.values() if entry.role is not Role.PATIENT}
    others |= {ZERO_ADDRESS, *session.protocol.deployment.addresses().values()}

    def find(who: str) -> str:
        if who in patients:
            return patients[who]
        address = checksum_address(who) if who.startswith("0x") else None
        # Whoever is refused is looked up as one is: that says why.
        return patient_address(session, who) if address is None or address in others else address

    return find


def _provider_of_id(session: Session, provider_id: int) -> tuple[Contact, int]:
    known = session.book.provider(provider_id)
    if known is not None:
        return known[1], provider_id
    registry = session.protocol.registry
    count = registry.provider_count()
    if not 1 <= provider_id <= count:
        raise StateError(f"there is no provider {provider_id} on this chain", hint=_ids_there_are(count))
    address = registry.payout_address(provider_id)
    name = session.book.name_of(address)
    if (
        name is not None
        and session.book.get(name).role is Role.PROVIDER
        and registered_ids(session, address) == [provider_id]
    ):
        # Its entry was made before it was registered.
        return provider_of(session, name)
    return Contact(role=Role.PROVIDER, address=address, provider_id=provider_id), provider_id


def _insurer_of_id(session: Session, payer_id: int) -> tuple[Contact, int]:
    known = session.book.insurer(payer_id)
    if known is not None:
        return known[1], payer_id
    address = session.protocol.payer(payer_id).insurer()
    name = session.book.name_of(address)
    if name is not None and session.book.get(name).role is Role.INSURER:
        return insurer_of(session, name)
    return Contact(role=Role.INSURER, address=address, payer_id=payer_id), payer_id


def _ids_there_are(count: int) -> str:
    return f"the ids there are: 1 to {count}" if count else "nobody is registered yet"


def known_party(session: Session, who: str, role: Role) -> tuple[str | None, Contact]:
    """A name of the address book and its entry; of an address that is not there no name, and no more than the
    address."""
    if who.startswith("0x"):
        address = session.address_of(who)
        if session.book.name_of(address) is None:
            return None, Contact(role=role, address=address)
    entry = session.book.get(who, role)
    return session.book.name_of(entry.address) if who.startswith("0x") else who, entry


def noted(session: Session, name: str | None, entry: Contact, **found: int | None) -> Contact:
    """An entry with what the chain says of it, written down where it has a name."""
    return entry.model_copy(update=found) if name is None else session.book.update(name, **found)
