"""Errands of a program that shows what it did: each is over once that is shown."""

from __future__ import annotations

from contextlib import ExitStack


class Untold:
    """Errands that are done, and of which nobody has been told.

    Their notes stay, and their accounts stay locked, until somebody is: a program that is killed in between
    tells of them when it is run again, and does nothing twice.
    """

    def __init__(self) -> None:
        self._errands = ExitStack()
        self._is_told = False

    def add(self, errand: ExitStack) -> None:
        """Keep an errand open that ended well, unless what it did was shown before it ended."""
        if not self._is_told:
            self._errands.push(errand.pop_all())

    def told(self) -> None:
        """They are over."""
        self._is_told = True
        self._errands.close()

    def never_told(self) -> None:
        """Let go of them as they are: the next run tells of them."""
        unheard = NeverTold()
        self._errands.pop_all().__exit__(NeverTold, unheard, None)


class NeverTold(Exception):
    """The program ended before it could show what it did."""
