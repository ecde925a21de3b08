"""Times and bounds of the protocol: the twin of the constants in the contracts, which a test compares."""

from __future__ import annotations

DAY_SECONDS = 24 * 3600

NOTICE_SECONDS = DAY_SECONDS
"""``NOTICE`` of the contracts: how long before it takes effect a change is announced."""

WITHDRAWAL_LIFE_SECONDS = 7 * DAY_SECONDS
"""``WITHDRAWAL_LIFE``: how long an announced withdrawal may be taken."""

MAX_BATCH_LIFE_SECONDS = 6 * 3600
"""``MAX_BATCH_LIFE``: the longest a signed batch stays good."""

PAYOUT_CHANGE_DELAY_SECONDS = 2 * DAY_SECONDS
"""``PAYOUT_CHANGE_DELAY``: how long before it takes effect another payout address is announced."""

DISPUTE_WINDOW_SECONDS = 7 * DAY_SECONDS
"""``DISPUTE_WINDOW``: how long after it was settled a claim may be disputed."""

QUORUM_SILENCE_SECONDS = 7 * DAY_SECONDS
"""``QUORUM_SILENCE``: how long the quorum has for objecting to sections that a provider has announced."""

UNANSWERED_LIFE_SECONDS = 7 * DAY_SECONDS
"""``UNANSWERED_LIFE``: how long sections that it has left unanswered may settle without it."""

UNANSWERED_DELAY_SECONDS = 23 * DAY_SECONDS
"""``UNANSWERED_DELAY``: how much later the dispute window begins to count of a claim that settled without the
quorum, and its credit matures."""

BUCKET_SECONDS = DAY_SECONDS
"""``BUCKET``: credits of one such span mature together."""

ANSWER_TIME_SECONDS = 3 * DAY_SECONDS
"""``ANSWER_TIME``: how long a provider has to answer a dispute."""

RULING_TIME_SECONDS = 14 * DAY_SECONDS
"""``RULING_TIME``: how long the arbiter has to rule on an answered dispute."""

KEPT_HASH_BYTES = 27
"""How much settlement keeps, beside a time, of a batch's root and of the hash of announced sections."""

END_OF_TIME = 2**40 - 1
"""The last time a contract can name (``uint40``), in seconds since 1970: no end. What holds then is what was
announced last."""

MAX_YEARLY_AMOUNT = 2**48 - 1
"""``MAX_YEARLY_AMOUNT``: the most micro-dollars of a plan's deductible and out-of-pocket maximum, and the
most that opening entries may bring a member's accumulators to."""

MAX_FAMILY_MEMBERS = 255
"""``MAX_FAMILY_MEMBERS``: the most members that share a family's amounts in one benefit year."""

MAX_ANNOUNCEMENT_SECONDS = 400 * DAY_SECONDS
"""``MAX_ANNOUNCEMENT``: how far ahead terms may be announced."""

GAS_CAP = 2**24
"""The most gas one transaction may ask for (EIP-7825)."""

FEES_PER_TRANSACTION = 150
"""Fees or cash prices that one transaction publishes at most, so that it stays below ``GAS_CAP``."""

RELEASE_GAS = 300_000
"""``RELEASE_GAS`` of ``TransferGas``: the most gas that settlement leaves to one transfer of the token."""
