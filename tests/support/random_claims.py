"""Claims at random: any that the words have room for, and those that a log of each kind can hold."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.events import Claim, SecondaryShares

AMOUNT = st.integers(0, 2**64 - 1)
U16, U32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
SERVICE = st.binary(min_size=8, max_size=8)
CLAIMS = st.builds(
    Claim,
    commitment=st.binary(min_size=32, max_size=32),
    sequence=AMOUNT,
    provider_id=U32,
    payer_id=U32,
    plan_id=U16,
    terms_version=U16,
    secondary_payer_id=U32,
    secondary_plan_id=U16,
    secondary_terms_version=U16,
    secondary_service_id=SERVICE,
    reason=st.sampled_from(Reason),
    benefit_year=U16,
    service_id=SERVICE,
    units=U16,
    billed_as_fee=st.booleans(),
    billed=AMOUNT,
    allowed=AMOUNT,
    deductible=AMOUNT,
    copay=AMOUNT,
    coinsurance=AMOUNT,
    outside_plan=AMOUNT,
    plan_paid=AMOUNT,
    secondary_paid=AMOUNT,
    fee=AMOUNT,
    units_counted=st.booleans(),
    secondary_units_counted=st.booleans(),
)
SHARES = st.builds(SecondaryShares, AMOUNT, AMOUNT, AMOUNT)

_NOT_WITHOUT_SECONDARY = {
    "secondary_payer_id": 0,
    "secondary_plan_id": 0,
    "secondary_terms_version": 0,
    "secondary_service_id": bytes(8),
    "secondary_paid": 0,
    "secondary_units_counted": False,
}
_NOT_IN_SELF_PAY = {
    "payer_id": 0,
    "deductible": 0,
    "copay": 0,
    "coinsurance": 0,
    "plan_paid": 0,
    "units_counted": False,
    **_NOT_WITHOUT_SECONDARY,
}
_NOT_SETTLED = {
    "allowed": 0,
    "deductible": 0,
    "copay": 0,
    "coinsurance": 0,
    "outside_plan": 0,
    "plan_paid": 0,
    "secondary_paid": 0,
    "fee": 0,
    "units_counted": False,
    "secondary_units_counted": False,
}


@st.composite
def row_claims(draw: st.DrawFn, outcome: Outcome) -> Claim:
    """A claim as the five-word log of an outcome can hold it: of two payers, of one, or self-pay."""
    claim = draw(CLAIMS)
    claim = replace(claim, payer_id=claim.payer_id or 1, secondary_payer_id=claim.secondary_payer_id or 2)
    claim = replace(claim, **draw(st.sampled_from(({}, _NOT_WITHOUT_SECONDARY, _NOT_IN_SELF_PAY))))
    reason = draw(st.sampled_from([reason for reason in Reason if reason.outcome is outcome]))
    return replace(claim, reason=reason, **({} if outcome is Outcome.SETTLED else _NOT_SETTLED))


@st.composite
def plain_claims(draw: st.DrawFn) -> Claim:
    """A claim as the short log can hold it: of one payer, which has paid what the member does not."""
    claim = replace(draw(CLAIMS), reason=Reason.NONE, **_NOT_WITHOUT_SECONDARY)
    parts = {
        name: draw(st.integers(0, 2**62 - 1)) for name in ("deductible", "copay", "coinsurance", "plan_paid")
    }
    rest = {"outside_plan": 0, "fee": 0, "units_counted": False}
    return replace(claim, payer_id=claim.payer_id or 1, allowed=sum(parts.values()), **parts, **rest)
