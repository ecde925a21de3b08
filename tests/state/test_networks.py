"""Networks by name: one is meant, each has a state of its own, and none becomes another chain."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainbill.chain.node.fees import FeePolicy
from chainbill.chain.node.finality import Finality, FinalityTag
from chainbill.errors import ChainError, StateError
from chainbill.state.directory import StateDirectory
from chainbill.state.networks import Network, Networks, state_of


@pytest.fixture(autouse=True)
def no_network_of_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAINBILL_NETWORK", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> StateDirectory:
    return StateDirectory.open(tmp_path / "state")


def network(name: str = "clinic-net", chain_id: int = 7, **settings: object) -> Network:
    urls = ("http://127.0.0.1:1",)
    return Network.model_validate({"name": name, "chain_id": chain_id, "rpc_urls": urls, **settings})


# ---- settings -------------------------------------------------------------------------------------------


def test_put__new__is_private_and_reads_back(home: StateDirectory) -> None:
    kept = network(finality_tag=None, confirmations=3, fee_floor=1, fee_cap=10, tip=2)
    Networks(home).put(kept)
    assert Networks(home).get("clinic-net") == kept
    assert home.of_network("clinic-net").network_settings.stat().st_mode & 0o777 == 0o600
    assert kept.finality == Finality(None, 3)
    assert kept.fees == FeePolicy(floor=1, cap=10, tip=2)


def test_network__nothing_said__is_as_usual() -> None:
    assert network().finality == Finality(FinalityTag.FINALIZED, 64)
    assert network().fees == FeePolicy()


def test_network__fees_that_contradict_each_other__are_refused() -> None:
    with pytest.raises(ChainError, match="floor is above its cap"):
        network(fee_floor=10, fee_cap=1).fees  # noqa: B018


@pytest.mark.parametrize("name", ["devnet", "Clinic", "../x", "0xabc", ""])
def test_put__name_that_is_none_or_the_devnets__is_refused(home: StateDirectory, name: str) -> None:
    with pytest.raises(StateError):
        Networks(home).put(network(name))
    assert Networks(home).names() == []


def test_put__again__only_where_asked_and_never_as_another_chain(home: StateDirectory) -> None:
    networks = Networks(home)
    networks.put(network())
    with pytest.raises(StateError, match="already"):
        networks.put(network(confirmations=1))
    networks.put(network(confirmations=1), replace=True)
    assert networks.get("clinic-net").confirmations == 1
    with pytest.raises(StateError, match="is chain 7, and not chain 8"):
        networks.put(network(chain_id=8), replace=True)


def test_put__folder_of_something_else__is_refused(home: StateDirectory) -> None:
    (home.networks / "clinic-net").mkdir(parents=True)
    with pytest.raises(StateError, match="without a network's settings"):
        Networks(home).put(network())


@pytest.mark.parametrize(
    "content", ["", "{}", '{"name": "clinic-net", "chain_id": 0, "rpc_urls": ["http://x"]}', "[1]"]
)
def test_get__damaged_settings__are_one_clear_error(home: StateDirectory, content: str) -> None:
    networks = Networks(home)
    networks.put(network())
    home.of_network("clinic-net").network_settings.write_text(content)
    with pytest.raises(StateError, match="damaged"):
        networks.get("clinic-net")


def test_get__settings_of_another_network__are_refused(home: StateDirectory) -> None:
    networks = Networks(home)
    networks.put(network())
    networks.put(network("other", 8))
    taken = home.of_network("other").network_settings.read_bytes()
    home.of_network("clinic-net").network_settings.write_bytes(taken)
    with pytest.raises(StateError, match="are those of 'other'"):
        networks.get("clinic-net")


def test_get__settings_open_to_others__are_refused(home: StateDirectory) -> None:
    Networks(home).put(network())
    home.of_network("clinic-net").network_settings.chmod(0o644)
    with pytest.raises(StateError, match="open to other users"):
        Networks(home).get("clinic-net")


# ---- which is meant -------------------------------------------------------------------------------------


def test_chosen__option_then_environment_then_use_then_devnet(
    home: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = Networks(home)
    for number, name in enumerate(("named", "exported", "used"), start=1):
        networks.put(network(name, number))
    assert networks.chosen() is None
    networks.use("used")
    assert networks.chosen() == "used"
    monkeypatch.setenv("CHAINBILL_NETWORK", "exported")
    assert networks.chosen() == "exported"
    assert networks.chosen("named") == "named"
    assert networks.chosen("devnet") is None
    monkeypatch.setenv("CHAINBILL_NETWORK", "devnet")
    assert networks.chosen() is None
    monkeypatch.delenv("CHAINBILL_NETWORK")
    networks.use("devnet")
    assert networks.chosen() is None


def test_chosen__no_such_network__is_refused_with_those_there_are(
    home: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = Networks(home)
    networks.put(network())
    with pytest.raises(StateError, match="no network named 'clinc-net'") as refusal:
        networks.chosen("clinc-net")
    assert "did you mean clinic-net" in (refusal.value.hint or "")
    with pytest.raises(StateError):
        networks.use("nowhere")
    monkeypatch.setenv("CHAINBILL_NETWORK", "nowhere")
    with pytest.raises(StateError):
        state_of(home)


def test_remove__in_use__forgets_it_and_its_state_but_no_key(home: StateDirectory) -> None:
    networks = Networks(home)
    networks.put(network())
    networks.put(network("other", 8))
    networks.use("clinic-net")
    state = home.of_network("clinic-net")
    for path in (state.vault / "ab.sealed", home.keystores / "maria.json"):
        path.parent.mkdir(parents=True)
        path.touch()
    assert networks.holdings("clinic-net") == ["vault"]
    networks.remove("clinic-net")
    assert networks.names() == ["other"]
    assert networks.chosen() is None
    assert not state.root.exists()
    assert (home.keystores / "maria.json").exists()
    networks.put(network(chain_id=9))


# ---- a state of its own ---------------------------------------------------------------------------------

SHARED = {"home", "keystores", "passphrase", "networks", "network_in_use", "network"}


def test_state__of_a_network__shares_keys_and_nothing_else(home: StateDirectory) -> None:
    first, second = home.of_network("first"), home.of_network("second")
    for name, path in vars(first).items():
        if name in SHARED:
            continue
        assert path != vars(second)[name] != vars(home)[name] != path, name
        assert first.root in (path, *path.parents), name
    for folder in ("provider_database", "ingest_memory"):
        assert getattr(first, folder)("clinic").parent == first.root
    assert first.keystores == second.keystores == home.keystores
    assert first.passphrase == home.passphrase
    assert vars(first.of_devnet()) == vars(home)
    assert vars(first.of_network("second")) == vars(second)


def test_state__of_the_devnet__is_where_it_always_was(home: StateDirectory) -> None:
    assert state_of(home).root == home.root
    assert state_of(home).address_book == home.root / "addressbook.json"


def test_state__killed_while_writing__is_swept_in_a_network_too(home: StateDirectory) -> None:
    left = home.networks / "clinic-net" / ".writing-abcdefgh"
    left.parent.mkdir(parents=True)
    left.touch()
    home.of_network("clinic-net")
    assert not left.exists()
