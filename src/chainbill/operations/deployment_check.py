"""Is what stands on a chain what the record of a deployment says, and its code the package's?

Nothing is taken from the record but what it claims: code is compared to the byte, with the immutables that
the addresses call for, and roles and quorum are read from the contracts. Every difference is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from eth_utils.address import to_checksum_address
from web3 import Web3

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.deploy import CONTRACTS, FIRST, address_by_salt, restricted_contracts
from chainbill.chain.deployments import Deployment, Making, Way
from chainbill.chain.node.connection import find_receipt
from chainbill.chain.node.endpoints import check_chain
from chainbill.chain.node.mapped_errors import mapped_errors
from chainbill.chain.protocol import Protocol
from chainbill.chain.roles import RESTRICTED, GovernorRole, label_of
from chainbill.chain.runtime_code import delegate_in, differences
from chainbill.chain.token_trial import DECIMALS
from chainbill.errors import ChainError, NotDeployed


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it is written."""

    about: str
    """What it is: ``settlement``, ``registrar``, ``oracle epoch``, …"""
    what: str
    """Of that."""
    written: str
    found: str

    def __str__(self) -> str:
        return f"{self.about}: {self.what} is {self.found}; written: {self.written}"


@dataclass(frozen=True, slots=True)
class DeploymentCheck:
    """What came of a check."""

    deployment: Deployment
    made: Making
    differences: tuple[Difference, ...]


def check_deployment(w3: Web3, deployment: Deployment, *, node: str = "") -> DeploymentCheck:
    """Compare a chain with the record of a deployment.

    Args:
        node: its URL, for the error.

    Raises:
        NotDeployed: the record does not tell how the deployment was made.
        WrongChain: the node is of another chain.
        ChainError: the node could not be reached or refused.
    """
    if deployment.made is None:
        raise NotDeployed(
            "the record of this deployment does not tell how it was made: there is nothing to compare with",
            hint="deployments of this version have it; on a devnet: chainbill devnet up --fresh",
        )
    check_chain(w3, deployment.chain_id, node)
    checked = _Checked(w3, deployment, deployment.made)
    found = [difference for check in _STANDS for difference in check(checked)]
    try:
        found += [difference for check in _ASKED for difference in check(checked)]
    except ChainError as error:
        # Whoever is not what is written may answer in any way, or not at all: that is named and no error.
        if not found:
            raise
        found.append(Difference("roles and quorum", "what is read of them", "an answer", f"none ({error})"))
    return DeploymentCheck(deployment, deployment.made, tuple(found))


def code_differences(w3: Web3, deployment: Deployment) -> tuple[Difference, ...]:
    """How the contracts of a deployment differ from the package's; of a token that was there before, whether
    its code is the same still.

    Raises:
        ChainError: the node could not be reached or refused.
    """
    return tuple(_code(w3, deployment))


class _Checked:
    """What a check looks at."""

    def __init__(self, w3: Web3, deployment: Deployment, made: Making) -> None:
        self.w3 = w3
        self.deployment = deployment
        self.made = made
        self.protocol = Protocol(w3, deployment)
        self.targets = restricted_contracts(w3, deployment.addresses(), test_token=made.test_token)


# ---- the record and the code ----------------------------------------------------------------------------


def _record(checked: _Checked) -> Iterator[Difference]:
    """Does the record agree with itself?"""
    for name, address in _places(checked.w3, checked.deployment).items():
        created = checked.made.contracts.get(name)
        if created is None or created.address != address:
            told = "nothing" if created is None else created.address
            yield Difference(name, "the address in the account of its making", address, told)
    token = checked.made.contracts.get("token")
    if token is not None and (token.way is Way.EXISTING) == checked.made.test_token:
        yield Difference("token", "its way", "DevUSD" if checked.made.test_token else "existing", token.way)


def _compiler(checked: _Checked) -> Iterator[Difference]:
    """Code that is the same to the byte came of this compiler: what else the record says would mislead who
    compiles the sources again."""
    written, ours = checked.made.compiler, load_artifact(CONTRACTS["settlement"]).compiler
    for name in sorted({*written, *ours}):
        said, found = (str(settings.get(name, "nothing")) for settings in (written, ours))
        if said != found:
            yield Difference("compiler", name, said, found)


def _salt(checked: _Checked) -> Iterator[Difference]:
    """Are the addresses those that the salt calls for, and is there a salt where CREATE2 is named?"""
    made, at = checked.made, checked.deployment.addresses()
    ways = {name: made.contracts[name].way for name in FIRST if name in made.contracts}
    by_salt = [name for name, way in ways.items() if way is Way.CREATE2]
    if made.salt is None:
        for name in by_salt:
            yield Difference(name, "its way", Way.CREATE2, "no salt is written for it")
        return
    for name, way in ways.items():
        if way is Way.CREATE:
            yield Difference(name, "its way", Way.CREATE, "a salt is written, which is for CREATE2")
    for name in by_salt:
        wanted = address_by_salt(checked.w3, name, bytes.fromhex(made.salt[2:]), made.deployer, at)
        if wanted != at[name]:
            yield Difference(name, "the address by its salt", wanted, at[name])


def _code_as_written(checked: _Checked) -> Iterator[Difference]:
    yield from _code(checked.w3, checked.deployment)


def _code(w3: Web3, deployment: Deployment) -> Iterator[Difference]:
    at = _places(w3, deployment)
    existing = deployment.made is not None and not deployment.made.test_token
    for name, address in at.items():
        code = _code_at(w3, address)
        if name != "token" or not existing:
            for each in differences(CONTRACTS[name], code, address, at, deployment.chain_id):
                yield Difference(name, each.what, each.expected, each.found)
        if deployment.made is not None and name in deployment.made.contracts:
            written, found = deployment.made.contracts[name].code_hash, Web3.keccak(code).to_0x_hex()
            if written != found:
                yield Difference(name, "the hash of its code", written, found)


def _places(w3: Web3, deployment: Deployment) -> dict[str, str]:
    """Every contract's address; the extension's is what settlement's code says, the admin's what the
    extension's says, and nothing where the code that would say it is not the package's."""
    at = deployment.addresses()
    for name, behind in (("settlement", "extension"), ("extension", "admin")):
        address = delegate_in(CONTRACTS[name], _code_at(w3, at[name]))
        if address is None:
            break
        at[behind] = address
    return at


def _code_at(w3: Web3, address: str) -> bytes:
    with mapped_errors():
        return bytes(w3.eth.get_code(Web3.to_checksum_address(address)))


def _creation(checked: _Checked) -> Iterator[Difference]:
    """Were the contracts created where it is written? Whoever reads the ledger begins at that block."""
    for name, created in checked.made.contracts.items():
        if created.transaction is None or created.block is None:
            continue
        receipt = find_receipt(checked.w3, bytes.fromhex(created.transaction[2:]))
        found = "in no block" if receipt is None else f"block {receipt['blockNumber']}"
        if found != f"block {created.block}":
            yield Difference(name, "its creation", f"block {created.block}", found)
        if created.block < checked.deployment.block:
            begin = f"from block {checked.deployment.block} on"
            yield Difference(name, "its creation", begin, f"block {created.block}")


# ---- who may do what ------------------------------------------------------------------------------------


def _authority(checked: _Checked) -> Iterator[Difference]:
    for target in checked.targets:
        found = target.authority()
        if found != checked.deployment.governance:
            yield Difference(target.artifact, "its authority", checked.deployment.governance, found)
        if checked.protocol.governance.is_closed(target):
            yield Difference(target.artifact, "its restricted functions", "open to their roles", "closed")


def _functions(checked: _Checked) -> Iterator[Difference]:
    """Is every restricted function under its role, and no other function under any?"""
    governance = checked.protocol.governance
    known: set[tuple[str, bytes]] = set()
    for target in checked.targets:
        for function, role in RESTRICTED[target.artifact].items():
            known.add((target.address, target.selector(function)))
            found = governance.role_of(target, function)
            if found != role:
                yield Difference(
                    f"{target.artifact}.{function}", "who may call it", role.label, label_of(found)
                )
    named: dict[str, str] = {target.address: target.artifact for target in checked.targets}
    for (address, selector), role_id in _functions_beside(checked, known):
        about = f"{named.get(address, address)}.0x{selector.hex()}"
        yield Difference(about, "who may call it", "nobody of ours", label_of(role_id))


def _functions_beside(
    checked: _Checked, known: set[tuple[str, bytes]]
) -> Iterator[tuple[tuple[str, bytes], int]]:
    for place, role in checked.protocol.governance.function_roles(
        from_block=checked.deployment.block
    ).items():
        if place not in known and role != GovernorRole.ADMIN:
            yield place, role


def _role_settings(checked: _Checked) -> Iterator[Difference]:
    governance = checked.protocol.governance
    for role in GovernorRole:
        if (admin := governance.admin_of(role)) != GovernorRole.ADMIN:
            yield Difference(role.label, "who grants it", GovernorRole.ADMIN.label, label_of(admin))
        usual = GovernorRole.GUARDIAN if role is GovernorRole.REGISTRAR else GovernorRole.ADMIN
        if (guardian := governance.guardian_of(role)) != usual:
            yield Difference(role.label, "who calls its calls off", usual.label, label_of(guardian))


def _delays(checked: _Checked) -> Iterator[Difference]:
    """How long it takes to put somebody into a role, and to change what a role may call."""
    governance, block = checked.protocol.governance, checked.deployment.block
    delay = checked.made.admin_delay_seconds
    found = governance.grant_delays(from_block=block)
    for role in sorted({*GovernorRole, *found}):
        wanted = delay if role in (GovernorRole.ADMIN, GovernorRole.REGISTRAR) else 0
        if found.get(role, 0) != wanted:
            yield Difference(label_of(role), "the delay of a grant", _time(wanted), _time(found.get(role, 0)))
    by_target: dict[str, int] = governance.target_delays(from_block=block)
    for target in checked.targets:
        given = by_target.get(target.address, 0)
        if given != delay:
            yield Difference(target.artifact, "the delay of changes of its roles", _time(delay), _time(given))


def _members(checked: _Checked) -> Iterator[Difference]:
    """Is the governor in every role, with its delay, and nobody else in any?"""
    governance, made, block = checked.protocol.governance, checked.made, checked.deployment.block
    delays = {
        GovernorRole.ADMIN: made.admin_delay_seconds,
        GovernorRole.REGISTRAR: made.registrar_delay_seconds,
    }
    for role in sorted({*GovernorRole, *governance.granted_roles(from_block=block)}):
        members = {each.account: each for each in governance.members(role, from_block=block)}
        if role in set(GovernorRole):
            own, wanted = members.pop(made.governor, None), delays.get(GovernorRole(role), 0)
            if own is None:
                yield Difference(label_of(role), "the governor's place", made.governor, "none")
            elif (held := own.next_delay_seconds if own.next_delay_at else own.delay_seconds) != wanted:
                yield Difference(label_of(role), "the governor's delay", _time(wanted), _time(held))
        for account in members:
            yield Difference(label_of(role), "a member", "nobody else", account)


def _quorum(checked: _Checked) -> Iterator[Difference]:
    settlement, made = checked.protocol.settlement, checked.made
    if (epoch := settlement.current_epoch()) != 1:
        yield Difference("oracle", "the current epoch", "1", str(epoch))
    threshold, _, ends_at = settlement.epoch(1)
    if threshold != made.oracle_threshold:
        yield Difference("oracle", "the threshold", str(made.oracle_threshold), str(threshold))
    members = {to_checksum_address(member) for member in settlement.members(1)}
    for member in sorted(members ^ set(made.oracle_members)):
        place = "no member", "a member"
        written, found = place if member in members else reversed(place)
        yield Difference("oracle", f"the place of {member}", written, found)
    if ends_at != 0:
        yield Difference("oracle", "the end of epoch 1", "open", f"second {ends_at}")
    if settlement.is_paused():
        yield Difference("settlement", "new settlement", "going on", "paused")


def _token(checked: _Checked) -> Iterator[Difference]:
    if not checked.made.test_token and _is_own_devusd(checked):
        yield Difference("token", "what it is", "a token that was there before", "DevUSD of this governance")
    decimals = checked.protocol.token.decimals()
    if decimals != DECIMALS:
        yield Difference("token", "its decimals", str(DECIMALS), str(decimals))


def _is_own_devusd(checked: _Checked) -> bool:
    """Is the token DevUSD, made at will by whoever governs this deployment?"""
    at = checked.deployment.addresses()
    code = _code_at(checked.w3, at["token"])
    if differences(CONTRACTS["token"], code, at["token"], at, checked.deployment.chain_id):
        return False
    return checked.protocol.token.authority() == checked.deployment.governance


_STANDS: tuple[Callable[[_Checked], Iterator[Difference]], ...] = (
    _record,
    _compiler,
    _salt,
    _code_as_written,
    _creation,
)
"""What is compared before any contract is asked."""

_ASKED: tuple[Callable[[_Checked], Iterator[Difference]], ...] = (
    _authority,
    _functions,
    _role_settings,
    _delays,
    _members,
    _quorum,
    _token,
)


def _time(seconds: int) -> str:
    return f"{seconds} s"
