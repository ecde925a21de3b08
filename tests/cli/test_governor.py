"""``chainbill governor``: at once where it is not bound; announced, and then made, where it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.roles import Town

from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet


def test_register_and_create__new_names__are_made_at_once(town: Town) -> None:
    assert town.ok("governor", "register-provider", "let-in", "--new")["done"] is True
    assert town.ok("provider", "register", "let-in")["registered"] is False
    assert town.ok("governor", "create-payer", "let-in-too", "--new")["done"] is True
    assert town.ok("insurer", "create", "let-in-too")["created"] is False


def test_suspend__provider__pends_its_events_until_it_is_reinstated(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient(f"of-{clinic}", clinic), f"{clinic}-visit")
    town.ok("governor", "suspend", clinic)
    assert town.ok("provider", "balance", "--as", clinic)["suspended"] is True
    (pended,) = town.settle(clinic)
    assert pended["what_to_do"] == f"chainbill governor reinstate {clinic}"
    town.ok("governor", "reinstate", clinic)
    assert town.settle(clinic)[0]["outcome"] == "settled"


def test_pause__stops_settling_alone(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient(f"of-{clinic}", clinic), f"{clinic}-visit")
    town.ok("governor", "pause")
    assert "EnforcedPause" in town("oracle", "settle").error
    town.ok("governor", "unpause")
    assert town.settle(clinic)[0]["outcome"] == "settled"


def test_stopping__again__says_that_it_is_so_already(town: Town, clinic: str) -> None:
    for command, told in (
        (("suspend", clinic), f"{clinic} is suspended already: nothing new of it settles."),
        (("reinstate", clinic), f"{clinic} is not suspended: its events settle already."),
        (("pause",), "New settlement is paused already."),
        (("unpause",), "Settlement goes on: it is not paused."),
    ):
        done, again = town.ok("governor", *command), town.ok("governor", *command)
        assert (done["changed"], again) == (True, {**done, "changed": False})
        assert town("governor", *command).out.startswith(f"{told} It holds from 2024-")


def test_open_epoch__the_next_batch__is_signed_by_its_members(town: Town, clinic: str) -> None:
    members = ("oracle-3", "oracle-2", "oracle-1")
    assert town.ok("governor", "open-epoch", *members, "--threshold", 3)["threshold"] == 3
    settlement = town.session().protocol.settlement
    epoch = settlement.current_epoch()
    assert settlement.epoch(epoch)[:2] == (3, 3)
    assert town("governor", "open-epoch", *members, "--threshold", 3).out.startswith(
        "That oracle epoch is open already: 3 of 3 must sign. It holds from 2024-"
    )
    town.ok("governor", "end-epoch", epoch - 1)
    over = town("governor", "end-epoch", epoch - 1).out
    assert over.startswith(f"Epoch {epoch - 1} is over already. It holds from 2024-")
    town.attest(clinic, town.patient(f"of-{clinic}", clinic), f"{clinic}-visit")
    assert town.settle(clinic)[0]["outcome"] == "settled"


def test_operator_fee__after_a_day__is_earned_by_whom_the_batch_names(town: Town, clinic: str) -> None:
    town.ok("governor", "operator-fee", "--flat", "0.25", "--bps", 100)
    town.ok("devnet", "advance", "1d")
    town.attest(clinic, town.patient(f"of-{clinic}", clinic), f"{clinic}-visit")
    town.ok("oracle", "settle", "--operator", "oracle-2")
    fees = town.ok("oracle", "fees", "balance", "oracle-2")
    assert (fees["maturing"], fees["fee_flat"], fees["fee_bps"]) == ("1.25", "0.25", 100)
    assert town.ok("provider", "balance", "--as", clinic)["maturing"] == "98.75"
    assert "no matured fees" in town("oracle", "fees", "withdraw", "oracle-2").out
    town.ok("devnet", "advance", "9d")
    assert town.ok("oracle", "fees", "withdraw", "oracle-2")["withdrawn"] == "1.25"


def test_anything__as_somebody_else__says_which_role_may(town: Town) -> None:
    assert (
        "is no guardian, and only a guardian may do this"
        in town("governor", "pause", "--as", "patient").error
    )


# ---- bound --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bound_devnet(own_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("bound")
    local = LocalDevnet(StateDirectory.open(folder / "state"))
    try:
        local.up(bound=True)
        yield Town(local, folder, lambda: ("", ""))
    finally:
        local.down()


@pytest.fixture
def bound(bound_devnet: Town, capfd: pytest.CaptureFixture[str]) -> Town:
    """A devnet whose governor must announce its calls."""
    bound_devnet.read = lambda: tuple(capfd.readouterr())
    return bound_devnet


def test_bound__registering__is_announced_and_made_when_asked_again(bound: Town) -> None:
    told = bound.ok("governor", "register-provider", "waits", "--new")
    assert (told["done"], told["operation_id"][:2]) == (False, "0x")
    assert "It was announced before" in bound("governor", "register-provider", "waits").out
    error = bound("provider", "register", "waits").error
    assert "register is announced and can be made from" in error
    (listed,) = bound.ok("governor", "scheduled")["scheduled"]
    assert (listed["function"], listed["announced_by"], listed["ready"]) == ("register", "governor", False)
    bound.ok("devnet", "advance", "2d")
    assert bound.ok("governor", "register-provider", "waits")["done"] is True
    assert "Nothing is announced" in bound("governor", "scheduled").out


def test_bound__stopping__is_never_delayed(bound: Town) -> None:
    assert bound.ok("governor", "pause")["done"] is True
    assert bound.ok("governor", "unpause")["done"] is False
    bound.ok("devnet", "advance", "2d")
    assert bound.ok("governor", "unpause")["done"] is True


def test_bound__announced_call__is_executed_or_called_off_by_its_id(bound: Town) -> None:
    payer = bound.ok("governor", "create-payer", "made-later", "--new")["operation_id"]
    fee = bound.ok("governor", "operator-fee", "--flat", 1)["operation_id"]
    assert "AccessManagerNotReady" in bound("governor", "execute", payer).error
    assert bound.ok("governor", "cancel", fee)["function"] == "setOperatorFee"
    bound.ok("devnet", "advance", "2d")
    assert bound.ok("governor", "execute", payer[:12])["function"] == "createPayer"
    assert "no scheduled call has" in bound("governor", "execute", fee).error
    assert bound.ok("governor", "create-payer", "made-later")["done"] is True


def test_bound__new_patient__gets_no_money_by_itself(bound: Town) -> None:
    assert bound.ok("patient", "create", "poor")["minted"] == "0.00"
    assert "mint is announced" in bound("patient", "create", "poor", "--mint", 5).error


def test_bound__devnet_that_runs_already__cannot_be_bound_any_more(bound: Town) -> None:
    error = bound("devnet", "up", "--governance-delay", "standard").error
    assert "stop it first: chainbill devnet down" in error
