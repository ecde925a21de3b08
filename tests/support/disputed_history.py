"""How the story goes on: two payers, families, limits, self-pay, the operator's fee, disputes."""

from __future__ import annotations

from dataclasses import replace

from tests.support.settled_history import DAY, LAB, VISIT, Batch, Story, section

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.terms import CategoryTerms, CobMode, FeeTerms, PlanTerms
from chainbill.chain.contracts.escrow import Limits
from chainbill.chain.contracts.settlement import Ruling
from chainbill.chain.format.batch_codec import BatchSection
from chainbill.chain.format.events import DisputeParty
from chainbill.money import DOLLAR

SECOND_VISIT, THERAPY, CASH_VISIT = (bytes([n]) * 8 for n in range(6, 9))
"""``SECOND_VISIT`` is the second insurer's name for a visit; ``THERAPY`` has a yearly limit of 4 units."""

YEAR = 2025
FAMILY, STANDARD_PLAN, CARVE_OUT_PLAN = 5, 8, 9


def tell_more(story: Story) -> None:
    """From February 2025 on."""
    _more_terms(story)
    _two_payers(story)
    _families_and_yearly_limits(story)
    _self_pay(story)
    _limits(story)
    _members_move(story)
    _operators_fee(story)
    _disputes(story)
    _reversals_after_the_window(story)


def _more_terms(story: Story) -> None:
    first, second = story.by["insurer"], story.by["insurer"]  # the second payer was handed over to it
    coinsurance = {1: CategoryTerms(coinsurance_bps=2000, deductible_applies=False)}
    for plan_id, mode in ((STANDARD_PLAN, CobMode.STANDARD), (CARVE_OUT_PLAN, CobMode.CARVE_OUT)):
        story.payer(2).publish_plan(
            second,
            plan_id,
            PlanTerms(deductible=0, oop_max=900 * DOLLAR, annual_maximum=900 * DOLLAR, cob_mode=mode),
            coinsurance,
        )
    story.payer(2).publish_fees(
        second, {SECOND_VISIT: FeeTerms(amount=160 * DOLLAR, category=1, max_units=4, annual_units=9)}
    )
    story.payer(1).publish_plan(
        first,
        2,
        PlanTerms(
            deductible=100 * DOLLAR,
            oop_max=300 * DOLLAR,
            family_deductible=150 * DOLLAR,
            family_oop_max=420 * DOLLAR,
            annual_maximum=600 * DOLLAR,
        ),
        {1: CategoryTerms(coinsurance_bps=2500)},
    )
    story.payer(1).publish_fees(first, {THERAPY: FeeTerms(amount=60 * DOLLAR, category=1, annual_units=4)})


def _join(story: Story, role: str, payer_id: int, secondary_payer_id: int = 0) -> None:
    story.fund(role, 1_500 * DOLLAR)
    story.protocol.escrow.accept_payer(story.by[role], payer_id, secondary_payer_id)
    story.consent(role, 1)


def _two_payers(story: Story) -> None:
    role, insurer = "coordinated-patient", story.by["insurer"]
    _join(story, role, 1, 2)
    story.payer(1).enrol(insurer, story.address(role), YEAR, 1)
    opening = Accumulators(0, 10 * DOLLAR, 40 * DOLLAR)
    story.payer(2).enrol(insurer, story.address(role), YEAR, STANDARD_PLAN, opening)
    terms = {"version": 2, "secondary_payer_id": 2, "secondary_terms_version": 1}
    rows = [
        story.row(role, VISIT, year=YEAR, secondary_service=SECOND_VISIT),
        story.row(role, VISIT, year=YEAR, units=2, billed=300 * DOLLAR, secondary_service=SECOND_VISIT),
        # The secondary does not know the service: it pays nothing.
        story.row(role, VISIT, year=YEAR, secondary_service=LAB),
        # The primary denies: so does the claim.
        story.row(role, VISIT, year=YEAR, units=5, secondary_service=SECOND_VISIT),
    ]
    story.settle(section(1, 1, rows, secondary_plan_id=STANDARD_PLAN, **terms))
    # Under a plan that is not the member's the secondary is not enrolled.
    wrong = story.row(role, VISIT, year=YEAR, secondary_service=SECOND_VISIT)
    story.settle(section(1, 1, [wrong], secondary_plan_id=CARVE_OUT_PLAN, **terms))
    story.payer(2).change_plan(insurer, story.address(role), YEAR, CARVE_OUT_PLAN)
    story.advance(DAY)
    rows = [story.row(role, VISIT, year=YEAR, secondary_service=SECOND_VISIT) for _ in range(2)]
    story.settle(section(1, 1, rows, secondary_plan_id=CARVE_OUT_PLAN, **terms))
    # One payer alone is not whom the patient has accepted.
    story.settle(section(1, 1, [story.row(role, VISIT, year=YEAR)], version=2))


def _families_and_yearly_limits(story: Story) -> None:
    insurer, payer = story.by["insurer"], story.payer(1)
    for role, opening in (("spouse", Accumulators(20 * DOLLAR, 30 * DOLLAR)), ("child", None)):
        _join(story, role, 1)
        payer.enrol(insurer, story.address(role), YEAR, 2, opening, family_id=FAMILY)
    story.settle(
        section(
            1,
            1,
            sorted(
                [
                    *(story.row("spouse", VISIT, year=YEAR) for _ in range(2)),
                    *(story.row("child", THERAPY, year=YEAR) for _ in range(5)),
                ],
                key=lambda row: row.patient,
            ),
            plan=2,
        )
    )


def _self_pay(story: Story) -> None:
    registry, provider = story.protocol.registry, story.by["provider"]
    registry.publish_cash_prices(provider, 1, {CASH_VISIT: 90 * DOLLAR, VISIT: 200 * DOLLAR})
    story.fund("uninsured-patient", 600 * DOLLAR)
    story.consent("uninsured-patient", 1)
    role = "uninsured-patient"
    story.settle(
        section(
            1,
            0,
            [
                story.row(role, CASH_VISIT, year=YEAR),
                story.row(role, CASH_VISIT, year=YEAR, units=2, billed=150 * DOLLAR),
                story.row(role, CASH_VISIT, year=YEAR, billed=120 * DOLLAR),
                story.row(role, LAB, year=YEAR),  # no price
                story.row(role, CASH_VISIT, year=YEAR, units=0),
                story.row(role, VISIT, year=YEAR, units=2),  # more than the wallet holds
            ],
            plan=0,
            version=0,
        )
    )
    # Whoever has an insurer pays for itself only where the consent says so.
    insured = [story.row("spouse", CASH_VISIT, year=YEAR)]
    story.settle(section(1, 0, insured, plan=0, version=0))
    story.consent("spouse", 1, self_pay=True)
    story.settle(section(1, 0, [story.row("spouse", CASH_VISIT, year=YEAR)], plan=0, version=0))
    registry.publish_cash_prices(provider, 1, {CASH_VISIT: 0})


def _limits(story: Story) -> None:
    escrow, role = story.protocol.escrow, "careful-patient"
    _join(story, role, 1)
    opening = Accumulators(100 * DOLLAR, 100 * DOLLAR)
    story.payer(1).enrol(story.by["insurer"], story.address(role), YEAR, 2, opening)
    escrow.set_limits(story.by[role], Limits(per_event=50 * DOLLAR, per_day=70 * DOLLAR))
    story.settle(_visits(story, role, 2))  # not in force yet: $87.50
    story.advance(DAY)
    story.settle(_visits(story, role, 2), _visits(story, role, 1), _visits(story, role, 1))
    story.advance(DAY // 4)  # batches signed under the limits before have run out
    escrow.set_limits(story.by[role], Limits(per_event=0, per_day=90 * DOLLAR))
    story.settle(_visits(story, role, 1))
    escrow.set_limits(story.by[role], Limits(per_event=40 * DOLLAR, per_day=0))
    escrow.request_withdrawal(story.by[role], 5 * DOLLAR)
    escrow.cancel_withdrawal(story.by[role])
    story.payer(1).request_withdrawal(story.by["insurer"], DOLLAR)
    story.payer(1).cancel_withdrawal(story.by["insurer"])
    escrow.use_nonce(story.by[role])


def _visits(story: Story, role: str, units: int, *, plan: int = 2) -> BatchSection:
    """Visits of $160, or $175 each where there are several."""
    billed = 160 * DOLLAR if units == 1 else 0
    return section(1, 1, [story.row(role, VISIT, year=YEAR, units=units, billed=billed)], plan=plan)


def _members_move(story: Story) -> None:
    insurer, payer, spouse = story.by["insurer"], story.payer(1), story.address("spouse")
    payer.change_plan(insurer, spouse, YEAR, 1)
    payer.change_plan(insurer, spouse, YEAR, 2)  # called off
    payer.end_coverage(insurer, spouse, YEAR)
    story.advance(2 * DAY)
    payer.enrol(insurer, spouse, YEAR, 2, Accumulators(0, 5 * DOLLAR, 7 * DOLLAR), family_id=FAMILY)
    registry = story.protocol.registry
    registry.announce_payout_address(story.by["provider"], 1, story.address("new-payout"))
    registry.cancel_payout_address(story.by["provider"], 1)
    registry.announce_payout_address(story.by["laboratory"], 2, story.address("new-payout"))


def _operators_fee(story: Story) -> None:
    settlement, operator = story.protocol.settlement, story.address("operator")
    settlement.set_operator_fee(story.by["governor"], 50_000, 100)
    story.settle(_visits(story, "spouse", 1), operator=operator)
    story.advance(DAY)
    story.settle(_visits(story, "spouse", 1), operator=operator)
    story.settle(_visits(story, "spouse", 1))


def _disputed_batch(story: Story) -> Batch:
    """Five claims: self-pay, two of a single payer, two of two payers."""
    role = "coordinated-patient"
    pair = [story.row(role, VISIT, year=YEAR, secondary_service=SECOND_VISIT) for _ in range(2)]
    return story.settle(
        section(1, 0, [story.row("uninsured-patient", VISIT, year=YEAR)], plan=0, version=0),
        section(1, 1, [story.row("spouse", VISIT, year=YEAR) for _ in range(2)], plan=2),
        section(
            1,
            1,
            pair,
            version=2,
            secondary_payer_id=2,
            secondary_plan_id=CARVE_OUT_PLAN,
            secondary_terms_version=1,
        ),
        operator=story.address("operator"),
    )


def _disputes(story: Story) -> None:
    settlement, provider = story.protocol.settlement, story.by["provider"]
    batch = _disputed_batch(story)
    self_pay, partial, silent, upheld, unruled = batch.claims
    for number, (role, party) in enumerate(
        (
            ("uninsured-patient", DisputeParty.PATIENT),
            ("spouse", DisputeParty.PATIENT),
            ("insurer", DisputeParty.PRIMARY),
            ("insurer", DisputeParty.SECONDARY),
            ("coordinated-patient", DisputeParty.PATIENT),
        )
    ):
        claim, proof = batch.claims[number], batch.proof(number)
        settlement.dispute(story.by[role], claim, party, root_slot=batch.root_slot, proof=proof)
    proof = batch.proof(1)
    settlement.dispute(
        story.by["insurer"], partial, DisputeParty.PRIMARY, root_slot=batch.root_slot, proof=proof
    )
    settlement.concede(provider, self_pay)
    for claim in (partial, upheld, unruled):
        settlement.answer(provider, claim, b"\x11" * 32)
    from_plan = min(12 * DOLLAR, partial.claim.plan_paid)
    cheaper = replace(
        partial.claim,
        allowed=partial.claim.allowed - 20 * DOLLAR,
        plan_paid=partial.claim.plan_paid - from_plan,
        outside_plan=partial.claim.outside_plan - (20 * DOLLAR - from_plan),
        fee=partial.claim.fee - 10_000,
    )
    settlement.resolve(story.by["governor"], partial, Ruling(cheaper))
    settlement.resolve(story.by["governor"], upheld, Ruling(upheld.claim, upheld.secondary))
    _give_back_and_correct(story, batch)
    story.advance(3 * DAY)
    settlement.close(story.by["governor"], silent)
    _bond(story)
    story.advance(14 * DAY)
    settlement.close(story.by["governor"], unruled)
    settlement.withdraw_fees(story.by["governor"], story.address("operator"))


def _give_back_and_correct(story: Story, batch: Batch) -> None:
    """The upheld claim is given back after all, and a right one takes its place."""
    settlement, claim = story.protocol.settlement, batch.claims[3]
    proof = batch.proof(3)
    settlement.void(story.by["provider"], claim, root_slot=batch.root_slot, proof=proof)
    role, more = "coordinated-patient", {"secondary_payer_id": 2, "secondary_terms_version": 1}
    rows = [
        story.row(
            role, VISIT, year=YEAR, billed=90 * DOLLAR, secondary_service=SECOND_VISIT, corrects=corrects
        )
        for corrects in (batch.ids()[3], batch.ids()[3], batch.ids()[4])  # once, and only what was reversed
    ]
    corrections = section(1, 1, rows, version=2, secondary_plan_id=CARVE_OUT_PLAN, corrections=True, **more)
    story.settle(corrections)


def _bond(story: Story) -> None:
    settlement, provider = story.protocol.settlement, story.by["provider"]
    story.protocol.token.mint(story.by["governor"], provider.address, 60 * DOLLAR)
    story.protocol.token.approve(provider, story.deployment.settlement, 60 * DOLLAR)
    settlement.deposit_bond(provider, 1, 60 * DOLLAR)
    settlement.draw_advance(provider, 1, 40 * DOLLAR)


def _reversals_after_the_window(story: Story) -> None:
    settlement, provider, governor = story.protocol.settlement, story.by["provider"], story.by["governor"]
    _join(story, "newcomer", 1)
    opening = Accumulators(100 * DOLLAR, 100 * DOLLAR)
    story.payer(1).enrol(story.by["insurer"], story.address("newcomer"), YEAR, 2, opening)
    batch = story.settle(_visits(story, "newcomer", 1), operator=story.address("operator"))
    story.advance(9 * DAY)
    settlement.withdraw(governor, 1)
    # Nothing but the bond is left: the patient is paid in full, the payer in part.
    settlement.void(provider, batch.claims[0], root_slot=batch.root_slot, proof=batch.proof(0))
    story.settle(_visits(story, "newcomer", 1))
    story.advance(9 * DAY)
    settlement.collect_receivable(governor, 1, 1)
    settlement.withdraw(governor, 1)
    story.protocol.token.mint(governor, provider.address, 5 * DOLLAR)
    story.protocol.token.approve(provider, story.deployment.settlement, 5 * DOLLAR)
    settlement.deposit_bond(provider, 1, 5 * DOLLAR)
    settlement.withdraw_bond(provider, 1)
    story.settle(_visits(story, "newcomer", 1), operator=story.address("operator"))
