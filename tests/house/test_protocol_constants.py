"""The protocol's times and bounds are written down once."""

from __future__ import annotations

import ast
from pathlib import Path

from chainbill import protocol_constants

NAMES = {name for name in vars(protocol_constants) if name.isupper()}


def assigned(module: Path) -> set[str]:
    """The names that a module gives a value of its own."""
    targets: set[str] = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            targets |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            targets.add(node.target.id)
    return {target.lstrip("_") for target in targets}


def test_protocol_constants__nowhere_else_in_the_package__is_one_defined(project_root: Path) -> None:
    package = project_root / "src" / "chainbill"
    copies = {
        str(module.relative_to(package)): sorted(assigned(module) & NAMES)
        for module in package.rglob("*.py")
        if module.name != "protocol_constants.py" and assigned(module) & NAMES
    }
    assert {"DISPUTE_WINDOW_SECONDS", "GAS_CAP"} <= NAMES
    assert copies == {}
