"""The one number of a charge: ``2:7`` is the seventh attestation of provider 2.

A provider's sequence is spent once and stands on chain, and so does the provider's id: the number is the same
for everybody who speaks of the charge, from its attestation on, however it ends and whatever is beside it.
"""

from __future__ import annotations


def claim_number(provider_id: int, sequence: int) -> str:
    """What statements, disputes and the audit call a charge, and what every command about a claim takes."""
    return f"{provider_id}:{sequence}"
