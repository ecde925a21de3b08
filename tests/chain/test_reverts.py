"""Revert data as the error of the same name with the same fields, for every error the contracts declare."""

from __future__ import annotations

import json
import random
import re
from importlib.resources import files
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector
from tests.house.test_cli_documented import EVERY_COMMAND

from chainbill.chain.artifacts import CONTRACTS, load_artifact
from chainbill.chain.node.reverts import HINTS, decode_revert
from chainbill.errors import ChainError, ContractReverted

ADDRESS = "0x" + "ab" * 20
ERROR_SELECTOR, PANIC_SELECTOR = bytes.fromhex("08c379a0"), bytes.fromhex("4e487b71")

DECLARED: dict[str, dict[str, Any]] = {
    f"{contract}.{entry['name']}": entry
    for contract in CONTRACTS
    for entry in load_artifact(contract).abi
    if entry["type"] == "error"
}


def example(kind: str, number: int) -> tuple[Any, Any]:
    """A value of a Solidity type, and how an error shows it."""
    if kind == "address":
        return ADDRESS, ADDRESS
    if kind.startswith("uint"):
        return number, number
    if kind == "string":
        return f"text {number}", f"text {number}"
    size = int(kind.removeprefix("bytes") or 3)
    raw = bytes([number]) * size
    return raw, "0x" + raw.hex()


@pytest.mark.parametrize("declared", DECLARED.values(), ids=DECLARED)
def test_decode_revert__declared_error__has_its_name_and_fields(declared: dict[str, Any]) -> None:
    kinds = [collapse_if_tuple(field) for field in declared["inputs"]]
    values = [example(kind, number) for number, kind in enumerate(kinds, start=1)]
    body = encode(kinds, [value for value, _ in values])
    error = decode_revert(function_abi_to_4byte_selector(declared) + body)  # type: ignore[arg-type]
    assert isinstance(error, ContractReverted)
    assert error.name == declared["name"]
    names = [field["name"].rstrip("_") for field in declared["inputs"]]
    assert all(names)
    assert list(error.fields.items()) == list(zip(names, (shown for _, shown in values), strict=True))
    assert error.hint == HINTS.get(declared["name"])
    for name in error.fields:
        assert f"{name}=" in str(error)


def test_decode_revert__amounts_and_times__are_shown_as_a_person_reads_them() -> None:
    def told(declared: str, *values: Any) -> str:
        entry = DECLARED[declared]
        kinds = [collapse_if_tuple(field) for field in entry["inputs"]]
        return str(decode_revert(function_abi_to_4byte_selector(entry) + encode(kinds, values)))  # type: ignore[arg-type]

    assert told("ClaimSettlement.AdvanceTooLarge", 5_000_000, 0) == (
        "the contract refused: AdvanceTooLarge(amount=$5.00, available=$0.00)"
    )
    assert told("PatientEscrow.WithdrawalNotAvailable", 1_711_963_208, 0).endswith(
        "(availableAt=2024-04-01 09:20:08 UTC, now=1970-01-01 00:00:00 UTC)"
    )
    # Gas is no money, and a time that no calendar has stays a number.
    assert "available=5, required=7" in told("ClaimSettlement.InsufficientGas", 5, 7)
    assert f"deadline={2**255}" in told("PatientEscrow.SignatureExpired", 2**255, 0)


def test_hints__of_every_error_of_every_contract__say_what_to_do() -> None:
    folder = files("chainbill.chain").joinpath("artifacts")
    abis = [json.loads(path.read_text())["abi"] for path in folder.iterdir() if path.name.endswith(".json")]
    declared = {entry["name"] for abi in abis for entry in abi if entry["type"] == "error"}
    assert len(abis) == len(CONTRACTS)
    assert set(HINTS) == declared
    assert all(len(hint.split()) >= 3 for hint in HINTS.values())


def test_hints__that_name_a_command__name_one_that_there_is() -> None:
    groups = {path.rpartition(" ")[0] for path in EVERY_COMMAND}
    named = {
        match for hint in HINTS.values() for match in re.findall(r"chainbill(?: [a-z]+(?:-[a-z]+)*)+", hint)
    }
    known = [*EVERY_COMMAND, *groups]
    assert named
    for path in named:
        assert any(f"{path} ".startswith(f"{each} ") for each in known if each != "chainbill"), path


def test_decode_revert__not_of_ours__has_a_hint_too() -> None:
    for data in (
        b"",
        b"\1\2\3\4",
        PANIC_SELECTOR + encode(["uint256"], [0x11]),
        ERROR_SELECTOR + encode(["string"], ["no"]),
    ):
        assert decode_revert(data).hint


def test_selectors__of_declared_errors__name_one_error_each() -> None:
    signatures: dict[bytes, str] = {}
    for entry in DECLARED.values():
        signature = f"{entry['name']}({','.join(collapse_if_tuple(field) for field in entry['inputs'])})"
        selector = function_abi_to_4byte_selector(entry)  # type: ignore[arg-type]
        assert signatures.setdefault(selector, signature) == signature


def test_decode_revert__message__is_an_error_with_the_message() -> None:
    error = decode_revert(ERROR_SELECTOR + encode(["string"], ["no"]))
    assert isinstance(error, ContractReverted)
    assert (error.name, error.fields) == ("Error", {"message": "no"})


@pytest.mark.parametrize("code, meaning", [(0x11, "arithmetic overflow"), (0x99, "unknown")])
def test_decode_revert__panic__says_what_it_means(code: int, meaning: str) -> None:
    error = decode_revert(PANIC_SELECTOR + encode(["uint256"], [code]))
    assert isinstance(error, ContractReverted)
    assert error.fields == {"code": code, "meaning": meaning}


def test_decode_revert__nothing__says_that_it_may_be_gas() -> None:
    error = decode_revert(b"")
    assert not isinstance(error, ContractReverted)
    assert "out of gas" in str(error)


CUT_SHORT = function_abi_to_4byte_selector(DECLARED["ClaimSettlement.QuorumNotReached"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        bytes(4),
        bytes.fromhex("deadbeef") + bytes(32),
        CUT_SHORT,
        CUT_SHORT + bytes(63),
        ERROR_SELECTOR,
        ERROR_SELECTOR + b"\xff" * 64,
        PANIC_SELECTOR + bytes(3),
    ],
)
def test_decode_revert__unreadable__is_a_chain_error_that_shows_the_data(data: bytes) -> None:
    error = decode_revert(data)
    assert type(error) is ChainError
    assert data.hex() in str(error)


def test_decode_revert__message_that_is_no_text__is_a_chain_error() -> None:
    word = (32).to_bytes(32, "big") + (2).to_bytes(32, "big") + b"\xff\xfe" + bytes(30)
    assert type(decode_revert(ERROR_SELECTOR + word)) is ChainError


def test_decode_revert__random_bytes__never_raises() -> None:
    """Whatever a node hands over, the user sees one error and no traceback."""
    draw = random.Random("reverts")
    selectors = [function_abi_to_4byte_selector(entry) for entry in DECLARED.values()]  # type: ignore[arg-type]
    for _ in range(3_000):
        data = draw.choice(selectors) + draw.randbytes(draw.choice((0, 4, 32, 64, 96)))
        assert isinstance(decode_revert(data), ChainError)
