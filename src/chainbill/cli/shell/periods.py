"""The options that say what a statement is about: its days, and how much of it is told."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from chainbill.statements.period import Period

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Month(click.ParamType):
    """``2026-03``, as a year and a month."""

    name = "month"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read the argument."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"([0-9]{4})-([0-9]{1,2})", value)
        if not found or not 1 <= int(found[2]) <= 12 or int(found[1]) == 0:
            self.fail(f"{value!r} is not a month such as 2026-03", param, ctx)
        return int(found[1]), int(found[2])


class Day(click.ParamType):
    """``2026-03-31``."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read the argument."""
        if isinstance(value, date):
            return value
        try:
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
                raise ValueError
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day such as 2026-03-31", param, ctx)


def period_options(command: _Command) -> _Command:
    """``--month``, ``--year``, ``--since`` and ``--until``, given to the command as one ``period``."""

    @click.option("--month", type=Month(), metavar="YYYY-MM", help="Only services of this month.")
    @click.option("--year", type=click.IntRange(1970, 9999), help="Only this benefit year.")
    @click.option("--since", type=Day(), metavar="DAY", help="Only services on this day or later.")
    @click.option("--until", type=Day(), metavar="DAY", help="Only services on this day or earlier.")
    @functools.wraps(command)
    def with_period(
        *arguments: Any,
        month: tuple[int, int] | None,
        year: int | None,
        since: date | None,
        until: date | None,
        **options: Any,
    ) -> Any:
        return command(*arguments, period=_period(month, year, since, until), **options)

    return with_period  # type: ignore[return-value]


def detail_option(command: _Command) -> _Command:
    """``--detail``: every charge explained, where a summary is the rule."""
    return click.option("--detail", is_flag=True, help="Tell every charge in full as well.")(command)


def _period(
    month: tuple[int, int] | None, year: int | None, since: date | None, until: date | None
) -> Period | None:
    from chainbill.statements.period import Period

    if (month is not None) + (year is not None) + (since is not None or until is not None) > 1:
        raise click.UsageError("give either --month, or --year, or --since and --until")
    if since is not None and until is not None and until < since:
        raise click.UsageError(f"--until {until} is before --since {since}")
    if month is not None:
        return Period.of_month(*month)
    if year is not None:
        return Period.of_year(year)
    return Period(since, until) if since or until else None
