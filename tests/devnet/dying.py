"""Runs the program and ends it at a chosen point: ``python dying.py POINT MOMENT SIGNALS ARGUMENTS...``.

POINT is ``module:function`` or ``module:Class.method``, with ``#2`` behind it for the second call; MOMENT is
``before`` or ``after`` it does its work; SIGNALS are what the process then sends itself, ``SIGKILL`` or
``SIGTERM,SIGHUP``.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
from typing import Any

point, moment, numbers, *arguments = sys.argv[1:]
name, _, which = point.partition("#")
module_name, _, path = name.partition(":")
holder: Any = importlib.import_module(module_name)
*classes, function = path.split(".")
for each in classes:
    holder = getattr(holder, each)
original = getattr(holder, function)
calls = 0

# A shell's background jobs ignore SIGINT, and so would their children.
signal.signal(signal.SIGINT, signal.default_int_handler)


def end() -> None:
    for number in numbers.split(","):
        os.kill(os.getpid(), getattr(signal, number))


@functools.wraps(original)
def dying(*given: Any, **named: Any) -> Any:
    global calls
    calls += 1
    if calls == int(which or 1) and moment == "before":
        end()
    done = original(*given, **named)
    if calls == int(which or 1) and moment == "after":
        end()
    return done


setattr(holder, function, dying)

from chainbill.cli import main  # noqa: E402 - the program begins when the trap is set

sys.argv = ["chainbill", *arguments]
main()
