"""Which anvil is run."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from chainbill.errors import DevnetError


def find_anvil() -> Path:
    """The anvil binary: ``$CHAINBILL_ANVIL``, else npm's package in a ``node_modules`` from here (or from
    this file) upward, else PATH. Never npm's launcher script: it swallows exit codes and orphans its child.

    Raises:
        DevnetError: none is found.
    """
    named = os.environ.get("CHAINBILL_ANVIL")
    if named:
        if _is_executable(Path(named)):
            return Path(named)
        raise DevnetError(f"CHAINBILL_ANVIL names {named}, which is not an executable file")
    for candidate in _candidates():
        if _is_executable(candidate) and not _is_script(candidate):
            return candidate.resolve()
    raise DevnetError(
        "the anvil binary is not installed",
        hint="run `make` in the project, or set CHAINBILL_ANVIL to the path of anvil",
    )


def anvil_version(binary: Path) -> str:
    """The version the binary prints, such as ``1.7.1``; empty where it prints none."""
    try:
        printed = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    words = printed.split("\n", 1)[0].split()
    return words[-1].split("-")[0].removeprefix("v") if words else ""


def _candidates() -> Iterator[Path]:
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    processor = platform.machine().lower()
    package = f"anvil-{platform.system().lower()}-{machine.get(processor, processor)}"
    for below in (Path.cwd() / "here", Path(__file__).resolve()):
        for folder in below.parents:
            yield folder / "node_modules" / "@foundry-rs" / package / "bin" / "anvil"
    on_path = shutil.which("anvil")
    if on_path:
        yield Path(on_path)


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"
