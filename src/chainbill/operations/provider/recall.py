"""A provider takes back what it attested: all of it, what is held, or some records."""

from __future__ import annotations

from collections.abc import Sequence

from chainbill.attestation.signing import Signer
from chainbill.operations.actor import Actor
from chainbill.operations.oracle.at_hand import oracle_at_hand
from chainbill.operations.provider.acting import Key, at_work, signing_account
from chainbill.operations.provider.recaller import AttestationRecaller, Recalled
from chainbill.operations.provider.waiting import whole_identities


def recall(
    provider: Actor,
    provider_id: int,
    records: Sequence[str] = (),
    *,
    only_held: bool = False,
    drop: bool = False,
    dry_run: bool = False,
    key: Key | None = None,
) -> tuple[Recalled, ...]:
    """Take back what was attested and is not settled: it goes into no batch any more and waits on the
    worklist again, under the same number. Cut off at any moment, it is finished by doing it again.

    Args:
        records: record identities, or their last parts where these are enough; none: everything that waits
            to be settled, is held, or is recalled and not given back yet.
        only_held: without ``records``: only what the oracle holds.
        drop: forget the events, so that they can be ingested anew or never.
        dry_run: say how it would end, and change nothing.
        key: signs in place of the account's own.

    Raises:
        StateError: one of ``records`` was not attested, or the key is not at hand.
        AttestationError: the key may not recall it.
        ChainError: the node could not be reached or refused.
    """
    with at_work(provider) as worklist:
        recaller = AttestationRecaller(
            protocol=provider.protocol,
            provider_id=provider_id,
            key=Signer(signing_account(provider, key)),
            vault_key=provider.vault_key(),
            worklist=worklist,
            oracle=oracle_at_hand(provider.session),
            vault=provider.session.vault,
        )
        named = whole_identities({each.record_identity for each in worklist.attested()}, records)
        candidates = recaller.named(named) if named else recaller.everything(only_held=only_held)
        return tuple(recaller.take_back(each, drop=drop, dry_run=dry_run) for each in candidates)
