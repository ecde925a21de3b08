"""A file of attested events gives back what was written, to the oracle that it is sealed to."""

from __future__ import annotations

from base64 import b64encode

import pytest
from tests.records.test_vault import opening

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.attested_file import SignedRecall, read_line, write_lines
from chainbill.attestation.file_header import ATTESTED_EVENTS, INTAKE_RECEIPTS, Form, Header
from chainbill.attestation.typed_data import Domain, RecallAttestation, ServiceAttestation
from chainbill.errors import AttestationError
from chainbill.records.vault import VaultKey, seal_to

DOMAIN = Domain(31337, "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF")
ORACLE = VaultKey(bytes(range(32)))


OPENED = opening()


def attested() -> AttestedEvent:
    return AttestedEvent(
        ServiceAttestation(
            provider_id=1,
            payer_id=2,
            patient="0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
            commitment=OPENED.commitment,
            service_id=b"12345678",
            units=1,
            billed_amount=100_000_000,
            benefit_year=2026,
            sequence=3,
        ),
        b"\x01" * 65,
        OPENED,
        b"\x05" * 32,
    )


RECALL = SignedRecall(RecallAttestation(1, b"\x09" * 32, 1_800_000_000), b"\x02" * 65)


def lines() -> list[bytes]:
    return list(write_lines([attested(), RECALL], DOMAIN, lambda plain: seal_to(ORACLE.public, plain)))


def test_lines__opened_by_the_oracle__are_what_was_written() -> None:
    assert [read_line(line, ORACLE.unseal) for line in lines()] == [attested(), RECALL]


def test_lines__seen_by_others__show_nothing_and_do_not_open() -> None:
    event = lines()[0]
    assert b"attestation" not in event
    with pytest.raises(AttestationError):
        read_line(event, VaultKey.generate().unseal)


@pytest.mark.parametrize("plain", [b"", b"[]", b"{}", b'{"recall": 1}', b'{"attestation": []}'])
def test_line__sealed_nonsense__is_refused(plain: bytes) -> None:
    with pytest.raises(AttestationError):
        read_line(b64encode(seal_to(ORACLE.public, plain)), ORACLE.unseal)


def test_line__not_sealed__is_refused() -> None:
    with pytest.raises(AttestationError):
        read_line(b"not base64\n", ORACLE.unseal)


@pytest.mark.parametrize("form", [ATTESTED_EVENTS, INTAKE_RECEIPTS], ids=lambda form: form.name)
def test_header__what_was_written__is_read(form: Form) -> None:
    header = Header(form, 31337, DOMAIN.verifying_contract, ORACLE.public)
    assert Header.parse(header.to_line(), form) == header


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"[]", b"{}", b'{"chainbill":"sealed records","version":1}', b"\xff" * 64),
        Header(INTAKE_RECEIPTS, 31337, DOMAIN.verifying_contract, ORACLE.public).to_line(),
    ],
)
def test_header__of_something_else__is_refused(line: bytes) -> None:
    with pytest.raises(AttestationError, match="no file of attested events"):
        Header.parse(line, ATTESTED_EVENTS)
