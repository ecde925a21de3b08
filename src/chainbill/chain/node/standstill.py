"""Says to whoever waits for a transaction that the network makes no blocks, and when it goes on.

It is said through ``logging``, to the logger ``chainbill``, as a warning: once when blocks stay away, once
when they come again. Commands show it on stderr, and so does Python where a program has decided nothing else.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from web3 import Web3

from chainbill.chain.node.connection import newest_block, time_of_block
from chainbill.errors import ChainError

LOG = logging.getLogger("chainbill")
"""What is no call's answer, and somebody should know."""

QUIET_SECONDS = 10.0
"""Without a block, until it is said."""

SLOWEST_SECONDS = 20
"""Blocks that follow each other within it come at times of their own, and one may be missing. Where they are
further apart, they are made for transactions, and the one that waits should have brought one."""

_LOOK_SECONDS = 2.0
"""Between two looks at the newest block."""


class Standstill:
    """What is seen of the network's blocks while transactions wait."""

    def __init__(self, w3: Web3, *, now: float) -> None:
        """``now`` is of a clock that never goes back, in seconds; so it is below."""
        self._w3 = w3
        self._looked_at = self._since = now
        self._newest: int | None = None
        self._is_said = False

    def look(self, now: float, transaction: bytes) -> None:
        """Look at the newest block, where the last look is a while ago. A node that does not answer is left
        to whoever asks it for the receipt.

        Args:
            transaction: the hash of the first that waits.
        """
        if now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        with suppress(ChainError):
            newest = newest_block(self._w3)
            if newest == self._newest:
                self._say_so(now, transaction)
                return
            if self._is_said:
                LOG.warning("the network makes blocks again: %d is the newest", newest)
            # When the first that is seen has come nobody knows: it counts from the wait's beginning.
            self._since = self._since if self._newest is None else now
            self._newest, self._is_said = newest, False

    def _say_so(self, now: float, transaction: bytes) -> None:
        quiet = now - self._since
        if self._is_said or quiet < QUIET_SECONDS or quiet < 2 * self._usual_seconds():
            return
        self._is_said = True
        LOG.warning(
            "the network makes no blocks: %d is still the newest after %.0f s; waiting, and your transaction "
            "0x%s is safe: it is noted here, and this goes on when they come again",
            self._newest,
            quiet,
            transaction.hex(),
        )

    def _usual_seconds(self) -> int:
        """Between the newest two blocks; 0 where that tells nothing of the next."""
        if not self._newest:
            return 0
        between = time_of_block(self._w3, self._newest) - time_of_block(self._w3, self._newest - 1)
        return between if between <= SLOWEST_SECONDS else 0
