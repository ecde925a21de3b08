"""Receipts count only as a node of the quorum has signed them, for this provider and this deployment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from tests.support.roles import Town

from chainbill.attestation.file_header import INTAKE_RECEIPTS
from chainbill.attestation.intake_receipts import IntakeReceipt, IntakeReceipts, SignedReceipts, event_id
from chainbill.attestation.signing import Signer
from chainbill.billing.outcomes import Reason
from chainbill.errors import AttestationError, ChainbillError, StateError
from chainbill.operations.actor import Actor
from chainbill.operations.contacts import CLOCKS_APART_SECONDS
from chainbill.operations.oracle.take import take_events
from chainbill.operations.provider.acting import worklist_of
from chainbill.operations.provider.attest import attest
from chainbill.operations.provider.elsewhere import Refusal, told_by_oracle
from chainbill.operations.provider.export import export_events
from chainbill.operations.provider.receipts import take_receipts
from chainbill.operations.sealed_files import header_for
from chainbill.oracle.api import Custody, Receipt, Status
from chainbill.oracle.store import OracleStore
from chainbill.records.vault import VaultKey, seal_to
from chainbill.state.address_book import Role

EVENT = b"\x01" * 32
REFUSED = IntakeReceipt(EVENT, "refused", "unknown_service", "payer 1 publishes no fee for it")

Write = Callable[..., Path]


@pytest.fixture
def provider(town: Town, clinic: str) -> Actor:
    return Actor.named(town.session(), clinic, Role.PROVIDER)


@pytest.fixture
def provider_id(provider: Actor) -> int:
    return provider.session.book.get(provider.name).provider_id or 0


@pytest.fixture
def write(provider: Actor, provider_id: int, tmp_path: Path) -> Write:
    """Writes a good file of receipts, or one that is as it is told."""
    session = provider.session

    def write(
        *receipts: IntakeReceipt,
        signer: Signer | None = None,
        changed: dict[str, Any] | None = None,
        sealed_to: bytes | None = None,
        chain_id: int | None = None,
        **told: int,
    ) -> Path:
        fields: dict[str, Any] = {"provider_id": provider_id, "issued_at": session.now()} | told
        stated = IntakeReceipts(receipts=receipts or (REFUSED,), **fields)
        domain = session.protocol.domain
        domain = domain if chain_id is None else replace(domain, chain_id=chain_id)
        signature = (signer or Signer(session.account("oracle-1"))).sign(stated.digest(domain))
        signed = SignedReceipts(replace(stated, **(changed or {})), signature)
        public = sealed_to or provider.vault_key().public
        file = tmp_path / "receipts"
        file.write_bytes(
            header_for(session, INTAKE_RECEIPTS, public).to_line()
            + signed.to_line(lambda plain: seal_to(public, plain))
        )
        return file

    return write


def refused(provider: Actor, provider_id: int, file: Path) -> ChainbillError:
    """The refusal of a file; nothing of it is kept."""
    with pytest.raises(ChainbillError) as error:
        take_receipts(provider, provider_id, file)
    assert worklist_of(provider).receipts() == {}
    return error.value


def test_take__signed_by_a_node__is_kept_once(provider: Actor, provider_id: int, write: Write) -> None:
    file = write(REFUSED, IntakeReceipt(b"\x02" * 32, "accepted", "none", ""))
    taken = take_receipts(provider, provider_id, file)
    assert (taken.accepted, taken.refused, taken.new) == (1, 1, 2)
    assert taken.signed_by == provider.session.book.get("oracle-1").address
    assert worklist_of(provider).receipts()[EVENT] == REFUSED
    assert take_receipts(provider, provider_id, file).new == 0


def test_take__older_than_what_is_known__changes_nothing(
    provider: Actor, provider_id: int, write: Write
) -> None:
    now, accepted = provider.session.now(), IntakeReceipt(EVENT, "accepted", "none", "")
    take_receipts(provider, provider_id, write(accepted, issued_at=now))
    for issued_at in (now - 1, now):
        assert take_receipts(provider, provider_id, write(REFUSED, issued_at=issued_at)).new == 0
        assert worklist_of(provider).receipts() == {EVENT: accepted}
    assert take_receipts(provider, provider_id, write(REFUSED, issued_at=now + 1)).new == 1
    assert worklist_of(provider).receipts() == {EVENT: REFUSED}


def test_take__signed_by_somebody_else__is_refused(provider: Actor, provider_id: int, write: Write) -> None:
    for signer in (Signer(bytes(Account.create().key)), Signer(provider.account)):
        error = refused(provider, provider_id, write(signer=signer))
        assert isinstance(error, AttestationError)
        assert "not signed by a node of the oracle's quorum" in str(error)


@pytest.mark.parametrize(
    "changed", [{"issued_at": 1}, {"receipts": (replace(REFUSED, reason="not_its_claim"),)}, {"receipts": ()}]
)
def test_take__changed_since__is_refused(
    provider: Actor, provider_id: int, write: Write, changed: dict[str, Any]
) -> None:
    assert "changed since" in str(refused(provider, provider_id, write(changed=changed)))


def test_take__of_another_chain__is_refused_by_its_header_and_by_its_signature(
    provider: Actor, provider_id: int, write: Write
) -> None:
    file = write(chain_id=1)
    assert "for another deployment" in str(refused(provider, provider_id, file))
    file.write_bytes(file.read_bytes().replace(b'"chain_id":31337', b'"chain_id":1'))
    assert "not for this deployment" in str(refused(provider, provider_id, file))


def test_take__of_a_quorum_that_was_replaced__is_refused(
    town: Town, provider: Actor, provider_id: int, write: Write
) -> None:
    settlement = provider.protocol.settlement
    file, members = write(), settlement.members(settlement.current_epoch())
    town.ok("governor", "open-epoch", Account.create().address, "--threshold", 1)
    try:
        assert "the quorum is another one by now" in str(refused(provider, provider_id, file))
        newest = settlement.current_epoch()
        town.ok("governor", "end-epoch", newest)
        assert settlement.signing_members(provider.session.now()) == ()
    finally:
        town.ok("governor", "open-epoch", *members, "--threshold", 2)
    assert take_receipts(provider, provider_id, file).new == 1


def test_take__another_provider_s__is_refused(provider: Actor, provider_id: int, write: Write) -> None:
    error = refused(provider, provider_id, write(provider_id=provider_id + 1))
    assert f"of provider {provider_id + 1}, and not of {provider_id}" in str(error)


def test_take__sealed_to_another__is_refused(provider: Actor, provider_id: int, write: Write) -> None:
    error = refused(provider, provider_id, write(sealed_to=VaultKey.generate().public))
    assert "sealed to another key than that of" in str(error)


def test_take__of_the_future__is_refused(provider: Actor, provider_id: int, write: Write) -> None:
    # Otherwise nothing that an oracle says until then would count.
    ahead = provider.session.now() + CLOCKS_APART_SECONDS
    assert "of the future" in str(refused(provider, provider_id, write(issued_at=ahead + 60)))
    assert take_receipts(provider, provider_id, write(issued_at=ahead)).new == 1


@pytest.mark.parametrize("standing, reason", [("lost", "none"), ("pended", "bad_weather")])
def test_take__words_that_nobody_knows__are_refused(
    provider: Actor, provider_id: int, write: Write, standing: str, reason: str
) -> None:
    file = write(IntakeReceipt(EVENT, standing, reason, ""))
    assert "which this version does not know" in str(refused(provider, provider_id, file))


def test_take__something_else_or_nothing__is_refused(
    provider: Actor, provider_id: int, write: Write, tmp_path: Path
) -> None:
    file = write()
    header, line = file.read_bytes().splitlines(keepends=True)
    for content in (b"", b"a letter", header, header + line[:-9], header + line + line):
        file.write_bytes(content)
        assert isinstance(refused(provider, provider_id, file), AttestationError)
    assert isinstance(refused(provider, provider_id, tmp_path / "missing"), StateError)


# ---- what stands, by receipts ----------------------------------------------------------------------------


@pytest.fixture
def receipt(town: Town, provider: Actor, provider_id: int) -> Receipt:
    """Of what the provider has attested and no oracle here reads."""
    patient = town.patient(f"of-{provider.name}", provider.name)
    town.ok(
        *("provider", "ingest", town.record(f"{provider.name}-visit"), "--patient", patient),
        *("--as", provider.name),
    )
    (submitted,) = attest(provider, provider_id).submitted
    return replace(submitted.receipt, custody=Custody.PROVIDER)


def told(provider: Actor, receipt: Receipt, standing: str, reason: str) -> dict[bytes, IntakeReceipt]:
    event = event_id(receipt.attestation.digest(provider.protocol.domain), receipt.signature)
    return {event: IntakeReceipt(event, standing, reason, "as it says")}


def test_told__refused_or_taken__is_how_it_stands(provider: Actor, receipt: Receipt) -> None:
    def stands(standing: str, reason: str = "none") -> tuple[Receipt, Refusal | None]:
        ((stand, refusal),) = told_by_oracle(provider, [receipt], told(provider, receipt, standing, reason))
        return stand, refusal

    at_oracle = replace(receipt, custody=Custody.ORACLE)
    assert stands("refused", "unknown_service") == (receipt, Refusal("unknown_service", "as it says"))
    assert stands("accepted") == (at_oracle, None)
    pended = replace(at_oracle, status=Status.PENDED, reason=Reason.NO_CONSENT)
    assert stands("pended", "no_consent") == (pended, None)
    # Final is what the chain says.
    assert stands("settled") == (at_oracle, None)


def test_told__of_the_event_as_another_key_signed_it__says_nothing(provider: Actor, receipt: Receipt) -> None:
    said = told(provider, receipt, "refused", "not_an_attester")
    again = replace(receipt, signature=b"\x05" * 65)
    assert told_by_oracle(provider, [again], said) == [(again, None)]


def test_told__of_what_is_here_or_was_taken_back__says_nothing(provider: Actor, receipt: Receipt) -> None:
    said = told(provider, receipt, "refused", "not_an_attester")
    for stands in (
        replace(receipt, custody=Custody.ORACLE),
        replace(receipt, status=Status.RECALLED),
    ):
        assert told_by_oracle(provider, [stands], said) == [(stands, None)]


# ---- where they are made ----------------------------------------------------------------------------------


def test_take_events__of_two_providers__makes_no_receipts(
    town: Town, provider: Actor, provider_id: int, receipt: Receipt, tmp_path: Path
) -> None:
    exported = export_events(provider, provider_id, "oracle-1").content
    other = Actor.named(town.session(), town.clinic(), Role.PROVIDER)
    other_id = other.session.book.get(other.name).provider_id or 0
    patient = town.patient(f"of-{other.name}", other.name)
    town.attest(other.name, patient, f"{other.name}-visit")
    file, written = tmp_path / "events", list[bytes]()
    file.write_bytes(exported + export_events(other, other_id, "oracle-1").content.splitlines()[1] + b"\n")
    with pytest.raises(StateError, match=f"events of providers {provider_id} and {other_id}"):
        take_events(provider.session, file, receipts=written.append)
    assert written == []
    assert take_events(provider.session, file).known == 2


def test_receipts_issued__in_one_second_or_out_of_order__are_one_after_the_other(tmp_path: Path) -> None:
    store = OracleStore(tmp_path / "oracle.sqlite")
    assert [store.receipts_issued(now) for now in (100, 100, 99, 200)] == [100, 101, 102, 200]
    assert OracleStore(tmp_path / "oracle.sqlite").receipts_issued(200) == 201
