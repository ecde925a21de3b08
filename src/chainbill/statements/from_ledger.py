"""From the ledger to facts: the audit's replay joined with the vault's records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from chainbill.attestation.address import checksum_address
from chainbill.attestation.claim_number import claim_number
from chainbill.audit.account import named_keys
from chainbill.billing.outcomes import Outcome
from chainbill.billing.terms import PlanTerms
from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.chain.deployments import Deployment
from chainbill.chain.format.batch_rows import Row, is_row
from chainbill.chain.format.events import Claim, ClaimSkipped, DisputeParty, RecordedEvent
from chainbill.errors import AttestationError, LedgerError, MalformedRecord, StateError
from chainbill.ledger.accounts import Ledger, PatientAccount, PlanVersion
from chainbill.ledger.claim_records import ClaimRecord, replay_claims
from chainbill.ledger.credit import CreditAccount
from chainbill.ledger.live_claims import Dispute
from chainbill.oracle.api import OPEN, RefusalReason, Status
from chainbill.oracle.store import StoredAttestation
from chainbill.records.refusals import Refusals
from chainbill.records.service_event import ServiceEvent
from chainbill.records.vault import Vault, VaultKey
from chainbill.statements.facts import (
    AccountFacts,
    ClaimFacts,
    DisputeFacts,
    Disputer,
    DisputeStage,
    MemberYearFacts,
    ProviderBalance,
    RefusedFacts,
)
from chainbill.statements.movements import movements
from chainbill.statements.pending_changes import pending_changes
from chainbill.statements.sharing import CostSharing, TermsApplied


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose records are opened: a vault and the reader's key."""

    vault: Vault
    key: VaultKey
    refusals: Refusals | None = None
    """What the oracle would not take of the reader's; None: nobody keeps that here."""
    taken: Sequence[StoredAttestation] = ()
    """What the oracle has taken and not settled: accepted, pended, held or recalled; of anybody."""


class LedgerHistory:
    """Everything that was logged, replayed once; gives each account its facts."""

    def __init__(
        self,
        recorded: Sequence[RecordedEvent],
        deployment: Deployment,
        *,
        as_of: int,
        not_final: Sequence[RecordedEvent] = (),
    ) -> None:
        """Replay.

        Args:
            recorded: every event of the deployment, in order (``audit.index``).
            deployment: whose events they are.
            as_of: time of the last block read, in seconds since 1970.
            not_final: what was logged in later blocks, which may still be taken back: it is counted alone.

        Raises:
            LedgerError: the events do not replay; names the log.
        """
        self._as_of = as_of
        self._has_later = bool(not_final)
        self._not_final = [each.event for each in not_final if is_row(each.event)]
        self._rows, self._ledger = replay_claims(recorded, deployment)
        rows = self._rows
        self._ledger.mature(as_of)
        references = {row.claim_id: row.commitment for row in rows if row.claim_id}
        self._claims = [_claim(row, self._ledger, references) for row in rows]
        self._places = {(row.provider_id, row.sequence): row.commitment for row in rows}
        self._movements = movements(recorded, self._ledger)

    def numbers_of(self, wanted: str) -> list[str]:
        """The whole numbers of the charges, anybody's, that a number, a commitment or a claim id names.

        Raises:
            LedgerError: ``wanted`` is none of them.
        """
        with self._final_alone():
            return [claim_number(*key) for key in sorted(named_keys(self._rows, wanted))]

    def patient(self, account: str, reader: Reader | None = None) -> AccountFacts:
        """A patient's claims, benefit years and wallet; without a ``reader`` no records.

        Raises:
            AttestationError: ``account`` is not an address.
        """
        account = checksum_address(account)
        claims = [_opened(claim, reader) for claim in self._claims if claim.patient == account]
        taken = self._taken(account, reader) if reader else []
        refused = _refused(account, reader)
        claims = _standing_rows(_recalled(claims, reader), taken, refused)
        return AccountFacts(
            as_of=self._as_of,
            claims=claims,
            refused=_not_on_chain(claims, [*taken, *refused]),
            opened=reader is not None,
            not_final=self._count_not_final(lambda row: row.patient == account),
            movements=self._movements.get(account, []),
            balance=self._ledger.balance_of(account),
            years=self._years(account),
            pending_changes=pending_changes(
                self._ledger.patients.get(account, PatientAccount()), self._as_of
            ),
        )

    def insurer(self, payer_id: int) -> AccountFacts:
        """A payer contract's claims and pool, without records.

        Raises:
            LedgerError: there is no such payer.
        """
        with self._final_alone():
            account = self._ledger.payer(payer_id)
        owed = {
            provider_id: provider.receivables[payer_id]
            for provider_id, provider in self._ledger.providers.items()
            if provider.receivables.get(payer_id)
        }
        return AccountFacts(
            as_of=self._as_of,
            claims=[
                claim for claim in self._claims if payer_id in (claim.payer_id, claim.secondary_payer_id)
            ],
            not_final=self._count_not_final(
                lambda row: payer_id in (row.claim.payer_id, row.claim.secondary_payer_id)
            ),
            movements=self._movements.get(("payer", payer_id), []),
            balance=account.pool,
            waiting_refund=account.waiting_refund,
            receivables=owed,
        )

    def provider(self, provider_id: int, reader: Reader | None = None) -> AccountFacts:
        """A provider's claims, payouts and credit.

        Raises:
            LedgerError: there is no such provider.
        """
        with self._final_alone():
            account = self._ledger.provider(provider_id)
        return AccountFacts(
            as_of=self._as_of,
            claims=[_opened(claim, reader) for claim in self._claims if claim.provider_id == provider_id],
            not_final=self._count_not_final(lambda row: row.claim.provider_id == provider_id),
            movements=self._movements.get(("provider", provider_id), []),
            balance=account.credit.tokens,
            standing=_provider_balance(account.credit),
            receivables={payer_id: owed for payer_id, owed in account.receivables.items() if owed},
        )

    @contextmanager
    def _final_alone(self) -> Iterator[None]:
        """What is not found may be in a block that is not final: an error says so."""
        try:
            yield
        except LedgerError as error:
            if not self._has_later:
                raise
            raise LedgerError(
                str(error), hint="what is not final yet is not told of: if it is new, ask again in a while"
            ) from None

    def _count_not_final(self, concerns: Callable[[Row], bool]) -> int:
        """How many charges that concern somebody were decided in blocks that are not final."""
        rows = (row for row in self._not_final if concerns(row) and not isinstance(row, ClaimSkipped))
        return len({(row.claim.provider_id, row.claim.sequence) for row in rows})

    def _taken(self, account: str, reader: Reader) -> list[RefusedFacts]:
        """What the oracle has of a patient and may settle, where the reader's vault opens its record."""
        found = []
        for stored in reader.taken:
            attestation = stored.attestation
            if attestation.patient != account or stored.status not in (*OPEN, Status.HELD):
                continue
            try:
                record = reader.vault.open(attestation.commitment, reader.key).event
            except (AttestationError, MalformedRecord, StateError):
                continue
            place = attestation.provider_id, attestation.sequence
            is_its_own = self._places.get(place, attestation.commitment) == attestation.commitment
            waits = RefusedFacts(
                reference=attestation.commitment,
                provider_id=attestation.provider_id,
                sequence=attestation.sequence if is_its_own else None,
                reason=stored.hold.value if stored.hold else Status.ACCEPTED.value,
                refused_at=stored.held_at or self._as_of,
                self_pay=attestation.payer_id == 0,
                record=record,
            )
            found.append(waits)
        return found

    def _years(self, account: str) -> list[MemberYearFacts]:
        return [
            MemberYearFacts(
                payer_id=payer_id,
                benefit_year=year,
                plan=_plan_at(payer.plans[standing.plan.at(self._as_of)], self._as_of),
                met=standing.met,
                opening=standing.opening,
                coverage_ends_at=standing.coverage_ends_at or None,
                family=payer.family_of(standing, year),
            )
            for payer_id, payer in self._ledger.payers.items()
            for (member, year), standing in payer.members.items()
            if member == account
        ]


def _claim(row: ClaimRecord, ledger: Ledger, references: dict[bytes, bytes]) -> ClaimFacts:
    """One row as it stands now; ``references`` are commitments by claim id."""
    claim = row.claim
    live = ledger.claims.get(row.claim_id or b"")
    dispute = ledger.disputes.get(row.claim_id or b"")
    return ClaimFacts(
        reference=row.commitment,
        provider_id=row.provider_id,
        sequence=row.sequence,
        patient=row.patient,
        outcome=row.outcome,
        reason=row.reason,
        decided_at=row.recorded.block_time,
        payer_id=claim.payer_id or None,
        secondary_payer_id=claim.secondary_payer_id or None,
        benefit_year=claim.benefit_year,
        service_id=claim.service_id,
        units=claim.units,
        billed_amount=0 if claim.billed_as_fee else claim.billed,
        sharing=_sharing(claim) if row.outcome is Outcome.SETTLED else None,
        taken_back=_sharing(live.reversed_claim) if live and live.reversed_claim else None,
        dispute=_dispute(dispute) if dispute else None,
        corrects=references.get(row.corrects) if row.corrects else None,
        terms=_terms(row),
        unanswered=row.unanswered,
    )


def _sharing(claim: Claim) -> CostSharing:
    return CostSharing(
        billed=claim.billed,
        allowed=claim.allowed,
        deductible=claim.deductible,
        copay=claim.copay,
        coinsurance=claim.coinsurance,
        outside_plan=claim.outside_plan,
        plan_paid=claim.plan_paid,
        secondary_paid=claim.secondary_paid,
        operator_fee=claim.fee,
    )


_STAGES = {
    DisputeStatus.OPEN: DisputeStage.OPEN,
    DisputeStatus.ANSWERED: DisputeStage.ANSWERED,
    DisputeStatus.UPHELD: DisputeStage.UPHELD,
    DisputeStatus.REVERSED: DisputeStage.REVERSED,
    DisputeStatus.CORRECTED: DisputeStage.REVERSED,
}

_DISPUTERS = {
    DisputeParty.PATIENT: Disputer.PATIENT,
    DisputeParty.PRIMARY: Disputer.INSURER,
    DisputeParty.SECONDARY: Disputer.SECOND_INSURER,
}


def _dispute(dispute: Dispute) -> DisputeFacts:
    parties = tuple(_DISPUTERS[party] for party in DisputeParty if dispute.parties >> party & 1)
    return DisputeFacts(_STAGES[dispute.status], parties, dispute.deadline or None)


def _terms(row: ClaimRecord) -> TermsApplied | None:
    priced_by = row.readjudication.priced_by if row.readjudication else None
    if priced_by is None or priced_by.category is None:
        return None
    return TermsApplied(
        plan=priced_by.plan.terms,
        category=priced_by.category,
        category_id=priced_by.fee.terms.category,
        met_before=priced_by.met,
        family_before=priced_by.family,
    )


def _provider_balance(credit: CreditAccount) -> ProviderBalance:
    return ProviderBalance(
        credit.matured, credit.maturing, credit.held, credit.bond, credit.advanced, credit.owed
    )


def _plan_at(versions: Sequence[PlanVersion], time: int) -> PlanTerms:
    """The terms in force at ``time``; the first version's where none is yet."""
    in_force = [version.terms for version in versions if version.effective_at <= time]
    return in_force[-1] if in_force else versions[0].terms


_OF_CORRECTIONS = (RefusalReason.NOT_REVERSED, RefusalReason.NOT_ITS_CLAIM)
"""Said only of a correction, which is of the same record as the charge that it would replace."""


_Record = tuple[int, str]
"""Whose record of what: a provider's id and the record's identity."""


def _recalled(claims: Sequence[ClaimFacts], reader: Reader | None) -> list[ClaimFacts]:
    """With what was put back and its provider has taken back since marked as that."""
    recalled = {
        (stored.attestation.commitment, stored.attestation.sequence)
        for stored in (reader.taken if reader else ())
        if stored.status is Status.RECALLED
    }
    return [
        replace(claim, recalled=True)
        if claim.outcome is Outcome.PENDED and (claim.reference, claim.sequence) in recalled
        else claim
        for claim in claims
    ]


def _standing_rows(
    claims: Sequence[ClaimFacts], taken: Sequence[RefusedFacts], refused: Sequence[RefusedFacts]
) -> list[ClaimFacts]:
    """Without what was put back and is settled, denied or attested anew under another number since, or taken
    back and refused since."""
    on_chain = {claim.reference for claim in claims}
    anew: dict[_Record, int | None] = {
        _record(each.provider_id, each.record): each.sequence
        for each in taken
        if each.reference not in on_chain
    }
    for claim in claims:
        if claim.record and claim.outcome in (Outcome.SETTLED, Outcome.DENIED) and not claim.given_back:
            anew[_record(claim.provider_id, claim.record)] = claim.sequence
    refused_since = {
        _record(each.provider_id, each.record) for each in refused if each.reference not in on_chain
    }
    return [
        claim
        for claim in claims
        if claim.outcome is not Outcome.PENDED
        or claim.record is None
        or claim.corrects is not None
        or (
            anew.get(_record(claim.provider_id, claim.record), claim.sequence) == claim.sequence
            and not (claim.recalled and _record(claim.provider_id, claim.record) in refused_since)
        )
    ]


def _not_on_chain(claims: Sequence[ClaimFacts], waiting: Sequence[RefusedFacts]) -> list[RefusedFacts]:
    """What the oracle has not settled or not taken. A record stands once: as it was paid or last tried, else
    as it waits first."""
    seen = {claim.reference for claim in claims}
    records = {
        _record(claim.provider_id, claim.record) for claim in claims if claim.record and not claim.given_back
    }
    found = []
    for waits in waiting:
        record = _record(waits.provider_id, waits.record)
        if waits.reference not in seen and (record not in records or waits.reason in _OF_CORRECTIONS):
            found.append(waits)
            seen.add(waits.reference)
            records.add(record)
    return found


def _record(provider_id: int, record: ServiceEvent) -> _Record:
    return provider_id, record.record_identity


def _refused(account: str, reader: Reader | None) -> list[RefusedFacts]:
    """What the oracle has not taken."""
    if reader is None or reader.refusals is None:
        return []
    return [
        RefusedFacts(
            reference=refused.commitment,
            provider_id=refused.provider_id,
            sequence=None,
            reason=refused.reason,
            refused_at=refused.refused_at,
            self_pay=refused.self_pay,
            record=record,
        )
        for refused, record in reader.refusals.of(account, reader.key)
    ]


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
