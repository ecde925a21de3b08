"""Which of many alike cases `make test` runs, and which only the slow tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def quick_first(cases: Iterable[Any], *, quick: int = 1) -> list[Any]:
    """The parameters of a test whose first ``quick`` cases are run by `make test`, and the rest by
    `make test-slow`. Tuples are the values of several parameters."""
    return [_param(case) if place < quick else _param(case, slow=True) for place, case in enumerate(cases)]


def _param(case: Any, *, slow: bool = False) -> Any:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=[pytest.mark.slow] if slow else [])
