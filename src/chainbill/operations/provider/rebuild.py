"""A provider's worklist again, where it or the oracle's store was lost."""

from __future__ import annotations

from chainbill.operations.actor import Actor
from chainbill.operations.oracle.at_hand import oracle_at_hand
from chainbill.operations.provider.acting import at_work
from chainbill.operations.provider.worklist_rebuild import RebuiltWorklist, rebuild_worklist


def rebuild(provider: Actor, provider_id: int, *, with_unsent: bool = False) -> RebuiltWorklist:
    """Let the worklist know again what was attested, and the oracle which records the claims are: from the
    chain, the oracle's store and the provider's own copies in the vault. Repeated, it changes nothing.

    Args:
        with_unsent: also put records on the worklist that are sealed and that nobody has on file as attested.

    Raises:
        ChainError: the node could not be reached or refused.
        LedgerError: settlement logged what cannot be decoded.
        StateError: the provider's key is not at hand, or a file cannot be used.
    """
    with at_work(provider) as worklist:
        return rebuild_worklist(
            provider.protocol,
            oracle_at_hand(provider.session),
            worklist,
            provider.session.vault,
            provider.vault_key(),
            provider_id,
            with_unsent=with_unsent,
        )
