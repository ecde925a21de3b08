"""``connect``: chainbill on one chain, and an object for each role there."""

from __future__ import annotations

import os
from pathlib import Path

from chainbill.chain.deployments import Deployment, read_deployment
from chainbill.client import parties
from chainbill.client.accounts import Accounts
from chainbill.client.acting import Who, acting
from chainbill.client.arguments import checked, checks
from chainbill.client.auditor import Auditor
from chainbill.client.contacts import Contacts
from chainbill.client.governor import Governor
from chainbill.client.insurer import Insurer
from chainbill.client.ledger import Ledger
from chainbill.client.oracle import Oracle
from chainbill.client.patient import Patient
from chainbill.client.provider import Provider
from chainbill.client.records import Records
from chainbill.client.relay import Relay
from chainbill.errors import NodeError, looks_like_key
from chainbill.operations.actor import Actor
from chainbill.operations.claims.disputes import DisputeStep, close
from chainbill.operations.governor.calls import governor_account
from chainbill.records.vault import VaultKey
from chainbill.state.address_book import Role
from chainbill.state.directory import StateDirectory
from chainbill.state.networks import RPC_ENVIRONMENT, state_of
from chainbill.state.session import Session

AnyPath = str | os.PathLike[str]
"""Where a file or a folder is."""


@checked
class Chainbill:
    """One deployment, through one node. Made by ``connect``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def deployment(self) -> Deployment:
        """Where the contracts are, and on which chain."""
        return self._session.protocol.deployment

    @property
    def ledger(self) -> Ledger:
        """Every claim that the chain tells of."""
        return Ledger(self._session)

    @property
    def contacts(self) -> Contacts:
        """Who is who: the address book, and the cards that it is made of."""
        return Contacts(self._session)

    @property
    def accounts(self) -> Accounts:
        """The keys that are in the state directory."""
        return Accounts(self._session)

    @property
    def records(self) -> Records:
        """The sealed records that are here, on their way to their patients."""
        return Records(self._session)

    def now(self) -> int:
        """The chain's time, in seconds since 1970: the only clock that chainbill goes by."""
        return self._session.now()

    def patient(self, who: Who) -> Patient:
        """A patient.

        Raises:
            AttestationError: not an address.
            StateError: no patient has the name, or nobody can have the address.
        """
        return Patient(self._actor(who, Role.PATIENT))

    def insurer(self, who: Who, *, payer_id: int | None = None) -> Insurer:
        """An insurer.

        Args:
            who: the account that acts.
            payer_id: for which payer contract; None: the account's own.

        Raises:
            AttestationError: not an address.
            StateError: no insurer has the name, or nobody can have the address.
        """
        payer = None if payer_id is None else parties.payer_id(self._session, payer_id)
        return Insurer(self._actor(who, Role.INSURER), payer)

    def provider(self, who: Who, *, provider_id: int | None = None) -> Provider:
        """A provider.

        Args:
            who: the account that acts.
            provider_id: for which provider; None: the one that the account is registered as.

        Raises:
            AttestationError: not an address.
            StateError: no provider has the name, or nobody can have the address.
        """
        provider = None if provider_id is None else parties.provider_id(self._session, provider_id)
        return Provider(self._actor(who, Role.PROVIDER), provider)

    def oracle(self, who: Who = "oracle-1") -> Oracle:
        """The oracle, whose nodes' keys and store are in the state directory.

        Args:
            who: the account that sends its transactions, by name of whatever role.

        Raises:
            AttestationError: not an address.
            StateError: its keystore is not here, or nobody can have the address.
        """
        return Oracle(self._actor(who, None))

    def relay(self, who: Who) -> Relay:
        """An account that sends what patients have signed, by name of whatever role.

        Raises:
            AttestationError: not an address.
            StateError: its keystore is not here, or nobody can have the address.
        """
        return Relay(self._actor(who, None))

    def governor(self, who: Who = "governor") -> Governor:
        """An account in one of the governor's roles.

        Raises:
            StateError: by name, and its keystore is not in the state directory.
        """
        if isinstance(who, str) and not who.startswith("0x") and not looks_like_key(who):
            return Governor(governor_account(self._session, who))
        return Governor(self._actor(who, Role.GOVERNOR))

    def auditor(
        self,
        *,
        attestations: AnyPath | None = None,
        vault: AnyPath | None = None,
        key: VaultKey | None = None,
    ) -> Auditor:
        """An auditor, who needs no key.

        Args:
            attestations: an oracle's store, where the auditor was given one.
            vault: a folder of sealed records, where the auditor was given one.
            key: must open those; None: that a record is there is enough.
        """
        return Auditor(self._session, attestations=attestations, vault=vault, key=key)

    def close_dispute(self, claim: str, *, sent_by: Who) -> DisputeStep:
        """End a dispute whose deadline has passed; anyone may. See ``operations.claims.disputes.close``.

        Args:
            claim: its number (``2:7``), commitment or id.
            sent_by: who pays the chain's gas for it: an account with its key, or the name of a keystore.
        """
        return close(self._actor(sent_by, None), claim)

    def _actor(self, who: Who, role: Role | None) -> Actor:
        return acting(self._session, who, role)


@checks
def connect(
    rpc_url: str | None = None,
    *,
    deployment: AnyPath | Deployment | None = None,
    network: str | None = None,
    state: AnyPath | None = None,
) -> Chainbill:
    """Connect to a deployment.

    Args:
        rpc_url: the node; else ``$CHAINBILL_RPC_URL``, else one of the network's, else the state directory's
            devnet.
        deployment: where the contracts are: a ``deployment.json``, or what is in one; else what the state
            directory has recorded for the node's chain.
        network: a network of the state directory, by name; else ``$CHAINBILL_NETWORK``, else the one in use.
        state: the state directory; else ``$CHAINBILL_STATE_DIR``, else ``~/.chainbill``. Where only a node
            and a deployment are given, what must be kept is kept in a folder of its own there; nothing else
            is written.

    Raises:
        DevnetError: no node is named and the devnet is not running.
        WrongChain: the node is of another chain than the network or the deployment.
        NodeError: no node answers, or one of another chain of the same id.
        NotDeployed: no deployment is recorded for its chain, or the file is none.
        StateError: the state directory cannot be used, or has no such network.
    """
    where = (
        deployment
        if deployment is None or isinstance(deployment, Deployment)
        else read_deployment(Path(deployment))
    )
    if where is None or network is not None or state is not None:
        kept = state_of(StateDirectory.open(Path(state) if state else None), network)
    elif rpc_url or os.environ.get(RPC_ENVIRONMENT):
        kept = StateDirectory.of_deployment(where.chain_id, where.settlement)
    else:
        raise NodeError("a deployment is named, and no node", hint="name one: connect(URL, deployment=…)")
    return Chainbill(Session.open(kept, rpc_url, deployment=where))
