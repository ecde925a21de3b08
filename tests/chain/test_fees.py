"""What is offered for gas: by the node's word, within a network's policy."""

from __future__ import annotations

import pytest
from tests.support.fake_node import GETH, GWEI, FakeNode, Refused, serving

from chainbill.chain.node.connection import connect
from chainbill.chain.node.fees import FeePolicy, Fees, GasPrices, Quote, coins, gwei
from chainbill.chain.node.gas_balance import gas_balance, rounded_up
from chainbill.errors import ChainError, GasTooDear


def quote_of(policy: FeePolicy, **node: object) -> Quote:
    with serving(FakeNode(GETH, **node)) as fake:  # type: ignore[arg-type]
        return GasPrices(connect(fake.url), policy).quote()


def test_quote__base_fee__is_offered_twice_with_the_tip_that_the_node_names() -> None:
    quote = quote_of(FeePolicy(), base_fee=7 * GWEI, tip=2 * GWEI)
    assert quote.fees == Fees(16 * GWEI, 2 * GWEI)
    assert quote.fees.fields() == {"maxFeePerGas": 16 * GWEI, "maxPriorityFeePerGas": 2 * GWEI}


def test_quote__no_base_fee__is_the_gas_price_of_a_legacy_transaction() -> None:
    quote = quote_of(FeePolicy(), base_fee=None)
    assert quote.fees == Fees(3 * GWEI, None)
    assert quote.fees.fields() == {"gasPrice": 3 * GWEI}


def test_quote__node_names_no_tip__is_the_median_of_what_was_paid() -> None:
    with serving(FakeNode(tip=None)) as fake:
        fake.answers["eth_feeHistory"] = {
            "oldestBlock": "0x1",
            "baseFeePerGas": ["0x1", "0x1", "0x1", "0x1"],
            "gasUsedRatio": [0, 0, 0],
            "reward": [["0x5"], ["0x9"], ["0x7"]],
        }
        assert GasPrices(connect(fake.url), FeePolicy()).quote().tip == 7


def test_quote__node_knows_nothing_of_tips__is_the_least_that_geth_takes() -> None:
    with serving(FakeNode(tip=None)) as fake:
        fake.answers["eth_feeHistory"] = Refused("Method not found", -32601)
        assert GasPrices(connect(fake.url), FeePolicy()).quote().tip == 1


def test_quote__tip_zero__is_the_least_that_geth_takes() -> None:
    assert quote_of(FeePolicy(), tip=0).tip == 1


def test_quote__policy_names_the_tip__the_node_is_not_asked() -> None:
    with serving(FakeNode()) as fake:
        assert GasPrices(connect(fake.url), FeePolicy(tip=5)).quote().tip == 5
        assert "eth_maxPriorityFeePerGas" not in fake.asked


def test_quote__floor_above_the_base_fee__is_what_is_really_paid() -> None:
    """A network of validators that asks for no base fee, and whose nodes take nothing below 1,000 wei."""
    fees = quote_of(FeePolicy(floor=1_000), base_fee=0, tip=1).fees
    assert fees == Fees(1_000, 1_000)
    assert quote_of(FeePolicy(floor=1_000), base_fee=None).fees == Fees(3 * GWEI, None)


def test_quote__cap_between_one_and_two_base_fees__is_offered() -> None:
    assert quote_of(FeePolicy(cap=10 * GWEI), base_fee=7 * GWEI).fees.max_fee == 10 * GWEI


@pytest.mark.parametrize("base_fee", [7 * GWEI, None])
def test_quote__over_the_cap__says_what_is_asked_and_what_is_allowed(base_fee: int | None) -> None:
    with pytest.raises(
        GasTooDear, match=r"asks for [37](.000000001)? gwei .* more than the 2 that"
    ) as refused:
        quote_of(FeePolicy(cap=2 * GWEI), base_fee=base_fee)
    assert refused.value.hint


def test_quote__asked_again_soon__takes_the_tip_from_memory_and_later_not() -> None:
    now = [0.0]
    with serving(FakeNode()) as fake:
        prices = GasPrices(connect(fake.url), FeePolicy(), clock=lambda: now[0])
        prices.quote()
        fake.tip = 9
        assert prices.quote().tip == 1
        now[0] = 31.0
        assert prices.quote().tip == 9


@pytest.mark.parametrize(
    "wrong",
    [
        {"floor": 2, "cap": 1},
        {"floor": -1},
        {"tip": 0},
        {"tip": 2, "cap": 1},
        {"replacement_bps": 999},
        {"gas_cap": 20_999},
        {"margin_bps": -1},
        {"total_cap": 0},
    ],
)
def test_fee_policy__numbers_contradict_each_other__is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ChainError):
        FeePolicy(**wrong)


def quoted(base_fee: int, tip: int = 1) -> Quote:
    return Quote(base_fee, tip, Fees(2 * base_fee + tip, tip), 2**24, 1)


@pytest.mark.parametrize("old", [1, 7, 8, 9, 1_000, GWEI, 3 * GWEI + 1])
def test_replacement__any_price__is_a_tenth_more_at_least_of_both_fees(old: int) -> None:
    better = Fees(old, old).replacement(quoted(0), FeePolicy())
    assert better is not None
    assert better.tip is not None
    assert 100 * better.max_fee >= 110 * old
    assert 100 * better.tip >= 110 * old
    assert better.max_fee <= 1 + old * 1.125


def test_replacement__network_asks_for_more_than_the_step__is_what_it_asks() -> None:
    assert Fees(GWEI, 1).replacement(quoted(5 * GWEI), FeePolicy()) == Fees(10 * GWEI + 1, 2)


def test_replacement__over_the_cap__is_none() -> None:
    assert Fees(GWEI, 1).replacement(quoted(0), FeePolicy(cap=GWEI)) is None


def test_replacement__legacy_transaction__stays_one() -> None:
    quote = Quote(GWEI, 0, Fees(GWEI, None), 2**24, 1)
    assert Fees(GWEI, None).replacement(quote, FeePolicy()) == Fees(1_125_000_000, None)


@pytest.mark.parametrize(
    "fees, covers",
    [
        (Fees(101, 1), True),
        (Fees(100, 1), False),
        (Fees(101, 0), False),
        (Fees(101, None), True),
        (Fees(100, None), False),
    ],
)
def test_covers__price_of_the_next_block__decides(fees: Fees, covers: bool) -> None:
    assert fees.covers(Quote(100, 1, Fees(201, 1), 2**24, 1)) is covers


@pytest.mark.parametrize(
    "estimate, asked", [(100_000, 125_000), (9_000_000, 10_000_000), (10_000_000, 10_000_000)]
)
def test_with_margin__near_the_limit__is_the_limit(estimate: int, asked: int) -> None:
    """A quarter more than nine of ten million was refused on a network of such blocks."""
    assert FeePolicy().with_margin(estimate, 10_000_000) == asked


def test_with_margin__over_the_limit__says_both() -> None:
    with pytest.raises(ChainError, match="would take 10,000,001 gas, and one may take 10,000,000"):
        FeePolicy().with_margin(10_000_001, 10_000_000)


@pytest.mark.parametrize("block, limit", [(60_000_000, 2**24), (10_000_000, 10_000_000)])
def test_quote__block_limit__bounds_the_gas_of_one_transaction(block: int, limit: int) -> None:
    assert quote_of(FeePolicy(), gas_limit=block).gas_limit == limit


def test_check_total__over_one_coin__is_refused_before_geth_does() -> None:
    with serving(FakeNode()) as fake:
        prices = GasPrices(connect(fake.url), FeePolicy())
        prices.check_total(10**18)
        with pytest.raises(GasTooDear, match=r"could cost 1\.2 of the network's coin .* than the 1 that"):
            prices.check_total(12 * 10**17)


def test_coins_and_gwei__any_amount__are_exact() -> None:
    assert [coins(10**16), coins(1), coins(1_234 * 10**18)] == ["0.01", "0.000000000000000001", "1,234"]
    assert [gwei(1), gwei(25 * GWEI)] == ["0.000000001", "25"]


def test_gas_balance__running_low__says_how_much_to_send_where() -> None:
    address = "0x576C4D4867694DE2AeF160fb6e03145A5332285c"
    with serving(FakeNode(balance=10**17)) as fake:
        w3 = connect(fake.url)
        plenty = gas_balance(w3, address, FeePolicy())
        assert (plenty.is_low, plenty.alarm, plenty.transactions_left) == (False, None, 49)
        fake.balance = 10**16
        low = gas_balance(w3, address, FeePolicy())
    # Twenty transactions of a million gas at 2 gwei and a wei, less what is there.
    assert low.alarm == f"needs gas: send 0.031 to {address}"
    assert low.is_low


@pytest.mark.parametrize("wei, rounded", [(1, 1), (99, 99), (101, 110), (30_000_000_001, 31_000_000_000)])
def test_rounded_up__any_amount__has_two_digits_and_is_no_less(wei: int, rounded: int) -> None:
    assert rounded_up(wei) == rounded
