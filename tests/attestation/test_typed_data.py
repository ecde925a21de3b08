"""Digests packed by hand equal eth-account's, change with every field, and refuse what does not fit."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from chainbill.attestation import typed_data
from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.attestation.typed_data import Domain, ServiceAttestation, ServiceBundle, SettlementBatch
from chainbill.errors import AttestationError

ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
DOMAINS = st.builds(
    Domain,
    chain_id=st.integers(0, 2**256 - 1),
    verifying_contract=ADDRESSES,
    name=st.just("chainbill") | st.text(max_size=40),
    version=st.just("1") | st.text(max_size=5),
)
ATTESTATIONS = st.builds(
    ServiceAttestation,
    provider_id=st.integers(0, 2**32 - 1),
    payer_id=st.integers(0, 2**32 - 1),
    patient=ADDRESSES,
    commitment=st.binary(min_size=32, max_size=32),
    service_id=st.binary(min_size=8, max_size=8),
    units=st.integers(0, 2**16 - 1),
    billed_amount=st.integers(0, 2**64 - 1),
    benefit_year=st.integers(0, 2**16 - 1),
    sequence=st.integers(0, 2**64 - 1),
)
BUNDLES = st.builds(
    ServiceBundle,
    provider_id=st.integers(0, 2**32 - 1),
    payer_id=st.integers(0, 2**32 - 1),
    sequence_base=st.integers(0, 2**64 - 1),
    rows=st.binary(max_size=300),
)
BATCHES = st.builds(
    SettlementBatch,
    epoch=st.integers(0, 2**32 - 1),
    signed_at=st.integers(0, 2**64 - 1),
    deadline=st.integers(0, 2**64 - 1),
    operator=ADDRESSES,
    sections=st.binary(max_size=300),
)

DOMAIN = Domain(chain_id=31_337, verifying_contract="0x5FbDB2315678afecb367f032d93F642f64180aa3")
ATTESTATION = ServiceAttestation(
    provider_id=1,
    payer_id=2,
    patient="0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    commitment=bytes(range(32)),
    service_id=bytes(range(8)),
    units=1,
    billed_amount=125_000_000,
    benefit_year=2026,
    sequence=7,
)
BUNDLE = ServiceBundle(provider_id=1, payer_id=2, sequence_base=2**16, rows=b"groups of rows")
BATCH = SettlementBatch(
    epoch=1,
    signed_at=1_700_000_000,
    deadline=1_700_003_600,
    operator="0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
    sections=b"section",
)


def by_eth_account(message: dict[str, Any]) -> bytes:
    encoded: SignableMessage = encode_typed_data(full_message=message)
    return keccak(b"\x19" + encoded.version + encoded.header + encoded.body)


@given(ATTESTATIONS, DOMAINS)
def test_attestation_digest__any_attestation__equals_eth_account(
    attestation: ServiceAttestation, domain: Domain
) -> None:
    assert attestation.digest(domain) == by_eth_account(attestation.to_eip712_message(domain))


@given(BUNDLES, DOMAINS)
def test_bundle_digest__any_bundle__equals_eth_account(bundle: ServiceBundle, domain: Domain) -> None:
    assert bundle.digest(domain) == by_eth_account(bundle.to_eip712_message(domain))


@given(BATCHES, DOMAINS)
def test_batch_digest__any_batch__equals_eth_account(batch: SettlementBatch, domain: Domain) -> None:
    assert batch.digest(domain) == by_eth_account(batch.to_eip712_message(domain))


@given(ATTESTATIONS, DOMAINS)
def test_attestation_message__through_json__is_unchanged(
    attestation: ServiceAttestation, domain: Domain
) -> None:
    message = json.loads(json.dumps(attestation.to_eip712_message(domain)))
    assert ServiceAttestation.from_message(message["message"]) == attestation
    assert by_eth_account(message) == attestation.digest(domain)


def test_type_hashes__recomputed_from_written_out_types__agree() -> None:
    assert (
        keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        == typed_data.DOMAIN_TYPEHASH
    )
    assert (
        keccak(
            text="ServiceAttestation(uint32 providerId,uint32 payerId,address patient,bytes32 commitment,"
            "bytes8 serviceId,uint16 units,uint64 billedAmount,uint16 benefitYear,uint64 sequence)"
        )
        == typed_data.SERVICE_ATTESTATION_TYPEHASH
    )
    assert (
        keccak(text="ServiceBundle(uint32 providerId,uint32 payerId,uint64 sequenceBase,bytes rows)")
        == typed_data.SERVICE_BUNDLE_TYPEHASH
    )
    assert (
        keccak(
            text="SettlementBatch(uint32 epoch,uint64 signedAt,uint64 deadline,address operator,"
            "bytes sections)"
        )
        == typed_data.SETTLEMENT_BATCH_TYPEHASH
    )


CHANGED: dict[str, Any] = {
    "provider_id": 3,
    "payer_id": 3,
    "patient": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "commitment": bytes(32),
    "service_id": bytes(8),
    "units": 2,
    "billed_amount": 125_000_001,
    "benefit_year": 2025,
    "sequence": 8,
}


@pytest.mark.parametrize("field", [field.name for field in fields(ServiceAttestation)])
def test_attestation_digest__one_field_changed__differs(field: str) -> None:
    tampered = replace(ATTESTATION, **{field: CHANGED[field]})
    assert tampered.struct_hash() != ATTESTATION.struct_hash()
    assert tampered.digest(DOMAIN) != ATTESTATION.digest(DOMAIN)


@pytest.mark.parametrize(
    "changed",
    [
        {"provider_id": 2},
        {"payer_id": 1},
        {"sequence_base": 2**17},
        {"rows": b"Groups of rows"},
        {"rows": b""},
    ],
)
def test_bundle_digest__one_field_changed__differs(changed: dict[str, Any]) -> None:
    assert replace(BUNDLE, **changed).digest(DOMAIN) != BUNDLE.digest(DOMAIN)


@pytest.mark.parametrize(
    "changed",
    [
        {"epoch": 2},
        {"signed_at": 1},
        {"deadline": 1},
        {"operator": ATTESTATION.patient},
        {"operator": ZERO_ADDRESS},
        {"sections": b"Section"},
        {"sections": b""},
    ],
)
def test_batch_digest__one_field_changed__differs(changed: dict[str, Any]) -> None:
    assert replace(BATCH, **changed).digest(DOMAIN) != BATCH.digest(DOMAIN)


@pytest.mark.parametrize("signed", [ATTESTATION, BUNDLE, BATCH])
def test_digest__another_chain_or_contract__differs(
    signed: ServiceAttestation | ServiceBundle | SettlementBatch,
) -> None:
    other_chain = Domain(1, DOMAIN.verifying_contract)
    other_contract = Domain(DOMAIN.chain_id, ATTESTATION.patient)
    other_name = replace(DOMAIN, name="Dev USD")
    other_version = replace(DOMAIN, version="2")
    domains = (DOMAIN, other_chain, other_contract, other_name, other_version)
    assert len({signed.digest(domain) for domain in domains}) == len(domains)


@pytest.mark.parametrize(
    "field, value, said",
    [
        ("provider_id", 2**32, "provider_id 4294967296 does not fit uint32"),
        ("payer_id", -1, "payer_id -1 does not fit uint32"),
        ("units", 2**16, "does not fit uint16"),
        ("benefit_year", 2**16, "does not fit uint16"),
        ("billed_amount", 2**64, "does not fit uint64"),
        ("sequence", 2**64, "does not fit uint64"),
        ("units", True, "bool, not a whole number"),
        ("billed_amount", 1.5, "float, not a whole number"),
        ("sequence", "7", "str, not a whole number"),
        ("commitment", bytes(31), "commitment has 31 bytes, not 32"),
        ("commitment", "0x" + "00" * 32, "commitment is str, not bytes"),
        ("service_id", bytes(9), "service_id has 9 bytes, not 8"),
        ("patient", "0x1234", "not an address"),
        ("patient", "70997970C51812dc3A010C7d01b50e0d17dc79C8", "not an address"),
        ("patient", "0x70997970C51812dc3A010C7d01b50e0d17dc79cg", "not an address"),
        ("patient", b"\x01" * 20, "not an address"),
        ("patient", "0x70997970C51812dc3A010C7d01b50e0d17dc79c8", "checksum of address"),
    ],
)
def test_attestation__a_field_that_does_not_fit__is_refused(field: str, value: Any, said: str) -> None:
    with pytest.raises(AttestationError, match=said):
        replace(ATTESTATION, **{field: value})


@pytest.mark.parametrize(
    "changed",
    [{"epoch": 2**32}, {"signed_at": 2**64}, {"deadline": -1}, {"operator": "0x"}, {"sections": "0x"}],
)
def test_batch__a_field_that_does_not_fit__is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(AttestationError):
        replace(BATCH, **changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"provider_id": 2**32},
        {"payer_id": -1},
        {"sequence_base": 2**64},
        {"rows": "0x"},
        {"rows": bytearray(3)},
    ],
)
def test_bundle__a_field_that_does_not_fit__is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(AttestationError):
        replace(BUNDLE, **changed)


@pytest.mark.parametrize(
    "chain_id, contract",
    [(-1, ATTESTATION.patient), (2**256, ATTESTATION.patient), (1, "0x"), (1, "0x" + "zz" * 20)],
)
def test_domain__malformed__is_refused(chain_id: int, contract: str) -> None:
    with pytest.raises(AttestationError):
        Domain(chain_id, contract)


def test_domain__lower_case_address__is_the_same_domain() -> None:
    assert Domain(DOMAIN.chain_id, DOMAIN.verifying_contract.lower()) == DOMAIN


@pytest.mark.parametrize(
    "change",
    [
        {"units": None},
        {"commitment": "00" * 32},
        {"commitment": "0xzz"},
        {"serviceId": 5},
        {"patient": 5},
        {"surprise": 1},
    ],
)
def test_from_message__malformed__is_refused(change: dict[str, Any]) -> None:
    message = ATTESTATION.to_eip712_message(DOMAIN)["message"]
    with pytest.raises(AttestationError):
        ServiceAttestation.from_message({**message, **change})
    del message["sequence"]
    with pytest.raises(AttestationError, match="other fields"):
        ServiceAttestation.from_message(message)
