"""The governor's verbs as operations: what each tells, and that one is told what is so already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_account import Account
from tests.support.roles import Town

from chainbill.chain.roles import GovernorRole
from chainbill.errors import CallDelayed, ChainError, ContractReverted, StateError
from chainbill.operations.actor import Actor
from chainbill.operations.governor import admission, epochs, operator_fee, roles, scheduled, stopping
from chainbill.operations.governor.calls import governor_account
from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet
from chainbill.state.session import Session


@pytest.fixture
def session(bare_town: Town) -> Session:
    return bare_town.session()


@pytest.fixture
def governor(session: Session) -> Actor:
    return governor_account(session)


def somebody() -> str:
    return str(Account.create().address)


def sent_by(governor: Actor) -> int:
    """How many transactions it has sent."""
    return int(governor.protocol.w3.eth.get_transaction_count(governor.address))


def block_time(session: Session, block: int | None) -> int:
    return int(session.protocol.w3.eth.get_block(block or 0)["timestamp"])


def test_register_provider__by_address__is_done_once(session: Session, governor: Actor) -> None:
    address, key = somebody(), somebody()
    done = admission.register_provider(governor, address, [key])
    registry = session.protocol.registry
    assert (done.changed, done.address) == (True, address)
    assert done.effective_at == block_time(session, done.block)
    assert registry.payout_address(done.provider_id) == address
    assert registry.is_attester(done.provider_id, key)
    assert not registry.is_attester(done.provider_id, address)
    again = admission.register_provider(governor, address.lower())
    assert (again.changed, again.provider_id, again.transaction) == (False, done.provider_id, None)


def test_create_payer__by_address__is_done_once(session: Session, governor: Actor) -> None:
    address = somebody()
    done = admission.create_payer(governor, address)
    assert session.protocol.payer(done.payer_id).insurer() == address
    again = admission.create_payer(governor, address)
    assert (done.changed, again.changed, again.payer_id) == (True, False, done.payer_id)


def test_stopping__a_provider_and_everything__is_told_and_undone(session: Session, governor: Actor) -> None:
    provider_id = admission.register_provider(governor, somebody()).provider_id
    assert stopping.suspend(governor, provider_id).suspended is True
    assert session.protocol.settlement.is_suspended(provider_id)
    assert stopping.reinstate(governor, provider_id).suspended is False
    assert not session.protocol.settlement.is_suspended(provider_id)
    assert stopping.pause(governor).paused is True
    assert stopping.unpause(governor).paused is False


def test_stopping__again__is_told_with_since_when_and_sends_nothing(
    session: Session, governor: Actor
) -> None:
    provider_id = admission.register_provider(governor, somebody()).provider_id
    never = stopping.reinstate(governor, provider_id)
    assert (never.changed, never.suspended, never.effective_at, never.transaction) == (
        False,
        False,
        None,
        None,
    )
    for stop in (
        lambda: stopping.suspend(governor, provider_id),
        lambda: stopping.reinstate(governor, provider_id),
        lambda: stopping.pause(governor),
        lambda: stopping.unpause(governor),
    ):
        done, sent = stop(), sent_by(governor)
        again = stop()
        assert again == replace(done, changed=False)
        assert sent_by(governor) == sent


def test_stopping__somebody_else_is_faster__is_told_as_it_stands(
    session: Session, governor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider_id = admission.register_provider(governor, somebody()).provider_id
    done = stopping.suspend(governor, provider_id)
    looked = iter([False, True])  # It was not yet so when it was looked at.
    monkeypatch.setattr(type(session.protocol.settlement), "is_suspended", lambda *_: next(looked))
    assert stopping.suspend(governor, provider_id) == replace(done, changed=False)


def test_stopping__of_nobody__is_refused(governor: Actor) -> None:
    for stop in (stopping.suspend, stopping.reinstate):
        with pytest.raises(ContractReverted):
            stop(governor, 4_000)


def test_stopping__by_somebody_else__says_which_role_may(session: Session) -> None:
    with pytest.raises(ChainError, match="is no guardian, and only a guardian may do this"):
        stopping.pause(Actor.holding(session, "patient"))
    with pytest.raises(StateError, match="the keystore of 'nobody' is not here"):
        governor_account(session, "nobody")


def test_open_epoch__members_in_any_order__are_the_quorum(session: Session, governor: Actor) -> None:
    members = [somebody() for _ in range(3)]
    before = session.protocol.settlement.current_epoch()
    opened = epochs.open_epoch(governor, members, 2)
    assert opened.members == tuple(sorted(members, key=str.lower))
    assert session.protocol.settlement.members(before + 1) == opened.members
    sent = sent_by(governor)
    assert epochs.open_epoch(governor, members[::-1], 2) == replace(opened, changed=False)
    ended = epochs.end_epoch(governor, before + 1)
    assert ended.epoch == before + 1
    assert epochs.end_epoch(governor, before + 1) == replace(ended, changed=False)
    assert sent_by(governor) == sent + 1
    with pytest.raises(ContractReverted, match="UnknownEpoch"):
        epochs.end_epoch(governor, before + 2)
    # A quorum that has ended signs nothing: the same again is another.
    again = epochs.open_epoch(governor, members, 2)
    assert again.changed is True


def test_end_epoch__followed_by_another__is_over_six_hours_later(
    bare_town: Town, session: Session, governor: Actor
) -> None:
    epochs.open_epoch(governor, [somebody()], 1)
    epoch = session.protocol.settlement.current_epoch()
    follower = epochs.open_epoch(governor, [somebody()], 1)
    bare_town.ok("devnet", "advance", "7h")
    told = epochs.end_epoch(governor, epoch)
    assert (told.changed, told.transaction) == (False, follower.transaction)
    assert told.effective_at == (follower.effective_at or 0) + 6 * 3_600


def test_operator_fee__one_part_given__keeps_the_other_as_announced_last(
    bare_town: Town, session: Session, governor: Actor
) -> None:
    first = operator_fee.set_operator_fee(governor, flat=250_000, bps=100)
    assert (first.flat, first.bps) == (250_000, 100)
    assert first.effective_at == block_time(session, first.block) + 86_400
    bare_town.ok("devnet", "advance", "31h")  # A batch signed before it holds may still come.
    second = operator_fee.set_operator_fee(governor, bps=50)
    assert (second.flat, second.bps) == (250_000, 50)
    standing = operator_fee.standing_fee(session)
    assert (standing.present.bps, standing.last.bps) == (100, 50)


def test_roles__granted_and_revoked__are_told_with_who_is_in_them(session: Session, governor: Actor) -> None:
    address = somebody()
    granted = roles.grant_role(governor, GovernorRole.GUARDIAN, address)
    assert (granted.changed, granted.member.account, granted.member.delay_seconds) == (True, address, 0)
    assert granted.effective_at == granted.member.since
    assert address in [each.member.account for each in roles.everybody(session)]
    assert roles.grant_role(governor, GovernorRole.GUARDIAN, address).changed is False
    revoked, sent = roles.revoke_role(governor, GovernorRole.GUARDIAN, address), sent_by(governor)
    assert revoked.account == address
    assert roles.revoke_role(governor, GovernorRole.GUARDIAN, address) == replace(revoked, changed=False)
    assert sent_by(governor) == sent
    with pytest.raises(StateError, match="is no guardian"):
        roles.revoke_role(governor, GovernorRole.GUARDIAN, somebody())
    with pytest.raises(StateError, match="is the last admin"):
        roles.revoke_role(governor, GovernorRole.ADMIN, governor.address)


def test_revoke_role__another_admin_is_faster__is_told_as_it_stands(
    session: Session, governor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = somebody()
    roles.grant_role(governor, GovernorRole.GUARDIAN, address)
    seen = roles.members(session, GovernorRole.GUARDIAN)
    revoked = roles.revoke_role(governor, GovernorRole.GUARDIAN, address)
    monkeypatch.setattr(roles, "members", lambda *_: seen)
    assert roles.revoke_role(governor, GovernorRole.GUARDIAN, address) == replace(revoked, changed=False)


# ---- bound --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bound(own_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDevnet]:
    local = LocalDevnet(StateDirectory.open(tmp_path_factory.mktemp("bound") / "state"))
    try:
        local.up(bound=True)
        yield local
    finally:
        local.down()


def test_bound__a_call__is_announced_once_listed_and_made_by_its_id(bound: LocalDevnet) -> None:
    session = Session.open(bound.state)
    governor, address = governor_account(session), somebody()
    for new in (True, False):
        with pytest.raises(CallDelayed) as delayed:
            admission.register_provider(governor, address)
        assert delayed.value.new is new
    (call,) = scheduled.scheduled_calls(session)
    assert (call.operation_id, call.ready_at) == (delayed.value.operation_id, delayed.value.ready_at)
    assert (call.contract, call.function, call.ready) == ("ProviderRegistry", "register", False)
    assert (call.announced_by, address in call.arguments.values()) == (governor.address, True)
    bound.require().advance(2 * 86_400)
    done = scheduled.execute_call(governor, call.operation_id.hex()[:8])
    assert done.call.function == "register"
    assert admission.registered_ids(session, address) == [1]
    with pytest.raises(StateError, match="no scheduled call has"):
        scheduled.find_scheduled(session, call.operation_id.hex())


def test_bound__what_is_so_already__is_not_announced(bound: LocalDevnet) -> None:
    session = Session.open(bound.state)
    governor = governor_account(session)
    waiting, sent = scheduled.scheduled_calls(session), sent_by(governor)
    assert stopping.unpause(governor).changed is False
    assert (scheduled.scheduled_calls(session), sent_by(governor)) == (waiting, sent)


def test_bound__a_call__is_called_off(bound: LocalDevnet) -> None:
    session = Session.open(bound.state)
    governor = governor_account(session)
    with pytest.raises(CallDelayed) as delayed:
        operator_fee.set_operator_fee(governor, flat=1)
    cancelled = scheduled.cancel_call(governor, delayed.value.operation_id.hex())
    assert cancelled.call.function == "setOperatorFee"
    assert scheduled.scheduled_calls(session) == ()
