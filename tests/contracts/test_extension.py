"""Whose code ClaimSettlement runs besides its own: of contracts around the same four, and only as itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.support.deployment import Protocol
from tests.support.evm import NOBODY, Contract, artifact, functions, members, reverts
from tests.support.pyrevm_backend import PyrevmBackend

from chainbill.records.hashing import keccak256

AROUND = ("token", "escrow", "payers", "registry")

RETURNS_NOTHING = b"\0"
"""STOP: every call succeeds, and answers nothing."""

_RETURN_WORD = "60205ff3"


def around(protocol: Protocol, **others: str) -> tuple[str, ...]:
    """What all three contracts of settlement are created with, in order; ``others`` name others."""
    return tuple(others.get(name, getattr(protocol, name).address) for name in AROUND)


def around_but(protocol: Protocol, name: str) -> tuple[str, ...]:
    """The same, of which one is another contract of its kind."""
    evm, nobody = protocol.evm, protocol.stranger
    arguments: dict[str, tuple[str, tuple[Any, ...]]] = {
        "token": ("DevUSD", (nobody,)),
        "escrow": ("PatientEscrow", (nobody, nobody, nobody, nobody)),
        "payers": (
            "InsurerPayerFactory",
            (nobody, nobody, nobody, keccak256(protocol.payer_code), protocol.governance.address),
        ),
        "registry": ("ProviderRegistry", (nobody, protocol.governance.address)),
    }
    contract, given = arguments[name]
    return around(protocol, **{name: evm.deploy(nobody, contract, *given).address})


def new_extension(protocol: Protocol, admin: str) -> Contract:
    return protocol.evm.deploy(protocol.governor, "SettlementExtension", *around(protocol), admin)


def new_settlement(protocol: Protocol, extension: str) -> Contract:
    return protocol.evm.deploy(
        protocol.governor, "ClaimSettlement", *around(protocol), protocol.governance.address, extension
    )


CREATIONS = pytest.mark.parametrize("create", [new_extension, new_settlement])
"""What is given the address of other code to run."""


def standing(protocol: Protocol, code: bytes) -> str:
    """Where code of at most 255 bytes stands that was made for a test."""
    size = f"{len(code):02x}"
    return protocol.evm.create(protocol.stranger, bytes.fromhex(f"60{size}600a5f3960{size}5ff3") + code)


def answering_as(other: str, ending: str) -> bytes:
    """Code that asks another contract what it is asked, then has a word of answer at 0 in memory."""
    return bytes.fromhex(f"365f5f3760205f365f73{other.removeprefix('0x')}5afa50{ending}")


# ---- what it is created with ----------------------------------------------------------------------------


def test_settlement__code_around_the_same_contracts__is_named(protocol: Protocol) -> None:
    assert protocol.settlement.read("extensionCode") == protocol.extension.address.lower()
    assert protocol.settlement.read("adminCode") == protocol.admin.address.lower()
    extension = new_extension(protocol, protocol.admin.address)
    assert extension.read("adminCode") == protocol.admin.address.lower()
    settlement = new_settlement(protocol, extension.address)
    assert settlement.read("extensionCode") == extension.address.lower()


@pytest.mark.parametrize("wrong", AROUND)
def test_extension__admin_around_another_contract__cannot_be_created(protocol: Protocol, wrong: str) -> None:
    admin = protocol.evm.deploy(protocol.stranger, "SettlementAdmin", *around_but(protocol, wrong))
    with reverts("ForeignExtension", extension=admin.address):
        new_extension(protocol, admin.address)


@pytest.mark.parametrize("wrong", AROUND)
def test_settlement__extension_around_another_contract__cannot_be_created(
    protocol: Protocol, wrong: str
) -> None:
    """It can be with an admin around the same ones, and so is what settlement is to refuse."""
    others = around_but(protocol, wrong)
    admin = protocol.evm.deploy(protocol.stranger, "SettlementAdmin", *others)
    extension = protocol.evm.deploy(protocol.stranger, "SettlementExtension", *others, admin.address)
    with reverts("ForeignExtension", extension=extension.address):
        new_settlement(protocol, extension.address)


@CREATIONS
def test_creation__no_code_there__cannot_be_created(protocol: Protocol, create: Any) -> None:
    for nobody in (protocol.stranger, NOBODY):
        with reverts("ForeignExtension", extension=nobody):
            create(protocol, nobody)


@CREATIONS
def test_creation__code_without_those_views__cannot_be_created(protocol: Protocol, create: Any) -> None:
    for other in (
        standing(protocol, RETURNS_NOTHING),
        protocol.token.address,
        protocol.escrow.address,
        protocol.payers.address,
    ):
        with reverts("ForeignExtension", extension=other):
            create(protocol, other)


@CREATIONS
@pytest.mark.parametrize("ending", ["60405ff3", f"60015f53{_RETURN_WORD}"], ids=["two words", "no address"])
def test_creation__answers_that_are_no_address__cannot_be_created(
    protocol: Protocol, create: Any, ending: str
) -> None:
    other = standing(protocol, answering_as(protocol.admin.address, ending))
    with reverts("ForeignExtension", extension=other):
        create(protocol, other)


@CREATIONS
def test_creation__other_code_that_answers_alike__is_for_deploy_verify_to_find(
    protocol: Protocol, create: Any
) -> None:
    """Constructors check the wiring. What the code does, nobody can ask it."""
    create(protocol, standing(protocol, answering_as(protocol.admin.address, _RETURN_WORD)))


# ---- called directly ------------------------------------------------------------------------------------


def verbs(name: str) -> dict[str, tuple[Any, ...]]:
    """Every function of a contract that is no view, with arguments of zeros."""
    return {
        entry["name"]: tuple(map(zeros, functions(name)[entry["name"]].inputs))
        for entry in artifact(name)["abi"]
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }


def zeros(kind: str) -> Any:
    """The value of a type that is all zeros, or empty."""
    if kind.endswith("]"):
        return []
    if kind.startswith("("):
        return tuple(map(zeros, members(kind)))
    if kind == "address":
        return NOBODY
    if kind.startswith("bytes"):
        return bytes(int(re.sub(r"\D", "", kind) or 0))
    return False if kind == "bool" else 0


@pytest.mark.parametrize(
    "name, called, count",
    [
        ("SettlementExtension", "extension", 19),
        ("SettlementAdmin", "admin", 6),
        ("SettlementAdmin", "extension", 6),
    ],
    ids=["extension", "admin", "admin through the extension"],
)
def test_code_of_settlement__called_directly__refuses_every_verb(
    protocol: Protocol, name: str, called: str, count: int
) -> None:
    """It has neither claims nor money: a bond sent to it would be lost."""
    contract = Contract(protocol.evm, getattr(protocol, called).address, name)
    found = verbs(name)
    assert len(found) == count
    for verb, arguments in found.items():
        for caller in (protocol.provider, protocol.governor):
            with reverts("OnlyDelegated"):
                contract.send(caller, verb, *arguments)


@pytest.mark.parametrize("called", ["extension", "admin"])
def test_code_of_settlement__its_own_storage__is_empty(protocol: Protocol, called: str) -> None:
    """Nobody governs it: its first slot would name who does."""
    backend = protocol.evm._backend
    assert isinstance(backend, PyrevmBackend)
    assert backend.storage(getattr(protocol, called).address, 0) == 0
    assert backend.storage(protocol.settlement.address, 0) != 0


@pytest.mark.parametrize("called", ["extension", "admin"])
def test_code_of_settlement__called_directly__has_no_domain_and_takes_no_authority(
    protocol: Protocol, called: str
) -> None:
    contract = getattr(protocol, called)
    with reverts("OnlyDelegated"):
        contract.read("eip712Domain")
    with reverts("OnlyDelegated"):
        contract.read("setAuthority", protocol.governor)
