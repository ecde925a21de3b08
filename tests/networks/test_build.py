"""Building the engines: what is missing is said, what is there is found again. With a stand-in for Go."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from scripts.networks import build
from scripts.networks.__main__ import main
from scripts.networks.process import EngineError

GO = """#!/bin/sh
# A Go that notes what it is asked for, and builds programs that say which package they are of.
echo "$PWD: $*" >> {notes}
case "$1" in
    env) case "$2" in GOVERSION) echo go{version};; CC) echo "{compiler} -g";; esac;;
    list) echo {module_cache};;
    build) {build};;
esac
"""
BUILDS = 'mkdir -p "$GOCACHE" "$GOPATH"; echo "$4" > "$3"'


class Machine:
    """A machine with a project on it, and with only those tools on PATH that a test gives it."""

    def __init__(self, folder: Path) -> None:
        self.tools = folder / "tools"
        self.tools.mkdir()
        self.notes = folder / "notes"
        self.module_cache = folder / "avalanchego"
        (self.module_cache / "staking" / "local").mkdir(parents=True)
        for name in ("README.md", "staker1.crt", "staker1.key", "signer1.key"):
            (self.module_cache / "staking" / "local" / name).write_text(name)

    def has_go(self, version: str, *, compiler: str = "true", builds: str = BUILDS) -> None:
        tool = self.tools / "go"
        names = {"version": version, "compiler": compiler, "build": builds}
        tool.write_text(GO.format(notes=self.notes, module_cache=self.module_cache, **names))
        tool.chmod(0o755)

    def was_asked(self, command: str) -> int:
        """How many times Go was asked for something."""
        said = self.notes.read_text().splitlines() if self.notes.exists() else []
        return sum(f": {command} " in line for line in said)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    built = tmp_path / "built"
    engines = tmp_path / "engines"
    shutil.copytree(build.ENGINES, engines)
    targets = tuple(
        target._replace(file=built / target.file.relative_to(build.BUILT)) for target in build.TARGETS
    )
    for name, value in {
        "ROOT": tmp_path,
        "ENGINES": engines,
        "BUILT": built,
        "TARGETS": targets,
        "STAKERS": built / "stakers",
        "_GO_PATH": built / "go",
        "_GO_CACHE": built / "gocache",
    }.items():
        monkeypatch.setattr(build, name, value)
    machine = Machine(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([str(machine.tools), "/usr/bin", "/bin"]))
    return machine


@pytest.fixture
def no_go(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Go, whatever the machine that runs the test has."""
    monkeypatch.setenv("PATH", str(machine.tools))


@pytest.mark.usefixtures("no_go")
def test_build__no_go__says_what_to_install_and_what_works_without(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["build"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "needs Go 1.25.0 or newer, and there is no `go` on PATH" in said
    assert "go.dev/doc/install" in said
    assert "`make demo` and `make test` need neither" in said


def test_build__old_go__says_which_is_needed(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.has_go("1.24.9")
    assert main(["build"]) == 2
    assert f"needs Go 1.25.0 or newer, and {machine.tools}/go is 1.24.9" in capsys.readouterr().err
    assert machine.was_asked("build") == 0


def test_build__no_c_compiler__says_so(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.has_go("1.26", compiler="no-such-cc")
    assert main(["build"]) == 2
    assert "needs a C compiler, and there is no `no-such-cc` on PATH" in capsys.readouterr().err


def test_build__first_run__makes_every_program_and_leaves_no_caches(machine: Machine) -> None:
    machine.has_go("1.25.0")
    said: list[str] = []
    build.build(said.append)
    assert build.is_built("geth")
    assert build.is_built("avalanche")
    assert [target.file.read_text().strip() for target in build.TARGETS] == [
        target.package for target in build.TARGETS
    ]
    assert sorted(path.name for path in build.STAKERS.iterdir()) == [
        "signer1.key",
        "staker1.crt",
        "staker1.key",
    ]
    assert sorted(path.name for path in build.BUILT.iterdir() if path.name.startswith("go")) == []
    assert [line.split()[:2] for line in said if line.startswith("built")] == [
        ["built", target.package] for target in build.TARGETS
    ]


def test_build__second_run__finds_the_programs_and_needs_no_go(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.has_go("1.25.0")
    build.build(lambda _: None)
    (machine.tools / "go").unlink()
    monkeypatch.setenv("PATH", str(machine.tools))
    assert main(["build"]) == 0


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "subnetevm/main.go"])
def test_build__a_pin_or_our_source_changed__that_module_alone_is_built_again(
    machine: Machine, changed: str
) -> None:
    machine.has_go("1.25.0")
    build.build(lambda _: None)
    before = machine.was_asked("build")
    with (build.ENGINES / "avalanche" / changed).open("a") as file:
        file.write("// changed\n")
    assert build.is_built("geth")
    assert not build.is_built("avalanche")
    build.build(lambda _: None)
    assert machine.was_asked("build") == before + 3


def test_build__program_removed__is_not_taken_for_built(machine: Machine) -> None:
    machine.has_go("1.25.0")
    build.build(lambda _: None)
    build.TARGETS[0].file.unlink()
    assert not build.is_built("geth")


def test_build__go_fails__nothing_is_taken_for_built_and_the_reason_is_shown(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.has_go("1.25.0", builds="echo 'verifying module: checksum mismatch' >&2; exit 1")
    assert main(["build"]) == 1
    assert "checksum mismatch" in capsys.readouterr().err
    assert not build.is_built("geth")


@pytest.mark.parametrize(
    "said, code",
    [
        ('go: example.org/x@v1.0.0: Get "https://proxy.example/x": dial tcp: lookup proxy.example', 2),
        ("main.go:9:2: example.org/x@v1.0.0: reading https://proxy.example/x.zip: 502 Bad Gateway", 2),
        ("go: example.org/x@v1.0.0: module lookup disabled by GOPROXY=off", 2),
        ("go: example.org/x@v9.9.9: reading https://proxy.example/x.info: 404 Not Found", 1),
        ("go: example.org/x@v9.9.9: reading https://proxy.example/x.info: 410 Gone", 1),
        ("go: updates to go.mod needed", 1),
        ("subnetevm/main.go:7:2: undefined: nothing", 1),
        ("verifying example.org/x@v1.0.0: checksum mismatch", 1),
    ],
)
def test_build__go_fails__only_what_cannot_be_fetched_is_missing(
    machine: Machine, capsys: pytest.CaptureFixture[str], said: str, code: int
) -> None:
    words = machine.tools / "words"
    words.write_text(said + "\n")
    machine.has_go("1.25.0", builds=f"cat {words} >&2; exit 1")
    assert main(["build"]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "engines, networks, code, told",
    [
        (0, 0, 0, "all checks passed"),
        (0, 1, 1, "failed: networks"),
        (1, 0, 1, "failed: engines"),
        (2, 1, 0, "networks: NOT RUN"),
    ],
)
def test_ci__engines_that_do_not_build__fail_and_those_that_cannot_be_had_are_left_out(
    tmp_path: Path, engines: int, networks: int, code: int, told: str
) -> None:
    """With a make whose other targets all succeed."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(Path(__file__).parents[2] / ".ci" / "run", tmp_path / ".ci" / "run")
    stand_ins = {
        tmp_path / "tools" / "make": f'[ "$1" != networks ] || exit {networks}',
        tmp_path / ".venv" / "bin" / "python": f"exit {engines}",
    }
    for file, does in stand_ins.items():
        file.parent.mkdir(parents=True)
        file.write_text(f"#!/bin/sh\n{does}\n")
        file.chmod(0o755)
    ran = subprocess.run(
        ["bash", tmp_path / ".ci" / "run"],
        env={"PATH": f"{tmp_path / 'tools'}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == code
    assert told in ran.stdout


def test_binary__not_built__says_how_to_build_it(machine: Machine) -> None:
    with pytest.raises(EngineError, match="geth is not built: `make networks` builds it"):
        build.binary("geth")


@pytest.mark.parametrize("module", ["geth", "avalanche"])
def test_module__its_pins__name_a_hash_for_every_version(module: str) -> None:
    folder = build.ENGINES / module
    required = [
        line.split()[:2]
        for line in (folder / "go.mod").read_text().splitlines()
        if line.startswith("\t") and len(line.split()) >= 2
    ]
    sums = (folder / "go.sum").read_text()
    assert len(required) > 50
    assert [name for name, version in required if f"{name} {version}" not in sums] == []
    assert "replace" not in (folder / "go.mod").read_text()
