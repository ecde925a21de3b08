"""Which provider acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainbill.cli.shell.acting import actor
from chainbill.cli.shell.context import Invocation

if TYPE_CHECKING:
    from chainbill.operations.actor import Actor


def provider(invocation: Invocation, name: str) -> tuple[Actor, int]:
    """A registered provider's account, in a session of its own, and the provider's id.

    Raises:
        StateError: no such provider, or it is not registered on this chain.
        ChainError: no node answers.
    """
    from chainbill.operations.parties import provider_of

    acting = actor(invocation, name, "provider")
    return acting, provider_of(acting.session, name)[1]
