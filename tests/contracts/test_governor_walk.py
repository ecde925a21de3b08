"""Invariant 5 against the governor: none of its functions lowers what anybody can withdraw, `resolve`
excepted, and that by no more than what is disputed.

Every function is called at its worst, without delays, while everybody has money to lose. A function that is
new and has no entry here fails the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import pytest
from tests.contracts.claims import Settled
from tests.contracts.restricted import restricted_functions, verbs
from tests.support.deployment import DAY, NOTICE, NOW, Protocol, account, matures_at
from tests.support.evm import Contract, Evm

from chainbill.chain.format.events import Claim
from chainbill.chain.format.packed_claim import pack_claim
from chainbill.chain.roles import GovernorRole
from chainbill.errors import ChainError
from chainbill.money import DOLLAR

PUBLIC = 2**64 - 1
"""AccessManager's role that everybody has."""
LONGEST = 2**32 - 1
"""The longest delay that fits, in seconds: 136 years."""
BOND = 500 * DOLLAR


@dataclass(frozen=True)
class Prosperity:
    """The protocol when everybody has something to lose."""

    protocol: Protocol
    bonded: str
    """A provider without events that holds a bond alone."""
    bonded_id: int
    answered: Settled
    """A disputed claim that waits for the arbiter."""


def prosper() -> Prosperity:
    """Patients and an insurer whose withdrawals can be taken, a provider with matured, maturing and disputed
    credit and a bond, an operator with fees, and another provider's bond."""
    protocol = Protocol(Evm(NOW))
    bonded = account("bonded provider").address
    bonded_id = protocol.register_provider(bonded)
    protocol.deposit_bond(BOND)
    protocol.deposit_bond(BOND, bonded_id, bonded)
    protocol.set_operator_fee(DOLLAR, 100)
    protocol.advance(NOTICE)

    settle(protocol, 1)
    protocol.evm.now = matures_at(protocol.evm.now) - NOTICE
    protocol.escrow.send(protocol.patient, "requestWithdrawal", 1_000 * DOLLAR)
    protocol.payer.send(protocol.insurer, "requestWithdrawal", 50_000 * DOLLAR)
    protocol.advance(NOTICE)
    answered, opened, _ = (settle(protocol, sequence) for sequence in (2, 3, 4))
    protocol.dispute(opened)
    protocol.dispute(answered)
    protocol.answer(answered)
    return Prosperity(protocol, bonded, bonded_id, answered)


def settle(protocol: Protocol, sequence: int) -> Settled:
    row = protocol.row(protocol.patient, sequence)
    return protocol.settled_claim(protocol.settle(row, operator=protocol.operator))


@pytest.fixture(scope="module")
def prospering() -> Prosperity:
    """Everybody has something to lose; use ``stage`` instead."""
    return prosper()


@pytest.fixture(scope="module")
def before(prospering: Prosperity) -> dict[str, int]:
    """What everybody can get before the governor does anything."""
    return measured(prospering)


@pytest.fixture
def stage(prospering: Prosperity) -> Iterator[Prosperity]:
    """Everybody has something to lose; rolled back after the test."""
    with prospering.protocol.rolled_back():
        yield prospering


# ---- what everybody can get -------------------------------------------------------------------------------


def announced_withdrawal(stage: Prosperity) -> None:
    stage.protocol.escrow.send(stage.protocol.patient, "withdraw")


def whole_balance(stage: Prosperity) -> None:
    protocol = stage.protocol
    protocol.escrow.send(protocol.neighbour, "requestWithdrawal", protocol.balance(protocol.neighbour))
    protocol.advance(NOTICE)
    protocol.escrow.send(protocol.neighbour, "withdraw")


def pool(stage: Prosperity) -> None:
    stage.protocol.payer.send(stage.protocol.insurer, "withdraw")


def matured_credit(stage: Prosperity) -> None:
    stage.protocol.withdraw()


def maturing_credit(stage: Prosperity) -> None:
    stage.protocol.mature()
    stage.protocol.withdraw()


def advance(stage: Prosperity) -> None:
    protocol, credit = stage.protocol, stage.protocol.credit_of()
    most = min(credit.bond, credit.maturing) - credit.advanced
    protocol.settlement.send(protocol.provider, "drawAdvance", protocol.provider_id, most)


def fees(stage: Prosperity) -> None:
    stage.protocol.settlement.send(stage.protocol.stranger, "withdrawFees", stage.protocol.operator)


def bond(stage: Prosperity) -> None:
    stage.protocol.settlement.send(stage.bonded, "withdrawBond", stage.bonded_id)


WITHDRAWALS: dict[str, tuple[Callable[[Prosperity], None], Callable[[Prosperity], str]]] = {
    "a patient's announced withdrawal": (announced_withdrawal, lambda stage: stage.protocol.patient),
    "a patient's whole balance": (whole_balance, lambda stage: stage.protocol.neighbour),
    "an insurer's announced withdrawal": (pool, lambda stage: stage.protocol.insurer),
    "a provider's matured credit": (matured_credit, lambda stage: stage.protocol.provider),
    "a provider's maturing credit": (maturing_credit, lambda stage: stage.protocol.provider),
    "an advance against the bond": (advance, lambda stage: stage.protocol.provider),
    "an operator's fees": (fees, lambda stage: stage.protocol.operator),
    "a bond": (bond, lambda stage: stage.bonded),
}
"""By what is withdrawn: how, and who gets it."""


def withdrawable(stage: Prosperity) -> dict[str, int]:
    """What each withdrawal pays, each tried for itself; 0 where it is refused."""
    found = {}
    for what, (withdraw, beneficiary) in WITHDRAWALS.items():
        owner = beneficiary(stage)
        with stage.protocol.rolled_back():
            already = stage.protocol.tokens(owner)
            with suppress(ChainError):
                withdraw(stage)
            found[what] = stage.protocol.tokens(owner) - already
    return found


def held(stage: Prosperity) -> dict[str, int]:
    """What the contracts keep for everybody, disputed money too."""
    stage.protocol.assert_solvent()
    state = stage.protocol.state()
    kept = {
        "balance": state.balances,
        "pool": state.pools,
        "credit and bond": tuple(credit.tokens for credit in state.credits),
        "fees": tuple(credit.tokens for credit in state.fees),
        "refund": state.refunds,
    }
    return {f"{what} {n}": amount for what, amounts in kept.items() for n, amount in enumerate(amounts, 1)}


def measured(stage: Prosperity) -> dict[str, int]:
    """Both, now and when every notice is over that could have been given now."""
    found = withdrawable(stage) | held(stage)
    with stage.protocol.rolled_back():
        stage.protocol.advance(2 * NOTICE)
        later = withdrawable(stage) | held(stage)
    return found | {f"{what}, after the notice": amount for what, amount in later.items()}


def fallen(before: dict[str, int], now: dict[str, int]) -> dict[str, int]:
    """What has become less, and by how much."""
    return {what: amount - now[what] for what, amount in before.items() if now[what] < amount}


def test_stage__everybody__has_something_to_lose(stage: Prosperity) -> None:
    assert [what for what, amount in withdrawable(stage).items() if amount == 0] == []


# ---- what the governor can do -----------------------------------------------------------------------------

Attempt = Callable[[Prosperity], Any]
"""The governor, and whomever it lets in, at their worst."""


def call(field: str, verb: str, *arguments: Any) -> Attempt:
    """The governor calls one of the contracts; an argument may be looked up in the protocol."""

    def attempt(stage: Prosperity) -> None:
        protocol = stage.protocol
        given = (argument(protocol) if callable(argument) else argument for argument in arguments)
        getattr(protocol, field).send(protocol.governor, verb, *given)

    return attempt


def settlement(verb: str, *arguments: Any) -> Attempt:
    return call("settlement", verb, *arguments)


def govern(verb: str, *arguments: Any) -> Attempt:
    return call("governance", verb, *arguments)


def in_turn(*attempts: Attempt) -> Attempt:
    """One after the other."""

    def attempt(stage: Prosperity) -> None:
        for one in attempts:
            one(stage)

    return attempt


def managed(protocol: Protocol) -> tuple[Contract, ...]:
    return protocol.token, protocol.registry, protocol.payers, protocol.settlement


def everything(protocol: Protocol) -> tuple[Contract, ...]:
    return (*managed(protocol), protocol.escrow, protocol.payer, protocol.governance)


def of_each_contract(verb: str, *arguments: Any) -> Attempt:
    """A function of Governance whose first argument is a contract, for those too that know no governor."""

    def attempt(stage: Prosperity) -> None:
        for target in everything(stage.protocol):
            stage.protocol.govern(verb, target.address, *arguments)

    return attempt


def register(stage: Prosperity) -> None:
    protocol = stage.protocol
    for payout in (protocol.governor, protocol.provider, protocol.settlement.address):
        protocol.registry.send(protocol.governor, "register", payout, [protocol.governor])


def create_payer(stage: Prosperity) -> None:
    for insurer in (stage.protocol.governor, stage.protocol.insurer):
        stage.protocol.create_payer(insurer)


def open_epoch(stage: Prosperity) -> None:
    stage.protocol.settlement.send(stage.protocol.governor, "openEpoch", [stage.protocol.governor], 1)


def open_every_function(stage: Prosperity) -> None:
    for target in everything(stage.protocol):
        selectors = [target.functions[verb].selector for verb in verbs(target.name) - {"setAuthority"}]
        stage.protocol.govern("setTargetFunctionRole", target.address, selectors, PUBLIC)


def hand_over(stage: Prosperity) -> None:
    """Every contract obeys a stranger, who closes it."""
    protocol = stage.protocol
    theirs = protocol.evm.deploy(protocol.stranger, "Governance", protocol.stranger)
    for target in managed(protocol):
        protocol.govern("updateAuthority", target.address, theirs.address)
        theirs.send(protocol.stranger, "setTargetClosed", target.address, True)


def close_all_at_once(stage: Prosperity) -> None:
    protocol = stage.protocol
    close = protocol.governance.functions["setTargetClosed"]
    calls = [close.encode((target.address, True)) for target in everything(protocol)]
    protocol.govern("multicall", calls)


def schedule(stage: Prosperity) -> bytes:
    """A registration, by a registrar that is bound to a day's delay."""
    protocol = stage.protocol
    protocol.govern("grantRole", GovernorRole.REGISTRAR, protocol.governor, DAY)
    calldata: bytes = protocol.registry.functions["register"].encode((protocol.governor, [protocol.governor]))
    protocol.govern("schedule", protocol.registry.address, calldata, 0)
    return calldata


def cancel(stage: Prosperity) -> None:
    calldata = schedule(stage)
    stage.protocol.govern("cancel", stage.protocol.governor, stage.protocol.registry.address, calldata)


def execute(stage: Prosperity) -> None:
    """Governance itself calls whatever there is: with zeros, with ones, and where money could be."""
    protocol = stage.protocol
    thief = protocol.governor
    calls = [
        (target, target.functions[verb].selector + word.to_bytes(32, "big") * 64)
        for target in everything(protocol)
        for verb in sorted(verbs(target.name) - PAYS_ITS_OWNER)
        for word in (0, 1)
    ]
    calls += [
        (target, target.functions[verb].encode(arguments))
        for target, verb, arguments in (
            (protocol.escrow, "refund", (thief, DOLLAR)),
            (protocol.payer, "transferOwnership", (thief,)),
            (protocol.token, "transfer", (thief, DOLLAR)),
            (protocol.token, "transferFrom", (protocol.escrow.address, thief, DOLLAR)),
            (protocol.token, "transferFrom", (protocol.patient, thief, DOLLAR)),
            (protocol.registry, "announcePayoutAddress", (protocol.provider_id, thief)),
            (protocol.settlement, "drawAdvance", (protocol.provider_id, DOLLAR)),
            (protocol.settlement, "withdrawBond", (stage.bonded_id,)),
            (protocol.settlement, "concede", (stage.answered.words,)),
        )
    ]
    done = 0
    for target, calldata in calls:
        with suppress(ChainError):
            protocol.govern("execute", target.address, calldata)
            done += 1
    assert done > 0


PAYS_ITS_OWNER = {"withdraw", "withdrawFees"}
"""Functions that anybody may call, because they pay nobody but the owner."""


def resolve(change: Callable[[Claim], Claim]) -> Attempt:
    """Rule that these are the claim's amounts."""

    def attempt(stage: Prosperity) -> None:
        claim = change(stage.answered.claim)
        packed = pack_claim(claim)
        ruling = (*(int.from_bytes(packed[at : at + 32], "big") for at in (32, 64)), 0, claim.fee, False)
        stage.protocol.resolve(stage.answered, ruling)

    return attempt


def nothing(claim: Claim) -> Claim:
    return replace(claim, allowed=0, deductible=0, copay=0, coinsurance=0, outside_plan=0, plan_paid=0, fee=0)


def a_dollar_less(claim: Claim) -> Claim:
    return replace(claim, allowed=claim.allowed - DOLLAR, plan_paid=claim.plan_paid - DOLLAR)


def the_same(claim: Claim) -> Claim:
    return claim


GOVERNOR, STRANGER, ARBITER, PROVIDER = map(attrgetter, ("governor", "stranger", "arbiter", "provider"))
TOKEN = attrgetter("token.address")

ATTEMPTS: dict[tuple[str, str], Sequence[Attempt]] = {
    ("DevUSD", "mint"): [call("token", "mint", GOVERNOR, 2**64)],
    ("DevUSD", "setAuthority"): [call("token", "setAuthority", TOKEN)],
    ("ProviderRegistry", "register"): [register],
    ("ProviderRegistry", "setAuthority"): [call("registry", "setAuthority", TOKEN)],
    ("InsurerPayerFactory", "createPayer"): [create_payer],
    ("InsurerPayerFactory", "setAuthority"): [call("payers", "setAuthority", TOKEN)],
    ("ClaimSettlement", "openEpoch"): [open_epoch],
    ("ClaimSettlement", "endEpoch"): [settlement("endEpoch", 1)],
    ("ClaimSettlement", "setOperatorFee"): [
        settlement("setOperatorFee", DOLLAR, 500),
        settlement("setOperatorFee", 0, 0),
    ],
    ("ClaimSettlement", "suspend"): [in_turn(settlement("suspend", 1), settlement("suspend", 2))],
    ("ClaimSettlement", "reinstate"): [in_turn(settlement("suspend", 1), settlement("reinstate", 1))],
    ("ClaimSettlement", "pause"): [settlement("pause")],
    ("ClaimSettlement", "unpause"): [in_turn(settlement("pause"), settlement("unpause"))],
    ("ClaimSettlement", "resolve"): [resolve(nothing), resolve(a_dollar_less), resolve(the_same)],
    ("ClaimSettlement", "setAuthority"): [settlement("setAuthority", TOKEN)],
    ("Governance", "labelRole"): [govern("labelRole", GovernorRole.ARBITER, "guardian")],
    ("Governance", "grantRole"): [
        govern("grantRole", GovernorRole.ADMIN, STRANGER, 0),
        govern("grantRole", GovernorRole.ARBITER, PROVIDER, 0),
    ],
    ("Governance", "revokeRole"): [
        govern("revokeRole", GovernorRole.ARBITER, ARBITER),
        govern("revokeRole", GovernorRole.ADMIN, GOVERNOR),
    ],
    ("Governance", "renounceRole"): [govern("renounceRole", GovernorRole.ADMIN, GOVERNOR)],
    ("Governance", "setRoleAdmin"): [in_turn(*(govern("setRoleAdmin", role, PUBLIC) for role in (1, 2, 3)))],
    ("Governance", "setRoleGuardian"): [
        in_turn(*(govern("setRoleGuardian", role, PUBLIC) for role in (1, 2, 3)))
    ],
    ("Governance", "setGrantDelay"): [
        in_turn(*(govern("setGrantDelay", role, LONGEST) for role in GovernorRole))
    ],
    ("Governance", "setTargetFunctionRole"): [open_every_function],
    ("Governance", "setTargetAdminDelay"): [of_each_contract("setTargetAdminDelay", LONGEST)],
    ("Governance", "setTargetClosed"): [of_each_contract("setTargetClosed", True)],
    ("Governance", "updateAuthority"): [hand_over],
    ("Governance", "multicall"): [close_all_at_once],
    ("Governance", "schedule"): [schedule],
    ("Governance", "cancel"): [cancel],
    ("Governance", "execute"): [execute],
    ("Governance", "consumeScheduledOp"): [govern("consumeScheduledOp", GOVERNOR, b"")],
}
"""By contract and function."""

REFUSED = {entry for entry in ATTEMPTS if entry[1] in ("setAuthority", "consumeScheduledOp")}
"""What Governance or the contracts call, and the governor cannot."""


def governor_functions() -> list[tuple[str, str]]:
    """All that is restricted, and what OpenZeppelin's contracts bring along for the governor."""
    found = {(contract, verb) for contract, names in restricted_functions().items() for verb in names}
    found |= {("Governance", verb) for verb in verbs("Governance")}
    return sorted(found | {(contract, "setAuthority") for contract in restricted_functions()})


def test_walk__entries__are_the_governor_s_functions() -> None:
    assert sorted(ATTEMPTS) == governor_functions()


@pytest.mark.parametrize("contract, verb", governor_functions())
def test_governor__any_function_at_its_worst__lowers_nobody_s_money(
    stage: Prosperity, before: dict[str, int], contract: str, verb: str
) -> None:
    """Of a ruling, what it may lower is measured below."""
    assert (contract, verb) in ATTEMPTS, "a new function of the governor's: say what harm it could do"
    for attempt in ATTEMPTS[contract, verb]:
        with stage.protocol.rolled_back():
            if (contract, verb) in REFUSED:
                with pytest.raises(ChainError):
                    attempt(stage)
            else:
                attempt(stage)
            lower = fallen(before, measured(stage))
        assert verb == "resolve" or lower == {}


@pytest.mark.parametrize(
    "change, disputed", [(nothing, 150 * DOLLAR), (a_dollar_less, DOLLAR), (the_same, 0)]
)
def test_resolve__any_ruling__takes_what_is_ruled_out_of_what_is_held(
    stage: Prosperity, before: dict[str, int], change: Callable[[Claim], Claim], disputed: int
) -> None:
    resolve(change)(stage)
    now = measured(stage)
    lower = fallen({what: before[what] for what in held(stage)}, now)
    assert sum(lower.values()) == disputed
    assert set(lower) <= {"credit and bond 1", "fees 1"}
    # Disputed money could not be withdrawn before: what could be is as it was.
    able = [what for what in now if what.startswith(tuple(WITHDRAWALS))]
    assert fallen({what: before[what] for what in able}, now) == {}


def test_governor__all_of_it_one_after_the_other__lowers_nobody_s_money(
    stage: Prosperity, before: dict[str, int]
) -> None:
    last = {"renounceRole", "revokeRole", "updateAuthority"}
    for (_, verb), attempts in sorted(ATTEMPTS.items(), key=lambda entry: entry[0][1] in last):
        for attempt in attempts if verb != "resolve" else ():
            with suppress(ChainError):
                attempt(stage)
    assert fallen(before, measured(stage)) == {}
