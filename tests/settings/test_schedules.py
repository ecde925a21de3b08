"""An insurer's schedule: one key for good, a growing list of services."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainbill.errors import StateError
from chainbill.records.service_id import service_id
from chainbill.settings.schedules import Schedules


def test_publish__again__keeps_the_key_and_joins_the_services(tmp_path: Path) -> None:
    schedules = Schedules(tmp_path / "schedules")
    first = schedules.publish(3, ["video-visit"])
    second = schedules.publish(3, ["lab-panel", "video-visit"])
    assert second.key == first.key
    assert second.services == ("lab-panel", "video-visit")
    assert schedules.load(3) == second
    assert schedules.all() == [second]


def test_names__published_services__are_found_by_their_ids(tmp_path: Path) -> None:
    schedule = Schedules(tmp_path).publish(3, ["video-visit"])
    assert schedule.id_of("video-visit") == service_id(schedule.key, "video-visit")
    assert schedule.names() == {schedule.id_of("video-visit"): "video-visit"}


def test_publish__two_insurers__have_keys_of_their_own(tmp_path: Path) -> None:
    schedules = Schedules(tmp_path)
    assert schedules.publish(1, ["video-visit"]).key != schedules.publish(2, ["video-visit"]).key


def test_schedule__shown__does_not_show_the_key(tmp_path: Path) -> None:
    schedule = Schedules(tmp_path).publish(3, ["video-visit"])
    assert schedule.key_hex not in repr(schedule)
    assert (tmp_path / "3.json").stat().st_mode & 0o777 == 0o600


def test_load__none_or_damaged__is_said_so(tmp_path: Path) -> None:
    schedules = Schedules(tmp_path)
    with pytest.raises(StateError, match="the schedule of payer 3 is not here"):
        schedules.load(3)
    schedules.publish(3, [])
    (tmp_path / "3.json").write_text("{}")
    with pytest.raises(StateError, match="damaged"):
        schedules.load(3)
