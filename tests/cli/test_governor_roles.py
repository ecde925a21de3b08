"""``chainbill governor roles``: who is in which role, granted and revoked, at once and announced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.roles import Town

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.chain.roles import PUBLIC_ROLE, GovernorRole
from chainbill.cli.governor.roles import _ROLES
from chainbill.operations.governor.calls import governor
from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet

DAY = 86_400


def listed(town: Town, role: str) -> dict[str, Any]:
    """The members of a role, by name."""
    members = town.ok("governor", "roles", "list")["members"]
    return {member["account"]: member for member in members if member["role"] == role}


def test_roles__named_for_the_help__are_those_there_are() -> None:
    assert tuple(role.label for role in GovernorRole) == _ROLES


def test_list__new_devnet__has_the_governor_in_every_role(bare_town: Town) -> None:
    members = bare_town.ok("governor", "roles", "list")["members"]
    assert [(member["role"], member["account"]) for member in members] == [
        (role, "governor") for role in ("admin", "registrar", "guardian", "arbiter")
    ]
    assert {member["delay_seconds"] for member in members} == {0}
    assert "arbiter    governor  0x" in bare_town("governor", "roles", "list").out


def test_grant__new_account__may_do_what_the_role_may_until_it_is_revoked(bare_town: Town) -> None:
    town = bare_town
    told = town.ok("governor", "roles", "grant", "guardian", "watch", "--new")
    assert (told["done"], told["role"], told["delay_seconds"]) == (True, "guardian", 0)
    assert listed(town, "guardian")["watch"]["address"] == told["address"]
    town.ok("governor", "pause", "--as", "watch")
    error = town("governor", "unpause", "--as", "watch").error
    assert "is no registrar, and only a registrar may do this" in error
    town.ok("governor", "unpause")
    assert "watch is a guardian already" in town("governor", "roles", "grant", "guardian", "watch").out

    town.ok("governor", "roles", "revoke", "guardian", "watch")
    assert list(listed(town, "guardian")) == ["governor"]
    assert "is no guardian" in town("governor", "pause", "--as", "watch").error


def test_grant__shorter_delay__is_listed_with_the_time_from_which_it_holds(bare_town: Town) -> None:
    town = bare_town
    town.ok("governor", "roles", "grant", "registrar", "slow", "--delay", "1d", "--new")
    told = town("governor", "roles", "grant", "registrar", "slow", "--delay", "6h").out
    assert "slow is a registrar; delay: 1d, from " in told
    slow, now = listed(town, "registrar")["slow"], town.session().now()
    assert (slow["delay_seconds"], slow["next_delay_seconds"]) == (DAY, DAY // 4)
    assert slow["next_delay_at"] == now + DAY * 3 // 4
    assert "already" in town("governor", "roles", "grant", "registrar", "slow", "--delay", "6h").out
    assert town.ok("governor", "register-provider", "by-slow", "--new", "--as", "slow")["done"] is False
    # Nobody says how long: as long as the longest of those who are there.
    assert town.ok("governor", "roles", "grant", "registrar", "as-slow", "--new")["delay_seconds"] == DAY
    for name in ("slow", "as-slow"):
        town.ok("governor", "roles", "revoke", "registrar", name)


def test_revoke__oneself__needs_no_admin(bare_town: Town) -> None:
    town = bare_town
    town.ok("governor", "roles", "grant", "arbiter", "tired", "--new")
    told = town("governor", "roles", "revoke", "arbiter", "tired", "--as", "tired").out
    assert "tired is an arbiter no more" in told
    assert list(listed(town, "arbiter")) == ["governor"]


def test_grant__nobody_in_the_role__asks_how_long(bare_town: Town) -> None:
    town = bare_town
    town.ok("governor", "roles", "revoke", "arbiter", "governor")
    assert "nobody is an arbiter" in town("governor", "roles", "grant", "arbiter", "governor").error
    town.ok("governor", "roles", "grant", "arbiter", "governor", "--delay", "0s")
    assert list(listed(town, "arbiter")) == ["governor"]


def test_change__that_cannot_be__is_refused_with_what_to_do(bare_town: Town) -> None:
    roles = ("governor", "roles")
    ran = bare_town(*roles, "grant", "boss", "watch")
    assert (ran.code, "'boss' is not one of 'admin', 'registrar'" in ran.err) == (2, True)
    assert "the zero address is nobody's" in bare_town(*roles, "grant", "arbiter", ZERO_ADDRESS).error
    assert "is not an address" in bare_town(*roles, "grant", "arbiter", "0x12").error
    error = bare_town(*roles, "revoke", "arbiter", "patient").error
    assert "is no arbiter" in error
    assert "hint: see who is: chainbill governor roles list" in error
    assert "no account named 'unheard-of'" in bare_town(*roles, "revoke", "arbiter", "unheard-of").error
    last = bare_town(*roles, "revoke", "admin", "governor").error
    assert "is the last admin" in last
    assert "chainbill governor roles grant admin ACCOUNT" in last
    error = bare_town(*roles, "grant", "arbiter", "watch", "--as", "patient").error
    assert "is no admin, and only an admin may do this" in error


def test_list__roles_beside_the_four_and_functions_moved_to_them__are_named(bare_town: Town) -> None:
    session = bare_town.session()
    governance, settlement = session.protocol.governance, session.protocol.settlement
    address, target, selector = (
        session.book.address_of("patient"),
        settlement.address,
        settlement.selector("pause"),
    )
    assert bare_town.ok("governor", "roles", "list")["reassigned"] == []
    with governor(session) as sender:
        calls = (("grantRole", 77, address, 0), ("setTargetFunctionRole", target, [selector], 77))
        governance.multicall(sender, [governance.calldata(*call) for call in calls])
        assert listed(bare_town, "role 77")["patient"]["address"] == address
        assert bare_town.ok("governor", "roles", "list")["reassigned"] == [
            {"contract": "ClaimSettlement", "function": "pause", "role": "role 77", "usual_role": "guardian"}
        ]
        told = bare_town("governor", "roles", "list").out
        assert "ClaimSettlement.pause may be called by role 77, not by a guardian." in told

        governance.multicall(
            sender, [governance.calldata("setTargetFunctionRole", target, [selector], PUBLIC_ROLE)]
        )
        told = bare_town("governor", "roles", "list").out
        assert "ClaimSettlement.pause may be called by everybody, not by a guardian." in told

        calls = (
            ("revokeRole", 77, address),
            ("setTargetFunctionRole", target, [selector], GovernorRole.GUARDIAN),
        )
        governance.multicall(sender, [governance.calldata(*call) for call in calls])
    assert listed(bare_town, "role 77") == {}
    assert bare_town.ok("governor", "roles", "list")["reassigned"] == []


def test_bound__grant_and_revoke__are_announced_and_made_two_days_later(
    own_settings: None, tmp_path: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    for town in _bound(tmp_path, capfd):
        command = ("governor", "roles", "grant", "registrar", "second")
        told = town.ok(*command, "--new")
        assert (told["done"], told["delay_seconds"]) == (False, 2 * DAY)
        (waits,) = town.ok("governor", "scheduled")["scheduled"]
        assert (waits["contract"], waits["function"]) == ("Governance", "grantRole")
        assert waits["arguments"]["account"] == told["address"]
        town.ok("devnet", "advance", "2d")
        assert town.ok(*command)["done"] is True
        assert listed(town, "registrar")["second"]["delay_seconds"] == 2 * DAY

        told = town.ok("governor", "roles", "revoke", "registrar", "second")
        assert told["done"] is False
        town.ok("devnet", "advance", "2d")
        asked = town.asked("governor", "execute", told["operation_id"])
        assert (asked.code, "governor changes who is in which role:\n  revokeRole  " in asked.err) == (
            2,
            True,
        )
        assert town.ok("governor", "execute", told["operation_id"])["function"] == "revokeRole"
        assert list(listed(town, "registrar")) == ["governor"]

        # From the fifth day on whoever is let in waits, too.
        town.ok("devnet", "advance", "2d")
        assert town.ok(*command)["done"] is False
        town.ok("devnet", "advance", "2d")
        assert "second is a registrar; delay: 2d. It holds from " in town(*command).out
        since = listed(town, "registrar")["second"]["since"]
        assert since > town.session().now() + DAY


def _bound(folder: Any, capfd: pytest.CaptureFixture[str]) -> Iterator[Town]:
    local = LocalDevnet(StateDirectory.open(folder / "state"))
    try:
        local.up(bound=True)
        yield Town(local, folder, lambda: tuple(capfd.readouterr()))
    finally:
        local.down()
