"""A devnet for tests of operations, and accounts of each test's own on it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from eth_account import Account

from chainbill.operations.actor import Actor
from chainbill.operations.governor.admission import create_payer, register_provider
from chainbill.operations.governor.calls import governor_account
from chainbill.protocol_constants import DAY_SECONDS
from chainbill.state import keystores
from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet
from chainbill.state.session import Session

TODAY = "2024-03-15"
"""The day the chain begins."""

DAY = DAY_SECONDS


@pytest.fixture(scope="session")
def testbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """A devnet, as earlier tests left it; one for each process."""
    with ExitStack() as stack:
        # Only while it is set up: other tests of this process have settings of their own.
        with nothing_of_the_user():
            local = stack.enter_context(devnet_of_today(tmp_path_factory.mktemp("testbed") / "state"))
            testbed = Testbed(Session.open(local.state))
        yield testbed


@pytest.fixture
def session(testbed: Testbed) -> Session:
    """The devnet's session."""
    return testbed.session


@contextmanager
def nothing_of_the_user() -> Iterator[None]:
    """No settings of the user's own, keystores that open at once, and a chain that is not saved."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CHAINBILL_")]:
            if name not in ("CHAINBILL_SAMPLES", "CHAINBILL_ANVIL", "CHAINBILL_SEQUENCES"):
                patch.delenv(name)
        quick_keys(patch)
        # What is shown is saved first: tests/devnet kills programs to see that. Here it is half of the time.
        patch.setattr(LocalDevnet, "save", lambda *_, **__: None)
        yield


def quick_keys(patch: pytest.MonkeyPatch) -> None:
    """Keystores that open at once, for whoever has the passphrase."""
    patch.setattr(keystores, "SCRYPT_N", 2)
    patch.setattr(keystores, "DEVNET_SCRYPT_N", 2)
    patch.setattr("eth_keyfile.keyfile._scrypt_hash", _scrypt_by_openssl)


def _scrypt_by_openssl(password: str | bytes, salt: bytes, n: int, r: int, p: int, buflen: int) -> bytes:
    """The same key as eth_keyfile's, whose library spends 3 ms in Python around it."""
    secret = password.encode() if isinstance(password, str) else password
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, dklen=buflen, maxmem=2**30)


@contextmanager
def devnet_of_today(state: Path) -> Iterator[LocalDevnet]:
    """A devnet whose chain begins today."""
    local = LocalDevnet(StateDirectory.open(state))
    try:
        local.up(timestamp=int(datetime.fromisoformat(TODAY).replace(tzinfo=UTC).timestamp()))
        yield local
    finally:
        local.down()


class Testbed:
    """A devnet, and whoever a test needs on it."""

    __test__ = False

    def __init__(self, session: Session) -> None:
        self.session = session
        self._governor = governor_account(session)

    def account(self, dollars: int = 0) -> Actor:
        """An account with dollars of its own, whose key no keystore has."""
        actor = Actor.of(self.session, Account.create())
        if dollars:
            self.session.protocol.token.mint(self._governor.sender(), actor.address, dollars * 10**6)
        return actor

    def provider(self) -> int:
        """A registered provider's id."""
        return register_provider(self._governor, self.account().address).provider_id

    def insurer(self, dollars: int = 0) -> tuple[Actor, int]:
        """An insurer's account, and the id of its payer contract."""
        insurer = self.account(dollars)
        return insurer, create_payer(self._governor, insurer.address).payer_id

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        assert self.session.devnet is not None
        self.session.devnet.advance(seconds)

    def sent_by(self, actor: Actor) -> int:
        """How many transactions an account has sent."""
        return self.session.protocol.w3.eth.get_transaction_count(actor.address)
