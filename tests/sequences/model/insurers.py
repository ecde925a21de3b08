"""Insurers: pools, published terms, members and what these have met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.sequences.model.claims import Claim
from tests.sequences.model.pricing import Fee, Met, Plan, Shares, share
from tests.sequences.model.timeline import DAY, MAX_BATCH_LIFE, NOTICE, Refused, Timeline
from tests.sequences.model.wallets import Pot

MAX_ANNOUNCEMENT = 400 * DAY
MOST_OF_A_YEAR = 2**48 - 1
"""What opening entries bring a member to at most."""


@dataclass
class Member:
    """One member's benefit year."""

    plans: Timeline[int]
    family: int
    ends: int = 0
    """When coverage ends; 0: open."""
    openings: list[tuple[int, int, int]] = field(default_factory=list)
    """Deductible, out of pocket and plan paid, carried in from elsewhere."""
    claims: list[Claim] = field(default_factory=list)
    """All that ever settled with this payer as primary or secondary."""

    def covered(self, plan: int, signed_at: int) -> bool:
        return self.plans.at(signed_at) == plan and (not self.ends or signed_at < self.ends)


@dataclass(frozen=True)
class Price:
    """What a payer makes of one event."""

    reason: str | None
    billed: int = 0
    allowed: int = 0
    shares: Shares | None = None
    counted: bool = False
    carve_out: bool = False


class Insurer(Pot):
    """One payer; its pool is the pot."""

    def __init__(self, payer_id: int) -> None:
        super().__init__()
        self.payer_id = payer_id
        self.plans: dict[int, list[tuple[int, Plan]]] = {}
        """Versions in order, each with the second from which it holds."""
        self.fees: dict[bytes, Timeline[Fee | None]] = {}
        self.acceptances: dict[int, list[list[int]]] = {}
        """By provider: spans, from and until (0: open)."""
        self.members: dict[tuple[str, int], Member] = {}

    # ---- terms --------------------------------------------------------------------------------------

    def publish_plan(self, plan_id: int, plan: Plan, at: int, now: int) -> None:
        """Publish a plan's next version; `at` 0: as soon as allowed."""
        versions = self.plans.get(plan_id, [])
        since = _effective(at, versions[-1][0] if versions else 0, now)
        self.plans.setdefault(plan_id, []).append((since, plan))

    def publish_fee(self, service: bytes, fee: Fee, at: int, now: int) -> None:
        """Publish a service's next fee."""
        known = self.fees.get(service)
        since = _effective(at, known.entries[-1][0] if known else 0, now)
        if known is None:
            known = self.fees[service] = Timeline(None)
        known.announce(fee, since, now)

    def plan_at(self, plan_id: int, version: int, time: int) -> Plan | None:
        """A version, if it is the one in force."""
        versions = self.plans.get(plan_id, [])
        if not 1 <= version <= len(versions) or versions[version - 1][0] > time:
            return None
        if version < len(versions) and versions[version][0] <= time:
            return None
        return versions[version - 1][1]

    def version_at(self, plan_id: int, time: int) -> int:
        """The number of the version in force; 0: none."""
        return sum(since <= time for since, _ in self.plans.get(plan_id, []))

    # ---- providers ----------------------------------------------------------------------------------

    def accept(self, provider: int, now: int) -> None:
        spans = self.acceptances.setdefault(provider, [])
        if spans and not spans[-1][1]:
            raise Refused("ProviderAlreadyAccepted")
        if spans and spans[-1][1] + MAX_BATCH_LIFE > now:
            spans[-1][1] = 0
        else:
            spans.append([now, 0])

    def end_acceptance(self, provider: int, now: int) -> None:
        spans = self.acceptances.get(provider, [])
        if not spans or spans[-1][1]:
            raise Refused("ProviderNotAccepted")
        spans[-1][1] = now + NOTICE

    def accepts(self, provider: int, time: int) -> bool:
        spans = self.acceptances.get(provider, [])
        return any(since <= time and (not until or time < until) for since, until in spans)

    # ---- members ------------------------------------------------------------------------------------

    def enrol(
        self,
        member: str,
        year: int,
        plan: int,
        family: int,
        opening: tuple[int, int, int],
        now: int,
        this_year: int,
    ) -> None:
        """Open a benefit year, or resume it."""
        if plan not in self.plans:
            raise Refused("UnknownPlan")
        if not this_year - 1 <= year <= this_year + 1:
            raise Refused("BenefitYearOutOfReach")
        known = self.members.get((member, year))
        if known is not None:
            if not known.ends or now < known.ends:
                raise Refused("AlreadyEnrolled")
            if now < known.ends + MAX_BATCH_LIFE:
                raise Refused("ChangeTooRecent")
            if known.family != family:
                raise Refused("FamilyUnchangeable")
        met = self._sums(known) if known is not None else (0, 0, 0)
        if any(entry and entry + so_far > MOST_OF_A_YEAR for entry, so_far in zip(opening, met, strict=True)):
            raise Refused("OpeningTooLarge")
        if known is None:
            known = self.members[member, year] = Member(Timeline(plan), family)
        else:
            known.plans.replace(plan)
            known.ends = 0
        known.openings.append(opening)

    def change_plan(self, member: str, year: int, plan: int, now: int) -> None:
        """Move a member to another plan after notice; back to the present one at once."""
        if plan not in self.plans:
            raise Refused("UnknownPlan")
        known = self._enrolled(member, year)
        if known.plans.is_recent(now):
            raise Refused("ChangeTooRecent")
        if plan != known.plans.at(now):
            known.plans.announce(plan, now + NOTICE, now)
        elif known.plans.is_announced(now):
            known.plans.cancel(now)
        else:
            raise Refused("PlanUnchanged")

    def end_coverage(self, member: str, year: int, now: int) -> None:
        self._enrolled(member, year).ends = now + NOTICE

    def _enrolled(self, member: str, year: int) -> Member:
        known = self.members.get((member, year))
        if known is None:
            raise Refused("NotEnrolled")
        if known.ends:
            raise Refused("CoverageAlreadyEnded")
        return known

    # ---- what was met: opening entries and live claims ----------------------------------------------

    def met(self, member: str, year: int) -> Met:
        """What a member, and its family, has met."""
        known = self.members.get((member, year))
        if known is None:
            return Met()
        deductible, oop, plan_paid = self._sums(known)
        return Met(deductible, oop, plan_paid, self.family(known.family, year) if known.family else None)

    def family(self, family: int, year: int) -> tuple[int, int]:
        """Deductible and out of pocket of all members of a family."""
        members = [one for (_, of), one in self.members.items() if of == year and one.family == family]
        sums = [self._sums(one) for one in members]
        return sum(one[0] for one in sums), sum(one[1] for one in sums)

    def _sums(self, member: Member) -> tuple[int, int, int]:
        deductible, oop, plan_paid = (sum(part) for part in zip(*member.openings, strict=True))
        for claim in member.claims:
            live = claim.live
            if claim.event.header.payer == self.payer_id:
                more = live.deductible, live.oop, live.plan_paid
            else:
                more = live.alone
            deductible, oop, plan_paid = deductible + more[0], oop + more[1], plan_paid + more[2]
        return deductible, oop, plan_paid

    def units(self, member: str, year: int, service: bytes) -> int:
        """Units of a service that count towards its yearly limit."""
        known = self.members.get((member, year))
        total = 0
        for claim in known.claims if known else ():
            event = claim.event
            primary = event.header.payer == self.payer_id
            counts = claim.counted if primary else claim.second_counted
            if (
                counts
                and claim.units_live
                and service == (event.service if primary else event.second_service)
            ):
                total += event.units
        return total

    # ---- pricing ------------------------------------------------------------------------------------

    def price(
        self,
        provider: int,
        terms: tuple[int, int],
        signed_at: int,
        who: tuple[str, int],
        service: bytes,
        what: tuple[int, int],
        *,
        at_least: int = 0,
    ) -> Price:
        """Price an event; `terms` are plan and version, `who` member and year, `what` units and billed."""
        plan = self.plan_at(*terms, signed_at)
        member = self.members.get(who)
        if not self.accepts(provider, signed_at):
            return Price("PROVIDER_NOT_ACCEPTED")
        if plan is None:
            return Price("NO_TERMS_IN_FORCE")
        if member is None or not member.covered(terms[0], signed_at):
            return Price("NOT_ENROLLED")
        fees = self.fees.get(service)
        if fees is None:
            return Price("UNKNOWN_SERVICE")
        fee = fees.at(signed_at)
        if fee is None:
            return Price("NO_TERMS_IN_FORCE")
        return self._price(plan, fee, who, service, what, at_least)

    def _price(
        self, plan: Plan, fee: Fee, who: tuple[str, int], service: bytes, what: tuple[int, int], at_least: int
    ) -> Price:
        units, billed = what
        if not 1 <= units <= fee.max_units:
            return Price("UNITS_EXCEEDED")
        category = plan.categories.get(fee.category)
        if category is None:
            return Price("NOT_COVERED")
        if fee.annual_units and self.units(*who, service) + units > fee.annual_units:
            return Price("ANNUAL_UNITS_EXCEEDED")
        listed = fee.amount * units
        allowed = max(min(billed or listed, listed), at_least)
        shares = share(allowed, plan, category, self.met(*who))
        return Price(None, billed or listed, allowed, shares, bool(fee.annual_units), plan.carve_out)

    def edges(self) -> Sequence[int]:
        """Times at which something changes."""
        found = [since for versions in self.plans.values() for since, _ in versions]
        found += [edge for fees in self.fees.values() for edge in fees.edges()]
        for spans in self.acceptances.values():
            found += [edge for _, until in spans if until for edge in (until, until + MAX_BATCH_LIFE)]
        for member in self.members.values():
            found += member.plans.edges()
            found += [member.ends, member.ends + MAX_BATCH_LIFE] if member.ends else []
        return found


def _effective(at: int, before: int, now: int) -> int:
    """When a version takes effect: a first at once, later ones after notice, one announced at a time."""
    if before > now:
        raise Refused("VersionStillAnnounced")
    earliest = now + NOTICE if before else now
    if at == 0:
        return earliest
    if at < earliest:
        raise Refused("EffectiveTooSoon")
    if at > now + MAX_ANNOUNCEMENT:
        raise Refused("EffectiveTooLate")
    return at
