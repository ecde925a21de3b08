"""The program in a process of its own, that begins where everything is imported: what an interpreter does
before that takes a second, and is the same each time.

One process is started, imports the program and waits; each run is a fork of it, with its own environment,
streams and end. What it does to itself (it may kill itself) or leaves locked is as of any process.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from tempfile import TemporaryDirectory
from typing import Any

DYING = Path(__file__).parent.parent / "devnet" / "dying.py"

SECONDS = 60
"""After which a run is ended."""


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``chainbill`` with arguments."""
    return _fork(None, arguments)


def dying(point: str, moment: str, signals: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run it so that it ends at a point: as ``dying.py`` says."""
    return _fork(DYING, (point, moment, signals, *arguments))


def _fork(script: Path | None, arguments: tuple[object, ...]) -> subprocess.CompletedProcess[str]:
    given = [str(each) for each in arguments]
    with TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        request = {
            "script": script and str(script),
            "arguments": given,
            "environment": dict(os.environ),
            "directory": str(Path.cwd()),
            "streams": [os.devnull, str(out), str(err)],
        }
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(given, code, out.read_text(), err.read_text())


@cache
def _server() -> subprocess.Popen[str]:
    """One for each process that tests; without anybody to hear, it ends by itself."""
    server = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(server.kill)
    return server


# ---- in the process that is forked --------------------------------------------------------------------


def serve() -> None:
    """Fork for each line that is read and answer with how that ended. Returns in a fork, when it is to
    end."""
    import chainbill.cli

    for module in walk_packages(chainbill.cli.__path__, "chainbill.cli."):
        import_module(module.name)
    # Collecting what all have in common would copy it for each.
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            become(json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def become(request: dict[str, Any]) -> None:
    """Run what is asked for, as if it had been started so."""
    signal.alarm(SECONDS)
    for number, path in enumerate(request["streams"]):
        stream = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["directory"])
    sys.argv = [request["script"] or "chainbill", *request["arguments"]]
    if request["script"]:
        runpy.run_path(request["script"], run_name="__main__")
    else:
        from chainbill.cli import main

        main()


if __name__ == "__main__":
    serve()
