"""Where a transaction's gas goes: the opcodes and calls of a trace, by what they are for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass

from chainbill.chain.devnet.gas_trace import WHOLE_CALL, TracedTransaction
from chainbill.scenario.gas_pricing import SLOAD, SSTORE, intrinsic_gas, used_before_refund
from chainbill.scenario.gas_schedule import OSAKA

_KECCAK = {0x20}
_LOGS = set(range(0xA0, 0xA5))
_ACCOUNTS = {0x31, 0x3B, 0x3C, 0x3F, 0xF0, 0xF1, 0xF2, 0xF4, 0xF5, 0xFA}
_ECRECOVER = 0x01


@dataclass(frozen=True, slots=True)
class GasProfile:
    """Gas by today's rules; the parts add up to what was used."""

    transaction: int
    """Base, calldata and access list."""
    storage_reads: int
    storage_writes: int
    transfers: int
    """All that happens inside tokens."""
    signatures: int
    """Recovering the signers."""
    logs: int
    keccak: int
    calls: int
    """Reaching accounts, and memory for what is said to them; not what they do."""
    computation: int
    """All other opcodes, with the code of created contracts."""
    given_back: int
    """For slots that were cleared or restored; 0 or less."""

    def __add__(self, other: GasProfile) -> GasProfile:
        return GasProfile(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    @property
    def total(self) -> int:
        """What was used."""
        return sum(astuple(self))


def profile_of(traced: TracedTransaction, tokens: Iterable[str]) -> GasProfile:
    """The profile of a transaction.

    Args:
        tokens: the addresses of the tokens that it may move.
    """
    inside = {int(token, 16) for token in tokens}

    def outside_tokens(opcodes: Collection[int]) -> int:
        return sum(
            gas
            for account, by in traced.gas.items()
            for opcode, gas in by.items()
            if account not in inside and opcode in opcodes
        )

    used = used_before_refund(traced)
    named = {
        "transaction": intrinsic_gas(OSAKA, traced),
        "storage_reads": outside_tokens({SLOAD}),
        "storage_writes": outside_tokens({SSTORE}),
        "transfers": sum(sum(traced.gas.get(token, {}).values()) for token in inside),
        "signatures": traced.gas.get(_ECRECOVER, {}).get(WHOLE_CALL, 0),
        "logs": outside_tokens(_LOGS),
        "keccak": outside_tokens(_KECCAK),
        "calls": outside_tokens(_ACCOUNTS),
    }
    return GasProfile(
        **named, computation=used - sum(named.values()), given_back=min(0, traced.gas_used - used)
    )
