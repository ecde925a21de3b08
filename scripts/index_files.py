"""Which files the package index has for a version, and their hashes.

The index is whichever pip is told to use, so pip itself asks it. It has no command that lists files, which is
why its insides are used here; its version is pinned, and only `make lock` runs this.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

PYTHONS = (11, 12)
"""The minor versions of Python 3 that the project runs on."""

OTHER_SYSTEMS = re.compile(r"win32|win_|ios_|android_|pyodide_|emscripten_")
"""Platforms whose wheels nobody here installs."""


class IndexFiles:
    """The index's files, asked for by name; one session for all."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._collector: Any = None

    def __enter__(self) -> Self:
        from pip._internal.commands import create_command
        from pip._internal.index.collector import LinkCollector

        command: Any = create_command("download")
        options, _ = command.parse_args([])
        self._open.enter_context(command.main_context())
        self._collector = LinkCollector.create(command.get_default_session(options), options)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def hashes(self, name: str, version: str) -> list[str]:
        """The SHA-256 of every file that one of our Pythons may install for a version, ascending.

        Raises:
            SystemExit: the index names none.
        """
        found = {
            link.hash
            for link in self._links(name)
            if link.hash_name == "sha256" and may_be_installed(link.filename, Version(version))
        }
        if not found:
            raise SystemExit(f"lock: the index gives no hash of {name} {version}")
        return sorted(found)

    def _links(self, name: str) -> list[Any]:
        from pip._internal.index.collector import parse_links
        from pip._internal.models.link import Link

        scope = self._collector.search_scope
        pages = [
            self._collector.fetch_response(Link(url))
            for url in scope.get_index_urls_locations(canonicalize_name(name))
        ]
        return [link for page in pages if page is not None for link in parse_links(page)]


def may_be_installed(filename: str, version: Version) -> bool:
    """Is it the source, or a wheel for a Python and a system that the project is set up on?"""
    try:
        if not filename.endswith(".whl"):
            return parse_sdist_filename(filename)[1] == version
        _, found, _, tags = parse_wheel_filename(filename)
    except (InvalidSdistFilename, InvalidWheelFilename):
        return False
    return found == version and any(
        _runs(tag.interpreter, tag.abi) and not OTHER_SYSTEMS.match(tag.platform) for tag in tags
    )


def _runs(interpreter: str, abi: str) -> bool:
    if interpreter.startswith("py"):
        return interpreter in ("py3", *(f"py3{minor}" for minor in range(PYTHONS[-1] + 1)))
    minor = re.fullmatch(r"cp3(\d+)", interpreter)
    if minor is None:
        return False
    return int(minor[1]) in PYTHONS or (abi == "abi3" and int(minor[1]) <= PYTHONS[-1])
