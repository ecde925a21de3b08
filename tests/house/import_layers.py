"""Checks that imports inside `chainbill` run one way.

The order is the tuple `LAYERS` in `src/chainbill/__init__.py`. A module may import modules of its own
layer and of those to the left. `chainbill` itself stands left of all layers, so importing one module
never loads the rest; to a type checker alone it may show what is in `chainbill.client`. `chainbill.__main__`
stands right of them. Imports inside functions and under TYPE_CHECKING count. Within a layer no modules may
import each other in a circle.
"""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "chainbill"
FRONT = f"{PACKAGE}.client"
# Development tools, which the installed package must do without.
DEVELOPMENT_ONLY = {"ape", "pytest", "solcx"}


def read_layers(package: Path) -> tuple[str, ...]:
    """Return the layers, leftmost first, without importing the package."""
    for node in ast.parse((package / "__init__.py").read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "LAYERS" for target in targets):
            return tuple(ast.literal_eval(node.value))
    raise LookupError(f"{package / '__init__.py'} defines no LAYERS")


def find_modules(package: Path) -> dict[str, Path]:
    """Return every module of the package by its dotted name."""
    modules = {}
    for path in sorted(package.rglob("*.py")):
        parts = (PACKAGE, *path.relative_to(package).with_suffix("").parts)
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def imported_names(module: str, path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of everything a module imports; `from a import b` gives `a.b`."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    shown = shown_to_checkers(tree) if module == PACKAGE else set()
    for node in ast.walk(tree):
        if node in shown:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(package, node.level, node.module)
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def shown_to_checkers(tree: ast.Module) -> set[ast.AST]:
    """Return the imports from `chainbill.client` that stand under `if TYPE_CHECKING`."""
    return {
        node
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{FRONT}.")
    }


def absolute(package: str, level: int, module: str | None) -> str:
    """Return the absolute name behind `from ..module import`, seen from inside `package`."""
    if level == 0:
        return module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])


def owner(name: str, modules: dict[str, Path]) -> str:
    """Return the module that an imported name belongs to: itself, or the longest known part of it."""
    while name not in modules and "." in name:
        name = name.rpartition(".")[0]
    return name


class Order:
    """Where each module stands."""

    def __init__(self, layers: tuple[str, ...]) -> None:
        self.layers = layers

    def rank(self, module: str) -> int:
        """Return the position of a module; ValueError if its layer is not in LAYERS."""
        parts = module.split(".")
        if len(parts) == 1:
            return -1
        return len(self.layers) if parts[1] == "__main__" else self.layers.index(parts[1])

    def knows(self, module: str) -> bool:
        """Tell whether the module belongs to a layer."""
        return module in (PACKAGE, f"{PACKAGE}.__main__") or module.split(".")[1] in self.layers


def check(package: Path) -> list[str]:
    """Return one line per violation in the package at `package`."""
    order = Order(read_layers(package))
    modules = find_modules(package)
    problems = [f"{name}: not in LAYERS" for name in modules if not order.knows(name)]
    known = {name: path for name, path in modules.items() if order.knows(name)}
    same_layer: dict[str, set[str]] = {name: set() for name in known}
    for name, path in known.items():
        for line, imported in imported_names(name, path):
            if imported.split(".")[0] in DEVELOPMENT_ONLY:
                problems.append(f"{name}:{line} imports {imported}, which only development has")
            if imported.split(".")[0] != PACKAGE:
                continue
            target = owner(imported, modules)
            if target not in known:
                continue
            if order.rank(target) > order.rank(name):
                problems.append(f"{name}:{line} imports {target}, which stands to its right")
            elif order.rank(target) == order.rank(name):
                same_layer[name].add(target)
    return problems + circles(same_layer)


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Return a line for a circle of imports, if there is one."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return ["imports in a circle: " + " -> ".join(reversed(error.args[1]))]
    return []
