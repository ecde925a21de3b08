"""Reading FHIR in tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chainbill.interop.fhir import IngestReport, read_fhir
from chainbill.records.catalogue import Catalogue

Reader = Callable[..., IngestReport]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load()


@pytest.fixture
def read(tmp_path: Path, catalogue: Catalogue) -> Reader:
    """Reads a resource, text or bytes as a file would be read."""

    def read_content(content: Any, *, name: str = "record.json", **options: Any) -> IngestReport:
        path = tmp_path / name
        if isinstance(content, dict | list | int):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_fhir(path, **{"catalogue": catalogue} | options)

    return read_content
