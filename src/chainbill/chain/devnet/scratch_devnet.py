"""A chain and a folder for one run: neither is there afterwards, however the run ends."""

from __future__ import annotations

import atexit
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from chainbill.chain.devnet import anvil
from chainbill.chain.devnet.anvil import Anvil
from chainbill.chain.devnet.devnet import Devnet
from chainbill.chain.devnet.ending import ending_on_signals


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A private temporary folder, gone after the block: also after an error, Ctrl-C, SIGTERM or a closed
    terminal."""
    # Named before it is made: a signal may come between making it and knowing its name.
    folder = Path(tempfile.gettempdir(), f"chainbill-{name}-{secrets.token_hex(16)}")
    with ending_on_signals(), _surely(lambda: shutil.rmtree(folder, ignore_errors=True)):
        folder.mkdir(mode=0o700)
        yield folder


@contextmanager
def scratch_devnet(folder: Path, *, timestamp: int, hardfork: str = anvil.HARDFORK) -> Iterator[Devnet]:
    """A devnet whose clock starts at ``timestamp`` (seconds since 1970), by the rules of ``hardfork``, with
    its files in ``folder``; gone after the block in the same way.

    Raises:
        DevnetError: anvil is missing or would not start.
    """
    born: list[Anvil] = []

    def kill() -> None:
        for each in born:
            each.kill()

    with ending_on_signals(), _surely(kill):
        files = folder / "state.json", folder / "anvil.log"
        yield Devnet(anvil.start(*files, timestamp=timestamp, hardfork=hardfork, on_born=born.append))


@contextmanager
def _surely(clear: Callable[[], None]) -> Iterator[None]:
    """Clear up after the block, and once more at the program's end where a signal came in the midst of it."""
    atexit.register(clear)
    try:
        yield
    finally:
        clear()
        atexit.unregister(clear)
