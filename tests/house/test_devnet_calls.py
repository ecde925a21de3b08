"""No real network knows a method of anvil's: only the devnet and the benchmark's set-up call one."""

from __future__ import annotations

import ast
from pathlib import Path

OWN = ("anvil_", "evm_", "hardhat_", "debug_", "txpool_", "miner_")
"""How methods begin that not every node has."""

ALLOWED = {"chain/devnet", "scenario/bench_setup.py"}


def called(source: str) -> set[str]:
    """The texts in a module that are such methods' names."""
    texts = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and text.startswith(OWN) and text.isidentifier()}


def test_package__methods_of_the_devnets_node__are_called_by_the_devnet_alone(project_root: Path) -> None:
    package = project_root / "src" / "chainbill"
    found = {
        path.relative_to(package).as_posix(): names
        for path in package.rglob("*.py")
        if (names := called(path.read_text(encoding="utf-8")))
    }
    assert {path for path in found if not any(path.startswith(each) for each in ALLOWED)} == set()
    # The search finds what there is.
    assert "evm_mine" in found["chain/devnet/devnet.py"]


def test_called__a_method_in_a_call__is_found_and_prose_is_not() -> None:
    assert called("node.call('anvil_setBalance', 'evm_ is no call', f'{x}')") == {"anvil_setBalance"}
