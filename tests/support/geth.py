"""A geth, where one is built: what else is measured without it."""

from __future__ import annotations

import pytest

from chainbill.chain.devnet.geth import find_geth
from chainbill.errors import DevnetError


def _is_there() -> bool:
    try:
        find_geth()
    except DevnetError:
        return False
    return True


needs_geth = pytest.mark.skipif(not _is_there(), reason="geth is not there: make networks")
"""Of a test that runs one."""
