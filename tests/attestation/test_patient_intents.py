"""What patients sign: equal to eth-account's digests, and to the words of the contracts' libraries."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from chainbill.attestation.patient_intents import (
    INTENTS,
    DisputeClaim,
    EscrowIntent,
    GrantConsent,
    Intent,
    Permit,
    ReceiveWithAuthorization,
    RequestWithdrawal,
    read_intent,
)
from chainbill.attestation.typed_data import Domain, type_members
from chainbill.errors import AttestationError

CONTRACTS = Path(__file__).parents[2] / "contracts"
PATIENT, OTHER = "0x" + "a1" * 20, "0x" + "b2" * 20
DOMAIN = Domain(31_337, "0x" + "5e" * 20)

ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "address": ADDRESSES,
    "bool": st.booleans(),
    "bytes32": st.binary(min_size=32, max_size=32),
}
CONSENT = GrantConsent(PATIENT, 7, 5_000_000, 1_800_000_000, True, 3, 1_700_000_000)


def values_of(kind: type[Intent]) -> st.SearchStrategy[Intent]:
    """Any intent of a kind."""
    return st.builds(
        kind,
        *(
            VALUES[name] if name in VALUES else st.integers(0, 2 ** int(name.removeprefix("uint")) - 1)
            for name in (member["type"] for member in type_members(kind.TYPE))
        ),
    )


def by_eth_account(message: dict[str, Any]) -> bytes:
    encoded = encode_typed_data(full_message=message)
    return keccak(b"\x19" + encoded.version + encoded.header + encoded.body)


@pytest.mark.parametrize("kind", INTENTS)
def test_digest__any_intent__equals_eth_account(kind: type[Intent]) -> None:
    @settings(max_examples=50)
    @given(values_of(kind))
    def agree(intent: Intent) -> None:
        assert intent.digest(DOMAIN) == by_eth_account(intent.to_eip712_message(DOMAIN))

    agree()


@pytest.mark.parametrize("kind", INTENTS)
def test_read__through_json__is_unchanged(kind: type[Intent]) -> None:
    @settings(max_examples=20)
    @given(values_of(kind))
    def agree(intent: Intent) -> None:
        message = json.loads(json.dumps(intent.to_eip712_message(DOMAIN)))
        assert read_intent(message) == (intent, DOMAIN)

    agree()


@pytest.mark.parametrize("kind", INTENTS)
def test_fields__of_every_intent__are_the_members_of_its_type(kind: type[Intent]) -> None:
    members = [member["name"] for member in type_members(kind.TYPE)]
    named = ["from" if field.name == "owner" and "from" in members else field.name for field in fields(kind)]  # type: ignore[arg-type]
    assert [name.replace("_", "").lower() for name in named] == [name.lower() for name in members]
    assert kind.TYPE.startswith(f"{kind.__name__}(")


@pytest.mark.parametrize("kind", INTENTS)
def test_digest__one_field_changed__differs(kind: type[Intent]) -> None:
    zero: dict[str, Any] = {"address": PATIENT, "bool": False, "bytes32": bytes(32)}
    one: dict[str, Any] = {"address": OTHER, "bool": True, "bytes32": b"\1" * 32}
    kinds = [member["type"] for member in type_members(kind.TYPE)]
    intent = kind(*(zero.get(name, 0) for name in kinds))
    changed = [
        replace(intent, **{field.name: one.get(name, 1)})  # type: ignore[type-var]
        for field, name in zip(fields(kind), kinds, strict=True)  # type: ignore[arg-type]
    ]
    assert len({each.digest(DOMAIN) for each in (intent, *changed)}) == len(changed) + 1


def test_types__of_the_contracts_libraries__are_the_same() -> None:
    declared = set(_types(CONTRACTS / "escrow" / "PatientIntents.sol"))
    declared |= set(_types(CONTRACTS / "DevUSD.sol")) - {
        "CancelAuthorization(address authorizer,bytes32 nonce)"
    }
    assert declared | {Permit.TYPE} == {kind.TYPE for kind in INTENTS}


def _types(source: Path) -> list[str]:
    return re.findall(r'"(\w+\(address [^"]+\)|\w+\(bytes32 [^"]+\))"', source.read_text())


def test_arguments__of_an_escrow_intent__leave_the_nonce_out() -> None:
    assert CONSENT.twin == "grantConsentBySig"
    assert CONSENT.arguments() == (CONSENT.patient, 7, 5_000_000, 1_800_000_000, True, 1_700_000_000)


def test_twins__of_every_escrow_intent__are_declared() -> None:
    interface = (CONTRACTS / "interfaces" / "IPatientEscrow.sol").read_text()
    twins = {kind.__name__ for kind in INTENTS if issubclass(kind, EscrowIntent)}
    declared = re.findall(r"function (\w+)BySig\(", interface)
    assert {f"{name[0].upper()}{name[1:]}" for name in declared} == twins


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"patient": "0x12"}, "not an address"),
        ({"provider_id": 2**32}, "provider_id 4294967296 does not fit uint32"),
        ({"expires_at": 2**40}, "does not fit uint40"),
        ({"nonce": -1}, "nonce -1 does not fit uint64"),
        ({"self_pay": 1}, "self_pay is int, not bool"),
        ({"deadline": True}, "deadline is bool, not int"),
        ({"per_event_limit": 1.5}, "per_event_limit is float, not int"),
    ],
)
def test_intent__a_field_that_does_not_fit__is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(AttestationError, match=said):
        replace(CONSENT, **changed)


@pytest.mark.parametrize("claim_id", [bytes(31), "0x" + "00" * 32])
def test_dispute_claim__no_claim_id__is_refused(claim_id: Any) -> None:
    with pytest.raises(AttestationError, match="claim_id"):
        DisputeClaim(claim_id, 0, 0)


def test_receive_with_authorization__from__is_the_owner() -> None:
    intent = ReceiveWithAuthorization(PATIENT, OTHER, 1, 0, 2, bytes(32))
    assert intent.to_eip712_message(DOMAIN)["message"]["from"] == intent.owner


@pytest.mark.parametrize(
    "broken",
    [
        {"primaryType": "Mail"},
        {"primaryType": None},
        {"domain": None},
        {"domain": {"name": "chainbill"}},
        {"message": None},
        {"message": {}},
        {"message": {"claimId": "0xzz", "nonce": 0, "deadline": 0}},
        {"message": {"claimId": 7, "nonce": 0, "deadline": 0}},
        {"message": {"claimId": "0x" + "00" * 32, "nonce": "0", "deadline": 0}},
    ],
)
def test_read__malformed__is_refused(broken: dict[str, Any]) -> None:
    message = DisputeClaim(bytes(32), 0, 0).to_eip712_message(DOMAIN)
    with pytest.raises(AttestationError):
        read_intent({**message, **broken})


@pytest.mark.parametrize("odd", [None, 1, 1.5, True, [], {}, [[]], "", "\ud800", 10**400])
@pytest.mark.parametrize(
    "place",
    [
        ("domain", "name"),
        ("domain", "version"),
        ("domain", "chainId"),
        ("domain", "verifyingContract"),
        ("message", "patient"),
        ("message", "amount"),
        ("message", "deadline"),
    ],
)
def test_read_intent__anything_in_a_fields_place__is_refused_or_read(
    place: tuple[str, str], odd: object
) -> None:
    message = RequestWithdrawal(PATIENT, 1, 0, 1).to_eip712_message(DOMAIN)
    message[place[0]][place[1]] = odd
    try:
        intent, signed_for = read_intent(message)
    except AttestationError:
        return
    assert intent.to_eip712_message(signed_for) == message
