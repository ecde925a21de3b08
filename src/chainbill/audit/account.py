"""One claim in full: what was attested, what became of it, by which terms, and the same worked out again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainbill.audit.claims import ClaimRecord
from chainbill.audit.history import facts
from chainbill.audit.verification import check_claim
from chainbill.billing.outcomes import Outcome
from chainbill.errors import LedgerError
from chainbill.money import format_dollars

COMPONENTS = (
    "billed",
    "allowed",
    "contractual_adjustment",
    "deductible",
    "copay",
    "coinsurance",
    "plan_paid",
)
"""What is shown of a price, in the order it is worked out."""


@dataclass(frozen=True, slots=True)
class ClaimAccount:
    """Every row that carried one provider's sequence; the last word is the one that counts."""

    decisive: ClaimRecord
    """Settled or denied, where it ever was; else the newest."""
    attempts: tuple[ClaimRecord, ...]

    @property
    def differences(self) -> list[str]:
        """What is not as the published terms say."""
        return [str(difference) for difference in check_claim(self.decisive)]

    def to_json(self) -> dict[str, Any]:
        """Everything; money as dollar strings."""
        record = self.decisive
        return {
            **_summary(record),
            "provider_id": record.provider_id,
            "patient": record.patient,
            "commitment": "0x" + record.commitment.hex(),
            "sequence": record.sequence,
            **(_priced(record) if record.claim else {}),
            "batch": facts(record.batch) if record.batch else None,
            "terms": _terms(record),
            "repriced": _repriced(record),
            "differences": self.differences,
            "attempts": [_summary(attempt) for attempt in self.attempts],
        }


def find_claims(records: Sequence[ClaimRecord], wanted: str) -> list[ClaimAccount]:
    """The claims of a commitment, or of a sequence (``7``, or ``2:7`` for provider 2's).

    Raises:
        LedgerError: there is none, or ``wanted`` is neither.
    """
    if re.fullmatch(r"0x[0-9a-fA-F]{64}", wanted):
        commitment = bytes.fromhex(wanted[2:])
        keys = {_key(record) for record in records if record.commitment == commitment}
    elif re.fullmatch(r"(?:\d{1,10}:)?\d{1,20}", wanted, re.ASCII):
        provider, _, sequence = wanted.rpartition(":")
        keys = {
            key
            for key in map(_key, records)
            if key[1] == int(sequence) and (not provider or key[0] == int(provider))
        }
    else:
        raise LedgerError(
            f"{wanted!r} is neither a commitment nor a sequence",
            hint="a commitment is 0x and 64 digits; a sequence is a number, or provider:number",
        )
    if not keys:
        raise LedgerError(
            f"no claim has the commitment or sequence {wanted}", hint="see: chainbill audit history"
        )
    return [_account([record for record in records if _key(record) == key]) for key in sorted(keys)]


def _key(record: ClaimRecord) -> tuple[int, int]:
    return record.provider_id, record.sequence


def _account(attempts: Sequence[ClaimRecord]) -> ClaimAccount:
    final = [each for each in attempts if each.outcome in (Outcome.SETTLED, Outcome.DENIED)]
    return ClaimAccount((final or attempts)[-1], tuple(attempts))


def _summary(record: ClaimRecord) -> dict[str, Any]:
    return {
        "outcome": record.outcome.name.lower(),
        "reason": record.reason.label,
        "block": record.recorded.block,
        "time": record.recorded.block_time,
        "transaction": record.recorded.transaction,
        "log_index": record.recorded.log_index,
    }


def _priced(record: ClaimRecord) -> dict[str, Any]:
    assert record.claim is not None  # noqa: S101 - asked beforehand
    responsibility = format_dollars(record.claim.patient_responsibility)
    return {**facts(record.claim), "patient_responsibility": responsibility}


def _terms(record: ClaimRecord) -> dict[str, Any] | None:
    priced_by = record.determination.priced_by if record.determination else None
    if priced_by is None:
        return None
    return {
        "plan": {**facts(priced_by.plan.terms), "effective_at": priced_by.plan.effective_at},
        "fee": {
            **facts(priced_by.fee.terms),
            "effective_at": priced_by.fee.effective_at,
            "version": priced_by.fee.version,
        },
        "category": facts(priced_by.category) if priced_by.category else None,
        "deductible_met_before": format_dollars(priced_by.met.deductible_met),
        "oop_met_before": format_dollars(priced_by.met.oop_met),
    }


def _repriced(record: ClaimRecord) -> dict[str, Any] | None:
    again = record.determination
    if again is None:
        return None
    amounts = {} if again.adjudication is None else {c: getattr(again.adjudication, c) for c in COMPONENTS}
    return {
        "outcome": again.outcome.name.lower(),
        "reason": again.reason.label,
        **{name: format_dollars(amount) for name, amount in amounts.items()},
    }
