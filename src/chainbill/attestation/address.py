"""Account addresses, always carried with their EIP-55 checksum."""

from __future__ import annotations

from functools import lru_cache

from eth_utils.address import is_checksum_formatted_address, to_checksum_address

from chainbill.errors import AttestationError, quoted

ZERO_ADDRESS = "0x" + "00" * 20
"""Nobody's address."""


def checksum_address(address: str) -> str:
    """``address`` with its EIP-55 checksum.

    Raises:
        AttestationError: not ``0x`` and 40 hexadecimal digits, or mixed case with a wrong checksum.
    """
    # A file can hold a list in an address's place, which no cache takes.
    if not isinstance(address, str):
        raise AttestationError(f"{quoted(address)} is not an address")
    return _checksummed(address)


@lru_cache(maxsize=65_536)
def _checksummed(address: str) -> str:
    """Cached: a batch names the same accounts again and again."""
    try:
        if len(address) != 42 or not address.startswith("0x"):
            raise ValueError
        checksummed: str = to_checksum_address(address)
    except (ValueError, TypeError, AttributeError):
        raise AttestationError(
            f"{quoted(address)} is not an address",
            hint="an address is 0x and 40 digits or letters from a to f",
        ) from None
    if is_checksum_formatted_address(address) and address != checksummed:
        raise AttestationError(
            f"the checksum of address {address} is wrong", hint="a letter or digit is mistyped: copy it again"
        )
    return checksummed
