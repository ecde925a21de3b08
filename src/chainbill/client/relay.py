"""A relay: sends what patients have signed, and pays the chain's gas for it."""

from __future__ import annotations

from chainbill.client.arguments import checked
from chainbill.operations import relay
from chainbill.operations.actor import Actor
from chainbill.operations.patient.signed_intents import SignedIntent
from chainbill.operations.relay import Relayed


@checked
class Relay:
    """An account that sends for patients; anybody's will do."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def submit(self, signed: SignedIntent) -> Relayed:
        """Send what a patient has signed; see ``operations.relay.submit``.

        Args:
            signed: of a patient's ``sign_…``, or of ``SignedIntent.parse``.
        """
        return relay.submit(self._actor, signed)
