"""What an insurer does: fills a pool, publishes plans and fees, accepts providers, enrols members."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

from chainbill.billing.plan_file import PlanFile
from chainbill.billing.terms import FeeTerms
from chainbill.chain.contracts.payer import MemberYear
from chainbill.client import parties
from chainbill.client.amounts import Amount, micro_dollars
from chainbill.client.arguments import checked
from chainbill.client.parties import PartyName, PatientName
from chainbill.operations import statements
from chainbill.operations.actor import Actor
from chainbill.operations.balances import Deposit, WithdrawalAnnounced, WithdrawalCalledOff, WithdrawalTaken
from chainbill.operations.claims import disputes, receivables
from chainbill.operations.claims.disputes import DisputeStep
from chainbill.operations.claims.lookup import Claims, DisputedClaim, PartyTo
from chainbill.operations.claims.receivables import Collected
from chainbill.operations.insurer import (
    acceptances,
    account,
    enrolment,
    fees,
    members,
    ownership,
    plans,
    pool,
)
from chainbill.operations.insurer.acceptances import Accepted, ProviderAcceptance
from chainbill.operations.insurer.enrolment import MembersEnrolled
from chainbill.operations.insurer.fees import FeesPublished, FeeStanding
from chainbill.operations.insurer.members import MemberChange
from chainbill.operations.insurer.ownership import PayerOffer, PayerTakeover
from chainbill.operations.insurer.plans import PlanPublication, PublishedPlan
from chainbill.operations.insurer.pool import PoolStanding
from chainbill.records.catalogue import Catalogue
from chainbill.records.fee_file import fee_of
from chainbill.records.member_file import NewMember
from chainbill.statements.insurer import InsurerStatement
from chainbill.statements.period import Period


@checked
class Insurer:
    """An insurer's account and its payer contract. Without its key both can be read, and nothing be sent."""

    def __init__(self, actor: Actor, payer_id: int | None = None) -> None:
        """``payer_id``: which contract; None: the account's own."""
        self._actor = actor
        self._payer_id = payer_id

    @property
    def address(self) -> str:
        """The account's checksummed address."""
        return self._actor.address

    @property
    def payer_id(self) -> int:
        """The id of the payer contract.

        Raises:
            StateError: the account has none.
        """
        if self._payer_id is None:
            self._payer_id = account.payer_of(self._actor)
        return self._payer_id

    def _own(self) -> int:
        """The same; on a devnet the contract is made where the account has none."""
        if self._payer_id is None:
            self._payer_id = account.own_payer(self._actor).payer_id
        return self._payer_id

    # ---- the pool ---------------------------------------------------------------------------------------

    def balance(self) -> PoolStanding:
        """What the pool holds, and what is announced; see ``operations.insurer.pool.balance``."""
        return pool.balance(self._actor, self.payer_id)

    def deposit(self, amount: Amount) -> Deposit:
        """Put dollars of the account's own in; see ``operations.insurer.pool.deposit``."""
        return pool.deposit(self._actor, self._own(), micro_dollars(amount))

    def request_withdrawal(self, amount: Amount) -> WithdrawalAnnounced:
        """Announce a withdrawal; see ``operations.insurer.pool.request_withdrawal``."""
        return pool.request_withdrawal(self._actor, self.payer_id, micro_dollars(amount))

    def cancel_withdrawal(self) -> WithdrawalCalledOff:
        """Call the announced withdrawal off; see ``operations.insurer.pool.cancel_withdrawal``."""
        return pool.cancel_withdrawal(self._actor, self.payer_id)

    def withdraw(self) -> WithdrawalTaken:
        """Take the announced withdrawal; see ``operations.insurer.pool.withdraw``."""
        return pool.withdraw(self._actor, self.payer_id)

    # ---- plans and fees ---------------------------------------------------------------------------------

    def plans(self) -> tuple[PublishedPlan, ...]:
        """Each plan as it is in force, and as it is announced."""
        return plans.standing_plans(self._actor.session, self.payer_id)

    def publish_plan(self, plan: PlanFile) -> PlanPublication:
        """Publish the next version of a plan; see ``operations.insurer.plans.publish_plan``.

        Args:
            plan: of ``PlanFile.read`` or ``PlanFile.parse``.
        """
        return plans.publish_plan(self._actor, self._own(), plan)

    def fees(self) -> Mapping[str, FeeStanding]:
        """Every fee that the schedule here has, by service name."""
        return fees.standing_fees(self._actor.session, self.payer_id)

    def publish_fees(
        self, fees_by_service: Mapping[str, Amount | FeeTerms], *, catalogue: Catalogue | None = None
    ) -> FeesPublished:
        """Publish what changes of a fee schedule; see ``operations.insurer.fees.publish_fees``.

        Args:
            fees_by_service: by service name; of a bare amount, units stay as they were published.
            catalogue: the services that may be named; None: the packaged one.
        """
        services, payer_id = catalogue or Catalogue.load(), self._own()
        present = fees.newest_terms(self._actor.session, payer_id)
        terms = {
            service: fee
            if isinstance(fee, FeeTerms)
            else fee_of(services, service, micro_dollars(fee), present.get(service))
            for service, fee in fees_by_service.items()
        }
        return fees.publish_fees(self._actor, payer_id, terms)

    # ---- providers --------------------------------------------------------------------------------------

    def accepted_providers(self) -> tuple[Accepted, ...]:
        """Whose events are paid."""
        return acceptances.accepted_providers(self._actor.session, self.payer_id)

    def accept_provider(self, provider: PartyName) -> ProviderAcceptance:
        """Pay a provider's events from now on; see ``operations.insurer.acceptances.accept_provider``."""
        return acceptances.accept_provider(self._actor, self._own(), self._provider(provider))

    def end_provider_acceptance(self, provider: PartyName) -> ProviderAcceptance:
        """Stop paying a provider's events, a day from now; see
        ``operations.insurer.acceptances.end_provider_acceptance``."""
        return acceptances.end_provider_acceptance(self._actor, self._own(), self._provider(provider))

    # ---- members ----------------------------------------------------------------------------------------

    def member(self, patient: PatientName, *, year: int | None = None) -> MemberYear:
        """A patient's standing in a benefit year; None: the chain's."""
        return members.member_year(self._actor.session, self.payer_id, self._member(patient), year=year)

    def enrol(
        self,
        patient: PatientName,
        plan_id: int,
        *,
        year: int | None = None,
        family_id: int = 0,
        deductible_met: Amount = 0,
        oop_met: Amount | None = None,
        plan_paid: Amount = 0,
    ) -> MemberChange:
        """Enrol a patient under a plan for a benefit year; see ``operations.insurer.members.enrol``.

        Args:
            patient: an address, or a name in the address book.
            plan_id: the plan.
            year: the chain's or a neighbour of it; None: the chain's.
            family_id: whose deductible and maximum are shared; 0: nobody's.
            deductible_met: of the deductible, met elsewhere in the year.
            oop_met: paid out of pocket elsewhere in the year; None: ``deductible_met``.
            plan_paid: by a plan elsewhere in the year.
        """
        return members.enrol(
            self._actor,
            self._own(),
            self._member(patient),
            plan_id,
            year=year,
            family_id=family_id,
            deductible_met=micro_dollars(deductible_met),
            oop_met=None if oop_met is None else micro_dollars(oop_met),
            plan_paid=micro_dollars(plan_paid),
        )

    def enrol_many(
        self, new_members: Sequence[NewMember], *, on_enrolled: Callable[[int], None] = lambda _: None
    ) -> MembersEnrolled:
        """Enrol many patients, without a wait for each; see ``operations.insurer.enrolment.enrol_many``.

        Args:
            new_members: of ``read_members``, or made one by one; their amounts are micro-dollars.
            on_enrolled: hears how many more are enrolled.
        """
        exact = [
            replace(
                each,
                deductible_met=micro_dollars(each.deductible_met),
                oop_met=None if each.oop_met is None else micro_dollars(each.oop_met),
                plan_paid=micro_dollars(each.plan_paid),
            )
            for each in new_members
        ]
        return enrolment.enrol_many(
            self._actor, self._own(), exact, progress=lambda _: nullcontext(on_enrolled)
        )

    def change_plan(self, patient: PatientName, plan_id: int, *, year: int | None = None) -> MemberChange:
        """Move a member to another plan, a day from now; see ``operations.insurer.members.change_plan``."""
        return members.change_plan(self._actor, self._own(), self._member(patient), plan_id, year=year)

    def end_coverage(self, patient: PatientName, *, year: int | None = None) -> MemberChange:
        """End a member's coverage, a day from now; see ``operations.insurer.members.end_coverage``."""
        return members.end_coverage(self._actor, self._own(), self._member(patient), year=year)

    # ---- claims -----------------------------------------------------------------------------------------

    def statement(self, *, period: Period | None = None) -> InsurerStatement:
        """What the plans paid; see ``operations.statements.insurer_statement``."""
        return statements.insurer_statement(self._actor.session, self.payer_id, period=period)

    def dispute(self, claim: str) -> DisputeStep:
        """Dispute a settled claim of a member; see ``operations.claims.disputes.dispute_as_insurer``."""
        return disputes.dispute_as_insurer(self._actor, self.payer_id, claim)

    def disputes(self) -> Sequence[DisputedClaim]:
        """The insurer's claims that were disputed or given back."""
        return Claims(self._actor.session).disputed(PartyTo(self._actor.name, payer_id=self.payer_id))

    def collect(self) -> Collected:
        """Collect what providers owe, and refunds that could not be sent; see
        ``operations.claims.receivables.collect``."""
        return receivables.collect(self._actor, self.payer_id)

    # ---- whose the payer contract is ----------------------------------------------------------------------

    def transfer_ownership(self, account: str) -> PayerOffer:
        """Offer the payer contract to another account, by address or name; see
        ``operations.insurer.ownership.transfer_ownership``."""
        return ownership.transfer_ownership(self._actor, self.payer_id, account)

    def cancel_transfer(self) -> PayerOffer:
        """Call the offer off; see ``operations.insurer.ownership.cancel_transfer``."""
        return ownership.cancel_transfer(self._actor, self.payer_id)

    def accept_ownership(self, payer_id: int) -> PayerTakeover:
        """Become the insurer of the payer contract that is offered to the account; see
        ``operations.insurer.ownership.accept_ownership``."""
        return ownership.accept_ownership(self._actor, payer_id)

    def _provider(self, provider: PartyName) -> int:
        return parties.provider_id(self._actor.session, provider)

    def _member(self, patient: PatientName) -> str:
        return parties.patient(self._actor.session, patient)
