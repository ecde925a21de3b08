"""What the tests of the client library share."""

from tests.support.testbed import session, testbed
from tests.support.towns import bare_town, clinic, module_town, own_settings, town

__all__ = ["bare_town", "clinic", "module_town", "own_settings", "session", "testbed", "town"]
