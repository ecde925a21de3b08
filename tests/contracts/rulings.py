"""Rulings on disputed claims, built from the claim's own amounts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.contracts.claims import Settled

from chainbill.chain.format.events import Claim, SecondaryShares
from chainbill.chain.format.packed_claim import pack_claim, pack_secondary

_AMOUNTS = (
    "allowed",
    "deductible",
    "copay",
    "coinsurance",
    "outside_plan",
    "plan_paid",
    "secondary_paid",
    "fee",
)

NOTHING_LEFT = (0, 0, 0, 0, False)
"""Reverses a claim in full."""


def ruling(
    settled: Settled, secondary: SecondaryShares | None = None, *, stands: bool = False, **components: Any
) -> tuple[int, int, int, int, bool]:
    """The words of a Ruling: the claim's own values, but for these."""
    ruled = replace(settled.claim, **components)
    words = pack_claim(ruled)
    alone = settled.secondary if secondary is None else secondary
    return _word(words[32:64]), _word(words[64:96]), _word(pack_secondary(alone)), ruled.fee, stands


def difference(claim: Claim, ruled: Claim) -> Claim:
    """What is logged as taken back where `ruled` is left of `claim`."""
    taken = {name: getattr(claim, name) - getattr(ruled, name) for name in _AMOUNTS}
    return replace(claim, billed=0, **taken)


def nothing_of(claim: Claim) -> Claim:
    """The claim with every amount 0."""
    return replace(claim, **dict.fromkeys(_AMOUNTS, 0))


def _word(data: bytes) -> int:
    return int.from_bytes(data, "big")
