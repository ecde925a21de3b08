"""What the doctor says of a chain's clock."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from chainbill.operations import checkup
from chainbill.operations.checkup import Verdict

HERE = 1_790_000_000
"""By this machine's clock."""


@pytest.mark.parametrize(
    "block_time, verdict, found, advice",
    [
        (HERE, Verdict.OK, "0 s old", None),
        (HERE - 300, Verdict.OK, "300 s old", None),
        (HERE - 301, Verdict.WARN, "301 s old", "this machine's clock is ahead"),
        (HERE + 15, Verdict.OK, "0 s old", None),
        (HERE + 16, Verdict.WARN, "16 s ahead of this machine's clock", "set this machine's clock"),
    ],
)
def test_newest_block__by_this_machines_clock__is_ok_or_says_what_to_look_at(
    monkeypatch: pytest.MonkeyPatch, block_time: int, verdict: Verdict, found: str, advice: str | None
) -> None:
    monkeypatch.setattr("chainbill.operations.checkup.time.time", lambda: float(HERE))
    session = cast("Any", SimpleNamespace(now=lambda: block_time))
    finding = checkup._newest_block(session)
    assert (finding.verdict, finding.found) == (verdict, found)
    assert (advice or "") in (finding.advice or "")
