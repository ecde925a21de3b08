"""Which benefit years may be billed: that of the batch's signing and the one before, to the second."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.ledger.test_reversals import CLAIM, CLINIC, DEPLOYMENT, PATIENT
from tests.support.settled_history import VISIT, Story, section

from chainbill.billing.outcomes import Reason
from chainbill.chain.node.connection import chain_time
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.ledger.accounts import Ledger, ProviderAccount
from chainbill.ledger.claim_records import read_claims
from chainbill.ledger.indexer import decode_ledger, fetch_ledger
from chainbill.ledger.pricing.attested_row import AttestedRow
from chainbill.ledger.pricing.readjudication import readjudicate
from chainbill.ledger.scheduled_changes import Payout


def _year_begins(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


NEW_YEAR = _year_begins(2026)

BOUNDS = [
    (NEW_YEAR - 1, 2022, Reason.BENEFIT_YEAR_CLOSED),
    (NEW_YEAR - 1, 2023, Reason.BENEFIT_YEAR_CLOSED),
    (NEW_YEAR - 1, 2024, Reason.NO_CONSENT),
    (NEW_YEAR - 1, 2025, Reason.NO_CONSENT),
    (NEW_YEAR - 1, 2026, Reason.BENEFIT_YEAR_NOT_OPEN),
    (NEW_YEAR, 2024, Reason.BENEFIT_YEAR_CLOSED),
    (NEW_YEAR, 2025, Reason.NO_CONSENT),
    (NEW_YEAR, 2026, Reason.NO_CONSENT),
    (NEW_YEAR, 2027, Reason.BENEFIT_YEAR_NOT_OPEN),
]
"""When the batch was signed, the benefit year, and what a row that nobody consented to ends for."""


@pytest.mark.parametrize("settled_later", [0, 6 * 3600])
@pytest.mark.parametrize("signed_at, year, reason", BOUNDS)
def test_determine__benefit_year__counts_from_the_year_of_signing(
    signed_at: int, year: int, reason: Reason, settled_later: int
) -> None:
    ledger = Ledger(DEPLOYMENT)
    ledger.providers[1] = ProviderAccount(Payout(CLINIC))
    claim = replace(CLAIM, payer_id=0, plan_id=0, terms_version=0, benefit_year=year)
    row = AttestedRow(PATIENT, claim, signed_at=signed_at, block_time=signed_at + settled_later)
    assert readjudicate(ledger, row).reason is reason


@pytest.mark.usefixtures("restored")
def test_determine__rows_around_new_year__end_as_the_contract_says(story: Story, node: JsonRpc) -> None:
    """The last second of a year is signed in the old year, though it is settled in the new one."""
    last = datetime.fromtimestamp(chain_time(story.w3), UTC).year
    expected: dict[int, Reason | None] = {}  # by sequence; None: not for the year
    for signed_at, current in ((_year_begins(last + 1) - 1, last), (_year_begins(last + 2), last + 2)):
        story.advance_to(signed_at)
        story.rpc("evm_setNextBlockTimestamp", signed_at + 1)
        rows = [story.row("uninsured-patient", VISIT, year=current + offset) for offset in range(-3, 3)]
        story.settle(section(1, 0, rows, plan=0, version=0))
        closed, not_open = Reason.BENEFIT_YEAR_CLOSED, Reason.BENEFIT_YEAR_NOT_OPEN
        reasons = (closed, closed, None, None, not_open, not_open)
        expected |= {row.sequence: reason for row, reason in zip(rows, reasons, strict=True)}

    copy = fetch_ledger(node, story.deployment)
    records = [
        each for each in read_claims(decode_ledger(copy), story.deployment) if each.sequence in expected
    ]
    assert len(records) == len(expected)
    for record in records:
        reason, decided = expected[record.sequence], record.readjudication
        assert decided is not None
        assert (decided.outcome, decided.reason) == (record.outcome, record.reason)
        if reason is None:
            assert record.reason not in (Reason.BENEFIT_YEAR_CLOSED, Reason.BENEFIT_YEAR_NOT_OPEN)
        else:
            assert record.reason is reason
