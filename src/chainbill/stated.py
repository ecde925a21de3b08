"""Models that programs make themselves: what cannot be one is refused like any other argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from chainbill.errors import ArgumentError

_MOST = 3
"""Fields that are named where several are wrong."""


class Stated(BaseModel):
    """A frozen model of named fields. Made of anything else, it raises ``ArgumentError`` with the names of
    the fields that are wrong, and never what was in them, which may be personal.

    What is read (``model_validate…``) raises pydantic's ``ValidationError``, for its reader to say where.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    if not TYPE_CHECKING:  # A checker would take this for leave to give anything.

        def __init__(self, **fields: Any) -> None:
            """Raises ArgumentError: a field is missing, unknown, or not what it should be."""
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise _refusal(type(self).__name__, error) from None

        # Pydantic reads past it, as past its own.
        __init__.__pydantic_base_init__ = True


def _refusal(what: str, error: ValidationError) -> ArgumentError:
    problems = [
        problem
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
        if problem["type"] != "default_factory_not_called"  # for want of another field, which is named
    ]
    told = []
    for problem in problems[:_MOST]:
        where, why = ".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")
        told.append(f"{where}: {why[0].lower()}{why[1:]}" if where else why)
    if len(problems) > _MOST:
        told.append(f"and {len(problems) - _MOST} more")
    about = {str(problem["loc"][0]) for problem in problems if problem["loc"]}
    return ArgumentError(
        f"that is no {what}: {'; '.join(told)}", argument=about.pop() if len(about) == 1 else ""
    )
