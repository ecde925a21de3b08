"""From the ledger to facts: the audit's replay joined with the vault's records.

The log of a pended event names its commitment and little else. Its payer is taken to be the one the
patient had accepted when the batch was signed, unless the reason says that it was not; its year and
price are known to those whose vault opens the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chainbill.attestation.address import checksum_address
from chainbill.audit.claims import ClaimRecord, walk
from chainbill.audit.ledger import Ledger, PlanVersion
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import PlanTerms
from chainbill.chain.deployments import Deployment
from chainbill.chain.events import (
    Claim,
    Event,
    PatientDeposited,
    PatientWithdrew,
    PoolDeposited,
    PoolWithdrawn,
    ProviderPaid,
    RecordedEvent,
)
from chainbill.errors import AttestationError, MalformedRecord, StateError
from chainbill.records.vault import Vault, VaultKey
from chainbill.statements.facts import (
    AccountFacts,
    ClaimFacts,
    CostSharing,
    MemberYear,
    Movement,
    MovementKind,
    TermsApplied,
)

_ANOTHER_PAYER = {Reason.UNKNOWN_PAYER, Reason.PAYER_NOT_ACCEPTED}


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose records are opened: a vault and the reader's key."""

    vault: Vault
    key: VaultKey


class LedgerHistory:
    """Everything that was logged, replayed once; gives each account its facts."""

    def __init__(self, recorded: Sequence[RecordedEvent], deployment: Deployment, *, as_of: int) -> None:
        """Replay.

        Args:
            recorded: every event of the deployment, in order (``audit.index``).
            deployment: whose events they are.
            as_of: time of the last block read, in seconds since 1970.

        Raises:
            LedgerError: the events do not replay; names the log.
        """
        self._as_of = as_of
        self._ledger = Ledger(deployment)
        self._claims = [_claim(row, self._ledger) for row in walk(recorded, self._ledger)]
        self._movements = _movements(recorded)

    def patient(self, account: str, reader: Reader | None = None) -> AccountFacts:
        """A patient's claims, benefit years and wallet.

        Raises:
            AttestationError: ``account`` is not an address.
        """
        account = checksum_address(account)
        return AccountFacts(
            as_of=self._as_of,
            claims=[_opened(claim, reader) for claim in self._claims if claim.patient == account],
            movements=self._movements.get(account, []),
            balance=self._ledger.balance_of(account),
            years=self._years(account),
        )

    def insurer(self, payer_id: int) -> AccountFacts:
        """A payer contract's claims and pool, without records.

        Raises:
            LedgerError: there is no such payer.
        """
        return AccountFacts(
            as_of=self._as_of,
            claims=[claim for claim in self._claims if claim.payer_id == payer_id],
            movements=self._movements.get(("payer", payer_id), []),
            balance=self._ledger.payer(payer_id).pool,
        )

    def provider(self, provider_id: int, reader: Reader | None = None) -> AccountFacts:
        """A provider's claims, payouts and credit.

        Raises:
            LedgerError: there is no such provider.
        """
        return AccountFacts(
            as_of=self._as_of,
            claims=[_opened(claim, reader) for claim in self._claims if claim.provider_id == provider_id],
            movements=self._movements.get(("provider", provider_id), []),
            balance=self._ledger.provider(provider_id).credit,
        )

    def _years(self, account: str) -> list[MemberYear]:
        return [
            MemberYear(
                payer_id=payer_id,
                benefit_year=year,
                plan=_plan_at(payer.plans[standing.plan_id], self._as_of),
                met=standing.met,
                opening=standing.opening,
                coverage_ends_at=standing.coverage_ends_at or None,
            )
            for payer_id, payer in self._ledger.payers.items()
            for (member, year), standing in payer.members.items()
            if member == account
        ]


def _claim(row: ClaimRecord, ledger: Ledger) -> ClaimFacts:
    """One row; ``ledger`` is the one it met."""
    claim = row.claim
    return ClaimFacts(
        reference=row.commitment,
        provider_id=row.provider_id,
        sequence=row.sequence,
        patient=row.patient,
        outcome=row.outcome,
        reason=row.reason,
        decided_at=row.recorded.block_time,
        payer_id=claim.payer_id if claim else _accepted_payer(row, ledger),
        benefit_year=claim.benefit_year if claim else None,
        service_id=claim.service_id if claim else None,
        units=claim.units if claim else None,
        billed_amount=claim.billed_amount if claim else None,
        sharing=_sharing(claim) if claim and row.outcome is Outcome.SETTLED else None,
        terms=_terms(row),
    )


def _sharing(claim: Claim) -> CostSharing:
    return CostSharing(
        billed=claim.billed,
        allowed=claim.allowed,
        contractual_adjustment=claim.contractual_adjustment,
        deductible=claim.deductible,
        copay=claim.copay,
        coinsurance=claim.coinsurance,
        plan_paid=claim.plan_paid,
    )


def _terms(row: ClaimRecord) -> TermsApplied | None:
    priced_by = row.determination.priced_by if row.determination else None
    if priced_by is None or priced_by.category is None:
        return None
    return TermsApplied(
        plan=priced_by.plan.terms,
        category=priced_by.category,
        category_id=priced_by.fee.terms.category,
        met_before=priced_by.met,
    )


def _accepted_payer(row: ClaimRecord, ledger: Ledger) -> int | None:
    account = ledger.patients.get(row.patient)
    if account is None or row.batch is None or row.reason in _ANOTHER_PAYER:
        return None
    return account.payer.at(row.batch.signed_at) or None


def _plan_at(versions: Sequence[PlanVersion], time: int) -> PlanTerms:
    """The terms in force at ``time``; the first version's where none is yet."""
    in_force = [version.terms for version in versions if version.effective_at <= time]
    return in_force[-1] if in_force else versions[0].terms


def _opened(claim: ClaimFacts, reader: Reader | None) -> ClaimFacts:
    """``claim`` with its record, where the reader's vault has one that opens its commitment."""
    if reader is None or claim.reference not in reader.vault:
        return claim
    try:
        return replace(claim, record=reader.vault.open(claim.reference, reader.key).event)
    except StateError:  # sealed to others, not to this reader
        return claim
    except (AttestationError, MalformedRecord):
        return replace(claim, record_damaged=True)


_Owner = str | tuple[str, int]
"""A patient's account, or a payer's or provider's id with its role."""


def _movements(recorded: Iterable[RecordedEvent]) -> dict[_Owner, list[Movement]]:
    """Deposits, withdrawals and payouts by the account they belong to."""
    movements: dict[_Owner, list[Movement]] = {}
    for entry in recorded:
        found = _movement(entry.event)
        if found is not None:
            owner, kind, amount = found
            movements.setdefault(owner, []).append(Movement(entry.block_time, kind, amount))
    return movements


def _movement(event: Event) -> tuple[_Owner, MovementKind, int] | None:
    match event:
        case PatientDeposited():
            return event.patient, MovementKind.DEPOSIT, event.amount
        case PatientWithdrew():
            return event.patient, MovementKind.WITHDRAWAL, event.amount
        case PoolDeposited():
            return ("payer", event.payer_id), MovementKind.DEPOSIT, event.amount
        case PoolWithdrawn():
            return ("payer", event.payer_id), MovementKind.WITHDRAWAL, event.amount
        case ProviderPaid():
            return ("provider", event.provider_id), MovementKind.PAYOUT, event.amount
        case _:
            return None
