"""A claim as the packed words that are logged and hashed: the twin of ``contracts/libraries/ClaimWords.sol``.

Each word's layout is written as ``struct`` reads it, high bytes first; left out bytes are 0.
"""

from __future__ import annotations

import struct

from chainbill.billing.outcomes import Reason
from chainbill.chain.events import Claim, SecondaryShares

PARTIES = "IIHHIHH8s3xB"
"""Provider, payer, plan, terms version, secondary payer, its plan, terms version and service id, reason."""

AMOUNTS = "QQQQ"
"""Billed, allowed, deductible, copay."""

SHARES = "QQQQ"
"""Coinsurance, outside the plan, plan paid, secondary paid."""

SERVICE = "8sHHQQB3x"
"""Service id, units, benefit year, sequence, operator's fee, flags."""

PLAIN_SERVICE = "Q8sHHQ3xB"
"""In the short log of a plain claim: coinsurance, service id, units, benefit year, sequence, flags."""

SECONDARY = "QQQ8x"
"""The secondary as if alone: deductible, out of pocket, plan paid."""

CLAIM = PARTIES + AMOUNTS + SHARES + SERVICE
"""The four words that follow a claim's commitment."""

NO_SECONDARY = SecondaryShares(0, 0, 0)
"""Of a claim in which no secondary payer took part."""

_BILLED_AS_FEE = 1
_UNITS_COUNTED = 2
_SECONDARY_UNITS_COUNTED = 4

_CLAIM = struct.Struct(">" + CLAIM)
_SECONDARY = struct.Struct(">" + SECONDARY)


def pack_claim(claim: Claim) -> bytes:
    """The words parties, amounts, shares and service: 128 bytes."""
    return _CLAIM.pack(
        claim.provider_id,
        claim.payer_id,
        claim.plan_id,
        claim.terms_version,
        claim.secondary_payer_id,
        claim.secondary_plan_id,
        claim.secondary_terms_version,
        claim.secondary_service_id,
        claim.reason,
        claim.billed,
        claim.allowed,
        claim.deductible,
        claim.copay,
        claim.coinsurance,
        claim.outside_plan,
        claim.plan_paid,
        claim.secondary_paid,
        claim.service_id,
        claim.units,
        claim.benefit_year,
        claim.sequence,
        claim.fee,
        claim.billed_as_fee * _BILLED_AS_FEE
        | claim.units_counted * _UNITS_COUNTED
        | claim.secondary_units_counted * _SECONDARY_UNITS_COUNTED,
    )


def pack_secondary(secondary: SecondaryShares) -> bytes:
    """The word secondary: 32 bytes."""
    return _SECONDARY.pack(secondary.deductible, secondary.out_of_pocket, secondary.plan_paid)


def build_claim(
    commitment: bytes,
    provider_id: int,
    payer_id: int,
    plan_id: int,
    terms_version: int,
    secondary_payer_id: int,
    secondary_plan_id: int,
    secondary_terms_version: int,
    secondary_service_id: bytes,
    reason: int,
    billed: int,
    allowed: int,
    deductible: int,
    copay: int,
    coinsurance: int,
    outside_plan: int,
    plan_paid: int,
    secondary_paid: int,
    service_id: bytes,
    units: int,
    benefit_year: int,
    sequence: int,
    fee: int,
    flags: int,
) -> Claim:
    """A claim from its commitment and the fields of its words, in their order.

    Raises:
        ValueError: the reason is none, or a flag means nothing.
    """
    if flags & ~(_BILLED_AS_FEE | _UNITS_COUNTED | _SECONDARY_UNITS_COUNTED):
        raise ValueError(f"a claim has unknown flags {flags}")
    return Claim(
        commitment=commitment,
        sequence=sequence,
        provider_id=provider_id,
        payer_id=payer_id,
        plan_id=plan_id,
        terms_version=terms_version,
        secondary_payer_id=secondary_payer_id,
        secondary_plan_id=secondary_plan_id,
        secondary_terms_version=secondary_terms_version,
        secondary_service_id=secondary_service_id,
        reason=Reason(reason),
        benefit_year=benefit_year,
        service_id=service_id,
        units=units,
        billed_as_fee=bool(flags & _BILLED_AS_FEE),
        billed=billed,
        allowed=allowed,
        deductible=deductible,
        copay=copay,
        coinsurance=coinsurance,
        outside_plan=outside_plan,
        plan_paid=plan_paid,
        secondary_paid=secondary_paid,
        fee=fee,
        units_counted=bool(flags & _UNITS_COUNTED),
        secondary_units_counted=bool(flags & _SECONDARY_UNITS_COUNTED),
    )
