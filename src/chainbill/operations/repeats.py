"""What is so already is told, and not sent again: also where somebody else was faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from chainbill.errors import ContractReverted

_Told = TypeVar("_Told")


def unless_so(stands: Callable[[], _Told | None], do: Callable[[], _Told]) -> _Told:
    """Do something, unless it is so already.

    Args:
        stands: tells how it stands where it is so, from the chain; None: it is not so.
        do: sends what makes it so, and tells that.

    Raises:
        ContractReverted: a contract refuses it, and not because it is so by now.
    """
    told = stands()
    if told is not None:
        return told
    try:
        return do()
    except ContractReverted:
        # Somebody else may have done it since it was looked at.
        told = stands()
        if told is None:
            raise
        return told
