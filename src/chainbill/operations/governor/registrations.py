"""What the governor does for a new party: registers providers, makes payer contracts, hands out DevUSD.

On a devnet the governor's keystore is at hand, so these happen at a party's own command: at once, or, where
the governor is bound to announce its calls, when the command is given again after the delay.
"""

from __future__ import annotations

from chainbill.errors import DevnetError, StateError
from chainbill.operations.governor import admission
from chainbill.operations.governor.admission import (
    PayerCreated,
    ProviderRegistered,
    owned_payer,
    registered_ids,
)
from chainbill.operations.governor.calls import GOVERNOR, govern, governor, governor_account, is_bound
from chainbill.state.address_book import Contact, Role
from chainbill.state.names import is_id
from chainbill.state.session import Session


def register_provider(session: Session, who: str, *, governed_by: str = GOVERNOR) -> ProviderRegistered:
    """The provider of that name or address, with a place in the registry. A name that nobody has gets an
    account.

    Its account is both its attester key and its payout address.

    Raises:
        StateError: the name belongs to another role, or it is not registered and the governor's keystore is
            not here.
        CallDelayed: the governor must announce it first, and has.
        ContractReverted: the registry refuses.
    """
    name, entry = _party(session, who, Role.PROVIDER)
    if entry.provider_id is not None:
        return ProviderRegistered(changed=False, provider_id=entry.provider_id, address=entry.address)
    # It was registered elsewhere, or an earlier attempt was cut off before it could write the id down.
    ids = registered_ids(session, entry.address)
    if ids:
        done = ProviderRegistered(changed=False, provider_id=ids[0], address=entry.address)
    else:
        _check_governor(session, governed_by, who, entry, "not registered", "register-provider")
        done = admission.register_provider(governor_account(session, governed_by), entry.address)
    _noted(session, name, entry, provider_id=done.provider_id)
    return done


def open_payer(session: Session, who: str, *, governed_by: str = GOVERNOR) -> PayerCreated:
    """The insurer of that name or address, with a payer contract. A name that nobody has gets an account.

    Raises:
        StateError: the name belongs to another role, or it has no payer contract and the governor's keystore
            is not here.
        CallDelayed: the governor must announce it first, and has.
    """
    name, entry = _party(session, who, Role.INSURER)
    if entry.payer_id is not None:
        return PayerCreated(changed=False, payer_id=entry.payer_id, address=entry.address)
    payer_id = owned_payer(session, entry.address)
    if payer_id is not None:
        done = PayerCreated(changed=False, payer_id=payer_id, address=entry.address)
    else:
        _check_governor(session, governed_by, who, entry, "without a payer contract", "create-payer")
        done = admission.create_payer(governor_account(session, governed_by), entry.address)
    _noted(session, name, entry, payer_id=done.payer_id)
    return done


def hand_out(session: Session, address: str, amount: int) -> None:
    """Make DevUSD for an account, in micro-dollars.

    Raises:
        DevnetError: the token is not DevUSD: its money is real.
        CallDelayed: the governor must announce it first, and has.
    """
    made = session.protocol.deployment.made
    if session.devnet is None and not (made is not None and made.test_token):
        raise DevnetError(
            "DevUSD is made on devnets and test networks only", hint="on another chain, get its dollar token"
        )
    with governor(session) as sender:
        govern(session, sender, session.protocol.token, "mint", address, amount)


def gives_at_once(session: Session) -> bool:
    """Can DevUSD be made here without announcing it?"""
    if session.devnet is None or GOVERNOR not in session.keystores:
        return False
    account = session.book.get(GOVERNOR, Role.GOVERNOR).address
    return not is_bound(session, account, session.protocol.token, "mint")


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
    name, entry = _known_party(session, who, Role.PROVIDER)
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
        entry = _noted(session, name, entry, provider_id=ids[0])
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
    name, entry = _known_party(session, who, Role.INSURER)
    if entry.payer_id is None:
        payer_id = owned_payer(session, entry.address)
        if payer_id is None:
            raise StateError(
                f"{who} has no payer contract on this chain",
                hint=f"the governor makes one: chainbill insurer create {who}",
            )
        entry = _noted(session, name, entry, payer_id=payer_id)
    return entry, entry.payer_id or 0


def patient_address(session: Session, who: str) -> str:
    """The address of a patient, by its name or as it is.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: no patient has the name, or nobody can have the address.
    """
    return _known_party(session, who, Role.PATIENT)[1].address


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


def _known_party(session: Session, who: str, role: Role) -> tuple[str | None, Contact]:
    """A name of the address book and its entry; of an address that is not there no name, and no more than the
    address."""
    if who.startswith("0x"):
        address = session.address_of(who)
        if session.book.name_of(address) is None:
            return None, Contact(role=role, address=address)
    entry = session.book.get(who, role)
    return session.book.name_of(entry.address) if who.startswith("0x") else who, entry


def _party(session: Session, who: str, role: Role) -> tuple[str | None, Contact]:
    """The same; a name that nobody has gets an account."""
    if who.startswith("0x"):
        return _known_party(session, who, role)
    return who, session.ensure_account(who, role)


def _noted(session: Session, name: str | None, entry: Contact, **found: int | None) -> Contact:
    """An entry with what the chain says of it, written down where it has a name."""
    return entry.model_copy(update=found) if name is None else session.book.update(name, **found)


def _check_governor(
    session: Session, governed_by: str, who: str, entry: Contact, lacking: str, command: str
) -> None:
    """Say what to send to whom where this is not the governor's machine.

    Raises:
        StateError: the governor's keystore is not here.
    """
    if governed_by == GOVERNOR and governed_by not in session.keystores:
        raise StateError(
            f"{who} (account {entry.address}) is {lacking}, and only the governor changes that, "
            "whose keystore is not here",
            hint=f"the governor runs: chainbill governor {command} {entry.address}; then run this again",
        )
