"""What a provider's operations share: its worklist, and that one process at a time works on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from eth_account.signers.local import LocalAccount

from chainbill.operations.actor import Actor
from chainbill.operations.provider.attesters import check_signs
from chainbill.operations.provider.sequences import Numbering
from chainbill.operations.provider.worklist import Worklist
from chainbill.state.private_files import locked

Key = LocalAccount | str
"""A key that signs in an account's place: at hand, or the name of its keystore."""


def worklist_of(provider: Actor) -> Worklist:
    """A provider's worklist, made where there is none.

    Raises:
        StateError: the file is something else, or another version's; or ``CHAINBILL_SEQUENCES`` says what is
            no way to give sequences.
    """
    path = provider.session.state.provider_database(provider.name)
    return Worklist(path, numbering=Numbering.from_environment())


@contextmanager
def at_work(provider: Actor) -> Iterator[Worklist]:
    """Its worklist, for one process at a time.

    Raises:
        StateError: another process holds it for over a minute; else as ``worklist_of``.
    """
    with locked(provider.session.state.root / f"provider-{provider.name}.lock"):
        yield worklist_of(provider)


def signing_account(provider: Actor, key: Key | None) -> LocalAccount:
    """The key that signs, by itself or by the name of its keystore; the provider's own where none is named.

    Raises:
        StateError: it is not at hand, or the passphrase is missing or wrong.
    """
    if isinstance(key, LocalAccount):
        return key
    return provider.account if key is None else provider.session.account(key)


def attesting_account(provider: Actor, provider_id: int, key: Key | None) -> LocalAccount:
    """The same, of a key that is to attest; one that is named is refused before anything is signed with it.

    Raises:
        StateError: it is not at hand, or the provider has not added it.
    """
    account = signing_account(provider, key)
    if key is not None:
        shown = key if isinstance(key, str) else account.address
        check_signs(provider.session, provider_id, account.address, shown)
    return account
