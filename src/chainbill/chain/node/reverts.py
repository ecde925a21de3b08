"""A contract's revert as the Python error of the same name, with the same fields."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

from chainbill.chain.artifacts import CONTRACTS, load_artifact
from chainbill.errors import ChainError, ContractReverted
from chainbill.money import show_dollars

_PANICS = {
    0x01: "assertion",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x32: "index out of range",
}

_SIGN_AGAIN = "sign again, with a later deadline and the patient's present nonce"
_SIGN_ANEW = "it was sent before, voided or changed: sign again, over the present nonce"
_PAYOUT_ADDRESS = "only the provider's payout address may do this: chainbill provider payout-address show"
_TOO_LARGE = "the sum would be more than a contract can hold: give less"
_SETTLE_AGAIN = "settle what waits again, with a batch of its own: chainbill oracle settle"
_QUORUM = "the nodes of the open epoch must sign: chainbill oracle settle, where their keys are"
_NOT_BY_HAND = "the batch was not made by chainbill oracle settle: make it anew with that"
_ROLES = "see who is in which role: chainbill governor roles list"
_SCHEDULED = "see what is announced: chainbill governor scheduled"
_KEYS = "see the keys: chainbill provider keys list"
_DISPUTES = "see how it stands: chainbill claims disputes"
_PLAN = "see how a plan is written: chainbill insurer plan --example"
_ENROL = "enrol first: chainbill insurer enrol --help"
_REGISTERED = "ask its owner for its id, or its card: chainbill contacts import CARD"
_OWN_CONTRACTS = "the contracts are not as this version deploys them: chainbill doctor"
_BALANCE = "see what is there: chainbill patient balance, or chainbill insurer balance"
_ANNOUNCE_LATER = "another change is announced: try again when it holds"
_ANY_ACCOUNT = "name an account, or an address that somebody has"

HINTS = {
    # ---- tokens ----
    "ERC20InsufficientAllowance": "have the account approve the tokens first",
    "ERC20InsufficientBalance": "give less, or get the account more of the dollar token",
    "ERC20InvalidApprover": _ANY_ACCOUNT,
    "ERC20InvalidReceiver": _ANY_ACCOUNT,
    "ERC20InvalidSender": _ANY_ACCOUNT,
    "ERC20InvalidSpender": _ANY_ACCOUNT,
    "ERC2612ExpiredSignature": _SIGN_AGAIN,
    "ERC2612InvalidSigner": _SIGN_ANEW,
    "AuthorizationExpired": _SIGN_AGAIN,
    "AuthorizationNotYetValid": "send it later: it is signed for a time to come",
    "AuthorizationUsedOrCanceled": _SIGN_ANEW,
    "InvalidAuthorizationSignature": _SIGN_ANEW,
    "CallerMustBePayee": "only whom it is signed for may take it: chainbill relay submit",
    "SafeERC20FailedOperation": "the token refused: does the account hold enough, and has it approved?",
    "UnexpectedAmountReceived": "the token took a part of what was sent, and such a token cannot be used",
    "DepositOfNothing": "give an amount above zero",
    # ---- signatures ----
    "ECDSAInvalidSignature": _SIGN_ANEW,
    "ECDSAInvalidSignatureLength": _SIGN_ANEW,
    "ECDSAInvalidSignatureS": _SIGN_ANEW,
    "InvalidAccountNonce": _SIGN_ANEW,
    "InvalidSignature": _SIGN_ANEW,
    "InvalidPatientSignature": _SIGN_AGAIN,
    "SignatureExpired": _SIGN_AGAIN,
    # ---- balances and withdrawals ----
    "AmountOverBalance": _BALANCE,
    "DebitOverBalance": _BALANCE,
    "BalanceOverflow": _TOO_LARGE,
    "PoolOverflow": _TOO_LARGE,
    "CreditOverflow": _TOO_LARGE,
    "NothingToWithdraw": _BALANCE,
    "NoWithdrawalRequested": "announce the withdrawal first",
    "WithdrawalNotAvailable": "wait until the notice is over; on a devnet: chainbill devnet advance 1d",
    "WithdrawalLapsed": "announce the withdrawal again",
    "ChangeTooRecent": "an earlier change has only just taken effect; try again after that time",
    # ---- what patients allow ----
    "ConsentExpiryInPast": "name a time to come: `until=`, or `duration=`",
    "NoConsentToRevoke": "see who may charge: chainbill patient balance",
    "LimitNotInCents": "give whole cents",
    "LimitTooLarge": "give a lower limit",
    "LimitsUnchanged": "the limits are so already: chainbill patient balance",
    "PayersUnchanged": "it is accepted already: chainbill patient balance",
    "SamePayerTwice": "name another second insurer, or none",
    "SecondaryWithoutPrimary": "name the first insurer, too",
    "UnknownPayer": _REGISTERED,
    # ---- insurers ----
    "OwnableInvalidOwner": _ANY_ACCOUNT,
    "OwnableUnauthorizedAccount": "only the insurer that owns this payer may do this",
    "OwnershipCannotBeRenounced": "offer it to another account: chainbill insurer hand-over ACCOUNT",
    "InvalidPlanId": "a plan's number is 1 or more",
    "InvalidTerms": _PLAN,
    "UnknownPlan": "publish the plan first: chainbill insurer plan FILE",
    "PlanUnchanged": "the member is under this plan already",
    "VersionStillAnnounced": _ANNOUNCE_LATER,
    "EffectiveTooLate": "let it hold sooner",
    "EffectiveTooSoon": "let it hold later: a change is announced beforehand",
    "InvalidServiceId": "publish under a schedule: chainbill insurer fees, or chainbill provider prices",
    "LengthMismatch": _OWN_CONTRACTS,
    "ProviderAlreadyAccepted": "its events are paid already",
    "ProviderNotAccepted": "accept it first: chainbill insurer accept-provider PROVIDER",
    "AlreadyEnrolled": "to move the member to another plan: chainbill insurer change-plan",
    "NotEnrolled": _ENROL,
    "CoverageAlreadyEnded": "enrolling again resumes it: chainbill insurer enrol",
    "FamilyUnchangeable": "enrol under the family that the member has this year",
    "FamilyFull": "a family has at most 255 members in a year",
    "OpeningTooLarge": "opening entries bring what a member has met to some $281 million at most",
    "BenefitYearOutOfReach": "name this year, the one before or the one after: `year=`",
    "ZeroMember": _ANY_ACCOUNT,
    "PayerCannotPay": "see the pool and the plan: chainbill insurer balance",
    "RowsDiffer": _OWN_CONTRACTS,
    "NoReceivable": "nothing is owed there: chainbill insurer disputes",
    "NoRefund": "no refund waits there: chainbill insurer balance",
    "ZeroInsurer": _ANY_ACCOUNT,
    "TooManyPayers": "no more payer contracts can be made on this deployment",
    "WrongPayerCode": _OWN_CONTRACTS,
    # ---- providers ----
    "UnknownProvider": _REGISTERED,
    "ZeroAddress": _ANY_ACCOUNT,
    "NoAttesters": "name at least one key",
    "AlreadyAttester": _KEYS,
    "NotAttester": _KEYS,
    "NotThePayoutAddress": _PAYOUT_ADDRESS,
    "NoPayoutAddressAnnounced": "see where it is paid: chainbill provider payout-address show",
    "PayoutAddressUnchanged": "it is paid there already: chainbill provider payout-address show",
    "NoCredit": "credit matures eight days after the start of the day on which it was settled",
    "NoBond": "put one down first: chainbill provider bond deposit AMOUNT",
    "BondInUse": "the bond is free once every dispute has ended and all credit has matured",
    "NotAnnounced": "nothing like it is announced: chainbill provider without-oracle show",
    "QuorumMayObject": "the oracle has a week to object: settle it then",
    "AnnouncementLapsed": "it was good for a week after the first: announce it again",
    "NotTheProviders": "announce events of this provider alone",
    "ProviderIsSuspended": "the governor has suspended it: nothing settles for it until it is reinstated",
    "AdvanceTooLarge": "at most the bond and the maturing credit, less what is advanced already",
    "NoFees": "fees mature as credit does: chainbill oracle fees balance OPERATOR",
    "AlreadySuspended": "it stands so already",
    "NotSuspended": "it is not suspended, and its events settle",
    # ---- disputes ----
    "NotAParty": "the claim's patient and the insurers of its payers may dispute it",
    "AlreadyDisputed": _DISPUTES,
    "WrongStatus": _DISPUTES,
    "WindowOver": "a claim may be disputed for seven days after it was settled; thirty if without the oracle",
    "DeadlineOver": "end it: chainbill claims close CLAIM",
    "DeadlineNotOver": "wait until the deadline has passed",
    "NotInBatch": "the claim is not as it was logged, or its batch's root is kept no more",
    "RulingTooLarge": "a ruling may lower what was settled, and raise nothing",
    "RulingDoesNotAddUp": "every part must be ruled on, so that the parts make what is allowed",
    "RulingContradictsItself": "let the claim stand, or rule on its parts, not both",
    "PatientPartMissing": "the patient's part must be there in full: chainbill provider bond deposit AMOUNT",
    # ---- settling ----
    "EnforcedPause": "the governor has paused new settlement; withdrawals stay open",
    "ExpectedPause": "settlement is not paused, and goes on",
    "BatchExpired": _SETTLE_AGAIN,
    "BatchLifeTooLong": _NOT_BY_HAND,
    "BatchNotYetValid": "the batch is signed for a time to come: settle it then",
    "EmptyBatch": "nothing waits: chainbill oracle status",
    "MalformedBatch": _NOT_BY_HAND,
    "PatientsUnsorted": _NOT_BY_HAND,
    "SectionsUnsorted": _NOT_BY_HAND,
    "SequenceOverflow": _NOT_BY_HAND,
    "SignersUnsorted": _NOT_BY_HAND,
    "TooManyRows": _NOT_BY_HAND,
    "TooManySignatures": _NOT_BY_HAND,
    "TokensMissing": "the token has begun to keep something of each transfer: settle once it has stopped",
    "QuorumNotReached": _QUORUM,
    "NotOracleMember": _QUORUM,
    "NotTheMembers": _QUORUM,
    "UnknownEpoch": "open one: chainbill governor open-epoch",
    "EpochOver": "open a new one: chainbill governor open-epoch",
    "InsufficientGas": "ask for more gas, or settle fewer events at once",
    "SettlementUnderWay": "a batch is being settled in the same transaction: try again after it",
    "NotSettlement": "only the settlement contract does this: chainbill oracle settle",
    "OnlyDelegated": _OWN_CONTRACTS,
    "OnlyRegistry": _OWN_CONTRACTS,
    "ForeignExtension": "create first whose code it runs, for the same contracts: chainbill deploy does",
    "OnlySelf": _OWN_CONTRACTS,
    "ReentrancyGuardReentrantCall": "a token or a wallet called back in the midst of it: do not use that one",
    # ---- the governor ----
    "AccessManagedInvalidAuthority": _OWN_CONTRACTS,
    "AccessManagedRequiredDelay": "announce it first: give the same command with chainbill governor",
    "AccessManagedUnauthorized": "only the governor may do this",
    "AccessManagerAlreadyScheduled": _SCHEDULED,
    "AccessManagerBadConfirmation": "an account takes itself out of a role alone: act as that account",
    "AccessManagerExpired": "announced calls are good for a week: announce it again",
    "AccessManagerInvalidInitialAdmin": _ANY_ACCOUNT,
    "AccessManagerLockedFunction": "nobody may change who calls this function",
    "AccessManagerLockedRole": "the admin's and everybody's role cannot be changed like that",
    "AccessManagerNotReady": "the scheduled call's delay is not over",
    "AccessManagerNotScheduled": "the governor must schedule this call first, and wait",
    "AccessManagerUnauthorizedAccount": _ROLES,
    "AccessManagerUnauthorizedCall": _ROLES,
    "AccessManagerUnauthorizedCancel": "whoever announced it, or a guardian, calls it off",
    "AccessManagerUnauthorizedConsume": _OWN_CONTRACTS,
    "InvalidQuorum": "at least one must sign, and at most as many as there are members",
    "MembersUnsorted": "name each member once",
    "OperatorFeeTooHigh": "at most $1.00 for an event and 500 basis points of what is allowed",
    "FeeStillAnnounced": "another fee is announced; try again when it holds",
    # ---- from below ----
    "AddressEmptyCode": _OWN_CONTRACTS,
    "Create2EmptyBytecode": _OWN_CONTRACTS,
    "FailedCall": "the call itself was refused: look at it with chainbill governor scheduled",
    "FailedDeployment": _OWN_CONTRACTS,
    "InsufficientBalance": "give the contract the coin that the call is to carry",
    "InvalidShortString": _OWN_CONTRACTS,
    "StringTooLong": _OWN_CONTRACTS,
    "SafeCastOverflowedUintDowncast": "the number is too large: give a smaller one",
}
"""What to do next after each of the contracts' errors; a test walks all of them."""

_OWN_DOCTOR = "which contracts are these? ask chainbill doctor"
"""After a refusal that no contract of ours has declared."""


def decode_revert(data: bytes) -> ChainError:
    """Turn revert data into an error: ``ContractReverted`` where a contract of ours declares it."""
    selector, body = data[:4], data[4:]
    if not data:
        return ChainError(
            "the contract reverted without a reason (out of gas, or no contract there)", hint=_OWN_DOCTOR
        )
    known = _declared_errors().get(selector)
    try:
        if known is not None:
            name, inputs = known
            values = decode([collapse_if_tuple(entry) for entry in inputs], body)
            fields = {_field(entry): _readable(value) for entry, value in zip(inputs, values, strict=True)}
            shown = {field: _shown(name, field, value) for field, value in fields.items()}
            return ContractReverted(name, fields, shown=shown, hint=HINTS.get(name))
        if selector == bytes.fromhex("08c379a0"):
            return ContractReverted("Error", {"message": decode(["string"], body)[0]}, hint=_OWN_DOCTOR)
        if selector == bytes.fromhex("4e487b71"):
            code = decode(["uint256"], body)[0]
            fields = {"code": code, "meaning": _PANICS.get(code, "unknown")}
            return ContractReverted("Panic", fields, hint=_OWN_DOCTOR)
    except (DecodingError, OverflowError, UnicodeDecodeError):
        pass
    return ChainError(f"the contract reverted with unknown data 0x{data.hex()}", hint=_OWN_DOCTOR)


@cache
def _declared_errors() -> dict[bytes, tuple[str, list[dict[str, Any]]]]:
    declared: dict[bytes, tuple[str, list[dict[str, Any]]]] = {}
    for contract in CONTRACTS:
        for entry in load_artifact(contract).abi:
            if entry["type"] == "error":
                declared[function_abi_to_4byte_selector(entry)] = (entry["name"], entry["inputs"])  # type: ignore[arg-type]
    return declared


_AMOUNTS = frozenset(
    [
        "advanced",
        "allowance",
        "allowed",
        "amount",
        "available",
        "balance",
        "claimed",
        "credit",
        "expected",
        "flat",
        "largest",
        "limit",
        "maturing",
        "needed",
        "parts",
        "perDayLimit",
        "perEventLimit",
        "pool",
        "received",
        "required",
        "ruled",
    ]
)
"""Fields that are micro-dollars, of every error but ``_OF_GAS``."""

_OF_GAS = frozenset({"InsufficientGas", "InsufficientBalance"})

_TIMES = frozenset(
    [
        "availableAt",
        "changedAt",
        "deadline",
        "earliest",
        "effectiveAt",
        "endedAt",
        "endsAt",
        "expiresAt",
        "lapsedAt",
        "latest",
        "now",
        "signedAt",
        "until",
        "validAfter",
        "validBefore",
    ]
)
"""Fields that are seconds since 1970."""


def _shown(error: str, field: str, value: Any) -> str:
    """A field as a person reads it: ``$5.00`` and not 5000000."""
    if isinstance(value, int) and field in _AMOUNTS and error not in _OF_GAS:
        return show_dollars(value)
    if isinstance(value, int) and field in _TIMES:
        # After the year 9999 it stays a number.
        with suppress(ValueError, OverflowError, OSError):
            return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return str(value)


def _field(entry: dict[str, Any]) -> str:
    return str(entry["name"]).rstrip("_")


def _readable(value: object) -> object:
    return "0x" + value.hex() if isinstance(value, bytes) else value
