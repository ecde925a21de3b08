"""What every test may ask for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

pytest_plugins = ["tests.support.settled_chain"]

ROOT = Path(__file__).resolve().parent.parent

RECURSION_LIMIT = sys.getrecursionlimit()

# Tools keep their data inside the project, however pytest was started.
os.environ.setdefault("SOLCX_BINARY_PATH", str(ROOT / ".cache" / "solcx"))
os.environ.setdefault("APE_DATA_FOLDER", str(ROOT / ".cache" / "ape"))

# Tests name claims by their numbers. Those of drawing, and the pages' walk-throughs, do without this.
os.environ["CHAINBILL_SEQUENCES"] = "in-order"


def pytest_collection_finish() -> None:
    """Take back what py-evm does when it is imported: with its limit, deep JSON overflows the C stack."""
    sys.setrecursionlimit(RECURSION_LIMIT)


def shared_folder(name: str) -> Path:
    """Return a folder of the shared test data, or skip the test where the data is absent."""
    base = Path(os.environ.get("CHAINBILL_SAMPLES", ROOT.parent / "shared" / "data"))
    folder = base / name
    if not folder.is_dir():
        pytest.skip(f"no {name} data in {base}; CHAINBILL_SAMPLES names another place")
    return folder


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def samples_dir() -> Path:
    """Health records and claims that nobody here made: Synthea, HL7, CMS, X12."""
    return shared_folder("samples")


@pytest.fixture(scope="session")
def cases_dir() -> Path:
    """Small records with their right outcome, each of a kind that was once read wrongly."""
    return shared_folder("cases")


@pytest.fixture(scope="session")
def vectors_dir() -> Path:
    """Test vectors of other implementations: signatures, hashes, Merkle trees."""
    return shared_folder("vectors")
