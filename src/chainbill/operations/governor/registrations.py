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
from chainbill.operations.parties import known_party, noted
from chainbill.state.address_book import Contact, Role
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
    noted(session, name, entry, provider_id=done.provider_id)
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
    noted(session, name, entry, payer_id=done.payer_id)
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


def _party(session: Session, who: str, role: Role) -> tuple[str | None, Contact]:
    """The same; a name that nobody has gets an account."""
    if who.startswith("0x"):
        return known_party(session, who, role)
    return who, session.ensure_account(who, role)


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
