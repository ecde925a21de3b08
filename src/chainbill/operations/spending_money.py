"""DevUSD for whoever begins on a devnet."""

from __future__ import annotations

from chainbill.operations.governor.registrations import gives_at_once, hand_out
from chainbill.state.address_book import Contact
from chainbill.state.devnet_accounts import SPENDING_MONEY
from chainbill.state.session import Session


def give_spending_money(session: Session, entry: Contact, held: int, mint: int | None) -> int:
    """Make DevUSD for an account that was created: ``mint``, else the usual where it holds nothing. Returns
    how much; amounts in micro-dollars.

    Raises:
        DevnetError: not on a devnet, where money is real.
        CallDelayed: the governor must announce it first, and has.
    """
    if mint is None:
        usual = SPENDING_MONEY.get(entry.role.value, 0)
        mint = usual if held == 0 and gives_at_once(session) else 0
    if mint:
        hand_out(session, entry.address, mint)
    return mint
