"""`python -m scripts.networks build`: build geth and the validators' programs; nothing to do on a second run.

`python -m scripts.networks enrol geth --members 10000`: say how long it takes to enrol so many.

`python -m scripts.networks up geth --folder DIR`: run one of them until Ctrl-C, and go on with its chain the
next time. The key of the funded account is in DIR/funded.key.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Event

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.conversions import to_hex

from .build import Missing, build
from .devnet import Devnet
from .engine import Engine
from .enrolling import enrol_members
from .geth import Geth
from .measure import PAGE, measure, table, written
from .process import EngineError
from .validators import Validators
from .walkthrough import Town

ENGINES: dict[str, type[Devnet] | type[Geth] | type[Validators]] = {
    engine.name: engine for engine in (Devnet, Geth, Validators)
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 2 where the machine lacks something, 1 where it failed."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.networks", description="Real chains on loopback."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build geth and the validators' programs into .cache/engines")
    up = commands.add_parser("up", help="run a chain until Ctrl-C")
    up.add_argument("engine", choices=sorted(ENGINES))
    up.add_argument("--folder", type=Path, required=True, help="for its data, its logs and the funded key")
    measured = commands.add_parser("measure", help="walk through on each engine, and print what it took")
    measured.add_argument("--write", action="store_true", help="write the table of docs/networks.md, too")
    enrol = commands.add_parser("enrol", help="enrol many members on a new chain, and print what it took")
    enrol.add_argument("engine", choices=sorted(ENGINES))
    enrol.add_argument("--members", type=int, default=10_000)
    options = parser.parse_args(arguments)
    try:
        if options.command == "build":
            build(say)
        elif options.command == "measure":
            return measure_all(write=options.write)
        elif options.command == "enrol":
            measure_enrolling(options.engine, options.members)
        else:
            run(options.engine, options.folder.absolute())
    except EngineError as error:
        print(f"networks: {error}", file=sys.stderr)
        return 2 if isinstance(error, Missing) else 1
    return 0


def say(line: str) -> None:
    """Tell whoever waits."""
    print(line, flush=True)


def measure_all(*, write: bool) -> int:
    """Measure the walk-through on every engine; returns 1 where something did not add up on one."""
    with tempfile.TemporaryDirectory() as folder:
        machine, walked = measure(ENGINES, Path(folder), say)
    measured = table(machine, walked)
    say(measured)
    if write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), measured), encoding="utf-8")
    return int(any(each.differences or each.verification.discrepancies for each in walked.values()))


def measure_enrolling(name: str, members: int) -> None:
    """Enrol so many members on a new chain, and say what it took. Told to end, the chain ends, too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        tempfile.TemporaryDirectory() as folder,
        ENGINES[name](Path(folder) / name, Account.create()) as engine,
    ):
        town = Town(engine, Path(folder) / "state")
        town.deploy()
        town.set_up()
        took = enrol_members(town, members)
    say(
        f"{name}: {took.done.enrolled:,} members in {took.seconds:.0f} s and {took.done.blocks:,} blocks; "
        f"again, all enrolled already: {took.again_seconds:.1f} s (load average {os.getloadavg()[0]:.1f})"
    )


def run(name: str, folder: Path) -> None:
    """Run an engine until this process is asked to end; say where it answers, as one line of JSON."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), ENGINES[name](folder / name, funded_account(folder)) as engine:
        print(json.dumps(facts(engine)), flush=True)
        Event().wait()


def facts(engine: Engine) -> dict[str, object]:
    """What a client has to know."""
    return {"chain_id": engine.chain_id, "rpc_urls": engine.rpc_urls, "funded": engine.funded.address}


def funded_account(folder: Path) -> LocalAccount:
    """The account of a folder's key file, which is made where there is none."""
    file = folder / "funded.key"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(to_hex(Account.create().key), encoding="utf-8")
    account: LocalAccount = Account.from_key(file.read_text(encoding="utf-8").strip())
    return account


if __name__ == "__main__":
    sys.exit(main())
