"""Builds geth and the validators' programs into `.cache/engines`, once.

What is built is pinned by the Go modules in `engines/`: their `go.mod` names the versions, their `go.sum` the
hash of every source that goes into them, and the build refuses another. A second run finds the programs by a
stamp over these files and needs no Go.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .process import EngineError

ROOT = Path(__file__).resolve().parents[2]
ENGINES = Path(__file__).resolve().parent / "engines"
"""The Go modules and the genesis files."""

BUILT = ROOT / ".cache" / "engines"
"""Programs, and what they need beside them."""

STAKERS = BUILT / "stakers"
"""Keys of the five validators of avalanchego's local network: public, for tests alone."""

SUBNET_EVM = "srEXiWaHuhNyGwPUi444Tu47ZEDwxTWrbQiuD7FmgSAQ6X7Dy"
"""The id of the EVM plugin, `subnetevm` in Avalanche's notation; the plugin's file has this name."""

PLUGINS = BUILT / "plugins"

_GO_PATH = BUILT / "go"
_GO_CACHE = BUILT / "gocache"
"""What Go downloads and compiles on the way; removed when all is built."""

_VALIDATOR_PACKAGE = "github.com/ava-labs/avalanchego"


_NOT_TO_BE_HAD = re.compile(
    r"""(?:Get\ "?https?://|reading\ https?://)   # no answer, or one of HTTP
        (?!.*:\ 4(?:04|10)\b)                    # but for a module that is not there: the pin is wrong
      | module\ lookup\ disabled\ by\ GOPROXY""",
    re.VERBOSE,
)
"""What Go says, on one line, where a module that is pinned cannot be fetched."""


class Missing(EngineError):
    """The machine lacks what the programs are built with, or cannot reach it."""


class Target(NamedTuple):
    """A program and what it is made from."""

    module: str
    """Folder of `engines/` that pins it."""
    package: str
    """Go package of its main function."""
    file: Path


TARGETS = (
    Target("geth", "github.com/ethereum/go-ethereum/cmd/geth", BUILT / "bin" / "geth"),
    Target("avalanche", f"{_VALIDATOR_PACKAGE}/main", BUILT / "bin" / "avalanchego"),
    Target("avalanche", "./createl1", BUILT / "bin" / "createl1"),
    Target("avalanche", "./subnetevm", PLUGINS / SUBNET_EVM),
)


def binary(name: str) -> Path:
    """A program that was built.

    Raises:
        Missing: it was not.
    """
    path = BUILT / "bin" / name
    if not path.is_file():
        raise Missing(f"{name} is not built: `make networks` builds it")
    return path


def is_built(module: str) -> bool:
    """Is what a module pins built, from the module as it is?"""
    stamp = _stamp_file(module)
    files = [target.file for target in TARGETS if target.module == module]
    return (
        stamp.is_file()
        and stamp.read_text(encoding="utf-8") == _stamp(module)
        and all(file.is_file() for file in files)
    )


def build(say: Callable[[str], None]) -> None:
    """Build what is not built yet; one line to ``say`` for each program.

    Raises:
        Missing: no Go, one that is too old, no C compiler, or no module proxy that can be reached.
        EngineError: a program does not build.
    """
    modules = [module for module in ("geth", "avalanche") if not is_built(module)]
    if not modules:
        return
    go = find_go(needed_go())
    for module in modules:
        for target in TARGETS:
            if target.module == module:
                _build(go, target, say)
        if module == "avalanche":
            _copy_stakers(go)
        _stamp_file(module).write_text(_stamp(module), encoding="utf-8")
    # Gigabytes that nothing needs any more.
    for folder in (_GO_PATH, _GO_CACHE):
        shutil.rmtree(folder)


def needed_go() -> tuple[int, ...]:
    """The oldest Go that all modules can be built with."""
    texts = [file.read_text(encoding="utf-8") for file in ENGINES.glob("*/go.mod")]
    return max(_version(found) for text in texts for found in re.findall(r"^go (\S+)$", text, re.MULTILINE))


def find_go(needed: tuple[int, ...]) -> str:
    """The machine's Go, if it and a C compiler are there.

    Raises:
        Missing: says what is missing and how to get it.
    """
    wanted = ".".join(map(str, needed))
    go = shutil.which("go")
    if go is None:
        raise _missing(f"Go {wanted} or newer, and there is no `go` on PATH")
    found = _ask(go, "GOVERSION").removeprefix("go")
    if _version(found) < needed:
        raise _missing(f"Go {wanted} or newer, and {go} is {found}")
    compiler = _ask(go, "CC").split(" ")[0]
    if shutil.which(compiler) is None:
        raise _missing(f"a C compiler, and there is no `{compiler}` on PATH")
    return go


def _missing(what: str) -> Missing:
    return Missing(
        f"building geth and the validators' network needs {what}. Go comes from https://go.dev/doc/install "
        "or the system's packages (golang), a C compiler from the latter (gcc). `make demo` and `make test` "
        "need neither: they run on anvil, which `make` installs."
    )


def _ask(go: str, name: str) -> str:
    done = subprocess.run([go, "env", name], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _version(text: str) -> tuple[int, ...]:
    """`1.25.0` or `1.26rc1` as numbers."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _stamp_file(module: str) -> Path:
    return BUILT / f"{module}.built"


def _stamp(module: str) -> str:
    """One hash over a module's files and the machine's kind."""
    total = hashlib.sha256(f"{platform.system()} {platform.machine()}".encode())
    folder = ENGINES / module
    for file in sorted(path for path in folder.rglob("*") if path.name in ("go.mod", "go.sum", "main.go")):
        total.update(f"\0{file.relative_to(folder)}\0".encode() + file.read_bytes())
    return total.hexdigest()


def _build(go: str, target: Target, say: Callable[[str], None]) -> None:
    say(f"building {target.package} ...")
    started = time.monotonic()
    target.file.parent.mkdir(parents=True, exist_ok=True)
    partial = target.file.with_suffix(".partial")
    _run([go, "build", "-o", str(partial), target.package], target.module)
    partial.replace(target.file)
    say(f"built {target.package} ({time.monotonic() - started:.0f} s)")


def _copy_stakers(go: str) -> None:
    source = _run([go, "list", "-m", "-f", "{{.Dir}}", _VALIDATOR_PACKAGE], "avalanche").strip()
    shutil.rmtree(STAKERS, ignore_errors=True)
    STAKERS.mkdir(parents=True)
    for file in (Path(source) / "staking" / "local").glob("*[0-9].*"):
        shutil.copyfile(file, STAKERS / file.name)


def _run(command: list[str], module: str) -> str:
    """Run Go in a module, with everything it fetches and makes inside the project; return what it prints."""
    # -mod=readonly: what go.sum does not name is refused. -modcacherw: what Go fetches can be removed again.
    env = os.environ | {
        "GOPATH": str(_GO_PATH),
        "GOMODCACHE": str(_GO_PATH / "pkg" / "mod"),
        "GOCACHE": str(_GO_CACHE),
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "1",
    }
    done = subprocess.run(command, cwd=ENGINES / module, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        log = BUILT / "build.log"
        log.write_text(done.stderr, encoding="utf-8")
        last = "\n".join(done.stderr.splitlines()[-12:])
        kind = Missing if _NOT_TO_BE_HAD.search(done.stderr) else EngineError
        raise kind(f"`{' '.join(command)}` failed, see {log.relative_to(ROOT)}:\n{last}")
    return done.stdout
