"""Who of the governor's may do what, and how long before it must be announced."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.contracts.restricted import restricted_functions, verbs
from tests.support.deployment import DAY, MAX_BATCH_LIFE, NOTICE, NOW, Protocol, account
from tests.support.evm import Contract, Receipt, reverts
from web3 import Web3

from chainbill.chain import contracts as clients
from chainbill.chain.deploy import role_calls
from chainbill.chain.roles import RESTRICTED, GovernanceDelays, GovernorRole
from chainbill.errors import ChainError, ContractReverted

DELAY = 2 * DAY
EXPIRATION = 7 * DAY
"""AccessManager's: how long after its time a scheduled call can be made."""
SETBACK = 5 * DAY
"""AccessManager's: how long after its change the delay of a grant or a target begins."""
HOLDS = [(contract, function) for contract, functions in RESTRICTED.items() for function in functions]
"""Every entry of the role table."""
DELAYED = {GovernorRole.ADMIN, GovernorRole.REGISTRAR}


def contract_of(protocol: Protocol, name: str) -> Contract:
    fields = {"DevUSD": "token", "ProviderRegistry": "registry", "InsurerPayerFactory": "payers"}
    found: Contract = getattr(protocol, fields.get(name, "settlement"))
    assert found.name == name
    return found


def hand_out_roles(protocol: Protocol, delays: GovernanceDelays) -> Receipt:
    """What a deployment does once its contracts stand. What the stage has set for them is undone first."""
    for contract, functions in RESTRICTED.items():
        target = contract_of(protocol, contract)
        selectors = [target.functions[function].selector for function in functions]
        protocol.govern("setTargetFunctionRole", target.address, selectors, GovernorRole.ADMIN)
    w3 = Web3()
    targets = [
        clients.DevUsd(w3, protocol.token.address),
        clients.ProviderRegistry(w3, protocol.registry.address),
        clients.InsurerPayerFactory(w3, protocol.payers.address),
        clients.ClaimSettlement(w3, protocol.settlement.address),
    ]
    governance = clients.Governance(w3, protocol.governance.address)
    calls = list(role_calls(governance, targets, protocol.governor, delays))
    return protocol.govern("multicall", calls)


@pytest.fixture
def delayed(protocol: Protocol) -> Protocol:
    """The protocol with the delays of a real deployment, and a guardian beside the governor."""
    protocol.govern("grantRole", GovernorRole.GUARDIAN, protocol.late, 0)
    hand_out_roles(protocol, GovernanceDelays.standard())
    return protocol


def can_call(protocol: Protocol, caller: str, contract: str, function: str) -> tuple[bool, int]:
    target = contract_of(protocol, contract)
    selector = target.functions[function].selector
    immediate, delay = protocol.governance.read("canCall", caller, target.address, selector)
    return immediate, delay


def registration(protocol: Protocol, payout: str | None = None) -> tuple[Contract, bytes]:
    chosen = payout or protocol.stranger
    return protocol.registry, protocol.registry.functions["register"].encode((chosen, [chosen]))


def of_governance(protocol: Protocol, verb: str, *arguments: object) -> tuple[Contract, bytes]:
    return protocol.governance, protocol.governance.functions[verb].encode(arguments)


def schedule(protocol: Protocol, call: tuple[Contract, bytes], when: int = 0) -> Receipt:
    target, calldata = call
    return protocol.govern("schedule", target.address, calldata, when)


def execute(protocol: Protocol, call: tuple[Contract, bytes], caller: str | None = None) -> Receipt:
    target, calldata = call
    return protocol.governance.send(caller or protocol.governor, "execute", target.address, calldata)


def after(protocol: Protocol, seconds: int, call: tuple[Contract, bytes]) -> Receipt:
    """Schedule a call, let time pass, make it."""
    schedule(protocol, call)
    protocol.advance(seconds)
    return execute(protocol, call)


# ---- the role table ---------------------------------------------------------------------------------------


def test_role_table__every_restricted_function__has_a_role_and_nothing_else_does() -> None:
    assert {name: set(functions) for name, functions in RESTRICTED.items()} == restricted_functions()


@pytest.mark.parametrize("name", ["PatientEscrow", *RESTRICTED])
def test_role_table__what_refuses_a_stranger__is_what_the_sources_restrict(
    protocol: Protocol, name: str
) -> None:
    """The contracts themselves asked, in case the sources are read wrongly. A calldata of zeros decodes as
    arguments of any type."""
    contract = protocol.escrow if name == "PatientEscrow" else contract_of(protocol, name)
    refused = set()
    for verb in verbs(name):
        with protocol.evm.rolled_back():
            try:
                calldata = contract.functions[verb].selector + bytes(2_048)
                protocol.evm.call(protocol.stranger, contract.address, calldata)
            except ContractReverted as error:
                if error.name == "AccessManagedUnauthorized":
                    refused.add(verb)
            except ChainError:
                pass
    managed = {"setAuthority"} & verbs(name)
    assert refused == restricted_functions().get(name, set()) | managed


@pytest.mark.parametrize("contract, function", HOLDS)
def test_role_table__deployed__is_what_governance_says(
    protocol: Protocol, contract: str, function: str
) -> None:
    hand_out_roles(protocol, GovernanceDelays.none())
    target = contract_of(protocol, contract)
    selector = target.functions[function].selector
    role = protocol.governance.read("getTargetFunctionRole", target.address, selector)
    assert role == RESTRICTED[contract][function]


def test_roles__deployed__are_labelled_and_watched_by_the_guardian(protocol: Protocol) -> None:
    receipt = hand_out_roles(protocol, GovernanceDelays.none())
    topic = Web3.keccak(text="RoleLabel(uint64,string)")
    labels = {
        int.from_bytes(log.topics[1], "big"): log.data[64:].rstrip(b"\0").decode()
        for log in receipt.logs
        if log.topics[0] == topic
    }
    assert labels == {role: role.label for role in GovernorRole if role is not GovernorRole.ADMIN}
    guardian = protocol.governance.read("getRoleGuardian", GovernorRole.REGISTRAR)
    assert guardian == GovernorRole.GUARDIAN


@pytest.mark.parametrize("contract, function", HOLDS)
def test_roles__devnet__the_governor_may_do_all_at_once(
    protocol: Protocol, contract: str, function: str
) -> None:
    hand_out_roles(protocol, GovernanceDelays.none())
    assert can_call(protocol, protocol.governor, contract, function) == (True, 0)


# ---- delays -----------------------------------------------------------------------------------------------


def test_delays__standard__exceed_the_notice_and_a_batch_s_life() -> None:
    delays = GovernanceDelays.standard()
    assert min(delays.admin_seconds, delays.registrar_seconds) > NOTICE > MAX_BATCH_LIFE
    assert (delays.admin_seconds, delays.registrar_seconds) == (DELAY, DELAY)


@pytest.mark.parametrize("contract, function", HOLDS)
def test_delays__standard__bind_what_lets_in_and_not_what_stops(
    delayed: Protocol, contract: str, function: str
) -> None:
    bound = RESTRICTED[contract][function] in DELAYED
    assert can_call(delayed, delayed.governor, contract, function) == (not bound, DELAY if bound else 0)


@pytest.mark.parametrize("contract, function", HOLDS)
def test_restricted__by_anybody_without_the_role__reverts(
    delayed: Protocol, contract: str, function: str
) -> None:
    target = contract_of(delayed, contract)
    outsiders = {delayed.provider, delayed.insurer, delayed.patient, delayed.stranger, delayed.operator}
    outsiders.add(delayed.oracles[0].address)
    if RESTRICTED[contract][function] is not GovernorRole.ARBITER:
        outsiders.add(delayed.arbiter)
    if RESTRICTED[contract][function] is not GovernorRole.GUARDIAN:
        outsiders.add(delayed.late)
    for caller in outsiders:
        assert can_call(delayed, caller, contract, function) == (False, 0)
        with reverts("AccessManagedUnauthorized", caller=caller):
            delayed.evm.call(caller, target.address, target.functions[function].selector + bytes(2_048))


def test_restricted__by_the_provider_through_governance__reverts(delayed: Protocol) -> None:
    target, calldata = registration(delayed)
    for caller in (delayed.provider, delayed.stranger):
        for verb, arguments in (("execute", ()), ("schedule", (0,))):
            with reverts("AccessManagerUnauthorizedCall", caller=caller, target=target.address):
                delayed.governance.send(caller, verb, target.address, calldata, *arguments)


def test_restricted__delayed_and_not_scheduled__reverts(delayed: Protocol) -> None:
    with reverts("AccessManagerNotScheduled"):
        delayed.register_provider(delayed.stranger)
    with reverts("AccessManagerNotScheduled"):
        execute(delayed, registration(delayed))
    with reverts("AccessManagerNotScheduled"):
        delayed.govern("grantRole", GovernorRole.ADMIN, delayed.stranger, 0)


def test_guardian__delayed_deployment__stops_at_once(delayed: Protocol) -> None:
    delayed.settlement.send(delayed.late, "pause")
    delayed.settlement.send(delayed.late, "suspend", delayed.provider_id)
    delayed.settlement.send(delayed.late, "endEpoch", 1)
    # And cannot undo it.
    for verb, arguments in (("unpause", ()), ("reinstate", (delayed.provider_id,))):
        with reverts("AccessManagedUnauthorized", caller=delayed.late):
            delayed.settlement.send(delayed.late, verb, *arguments)


# ---- scheduled calls --------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_execute__around_its_time__from_that_second(delayed: Protocol, late: int) -> None:
    call = registration(delayed)
    schedule(delayed, call)
    delayed.evm.now = NOW + DELAY + late
    if late < 0:
        with reverts("AccessManagerNotReady"):
            execute(delayed, call)
        assert delayed.registry.read("providerCount") == 1
    else:
        execute(delayed, call)
        assert delayed.registry.read("providerCount") == 2


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_execute__around_its_expiration__until_that_second(delayed: Protocol, late: int) -> None:
    call = registration(delayed)
    schedule(delayed, call)
    delayed.evm.now = NOW + DELAY + EXPIRATION + late
    if late < 0:
        execute(delayed, call)
        assert delayed.registry.read("providerCount") == 2
    else:
        with reverts("AccessManagerExpired"):
            execute(delayed, call)
        assert delayed.registry.read("providerCount") == 1


@pytest.mark.parametrize("late", [-1, 0])
def test_call__directly_at_its_time__uses_the_schedule_up(delayed: Protocol, late: int) -> None:
    schedule(delayed, registration(delayed))
    delayed.evm.now = NOW + DELAY + late
    if late < 0:
        with reverts("AccessManagerNotReady"):
            delayed.register_provider(delayed.stranger)
    else:
        assert delayed.register_provider(delayed.stranger) == 2
        with reverts("AccessManagerNotScheduled"):
            delayed.register_provider(delayed.stranger)


def test_execute__twice__needs_two_schedules(delayed: Protocol) -> None:
    call = registration(delayed)
    after(delayed, DELAY, call)
    with reverts("AccessManagerNotScheduled"):
        execute(delayed, call)


def test_execute__other_arguments_than_scheduled__reverts(delayed: Protocol) -> None:
    schedule(delayed, registration(delayed))
    delayed.advance(DELAY)
    with reverts("AccessManagerNotScheduled"):
        execute(delayed, registration(delayed, delayed.neighbour))


@pytest.mark.parametrize("early", [1, 0])
def test_schedule__for_sooner_than_the_delay__reverts(delayed: Protocol, early: int) -> None:
    call = registration(delayed)
    if early:
        with reverts("AccessManagerUnauthorizedCall", caller=delayed.governor):
            schedule(delayed, call, NOW + DELAY - early)
    else:
        schedule(delayed, call, NOW + DELAY)


def test_schedule__twice__reverts_until_it_has_expired(delayed: Protocol) -> None:
    call = registration(delayed)
    schedule(delayed, call)
    delayed.evm.now = NOW + DELAY + EXPIRATION - 1
    with reverts("AccessManagerAlreadyScheduled"):
        schedule(delayed, call)
    delayed.evm.now += 1
    schedule(delayed, call)


def cancel(protocol: Protocol, caller: str, call: tuple[Contract, bytes]) -> Receipt:
    target, calldata = call
    return protocol.governance.send(caller, "cancel", protocol.governor, target.address, calldata)


def test_cancel__by_the_guardian_or_the_governor__calls_it_off(delayed: Protocol) -> None:
    call = registration(delayed)
    for canceller in (delayed.late, delayed.governor):
        schedule(delayed, call)
        cancel(delayed, canceller, call)
        delayed.advance(DELAY)
        with reverts("AccessManagerNotScheduled"):
            execute(delayed, call)


def test_cancel__by_anybody_else__reverts(delayed: Protocol) -> None:
    call = registration(delayed)
    schedule(delayed, call)
    for caller in (delayed.stranger, delayed.provider, delayed.arbiter):
        with reverts("AccessManagerUnauthorizedCancel", msgsender=caller):
            cancel(delayed, caller, call)


def test_cancel__of_an_admin_s_call_by_the_guardian__reverts(delayed: Protocol) -> None:
    """The guardian cannot keep the admin from taking its role away."""
    call = of_governance(delayed, "revokeRole", GovernorRole.GUARDIAN, delayed.late)
    schedule(delayed, call)
    with reverts("AccessManagerUnauthorizedCancel", msgsender=delayed.late):
        cancel(delayed, delayed.late, call)
    delayed.advance(DELAY)
    execute(delayed, call)
    assert can_call(delayed, delayed.late, "ClaimSettlement", "pause") == (False, 0)


# ---- nobody shortens the delays quickly -------------------------------------------------------------------

FRESH = account("fresh admin").address


@pytest.mark.parametrize("role", [GovernorRole.ADMIN, GovernorRole.REGISTRAR])
def test_grant__a_member_without_delay__comes_after_the_admin_s_delay_and_the_grant_s(
    delayed: Protocol, role: GovernorRole
) -> None:
    delayed.advance(SETBACK)
    after(delayed, DELAY, of_governance(delayed, "grantRole", role, FRESH, 0))
    granted_at = delayed.evm.now
    assert delayed.governance.read("hasRole", role, FRESH) == (False, 0)
    delayed.evm.now = granted_at + DELAY - 1
    assert delayed.governance.read("hasRole", role, FRESH) == (False, 0)
    delayed.evm.now += 1
    assert delayed.governance.read("hasRole", role, FRESH) == (True, 0)


def test_grant__before_the_grant_s_delay_begins__still_needs_the_admin_s(delayed: Protocol) -> None:
    call = of_governance(delayed, "grantRole", GovernorRole.ADMIN, FRESH, 0)
    schedule(delayed, call)
    delayed.evm.now = NOW + DELAY - 1
    with reverts("AccessManagerNotReady"):
        execute(delayed, call)
    delayed.evm.now += 1
    execute(delayed, call)
    assert delayed.governance.read("hasRole", GovernorRole.ADMIN, FRESH) == (True, 0)


@pytest.mark.parametrize("role", [GovernorRole.ADMIN, GovernorRole.REGISTRAR])
def test_grant__oneself_a_shorter_delay__takes_the_old_one_twice(
    delayed: Protocol, role: GovernorRole
) -> None:
    after(delayed, DELAY, of_governance(delayed, "grantRole", role, delayed.governor, 0))
    delayed.evm.now = NOW + 2 * DELAY - 1
    assert delayed.governance.read("hasRole", role, delayed.governor) == (True, DELAY)
    delayed.evm.now += 1
    assert delayed.governance.read("hasRole", role, delayed.governor) == (True, 0)


CHANGES: dict[str, Callable[[Protocol], tuple[object, ...]]] = {
    "setTargetClosed": lambda protocol: (True,),
    "updateAuthority": lambda protocol: (protocol.governance.address,),
    "setTargetFunctionRole": lambda protocol: ([b"\x01\x02\x03\x04"], GovernorRole.GUARDIAN),
}
"""What an admin can do to a contract, and with what beside the contract's address."""


@pytest.mark.parametrize("verb", CHANGES)
@pytest.mark.parametrize("contract", RESTRICTED)
def test_target__changed_by_an_admin_without_delay__waits_all_the_same(
    delayed: Protocol, contract: str, verb: str
) -> None:
    delayed.advance(SETBACK)
    after(delayed, DELAY, of_governance(delayed, "grantRole", GovernorRole.ADMIN, FRESH, 0))
    delayed.advance(DELAY)
    arguments = (contract_of(delayed, contract).address, *CHANGES[verb](delayed))
    with reverts("AccessManagerNotScheduled"):
        delayed.governance.send(FRESH, verb, *arguments)

    target, calldata = of_governance(delayed, verb, *arguments)
    delayed.governance.send(FRESH, "schedule", target.address, calldata, 0)
    delayed.advance(DELAY - 1)
    with reverts("AccessManagerNotReady"):
        delayed.governance.send(FRESH, verb, *arguments)
    delayed.advance(1)
    delayed.governance.send(FRESH, verb, *arguments)


@pytest.mark.parametrize("verb", CHANGES)
def test_target__changed_by_the_governor_from_the_first_day__waits(delayed: Protocol, verb: str) -> None:
    arguments = (delayed.settlement.address, *CHANGES[verb](delayed))
    with reverts("AccessManagerNotScheduled"):
        delayed.govern(verb, *arguments)
    call = of_governance(delayed, verb, *arguments)
    schedule(delayed, call)
    delayed.evm.now = NOW + DELAY - 1
    with reverts("AccessManagerNotReady"):
        execute(delayed, call)
    delayed.evm.now += 1
    execute(delayed, call)


@pytest.mark.parametrize("late", [-1, 0])
def test_delays__of_grants_and_targets__begin_after_the_setback(delayed: Protocol, late: int) -> None:
    delayed.evm.now = NOW + SETBACK + late
    expected = DELAY if late >= 0 else 0
    for role in DELAYED:
        assert delayed.governance.read("getRoleGrantDelay", role) == expected
    for contract in RESTRICTED:
        address = contract_of(delayed, contract).address
        assert delayed.governance.read("getTargetAdminDelay", address) == expected


def test_authority__set_past_governance__reverts(protocol: Protocol) -> None:
    for contract in RESTRICTED:
        with reverts("AccessManagedUnauthorized", caller=protocol.governor):
            contract_of(protocol, contract).send(
                protocol.governor, "setAuthority", protocol.governance.address
            )
