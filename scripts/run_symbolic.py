"""Prove the symbolic tests in `tests/symbolic` with halmos. `make symbolic` runs this.

    .venv/bin/python scripts/run_symbolic.py [CONTRACT …]

Each test states its bounds beside it. Exit code 1: a counterexample was found, or a proof did not end.
"""

from __future__ import annotations

import subprocess
import sys

from export_artifacts import ROOT
from foundry_view import NoForge, environment, lay_out

# The longest loops of the contracts that are proved: the eight slots of the credits' ring.
LOOP = 9
# For one proof; all together take a few minutes.
SOLVER_SECONDS = 300


def main(contracts: list[str]) -> int:
    """Run the command; return its exit code."""
    known = sorted(path.name.removesuffix(".t.sol") for path in (ROOT / "tests/symbolic").glob("*.t.sol"))
    wanted = contracts or known
    if unknown := set(wanted) - set(known):
        print(f"symbolic: no test is called {', '.join(sorted(unknown))}", file=sys.stderr)
        return 1
    try:
        env = environment()
    except NoForge as error:
        print(f"symbolic: {error}", file=sys.stderr)
        return 1
    view = lay_out()
    pattern = f"^({'|'.join(wanted)})Test$"
    command = ["halmos", "--match-contract", pattern, "--loop", str(LOOP), "--no-status"]
    command += ["--solver-timeout-assertion", f"{SOLVER_SECONDS}s"]
    return subprocess.run(command, cwd=view, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
