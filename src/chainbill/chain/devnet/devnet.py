"""The devnet: an anvil with a clock that moves forward and gas for the asking."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from chainbill.chain.devnet.anvil import Anvil
from chainbill.errors import DevnetError

GAS_MONEY = 10**21
"""What an account is given of the chain's gas coin, in wei: 1,000 coins, for ever enough."""

LATEST_TIME = 253_402_300_799
"""The last second of the year 9999: the furthest the clock goes."""


class Devnet:
    """A running devnet. Blocks are mined as transactions come; the clock follows the wall clock at an
    offset, which ``advance`` widens."""

    def __init__(self, anvil: Anvil) -> None:
        self.anvil = anvil

    @property
    def rpc_url(self) -> str:
        """Where the node answers."""
        return self.anvil.rpc_url

    def now(self) -> int:
        """The time the next block would have, in seconds since 1970."""
        return self._block("pending")[1]

    def latest(self) -> tuple[int, int]:
        """Number and time of the newest block."""
        return self._block("latest")

    def newest_hash(self) -> str:
        """Hash of the newest block."""
        return str(self.anvil.call("eth_getBlockByNumber", "latest", False)["hash"])

    def advance(self, seconds: int) -> int:
        """Move the clock forward and mine a block; returns the block's time.

        Raises:
            DevnetError: not forward.
        """
        if seconds <= 0:
            raise DevnetError(f"the clock moves forward only, not by {seconds} s")
        return self.advance_to(self.now() + seconds)

    def advance_to(self, timestamp: int) -> int:
        """Move the clock to ``timestamp`` (seconds since 1970) and mine a block; returns the block's time.

        Raises:
            DevnetError: before the newest block, or after the year 9999.
        """
        _, latest = self.latest()
        if timestamp < latest:
            raise DevnetError(
                f"the clock moves forward only: to {_shown(timestamp)} is back from the newest block, "
                f"{_shown(latest)}",
                hint="for an earlier time begin a new chain: chainbill devnet up --fresh --timestamp …",
            )
        if timestamp > LATEST_TIME:
            raise DevnetError(f"{timestamp} is after the year 9999")
        self.anvil.call("evm_setNextBlockTimestamp", timestamp)
        self.anvil.call("evm_mine")
        return self.latest()[1]

    def move_clock(self, seconds: int) -> None:
        """Move the clock forward without a block."""
        self.anvil.call("evm_increaseTime", seconds)

    def give_gas(self, address: str) -> None:
        """Give an account all the gas coin it will ever need."""
        self.anvil.call("anvil_setBalance", address, hex(GAS_MONEY))

    def has_code(self, address: str) -> bool:
        """Is there a contract at ``address``?"""
        return len(self.code(address)) > 0

    def code(self, address: str) -> bytes:
        """The code of the contract at ``address``; empty where there is none."""
        return bytes.fromhex(self.anvil.call("eth_getCode", address, "latest").removeprefix("0x"))

    def clock_offset(self) -> int:
        """Seconds by which the chain's clock is ahead of this machine's; negative where it is behind."""
        return self.now() - int(time.time())

    def _block(self, which: str) -> tuple[int, int]:
        block = self.anvil.call("eth_getBlockByNumber", which, False)
        return int(block["number"], 16), int(block["timestamp"], 16)


def _shown(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def saved_block(state_file: Path) -> tuple[int, int]:
    """Number and time of the newest block in a saved chain.

    Raises:
        DevnetError: the file is damaged.
    """
    try:
        block: dict[str, Any] = orjson.loads(state_file.read_bytes())["block"]
        return int(block["number"], 16), int(block["timestamp"], 16)
    except (OSError, ValueError, KeyError, TypeError):
        raise DevnetError(
            f"the saved chain {state_file} is damaged", hint="start a new one: chainbill devnet up --fresh"
        ) from None


def resume_time(state_file: Path, clock_offset: int | None) -> int:
    """What a restarted anvil's clock must show. Left alone it starts at the wall clock, and a chain that had
    been moved ahead would then mine blocks older than their parents.

    Args:
        clock_offset: seconds ahead of the wall clock when the chain was saved; None where nobody noted it,
            and the clock goes on from the newest block.
    """
    _, latest = saved_block(state_file)
    return latest if clock_offset is None else max(latest, int(time.time()) + clock_offset)
