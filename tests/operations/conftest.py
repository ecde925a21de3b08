"""What the tests of operations share."""

from tests.support.testbed import session, testbed
from tests.support.towns import bare_town, clinic, module_town, own_settings, town
from tests.support.workplace import elsewhere, new_workplace, strong_passphrase, workplace

__all__ = [
    "bare_town",
    "clinic",
    "elsewhere",
    "module_town",
    "new_workplace",
    "own_settings",
    "session",
    "strong_passphrase",
    "testbed",
    "town",
    "workplace",
]
