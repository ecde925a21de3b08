"""The operator's fee: what is in force, and what is announced to hold later."""

from __future__ import annotations

from dataclasses import dataclass

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


def standing_fee(session: Session) -> OperatorFeeStanding:
    """What the settlement contract has logged of the operator's fee."""
    block = session.protocol.deployment.block
    logs = session.protocol.settlement.logged("OperatorFeeAnnounced", from_block=block)
    fees = [OperatorFee(0, 0, 0), *(OperatorFee(log["flat"], log["bps"], log["effectiveAt"]) for log in logs)]
    now = session.now()
    present = next(fee for fee in reversed(fees) if fee.effective_at <= now)
    return OperatorFeeStanding(present, fees[-1] if fees[-1].effective_at > now else None)
