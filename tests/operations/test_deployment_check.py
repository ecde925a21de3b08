"""Whatever is not as it is written is named: in the record, the code, the roles and the quorum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from tests.support.senders import Stage

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.deployments import Created, Deployment, Making, Way
from chainbill.chain.protocol import Protocol
from chainbill.chain.roles import GovernorRole
from chainbill.errors import NotDeployed, WrongChain
from chainbill.operations.deployment_check import check_deployment, code_differences


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The protocol as ``deploy`` leaves it, without delays: the governor can spoil it at once."""
    stage = Stage.start(tmp_path_factory.mktemp("anvil"))
    try:
        yield stage
    finally:
        stage.anvil.kill()


@pytest.fixture
def spoilt(stage: Stage) -> Iterator[Stage]:
    """The same, rolled back after the test."""
    snapshot = stage.rpc("evm_snapshot")
    yield stage
    stage.rpc("evm_revert", snapshot)


def named(stage: Stage, deployment: Deployment | None = None) -> list[tuple[str, str]]:
    """What differs: about what, and what of it."""
    check = check_deployment(stage.w3, deployment or stage.deployment)
    return [(each.about, each.what) for each in check.differences]


def made(stage: Stage) -> Making:
    assert stage.deployment.made is not None
    return stage.deployment.made


def remade(stage: Stage, **changes: Any) -> Deployment:
    """The record with another account of how it was made."""
    return stage.deployment.model_copy(update={"made": made(stage).model_copy(update=changes)})


def recreated(stage: Stage, name: str, **changes: Any) -> Deployment:
    """The record with another account of how one contract came to be."""
    contracts = made(stage).contracts
    changed: Created = contracts[name].model_copy(update=changes)
    return remade(stage, contracts={**contracts, name: changed})


def test_check__as_deployed__has_nothing_to_name(stage: Stage) -> None:
    assert named(stage) == []


# ---- code -----------------------------------------------------------------------------------------------

CONTRACTS = ("governance", "token", "registry", "escrow", "payers", "settlement", "extension", "admin")


@pytest.mark.parametrize("name", CONTRACTS)
def test_check__one_byte_of_code_is_another__names_the_contract(spoilt: Stage, name: str) -> None:
    address = made(spoilt).contracts[name].address
    code = bytearray(spoilt.w3.eth.get_code(address))
    code[-1] ^= 1
    spoilt.rpc("anvil_setCode", address, f"0x{code.hex()}")
    assert named(spoilt)[:2] == [(name, "code"), (name, "the hash of its code")]


@pytest.mark.parametrize("name", ["registry", "extension", "admin"])
def test_check__no_code__names_the_contract(spoilt: Stage, name: str) -> None:
    spoilt.rpc("anvil_setCode", made(spoilt).contracts[name].address, "0x")
    about = {each.about for each in code_differences(spoilt.w3, spoilt.deployment)}
    assert about == {name}


@pytest.mark.parametrize("front, behind", [("settlement", "extension"), ("extension", "admin")])
def test_check__settlement_runs_other_code__is_named_though_nothing_is_recorded_of_it(
    spoilt: Stage, front: str, behind: str
) -> None:
    """Whoever deploys could put anything behind settlement: what is delegated to is held to the byte."""
    genuine, other = made(spoilt).contracts[behind], to_checksum_address("0x" + "77" * 20)
    code = bytes(spoilt.w3.eth.get_code(genuine.address))
    spoilt.rpc("anvil_setCode", other, f"0x{code.hex()}")
    assert set(delegate_to(spoilt, front, other)) == {
        (behind, immutable) for immutable in ("_self", "_cachedThis", "_cachedDomainSeparator")
    }
    spoilt.rpc("anvil_setCode", other, "0x5f5ff3")
    assert delegate_to(spoilt, front, other) == [(behind, "code")]
    assert delegate_to(spoilt, front, spoilt.deployment.registry) == [(behind, "code")]
    assert delegate_to(spoilt, front, spoilt.address("governor")) == [(behind, "code")]
    assert (behind, "the address in the account of its making") in named(spoilt)


def test_check__settlement_runs_the_admin_as_its_extension__is_named(spoilt: Stage) -> None:
    """It has the same wiring, which is all that a constructor can ask for."""
    admin = made(spoilt).contracts["admin"].address
    assert delegate_to(spoilt, "settlement", admin) == [("extension", "code")]


def test_check__another_extension_with_other_code_behind_it__both_are_followed(spoilt: Stage) -> None:
    other, foreign = (to_checksum_address("0x" + digits * 20) for digits in ("77", "88"))
    code = bytes(spoilt.w3.eth.get_code(made(spoilt).contracts["extension"].address))
    spoilt.rpc(
        "anvil_setCode", other, f"0x{with_immutable(code, 'SettlementExtension', 'adminCode', foreign).hex()}"
    )
    spoilt.rpc("anvil_setCode", foreign, "0x5f5ff3")
    found = delegate_to(spoilt, "settlement", other)
    assert ("extension", "_self") in found
    assert found[-1] == ("admin", "code")


def delegate_to(stage: Stage, front: str, other: str) -> list[tuple[str, str]]:
    """What is found of the code where settlement's, or its extension's, names other code to run."""
    created = made(stage).contracts[front]
    immutable = {"settlement": "extensionCode", "extension": "adminCode"}[front]
    code = bytes(stage.w3.eth.get_code(to_checksum_address(created.address)))
    changed = with_immutable(code, created.contract, immutable, other)
    stage.rpc("anvil_setCode", created.address, f"0x{changed.hex()}")
    bare = stage.deployment.model_copy(update={"made": None})
    return [(each.about, each.what) for each in code_differences(stage.w3, bare)]


def with_immutable(code: bytes, contract: str, immutable: str, address: str) -> bytes:
    """A contract's code where one of its immutables is another address."""
    changed = bytearray(code)
    for place in load_artifact(contract).immutables[immutable]:
        changed[place : place + 32] = bytes(12) + bytes.fromhex(address[2:])
    return bytes(changed)


@pytest.mark.parametrize(
    "name, immutable, of",
    [
        ("escrow", "settlement", "registry"),
        ("settlement", "escrow", "token"),
        ("extension", "token", "registry"),
        ("admin", "token", "registry"),
        ("admin", "registry", "token"),
        ("payers", "payerCodeHash", None),
        ("token", "_cachedChainId", None),
    ],
)
def test_check__an_immutable_is_another__is_named_with_both_values(
    spoilt: Stage, name: str, immutable: str, of: str | None
) -> None:
    created = made(spoilt).contracts[name]
    artifact = load_artifact(created.contract)
    code = bytearray(spoilt.w3.eth.get_code(created.address))
    value = bytes(12) + bytes.fromhex(getattr(spoilt.deployment, of)[2:]) if of else b"\x07" * 32
    for place in artifact.immutables[immutable]:
        code[place : place + 32] = value
    spoilt.rpc("anvil_setCode", created.address, f"0x{code.hex()}")
    differences = code_differences(spoilt.w3, spoilt.deployment)
    found = next(each for each in differences if each.what == immutable)
    assert (found.about, found.found) == (name, f"0x{value.hex()}")
    assert found.written != found.found
    assert [each.what for each in differences] == [immutable, "the hash of its code"]


# ---- the record -----------------------------------------------------------------------------------------


def test_check__record_names_another_contract__the_code_that_names_the_right_one_says_so(
    stage: Stage,
) -> None:
    other = stage.deployment.model_copy(update={"escrow": stage.deployment.registry})
    names = named(stage, other)
    assert ("escrow", "the address in the account of its making") in names
    assert ("settlement", "escrow") in names
    assert ("escrow", "code") in names


@pytest.mark.parametrize("name", ["settlement", "governance", "registry", "payers", "token"])
@pytest.mark.parametrize("to_code", [True, False])
def test_check__record_points_to_what_answers_nothing__is_named_and_no_error(
    stage: Stage, name: str, to_code: bool
) -> None:
    elsewhere = stage.deployment.escrow if to_code else to_checksum_address("0x" + "12" * 20)
    names = named(stage, stage.deployment.model_copy(update={name: elsewhere}))
    assert (name, "code") in names
    assert names[-1] == ("roles and quorum", "what is read of them")


@pytest.mark.parametrize("name", ["payers", "extension", "admin"])
def test_check__record_without_an_account_of_a_contract__is_named(stage: Stage, name: str) -> None:
    contracts = {each: created for each, created in made(stage).contracts.items() if each != name}
    assert named(stage, remade(stage, contracts=contracts)) == [
        (name, "the address in the account of its making")
    ]


@pytest.mark.parametrize("name", ["extension", "admin"])
def test_check__record_with_other_code_behind_settlement__is_named(stage: Stage, name: str) -> None:
    other = recreated(stage, name, address=stage.deployment.registry)
    assert named(stage, other) == [(name, "the address in the account of its making")]


def test_check__record_with_another_code_hash__is_named(stage: Stage) -> None:
    other = recreated(stage, "registry", code_hash="0x" + "ab" * 32)
    assert named(stage, other) == [("registry", "the hash of its code")]


def test_check__token_said_to_be_there_before__is_named(stage: Stage) -> None:
    assert ("token", "its way") in named(stage, recreated(stage, "token", way=Way.EXISTING))
    assert ("token", "its way") in named(stage, remade(stage, test_token=False))


def test_check__devusd_said_to_be_somebodys_dollar__is_named(stage: Stage) -> None:
    contracts = made(stage).contracts
    token = contracts["token"].model_copy(update={"way": Way.EXISTING, "contract": "token"})
    lie = remade(stage, test_token=False, contracts={**contracts, "token": token})
    assert named(stage, lie) == [("token", "what it is")]


def test_check__another_compiler_or_setting_is_written__is_named(stage: Stage) -> None:
    compiler = made(stage).compiler
    assert compiler["version"]
    other = {**compiler, "version": "0.8.1"}
    assert named(stage, remade(stage, compiler=other)) == [("compiler", "version")]
    missing = {name: value for name, value in compiler.items() if name != "version"}
    assert named(stage, remade(stage, compiler=missing)) == [("compiler", "version")]
    more = {**compiler, "revertStrings": "strip"}
    assert named(stage, remade(stage, compiler=more)) == [("compiler", "revertStrings")]


def test_check__salt_where_no_address_is_by_one__is_named(stage: Stage) -> None:
    """This deployment's addresses come from nonces."""
    assert named(stage, remade(stage, salt="0x" + "ab" * 32)) == [
        (name, "its way") for name in ("governance", "token")
    ]
    assert named(stage, recreated(stage, "token", way=Way.CREATE2)) == [("token", "its way")]


@pytest.mark.parametrize("change", [{"block": 99}, {"transaction": "0x" + "ab" * 32}])
def test_check__contract_created_elsewhere__is_named(stage: Stage, change: dict[str, Any]) -> None:
    assert named(stage, recreated(stage, "escrow", **change)) == [("escrow", "its creation")]


def test_check__reading_begins_too_late__is_named(stage: Stage) -> None:
    late = stage.deployment.model_copy(update={"block": stage.deployment.block + 1})
    assert ("governance", "its creation") in named(stage, late)


def test_check__record_of_an_earlier_version__says_that_there_is_nothing_to_compare(stage: Stage) -> None:
    with pytest.raises(NotDeployed, match="does not tell how it was made"):
        check_deployment(stage.w3, stage.deployment.model_copy(update={"made": None}))


def test_check__another_chain__is_refused(stage: Stage) -> None:
    with pytest.raises(WrongChain):
        check_deployment(stage.w3, stage.deployment.model_copy(update={"chain_id": 5}), node="http://x")


# ---- roles ----------------------------------------------------------------------------------------------

STRANGER = "0x000000000000000000000000000000000000dEaD"
ADMIN, REGISTRAR, GUARDIAN, ARBITER = GovernorRole


def govern(stage: Stage, function: str, *arguments: Any) -> None:
    """The governor, as the undelayed admin, changes Governance."""
    governance = Protocol(stage.w3, stage.deployment).governance
    governance.multicall(stage["governor"], [governance.calldata(function, *arguments)])


Target = Callable[[Stage], ContractClient]


@pytest.mark.parametrize(
    "target, artifact",
    [
        (lambda stage: stage.token, "DevUSD"),
        (lambda stage: stage.registry, "ProviderRegistry"),
        (lambda stage: stage.payers, "InsurerPayerFactory"),
        (lambda stage: stage.settlement, "ClaimSettlement"),
    ],
)
def test_check__a_contract_of_another_authority_or_closed__is_named(
    spoilt: Stage, target: Target, artifact: str
) -> None:
    contract = target(spoilt)
    govern(spoilt, "setTargetClosed", contract.address, True)
    assert named(spoilt) == [(artifact, "its restricted functions")]
    govern(spoilt, "setTargetClosed", contract.address, False)
    govern(spoilt, "setTargetAdminDelay", contract.address, 5)
    assert named(spoilt) == [(artifact, "the delay of changes of its roles")]
    other = spoilt.registry.address
    govern(spoilt, "updateAuthority", contract.address, other)
    assert (artifact, "its authority") in named(spoilt)


@pytest.mark.parametrize(
    "target, function, about",
    [
        (lambda stage: stage.token, "mint", "DevUSD.mint"),
        (lambda stage: stage.registry, "register", "ProviderRegistry.register"),
        (lambda stage: stage.payers, "createPayer", "InsurerPayerFactory.createPayer"),
        (lambda stage: stage.settlement, "resolve", "ClaimSettlement.resolve"),
        (lambda stage: stage.settlement, "pause", "ClaimSettlement.pause"),
    ],
)
def test_check__function_under_another_role__is_named(
    spoilt: Stage, target: Target, function: str, about: str
) -> None:
    contract = target(spoilt)
    govern(spoilt, "setTargetFunctionRole", contract.address, [contract.selector(function)], 2**64 - 1)
    assert named(spoilt) == [(about, "who may call it")]


def test_check__a_function_beside_ours_under_a_role__is_named(spoilt: Stage) -> None:
    selector = spoilt.settlement.selector("settle")
    govern(spoilt, "setTargetFunctionRole", spoilt.settlement.address, [selector], GUARDIAN)
    assert named(spoilt) == [(f"ClaimSettlement.0x{selector.hex()}", "who may call it")]


def test_check__who_grants_a_role_or_calls_its_calls_off__is_named(spoilt: Stage) -> None:
    govern(spoilt, "setRoleAdmin", ARBITER, GUARDIAN)
    govern(spoilt, "setRoleGuardian", REGISTRAR, ARBITER)
    govern(spoilt, "setRoleGuardian", GUARDIAN, ARBITER)
    assert named(spoilt) == [
        ("registrar", "who calls its calls off"),
        ("guardian", "who calls its calls off"),
        ("arbiter", "who grants it"),
    ]


@pytest.mark.parametrize("role", [*GovernorRole, 77])
def test_check__somebody_else_in_a_role__is_named(spoilt: Stage, role: int) -> None:
    govern(spoilt, "grantRole", role, STRANGER, 0)
    ((about, what),) = named(spoilt)
    assert (about, what) == (getattr(role, "label", "role 77"), "a member")


@pytest.mark.parametrize("role", [REGISTRAR, GUARDIAN, ARBITER])
def test_check__governor_without_a_role__is_named(spoilt: Stage, role: GovernorRole) -> None:
    govern(spoilt, "revokeRole", role, spoilt.address("governor"))
    assert named(spoilt) == [(role.label, "the governor's place")]


@pytest.mark.parametrize("role", [REGISTRAR, GUARDIAN, ARBITER, ADMIN])
def test_check__governor_with_another_delay__is_named(spoilt: Stage, role: GovernorRole) -> None:
    govern(spoilt, "grantRole", role, spoilt.address("governor"), 60)
    assert named(spoilt) == [(role.label, "the governor's delay")]


@pytest.mark.parametrize("role", [REGISTRAR, GUARDIAN, ARBITER, 77])
def test_check__delay_of_a_grant__is_named_before_it_holds(spoilt: Stage, role: int) -> None:
    govern(spoilt, "setGrantDelay", role, 60)
    assert [what for _, what in named(spoilt)] == ["the delay of a grant"]


def test_check__written_delays_that_were_never_set__are_named(stage: Stage) -> None:
    names = named(stage, remade(stage, admin_delay_seconds=60, registrar_delay_seconds=60))
    assert names.count(("admin", "the delay of a grant")) == 1
    assert ("admin", "the governor's delay") in names
    assert ("registrar", "the governor's delay") in names
    assert ("ClaimSettlement", "the delay of changes of its roles") in names


def test_check__another_governor_is_written__is_named(stage: Stage) -> None:
    names = named(stage, remade(stage, governor=STRANGER))
    assert names.count(("admin", "the governor's place")) == 1
    assert names.count(("admin", "a member")) == 1


# ---- quorum, pause, token -------------------------------------------------------------------------------


def test_check__other_members_or_threshold__are_named(stage: Stage) -> None:
    members = made(stage).oracle_members
    fewer = remade(stage, oracle_members=members[1:], oracle_threshold=1)
    assert named(stage, fewer) == [("oracle", "the threshold"), ("oracle", f"the place of {members[0]}")]
    more = remade(stage, oracle_members=(*members, STRANGER))
    assert named(stage, more) == [("oracle", f"the place of {STRANGER}")]


def test_check__a_new_epoch__is_named(spoilt: Stage) -> None:
    spoilt.settlement.open_epoch(spoilt["governor"], [STRANGER], 1)
    assert [what for _, what in named(spoilt)] == ["the current epoch", "the end of epoch 1"]


def test_check__paused_settlement_and_an_ended_epoch__are_named(spoilt: Stage) -> None:
    spoilt.settlement.end_epoch(spoilt["governor"], 1)
    spoilt.settlement.pause(spoilt["governor"])
    assert named(spoilt) == [("oracle", "the end of epoch 1"), ("settlement", "new settlement")]


def test_check__token_of_other_decimals__is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainbill.operations.deployment_check.DECIMALS", 18)
    assert named(stage) == [("token", "its decimals")]
