"""`InsurerPayerFactory.createPayer`: what it makes, where that stands, and who owns it."""

from __future__ import annotations

from eth_utils.address import to_checksum_address
from tests.support.deployment import NOW, ZERO_ADDRESS, Protocol
from tests.support.evm import Evm, reverts
from tests.support.pyrevm_backend import PyrevmBackend
from web3.utils.address import get_create2_address

from chainbill.chain.format.events import PayerCreated, PayerTransferred, PayerTransferStarted
from chainbill.chain.roles import GovernorRole
from chainbill.records.hashing import keccak256


def create(protocol: Protocol, insurer: str, code: bytes | None = None) -> tuple[int, str]:
    chosen = protocol.payer_code if code is None else code
    payer_id, address = protocol.payers.send(protocol.governor, "createPayer", insurer, chosen).value
    return payer_id, address


def test_create_payer__new_insurer__owns_a_payer_of_the_next_id(protocol: Protocol) -> None:
    receipt = protocol.payers.send(protocol.governor, "createPayer", protocol.stranger, protocol.payer_code)
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


def test_create_payer__its_address__follows_from_the_id_alone(protocol: Protocol) -> None:
    """EIP-1014, computed by another implementation."""
    for expected_id in (2, 3):
        payer_id, address = create(protocol, protocol.stranger)
        assert payer_id == expected_id
        salt = "0x" + payer_id.to_bytes(32, "big").hex()
        computed = get_create2_address(
            to_checksum_address(protocol.payers.address), salt, "0x" + protocol.payer_code.hex()
        )
        assert address == computed.lower()


def test_create_payer__unknown_ids__have_no_contract(protocol: Protocol) -> None:
    for payer_id in (0, 2, 2**24, 2**32 - 1):
        assert protocol.payers.read("payerAt", payer_id) == ZERO_ADDRESS


def test_create_payer__for_nobody__reverts(protocol: Protocol) -> None:
    with reverts("ZeroInsurer"):
        create(protocol, ZERO_ADDRESS)


def test_create_payer__of_other_code__reverts(protocol: Protocol) -> None:
    code = protocol.payer_code
    expected = "0x" + keccak256(code).hex()
    for other in (b"", code[:-1], code + b"\0", bytes([code[0] ^ 1]) + code[1:]):
        with reverts("WrongPayerCode", codeHash="0x" + keccak256(other).hex(), expected=expected):
            create(protocol, protocol.stranger, other)
    assert protocol.payers.read("payerCount") == 1


def test_create_payer__by_anybody_but_the_governor__reverts(protocol: Protocol) -> None:
    for caller in (protocol.insurer, protocol.provider, protocol.patient, protocol.arbiter):
        with reverts("AccessManagedUnauthorized", caller=caller):
            protocol.payers.send(caller, "createPayer", caller, protocol.payer_code)


def test_create_payer__ids_used_up__reverts() -> None:
    """A patient's slot has 24 bits for a payer's id."""
    backend = PyrevmBackend()
    protocol = Protocol(Evm(NOW, backend))
    # The count shares slot 0 with the authority (20 bytes) and a flag (1 byte).
    word = backend.storage(protocol.payers.address, 0)
    backend.set_storage(protocol.payers.address, 0, word + (2**24 - 3 << 168))
    assert protocol.payers.read("payerCount") == 2**24 - 2
    assert create(protocol, protocol.stranger)[0] == 2**24 - 1
    with reverts("TooManyPayers"):
        create(protocol, protocol.stranger)


def test_blueprint__nothing_is_being_made__names_no_insurer(protocol: Protocol) -> None:
    """Whoever deploys the payer's code elsewhere, at any time, makes a payer of nobody's."""
    assert protocol.payers.read("blueprint")[3:] == (0, ZERO_ADDRESS)
    create(protocol, protocol.stranger)
    assert protocol.payers.read("blueprint")[3:] == (0, ZERO_ADDRESS)


def test_blueprint__later_in_the_same_transaction__names_no_insurer(protocol: Protocol) -> None:
    registrar = protocol.evm.deploy(protocol.stranger, "SeveralCalls")
    protocol.govern("grantRole", GovernorRole.REGISTRAR, registrar.address, 0)
    factory = protocol.payers
    made = factory.functions["createPayer"].encode((protocol.stranger, protocol.payer_code))
    asked = factory.functions["blueprint"]
    answers = registrar.send(
        protocol.stranger, "run", [factory.address] * 3, [asked.encode(()), made, asked.encode(())]
    ).value
    assert [asked.decode(answers[index])[3:] for index in (0, 2)] == [(0, ZERO_ADDRESS)] * 2


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
    assert protocol.payers.read("payerCodeHash") == keccak256(protocol.payer_code)
