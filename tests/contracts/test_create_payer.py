"""`InsurerPayerFactory.createPayer`, and who owns what it makes."""

from __future__ import annotations

from eth_utils.address import to_checksum_address
from tests.contracts.evm import reverts
from tests.contracts.protocol import ZERO_ADDRESS, Protocol

from chainbill.chain.events import PayerCreated, PayerTransferred, PayerTransferStarted


def test_create_payer__new_insurer__owns_a_payer_of_the_next_id(protocol: Protocol) -> None:
    receipt = protocol.payers.send(protocol.governor, "createPayer", protocol.stranger)
    payer_id, address = receipt.value
    assert payer_id == protocol.payers.read("payerCount") == 2
    assert protocol.payers.read("payerAt", 2) == address
    assert receipt.of(PayerCreated) == [PayerCreated(2, to_checksum_address(address), protocol.stranger)]
    payer = protocol.evm.at(address, "InsurerPayer", payer_id=2)
    assert payer.read("payerId") == 2
    assert payer.read("owner") == protocol.stranger.lower()
    assert payer.read("token") == protocol.token.address.lower()
    assert payer.read("settlement") == protocol.settlement.address.lower()
    assert payer.read("registry") == protocol.registry.address.lower()


def test_create_payer__unknown_ids__have_no_contract(protocol: Protocol) -> None:
    for payer_id in (0, 2, 2**32 - 1):
        assert protocol.payers.read("payerAt", payer_id) == ZERO_ADDRESS


def test_create_payer__for_nobody__reverts(protocol: Protocol) -> None:
    with reverts("ZeroInsurer"):
        protocol.payers.send(protocol.governor, "createPayer", ZERO_ADDRESS)


def test_create_payer__by_anybody_but_the_governor__reverts(protocol: Protocol) -> None:
    for caller in (protocol.insurer, protocol.provider, protocol.patient, protocol.stranger):
        with reverts("AccessManagedUnauthorized", caller=caller):
            protocol.payers.send(caller, "createPayer", caller)


def test_payer_ownership__transferred__only_once_accepted(protocol: Protocol) -> None:
    started = protocol.payer.send(protocol.insurer, "transferOwnership", protocol.stranger)
    assert started.events == (PayerTransferStarted(1, protocol.insurer, protocol.stranger),)
    protocol.payer.send(protocol.insurer, "requestWithdrawal", 1)
    with reverts("OwnableUnauthorizedAccount", account=protocol.stranger):
        protocol.payer.send(protocol.stranger, "requestWithdrawal", 1)
    with reverts("OwnableUnauthorizedAccount", account=protocol.late):
        protocol.payer.send(protocol.late, "acceptOwnership")
    accepted = protocol.payer.send(protocol.stranger, "acceptOwnership")
    assert accepted.events == (PayerTransferred(1, protocol.insurer, protocol.stranger),)
    protocol.payer.send(protocol.stranger, "requestWithdrawal", 1)
    with reverts("OwnableUnauthorizedAccount", account=protocol.insurer):
        protocol.payer.send(protocol.insurer, "requestWithdrawal", 1)


def test_payer_ownership__renounced__reverts(protocol: Protocol) -> None:
    for caller in (protocol.insurer, protocol.stranger):
        with reverts("OwnershipCannotBeRenounced"):
            protocol.payer.send(caller, "renounceOwnership")
    assert protocol.payer.read("owner") == protocol.insurer.lower()


def test_deployment__contracts__name_each_other(protocol: Protocol) -> None:
    """Immutables computed beforehand from the deployer's nonce."""
    at = {
        name: getattr(protocol, name).address.lower()
        for name in ("token", "registry", "escrow", "payers", "settlement")
    }
    for contract, names in {
        "escrow": ("token", "settlement", "payers", "registry"),
        "payers": ("token", "settlement", "registry"),
        "settlement": ("token", "escrow", "payers", "registry"),
    }.items():
        for name in names:
            assert getattr(protocol, contract).read(name) == at[name], (contract, name)
    for contract in ("token", "registry", "payers", "settlement"):
        authority = getattr(protocol, contract).read("authority")
        assert authority == protocol.governance.address.lower(), contract
