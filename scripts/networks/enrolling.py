"""Many members enrolled on any chain: how long that takes, and in how many blocks."""

from __future__ import annotations

import time
from dataclasses import dataclass

from eth_utils.address import to_checksum_address

import chainbill
from chainbill.operations.insurer.enrolment import MembersEnrolled

from .walkthrough import Town

FIRST = 0x5EED << 96
"""The first member's address; the others' follow. Nobody has their keys, and nobody needs them."""


@dataclass(frozen=True, slots=True)
class Enrolling:
    """What enrolling came to."""

    done: MembersEnrolled
    seconds: float
    """From reading the first line's standing to knowing that all are enrolled."""
    again_seconds: float
    """The same once more, when all are enrolled already."""


def enrol_members(town: Town, count: int) -> Enrolling:
    """Enrol so many members with the town's insurer, and once more.

    Args:
        town: is set up.

    Raises:
        ChainError: the chain does not answer, or refuses.
    """
    insurer = town.connect().insurer(town.accounts["insurer"])
    members = [
        chainbill.NewMember(to_checksum_address(f"0x{FIRST + number:040x}"), plan_id=1)
        for number in range(count)
    ]
    begun = time.monotonic()
    done = insurer.enrol_many(members)
    enrolled = time.monotonic()
    again = insurer.enrol_many(members)
    if again.changed:
        raise chainbill.ChainError(f"{again.enrolled} members were enrolled twice")
    return Enrolling(done, enrolled - begun, time.monotonic() - enrolled)
