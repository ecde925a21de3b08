"""An insurer's schedule: one key for good, a growing list of services."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainbill.errors import StateError
from chainbill.records.service_id import LEAST_DECOYS, service_id
from chainbill.state.schedules import Schedules


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


def test_draw__new_services__get_decoys_once_and_for_good(tmp_path: Path) -> None:
    schedules = Schedules(tmp_path)
    first = schedules.draw(3, ["video-visit", "lab-panel"])
    assert first.services == ()
    assert set(first.decoys) == {"video-visit", "lab-panel"}
    assert schedules.draw(3, ["video-visit", "lab-panel"]) == first == schedules.load(3)
    published = schedules.publish(3, ["video-visit"])
    own, *decoys = published.ids_of("video-visit")
    assert own == published.id_of("video-visit")
    assert len({own, *decoys}) == 1 + published.decoys["video-visit"] > LEAST_DECOYS
    assert published.names() == {own: "video-visit"}


def test_draw__published_before_there_were_decoys__stays_without(tmp_path: Path) -> None:
    schedules = Schedules(tmp_path)
    schedules.publish(3, ["video-visit"])
    assert schedules.draw(3, ["video-visit"]).ids_of("video-visit") == (
        schedules.load(3).id_of("video-visit"),
    )


def test_load__schedule_of_a_version_without_decoys__is_read(tmp_path: Path) -> None:
    path = tmp_path / "3.json"
    path.write_text(f'{{"owner_id": 3, "key_hex": "{"ab" * 32}", "services": ["video-visit"]}}')
    path.chmod(0o600)
    assert Schedules(tmp_path).load(3).decoys == {}
