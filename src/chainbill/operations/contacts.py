"""Who is who elsewhere: cards that accounts' owners sign, and the address book's entries made of them.

A card proves that the owner of its account says what stands on it, and nothing of who that is: whoever
imports one compares the address with what its owner tells them by another way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError

from chainbill.attestation.contact_card import NO_KEY, ContactCard
from chainbill.attestation.signing import Signer, canonical_signature, recover
from chainbill.attestation.typed_data import Domain
from chainbill.chain.node.connection import has_code
from chainbill.errors import ArgumentError, AttestationError, StateError, unusable
from chainbill.operations.actor import Actor
from chainbill.operations.governor.admission import owned_payer, registered_ids
from chainbill.records.repeated_keys import refuse_repeated_keys
from chainbill.records.vault import seal_to
from chainbill.state.address_book import AddressBook, Contact, Role
from chainbill.state.directory import StateDirectory
from chainbill.state.keystores import Keystores
from chainbill.state.names import check_name
from chainbill.state.passphrase import passphrase_from
from chainbill.state.schedules import Schedule, Schedules
from chainbill.state.session import Session
from chainbill.stated import Stated

CARD_SECONDS = 30 * 24 * 3600
"""How long a card may be imported, where nothing else is said."""

CARD_BYTES = 1 << 20
"""A card is smaller than this, with a schedule of thousands of services."""

CLOCKS_APART_SECONDS = 3600
"""How far two nodes' newest blocks may lie apart."""


class SignedCard(Stated):
    """A contact card as a file."""

    message: dict[str, Any]
    """The EIP-712 message, as wallets show it."""
    signature: Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2}){64,65}$")]
    """Of the account that the card is of."""

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a file's content.

        Raises:
            AttestationError: it is no card, too large for one, or says something twice.
        """
        hint = "its owner makes one: chainbill contacts card"
        if len(content) > CARD_BYTES:
            raise AttestationError("that is too large for a contact card", hint=hint)
        refuse_repeated_keys(content, "the contact card", AttestationError)
        try:
            return cls.model_validate_json(content)
        except ValidationError:
            raise AttestationError("that is no contact card", hint=hint) from None

    @classmethod
    def read_file(cls, file: Path) -> Self:
        """Read a file.

        Raises:
            AttestationError: as ``parse``.
            StateError: it cannot be read.
        """
        try:
            with file.open("rb") as opened:
                return cls.parse(opened.read(CARD_BYTES + 1))
        except OSError as error:
            raise unusable(file, "read", error) from None

    def read(self) -> tuple[ContactCard, Domain]:
        """The card, and the domain it was signed for.

        Raises:
            AttestationError: malformed, or not signed by the account that it is of.
        """
        card, domain = ContactCard.read(self.message)
        signature = canonical_signature(bytes.fromhex(self.signature[2:]))
        if recover(card.digest(domain), signature) != card.account:
            raise AttestationError(
                f"the card is not signed by {card.account}, which it is of",
                hint="it was changed since, or somebody else made it: ask its owner for another",
            )
        return card, domain

    def to_text(self) -> str:
        """The content of a file."""
        return json.dumps(self.model_dump(), indent=2)


@dataclass(frozen=True, slots=True)
class ImportedCard:
    """What became of a card."""

    name: str
    contact: Contact
    changed: bool
    """False where the address book had it all."""
    schedule: bool | None
    """Was a schedule on it that is kept here now? None: it has none. False: one for somebody else."""


@dataclass(frozen=True, slots=True)
class KnownContact:
    """Somebody in the address book."""

    name: str
    contact: Contact
    key_here: bool
    """Is its keystore here?"""
    schedule_here: bool
    """An insurer's fee schedule, or that of a provider's cash prices: is it here?"""


def contacts(state: StateDirectory, role: Role | None = None) -> tuple[KnownContact, ...]:
    """Everybody in the address book, or everybody of one role, in order of name.

    Raises:
        StateError: the address book is damaged or open to other users.
    """
    entries = AddressBook(state.address_book).entries(role)
    return tuple(_known(state, name, entry) for name, entry in entries.items())


def contact(state: StateDirectory, who: str) -> KnownContact:
    """Somebody of the address book, by name or address.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: nobody there has the name or the address.
    """
    book = AddressBook(state.address_book)
    entry = book.get(who)
    return _known(state, book.name_of(entry.address) or who, entry)


def _known(state: StateDirectory, name: str, entry: Contact) -> KnownContact:
    kept = _schedules(Schedules(state.schedules), Schedules(state.cash_prices), entry)
    here = name in Keystores(state.keystores, lambda: passphrase_from(state.passphrase))
    return KnownContact(name, entry, here, kept is not None and kept[1] in kept[0])


def sign_card(
    owner: Actor,
    *,
    name: str | None = None,
    role: Role | None = None,
    valid_seconds: int = CARD_SECONDS,
    schedule_for: str | None = None,
) -> SignedCard:
    """Make the card of an account whose key is at hand.

    Args:
        name: what the card calls it; None: as the address book does.
        role: what it is for; None: what the address book says.
        valid_seconds: how long it may be imported.
        schedule_for: whom an insurer's schedule, or a provider's of its cash prices, is handed to, sealed;
            None: nobody.

    Raises:
        ArgumentError: nothing says what the account is for or called, or the address book says otherwise.
        AttestationError: the card would be valid for longer than a card can say.
        StateError: its key is not at hand, it is a contract wallet, it has no schedule, or no vault key is
            known of whom that is for.
    """
    session = owner.session
    called, entry = _own_entry(owner, name, role)
    _check_signs(owner, called, entry)
    now = session.now()
    sealed, receiver = b"", NO_KEY
    if schedule_for is not None:
        receiver = session.book.vault_key_of(session.address_of(schedule_for))
        sealed = seal_to(receiver, _handed_over(session, called, entry))
    card = ContactCard(
        name=called,
        role=entry.role.value,
        account=entry.address,
        provider_id=entry.provider_id or 0,
        payer_id=entry.payer_id or 0,
        vault_key=owner.vault_key().public,
        schedule_for=receiver,
        schedule=sealed,
        issued_at=now,
        expires_at=now + valid_seconds,
    )
    domain = session.protocol.domain
    signature = Signer(owner.account).sign(card.digest(domain))
    return SignedCard(message=card.to_eip712_message(domain), signature=f"0x{signature.hex()}")


def _own_entry(owner: Actor, name: str | None, role: Role | None) -> tuple[str, Contact]:
    """What the card of an account calls it, and the account with the ids that the chain has for it.

    Raises:
        ArgumentError: as ``sign_card``.
    """
    session = owner.session
    known = session.book.name_of(owner.address)
    if known is None:
        if role is None or name is None:
            missing = "role" if role is None else "name"
            raise ArgumentError(
                f"the address book does not know {owner.address}, so its card must say its {missing}",
                argument=missing,
                hint=f"give `{missing}=`",
            )
        return check_name(name), _with_ids(session, Contact(role=role, address=owner.address))
    entry = session.book.get(known)
    if role not in (None, entry.role):
        raise ArgumentError(f"{known} is known as {entry.role}, not as {role}", argument="role")
    return check_name(name or known), _with_ids(session, entry)


def _check_signs(owner: Actor, name: str, entry: Contact) -> None:
    """A card is signed by a key, so that whoever imports it needs no chain to tell by whom.

    Raises:
        StateError: the account is a contract wallet (ERC-1271), which has none.
    """
    here = not owner.is_named or owner.name in owner.session.keystores
    if not here and has_code(owner.session.protocol.w3, entry.address):
        vault_key = entry.vault_public_key or "HEX"
        raise StateError(
            f"{name} ({entry.address}) is a contract wallet, and a card is signed by the account's own key, "
            "which a contract has not",
            hint=f"tell its address to those who deal with it; they run: chainbill contacts add {name} "
            f"{entry.address} --role {entry.role.value} --vault-key {vault_key}",
        )


def import_card(
    session: Session, signed: SignedCard, *, name: str | None = None, receiver: Actor | None = None
) -> ImportedCard:
    """Put the account of a card into the address book, and keep the schedule that is on it for an account
    here.

    Args:
        name: what to call it; else what it is called here already, or what its owner calls it.
        receiver: an account whose key is at hand and in no keystore here, for which a schedule may be.

    Raises:
        AttestationError: not signed by its owner, or malformed.
        StateError: made for another chain or deployment, expired, older than what is known, or against what
            the chain says; it is of an account here; or the name is somebody else's.
    """
    card, domain = signed.read()
    _check_holds(session, card, domain)
    called = _name_for(session, card, name)
    before = session.book.entries().get(called)
    contact = _contact(session, card)
    if before is not None:
        if (before.card_issued_at or 0) > card.issued_at:
            raise StateError(
                f"a newer card of {called} was imported before", hint="ask its owner for a card of today"
            )
        if contact.vault_public_key is None:
            contact = contact.model_copy(update={"vault_public_key": before.vault_public_key})
    kept = _keep_schedule(session, card, contact, receiver)
    session.book.put(called, contact)
    same = before is not None and before == contact.model_copy(
        update={"card_issued_at": before.card_issued_at}
    )
    return ImportedCard(called, contact, not same, kept)


def add_contact(session: Session, name: str, contact: Contact) -> Contact:
    """Put an account into the address book without a card, with the ids that the chain has for it.

    Raises:
        StateError: the name or the address is known already, or the chain knows it otherwise.
    """
    check_name(name)
    session.address_of(contact.address)
    known = session.book.name_of(contact.address)
    if known is not None and known != name:
        raise StateError(f"{contact.address} is in the address book already, as {known}")
    if name in session.book.entries() or name in session.keystores:
        raise StateError(
            f"there is an account named {name!r} already",
            hint=f"choose another name, or first: chainbill contacts remove {name}",
        )
    found = _with_ids(session, contact)
    session.book.put(name, found)
    return found


def remove_contact(book: AddressBook, keystores: Keystores, name: str) -> Contact:
    """Take somebody else's account out of the address book; returns what it was.

    Raises:
        StateError: there is none of that name, or its key is here.
    """
    if name in keystores:
        raise StateError(f"the key of {name} is here: it is no contact", hint="only contacts are removed")
    return book.remove(name)


def _check_holds(session: Session, card: ContactCard, domain: Domain) -> None:
    now = session.now()
    if domain != session.protocol.domain:
        raise StateError(
            f"the card is for chain {domain.chain_id} and settlement {domain.verifying_contract}, "
            "not for this deployment",
            hint="ask its owner for one that is made on this chain",
        )
    if now > card.expires_at:
        raise StateError("the card has expired", hint="ask its owner for another: chainbill contacts card")
    if card.issued_at > now + CLOCKS_APART_SECONDS:
        raise StateError("the card is of the future", hint="is this node up to date with its chain?")
    if card.role not in tuple(Role):
        raise StateError(f"the card is of a {card.role!r}, and no account has that role")


def _name_for(session: Session, card: ContactCard, name: str | None) -> str:
    known = session.book.name_of(card.account)
    if known is not None and known in session.keystores:
        raise StateError(f"the card is of {known}, whose key is here", hint="there is nothing to import")
    if known is not None:
        if name not in (None, known):
            raise StateError(
                f"the account of the card is in the address book already, as {known}",
                hint=f"leave out `name=`, or first: chainbill contacts remove {known}",
            )
        return known
    called = check_name(card.name if name is None else name)
    if called in session.book.entries() or called in session.keystores:
        raise StateError(
            f"there is another account named {called!r} here", hint="call this one otherwise: `name=NAME`"
        )
    return called


def _contact(session: Session, card: ContactCard) -> Contact:
    """The card's entry, where the chain does not say otherwise."""
    provider_id, payer_id = card.provider_id or None, card.payer_id or None
    entry = Contact(
        role=Role(card.role),
        address=card.account,
        provider_id=provider_id,
        payer_id=payer_id,
        vault_public_key=None if card.vault_key == NO_KEY else card.vault_key.hex(),
        card_issued_at=card.issued_at,
    )
    return _with_ids(session, entry)


def _with_ids(session: Session, entry: Contact) -> Contact:
    """An entry with the id that the chain has for an account of its role.

    Raises:
        StateError: it has another one.
    """
    provider_id = _provider_id(session, entry) if entry.role is Role.PROVIDER else None
    payer_id = owned_payer(session, entry.address) if entry.role is Role.INSURER else None
    if entry.payer_id not in (None, payer_id):
        raise _another(entry, f"payer {entry.payer_id}")
    if entry.provider_id not in (None, provider_id):
        raise _another(entry, f"provider {entry.provider_id}")
    return entry.model_copy(update={"provider_id": provider_id, "payer_id": payer_id})


def _provider_id(session: Session, entry: Contact) -> int | None:
    """The id that is stated, where the account is paid or signs under it; else the one it is registered
    under, where that is one."""
    registry, stated = session.protocol.registry, entry.provider_id
    if stated is None:
        ids = registered_ids(session, entry.address)
        return ids[0] if len(ids) == 1 else None
    if not 1 <= stated <= registry.provider_count():
        return None
    own = registry.payout_address(stated) == entry.address or registry.is_attester(stated, entry.address)
    return stated if own else None


def _another(entry: Contact, what: str) -> StateError:
    return StateError(
        f"{entry.address} is not {what} on this chain", hint="ask its owner, or whoever governs the chain"
    )


def _handed_over(session: Session, name: str, entry: Contact) -> bytes:
    """An account's own schedule, without what only its owner needs: how many decoys a service has."""
    found = _schedules(session.schedules, session.cash_prices, entry)
    if found is None or found[1] not in found[0]:
        raise StateError(
            f"{name} has published no fees or prices, so there is no schedule to hand over",
            hint="publish them: chainbill insurer fees --help, or chainbill provider prices --help",
        )
    schedule = found[0].load(found[1])
    return schedule.model_copy(update={"decoys": {}}).model_dump_json().encode()


def _keep_schedule(
    session: Session, card: ContactCard, contact: Contact, receiver: Actor | None
) -> bool | None:
    if not card.schedule:
        return None
    key = None if receiver is None else receiver.vault_key()
    if key is None or key.public != card.schedule_for:
        key = session.vault_key_behind(card.schedule_for)
    if key is None:
        return False
    found = _schedules(session.schedules, session.cash_prices, contact)
    try:
        handed = Schedule.model_validate_json(key.unseal(card.schedule))
    except ValidationError:
        raise AttestationError("what is sealed on the card is no schedule") from None
    if found is None or handed.owner_id != found[1]:
        raise StateError(
            f"the schedule on the card is of another than {card.account}", hint="ask its owner for a card"
        )
    found[0].keep(handed)
    return True


def _schedules(fees: Schedules, prices: Schedules, entry: Contact) -> tuple[Schedules, int] | None:
    """Where an account's schedule is kept, and under which id."""
    if entry.role is Role.INSURER and entry.payer_id is not None:
        return fees, entry.payer_id
    if entry.role is Role.PROVIDER and entry.provider_id is not None:
        return prices, entry.provider_id
    return None
