"""An insurer's statement: what its payer contract paid, to whom, for which year, and what it holds.

It names no member and no record. A service has a name only where the insurer's own schedule key reads
it; otherwise it stands as the pseudonym that is on chain. Events that it paid as second insurer stand apart.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Literal, TypeVar

from chainbill.statements.facts import (
    AccountFacts,
    ChargeState,
    ClaimFacts,
    Disputer,
    MovementKind,
    Names,
    check_balance,
    current_claims,
    moved,
)
from chainbill.statements.model import (
    STATEMENT_VERSION,
    Amounts,
    Counts,
    Disputable,
    Dollars,
    MovementLine,
    OutcomeWord,
    PeriodLine,
    StatementPart,
    outcome_word,
    sharings,
)
from chainbill.statements.period import Period, within
from chainbill.statements.sharing import CostSharing
from chainbill.statements.wording import (
    iso_moment,
    known_payer,
    known_provider,
    movement_line,
    plain,
    utc_day,
)

_Key = TypeVar("_Key", bound=Hashable)


class ProviderLine(StatementPart):
    """All events of one provider."""

    provider_id: int
    provider: str
    counts: Counts
    amounts: Amounts


class YearLine(StatementPart):
    """All events of one benefit year."""

    benefit_year: int
    counts: Counts
    amounts: Amounts


class ServiceLine(StatementPart):
    """All events of one service."""

    service_id: str
    """``0x…``, as on chain."""
    service: str | None
    """The name in the insurer's schedule; None: the schedule key at hand does not read it."""
    counts: Counts
    amounts: Amounts


class InsurerCharge(StatementPart):
    """One event, without its member and its record."""

    number: str
    """The charge's one number (``2:7``), which every command about it takes and which never changes."""
    decided_date: str
    """YYYY-MM-DD, UTC: when it was paid, denied or last tried."""
    benefit_year: int
    provider: str
    service: str | None
    """The name in the insurer's schedule; None: the schedule key at hand does not read it."""
    as_second: bool
    """Did another insurer pay first?"""
    outcome: OutcomeWord
    state: ChargeState
    """How it stands now."""
    reason: str
    """A ``Reason``'s label; ``none`` where it was paid."""
    billed: Dollars | None
    """None: the fee schedule's price, which a refused or waiting event never got."""
    paid: Dollars
    """What this insurer has paid, less what came back."""
    came_back: Dollars
    """What came back to this insurer."""
    member_owed: Dollars
    """The member's part, less what came back."""
    dispute: Disputable | None
    """None: nothing was paid."""


class SecondInsurer(StatementPart):
    """What was paid after another insurer; reversals taken off."""

    events: int
    """How many of the settled ones named the insurer as second."""
    paid: Dollars


class Receivable(StatementPart):
    """What a provider owes for an event that it gave back."""

    provider_id: int
    provider: str
    amount: Dollars


class Pool(StatementPart):
    """``balance == deposited - withdrawn - paid + refunded``."""

    balance: Dollars
    deposited: Dollars
    withdrawn: Dollars
    paid: Dollars
    """As only, first and second insurer, before anything was taken back."""
    refunded: Dollars
    waiting: Dollars
    """Refunds that could not be sent to the pool yet."""
    movements: list[MovementLine]


class InsurerStatement(StatementPart):
    """One payer contract's remittances."""

    statement: Literal["insurer"] = "insurer"
    version: int = STATEMENT_VERSION
    payer_id: int
    name: str
    as_of: str
    """YYYY-MM-DD of the last block read: the newest that is final."""
    not_final: int
    """How many charges more were decided in later blocks. They are told of once these are final."""
    period: PeriodLine | None
    """The days that everything but ``receivables`` and ``pool`` is about; None: all."""
    outside_period: int
    """How many events are left out."""
    members: int
    """How many accounts had an event."""
    counts: Counts
    totals: Amounts
    providers: list[ProviderLine]
    benefit_years: list[YearLine]
    services: list[ServiceLine]
    as_second_insurer: SecondInsurer
    charges: list[InsurerCharge]
    """Every event, as first or second insurer; decided ones in the ledger's order, then those that wait."""
    receivables: list[Receivable]
    pool: Pool


def insurer_statement(
    payer_id: int,
    facts: AccountFacts,
    names: Names,
    service_names: Mapping[bytes, str] | None = None,
    period: Period | None = None,
) -> InsurerStatement:
    """Add up what one payer contract did.

    Args:
        payer_id: the payer contract's id.
        facts: entries of that payer; records and terms are not looked at.
        names: what the address book calls the providers and the insurer.
        service_names: the schedule's names by service id, from ``records.service_id.service_ids``;
            None: without the schedule key.
        period: what days it is about. An insurer has no records: a charge goes by the day it was decided, a
            year is a benefit year.

    Raises:
        LedgerError: the pool does not add up.
    """
    everything = current_claims(facts.claims)
    current = within(everything, period)
    claims = [claim for claim in current if claim.payer_id == payer_id]
    return InsurerStatement(
        payer_id=payer_id,
        name=known_payer(payer_id, names),
        as_of=utc_day(facts.as_of).isoformat(),
        not_final=facts.not_final,
        period=period.line() if period else None,
        outside_period=len(everything) - len(current),
        members=len({claim.patient for claim in current}),
        counts=Counts.of(claims),
        totals=Amounts.total(sharings(claims)),
        providers=_providers(claims, names),
        benefit_years=_years(claims),
        services=_services(claims, service_names or {}),
        as_second_insurer=_as_second_insurer([claim for claim in current if claim.payer_id != payer_id]),
        charges=[_charge(payer_id, claim, names, service_names or {}, facts.as_of) for claim in current],
        receivables=[
            Receivable(provider_id=provider_id, provider=known_provider(provider_id, names), amount=amount)
            for provider_id, amount in sorted(facts.receivables.items())
        ],
        pool=_pool(payer_id, facts, everything),
    )


def _as_second_insurer(claims: Sequence[ClaimFacts]) -> SecondInsurer:
    paid = sharings(claims)
    return SecondInsurer(
        events=sum(claim.sharing is not None and not claim.given_back for claim in claims),
        paid=sum(sharing.secondary_paid for sharing in paid),
    )


def _charge(
    payer_id: int, claim: ClaimFacts, names: Names, service_names: Mapping[bytes, str], now: int
) -> InsurerCharge:
    as_second = claim.payer_id != payer_id
    net, taken = claim.net or CostSharing(), claim.taken_back or CostSharing()
    party = Disputer.SECOND_INSURER if as_second else Disputer.INSURER
    name = service_names.get(claim.service_id)
    return InsurerCharge(
        number=claim.number,
        decided_date=utc_day(claim.decided_at).isoformat(),
        benefit_year=claim.benefit_year,
        provider=known_provider(claim.provider_id, names),
        service=plain(name) if name is not None and not as_second else None,
        as_second=as_second,
        outcome=outcome_word(claim),
        state=claim.state,
        reason=claim.reason.label,
        billed=claim.sharing.billed if claim.sharing else claim.billed_amount or None,
        paid=net.secondary_paid if as_second else net.plan_paid,
        came_back=taken.secondary_paid if as_second else taken.plan_paid,
        member_owed=net.patient_responsibility,
        dispute=None
        if claim.dispute_until is None
        else Disputable(
            until=iso_moment(claim.dispute_until),
            by_reader=claim.may_be_disputed(party, now),
            closed=claim.why_closed([party]),
        ),
    )


def _providers(claims: Sequence[ClaimFacts], names: Names) -> list[ProviderLine]:
    groups = _grouped(claims, lambda claim: claim.provider_id)
    return [
        ProviderLine(
            provider_id=provider_id,
            provider=known_provider(provider_id, names),
            counts=Counts.of(group),
            amounts=Amounts.total(sharings(group)),
        )
        for provider_id, group in sorted(groups.items())
    ]


def _years(claims: Sequence[ClaimFacts]) -> list[YearLine]:
    groups = _grouped(claims, lambda claim: claim.benefit_year)
    return [
        YearLine(benefit_year=year, counts=Counts.of(group), amounts=Amounts.total(sharings(group)))
        for year, group in sorted(groups.items())
    ]


def _services(claims: Sequence[ClaimFacts], service_names: Mapping[bytes, str]) -> list[ServiceLine]:
    groups = _grouped(claims, lambda claim: claim.service_id)
    lines = [
        ServiceLine(
            service_id=f"0x{service_id.hex()}",
            service=plain(service_names[service_id]) if service_id in service_names else None,
            counts=Counts.of(group),
            amounts=Amounts.total(sharings(group)),
        )
        for service_id, group in groups.items()
    ]
    return sorted(lines, key=lambda line: (line.service is None, line.service or line.service_id))


def _grouped(claims: Sequence[ClaimFacts], key: Callable[[ClaimFacts], _Key]) -> dict[_Key, list[ClaimFacts]]:
    groups: dict[_Key, list[ClaimFacts]] = {}
    for claim in claims:
        groups.setdefault(key(claim), []).append(claim)
    return groups


def _pool(payer_id: int, facts: AccountFacts, claims: Sequence[ClaimFacts]) -> Pool:
    deposited = moved(facts.movements, MovementKind.DEPOSIT)
    withdrawn = moved(facts.movements, MovementKind.WITHDRAWAL)
    refunded = moved(facts.movements, MovementKind.REFUND)
    paid = sum(_paid(payer_id, claim) for claim in claims)
    check_balance("the pool", deposited - withdrawn - paid + refunded, facts.balance)
    return Pool(
        balance=facts.balance,
        deposited=deposited,
        withdrawn=withdrawn,
        paid=paid,
        refunded=refunded,
        waiting=facts.waiting_refund,
        movements=[movement_line(movement) for movement in facts.movements],
    )


def _paid(payer_id: int, claim: ClaimFacts) -> int:
    if claim.sharing is None:
        return 0
    return claim.sharing.plan_paid if claim.payer_id == payer_id else claim.sharing.secondary_paid
