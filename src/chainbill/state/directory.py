"""The state directory: where each thing is kept, and that nobody else can look."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Self

from chainbill.errors import StateError
from chainbill.records.whole_file import sweep
from chainbill.state.names import check_name
from chainbill.state.private_files import UNFINISHED

ENVIRONMENT = "CHAINBILL_STATE_DIR"
"""Names the state directory where ``--state-dir`` does not."""

DEFAULT = "~/.chainbill"
"""The state directory where nothing names one."""


class StateDirectory:
    """Paths below one directory (mode 0700). Only the path exists until something is written there.

    What belongs to a chain is below ``root``: the state directory itself for the devnet, and a folder of its
    own in there for each network. Keys belong to no chain: they are below ``home``, the state directory.
    """

    def __init__(self, root: Path, *, home: Path | None = None, network: str | None = None) -> None:
        self.root = root
        self.home = home or root
        self.network = network
        """Whose chain this is the state of; None: the devnet's, or that of whatever ``--rpc-url`` names."""
        self.network_settings = root / "network.json"
        self.network_in_use = self.home / "network"
        self.networks = self.home / "networks"
        self.deploying = root / "deploying.json"
        self.devnet_record = root / "devnet.json"
        self.devnet_lock = root / "devnet.lock"
        self.devnet_saved = root / "devnet-saved.json"
        self.devnet_saving = root / "devnet-saving.lock"
        self.forgetting = root / "forgetting"
        self.anvil_state = root / "anvil-state.json"
        self.anvil_log = root / "anvil.log"
        self.passphrase = self.home / "passphrase"
        self.deployments = root / "deployments"
        self.keystores = self.home / "keystores"
        self.address_book = root / "addressbook.json"
        self.schedules = root / "schedules"
        self.cash_prices = root / "cash-prices"
        self.outbox = root / "outbox"
        self.answers = root / "answers"
        self.vault = root / "vault"
        self.oracle_database = root / "oracle.sqlite"
        self.refusals_database = root / "refusals.sqlite"

    @classmethod
    def open(cls, path: Path | None = None) -> Self:
        """Open (and make, where missing) ``path``, else ``$CHAINBILL_STATE_DIR``, else ``~/.chainbill``; what
        killed commands left half written there is swept.

        Raises:
            StateError: it cannot be made, is not a directory, is somebody else's or open to other users.
        """
        root = (path or Path(os.environ.get(ENVIRONMENT) or DEFAULT)).expanduser().absolute()
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(root)
        except FileExistsError:
            raise StateError(f"the state directory {root} is a file", hint="name another: `state=`") from None
        except OSError as error:
            raise StateError(
                f"the state directory {root} cannot be used: {error.strerror}",
                hint="name another: `state=`",
            ) from None
        state = cls(root)
        state._sweep()
        return state

    def of_network(self, name: str) -> Self:
        """The state of a network's chain, with the same keys; what killed commands left there is swept.

        Raises:
            StateError: that is not a name.
        """
        state = type(self)(self.networks / check_name(name), home=self.home, network=name)
        state._sweep()
        return state

    def of_devnet(self) -> Self:
        """The state of the devnet's chain, with the same keys."""
        return type(self)(self.home)

    @classmethod
    def of_deployment(cls, chain_id: int, settlement: str) -> Self:
        """What belongs to a deployment that is recorded nowhere here: a folder of its own in the usual state
        directory, with the keys of that; made once something must be kept.

        Args:
            settlement: address of its settlement contract.
        """
        usual = Path(os.environ.get(ENVIRONMENT) or DEFAULT).expanduser().absolute()
        return cls(usual / "deployed" / f"{chain_id}-{settlement.lower()}", home=usual)

    def _sweep(self) -> None:
        for folder in (self.home, self.root, self.keystores, self.schedules, self.cash_prices, self.answers):
            sweep(folder, UNFINISHED)

    def provider_database(self, name: str) -> Path:
        """A provider's inbox: ingested events and attestations."""
        return self.root / f"provider-{name}.sqlite"

    def ingest_memory(self, name: str) -> Path:
        """What a provider's earlier ingests knew."""
        return self.root / f"ingest-{name}.sqlite"

    def forget_chain(self, chain_id: int) -> None:
        """Remove everything that belongs to one chain: the chain itself, its deployment, the schedules, the
        sealed records, the answers to disputes, what was about to be sent, and the databases of oracle and
        providers. Keystores, passphrase and names stay."""
        databases = [
            *self.root.glob("oracle.sqlite*"),
            *self.root.glob("refusals.sqlite*"),
            *self.root.glob("ingest-*.sqlite*"),
            *self.root.glob("provider-*.sqlite*"),
        ]
        chain = [self.devnet_record, self.devnet_saved, self.anvil_state, *self.root.glob("anvil-run-*.json")]
        for path in (*chain, self.deployments / f"{chain_id}.json", *databases):
            path.unlink(missing_ok=True)
        folders = [self.schedules, self.cash_prices, self.answers, self.vault, self.root / "anvil-cache"]
        folders.append(self.outbox / str(chain_id))
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _check_private(root: Path) -> None:
    status = root.stat()
    if os.geteuid() not in (0, status.st_uid):
        raise StateError(f"the state directory {root} belongs to another user", hint="name another: `state=`")
    mode = status.st_mode & 0o777
    if not mode & 0o077:
        return
    if any(root.iterdir()):
        # Not tightened silently: it may be a directory that others are meant to use.
        raise StateError(
            f"the state directory {root} is open to other users (mode {mode:o})",
            hint=f"chmod 700 {root}, or name another: `state=`",
        )
    root.chmod(0o700)
