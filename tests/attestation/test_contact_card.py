"""A contact card is signed as wallets sign typed data, and says nothing that its signature does not cover."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from chainbill.attestation.contact_card import NO_KEY, ContactCard
from chainbill.attestation.typed_data import Domain
from chainbill.errors import AttestationError

DOMAIN = Domain(31337, "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF")

CARD = ContactCard(
    name="clinic",
    role="provider",
    account="0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
    provider_id=7,
    payer_id=0,
    vault_key=bytes(range(32)),
    schedule_for=b"\x07" * 32,
    schedule=b"sealed",
    issued_at=1_700_000_000,
    expires_at=1_800_000_000,
)


@pytest.mark.parametrize("card", [CARD, replace(CARD, schedule_for=NO_KEY, schedule=b"", vault_key=NO_KEY)])
def test_digest__any_card__is_what_wallets_sign(card: ContactCard) -> None:
    signable = encode_typed_data(full_message=card.to_eip712_message(DOMAIN))
    assert card.digest(DOMAIN) == keccak(b"\x19" + signable.version + signable.header + signable.body)


CHANGED = {
    "name": "lakeview",
    "role": "insurer",
    "account": "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF",
    "provider_id": 8,
    "payer_id": 1,
    "vault_key": bytes(32),
    "schedule_for": b"\x08" * 32,
    "schedule": b"other",
    "issued_at": 1,
    "expires_at": 2,
}


@pytest.mark.parametrize("field", list(CHANGED))
def test_digest__any_field_changed__is_another(field: str) -> None:
    assert set(CHANGED) == set(ContactCard.__dataclass_fields__) - {"TYPE"}
    assert replace(CARD, **{field: CHANGED[field]}).digest(DOMAIN) != CARD.digest(DOMAIN)


def test_read__what_was_written__is_the_card_and_its_domain() -> None:
    assert ContactCard.read(CARD.to_eip712_message(DOMAIN)) == (CARD, DOMAIN)


def changed(*path: str, to: Any) -> dict[str, Any]:
    message = CARD.to_eip712_message(DOMAIN)
    place = message
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return message


@pytest.mark.parametrize(
    "message",
    [
        {},
        changed("primaryType", to="Withdraw"),
        changed("types", "ContactCard", to=[]),
        changed("domain", to=[]),
        changed("domain", "salt", to="0x"),
        changed("message", "more", to=1),
        changed("message", "name", to="Clínica"),
        changed("message", "account", to="0x12"),
        changed("message", "providerId", to="7"),
        changed("message", "providerId", to=True),
        changed("message", "payerId", to=1 << 32),
        changed("message", "issuedAt", to=-1),
        changed("message", "vaultKey", to="0x12"),
        changed("message", "vaultKey", to="12" * 32),
        changed("message", "schedule", to="0x"),
        changed("message", "scheduleFor", to="0x" + "00" * 32),
    ],
)
def test_read__anything_else__is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(AttestationError):
        ContactCard.read(message)
