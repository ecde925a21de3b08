"""What an arbiter can rule: nothing is left of a claim, all of it, or new values of some components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from chainbill.chain.contracts.settlement import Ruling, SettledClaim
from chainbill.chain.format.events import SecondaryShares

Part = Literal[
    "deductible",
    "copay",
    "coinsurance",
    "outside_plan",
    "plan_paid",
    "secondary_paid",
    "fee",
    "alone_deductible",
    "alone_out_of_pocket",
    "alone_plan_paid",
]
"""What can be ruled on; ``alone_…`` is the secondary payer as if it were alone."""

RulingWanted = Literal["reverse", "uphold"] | Mapping[Part, int]
"""Nothing is to be left of the claim, all of it, or some components are to be these, in micro-dollars; those
left out stay as they are."""

_SHARES = ("deductible", "copay", "coinsurance", "outside_plan", "plan_paid")
"""They make what is allowed."""

_ALONE = {
    "alone_deductible": "deductible",
    "alone_out_of_pocket": "out_of_pocket",
    "alone_plan_paid": "plan_paid",
}


def ruling_on(settled: SettledClaim, wanted: RulingWanted) -> Ruling:
    """The ruling on a claim. What is allowed becomes the sum of the shares."""
    if wanted == "reverse":
        return full_reversal(settled)
    if wanted == "uphold":
        return upheld(settled)
    return partial_ruling(settled, wanted)


def upheld(settled: SettledClaim) -> Ruling:
    """The claim stands."""
    return Ruling(settled.claim, settled.secondary, stands=True)


def full_reversal(settled: SettledClaim) -> Ruling:
    """Nothing is left of it."""
    zeros = dict.fromkeys((*_SHARES, "allowed", "secondary_paid", "fee"), 0)
    return Ruling(replace(settled.claim, **zeros), SecondaryShares(0, 0, 0))  # type: ignore[arg-type]


def partial_ruling(settled: SettledClaim, parts: Mapping[Part, int]) -> Ruling:
    """Some components are to be these, in micro-dollars; what is allowed is the sum of the shares."""
    of_claim = {part: amount for part, amount in parts.items() if part not in _ALONE}
    alone = {_ALONE[part]: amount for part, amount in parts.items() if part in _ALONE}
    claim = replace(settled.claim, **of_claim)  # type: ignore[arg-type]
    claim = replace(claim, allowed=sum(getattr(claim, share) for share in _SHARES))
    return Ruling(claim, replace(settled.secondary, **alone))
