"""A claim as the packed words that are logged and hashed: the twin of ``contracts/codec/PackedClaim.sol``.

Each word's layout is written as ``struct`` reads it, high bytes first; left out bytes are 0. ``CLAIM`` is all
that a claim's words have room for; each kind of log leaves some of it out.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from chainbill.billing.outcomes import Reason
from chainbill.chain.format.events import Claim, SecondaryShares

PARTIES = "IIHHIHH8s3xB"
"""Provider, payer, plan, terms version, secondary payer, its plan, terms version and service id, reason."""

AMOUNTS = "QQQQ"
"""Billed, allowed, deductible, copay."""

SHARES = "QQQQ"
"""Coinsurance, outside the plan, plan paid, secondary paid."""

SERVICE = "8sHHQQB3x"
"""Service id, units, benefit year, sequence, operator's fee, flags."""

SECONDARY = "QQQ8x"
"""The secondary as if alone: deductible, out of pocket, plan paid."""

CLAIM = PARTIES + AMOUNTS + SHARES + SERVICE
"""The four words that follow a claim's commitment."""

SETTLED = "IIHHIHH8s4x" + AMOUNTS + SHARES + SERVICE
"""The same of a claim that settled: no reason."""

UNSETTLED = PARTIES + "Q24x" + "32x" + "8sHHQ8x?3x"
"""The same of a row that did not settle: no amount but what was billed, no fee, and as its only flag whether
that was 0."""

REVERSED = "IIHHIHH8s4x" + "8xQQQ" + SHARES + SERVICE
"""The same of what a reversal took back: no reason, and billed stays as it was."""

PLAIN = "IIHH20x" + AMOUNTS + "Q8sHHQ3x?"
"""The three words that follow a plain claim's commitment: one payer and no reason; amounts; coinsurance,
service id, units, benefit year, sequence, whether 0 was billed."""

PLAIN_WHOLE = PARTIES + AMOUNTS + "Q8sHHQ3xB"
"""The same with all that they have room for."""

_PARTIES_FIELDS = (
    *("provider_id", "payer_id", "plan_id", "terms_version", "secondary_payer_id", "secondary_plan_id"),
    *("secondary_terms_version", "secondary_service_id", "reason"),
)
_AMOUNTS_FIELDS = ("billed", "allowed", "deductible", "copay")
_SHARES_FIELDS = ("coinsurance", "outside_plan", "plan_paid", "secondary_paid")

CLAIM_FIELDS = (
    *_PARTIES_FIELDS,
    *_AMOUNTS_FIELDS,
    *_SHARES_FIELDS,
    *("service_id", "units", "benefit_year", "sequence", "fee", "flags"),
)
"""What ``CLAIM`` reads, in order."""

PLAIN_FIELDS = (
    *_PARTIES_FIELDS,
    *_AMOUNTS_FIELDS,
    *("coinsurance", "service_id", "units", "benefit_year", "sequence", "flags"),
)
"""What ``PLAIN_WHOLE`` reads, in order."""

NO_SECONDARY = SecondaryShares(0, 0, 0)
"""Of a claim in which no secondary payer took part."""

_BILLED_AS_FEE = 1
_UNITS_COUNTED = 2
_SECONDARY_UNITS_COUNTED = 4
_KNOWN_FLAGS = _BILLED_AS_FEE | _UNITS_COUNTED | _SECONDARY_UNITS_COUNTED

_PAYERS_PARTS = ("secondary_payer_id", "deductible", "copay", "coinsurance", "plan_paid", "units_counted")
"""What a claim has only with a payer, and so not where the patient pays by itself."""

_SECONDARYS_PARTS = (
    *("secondary_plan_id", "secondary_terms_version", "secondary_service_id"),
    *("secondary_paid", "secondary_units_counted"),
)
"""What a claim has only with a secondary payer."""

_NO_SERVICE = bytes(8)
_NO_PAYERS_PARTS = (0, 0, 0, 0, 0, False)
_NO_SECONDARYS_PARTS = (0, 0, _NO_SERVICE, 0, False)
_payers_parts = attrgetter(*_PAYERS_PARTS)
_secondarys_parts = attrgetter(*_SECONDARYS_PARTS)

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
    reason: Reason = Reason.NONE,
) -> Claim:
    """A claim from its commitment and the fields of its words, in their order; the reason comes last.

    Raises:
        ValueError: a flag means nothing, or the claim has what only a payer, or only a secondary payer, could
            have brought, and none is named.
    """
    if flags & ~_KNOWN_FLAGS:
        raise ValueError(f"a claim has unknown flags {flags & ~_KNOWN_FLAGS}")
    claim = Claim(
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
        reason=reason,
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
    if not payer_id and _payers_parts(claim) != _NO_PAYERS_PARTS:
        raise ValueError(f"a claim without a payer has {_shown(claim, _PAYERS_PARTS)}")
    if not secondary_payer_id and _secondarys_parts(claim) != _NO_SECONDARYS_PARTS:
        raise ValueError(f"a claim without a secondary payer has {_shown(claim, _SECONDARYS_PARTS)}")
    return claim


def build_plain_claim(
    commitment: bytes,
    provider_id: int,
    payer_id: int,
    plan_id: int,
    terms_version: int,
    billed: int,
    allowed: int,
    deductible: int,
    copay: int,
    coinsurance: int,
    service_id: bytes,
    units: int,
    benefit_year: int,
    sequence: int,
    billed_as_fee: bool,
) -> Claim:
    """A plain claim from its commitment and the fields of its words; the plan has paid the rest.

    Raises:
        ValueError: the member's shares are more than what is allowed, or there is no payer.
    """
    plan_paid = allowed - deductible - copay - coinsurance
    if plan_paid < 0:
        raise ValueError(f"of {allowed} allowed the member's shares are {allowed - plan_paid}")
    if not payer_id:
        raise ValueError("a plain claim has no payer")
    return Claim(
        commitment=commitment,
        sequence=sequence,
        provider_id=provider_id,
        payer_id=payer_id,
        plan_id=plan_id,
        terms_version=terms_version,
        secondary_payer_id=0,
        secondary_plan_id=0,
        secondary_terms_version=0,
        secondary_service_id=_NO_SERVICE,
        reason=Reason.NONE,
        benefit_year=benefit_year,
        service_id=service_id,
        units=units,
        billed_as_fee=billed_as_fee,
        billed=billed,
        allowed=allowed,
        deductible=deductible,
        copay=copay,
        coinsurance=coinsurance,
        outside_plan=0,
        plan_paid=plan_paid,
        secondary_paid=0,
        fee=0,
    )


def show_field(name: str, value: Any) -> str:
    """A field of a claim's words as a person reads it: ``plan paid 17``; flags by what they mean."""
    if name == "flags":
        known = {_UNITS_COUNTED: "units counted", _SECONDARY_UNITS_COUNTED: "secondary units counted"}
        shown = [meaning for flag, meaning in known.items() if value & flag]
        unknown = value & ~_KNOWN_FLAGS
        return ", ".join([*shown, *([f"unknown flags {unknown}"] if unknown else [])])
    words = name.replace("_", " ")
    if isinstance(value, bool):
        return words
    return f"{words} 0x{value.hex()}" if isinstance(value, bytes) else f"{words} {int(value)}"


def _shown(claim: Claim, names: Sequence[str]) -> str:
    """Those of a claim's fields that are not empty."""
    fields = ((name, getattr(claim, name)) for name in names)
    return ", ".join(show_field(name, value) for name, value in fields if value not in (0, _NO_SERVICE))
