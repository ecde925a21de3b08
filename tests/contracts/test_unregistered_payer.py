"""A contract that poses as a payer: settlement finds payers by their ids alone, and asks nobody else."""

from __future__ import annotations

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import YEAR, ZERO_ADDRESS, Protocol
from tests.support.evm import Contract, reverts

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.events import TokensMoved
from chainbill.errors import ChainError
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256


def impostor(protocol: Protocol, payer_id: int) -> Contract:
    """Answers whatever it is asked as a payer with all the money of the world."""
    return protocol.evm.deploy(protocol.stranger, "ImpostorPayer", payer_id)


@pytest.mark.parametrize("payer_id", [1, 2])
def test_settle__impostor_says_that_it_is_a_payer__is_not_asked(protocol: Protocol, payer_id: int) -> None:
    """Neither as one that exists nor as the next that will."""
    posing = impostor(protocol, payer_id)
    assert posing.read("payerId") == payer_id
    receipt = protocol.settle(protocol.row(protocol.patient, 1), payer_id=payer_id)
    if payer_id == protocol.payer_id:
        assert receipt.value == (1, 0, 0, 0)
    else:
        assert endings(receipt) == [(1, Outcome.PENDED, Reason.UNKNOWN_PAYER)]
    assert posing.read("asked") == 0
    protocol.assert_solvent()


def test_settle__payer_of_another_factory__is_not_asked(protocol: Protocol) -> None:
    """The same code and the same id, made by a stranger's factory: another address."""
    authority = protocol.evm.deploy(protocol.stranger, "Governance", protocol.stranger)
    factory = protocol.evm.deploy(
        protocol.stranger,
        "InsurerPayerFactory",
        *(protocol.token.address, protocol.settlement.address, protocol.registry.address),
        *(keccak256(protocol.payer_code), authority.address),
    )
    for _ in range(2):
        payer_id, address = factory.send(
            protocol.stranger, "createPayer", protocol.stranger, protocol.payer_code
        ).value
    assert payer_id == 2
    posing = protocol.evm.at(address, "InsurerPayer", payer_id=payer_id)
    protocol.mint(protocol.stranger, 1_000 * DOLLAR, posing)
    posing.send(protocol.stranger, "deposit", 1_000 * DOLLAR)

    receipt = protocol.settle(protocol.row(protocol.patient, 1), payer_id=payer_id)
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.UNKNOWN_PAYER)]
    assert receipt.of(TokensMoved) == []
    assert posing.read("pool") == 1_000 * DOLLAR
    assert protocol.payers.read("payerAt", payer_id) == ZERO_ADDRESS


def test_settle__impostor_as_secondary__pends_and_the_primary_writes_nothing(protocol: Protocol) -> None:
    posing = impostor(protocol, 2)
    before = protocol.state(1)
    section = protocol.coordinated(protocol.row(protocol.patient, 1), secondary=2)
    receipt = protocol.submit(protocol.batch([section]))
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.UNKNOWN_PAYER)]
    assert protocol.state(1) == before
    assert posing.read("asked") == 0


def test_accept_payer__impostor__cannot_be_named(protocol: Protocol) -> None:
    posing = impostor(protocol, 2)
    for payer_id in (2, int(posing.address, 16) % 2**32 | 1 << 31):
        with reverts("UnknownPayer", payerId=payer_id):
            protocol.escrow.send(protocol.late, "acceptPayer", payer_id, 0)
        with reverts("UnknownPayer", payerId=payer_id):
            protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, payer_id)


def test_create_payer__impostors_code__is_not_made(protocol: Protocol) -> None:
    """Not even the registrar can make anything but the one payer contract."""
    code = protocol.payer_code + b"\0"
    with reverts("WrongPayerCode", codeHash="0x" + keccak256(code).hex()):
        protocol.payers.send(protocol.governor, "createPayer", protocol.stranger, code)


def test_payer__made_without_a_factory__has_no_code(protocol: Protocol) -> None:
    """Its constructor asks who made it."""
    with pytest.raises(ChainError):
        protocol.evm.deploy(protocol.stranger, "InsurerPayer")


def test_internal_verbs__called_by_an_impostor__revert(protocol: Protocol) -> None:
    """Answering settlement is one thing, being it another."""
    posing = impostor(protocol, 2)
    packed = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))]).sections
    with reverts("NotSettlement", caller=posing.address):
        as_contract(protocol, posing, protocol.escrow, "chargeShares", packed, 0, (1).to_bytes(32, "big"))
    with reverts("NotSettlement", caller=posing.address):
        as_contract(protocol, posing, protocol.escrow, "disburseTotal")
    posting = (protocol.patient, YEAR, bytes(8), 0, 0, 0, 0, 1)
    with reverts("NotSettlement", caller=posing.address):
        as_contract(protocol, posing, protocol.payer, "commit", posting)


def as_contract(
    protocol: Protocol, caller: Contract, target: Contract, verb: str, *arguments: object
) -> None:
    """Have an impostor make a call."""
    calldata = target.functions[verb].encode(arguments)
    caller.send(protocol.stranger, "run", target.address, calldata)
