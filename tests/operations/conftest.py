"""What the tests of operations share."""

from tests.support.testbed import session, testbed

__all__ = ["session", "testbed"]
