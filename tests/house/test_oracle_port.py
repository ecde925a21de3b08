"""A provider knows the oracle by its port alone: it opens no store of it, and checks nothing in its place."""

from __future__ import annotations

from pathlib import Path

from tests.house import import_layers

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "chainbill"

PROVIDERS = ("chainbill.operations.provider", "chainbill.cli.provider", "chainbill.client.provider")


def of_the_oracle(package: Path) -> dict[str, set[str]]:
    """What each module of a provider's imports of the oracle, besides its port."""
    modules = import_layers.find_modules(package)
    found: dict[str, set[str]] = {}
    for name, path in modules.items():
        if not name.startswith(PROVIDERS):
            continue
        for _, imported in import_layers.imported_names(name, path):
            module = import_layers.owner(imported, modules)
            if module.startswith("chainbill.oracle") and module != "chainbill.oracle.api":
                found.setdefault(name, set()).add(module)
    return found


def test_provider__of_the_oracle__imports_its_port_alone() -> None:
    assert of_the_oracle(PACKAGE) == {}


def test_of_the_oracle__import_of_its_store__is_found_wherever_it_stands(tmp_path: Path) -> None:
    package = tmp_path / "chainbill"
    for name, text in {
        "oracle/api.py": "",
        "oracle/store.py": "",
        "operations/provider/good.py": "from chainbill.oracle.api import OracleApi\n",
        "operations/provider/bad.py": "def run():\n    from chainbill.oracle.store import OracleStore\n",
    }.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    assert of_the_oracle(package) == {"chainbill.operations.provider.bad": {"chainbill.oracle.store"}}
