"""Service ids are a keyed pseudonym: the same under one key, unrelated under another."""

import hmac

import pytest

from chainbill.errors import CatalogueError
from chainbill.records.service_id import new_schedule_key, service_id, service_ids

KEY = bytes(range(32))


def test_service_id__a_name__is_the_first_eight_bytes_of_its_hmac() -> None:
    assert service_id(KEY, "office-visit") == hmac.new(KEY, b"office-visit", "sha256").digest()[:8]


def test_service_id__another_key_or_service__differs() -> None:
    ids = {service_id(key, name) for key in (KEY, new_schedule_key()) for name in ("office-visit", "refill")}
    assert len(ids) == 4


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_service_id__key_of_another_length__is_refused(key: bytes) -> None:
    with pytest.raises(CatalogueError, match="32 bytes"):
        service_id(key, "office-visit")


def test_service_id__no_name__is_refused() -> None:
    with pytest.raises(CatalogueError, match="without a name"):
        service_id(KEY, "")


def test_service_ids__a_catalogue__reads_ids_back() -> None:
    names = service_ids(KEY, ["office-visit", "refill", "office-visit"])
    assert names == {service_id(KEY, name): name for name in ("office-visit", "refill")}


def test_service_ids__two_services_with_one_id__are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainbill.records.service_id.service_id", lambda *_: bytes(8))
    with pytest.raises(CatalogueError, match="have the same id"):
        service_ids(KEY, ["office-visit", "refill"])
