"""The stage of a scenario: a devnet of its own with everything deployed and every party set up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account

from chainbill.attestation.signing import Signer
from chainbill.chain.deploy import deploy
from chainbill.chain.devnet.devnet import Devnet
from chainbill.chain.devnet.scratch_devnet import scratch_devnet
from chainbill.chain.node.connection import connect
from chainbill.chain.node.sender import Sender
from chainbill.chain.protocol import Protocol
from chainbill.operations.provider.submission import AttestationSubmitter, Counterparties
from chainbill.operations.provider.worklist import Worklist
from chainbill.oracle.local import LocalOracle
from chainbill.oracle.node import OracleNode
from chainbill.oracle.quorum import Quorum
from chainbill.oracle.store import OracleStore
from chainbill.protocol_constants import DAY_SECONDS
from chainbill.records.catalogue import Catalogue
from chainbill.records.service_event import ServiceEvent
from chainbill.records.vault import Vault
from chainbill.scenario.participants import Cast, Casting
from chainbill.scenario.plan import fee_schedule


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """What may be chosen about a scenario."""

    unfunded: Collection[str] = ()
    """References of patients who put nothing into their wallets."""
    without_consent: Collection[str] = ()
    """References of patients who consent to nobody."""
    decoys: bool = True
    """Whether decoys stand beside the insurer's fees, which makes up most of the set-up."""
    on_step: Callable[[str], None] = lambda _: None
    """Told what begins, in a few words."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything a replay needs that is not an event."""

    folder: Path
    """Keeps the oracle's store, the providers' worklists and the vault."""
    devnet: Devnet
    protocol: Protocol
    casting: Casting
    cast: Cast
    store: OracleStore
    vault: Vault
    node_keys: tuple[Signer, ...]
    """Of the oracle's nodes."""
    quorum: Quorum
    submitter: Sender

    def worklist(self, provider: str) -> Worklist:
        """The worklist of a provider, by its reference."""
        return Worklist(self.folder / f"provider-{self.cast.providers[provider].provider_id}.sqlite")

    def submitter_of(self, provider: str, worklist: Worklist) -> AttestationSubmitter:
        """What brings a provider's events to the oracle, by the provider's reference."""
        own = self.cast.providers[provider]
        keys = {each.address: each.vault_key.public for each in self.cast.patients.values()}
        return AttestationSubmitter(
            protocol=self.protocol,
            provider_id=own.provider_id,
            attester=own.attester,
            own_vault_key=own.vault_key.public,
            worklist=worklist,
            oracle=LocalOracle(self.protocol, self.store),
            vault=self.vault,
            counterparties=Counterparties(lambda _: self.cast.schedule_key, keys.__getitem__),
        )

    def quorum_of(self, store: OracleStore) -> Quorum:
        """The same nodes, where they know attestations from another store."""
        return Quorum(self.protocol, [OracleNode(self.protocol, store, key) for key in self.node_keys])

    def close_day(self, timestamp: int) -> None:
        """Move the clock to the last second of the UTC day of ``timestamp``. Where set-up, which takes
        seconds of its own, has moved it further already, it stands still."""
        end = timestamp - timestamp % DAY_SECONDS + DAY_SECONDS - 1
        if end > self.devnet.latest()[1]:
            self.devnet.advance_to(end)


@contextmanager
def open_stage(
    folder: Path, events: Sequence[ServiceEvent], catalogue: Catalogue, options: SceneOptions
) -> Iterator[Stage]:
    """Start a chain on the day of the first event and set up every party of ``events``; the chain is gone
    afterwards, whatever happens. ``folder`` keeps the oracle's store and the vault.

    Raises:
        DevnetError: anvil is missing or would not start.
    """
    options.on_step("starting a chain on the first service date")
    first = min(event.performed_timestamp for event in events)
    # A day's beginning, not the service's own second: block times are public.
    starts_at = max(1, first - first % DAY_SECONDS)
    with scratch_devnet(folder, timestamp=starts_at) as devnet:
        yield _set(devnet, folder, events, catalogue, options)


def _set(
    devnet: Devnet,
    folder: Path,
    events: Sequence[ServiceEvent],
    catalogue: Catalogue,
    options: SceneOptions,
) -> Stage:
    options.on_step("deploying the contracts")
    w3 = connect(devnet.rpc_url)
    governor = Account.create()
    devnet.give_gas(governor.address)
    nodes = [Signer(Account.create()) for _ in range(3)]
    deployment = deploy(w3, governor, oracle_members=[node.address for node in nodes], threshold=2)
    protocol, submitter = Protocol(w3, deployment), Sender(w3, governor)

    options.on_step("registering providers, publishing fees, funding wallets")
    casting = Casting(
        protocol, submitter, devnet.give_gas, options.unfunded, options.without_consent, options.decoys
    )
    cast = casting.assemble(events, fee_schedule(catalogue))
    store = OracleStore(folder / "oracle.sqlite")
    return Stage(
        folder=folder,
        devnet=devnet,
        protocol=protocol,
        casting=casting,
        cast=cast,
        store=store,
        vault=Vault(folder / "vault"),
        node_keys=tuple(nodes),
        quorum=Quorum(protocol, [OracleNode(protocol, store, key) for key in nodes]),
        submitter=submitter,
    )
