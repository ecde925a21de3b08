"""What touching state costs, and the transaction itself, by the rules of today's hard fork and of the next.

Amsterdam is scheduled next. Its prices are those that geth 1.17.10 charges by EIP-2780 (the transaction),
EIP-7976 and EIP-7981 (calldata and access lists), EIP-8037 (new state) and EIP-8038 (access to state), all in
last call in October 2026. Osaka's are those of EIP-2929, EIP-2930, EIP-3529 and EIP-7623, told in the
terms of EIP-8038. All else costs the same by both.
"""

from __future__ import annotations

from dataclasses import dataclass

CALLDATA_ZERO_BYTE, CALLDATA_BYTE = 4, 16
"""Of a byte of calldata that is zero, and of any other, by both forks (EIP-2028)."""

INITCODE_WORD_COST = 2
"""Of each word of creation code, by both forks (EIP-3860)."""

WARM_ACCESS = 100
"""Of any but the first touch of an account or a slot, by both forks (EIP-2929, EIP-8038)."""

MAX_REFUND_QUOTIENT = 5
"""A transaction gets back at most this part of what it used, by both forks (EIP-3529)."""

COST_PER_STATE_BYTE = 1_530
"""``CPSB`` of EIP-8037: the state gas of each byte that is added to the state."""

STATE_BYTES_PER_STORAGE_SET, STATE_BYTES_PER_NEW_ACCOUNT = 64, 120
"""By EIP-8037, how many bytes a new slot and a new account are."""

ADDRESS_BYTES, STORAGE_KEY_BYTES = 20, 32
"""Of an entry of an access list (EIP-7981)."""


@dataclass(frozen=True, slots=True)
class GasSchedule:
    """The prices, in gas, that the two forks do not share.

    State gas is metered apart by EIP-8037: it comes back where the state does not come to be, and the bound
    of 2^24 on a transaction does not count it.
    """

    tx_base_cost: int
    """``TX_BASE_COST``: of any transaction."""
    tx_recipient_cost: int
    """Of the account that it calls."""
    create_access: int
    """``CREATE_ACCESS``: of creating a contract, by a transaction or an opcode."""
    new_account_state: int
    """State gas of the account that this adds."""
    code_deposit_cost: int
    """``GAS_CODE_DEPOSIT``: of each byte of the created contract's code."""
    code_deposit_state: int
    """The same in state gas."""
    code_hash_word_cost: int
    """Of each word of that code, for its hash."""
    cold_account_access: int
    """``COLD_ACCOUNT_ACCESS``: of the first touch of an account."""
    second_code_read: int
    """Of what EXTCODESIZE and EXTCODECOPY read after the account."""
    cold_storage_read: int
    """``COLD_STORAGE_ACCESS``: of the first touch of a slot, by SLOAD."""
    cold_storage_write: int
    """The same by SSTORE, which before EIP-8038 paid the warm access as well."""
    storage_write: int
    """``STORAGE_WRITE``: of the first change of a slot's value."""
    storage_set: int
    """Of a slot that was zero, on top."""
    storage_set_state: int
    """``STORAGE_SET``: the same in state gas."""
    storage_clear_refund: int
    """``STORAGE_CLEAR_REFUND``."""
    access_list_address_cost: int
    """``ACCESS_LIST_ADDRESS_COST``, with the address's bytes."""
    access_list_storage_key_cost: int
    """``ACCESS_LIST_STORAGE_KEY_COST``, with the key's bytes."""
    floor_per_zero_byte: int
    """The least that a transaction pays for a byte of calldata that is zero."""
    floor_per_byte: int
    """The same for any other byte: ``TOTAL_COST_FLOOR_PER_TOKEN`` of its four tokens."""
    floor_has_resources: bool
    """Does that least begin from all that is asked for a transaction as such, not from its base alone, and
    count an access list's bytes?"""


OSAKA = GasSchedule(
    tx_base_cost=21_000,
    tx_recipient_cost=0,
    create_access=32_000,
    new_account_state=0,
    code_deposit_cost=200,
    code_deposit_state=0,
    code_hash_word_cost=0,
    cold_account_access=2_600,
    second_code_read=0,
    cold_storage_read=2_100,
    cold_storage_write=2_100 + WARM_ACCESS,
    storage_write=2_900 - WARM_ACCESS,
    storage_set=20_000 - 2_900,
    storage_set_state=0,
    storage_clear_refund=4_800,
    access_list_address_cost=2_400,
    access_list_storage_key_cost=1_900,
    floor_per_zero_byte=10,
    floor_per_byte=40,
    floor_has_resources=False,
)
"""Today's."""

AMSTERDAM = GasSchedule(
    tx_base_cost=12_000,
    tx_recipient_cost=3_000,
    create_access=9_000 + 3_000,
    new_account_state=STATE_BYTES_PER_NEW_ACCOUNT * COST_PER_STATE_BYTE,
    code_deposit_cost=0,
    code_deposit_state=COST_PER_STATE_BYTE,
    code_hash_word_cost=6,
    cold_account_access=3_000,
    second_code_read=WARM_ACCESS,
    cold_storage_read=2_100,
    cold_storage_write=2_100,
    storage_write=10_000,
    storage_set=0,
    storage_set_state=STATE_BYTES_PER_STORAGE_SET * COST_PER_STATE_BYTE,
    storage_clear_refund=(10_000 + 2_100) * 4_800 // 5_000,
    access_list_address_cost=2_900 + 64 * ADDRESS_BYTES,
    access_list_storage_key_cost=2_000 + 64 * STORAGE_KEY_BYTES,
    floor_per_zero_byte=64,
    floor_per_byte=64,
    floor_has_resources=True,
)
"""Those to come: a slot that exists takes 12,100 to change, a new one 110,020, a new account 183,600."""
