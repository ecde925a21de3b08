"""The typed data's digest in Solidity, in our flat packing and in eth-account: three times the same."""

from __future__ import annotations

import random

import pytest
from eth_account.messages import encode_typed_data
from tests.support.deployment import Protocol, header_words

from chainbill.attestation.typed_data import (
    SERVICE_ATTESTATION_TYPE,
    SERVICE_ATTESTATION_TYPEHASH,
    SETTLEMENT_BATCH_TYPE,
    SETTLEMENT_BATCH_TYPEHASH,
    Domain,
    ServiceAttestation,
    SettlementBatch,
)
from chainbill.records.hashing import keccak256

ROUNDS = 150


def number(draw: random.Random, bits: int) -> int:
    return draw.choice((0, 1, 2**bits - 1, draw.randrange(2**bits)))


def random_attestation(draw: random.Random) -> ServiceAttestation:
    return ServiceAttestation(
        provider_id=number(draw, 32),
        payer_id=number(draw, 32),
        patient="0x" + draw.choice((bytes(20), draw.randbytes(20))).hex(),
        commitment=draw.randbytes(32),
        service_id=draw.choice((bytes(8), draw.randbytes(8))),
        units=number(draw, 16),
        billed_amount=number(draw, 64),
        benefit_year=number(draw, 16),
        sequence=number(draw, 64),
    )


def random_batch(draw: random.Random) -> SettlementBatch:
    length = draw.choice((0, 1, 31, 32, 33, draw.randrange(3_000)))
    return SettlementBatch(
        epoch=number(draw, 32),
        signed_at=number(draw, 64),
        deadline=number(draw, 64),
        operator="0x" + draw.choice((bytes(20), draw.randbytes(20))).hex(),
        sections=draw.randbytes(length),
    )


def by_eth_account(signed: ServiceAttestation | SettlementBatch, domain: Domain) -> bytes:
    message = encode_typed_data(full_message=signed.to_eip712_message(domain))
    return keccak256(b"\x19" + message.version + message.header + message.body)


def attestation_words(attestation: ServiceAttestation) -> tuple[object, ...]:
    return (
        attestation.provider_id,
        attestation.payer_id,
        attestation.patient,
        attestation.commitment,
        attestation.service_id,
        attestation.units,
        attestation.billed_amount,
        attestation.benefit_year,
        attestation.sequence,
    )


def test_attestation_digest__random_values__equal_in_three_ways(protocol: Protocol) -> None:
    draw = random.Random("attestations")
    for _ in range(ROUNDS):
        attestation = random_attestation(draw)
        digest = attestation.digest(protocol.domain)
        assert protocol.settlement.read("attestationDigest", attestation_words(attestation)) == digest
        assert by_eth_account(attestation, protocol.domain) == digest


def test_batch_digest__random_values__equal_in_three_ways(protocol: Protocol) -> None:
    draw = random.Random("batches")
    for _ in range(ROUNDS):
        batch = random_batch(draw)
        digest = batch.digest(protocol.domain)
        assert protocol.settlement.read("batchDigest", header_words(batch), batch.sections) == digest
        assert by_eth_account(batch, protocol.domain) == digest


@pytest.mark.parametrize(
    "type_hash, type_string",
    [
        (SERVICE_ATTESTATION_TYPEHASH, SERVICE_ATTESTATION_TYPE),
        (SETTLEMENT_BATCH_TYPEHASH, SETTLEMENT_BATCH_TYPE),
    ],
)
def test_type_hash__recomputed__is_in_the_contract(
    protocol: Protocol, type_hash: bytes, type_string: str
) -> None:
    assert type_hash == keccak256(type_string.encode())
    assert type_hash in protocol.evm.code(protocol.settlement.address)


def test_domain__contract__states_what_the_package_signs_for(protocol: Protocol) -> None:
    _, name, version, chain_id, contract, _, _ = protocol.settlement.read("eip712Domain")
    assert (name, version) == ("chainbill", "1")
    assert chain_id == protocol.domain.chain_id
    assert contract == protocol.domain.verifying_contract.lower()
