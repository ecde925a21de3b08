"""Receipts are signed as typed data, cover all that they say, and open to their provider alone."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import orjson
import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from chainbill.attestation.intake_receipts import IntakeReceipt, IntakeReceipts, SignedReceipts, event_id
from chainbill.attestation.typed_data import DOMAIN_TYPE, Domain, type_members
from chainbill.errors import AttestationError
from chainbill.records.vault import VaultKey, seal_to

DOMAIN = Domain(31337, "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF")
PROVIDER = VaultKey(bytes(range(32)))

TAKEN = IntakeReceipt(b"\x01" * 32, "pended", "no_consent", "")
REFUSED = IntakeReceipt(b"\x02" * 32, "refused", "record_mismatch", "the record says 2 units, für Ä")
TOLD = IntakeReceipts(7, 1_700_000_000, (TAKEN, REFUSED))
SIGNED = SignedReceipts(TOLD, b"\x03" * 65)


def by_eth_account(told: IntakeReceipts, domain: Domain) -> bytes:
    """The digest that a wallet would sign."""
    message: dict[str, Any] = {
        "types": {
            "EIP712Domain": type_members(DOMAIN_TYPE),
            "IntakeReceipts": [
                {"type": "uint32", "name": "providerId"},
                {"type": "uint64", "name": "issuedAt"},
                {"type": "IntakeReceipt[]", "name": "receipts"},
            ],
            "IntakeReceipt": [
                {"type": "bytes32", "name": "eventId"},
                {"type": "string", "name": "standing"},
                {"type": "string", "name": "reason"},
                {"type": "string", "name": "message"},
            ],
        },
        "primaryType": "IntakeReceipts",
        "domain": domain.to_message(),
        "message": {
            "providerId": told.provider_id,
            "issuedAt": told.issued_at,
            "receipts": [
                {
                    "eventId": each.event_id,
                    "standing": each.standing,
                    "reason": each.reason,
                    "message": each.message,
                }
                for each in told.receipts
            ],
        },
    }
    signable = encode_typed_data(full_message=message)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


@pytest.mark.parametrize("told", [TOLD, replace(TOLD, receipts=(REFUSED,)), replace(TOLD, receipts=())])
def test_digest__any_receipts__is_what_wallets_sign(told: IntakeReceipts) -> None:
    assert told.digest(DOMAIN) == by_eth_account(told, DOMAIN)


@pytest.mark.parametrize(
    "changed",
    [
        replace(TOLD, provider_id=8),
        replace(TOLD, issued_at=1_700_000_001),
        replace(TOLD, receipts=(REFUSED, TAKEN)),
        replace(TOLD, receipts=(TAKEN,)),
        *(
            replace(TOLD, receipts=(TAKEN, replace(REFUSED, **{field: value})))
            for field, value in {
                "event_id": b"\x04" * 32,
                "standing": "accepted",
                "reason": "no_cash_price",
                "message": "",
            }.items()
        ),
    ],
)
def test_digest__anything_changed__is_another(changed: IntakeReceipts) -> None:
    assert changed.digest(DOMAIN) != TOLD.digest(DOMAIN)


def test_digest__of_another_chain_or_deployment__is_another() -> None:
    elsewhere = Domain(31337, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf")
    digests = {TOLD.digest(domain) for domain in (DOMAIN, replace(DOMAIN, chain_id=1), elsewhere)}
    assert len(digests) == 3


def test_event_id__of_another_attestation_or_signature__is_another() -> None:
    ids = {event_id(b"\x01" * 32, b"\x02" * 65), event_id(b"\x02" * 32, b"\x02" * 65)}
    assert len(ids | {event_id(b"\x01" * 32, b"\x03" * 65)}) == 3


def test_line__opened_by_the_provider__is_what_was_written() -> None:
    line = SIGNED.to_line(lambda plain: seal_to(PROVIDER.public, plain))
    assert SignedReceipts.parse(line, PROVIDER.unseal) == SIGNED


def test_line__seen_by_others__shows_nothing_and_does_not_open() -> None:
    plain: list[bytes] = []
    line = SIGNED.to_line(lambda told: (plain.append(told), seal_to(PROVIDER.public, told))[1])
    assert b"record_mismatch" in plain[0]
    assert b64encode(plain[0])[8:40] not in line
    with pytest.raises(AttestationError):
        SignedReceipts.parse(line, VaultKey.generate().unseal)


def stated(**changed: object) -> bytes:
    return orjson.dumps({"provider_id": 1, "issued_at": 1, "receipts": [], "signature": "00" * 65} | changed)


def test_line__of_the_least__is_read() -> None:
    line = b64encode(seal_to(PROVIDER.public, stated()))
    assert SignedReceipts.parse(line, PROVIDER.unseal).receipts == IntakeReceipts(1, 1, ())


@pytest.mark.parametrize(
    "plain",
    [
        *(b"", b"[]", b"{}", b"null"),
        stated(provider_id="1"),
        stated(provider_id=-1),
        stated(provider_id=1 << 32),
        stated(issued_at=True),
        stated(signature="00" * 64),
        stated(receipts=[["00" * 31, "refused", "", ""]]),
        stated(receipts=[["00" * 32, "refused", ""]]),
        stated(receipts=[["00" * 32, 1, "", ""]]),
        stated(receipts=[["00" * 32, "refused", None, ""]]),
    ],
)
def test_line__sealed_nonsense__is_refused(plain: bytes) -> None:
    with pytest.raises(AttestationError):
        SignedReceipts.parse(b64encode(seal_to(PROVIDER.public, plain)), PROVIDER.unseal)


def test_line__not_sealed__is_refused() -> None:
    with pytest.raises(AttestationError, match="damaged, or none"):
        SignedReceipts.parse(b"no base64\n", PROVIDER.unseal)
