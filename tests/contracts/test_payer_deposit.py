"""`InsurerPayer.deposit`: anyone may add to a pool."""

from __future__ import annotations

from tests.support.deployment import POOL_FUNDS, Protocol
from tests.support.evm import reverts

from chainbill.chain.format.events import PoolDeposited
from chainbill.money import DOLLAR, MAX_AMOUNT


def test_deposit__by_anyone__is_the_pools(protocol: Protocol) -> None:
    protocol.mint(protocol.stranger, DOLLAR, protocol.payer)
    receipt = protocol.payer.send(protocol.stranger, "deposit", DOLLAR)
    assert receipt.of(PoolDeposited) == [PoolDeposited(protocol.payer_id, protocol.stranger, DOLLAR)]
    assert protocol.pool() == POOL_FUNDS + DOLLAR
    protocol.assert_solvent()


def test_deposit__nothing__reverts(protocol: Protocol) -> None:
    with reverts("DepositOfNothing"):
        protocol.payer.send(protocol.insurer, "deposit", 0)


def test_deposit__up_to_64_bits__and_not_beyond(protocol: Protocol) -> None:
    rest = MAX_AMOUNT - POOL_FUNDS
    protocol.mint(protocol.stranger, MAX_AMOUNT, protocol.payer)
    with reverts("PoolOverflow", pool=POOL_FUNDS, amount=rest + 1):
        protocol.payer.send(protocol.stranger, "deposit", rest + 1)
    protocol.payer.send(protocol.stranger, "deposit", rest)
    assert protocol.pool() == MAX_AMOUNT


def test_deposit__not_approved__reverts(protocol: Protocol) -> None:
    protocol.token.send(protocol.governor, "mint", protocol.stranger, DOLLAR)
    with reverts("ERC20InsufficientAllowance"):
        protocol.payer.send(protocol.stranger, "deposit", DOLLAR)
