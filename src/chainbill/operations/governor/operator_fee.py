"""The operator's fee: what is in force, and what is announced to hold later."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.governor.calls import settlement_call
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class OperatorFee:
    """A fee for each event: ``flat`` in micro-dollars, and ``bps`` basis points of what is allowed."""

    flat: int
    bps: int
    effective_at: int
    """From when it holds, in seconds since 1970; 0: nobody has ever announced one."""


@dataclass(frozen=True, slots=True)
class OperatorFeeStanding:
    """The fee in force, and the one that follows it."""

    present: OperatorFee
    announced: OperatorFee | None

    @property
    def last(self) -> OperatorFee:
        """The one announced last."""
        return self.announced or self.present


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFeeAnnounced(Change):
    """A fee that holds from ``effective_at`` on: micro-dollars for each event, and basis points of what is
    allowed."""

    flat: int
    bps: int


def set_operator_fee(
    registrar: Actor, *, flat: int | None = None, bps: int | None = None
) -> OperatorFeeAnnounced:
    """Announce another fee of the operator that a batch names; it holds a day later. The one announced last
    is left alone.

    Args:
        flat: for each event, in micro-dollars; None: as announced last.
        bps: of what is allowed, in basis points; None: as announced last.

    Raises:
        CallDelayed: the call is announced, and must wait.
        ChainError: the account is no registrar.
        ContractReverted: it is over the contract's cap.
        StateError: the key is not at hand.
    """
    standing = standing_fee(registrar.session)
    last = standing.last
    wanted = (last.flat if flat is None else flat, last.bps if bps is None else bps)
    if wanted == (last.flat, last.bps):
        since = standing.announced.effective_at if standing.announced else None
        return OperatorFeeAnnounced(changed=False, effective_at=since, flat=last.flat, bps=last.bps)
    made = settlement_call(registrar, "setOperatorFee", *wanted)
    return OperatorFeeAnnounced(**made, flat=wanted[0], bps=wanted[1])


def standing_fee(session: Session) -> OperatorFeeStanding:
    """What the settlement contract has logged of the operator's fee."""
    block = session.protocol.deployment.block
    logs = session.protocol.settlement.logged("OperatorFeeAnnounced", from_block=block)
    fees = [OperatorFee(0, 0, 0), *(OperatorFee(log["flat"], log["bps"], log["effectiveAt"]) for log in logs)]
    now = session.now()
    present = next(fee for fee in reversed(fees) if fee.effective_at <= now)
    return OperatorFeeStanding(present, fees[-1] if fees[-1].effective_at > now else None)
