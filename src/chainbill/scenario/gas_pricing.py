"""A traced transaction's gas by the rules of another hard fork than the one that it ran by.

What touches state is priced by both schedules in the order in which it happened: which account and slot was
touched before, what a slot held when the transaction began, what was undone. All other gas stays as it was
measured. Nothing is priced anew before today's schedule has given what was measured, to the unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from chainbill.chain.devnet.gas_trace import Slot, Touch, Touched, TracedTransaction
from chainbill.errors import ChainError
from chainbill.scenario.gas_schedule import (
    ADDRESS_BYTES,
    CALLDATA_BYTE,
    CALLDATA_ZERO_BYTE,
    INITCODE_WORD_COST,
    MAX_REFUND_QUOTIENT,
    OSAKA,
    STORAGE_KEY_BYTES,
    WARM_ACCESS,
    GasSchedule,
)

SLOAD, SSTORE = 0x54, 0x55

PRECOMPILES = frozenset((*range(0x01, 0x12), 0x100))
"""Warm in every transaction (EIP-2929), as its sender is, whom it calls, and who gets the fee (EIP-3651)."""

_WORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class PricedGas:
    """A transaction's gas by the rules of one fork."""

    used: int
    """What its sender pays for."""
    state: int
    """Of that, state gas."""


@dataclass(frozen=True, slots=True)
class ChangedSlots:
    """How many storage slots a transaction left with another value than it found them with."""

    written: int
    """All of them."""
    created: int
    """Those that were zero before."""
    cleared: int
    """Those that are zero now."""

    def __add__(self, other: ChangedSlots) -> ChangedSlots:
        return ChangedSlots(
            self.written + other.written, self.created + other.created, self.cleared + other.cleared
        )


def gas_by(schedule: GasSchedule, traced: TracedTransaction) -> PricedGas:
    """The gas of a transaction that ran by today's rules, by those of ``schedule``.

    Raises:
        ChainError: the trace does not add up to what was measured, or has something that no schedule prices.
    """
    return _priced(schedule, traced, traced)


def gas_as_sent(schedule: GasSchedule, traced: TracedTransaction) -> PricedGas:
    """As ``gas_by``, of the transaction as its sender would have sent it by that schedule's rules: naming
    nothing beforehand where that does not pay.

    Raises:
        ChainError: as ``gas_by``.
    """
    return _priced(schedule, traced, traced if names_state(schedule) else replace(traced, access_list={}))


def _priced(schedule: GasSchedule, traced: TracedTransaction, sent: TracedTransaction) -> PricedGas:
    """What ``sent`` takes by a schedule; it is what was ``traced`` but for its access list."""
    if traced.unpriced is not None:
        raise ChainError(f"gas by other rules is not known of a transaction with {traced.unpriced}")
    today, other = _Pricing(OSAKA, traced), _Pricing(schedule, sent)
    _check(today, traced)
    same = used_before_refund(traced) - intrinsic_gas(OSAKA, traced) - today.regular
    used = same + intrinsic_gas(schedule, sent) + other.regular + other.now.state
    return PricedGas(_after_refund(schedule, sent, used, other.now.refund), other.now.state)


def names_state(schedule: GasSchedule) -> bool:
    """Does a name in an access list cost less than it saves? Only then does a sender name anything
    (``chain.node.access_list``)."""
    return schedule.access_list_storage_key_cost + WARM_ACCESS < schedule.cold_storage_read


def changed_slots(traced: TracedTransaction) -> ChangedSlots:
    """What a transaction did to the slots it touched."""
    now = _Pricing(OSAKA, traced).now.values
    before = {slot: traced.originals.get(slot, 0) for slot in now}
    changed = [slot for slot in now if now[slot] != before[slot]]
    return ChangedSlots(
        written=len(changed),
        created=sum(before[slot] == 0 for slot in changed),
        cleared=sum(now[slot] == 0 for slot in changed),
    )


def used_before_refund(traced: TracedTransaction) -> int:
    """What a transaction used by today's rules before anything was given back."""
    return traced.gas_limit - traced.gas_left + OSAKA.code_deposit_cost * traced.code_bytes


def intrinsic_gas(schedule: GasSchedule, traced: TracedTransaction) -> int:
    """What is asked for a transaction before its first opcode: base, calldata, access list."""
    zeros, keys = traced.calldata.count(0), _keys(traced)
    return (
        _base(schedule, traced)
        + zeros * CALLDATA_ZERO_BYTE
        + (len(traced.calldata) - zeros) * CALLDATA_BYTE
        + (_words(len(traced.calldata)) * INITCODE_WORD_COST if traced.to is None else 0)
        + len(traced.access_list) * schedule.access_list_address_cost
        + keys * schedule.access_list_storage_key_cost
    )


def _base(schedule: GasSchedule, traced: TracedTransaction) -> int:
    reached = schedule.create_access if traced.to is None else schedule.tx_recipient_cost
    return schedule.tx_base_cost + reached


def _floor(schedule: GasSchedule, traced: TracedTransaction) -> int:
    zeros = traced.calldata.count(0)
    least = zeros * schedule.floor_per_zero_byte + (len(traced.calldata) - zeros) * schedule.floor_per_byte
    if not schedule.floor_has_resources:
        return schedule.tx_base_cost + least
    listed = len(traced.access_list) * ADDRESS_BYTES + _keys(traced) * STORAGE_KEY_BYTES
    return _base(schedule, traced) + least + listed * schedule.floor_per_byte


def _after_refund(schedule: GasSchedule, traced: TracedTransaction, used: int, refund: int) -> int:
    return max(used - min(refund, used // MAX_REFUND_QUOTIENT), _floor(schedule, traced))


def _check(today: _Pricing, traced: TracedTransaction) -> None:
    """Does today's schedule give what was measured?"""
    reads, writes = (sum(by.get(code, 0) for by in traced.gas.values()) for code in (SLOAD, SSTORE))
    measured = reads, writes, traced.gas_used
    used = _after_refund(OSAKA, traced, used_before_refund(traced), today.now.refund)
    priced = today.reads, today.writes, used
    if priced != measured:
        raise ChainError(f"today's prices give {priced} for reading, for writing and in all, not {measured}")


def _keys(traced: TracedTransaction) -> int:
    return sum(len(slots) for slots in traced.access_list.values())


def _words(size: int) -> int:
    return -(-size // _WORD_BYTES)


# ---- what touches state -------------------------------------------------------------------------------


@dataclass(slots=True)
class _Undoable:
    """What is undone where a frame reverts; what was asked for it is not, but for state gas."""

    accounts: set[int]
    """Touched before, and so warm."""
    slots: set[Slot]
    """The same."""
    values: dict[Slot, int] = field(default_factory=dict)
    """What the slots that were written hold."""
    refund: int = 0
    state: int = 0
    """State gas."""

    def copy(self) -> _Undoable:
        return replace(self, accounts=set(self.accounts), slots=set(self.slots), values=dict(self.values))


class _Pricing:
    """What a transaction's touches cost by one schedule."""

    def __init__(self, schedule: GasSchedule, traced: TracedTransaction) -> None:
        self._schedule, self._originals = schedule, traced.originals
        listed = {(account, slot) for account, slots in traced.access_list.items() for slot in slots}
        warm = {traced.sender, traced.fee_recipient, *traced.access_list, *PRECOMPILES}
        self.now = _Undoable(warm | {traced.to or traced.sender}, listed)
        self.regular = self.reads = self.writes = 0
        self._frames: list[tuple[_Undoable, bool]] = []
        """Of each that is open, what holds where it reverts, and whether it creates a contract."""
        if traced.to is None:
            self.now.state += schedule.new_account_state
            self._deposit(traced.code_bytes)
        for touch in traced.touches:
            self._price(touch)

    def _price(self, touch: Touch) -> None:
        match touch.kind:
            case Touched.READ:
                self.reads += self._ask(self._reach(touch, self._schedule.cold_storage_read))
            case Touched.WRITE:
                access = self._reach(touch, self._schedule.cold_storage_write)
                self.writes += self._ask(access + self._change((touch.account, touch.slot), touch.value))
            case Touched.ACCOUNT:
                self._ask(self._reach_account(touch.account))
            case Touched.CODE:
                self._ask(self._reach_account(touch.account) + self._schedule.second_code_read)
            case Touched.ENTER:
                self._frames.append((self.now.copy(), False))
            case Touched.CREATE:
                self._ask(self._schedule.create_access)
                self.now.accounts.add(touch.account)
                self._frames.append((self.now.copy(), True))
                self.now.state += self._schedule.new_account_state
            case Touched.EXIT:
                _, creates = self._frames.pop()
                if creates:
                    self._deposit(touch.value)
            case Touched.REVERT:
                self.now, _ = self._frames.pop()

    def _ask(self, gas: int) -> int:
        self.regular += gas
        return gas

    def _reach(self, touch: Touch, cold: int) -> int:
        slot = touch.account, touch.slot
        if slot in self.now.slots:
            return WARM_ACCESS
        self.now.slots.add(slot)
        return cold

    def _reach_account(self, account: int) -> int:
        if account in self.now.accounts:
            return WARM_ACCESS
        self.now.accounts.add(account)
        return self._schedule.cold_account_access

    def _change(self, slot: Slot, value: int) -> int:
        """Give a slot a value; returns what is asked for it beside reaching it (the table of EIP-8038)."""
        original = self._originals.get(slot, 0)
        current = self.now.values.get(slot, original)
        self.now.values[slot] = value
        if value == current:
            return 0
        if original != 0:
            self.now.refund += self._schedule.storage_clear_refund * ((value == 0) - (current == 0))
        if value == original:
            self._restore(original)
        if current != original:
            return 0
        if original != 0:
            return self._schedule.storage_write
        self.now.state += self._schedule.storage_set_state
        return self._schedule.storage_write + self._schedule.storage_set

    def _restore(self, original: int) -> None:
        self.now.refund += self._schedule.storage_write
        if original == 0:
            self.now.refund += self._schedule.storage_set
            self.now.state -= self._schedule.storage_set_state

    def _deposit(self, size: int) -> None:
        self._ask(size * self._schedule.code_deposit_cost + _words(size) * self._schedule.code_hash_word_cost)
        self.now.state += size * self._schedule.code_deposit_state
