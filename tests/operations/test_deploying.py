"""Deploying on a network that is not ours: as written, cut off and gone on with, and refused in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hexbytes import HexBytes
from tests.support.foreign_chain import ForeignChain, foreign_chain
from tests.support.workplace import Workplace
from web3 import Web3

from chainbill.chain import deploy as deploy_module
from chainbill.chain.artifacts import Artifact, load_artifact
from chainbill.chain.deploy import CONTRACTS, STEPS, Plan
from chainbill.chain.deployments import Way, deployment_text, read_deployment
from chainbill.chain.deterministic_proxy import PROXY
from chainbill.chain.node.sender import Sender
from chainbill.chain.roles import GovernanceDelays
from chainbill.errors import ChainError, NeedsGas, StateError, TokenRefused, WrongChain
from chainbill.operations import deploying
from chainbill.operations.deploying import (
    GAS_OF_MEMBER,
    GAS_OF_STEPS,
    Deployed,
    carry_out_deployment,
    prepare,
    verify_deployment,
)
from chainbill.operations.deployment_check import check_deployment
from chainbill.state.address_book import AddressBook, Role
from chainbill.state.session import Session


class CutOff(BaseException):
    """The process ends here."""


def deploy(workplace: Workplace, **changes: object) -> Deployed:
    """Prepare and carry out."""
    return carry_out_deployment(workplace.state, prepare(workplace.state, workplace.request(**changes)))


def sent(workplace: Workplace) -> int:
    """How many transactions the governor has sent."""
    account = workplace.account("governor").address
    return int(workplace.chain.w3.eth.get_transaction_count(account))


def ways(done: Deployed) -> dict[str, Way]:
    assert done.deployment.made is not None
    return {name: created.way for name, created in done.deployment.made.contracts.items()}


# ---- what stands then -----------------------------------------------------------------------------------


def test_deploy__with_the_proxy__stands_as_written_and_is_recorded(workplace: Workplace) -> None:
    done = deploy(workplace)
    assert done.check.differences == ()
    assert ways(done) == {
        **dict.fromkeys(("governance", "token"), Way.CREATE2),
        **dict.fromkeys(("registry", "payers", "escrow", "admin", "extension", "settlement"), Way.CREATE),
    }
    assert verify_deployment(workplace.state).differences == ()
    assert of_another_salt(workplace, done) == [
        (name, "the address by its salt") for name in ("governance", "token")
    ]
    session = Session.open(workplace.state)
    assert session.protocol.deployment == done.deployment
    assert session.protocol.deployment.chain_id == workplace.chain.chain_id
    assert set(session.book.entries(Role.ORACLE)) == {"node-1", "node-2", "node-3"}
    assert set(session.book.entries(Role.GOVERNOR)) == {"governor"}
    assert not workplace.state.deploying.exists()


def of_another_salt(workplace: Workplace, done: Deployed) -> list[tuple[str, str]]:
    """What is found where the record says another salt than the addresses came from."""
    made = done.check.made.model_copy(update={"salt": "0x" + "ab" * 32})
    check = check_deployment(workplace.chain.w3, done.deployment.model_copy(update={"made": made}))
    return [(each.about, each.what) for each in check.differences]


def test_deploy__twice_with_another_salt__governance_stands_elsewhere(workplace: Workplace) -> None:
    first = deploy(workplace)
    (workplace.state.deployments / f"{workplace.chain.chain_id}.json").unlink()
    with pytest.raises(ChainError, match=r"stands at .* already"):
        deploy(workplace)
    second = deploy(workplace, salt="another")
    assert second.check.differences == ()
    assert first.deployment.governance != second.deployment.governance


def test_deploy__without_the_proxy__takes_addresses_from_nonces(
    new_workplace: Callable[[ForeignChain], Workplace],
) -> None:
    with foreign_chain(proxy=False) as bare:
        done_there = new_workplace(bare)
        done = deploy(done_there)
        assert done.check.differences == ()
        assert sent(done_there) == len(STEPS)
    assert ways(done) == dict.fromkeys(CONTRACTS, Way.CREATE)


def test_deploy__no_delays__stands_as_written(workplace: Workplace) -> None:
    done = deploy(workplace, delays=GovernanceDelays.none())
    assert done.check.differences == ()


def test_deploy__what_it_costs__is_at_most_what_was_said(workplace: Workplace) -> None:
    prepared = prepare(workplace.state, workplace.request())
    done = carry_out_deployment(workplace.state, prepared)
    w3 = workplace.chain.w3
    taken = [w3.eth.get_transaction_receipt(each)["gasUsed"] for each in done.transactions]  # type: ignore[arg-type]
    for step, gas in zip(prepared.plan.steps, taken, strict=True):
        most = GAS_OF_STEPS[step] + (3 * GAS_OF_MEMBER if step == "epoch" else 0)
        assert 0.75 * most < gas <= most, step


def test_deploy__its_record__is_read_back_and_verified_elsewhere(
    workplace: Workplace, tmp_path: Path
) -> None:
    done = deploy(workplace)
    file = tmp_path / "deployment.json"
    file.write_text(deployment_text(done.deployment))
    assert read_deployment(file) == done.deployment
    check = verify_deployment(workplace.home.of_devnet(), workplace.chain.url, record=file)
    assert check.differences == ()


# ---- cut off --------------------------------------------------------------------------------------------


def ends_at(monkeypatch: pytest.MonkeyPatch, method: str, call: int, *, after: bool) -> None:
    """The process ends at a call of the outbox."""
    original, calls = getattr(deploying.AccountOutbox, method), [0]

    def dying(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == call and not after:
            raise CutOff
        done = original(*arguments)
        if calls[0] == call:
            raise CutOff
        return done

    monkeypatch.setattr(deploying.AccountOutbox, method, dying)


CUTS = pytest.mark.parametrize(
    "method, after", [("note", False), ("note", True), ("forget", False)], ids=["signed", "noted", "mined"]
)


@CUTS
def test_deploy__cut_off_at_every_transaction__goes_on_and_sends_nothing_twice(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, method: str, after: bool
) -> None:
    cut_at_every_step(workplace, monkeypatch, method, after)


@pytest.mark.slow
@CUTS
def test_deploy__without_the_proxy_cut_off_at_every_transaction__goes_on_and_sends_nothing_twice(
    new_workplace: Callable[[ForeignChain], Workplace],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    after: bool,
) -> None:
    with foreign_chain(proxy=False) as bare:
        cut_at_every_step(new_workplace(bare), monkeypatch, method, after)


def cut_at_every_step(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, method: str, after: bool
) -> None:
    for cut in range(len(STEPS)):
        # What was never noted is done again, up to where the run before has ended.
        call = 2 if method == "note" and not after and cut > 0 else 1
        with monkeypatch.context() as patch:
            ends_at(patch, method, call, after=after)
            prepared = prepare(workplace.state, workplace.request())
            assert prepared.begun == (cut > 0)
            with pytest.raises(CutOff):
                carry_out_deployment(workplace.state, prepared)
        assert sent(workplace) == cut + (method == "forget")
    done = deploy(workplace)
    assert done.check.differences == ()
    assert len(set(done.transactions)) == len(STEPS)
    assert sent(workplace) == len(STEPS)


@pytest.mark.parametrize("name", ["governance", "token"])
def test_deploy__somebody_else_creates_by_the_salt_first__it_is_the_same_and_is_taken(
    workplace: Workplace, name: str
) -> None:
    def ahead(step: str) -> None:
        if step == name:
            w3 = workplace.chain.w3
            plan = Plan.model_validate_json(workplace.state.deploying.read_bytes())
            salt = bytes(HexBytes(plan.salt or "0x"))
            creation = deploy_module._creation_by_salt(w3, step, salt, plan.deployer, plan.at)
            assert creation.address == plan.at[name]
            Sender(w3, workplace.chain.funded).send(creation)  # type: ignore[arg-type]

    prepared = prepare(workplace.state, workplace.request())
    done = carry_out_deployment(workplace.state, prepared, on_step=ahead)
    assert done.check.differences == ()
    assert done.check.made.contracts[name].transaction is None
    assert len(done.transactions) == len(STEPS) - 1


def tamper_with(patch: pytest.MonkeyPatch, contract: str) -> None:
    """Have ``deploy`` create other code of a contract: its last byte is another, which no deployment runs."""

    def tampered(name: str) -> Artifact:
        artifact = load_artifact(name)
        last = int(artifact.bytecode[-2:], 16) ^ 1
        other_code = f"{artifact.bytecode[:-2]}{last:02x}"
        return replace(artifact, bytecode=other_code) if name == contract else artifact

    patch.setattr(deploy_module, "load_artifact", tampered)


@pytest.mark.parametrize("name", ["extension", "admin"])
def test_deploy__other_code_behind_settlement__is_named_by_the_check_at_its_end_and_ever_after(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Constructors ask for the wiring, which is right: it takes a comparison of the code."""
    with monkeypatch.context() as patch:
        tamper_with(patch, CONTRACTS[name])
        done = deploy(workplace)
    for check in (done.check, verify_deployment(workplace.state)):
        assert [(each.about, each.what) for each in check.differences] == [(name, "code")]


@pytest.mark.parametrize("after_step", ["registry", "escrow", "admin", "extension"])
def test_deploy__account_sends_something_else_in_between__computes_the_addresses_again(
    workplace: Workplace, after_step: str
) -> None:
    def elsewhere(step: str) -> None:
        if step == STEPS[STEPS.index(after_step) + 1] and not moved:
            moved.append(step)
            send_coin_away(workplace)

    moved: list[str] = []
    prepared = prepare(workplace.state, workplace.request())
    done = carry_out_deployment(workplace.state, prepared, on_step=elsewhere)
    assert moved
    assert done.check.differences == ()


def send_coin_away(workplace: Workplace) -> None:
    w3, account = workplace.chain.w3, workplace.account("governor")
    transaction = {
        "to": account.address,
        "gas": 21_000,
        "maxFeePerGas": 10**11,
        "maxPriorityFeePerGas": 10**9,
        "nonce": w3.eth.get_transaction_count(account.address),
        "chainId": workplace.chain.chain_id,
    }
    digest = w3.eth.send_raw_transaction(account.sign_transaction(transaction).raw_transaction)
    w3.eth.wait_for_transaction_receipt(digest)


def begin(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that is cut off after its second contract."""
    with monkeypatch.context() as patch:
        ends_at(patch, "forget", 2, after=True)
        with pytest.raises(CutOff):
            deploy(workplace)


def test_deploy__begun_on_other_terms__is_refused_until_it_is_given_up(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(workplace, monkeypatch)
    for other in ({"threshold": 3}, {"delays": GovernanceDelays.none()}, {"salt": "another"}):
        with pytest.raises(StateError, match="begun on other terms"):
            prepare(workplace.state, workplace.request(**other))
    done = deploy(workplace, threshold=3, salt="another", start_over=True)
    assert done.check.differences == ()
    assert done.check.made.oracle_threshold == 3


def test_deploy__begun_with_other_code__is_refused_until_it_is_given_up(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        tamper_with(patch, "SettlementAdmin")
        begin(workplace, monkeypatch)
        assert prepare(workplace.state, workplace.request()).begun
    with pytest.raises(StateError, match="begun with other code"):
        prepare(workplace.state, workplace.request())
    assert deploy(workplace, salt="another", start_over=True).check.differences == ()


def test_deploy__begun_by_a_version_that_noted_no_code__is_refused_until_it_is_given_up(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It made settlement's extension by CREATE2, where need be by a proxy of its own."""
    begin(workplace, monkeypatch)
    notes = json.loads(workplace.state.deploying.read_bytes())
    del notes["code"], notes["at"]["admin"], notes["nonces"]["admin"], notes["nonces"]["extension"]
    notes["at"]["proxy"] = PROXY
    workplace.state.deploying.write_text(json.dumps(notes))
    with pytest.raises(StateError, match="damaged or of another version"):
        prepare(workplace.state, workplace.request())
    assert deploy(workplace, salt="another", start_over=True).check.differences == ()


# ---- refused before anything is sent --------------------------------------------------------------------


def refused(workplace: Workplace, kind: type[Exception], match: str, **changes: object) -> Exception:
    with pytest.raises(kind, match=match) as refusal:
        deploy(workplace, **changes)
    assert sent(workplace) == 0
    return refusal.value


@pytest.mark.parametrize(
    "changes, match",
    [
        ({"threshold": 4}, "4 of 3 oracle members is no quorum"),
        ({"threshold": 0}, "0 of 3 oracle members is no quorum"),
        ({"oracle_members": ("node-1", "node-1")}, "named twice"),
        ({"oracle_members": ("nobody",), "threshold": 1}, "nobody"),
        ({"account": "nobody"}, "nobody"),
    ],
)
def test_deploy__impossible_terms__are_refused(workplace: Workplace, changes: Any, match: str) -> None:
    refused(workplace, StateError, match, **changes)


def test_deploy__members_by_address__are_taken(workplace: Workplace) -> None:
    members = tuple(workplace.account(f"node-{number}").address for number in (1, 2, 3))
    assert deploy(workplace, oracle_members=members).check.made.oracle_members == tuple(
        sorted(members, key=str.lower)
    )


def test_deploy__two_prepared_at_once__the_second_neither_sends_nor_records(workplace: Workplace) -> None:
    """It may be on other terms: what it would record is not what stands."""
    other = prepare(workplace.state, workplace.request(threshold=3))
    deploy(workplace)
    before = sent(workplace)
    with pytest.raises(StateError, match="deployed on clinic-net already"):
        carry_out_deployment(workplace.state, other)
    assert sent(workplace) == before
    assert Session.open(workplace.state).protocol.deployment.made.oracle_threshold == 2  # type: ignore[union-attr]


def test_deploy__another_has_begun_since_it_was_prepared__is_refused(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = prepare(workplace.state, workplace.request(threshold=3))
    begin(workplace, monkeypatch)
    with pytest.raises(StateError, match="in the meantime"):
        carry_out_deployment(workplace.state, other)
    assert deploy(workplace).check.differences == ()


def test_deploy__twice_on_a_network__is_refused(workplace: Workplace) -> None:
    deploy(workplace)
    with pytest.raises(StateError, match="deployed on clinic-net already") as twice:
        deploy(workplace, salt="another")
    # Who did not say --output, or was cut off before it, finds there what the others need.
    assert f"deployments/{workplace.chain.chain_id}.json; another" in (twice.value.hint or "")


def test_deploy__on_the_devnet__is_refused(workplace: Workplace) -> None:
    with pytest.raises(StateError, match="made on a network"):
        prepare(workplace.home.of_devnet(), workplace.request(), workplace.chain.url)


def test_deploy__account_that_cannot_pay__is_told_how_much_to_send_where(workplace: Workplace) -> None:
    pauper = workplace.account("node-1").address
    with pytest.raises(NeedsGas, match=f"needs gas: send .* to {pauper}") as refusal:
        prepare(workplace.state, workplace.request(account="node-1", oracle_members=("node-2",), threshold=1))
    assert refusal.value.missing > 0


def test_deploy__devusd_on_a_chain_of_real_money__is_refused(
    new_workplace: Callable[[ForeignChain], Workplace],
) -> None:
    with foreign_chain(chain_id=8453) as main_net:
        error = refused(new_workplace(main_net), TokenRefused, "chain 8453 is Base")
    assert isinstance(error, TokenRefused)
    assert error.reason == "main_net"


def test_deploy__node_of_another_chain__is_refused(workplace: Workplace) -> None:
    with foreign_chain(chain_id=77) as other, pytest.raises(WrongChain, match="is of chain 77") as refusal:
        prepare(workplace.state, workplace.request(), other.url)
    assert (refusal.value.expected, refusal.value.found) == (workplace.chain.chain_id, 77)


# ---- an existing token ----------------------------------------------------------------------------------


def unruly(workplace: Workplace, project_root: Path) -> Any:
    """A token that does on transfer what it is told to, of which the governor holds $1,000."""
    import json

    artifact = json.loads((project_root / "tests" / "artifacts" / "UnrulyDollar.json").read_text())
    w3, account = workplace.chain.w3, workplace.chain.funded
    factory = w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
    receipt = mined(w3, account, factory.constructor(account.address))
    token = w3.eth.contract(address=receipt["contractAddress"], abi=artifact["abi"])
    mined(w3, account, token.functions.mint(workplace.account("governor").address, 1_000_000_000))
    return token


def mined(w3: Web3, account: Any, call: Any) -> Any:
    nonce = w3.eth.get_transaction_count(account.address)
    transaction = call.build_transaction({"from": account.address, "nonce": nonce})
    digest = w3.eth.send_raw_transaction(account.sign_transaction(transaction).raw_transaction)
    return w3.eth.wait_for_transaction_receipt(digest)


def test_deploy__existing_token_that_moves_exactly__is_wired_in(
    workplace: Workplace, project_root: Path
) -> None:
    token = unruly(workplace, project_root)
    done = deploy(workplace, token=token.address)
    assert done.check.differences == ()
    assert (done.deployment.token, ways(done)["token"]) == (token.address, Way.EXISTING)
    assert not done.check.made.test_token
    assert sent(workplace) == len(STEPS) - 1


@pytest.mark.parametrize(
    "function, arguments, reason",
    [
        ("setFee", (100,), "inexact"),
        ("setPaused", (True,), "does_not_move"),
        ("setAnswer", (1,), "does_not_move"),
        ("setAnswer", (3,), "does_not_move"),
    ],
)
def test_deploy__token_that_does_not_move_what_it_is_told__is_refused(
    workplace: Workplace, project_root: Path, function: str, arguments: tuple[Any, ...], reason: str
) -> None:
    token = unruly(workplace, project_root)
    mined(workplace.chain.w3, workplace.chain.funded, token.functions[function](*arguments))
    error = refused(workplace, TokenRefused, r"a transfer of 1", token=token.address)
    assert isinstance(error, TokenRefused)
    assert error.reason == reason


def test_deploy__token_that_answers_nothing__is_taken(workplace: Workplace, project_root: Path) -> None:
    token = unruly(workplace, project_root)
    mined(workplace.chain.w3, workplace.chain.funded, token.functions.setAnswer(2))
    assert deploy(workplace, token=token.address).check.differences == ()


def test_deploy__token_that_burns_gas__is_refused(workplace: Workplace, project_root: Path) -> None:
    token = unruly(workplace, project_root)
    governor = workplace.account("governor").address
    mined(workplace.chain.w3, workplace.chain.funded, token.functions.setBurnsGas(governor, True))
    refused(workplace, TokenRefused, "a transfer of 1 units fails", token=token.address)
    assert deploy(workplace, token=token.address, untried_token=True).deployment.token == token.address


def test_deploy__token_of_other_decimals__is_refused(
    workplace: Workplace, project_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = unruly(workplace, project_root)
    monkeypatch.setattr("chainbill.chain.token_trial.DECIMALS", 18)
    refused(workplace, TokenRefused, "has 6 decimals", token=token.address)


def test_deploy__token_of_which_the_deployer_holds_none__wants_a_holder(
    workplace: Workplace, project_root: Path
) -> None:
    token = unruly(workplace, project_root)
    others = workplace.request(oracle_members=("node-2",), threshold=1)
    workplace.chain.send_coin(workplace.account("node-1").address)
    asked = {
        "token": token.address,
        "account": "node-1",
        "oracle_members": others.oracle_members,
        "threshold": 1,
    }
    with pytest.raises(TokenRefused, match="holds none of it"):
        deploy(workplace, **asked)
    holder = workplace.account("governor").address
    assert deploy(workplace, token_holder=holder, **asked).check.differences == ()


@pytest.mark.parametrize("address", ["0x000000000000000000000000000000000000dEaD", "governance"])
def test_deploy__no_token_at_the_address__is_refused(workplace: Workplace, address: str) -> None:
    first = deploy(workplace) if address == "governance" else None
    if first is not None:
        (workplace.state.deployments / f"{workplace.chain.chain_id}.json").unlink()
    token = address if first is None else first.deployment.governance
    with pytest.raises(TokenRefused) as refusal:
        deploy(workplace, token=token, salt="another")
    assert refusal.value.reason == ("no_contract" if first is None else "no_token")


def test_deploy__its_accounts__are_of_its_network_alone(workplace: Workplace) -> None:
    deploy(workplace)
    assert AddressBook(workplace.home.address_book).entries() == {}
