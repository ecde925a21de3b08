"""A contract's revert as the Python error of the same name, with the same fields."""

from __future__ import annotations

from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

from chainbill.chain.artifacts import CONTRACTS, load_artifact
from chainbill.errors import ChainError, ContractReverted

_PANICS = {
    0x01: "assertion",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x32: "index out of range",
}

_SIGN_AGAIN = "sign again, with a later deadline and the patient's present nonce"
_PAYOUT_ADDRESS = "only the provider's payout address may do this"

HINTS = {
    "ERC20InsufficientAllowance": "approve the tokens first",
    "ERC20InsufficientBalance": "the account holds too few tokens",
    "WithdrawalNotAvailable": "wait until the notice is over; on a devnet: chainbill devnet advance 1d",
    "ChangeTooRecent": "an earlier change has only just taken effect; try again after that time",
    "EnforcedPause": "the governor has paused new settlement; withdrawals stay open",
    "NoWithdrawalRequested": "announce the withdrawal first",
    "AccessManagedUnauthorized": "only the governor may do this",
    "AccessManagerNotScheduled": "the governor must schedule this call first, and wait",
    "AccessManagerNotReady": "the scheduled call's delay is not over",
    "OwnableUnauthorizedAccount": "only the insurer that owns this payer may do this",
    "NotThePayoutAddress": _PAYOUT_ADDRESS,
    "LimitNotInCents": "give whole cents",
    "SignatureExpired": _SIGN_AGAIN,
    "InvalidPatientSignature": _SIGN_AGAIN,
    "NoCredit": "credit matures eight days after the start of the day on which it was settled",
    "BondInUse": "the bond is free once every dispute has ended and all credit has matured",
    "NotAParty": "the claim's patient and the insurers of its payers may dispute it",
    "WindowOver": "a claim may be disputed for seven days after it was settled",
    "NotInBatch": "the claim is not as it was logged, or its batch's root is kept no more",
    "DeadlineNotOver": "wait until the deadline has passed",
    "RulingTooLarge": "a ruling may lower what was settled, and raise nothing",
    "PatientPartMissing": "put in a bond, or wait for credit: the patient's part must be there in full",
    "AdvanceTooLarge": "at most the bond and the maturing credit, less what is advanced already",
    "NoPayoutAddressAnnounced": "see where it is paid: chainbill provider payout-address show",
    "AlreadyAttester": "see the keys: chainbill provider keys list",
    "NotAttester": "see the keys: chainbill provider keys list",
    "OperatorFeeTooHigh": "at most $1.00 for an event and 500 basis points of what is allowed",
    "FeeStillAnnounced": "another fee is announced; try again when it holds",
    "InvalidQuorum": "at least one must sign, and at most as many as there are members",
    "EpochOver": "open a new one: chainbill governor open-epoch",
    "AccessManagerExpired": "announced calls are good for a week: announce it again",
    "RulingDoesNotAddUp": "every part must be ruled on, so that the parts make what is allowed",
}
"""What to do next after some of the contracts' errors."""


def decode_revert(data: bytes) -> ChainError:
    """Turn revert data into an error: ``ContractReverted`` where a contract of ours declares it."""
    selector, body = data[:4], data[4:]
    if not data:
        return ChainError("the contract reverted without a reason (out of gas, or no contract there)")
    known = _declared_errors().get(selector)
    try:
        if known is not None:
            name, inputs = known
            values = decode([collapse_if_tuple(entry) for entry in inputs], body)
            fields = {_field(entry): _readable(value) for entry, value in zip(inputs, values, strict=True)}
            return ContractReverted(name, fields, hint=HINTS.get(name))
        if selector == bytes.fromhex("08c379a0"):
            return ContractReverted("Error", {"message": decode(["string"], body)[0]})
        if selector == bytes.fromhex("4e487b71"):
            code = decode(["uint256"], body)[0]
            return ContractReverted("Panic", {"code": code, "meaning": _PANICS.get(code, "unknown")})
    except (DecodingError, OverflowError, UnicodeDecodeError):
        pass
    return ChainError(f"the contract reverted with unknown data 0x{data.hex()}")


@cache
def _declared_errors() -> dict[bytes, tuple[str, list[dict[str, Any]]]]:
    declared: dict[bytes, tuple[str, list[dict[str, Any]]]] = {}
    for contract in CONTRACTS:
        for entry in load_artifact(contract).abi:
            if entry["type"] == "error":
                declared[function_abi_to_4byte_selector(entry)] = (entry["name"], entry["inputs"])  # type: ignore[arg-type]
    return declared


def _field(entry: dict[str, Any]) -> str:
    return str(entry["name"]).rstrip("_")


def _readable(value: object) -> object:
    return "0x" + value.hex() if isinstance(value, bytes) else value
