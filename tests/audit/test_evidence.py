"""What stands behind a settled claim beside the oracle's word: attestations, records, a provider's list."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.oracle.conftest import service_event
from tests.support.disputed_history import YEAR
from tests.support.settled_history import VISIT, Story, section

from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain
from chainbill.audit.discrepancy import Discrepancy, Kind
from chainbill.audit.evidence import Evidence, standing_claims
from chainbill.audit.verification import Audit, audit_logs, verify
from chainbill.billing.outcomes import Outcome
from chainbill.chain.format.attested_claim import attestation_of
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.ledger.claim_records import ClaimRecord
from chainbill.ledger.raw_logs import RawLedger
from chainbill.money import DOLLAR
from chainbill.operations.provider.own_claims import Doubt, DoubtfulClaim, doubtful_claims
from chainbill.operations.provider.worklist import Worklist
from chainbill.oracle.store import CoordinationOfBenefits, OracleStore
from chainbill.records.commitment import Opening
from chainbill.records.sealed_file import SealedRecord
from chainbill.records.vault import Vault, VaultKey

PROVIDERS = {1: "provider", 2: "laboratory"}
"""Whose account's key each provider registered."""


@pytest.fixture(scope="module")
def audit(ledger_copy: RawLedger) -> Audit:
    return audit_logs(ledger_copy)


@pytest.fixture
def store(tmp_path: Path) -> OracleStore:
    return OracleStore(tmp_path / "oracle.sqlite")


def standing(audit: Audit) -> list[ClaimRecord]:
    return list(standing_claims(audit.records, audit.ledger))


def keep_attestation(store: OracleStore, story: Story, record: ClaimRecord, role: str) -> None:
    """As if the oracle had accepted it, signed by the account of a role."""
    domain = Domain(story.deployment.chain_id, story.deployment.settlement)
    attestation = attestation_of(record.patient, record.claim)
    digest = attestation.digest(domain)
    signature = Signer(story.accounts[role]).sign(digest)
    store.accept(
        attestation,
        digest=digest,
        signature=signature,
        record_key=record.commitment,
        coordination=CoordinationOfBenefits(),
    )


def found(node: JsonRpc, story: Story, evidence: Evidence) -> list[Discrepancy]:
    return list(verify(node, story.deployment, evidence=evidence).discrepancies)


# ---- attestations -------------------------------------------------------------------------------------


def test_verify__attested_by_keys_of_their_providers__adds_up(
    story: Story, node: JsonRpc, audit: Audit, store: OracleStore
) -> None:
    for record in standing(audit):
        attesters = audit.attesters[record.claim_id or b""]
        # The first provider has replaced its key on the way.
        replaced = not attesters[story.address(PROVIDERS[record.provider_id])]
        keep_attestation(store, story, record, "new-attester" if replaced else PROVIDERS[record.provider_id])

    assert found(node, story, Evidence(store=store)) == []


def test_verify__no_attestation_at_all__names_every_claim_that_stands(
    story: Story, node: JsonRpc, audit: Audit, store: OracleStore
) -> None:
    missing = found(node, story, Evidence(store=store))

    assert {each.kind for each in missing} == {Kind.NO_ATTESTATION}
    assert len(missing) == len(standing(audit)) > 30
    settled = [record for record in audit.records if record.outcome is Outcome.SETTLED]
    assert len(missing) < len(settled)  # what was given back in full is nobody's charge
    first = standing(audit)[0]
    assert f"claim {first.provider_id}:{first.sequence} of {first.patient}" in missing[0].message


@pytest.mark.parametrize(
    "signer, said", [("patient", "was never a key of the provider"), ("provider", "was revoked by then")]
)
def test_verify__signed_by_a_stranger_or_a_revoked_key__is_named(
    story: Story, node: JsonRpc, audit: Audit, store: OracleStore, signer: str, said: str
) -> None:
    wrong = standing(audit)[-1]  # settled after the provider's own key was revoked
    assert wrong.provider_id == 1
    keep_attestation(store, story, wrong, signer)

    (named,) = [
        each for each in found(node, story, Evidence(store=store)) if f":{wrong.sequence} " in each.message
    ]

    assert said in named.message


def test_verify__settled_otherwise_than_attested__is_named(
    story: Story, node: JsonRpc, audit: Audit, store: OracleStore
) -> None:
    altered = standing(audit)[0]
    dearer = replace(altered, claim=replace(altered.claim, billed=altered.claim.billed - DOLLAR))
    keep_attestation(store, story, dearer, "provider")

    named = [each for each in found(node, story, Evidence(store=store)) if ":1 " in each.message]

    assert ["the store has no attestation of it" in each.message for each in named] == [True]


# ---- records ------------------------------------------------------------------------------------------


def test_verify__records_by_their_files_or_opened_by_a_reader__names_what_is_missing(
    story: Story, node: JsonRpc, audit: Audit, tmp_path: Path
) -> None:
    vault = Vault(tmp_path / "vault")
    first, second, *others = standing(audit)
    for record in (first, second):  # files that nobody's key opens
        sealed = SealedRecord({"nobody": b"a box"}).to_bytes()
        (vault.directory / f"{record.commitment.hex()}.sealed").write_bytes(sealed)

    by_file = found(node, story, Evidence(vault=vault))
    by_reader = found(node, story, Evidence(vault=vault, key=VaultKey.generate()))

    assert {each.kind for each in by_file} == {Kind.NO_RECORD}
    assert (len(by_file), len(by_reader)) == (len(others), len(others) + 2)
    assert "is not sealed to this key" in by_reader[0].message


# ---- one commitment twice -----------------------------------------------------------------------------


@pytest.mark.usefixtures("restored")
def test_verify__one_commitment_settled_under_two_sequences__is_named(story: Story, node: JsonRpc) -> None:
    sequence, slot = story.sequence, story.root_slot
    row = story.row("newcomer", VISIT, year=YEAR)
    again = replace(story.row("newcomer", VISIT, year=YEAR), commitment=row.commitment)
    story.settle(section(1, 1, [row], plan=2, version=1))
    story.settle(section(1, 1, [again], plan=2, version=1))
    story.sequence, story.root_slot = sequence, slot

    (twice,) = verify(node, story.deployment).discrepancies

    assert twice.kind is Kind.COMMITMENT_REUSED
    assert f"claim 1:{row.sequence} and as claim 1:{again.sequence}" in twice.message
    assert "may be charged twice" in twice.message


# ---- the provider's own list --------------------------------------------------------------------------


@pytest.fixture
def worklist(audit: Audit, tmp_path: Path) -> Worklist:
    """Of the first provider, with every claim of it that stands."""
    worklist = Worklist(tmp_path / "worklist.sqlite")
    for record in standing(audit):
        if record.provider_id == 1:
            attest(worklist, record)
    return worklist


def attest(worklist: Worklist, record: ClaimRecord) -> None:
    worklist.restore_attested(
        f"Encounter/{record.sequence}",
        record.patient,
        sequence=record.sequence,
        commitment=record.commitment,
        self_pay=record.claim.payer_id == 0,
    )


def doubts(audit: Audit, worklist: Worklist, folder: Path) -> list[DoubtfulClaim]:
    vault, key = Vault(folder / "vault"), VaultKey.derive(b"p" * 32)
    return list(doubtful_claims(audit.records, audit.ledger, 1, worklist, vault, key))


def test_doubtful__every_claim_attested__is_none(audit: Audit, worklist: Worklist, tmp_path: Path) -> None:
    assert doubts(audit, worklist, tmp_path) == []


def test_doubtful__settled_by_the_oracle_alone__is_named(
    audit: Audit, worklist: Worklist, tmp_path: Path
) -> None:
    forged = worklist.attested()[4]
    worklist.drop(forged)

    (doubtful,) = doubts(audit, worklist, tmp_path)

    assert (doubtful.doubt, doubtful.record.sequence) == (Doubt.NOT_ATTESTED, forged.sequence)


def test_doubtful__for_another_patient_or_number__is_named(
    audit: Audit, worklist: Worklist, tmp_path: Path
) -> None:
    record = next(each for each in standing(audit) if each.provider_id == 1)
    worklist.drop(worklist.attested()[0])
    worklist.restore_attested(
        "Encounter/other", "0x" + "22" * 20, sequence=9_000, commitment=record.commitment
    )

    (doubtful,) = doubts(audit, worklist, tmp_path)

    assert doubtful.doubt is Doubt.OTHER_THAN_ATTESTED
    assert "under number 9000" in doubtful.why
    assert "you attested it for 0x2222" in doubtful.why


def test_doubtful__figures_other_than_in_its_record__are_named(
    audit: Audit, worklist: Worklist, tmp_path: Path
) -> None:
    opening = Opening(service_event(units=3, billed_amount=7 * DOLLAR), b"s" * 16)
    vault, key = Vault(tmp_path / "vault"), VaultKey.derive(b"p" * 32)
    vault.seal(opening, [key.public])
    # The claim's own commitment is not ours to open: this one stands in its place.
    first = next(each for each in standing(audit) if each.provider_id == 1)
    altered = replace(first, claim=replace(first.claim, commitment=opening.commitment))
    listed = Worklist(tmp_path / "other.sqlite")
    attest(listed, altered)

    (doubtful,) = doubtful_claims([altered], audit.ledger, 1, listed, vault, key)

    assert doubtful.doubt is Doubt.OTHER_THAN_ATTESTED
    assert "you attested 3 units, and 1 were settled" in doubtful.why
    assert "you billed $7.00, and $200.00 was settled" in doubtful.why
