"""An insurer's statement: what its payer contract paid, to whom, for which year, and what it holds.

It names no member and no record. A service has a name only where the insurer's own schedule key reads
it; otherwise it stands as the pseudonym that is on chain. Events that it paid as second insurer stand apart.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Literal, TypeVar

from chainbill.statements.facts import (
    AccountFacts,
    ClaimFacts,
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
    Dollars,
    MovementLine,
    StatementPart,
    sharings,
)
from chainbill.statements.wording import known_payer, known_provider, movement_line, plain, utc_day

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
    """YYYY-MM-DD of the last block read."""
    members: int
    """How many accounts had an event."""
    counts: Counts
    totals: Amounts
    providers: list[ProviderLine]
    benefit_years: list[YearLine]
    services: list[ServiceLine]
    as_second_insurer: SecondInsurer
    receivables: list[Receivable]
    pool: Pool


def insurer_statement(
    payer_id: int, facts: AccountFacts, names: Names, service_names: Mapping[bytes, str] | None = None
) -> InsurerStatement:
    """Add up what one payer contract did.

    Args:
        payer_id: the payer contract's id.
        facts: entries of that payer; records and terms are not looked at.
        names: what the address book calls the providers and the insurer.
        service_names: the schedule's names by service id, from ``records.service_id.service_ids``;
            None: without the schedule key.

    Raises:
        LedgerError: the pool does not add up.
    """
    current = current_claims(facts.claims)
    claims = [claim for claim in current if claim.payer_id == payer_id]
    return InsurerStatement(
        payer_id=payer_id,
        name=known_payer(payer_id, names),
        as_of=utc_day(facts.as_of).isoformat(),
        members=len({claim.patient for claim in current}),
        counts=Counts.of(claims),
        totals=Amounts.total(sharings(claims)),
        providers=_providers(claims, names),
        benefit_years=_years(claims),
        services=_services(claims, service_names or {}),
        as_second_insurer=_as_second_insurer([claim for claim in current if claim.payer_id != payer_id]),
        receivables=[
            Receivable(provider_id=provider_id, provider=known_provider(provider_id, names), amount=amount)
            for provider_id, amount in sorted(facts.receivables.items())
        ],
        pool=_pool(payer_id, facts, current),
    )


def _as_second_insurer(claims: Sequence[ClaimFacts]) -> SecondInsurer:
    paid = sharings(claims)
    return SecondInsurer(events=len(paid), paid=sum(sharing.secondary_paid for sharing in paid))


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
