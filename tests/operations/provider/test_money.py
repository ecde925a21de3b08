"""A provider's money: credit paid out once, a bond, an advance against it, and its cash prices."""

from __future__ import annotations

import pytest
from eth_account import Account
from tests.support.roles import Town

from chainbill.errors import ContractReverted, StateError
from chainbill.money import DOLLAR
from chainbill.operations.actor import Actor
from chainbill.operations.provider import cash_prices, credit
from chainbill.state.address_book import Role


@pytest.fixture
def provider(town: Town, clinic: str) -> Actor:
    """A clinic with $500 of its own."""
    actor = Actor.named(town.session(), clinic, Role.PROVIDER)
    minter = Actor.holding(actor.session, "governor").sender()
    actor.protocol.token.mint(minter, actor.address, 500 * DOLLAR)
    return actor


@pytest.fixture
def provider_id(provider: Actor) -> int:
    return provider.session.book.get(provider.name).provider_id or 0


@pytest.fixture
def settled(town: Town, provider: Actor) -> None:
    """It is owed $100."""
    town.attest(provider.name, town.patient(f"of-{provider.name}", provider.name), f"{provider.name}-a")
    town.settle(provider.name)


def sent_by(provider: Actor) -> int:
    return int(provider.protocol.w3.eth.get_transaction_count(provider.address))


def test_withdraw__matured__is_paid_once(
    town: Town, provider: Actor, provider_id: int, settled: None
) -> None:
    nothing, sent = credit.withdraw(provider, provider_id), sent_by(provider)
    assert (nothing.changed, nothing.amount, nothing.maturing) == (False, 0, 100 * DOLLAR)
    town.ok("devnet", "advance", "9d")
    assert credit.balance(provider, provider_id).credit.matured == 100 * DOLLAR
    done = credit.withdraw(provider, provider_id)
    assert (done.changed, done.amount, done.outside) == (True, 100 * DOLLAR, 600 * DOLLAR)
    again = credit.withdraw(provider, provider_id)
    assert (again.changed, again.amount, again.transaction) == (False, 0, None)
    assert sent_by(provider) == sent + 1


def test_balance__of_nobody__is_refused(provider: Actor) -> None:
    with pytest.raises(StateError, match="there is no provider 4000 on this chain"):
        credit.balance(provider, 4_000)


def test_balance__events_and_money__are_counted(provider: Actor, provider_id: int, settled: None) -> None:
    standing = credit.balance(provider, provider_id)
    assert (standing.provider_id, standing.payout_address) == (provider_id, provider.address)
    assert (standing.to_attest, standing.attested, standing.outside) == (0, 1, 500 * DOLLAR)


def test_bond__lets_maturing_credit_out_and_comes_back_when_all_is_over(
    town: Town, provider: Actor, provider_id: int, settled: None
) -> None:
    with pytest.raises(ContractReverted, match="AdvanceTooLarge"):
        credit.draw_advance(provider, provider_id, 60 * DOLLAR)
    for bond in (50 * DOLLAR, 100 * DOLLAR):  # Again is once more.
        assert credit.deposit_bond(provider, provider_id, 50 * DOLLAR).bond == bond
    drawn = credit.draw_advance(provider, provider_id, 60 * DOLLAR)
    assert (drawn.amount, drawn.outstanding, drawn.bond) == (60 * DOLLAR, 60 * DOLLAR, 100 * DOLLAR)
    with pytest.raises(ContractReverted, match="BondInUse"):
        credit.withdraw_bond(provider, provider_id)
    town.ok("devnet", "advance", "9d")
    back = credit.withdraw_bond(provider, provider_id)
    assert (back.amount, back.payout_address) == (100 * DOLLAR, provider.address)
    with pytest.raises(ContractReverted, match="NoBond"):
        credit.withdraw_bond(provider, provider_id)


def test_bond_and_prices__by_somebody_else__are_refused(town: Town, provider_id: int) -> None:
    stranger = Actor.of(town.session(), Account.create())
    for attempt in (
        lambda: credit.deposit_bond(stranger, provider_id, DOLLAR),
        lambda: credit.draw_advance(stranger, provider_id, DOLLAR),
        lambda: credit.withdraw_bond(stranger, provider_id),
        lambda: cash_prices.publish_prices(stranger, provider_id, {"check-up-visit": DOLLAR}),
    ):
        with pytest.raises(StateError, match="which alone may do this"):
            attempt()


def test_publish_prices__a_first_holds_at_once_and_a_change_a_day_later(
    town: Town, provider: Actor, provider_id: int
) -> None:
    session = provider.session
    assert cash_prices.standing_prices(session, provider_id) == {}
    with pytest.raises(StateError, match="has published no cash prices"):
        cash_prices.cash_key(session, provider.name, provider_id)
    wanted = {"check-up-visit": 80 * DOLLAR, "lab-lipid-panel": 0}
    first, sent = cash_prices.publish_prices(provider, provider_id, wanted), sent_by(provider)
    assert (first.changed, dict(first.changes.changed)) == (True, {"check-up-visit": 80 * DOLLAR})
    assert cash_prices.standing_prices(session, provider_id) == {
        "check-up-visit": cash_prices.PriceStanding(80 * DOLLAR)
    }
    again = cash_prices.publish_prices(provider, provider_id, wanted)
    assert (again.changed, again.transaction, sent_by(provider)) == (False, None, sent)
    second = cash_prices.publish_prices(provider, provider_id, {"check-up-visit": 90 * DOLLAR})
    later = session.now() + 86_400
    assert second.holds == {"check-up-visit": later}
    assert cash_prices.standing_prices(session, provider_id) == {
        "check-up-visit": cash_prices.PriceStanding(80 * DOLLAR, 90 * DOLLAR, later)
    }
    # One is announced at a time.
    third = cash_prices.publish_prices(provider, provider_id, {"check-up-visit": 95 * DOLLAR})
    assert (third.changed, dict(third.changes.announced)) == (False, {"check-up-visit": later})
