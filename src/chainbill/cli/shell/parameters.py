"""What commands read from their arguments: durations, moments, dollars, counts, account names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import click

from chainbill.attestation.address import checksum_address
from chainbill.errors import AmountError, AttestationError, StateError
from chainbill.money import check_whole_cents, parse_cents, parse_count
from chainbill.state.names import check_name, is_id

_SECONDS = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:[0-9]+[ywdhms])+")
_GWEI = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?")
_MOST_DIGITS = 20
"""Python itself reads no number of thousands of digits."""

LONGEST = 1_000 * 31_536_000
"""The longest span that is no slip of the finger: a thousand years, in seconds."""

LATEST = 253_402_300_799
"""The last second that a calendar of four digits names, in seconds since 1970."""


class Duration(click.ParamType):
    """``90s``, ``30m``, ``6h``, ``1d``, ``2w``, ``1y`` (365 days) or several (``1d12h``), as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the argument."""
        if isinstance(value, int):
            return value
        if not _DURATION.fullmatch(value):
            self.fail(f"{value!r} is not a duration such as 90s, 30m, 6h, 1d or 1d12h", param, ctx)
        parts = re.findall(r"(\d+)([ywdhms])", value)
        if any(len(count) > _MOST_DIGITS for count, _ in parts):
            self.fail("that is longer than a thousand years", param, ctx)
        seconds = sum(int(count) * _SECONDS[unit] for count, unit in parts)
        if seconds > LONGEST:
            self.fail(f"{value!r} is longer than a thousand years", param, ctx)
        return seconds


class Moment(click.ParamType):
    """Seconds since 1970, or an ISO 8601 date or time (UTC where it names no zone), as seconds since 1970."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the argument."""
        if isinstance(value, int):
            return value
        if value.isascii() and value.isdecimal():
            if len(value) > _MOST_DIGITS or int(value) > LATEST:
                self.fail("that is after the year 9999", param, ctx)
            return int(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is not a time such as 2026-01-31, 2026-01-31T12:00Z or 1769860800", param, ctx
            )
        seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        if seconds < 0:
            self.fail(f"{value!r} is before 1970, where the chain's time begins", param, ctx)
        return seconds


class Dollars(click.ParamType):
    """An amount such as ``125`` or ``125.50``, as micro-dollars; with ``limit`` nothing finer than cents."""

    name = "dollars"

    def __init__(self, *, limit: bool = False) -> None:
        self._limit = limit

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the argument."""
        if isinstance(value, int):
            return value
        try:
            amount = parse_cents(value)
            return check_whole_cents("a limit", amount) if self._limit else amount
        except AmountError as error:
            self.fail(_with_hint(error), param, ctx)


class Count(click.IntRange):
    """A whole number in the digits 0 to 9. ``int`` would also take ``1_0``, ``+1`` and other digits."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the argument."""
        if not isinstance(value, int):
            try:
                value = parse_count(value)
            except AmountError as error:
                self.fail(str(error), param, ctx)
        number: int = super().convert(value, param, ctx)
        return number


class Gwei(click.ParamType):
    """A price of gas such as ``2`` or ``0.05``, in billionths of the coin, as wei."""

    name = "gwei"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the argument."""
        if isinstance(value, int):
            return value
        match = _GWEI.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is not a price in gwei such as 2 or 0.05", param, ctx)
        return int(match[1]) * 10**9 + int((match[2] or "").ljust(9, "0"))


class AccountName(click.ParamType):
    """The name of an account."""

    name = "account"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the argument."""
        try:
            return check_name(str(value))
        except StateError as error:
            self.fail(f"{error}: {error.hint}", param, ctx)


class PartyName(click.ParamType):
    """Somebody else: a name of the address book, an address, or, of a provider or an insurer, its id."""

    def __init__(self, *, ids: bool) -> None:
        self.name = "name|address|id" if ids else "name|address"
        self._ids = ids

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the argument."""
        text = str(value)
        try:
            if text.startswith("0x"):
                return checksum_address(text)
            return text if self._ids and is_id(text) else check_name(text)
        except (AttestationError, StateError) as error:
            self.fail(f"{error}: {error.hint}", param, ctx)


class AddressText(click.ParamType):
    """An address, with its checksum."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the argument."""
        try:
            return checksum_address(str(value))
        except AttestationError as error:
            self.fail(f"{error}: {error.hint}", param, ctx)


DURATION = Duration()
MOMENT = Moment()
DOLLARS = Dollars()
LIMIT = Dollars(limit=True)
GWEI = Gwei()
ACCOUNT = AccountName()
ADDRESS = AddressText()
PARTY = PartyName(ids=True)
ACCOUNT_OR_ADDRESS = PartyName(ids=False)


def _with_hint(error: AmountError) -> str:
    return f"{error} ({error.hint})" if error.hint else str(error)
