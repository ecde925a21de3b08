"""``chainbill provider keys``: list, add, revoke, rotate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainbill.cli.shell.acting import acting_as, new_option, who_is
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import confirm, dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, it_holds, show_table

if TYPE_CHECKING:
    from chainbill.state.session import Session


@click.group("keys", cls=ShellGroup)
def keys_group() -> None:
    """Manage the keys that may sign a provider's attestations.

    KEY is the name of a keystore, or an address. With --new a keystore of that name is made.
    """


@keys_group.command("list", example="chainbill provider keys list --as lakeview")
@acting_as("provider")
@pass_invocation
def list_keys(invocation: Invocation, name: str) -> None:
    """List every key the provider ever had, and whether it may sign now."""
    from chainbill.operations.governor.registrations import provider_of
    from chainbill.operations.provider.attesters import attester_keys, key_name

    session = invocation.session()
    _, provider_id = provider_of(session, name)
    found = [
        {"key": key_name(session, address), "address": address, "may_sign": may_sign}
        for address, may_sign in attester_keys(session, provider_id).items()
    ]
    rows = [(key["key"] or "", key["address"], "yes" if key["may_sign"] else "revoked") for key in found]
    emit(
        {"account": name, "provider_id": provider_id, "keys": found},
        lambda: show_table(("key", "address", "may sign"), rows),
    )


@keys_group.command(
    example="chainbill provider keys add lakeview-night --new --as lakeview\n"
    "chainbill provider keys add 0xe0fc04fa2d34a66b779fd5cee748268032a146c0 --as lakeview"
)
@click.argument("key")
@new_option
@acting_as("provider")
@dry_run_option
@pass_invocation
def add(invocation: Invocation, key: str, new: bool, name: str) -> None:
    """Let another key sign, at once. It signs with: chainbill provider attest --key KEY"""
    from chainbill.operations.effect import effective_at
    from chainbill.operations.provider.attesters import added_address
    from chainbill.operations.provider.payout import payout_sender

    session = invocation.session()
    provider_id, owner = payout_sender(session, name)
    address = added_address(session, key, new=new)
    receipt = session.protocol.registry.add_attester(owner, provider_id, address)
    since = effective_at(session, receipt)
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "key": key,
            "address": address,
            "effective_at": since,
        },
        f"The key {key} ({address}) may sign for {name}. {it_holds(since)}",
    )


@keys_group.command(example="chainbill provider keys revoke lakeview-night --as lakeview")
@click.argument("key")
@acting_as("provider")
@dry_run_option
@yes_option
@pass_invocation
def revoke(invocation: Invocation, key: str, name: str) -> None:
    """Stop a key from signing, at once. What it has signed and is not settled yet stays attested."""
    from chainbill.operations.effect import effective_at
    from chainbill.operations.provider.attesters import attester_address
    from chainbill.operations.provider.payout import payout_sender

    session = invocation.session()
    provider_id, owner = payout_sender(session, name)
    address = attester_address(session, key)
    if _is_last(session, provider_id, address):
        then = "nothing can be attested until a key is added"
        confirm(f"{name} revokes its last key", {"key": who_is(session, address), "then": then})
    receipt = session.protocol.registry.revoke_attester(owner, provider_id, address)
    since = effective_at(session, receipt)
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "key": key,
            "address": address,
            "effective_at": since,
        },
        f"The key {key} ({address}) may not sign for {name} any more. {it_holds(since)}",
    )


@keys_group.command(example="chainbill provider keys rotate lakeview lakeview-2 --new --as lakeview")
@click.argument("retired")
@click.argument("key")
@new_option
@acting_as("provider")
@dry_run_option
@yes_option
@pass_invocation
def rotate(invocation: Invocation, retired: str, key: str, new: bool, name: str) -> None:
    """Replace the key RETIRED by KEY in one step."""
    from chainbill.operations.effect import effective_at
    from chainbill.operations.provider.attesters import added_address, attester_address
    from chainbill.operations.provider.payout import payout_sender

    session = invocation.session()
    provider_id, owner = payout_sender(session, name)
    before = attester_address(session, retired)
    if new:
        session.check_new(key)
    to = f"{key}, a new key" if new else who_is(session, added_address(session, key, new=False))
    if _is_last(session, provider_id, before):
        confirm(
            f"{name} puts another key in the place of its last one",
            {
                "from": who_is(session, before),
                "to": to,
                "then": "that key alone signs what is attested",
            },
        )
    address = added_address(session, key, new=new)
    receipt = session.protocol.registry.rotate_attester(owner, provider_id, retired=before, attester=address)
    since = effective_at(session, receipt)
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "retired": before,
            "key": key,
            "address": address,
            "effective_at": since,
        },
        f"The key {key} ({address}) signs for {name} in place of {retired}. {it_holds(since)}",
    )


def _is_last(session: Session, provider_id: int, address: str) -> bool:
    """Is it the only key that may sign?"""
    from chainbill.operations.provider.attesters import attester_keys

    return [each for each, signs in attester_keys(session, provider_id).items() if signs] == [address]
