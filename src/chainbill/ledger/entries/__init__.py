"""What each event does to the ledger, by the contract that logs it.

An entry takes an event only if the contracts could have logged it then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainbill.ledger.accounts import Ledger

Entry = Callable[[Ledger, Any, int], None]
"""Changes the ledger by one event of a block of that time, or raises LedgerError."""
