"""What the tests of the client library share."""

from tests.support.testbed import session, testbed

__all__ = ["session", "testbed"]
