"""``InsurerPayer``: one insurer's pool, published terms and members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from web3.types import TxReceipt

from chainbill.billing.accumulators import Accumulators, FamilyAccumulators
from chainbill.billing.terms import CategoryTerms, CobMode, FeeTerms, PlanTerms
from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.contracts.escrow import WithdrawalRequest
from chainbill.chain.node.sender import Sender
from chainbill.errors import ChainbillError


@dataclass(frozen=True, slots=True)
class MemberYear:
    """A member's standing in one benefit year; times in seconds since 1970."""

    met: Accumulators
    plan_id: int
    """0: never enrolled in this year."""
    next_plan_id: int = 0
    """The plan announced, in force from ``next_plan_at`` on; 0: none."""
    next_plan_at: int = 0
    coverage_ends_at: int = 0
    """0: open-ended."""
    family_id: int = 0
    """0: none."""

    def is_open_at(self, time: int) -> bool:
        """Was it opened, and has its coverage not ended by ``time``?"""
        return self.plan_id != 0 and not 0 < self.coverage_ends_at <= time

    def plan_at(self, time: int) -> int:
        """The plan in force at ``time``; 0: not enrolled."""
        return self.next_plan_id if self.next_plan_id and time >= self.next_plan_at else self.plan_id


@dataclass(frozen=True, slots=True)
class PublishedFee:
    """A fee version as published; ``effective_at`` in seconds since 1970."""

    terms: FeeTerms
    effective_at: int
    version: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A member's benefit year to be opened."""

    member: str
    """The patient's address."""
    benefit_year: int
    plan_id: int
    opening: Accumulators = field(default_factory=Accumulators)
    """Amounts carried in from elsewhere, in micro-dollars."""
    family_id: int = 0
    """0: none."""

    @property
    def arguments(self) -> tuple[str | int, ...]:
        """As the contract takes them."""
        met = self.opening
        carried = (met.deductible_met, met.oop_met, met.plan_paid)
        return (self.member, self.benefit_year, self.plan_id, self.family_id, *carried)


class InsurerPayer(ContractClient):
    """Verbs are the insurer's unless they say otherwise. ``effective_at`` 0: as soon as allowed."""

    artifact = "InsurerPayer"

    def deposit(self, sender: Sender, amount: int) -> TxReceipt:
        """Add approved tokens to the pool; anyone's."""
        return self._send(sender, "deposit", amount)

    def request_withdrawal(self, sender: Sender, amount: int) -> TxReceipt:
        """Announce a withdrawal from the pool."""
        return self._send(sender, "requestWithdrawal", amount)

    def cancel_withdrawal(self, sender: Sender) -> TxReceipt:
        """Call the announced withdrawal off."""
        return self._send(sender, "cancelWithdrawal")

    def withdraw(self, sender: Sender) -> TxReceipt:
        """Take the announced withdrawal."""
        return self._send(sender, "withdraw")

    def publish_plan(
        self,
        sender: Sender,
        plan_id: int,
        terms: PlanTerms,
        categories: Mapping[int, CategoryTerms],
        *,
        effective_at: int = 0,
    ) -> TxReceipt:
        """Publish the next version of a plan; categories that are not named are not covered."""
        numbers = sorted(categories)
        plan = (
            terms.deductible,
            terms.oop_max,
            terms.family_deductible,
            terms.family_oop_max,
            terms.annual_maximum,
            terms.rounding_unit,
            terms.cob_mode,
            effective_at,
        )
        return self._send(
            sender, "publishPlan", plan_id, plan, numbers, [_category_tuple(categories[n]) for n in numbers]
        )

    def publish_fees(
        self, sender: Sender, fees: Mapping[bytes, FeeTerms], *, effective_at: int = 0
    ) -> TxReceipt:
        """Publish fees by opaque service id (8 bytes)."""
        rows = [
            (fee.amount, fee.category, fee.max_units, fee.annual_units, effective_at, 0)
            for fee in fees.values()
        ]
        return self._send(sender, "publishFees", list(fees), rows)

    def accept_provider(self, sender: Sender, provider_id: int) -> TxReceipt:
        """Pay this provider's events from now on."""
        return self._send(sender, "acceptProvider", provider_id)

    def end_provider_acceptance(self, sender: Sender, provider_id: int) -> TxReceipt:
        """Stop paying this provider's events, after the notice."""
        return self._send(sender, "endProviderAcceptance", provider_id)

    def enrol(
        self,
        sender: Sender,
        member: str,
        benefit_year: int,
        plan_id: int,
        opening: Accumulators | None = None,
        *,
        family_id: int = 0,
    ) -> TxReceipt:
        """Open a member's benefit year under a plan, with amounts carried in from elsewhere, or resume it
        after its coverage has ended."""
        enrolment = Enrolment(member, benefit_year, plan_id, opening or Accumulators(), family_id)
        return self._send(sender, "enrol", *enrolment.arguments)

    def enrol_many(
        self,
        sender: Sender,
        members: Iterable[Enrolment],
        *,
        on_mined: Callable[[int], None] = lambda _: None,
    ) -> list[TxReceipt]:
        """``enrol`` for many members, without a wait for each; the receipts in their order.

        Args:
            on_mined: hears how many are enrolled.

        Raises:
            PartlySent: some were refused or not sent; it says which, and all others are enrolled.
        """
        calls = [each.arguments for each in members]
        return self._send_many(sender, "enrol", calls, on_mined=on_mined)

    def refused_enrolments(self, insurer: str, members: Sequence[Enrolment]) -> dict[int, ChainbillError]:
        """What ``enrol`` would refuse now, by place, and why. Nothing is sent.

        Args:
            insurer: who would call it.

        Raises:
            NodeError: the node does not answer.
        """
        answers = self._try_many("enrol", [each.arguments for each in members], caller=insurer)
        return {place: answer for place, answer in enumerate(answers) if isinstance(answer, ChainbillError)}

    def change_plan(self, sender: Sender, member: str, benefit_year: int, plan_id: int) -> TxReceipt:
        """Move an enrolled member to another plan, after the notice; accumulators go on."""
        return self._send(sender, "changePlan", member, benefit_year, plan_id)

    def end_coverage(self, sender: Sender, member: str, benefit_year: int) -> TxReceipt:
        """End a member's coverage in a benefit year, after the notice."""
        return self._send(sender, "endCoverage", member, benefit_year)

    def transfer_ownership(self, sender: Sender, successor: str) -> TxReceipt:
        """Offer this contract, with its pool, to another address; ``ZERO_ADDRESS`` calls the offer off."""
        return self._send(sender, "transferOwnership", successor)

    def accept_ownership(self, sender: Sender) -> TxReceipt:
        """Become the insurer; the offered address's."""
        return self._send(sender, "acceptOwnership")

    def payer_id(self) -> int:
        """The id under which settlement knows this contract."""
        return int(self._call("payerId"))

    def insurer(self) -> str:
        """The address that owns this contract."""
        return str(self._call("owner"))

    def successor(self) -> str:
        """The address that this contract is offered to; ``ZERO_ADDRESS``: none."""
        return str(self._standing("pendingOwner"))

    def pool(self, *, block: int | str = "latest") -> int:
        """What the insurer can still pay."""
        return int(self._standing("pool", block=block))

    def plan_versions(self, plan_id: int) -> int:
        """How many versions of a plan were published."""
        return int(self._standing("planVersions", plan_id))

    def plan_terms(self, plan_id: int, version: int) -> tuple[PlanTerms, int] | None:
        """One plan version and the time it takes effect; None where there is no such version."""
        terms = self._standing("planTerms", plan_id, version)
        deductible, oop_max, family_deductible, family_oop_max, annual_maximum, unit, mode, at = terms
        if at == 0:
            return None
        published = PlanTerms(
            deductible=deductible,
            oop_max=oop_max,
            family_deductible=family_deductible,
            family_oop_max=family_oop_max,
            annual_maximum=annual_maximum,
            rounding_unit=unit,
            cob_mode=CobMode(mode),
        )
        return published, at

    def category_terms(self, plan_id: int, version: int, category: int) -> CategoryTerms:
        """One plan version's terms for a category."""
        return _category_terms(self._standing("categoryTerms", plan_id, version, category))

    def fee_at(self, service_id: bytes, time: int) -> PublishedFee | None:
        """The fee in force at ``time``; None where the schedule has none."""
        amount, category, max_units, annual_units, effective_at, version = self._standing(
            "feeAt", service_id, time
        )
        if version == 0:
            return None
        terms = FeeTerms(amount=amount, category=category, max_units=max_units, annual_units=annual_units)
        return PublishedFee(terms, effective_at, version)

    def member_year(self, member: str, benefit_year: int, *, block: int | str = "latest") -> MemberYear:
        """A member's standing in one benefit year."""
        met, *standing = self._call("memberYear", member, benefit_year, block=block)
        return MemberYear(Accumulators(*met), *standing)

    def member_years(self, members: Sequence[tuple[str, int]]) -> list[MemberYear]:
        """The standing of many, by member and benefit year, in few requests."""
        standings = []
        for answer in self._try_many("memberYear", members):
            if isinstance(answer, ChainbillError):
                raise answer
            met, *standing = self.decode_answer("memberYear", answer)
            standings.append(MemberYear(Accumulators(*met), *standing))
        return standings

    def plan_at(self, member: str, benefit_year: int, time: int) -> int:
        """The plan under which a member is enrolled at ``time``; 0: under none."""
        met, *standing = self._standing("memberYear", member, benefit_year)
        return MemberYear(Accumulators(*met), *standing).plan_at(time)

    def family_year(
        self, family_id: int, benefit_year: int, *, block: int | str = "latest"
    ) -> FamilyAccumulators:
        """What a family has met together in one benefit year."""
        return FamilyAccumulators(*self._call("familyYear", family_id, benefit_year, block=block))

    def units_used(
        self, member: str, benefit_year: int, service_id: bytes, *, block: int | str = "latest"
    ) -> int:
        """Units of a service that a member had settled in one benefit year; counted only while the fee has
        a yearly limit."""
        return int(self._call("unitsUsed", member, benefit_year, service_id, block=block))

    def accepts_provider(self, provider_id: int, time: int) -> bool:
        """Are this provider's events signed at ``time`` paid?"""
        return bool(self._standing("acceptsProvider", provider_id, time))

    def withdrawal_request(self, *, block: int | str = "latest") -> WithdrawalRequest:
        """The announced withdrawal."""
        return WithdrawalRequest(*self._standing("withdrawalRequest", block=block))


def _category_tuple(terms: CategoryTerms) -> tuple[bool, bool, bool, bool, int, int]:
    return (
        terms.covered,
        terms.deductible_applies,
        terms.copay_first,
        terms.coinsurance_after_copay,
        terms.coinsurance_bps,
        terms.copay,
    )


def _category_terms(row: tuple[bool, bool, bool, bool, int, int]) -> CategoryTerms:
    covered, deductible_applies, copay_first, coinsurance_after_copay, coinsurance_bps, copay = row
    return CategoryTerms(
        covered=covered,
        deductible_applies=deductible_applies,
        copay=copay,
        copay_first=copay_first,
        coinsurance_bps=coinsurance_bps,
        coinsurance_after_copay=coinsurance_after_copay,
    )
