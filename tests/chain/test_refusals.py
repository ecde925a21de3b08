"""A node's refusals are understood by their words, whatever node it is: the sentences are theirs."""

from __future__ import annotations

import pytest

from chainbill.chain.node.refusals import Refusal, read_refused, refusal_of, refused
from chainbill.errors import (
    BatchTooLarge,
    ChainError,
    NodeRefused,
    StateForgotten,
    TooManyAddresses,
    UnknownBlock,
)

SAID = {
    Refusal.NONCE_TOO_LOW: [
        "nonce too low",
        "nonce too low: next nonce 1, tx nonce 0",
        "Nonce too low. Expected nonce to be 1 but got 0.",
    ],
    Refusal.NONCE_TOO_HIGH: ["Nonce too high. Expected nonce to be 2 but got 9."],
    Refusal.ALREADY_KNOWN: [
        "transaction already imported",
        "already known",
        "Known transaction",
        "AlreadyKnown",
    ],
    Refusal.REPLACEMENT_TOO_CHEAP: ["replacement transaction underpriced"],
    Refusal.FEE_BELOW_BASE: [
        "max fee per gas less than block base fee",
        "Transaction maxFeePerGas (1) is too low for the next block, which has a baseFeePerGas of 300951057",
    ],
    Refusal.TIP_ABOVE_FEE: [
        "max priority fee per gas higher than max fee per gas",
        "maxPriorityFeePerGas (2000000000) is bigger than maxFeePerGas (1000000000)",
    ],
    Refusal.TIP_TOO_LOW: [
        "transaction gas price below minimum: gas tip cap 0, minimum needed 1",
        "transaction underpriced: gas tip cap 1, minimum needed 25000000000",
        "Gas price below configured minimum gas price",
    ],
    Refusal.INSUFFICIENT_FUNDS: [
        "Insufficient funds for gas * price + value",
        "insufficient funds for gas * price + value: balance 0, tx cost 42000000, overshot 42000000",
        "failed with 16777216 gas: insufficient funds for gas * price + value: have 0 want 10000000000000000",
        "Sender doesn't have enough funds to send tx. The max upfront cost is: 434444206308001",
        "Upfront cost exceeds account balance",
    ],
    Refusal.TOTAL_FEE: ["tx fee (1.20 ether) exceeds the configured cap (1.00 ether)"],
    Refusal.GAS_TOO_HIGH: [
        "intrinsic gas too high -- tx.gas_limit > env.block.gas_limit",
        "exceeds block gas limit: tx gas (10000001) > current max gas (10000000)",
        "Transaction gas limit is 60000001 and exceeds transaction gas cap of 16777216",
        "intrinsic gas too high -- tx.gas_limit > env.cfg.tx_gas_limit_cap",
        "transaction gas limit too high (cap: 16777216, tx: 16777217)",
        "Transaction gas limit exceeds block gas limit",
    ],
    Refusal.GAS_TOO_LOW: [
        "intrinsic gas too low",
        "intrinsic gas too low: gas 20999, minimum needed 21000",
        "intrinsic gas too low: tx gas (20999), minimum needed 21000",
        "Transaction requires at least 21000 gas but got 20999",
    ],
    Refusal.WRONG_CHAIN: [
        "invalid chain id for signer",
        "invalid sender: invalid chain id for signer: have 424243 want 424242",
        "invalid sender",
        "Trying to send a raw transaction with an invalid chainId. The expected chainId is 31337",
    ],
    Refusal.CODE_TOO_LARGE: [
        "max initcode size exceeded",
        "max initcode size exceeded: code size 49153 limit 49152",
        "Trying to send a deployment transaction whose init code length is 49153.",
    ],
    Refusal.UNKNOWN_BLOCK: [
        "BlockOutOfRangeError: block height is 5 but requested was 1005",
        "header not found",
        "cannot query unfinalized data",
        "Received invalid block tag 1010. Latest block number is 10",
        "unknown block",
        "blockHash cannot be found",
        "block range extends beyond current head block",
        "requested to block 1079 after last accepted block 79",
    ],
    Refusal.STATE_FORGOTTEN: [
        "missing trie node 6f2c (path ) state 0x6f2c is not available",
        "required historical state unavailable (reexec=128)",
        "historical state 6f2c is not available",
        "World state unavailable",
        "old data not available due to pruning",
    ],
    Refusal.TOO_MANY_ADDRESSES: [
        "exceed max addresses or topics per search position",
        "invalid argument 0: exceed max addresses",
    ],
    Refusal.BATCH_TOO_LARGE: ["batch too large"],
    Refusal.POOL_FULL: ["transaction pool is full", "txpool is full"],
    Refusal.UNKNOWN_METHOD: [
        "Method not found",
        "the method eth_simulateV1 does not exist/is not available",
        "Method eth_nonsense is not supported",
    ],
    None: ["unknown transaction type", "execution reverted", "boom", ""],
}


@pytest.mark.parametrize(
    "message, meant", [(message, meant) for meant, messages in SAID.items() for message in messages]
)
def test_refusal_of__words_of_a_node__is_what_it_means(message: str, meant: Refusal | None) -> None:
    assert refusal_of(message) is meant


def test_refusal__each__is_said_by_some_node_above() -> None:
    assert set(Refusal) == SAID.keys() - {None}


@pytest.mark.parametrize(
    "meant, kind",
    [
        (Refusal.UNKNOWN_BLOCK, UnknownBlock),
        (Refusal.STATE_FORGOTTEN, StateForgotten),
        (Refusal.TOO_MANY_ADDRESSES, TooManyAddresses),
        (Refusal.BATCH_TOO_LARGE, BatchTooLarge),
    ],
)
def test_read_refused__one_that_a_reader_acts_upon__has_a_class_of_its_own(
    meant: Refusal, kind: type[ChainError]
) -> None:
    for message in SAID[meant]:
        assert type(read_refused("eth_call", message)) is kind
        assert type(refused(message)) is kind


@pytest.mark.parametrize("message", [message for messages in SAID.values() for message in messages])
def test_refused__any_words__are_told_with_what_to_do(message: str) -> None:
    assert str(refused(message)) == f"the node refused: {message}"
    assert isinstance(read_refused("eth_call", message), NodeRefused)
    assert refused(message).hint
