"""What the governor does: lets in, stops, says who signs, rules on disputes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from chainbill.chain.roles import GovernorRole
from chainbill.client.amounts import Amount, micro_dollars
from chainbill.client.arguments import checked
from chainbill.client.parties import PartyName, provider_id
from chainbill.operations.actor import Actor
from chainbill.operations.claims import disputes
from chainbill.operations.claims.disputes import DisputeStep
from chainbill.operations.claims.rulings import Part, RulingWanted
from chainbill.operations.governor import admission, epochs, operator_fee, roles, scheduled, stopping
from chainbill.operations.governor.admission import PayerCreated, ProviderRegistered
from chainbill.operations.governor.epochs import EpochEnded, EpochOpened
from chainbill.operations.governor.operator_fee import OperatorFeeAnnounced, OperatorFeeStanding
from chainbill.operations.governor.roles import RoleGranted, RoleMember, RoleRevoked
from chainbill.operations.governor.scheduled import AnnouncedCall, CallCancelled, CallMade
from chainbill.operations.governor.stopping import ProviderStopped, SettlementPaused

RoleName = Literal["admin", "registrar", "guardian", "arbiter"]
"""One of the governor's roles."""


@checked
class Governor:
    """An account in one of the governor's roles; the chain says which. Where a role's calls are delayed, a
    method announces its call and raises ``CallDelayed``; called again after the delay, it makes it."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    @property
    def address(self) -> str:
        """The account's checksummed address."""
        return self._actor.address

    # ---- letting in -----------------------------------------------------------------------------------

    def register_provider(self, payout_address: str, *, attesters: Sequence[str] = ()) -> ProviderRegistered:
        """Give a provider its id, see ``operations.governor.admission.register_provider``."""
        return admission.register_provider(self._actor, payout_address, attesters)

    def create_payer(self, insurer: str) -> PayerCreated:
        """Make the payer contract of an insurer's address, see ``operations.governor.admission``."""
        return admission.create_payer(self._actor, insurer)

    # ---- stopping -------------------------------------------------------------------------------------

    def suspend(self, provider: PartyName) -> ProviderStopped:
        """Stop new settlement for a provider, see ``operations.governor.stopping.suspend``."""
        return stopping.suspend(self._actor, provider_id(self._actor.session, provider))

    def reinstate(self, provider: PartyName) -> ProviderStopped:
        """Let a suspended provider's events settle again, see ``operations.governor.stopping.reinstate``."""
        return stopping.reinstate(self._actor, provider_id(self._actor.session, provider))

    def pause(self) -> SettlementPaused:
        """Stop all new settlement, see ``operations.governor.stopping.pause``."""
        return stopping.pause(self._actor)

    def unpause(self) -> SettlementPaused:
        """Resume settlement, see ``operations.governor.stopping.unpause``."""
        return stopping.unpause(self._actor)

    # ---- the oracle's quorum, and its operator's fee ----------------------------------------------------

    def open_epoch(self, members: Sequence[str], *, threshold: int) -> EpochOpened:
        """Open an oracle epoch of these addresses, see ``operations.governor.epochs.open_epoch``."""
        return epochs.open_epoch(self._actor, members, threshold)

    def end_epoch(self, epoch: int) -> EpochEnded:
        """End an oracle epoch at once, see ``operations.governor.epochs.end_epoch``."""
        return epochs.end_epoch(self._actor, epoch)

    def operator_fee(self) -> OperatorFeeStanding:
        """The operator's fee in force, and the one that is announced."""
        return operator_fee.standing_fee(self._actor.session)

    def set_operator_fee(self, *, flat: Amount | None = None, bps: int | None = None) -> OperatorFeeAnnounced:
        """Announce another operator's fee, see ``operations.governor.operator_fee.set_operator_fee``."""
        amount = None if flat is None else micro_dollars(flat)
        return operator_fee.set_operator_fee(self._actor, flat=amount, bps=bps)

    # ---- disputes -------------------------------------------------------------------------------------

    def resolve(
        self, claim: str, ruling: Literal["reverse", "uphold"] | Mapping[Part, Amount]
    ) -> DisputeStep:
        """Rule on an answered dispute, see ``operations.claims.disputes.resolve``.

        Args:
            claim: its number (``2:7``), commitment or id.
            ruling: ``"reverse"`` it in full, ``"uphold"`` it, or what components are to be:
                ``{"copay": "15", "plan_paid": "40"}``.
        """
        wanted: RulingWanted
        if isinstance(ruling, Mapping):
            wanted = {part: micro_dollars(amount) for part, amount in ruling.items()}
        else:
            wanted = ruling
        return disputes.resolve(self._actor, claim, wanted)

    # ---- announced calls ------------------------------------------------------------------------------

    def scheduled(self) -> tuple[AnnouncedCall, ...]:
        """Every call that is announced and waits, the earliest first."""
        return scheduled.scheduled_calls(self._actor.session)

    def execute(self, operation_id: str) -> CallMade:
        """Make an announced call, see ``operations.governor.scheduled.execute_call``."""
        return scheduled.execute_call(self._actor, operation_id)

    def cancel(self, operation_id: str) -> CallCancelled:
        """Call an announced call off, see ``operations.governor.scheduled.cancel_call``."""
        return scheduled.cancel_call(self._actor, operation_id)

    # ---- roles ----------------------------------------------------------------------------------------

    def roles(self) -> tuple[RoleMember, ...]:
        """Everybody who is in any role or will be."""
        return roles.everybody(self._actor.session)

    def grant_role(self, role: RoleName, account: str, *, delay_seconds: int | None = None) -> RoleGranted:
        """Put an address into a role, see ``operations.governor.roles.grant_role``."""
        wanted = GovernorRole.labelled(role)
        return roles.grant_role(self._actor, wanted, account, delay_seconds=delay_seconds)

    def revoke_role(self, role: RoleName, account: str) -> RoleRevoked:
        """Take an address out of a role, see ``operations.governor.roles.revoke_role``."""
        return roles.revoke_role(self._actor, GovernorRole.labelled(role), account)
