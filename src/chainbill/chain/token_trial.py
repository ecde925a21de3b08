"""What an existing token does on transfer, tried before anything is deployed that relies on it.

The trial is a call that no block has: the node puts the code of ``TokenTrial`` at the address of somebody who
holds some of the token, in its memory alone (a state override of ``eth_call``), and runs it. Nothing moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from eth_abi.abi import decode
from web3 import Web3
from web3.exceptions import ContractLogicError, Web3RPCError
from web3.types import StateOverride, TxParams

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.contracts.token import DevUsd
from chainbill.chain.node.mapped_errors import mapped_errors
from chainbill.errors import ChainError, TokenRefused
from chainbill.protocol_constants import RELEASE_GAS

DECIMALS = 6
"""Of a dollar token: one unit is a micro-dollar."""

_RECIPIENT = Web3.to_checksum_address("0x000000000000000000000000636861696e62696c")
"""Somebody without code who holds nothing."""

_VERBS = ("tryTransfer", "tryTransferFrom")


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of moving tokens."""

    moved: bool
    """False: the token reverted or answered false."""
    left: int
    """What the holder has less of, in units of the token."""
    arrived: int
    """What the recipient has more of."""
    gas: int


def check_token(w3: Web3, address: str, holder: str) -> None:
    """Check that a token can be relied on: six decimals, and all that is sent arrives, at a bounded cost.

    Args:
        holder: somebody who holds some of it; all of that is tried, and a single unit.

    Raises:
        TokenRefused: it cannot; says why.
        ChainError: the node could not be reached or refused.
    """
    with mapped_errors():
        if not w3.eth.get_code(Web3.to_checksum_address(address)):
            raise TokenRefused(f"there is no contract at {address}", reason="no_contract")
    token = DevUsd(w3, address)
    try:
        decimals, held = token.decimals(), token.balance_of(holder)
    except ChainError as error:
        raise TokenRefused(f"{address} is no token: {error}", reason="no_token") from None
    if decimals != DECIMALS:
        raise TokenRefused(
            f"the token has {decimals} decimals, and amounts of chainbill have {DECIMALS}",
            reason="decimals",
            hint="name a dollar token of six decimals, such as USDC",
        )
    if held == 0:
        raise TokenRefused(
            f"what the token does on transfer cannot be tried: {holder} holds none of it",
            reason="untried",
            hint="name somebody who holds some: `token_holder=ADDRESS`",
        )
    for amount in sorted({1, held}):
        for verb, trial in _trials(w3, address, holder, amount):
            _check(verb, trial, amount)


def _trials(w3: Web3, token: str, holder: str, amount: int) -> Iterator[tuple[str, Trial]]:
    artifact = load_artifact("TokenTrial")
    at = Web3.to_checksum_address(holder)
    contract = w3.eth.contract(address=at, abi=artifact.abi)
    override: StateOverride = {at: {"code": Web3.to_hex(artifact.runtime)}}
    for verb in _VERBS:
        call: TxParams = {
            "from": at,
            "to": at,
            "data": contract.encode_abi(verb, [token, _RECIPIENT, amount]),
        }
        try:
            answer = w3.eth.call(call, "latest", override)
        except ContractLogicError as error:
            raise TokenRefused(f"the token reverts when it is asked: {error}", reason="no_token") from None
        except Web3RPCError as error:
            raise ChainError(
                f"the node does not try calls with code of ours ({error}), so the token cannot be tried",
                hint="use another node: `rpc_url=URL`; or, if you know the token well: `untried_token=True`",
            ) from None
        yield verb, Trial(*decode(["bool", "uint256", "uint256", "uint256"], bytes(answer)))


def _check(verb: str, trial: Trial, amount: int) -> None:
    how = "a transfer" if verb == "tryTransfer" else "a transfer by an approved contract"
    if not trial.moved:
        raise TokenRefused(
            f"{how} of {amount} units fails: the token is paused, or does not let its holder transfer it",
            reason="does_not_move",
            hint="name another holder: `token_holder=ADDRESS`",
        )
    if trial.arrived != amount or trial.left != amount:
        raise TokenRefused(
            f"{how} of {amount} units takes {trial.left} and brings {trial.arrived}: the token keeps a "
            "fee, or changes balances by itself",
            reason="inexact",
            hint="name a token that moves exactly what it is told to",
        )
    if trial.gas > RELEASE_GAS:
        raise TokenRefused(
            f"{how} takes {trial.gas:,} gas, and settlement leaves {RELEASE_GAS:,} to one",
            reason="gas",
            hint="name a token whose transfers take less",
        )
