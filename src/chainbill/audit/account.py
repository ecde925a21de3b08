"""One claim in full: what was attested, what became of it, by which terms, and the same worked out again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainbill.attestation.claim_number import claim_number
from chainbill.audit.claim_check import check_claim
from chainbill.billing.outcomes import Outcome
from chainbill.chain.format.events import DisputeParty
from chainbill.errors import LedgerError, quoted
from chainbill.ledger.accounts import Ledger
from chainbill.ledger.claim_records import ClaimRecord
from chainbill.ledger.history import facts
from chainbill.ledger.live_claims import Dispute, LiveClaim
from chainbill.ledger.pricing.readjudication import PricedBy
from chainbill.money import format_dollars
from chainbill.protocol_constants import DISPUTE_WINDOW_SECONDS

COMPONENTS = (
    "billed",
    "allowed",
    "contractual_adjustment",
    "deductible",
    "copay",
    "coinsurance",
    "outside_plan",
    "plan_paid",
    "secondary_paid",
)
"""What is shown of a price, in the order it is worked out."""


_LEFT = (
    *("allowed", "deductible", "copay", "coinsurance", "outside_plan", "plan_paid", "secondary_paid"),
    *("patient_responsibility", "fee"),
)
"""What is shown of a price once something of it was taken back."""


@dataclass(frozen=True, slots=True)
class ClaimAccount:
    """Every row that carried one provider's sequence; the last word is the one that counts."""

    decisive: ClaimRecord
    """Settled or denied, where it ever was; else the newest."""
    attempts: tuple[ClaimRecord, ...]
    live: LiveClaim | None
    """As it stands now; None where it never settled."""
    dispute: Dispute | None

    @property
    def number(self) -> str:
        """The charge's one number, ``2:7``."""
        return claim_number(self.decisive.provider_id, self.decisive.sequence)

    @property
    def dispute_until(self) -> int | None:
        """The moment from which on nobody can dispute it; None: it did not settle."""
        return self.live.settled_at + DISPUTE_WINDOW_SECONDS if self.live else None

    def _now(self) -> dict[str, str] | None:
        """The components less what was taken back; None: nothing was."""
        taken = self.live.reversed_claim if self.live else None
        if taken is None:
            return None
        claim = self.decisive.claim
        return {name: format_dollars(getattr(claim, name) - getattr(taken, name)) for name in _LEFT}

    @property
    def differences(self) -> list[str]:
        """What is not as the published terms say."""
        return [str(difference) for difference in check_claim(self.decisive)]

    def to_json(self) -> dict[str, Any]:
        """Everything; money as dollar strings."""
        record, again = self.decisive, self.decisive.readjudication
        return {
            "number": self.number,
            **_summary(record),
            "patient": record.patient,
            **facts(record.claim),
            **{f"secondary_{part}": fact for part, fact in facts(record.secondary).items()},
            "claim_id": _hex(record.claim_id),
            "corrects": _hex(record.corrects),
            "dispute_until": self.dispute_until,
            "root_slot": self.live.root_slot if self.live else None,
            "dispute": _dispute(self.dispute) if self.dispute else None,
            "reversed": facts(self.live.reversed_claim) if self.live and self.live.reversed_claim else None,
            "now": self._now(),
            "batch": facts(record.batch) if record.batch else None,
            "terms": _terms(again.priced_by) if again else None,
            "secondary_terms": _terms(again.secondary_priced_by) if again else None,
            "repriced": _repriced(record),
            "differences": self.differences,
            "attempts": [_summary(attempt) for attempt in self.attempts],
        }


def find_claims(records: Sequence[ClaimRecord], ledger: Ledger, wanted: str) -> list[ClaimAccount]:
    """The claims of a number (``2:7``), of a commitment or a claim id, or all that providers count as ``7``.

    Args:
        records: every row, from ``replay_claims``.
        ledger: as it stands after them.

    Raises:
        LedgerError: there is none, or ``wanted`` is neither.
    """
    keys = named_keys(records, wanted)
    if not keys:
        raise LedgerError(
            f"no claim has the number, commitment or id {wanted}", hint="see: chainbill audit history"
        )
    return [_account(ledger, [record for record in records if _key(record) == key]) for key in sorted(keys)]


def every_claim(records: Sequence[ClaimRecord], ledger: Ledger) -> list[ClaimAccount]:
    """Every claim, in the order in which they were first decided; arguments as for ``find_claims``."""
    attempts: dict[tuple[int, int], list[ClaimRecord]] = {}
    for record in records:
        attempts.setdefault(_key(record), []).append(record)
    return [_account(ledger, each) for each in attempts.values()]


def named_keys(records: Sequence[ClaimRecord], wanted: str) -> set[tuple[int, int]]:
    """Provider and sequence of the same; of ``7`` alone of every provider that has one.

    Raises:
        LedgerError: ``wanted`` is neither a number, nor 32 bytes in hexadecimal.
    """
    if re.fullmatch(r"0x[0-9a-fA-F]{64}", wanted):
        named = bytes.fromhex(wanted[2:])
        return {_key(record) for record in records if named in (record.commitment, record.claim_id)}
    if re.fullmatch(r"(?:\d{1,10}:)?\d{1,20}", wanted, re.ASCII):
        provider, _, sequence = wanted.rpartition(":")
        return {
            key
            for key in map(_key, records)
            if key[1] == int(sequence) and (not provider or key[0] == int(provider))
        }
    raise LedgerError(
        f"{quoted(wanted)} is neither a claim's number, nor a commitment, nor a claim id",
        hint="a number stands on every statement, such as 2:7; a commitment or id is 0x and 64 digits",
    )


def _key(record: ClaimRecord) -> tuple[int, int]:
    return record.provider_id, record.sequence


def _account(ledger: Ledger, attempts: Sequence[ClaimRecord]) -> ClaimAccount:
    final = [each for each in attempts if each.outcome in (Outcome.SETTLED, Outcome.DENIED)]
    decisive = (final or attempts)[-1]
    identity = decisive.claim_id or b""
    return ClaimAccount(decisive, tuple(attempts), ledger.claims.get(identity), ledger.disputes.get(identity))


def _summary(record: ClaimRecord) -> dict[str, Any]:
    return {
        "outcome": record.outcome.name.lower(),
        "reason": record.reason.label,
        "block": record.recorded.block,
        "time": record.recorded.block_time,
        "transaction": record.recorded.transaction,
        "log_index": record.recorded.log_index,
    }


def _dispute(dispute: Dispute) -> dict[str, Any]:
    return {
        "status": dispute.status.label,
        "parties": [party.label for party in DisputeParty if dispute.parties >> party & 1],
        "deadline": dispute.deadline or None,
        "held": format_dollars(dispute.held),
        "fee_held": format_dollars(dispute.fee_held),
    }


def _hex(identity: bytes | None) -> str | None:
    return None if identity is None else "0x" + identity.hex()


def _terms(priced_by: PricedBy | None) -> dict[str, Any] | None:
    if priced_by is None:
        return None
    family = priced_by.family
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
        "plan_paid_before": format_dollars(priced_by.met.plan_paid),
        "family_deductible_met_before": format_dollars(family.deductible_met) if family else None,
        "family_oop_met_before": format_dollars(family.oop_met) if family else None,
        "units_used_before": priced_by.units_used,
    }


def _repriced(record: ClaimRecord) -> dict[str, Any] | None:
    again = record.readjudication
    if again is None:
        return None
    amounts = {} if again.adjudication is None else {c: getattr(again.adjudication, c) for c in COMPONENTS}
    return {
        "outcome": again.outcome.name.lower(),
        "reason": again.reason.label,
        **{name: format_dollars(amount) for name, amount in amounts.items()},
    }
