"""A provider looks whether every claim in its name is one that it attested."""

from __future__ import annotations

from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.ledger.claim_records import replay_claims
from chainbill.ledger.indexer import index
from chainbill.operations.actor import Actor
from chainbill.operations.provider.acting import worklist_of
from chainbill.operations.provider.own_claims import DoubtfulClaim, doubtful_claims


def check(provider: Actor, provider_id: int) -> tuple[DoubtfulClaim, ...]:
    """The claims settled in the provider's name that it did not attest, or not with these figures; what was
    given back is left out.

    Raises:
        ChainError: the node does not answer.
        LedgerError: the logs do not replay.
        StateError: the provider's key is not at hand, or the worklist cannot be used.
    """
    session = provider.session
    deployment = session.protocol.deployment
    with JsonRpc(session.rpc_url) as node:
        records, ledger = replay_claims(index(node, deployment), deployment)
    found = doubtful_claims(
        records, ledger, provider_id, worklist_of(provider), session.vault, provider.vault_key()
    )
    return tuple(found)
