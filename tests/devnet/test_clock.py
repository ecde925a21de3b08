"""The devnet's clock: forward only, also across a stop."""

from __future__ import annotations

import time

import pytest

from chainbill.chain.devnet.devnet import LATEST_TIME, Devnet
from chainbill.errors import DevnetError
from chainbill.state.local_devnet import LocalDevnet

DAY = 86_400


def mine(devnet: Devnet) -> int:
    """The time of a block mined now."""
    devnet.anvil.call("evm_mine")
    return devnet.latest()[1]


def test_advance__a_day__the_next_block_is_a_day_later_and_time_goes_on_from_there(
    local: LocalDevnet,
) -> None:
    local.up()
    devnet = local.require()
    before = devnet.now()
    moved = devnet.advance(DAY)
    assert before + DAY <= moved <= before + DAY + 2
    assert moved <= mine(devnet) <= moved + 2


@pytest.mark.parametrize("seconds", [0, -1])
def test_advance__not_forward__is_refused(local: LocalDevnet, seconds: int) -> None:
    local.up()
    with pytest.raises(DevnetError, match="forward only"):
        local.require().advance(seconds)


def test_advance_to__before_the_newest_block__is_refused_and_mines_nothing(local: LocalDevnet) -> None:
    local.up()
    devnet = local.require()
    number, latest = devnet.latest()
    with pytest.raises(DevnetError, match="forward only"):
        devnet.advance_to(latest - 1)
    with pytest.raises(DevnetError, match="after the year 9999"):
        devnet.advance_to(LATEST_TIME + 1)
    assert devnet.latest() == (number, latest)


def test_down_and_up__clock_moved_far_ahead__keeps_its_lead(local: LocalDevnet) -> None:
    local.up()
    ahead = local.require().advance_to(int(time.time()) + 3_000 * DAY)
    local.down()
    local.up()
    devnet = local.require()
    assert ahead <= mine(devnet) <= ahead + 10
    # A second may have begun between the two clocks' readings.
    assert devnet.clock_offset() >= 3_000 * DAY - 1


def test_down_and_up__time_passed_meanwhile__passes_on_chain_too(
    local: LocalDevnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.up()
    before = local.require().latest()[1]
    local.down()
    really = time.time
    monkeypatch.setattr(time, "time", lambda: really() + 7 * DAY)
    local.up()
    assert before + 7 * DAY <= mine(local.require()) <= before + 7 * DAY + 10


def test_up_again__machines_clock_set_back__blocks_do_not_go_backward(
    local: LocalDevnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.up()
    before = local.require().latest()[1]
    local.down()
    really = time.time
    monkeypatch.setattr(time, "time", lambda: really() - 7 * DAY)
    local.up()
    assert before <= mine(local.require()) <= before + 10


def test_up__first_block_long_ago__the_chain_starts_there_and_stays(empty: LocalDevnet) -> None:
    empty.up(timestamp=DAY)
    devnet = empty.require()
    assert DAY <= devnet.latest()[1] <= DAY + 30
    empty.down()
    with pytest.raises(DevnetError, match="cannot be chosen any more"):
        empty.up(timestamp=2 * DAY)
    empty.up()
    assert DAY <= mine(empty.require()) <= DAY + 60
