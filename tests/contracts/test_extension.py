"""What ClaimSettlement delegates to: the code it was compiled with, for the same contracts, and no other."""

from __future__ import annotations

import pytest
from tests.support.deployment import Protocol, account
from tests.support.evm import Contract, creation_code, reverts

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.deterministic_proxy import PROXY_CREATION_CODE
from chainbill.records.hashing import keccak256

NO_SALT, A_SALT = bytes(32), b"\1" * 32

RETURNS_NOTHING = bytes.fromhex("6001600c60003960016000f300")
"""Creates a contract whose whole code is STOP: every call of it succeeds, and does nothing."""


def around(protocol: Protocol) -> tuple[str, ...]:
    """What extension and settlement are both created with."""
    return (
        protocol.token.address,
        protocol.escrow.address,
        protocol.payers.address,
        protocol.registry.address,
    )


def new_proxy(protocol: Protocol) -> str:
    """A CREATE2 proxy that has created nothing."""
    return protocol.evm.create(account("another deployer").address, PROXY_CREATION_CODE)


def create2(protocol: Protocol, proxy: str, code: bytes, salt: bytes = NO_SALT) -> str:
    """Have a proxy create something; returns where."""
    created = protocol.evm.call(protocol.stranger, proxy, salt + code)
    assert protocol.evm.code("0x" + created.hex())
    return "0x" + created.hex()


def address_by_create2(proxy: str, code: bytes) -> str:
    """Where EIP-1014 puts what is created with salt 0."""
    return "0x" + keccak256(b"\xff" + bytes.fromhex(proxy[2:]) + NO_SALT + keccak256(code))[12:].hex()


def new_settlement(protocol: Protocol, proxy: str) -> Contract:
    return protocol.evm.deploy(
        protocol.governor, "ClaimSettlement", *around(protocol), protocol.governance.address, proxy
    )


def genuine(protocol: Protocol) -> bytes:
    return creation_code("SettlementExtension", *around(protocol))


def test_settlement__its_extension_stands__names_it(protocol: Protocol) -> None:
    proxy = new_proxy(protocol)
    extension = create2(protocol, proxy, genuine(protocol))
    assert extension == address_by_create2(proxy, genuine(protocol))
    assert new_settlement(protocol, proxy).read("extensionCode").lower() == extension


@pytest.mark.parametrize(
    "salt, code",
    [
        (NO_SALT, lambda _: RETURNS_NOTHING),
        (A_SALT, genuine),
        (NO_SALT, lambda protocol: genuine(protocol) + b"\0"),
        # Any of the four contracts around it is another: the code is right, what it would move is not.
        *(
            (
                NO_SALT,
                lambda protocol, place=place: creation_code(
                    "SettlementExtension",
                    *(
                        protocol.payers.address if each == place else address
                        for each, address in enumerate(around(protocol))
                    ),
                ),
            )
            for place in (0, 1, 3)
        ),
    ],
    ids=["other code", "other salt", "longer code", "other token", "other escrow", "other registry"],
)
def test_settlement__something_else_stands_in_its_place__cannot_be_created(
    protocol: Protocol, salt: bytes, code: object
) -> None:
    proxy = new_proxy(protocol)
    other = create2(protocol, proxy, code(protocol), salt)  # type: ignore[operator]
    wanted = address_by_create2(proxy, genuine(protocol))
    assert other != wanted
    with reverts("NoExtension", extension=wanted):
        new_settlement(protocol, proxy)


def test_settlement__its_extension_by_another_creator_or_none__cannot_be_created(protocol: Protocol) -> None:
    for proxy in (new_proxy(protocol), protocol.stranger):
        with reverts("NoExtension"):
            new_settlement(protocol, proxy)
    # The genuine code, but by CREATE: nobody can tell from its address what it is.
    protocol.evm.create(protocol.stranger, genuine(protocol))
    with reverts("NoExtension"):
        new_settlement(protocol, protocol.stranger)


def test_artifacts__settlement_knows_the_extension_that_is_deployed() -> None:
    """It hashes the code that it was compiled with: the artifact must be that very code."""
    extension = load_artifact("SettlementExtension").bytecode.removeprefix("0x")
    assert extension in load_artifact("ClaimSettlement").bytecode
