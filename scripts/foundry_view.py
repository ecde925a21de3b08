"""Lay out the symbolic tests as a Foundry project under `.cache/foundry`, for halmos.

The compiler is the one that `setup_tools.py` put in place;
forge is called by its real binary, never by its npm launcher, which swallows exit codes.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from export_artifacts import EVM_VERSION, OPTIMIZER_RUNS, ROOT, SOLC_VERSION, VIA_IR

VIEW = ROOT / ".cache" / "foundry"

CONFIG = """\
[profile.default]
src = "tests/symbolic"
out = "out"
cache_path = "cache"
libs = []
remappings = ["@openzeppelin/={root}/node_modules/@openzeppelin/"]
allow_paths = ["{root}/node_modules"]
solc = "{root}/.cache/solcx/solc-v{solc}"
evm_version = "{evm}"
offline = true
ast = true
optimizer = true
optimizer_runs = {runs}
via_ir = {ir}
bytecode_hash = "none"
cbor_metadata = false

[lint]
lint_on_build = false
"""


class NoForge(Exception):
    """Forge's binary is not installed."""


def lay_out() -> Path:
    """Write the view and return its folder; what an earlier one was compiled to is kept.

    The compiler's settings are those of the artifacts: what is proved is proved of the code that is deployed.
    """
    VIEW.mkdir(parents=True, exist_ok=True)
    for folder in ("contracts", "tests/symbolic"):
        copy = VIEW / folder
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(ROOT / folder, copy, ignore=shutil.ignore_patterns(".*"))
    settings = {"solc": SOLC_VERSION, "evm": EVM_VERSION, "runs": OPTIMIZER_RUNS, "ir": str(VIA_IR).lower()}
    config = CONFIG.format(root=ROOT.as_posix(), **settings)
    (VIEW / "foundry.toml").write_text(config, encoding="utf-8")
    return VIEW


def forge_binary() -> Path:
    """Return forge itself.

    Raises:
        NoForge: `make setup-attack` has not run, or forge has no build for this machine.
    """
    for binary in ROOT.glob("node_modules/@foundry-rs/forge-*/bin/forge*"):
        return binary
    raise NoForge("forge is not installed: run `make setup-attack`")


def environment() -> dict[str, str]:
    """Return an environment in which `forge` is the binary and tools of `.venv` come first."""
    path = [str(ROOT / ".venv" / "bin"), str(forge_binary().parent), os.environ.get("PATH", os.defpath)]
    return os.environ | {"PATH": os.pathsep.join(path)}
