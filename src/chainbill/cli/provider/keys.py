"""``chainbill provider keys``: list, add, revoke, rotate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.provider.acting import provider
from chainbill.cli.shell.acting import acting_as, new_option, who_is
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import confirm, dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, it_holds, show_table

if TYPE_CHECKING:
    from chainbill.operations.provider.attesters import KeyChange


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
    from chainbill.operations.provider.attesters import keys

    acting, provider_id = provider(invocation, name)
    found = keys(acting.session, provider_id)
    rows = [(key.name or "", key.address, "yes" if key.may_sign else "revoked") for key in found]
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "keys": [{"key": key.name, "address": key.address, "may_sign": key.may_sign} for key in found],
        },
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
    from chainbill.operations.provider.attesters import add_key

    done = add_key(*provider(invocation, name), key, new=new)
    emit(
        _facts(name, key, done),
        f"The key {key} ({done.address}) may sign for {name}{_already(done)}. "
        f"{it_holds(done.effective_at or 0)}",
    )


@keys_group.command(example="chainbill provider keys revoke lakeview-night --as lakeview")
@click.argument("key")
@acting_as("provider")
@dry_run_option
@yes_option
@pass_invocation
def revoke(invocation: Invocation, key: str, name: str) -> None:
    """Stop a key from signing, at once. What it has signed and is not settled yet stays attested."""
    from chainbill.operations.provider.attesters import attester_address, is_last_key, revoke_key
    from chainbill.operations.provider.payout import payout_actor

    acting, provider_id = provider(invocation, name)
    payout_actor(acting, provider_id)  # Nobody is asked about what cannot be done from here.
    address = attester_address(acting.session, key)
    if is_last_key(acting.session, provider_id, address):
        then = "nothing can be attested until a key is added"
        confirm(f"{name} revokes its last key", {"key": who_is(acting.session, address), "then": then})
    done = revoke_key(acting, provider_id, key)
    emit(
        _facts(name, key, done),
        f"The key {key} ({done.address}) may not sign for {name} any more{_already(done)}. "
        f"{it_holds(done.effective_at or 0)}",
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
    from chainbill.operations.provider.attesters import (
        added_address,
        attester_address,
        is_last_key,
        rotate_key,
    )
    from chainbill.operations.provider.payout import payout_actor

    acting, provider_id = provider(invocation, name)
    session = acting.session
    payout_actor(acting, provider_id)  # Nobody is asked about what cannot be done from here.
    before = attester_address(session, retired)
    if new:
        session.check_new(key)
    to = f"{key}, a new key" if new else who_is(session, added_address(session, key, new=False))
    if is_last_key(session, provider_id, before):
        confirm(
            f"{name} puts another key in the place of its last one",
            {
                "from": who_is(session, before),
                "to": to,
                "then": "that key alone signs what is attested",
            },
        )
    done = rotate_key(acting, provider_id, retired, key, new=new)
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "retired": done.retired,
            "key": key,
            "address": done.address,
            "changed": done.changed,
            "effective_at": done.effective_at,
        },
        f"The key {key} ({done.address}) signs for {name} in place of {retired}{_already(done)}. "
        f"{it_holds(done.effective_at or 0)}",
    )


def _facts(name: str, key: str, done: KeyChange) -> dict[str, Any]:
    return {
        "account": name,
        "provider_id": done.provider_id,
        "key": key,
        "address": done.address,
        "changed": done.changed,
        "effective_at": done.effective_at,
    }


def _already(done: KeyChange) -> str:
    return "" if done.changed else " already"
