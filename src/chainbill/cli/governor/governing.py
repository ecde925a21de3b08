"""What the governor's commands share: who acts, and a call that is made, or announced and made later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from chainbill.cli.shell.acting import as_option
from chainbill.cli.shell.output import emit, it_holds, show_time
from chainbill.errors import CallDelayed

if TYPE_CHECKING:
    from chainbill.operations.change import Change

_Change = TypeVar("_Change", bound="Change")

governor_option = as_option(
    "governor", "Whose account acts; it must be in the role that may do this.", role="governor"
)


def tell(
    call: Callable[[], _Change],
    facts: dict[str, Any],
    done: str | Callable[[_Change], str],
    *,
    new: bool = False,
) -> None:
    """Run what makes a governor's call and tell what came of it, also where it must wait.

    Args:
        done: what to say once it is made, or what says it of the call's result.
        new: the command has made an account, and is not to make it again.
    """
    try:
        result = call()
    except CallDelayed as delayed:
        when = show_time(delayed.ready_at)
        announced = "It is announced" if delayed.new else "It was announced before"
        emit(
            {
                **facts,
                "done": False,
                "changed": False,
                "operation_id": delayed.operation_id,
                "ready_at": delayed.ready_at,
                "effective_at": None,
                "transaction": None,
            },
            f"{announced}, and can be done from {when}.\n"
            f"Then run the same command again{' without --new' if new else ''}, "
            f"or: chainbill governor execute 0x{delayed.operation_id.hex()[:8]}",
        )
        return
    emit(
        {
            **facts,
            "done": True,
            "changed": result.changed,
            "operation_id": None,
            "ready_at": None,
            "effective_at": result.effective_at,
            "transaction": result.transaction,
        },
        " ".join(
            [
                done if isinstance(done, str) else done(result),
                *([] if result.effective_at is None else [it_holds(result.effective_at)]),
            ]
        ),
    )
