"""A deployment with delays on a real node, and the client through which it is governed."""

from __future__ import annotations

import pytest
from eth_account import Account
from tests.support.senders import Stage

from chainbill.chain.contracts.governance import Membership, Permission
from chainbill.chain.contracts.payer_factory import payer_creation_code
from chainbill.chain.deploy import deploy
from chainbill.chain.node.sender import Sender
from chainbill.chain.protocol import Protocol
from chainbill.chain.roles import GovernanceDelays, GovernorRole
from chainbill.errors import ContractReverted
from chainbill.records.hashing import keccak256

DAY = 86_400
DELAY = 2 * DAY


class Governed:
    """One deployment with the standard delays, and its governor."""

    def __init__(self, stage: Stage) -> None:
        account = Account.from_key(keccak256(b"delayed governor"))
        stage.anvil.call("anvil_setBalance", account.address, hex(10**21))
        oracles = [stage.address(f"oracle-{n}") for n in (1, 2, 3)]
        deployment = deploy(
            stage.w3, account, oracle_members=oracles, threshold=2, delays=GovernanceDelays.standard()
        )
        self.stage = stage
        self.governor = Sender(stage.w3, account)
        self.stranger = stage["stranger"]
        self.protocol = Protocol(stage.w3, deployment)
        self.governance, self.registry = self.protocol.governance, self.protocol.registry
        self.registration = (self.registry, "register", self.stranger.address, [self.stranger.address])


@pytest.fixture
def governed(chain: Stage) -> Governed:
    """A deployment of its own; the chain is rolled back after the test."""
    return Governed(chain)


def refused(error: pytest.ExceptionInfo[ContractReverted]) -> str:
    return error.value.name


def test_deploy__with_delays__opens_the_first_epoch_and_no_other_at_once(governed: Governed) -> None:
    settlement = governed.protocol.settlement
    assert settlement.epoch(1) == (2, 3, 0)
    with pytest.raises(ContractReverted) as error:
        settlement.open_epoch(governed.governor, [governed.stranger.address], 1)
    assert refused(error) == "AccessManagerNotScheduled"


def test_deploy__with_delays__the_governor_is_in_every_role(governed: Governed) -> None:
    begun = {role: governed.governance.members(role) for role in GovernorRole}
    delays = {GovernorRole.ADMIN: DELAY, GovernorRole.REGISTRAR: DELAY}
    for role, members in begun.items():
        ((account, delay),) = ((member.account, member.delay_seconds) for member in members)
        assert (account, delay) == (governed.governor.address, delays.get(role, 0))


def test_deploy__without_delays__the_governor_acts_at_once(chain: Stage) -> None:
    governance = Protocol(chain.w3, chain.deployment).governance
    for target, function in ((chain.registry, "register"), (chain.settlement, "pause")):
        assert governance.can_call(chain.address("governor"), target, function) == Permission(True, 0)


def test_schedule__executed_at_its_time__calls(governed: Governed) -> None:
    governance, registration = governed.governance, governed.registration
    operation = governance.schedule(governed.governor, *registration)
    assert operation == governance.operation_id(governed.governor.address, *registration)
    ready_at = governed.stage.now() + DELAY
    assert governance.get_schedule(operation) == ready_at

    with pytest.raises(ContractReverted) as error:
        governance.execute(governed.governor, *registration)
    assert refused(error) == "AccessManagerNotReady"

    governed.stage.wait(DELAY)
    governance.execute(governed.governor, *registration)
    assert governance.get_schedule(operation) == 0
    assert governed.registry.provider_count() == 1


def test_schedule__then_called_directly__returns_the_new_id(governed: Governed) -> None:
    """The contract uses the schedule up itself; its log then comes before the registration's."""
    stranger = governed.stranger.address
    governed.governance.schedule(governed.governor, *governed.registration)
    governed.governance.schedule(
        governed.governor, governed.protocol.payers, "createPayer", stranger, payer_creation_code()
    )
    governed.stage.wait(DELAY)
    assert governed.registry.register(governed.governor, stranger, [stranger]) == 1
    assert governed.protocol.payers.create_payer(governed.governor, stranger) == 1
    assert governed.protocol.payer(1).payer_id() == 1


def test_deploy__factory__accepts_the_payer_s_code(chain: Stage) -> None:
    assert chain.payers.payer_code_hash() == keccak256(payer_creation_code())


def test_schedule__for_later__is_ready_then(governed: Governed) -> None:
    when = governed.stage.now() + 3 * DELAY
    operation = governed.governance.schedule(governed.governor, *governed.registration, when=when)
    assert governed.governance.get_schedule(operation) == when


def test_schedule__by_a_stranger__is_refused(governed: Governed) -> None:
    with pytest.raises(ContractReverted) as error:
        governed.governance.schedule(governed.stranger, *governed.registration)
    assert refused(error) == "AccessManagerUnauthorizedCall"


def test_cancel__scheduled__is_off(governed: Governed) -> None:
    operation = governed.governance.schedule(governed.governor, *governed.registration)
    governed.governance.cancel(governed.governor, *governed.registration)
    assert governed.governance.get_schedule(operation) == 0


def test_cancel__another_s_by_the_guardian__is_off(governed: Governed) -> None:
    governance, registration = governed.governance, governed.registration
    grant = (governance, "grantRole", GovernorRole.GUARDIAN, governed.stranger.address, 0)
    governance.schedule(governed.governor, *grant)
    governed.stage.wait(DELAY)
    governance.execute(governed.governor, *grant)

    operation = governance.schedule(governed.governor, *registration)
    governance.cancel(governed.stranger, *registration, scheduled_by=governed.governor.address)
    assert governance.get_schedule(operation) == 0


def test_can_call__by_role__is_at_once_after_the_delay_or_never(governed: Governed) -> None:
    settlement = governed.protocol.settlement
    asked = {
        (governed.governor.address, "pause"): Permission(True, 0),
        (governed.governor.address, "openEpoch"): Permission(False, DELAY),
        (governed.stranger.address, "pause"): Permission(False, 0),
    }
    for (caller, function), expected in asked.items():
        assert governed.governance.can_call(caller, settlement, function) == expected
    assert [permission.allowed for permission in asked.values()] == [True, True, False]


def test_roles__granted_revoked_and_renounced__are_as_the_members_say(chain: Stage) -> None:
    governance = Protocol(chain.w3, chain.deployment).governance
    governor, stranger, role = chain["governor"], chain["stranger"], GovernorRole.ARBITER
    governance.grant_role(governor, role, stranger.address, delay_seconds=60)
    granted_at = chain.now()
    members = governance.members(role, from_block=chain.deployment.block)
    assert [member.account for member in members] == sorted([governor.address, stranger.address])
    assert governance.membership(role, stranger.address) == Membership(stranger.address, granted_at, 60)

    governance.grant_role(governor, role, stranger.address, delay_seconds=20)
    lowered = Membership(stranger.address, granted_at, 60, 20, next_delay_at=chain.now() + 40)
    assert governance.membership(role, stranger.address) == lowered
    chain.wait(40)
    assert governance.membership(role, stranger.address) == Membership(stranger.address, granted_at, 20)

    governance.revoke_role(governor, role, stranger.address)
    assert governance.membership(role, stranger.address) == Membership(stranger.address, 0, 0)
    governance.renounce_role(governor, role)
    assert governance.members(role) == ()
