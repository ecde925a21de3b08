"""``Governance``: who may call the restricted functions, and what is scheduled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from eth_abi.abi import decode
from hexbytes import HexBytes
from web3 import Web3
from web3.types import BlockIdentifier, FilterParams, LogReceipt, TxReceipt

from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.node.mapped_errors import mapped_errors
from chainbill.chain.node.sender import Sender
from chainbill.chain.roles import GovernorRole

_SCHEDULED = Web3.keccak(text="OperationScheduled(bytes32,uint32,uint48,address,address,bytes)")
_ROLE_GRANTED = Web3.keccak(text="RoleGranted(uint64,address,uint32,uint48,bool)")


@dataclass(frozen=True, slots=True)
class Permission:
    """What somebody may do with a function: call it at once, or after ``delay_seconds`` on the schedule, or
    (neither) not at all."""

    immediate: bool
    delay_seconds: int

    @property
    def allowed(self) -> bool:
        """At once or after a delay."""
        return self.immediate or self.delay_seconds > 0


@dataclass(frozen=True, slots=True)
class Membership:
    """Somebody's place in a role: since when (seconds since 1970, may lie ahead; 0: not a member), and after
    which delay its calls are executed."""

    account: str
    since: int
    delay_seconds: int
    next_delay_seconds: int = 0
    """The delay that takes the place of the present one at ``next_delay_at``."""
    next_delay_at: int = 0
    """In seconds since 1970; 0: the delay stays."""


@dataclass(frozen=True, slots=True)
class ScheduledCall:
    """A call that was announced and not made or called off yet."""

    operation_id: bytes
    caller: str
    target: str
    """Address of the contract to be called."""
    calldata: bytes
    ready_at: int
    """From when on it can be made, in seconds since 1970."""


class Governance(ContractClient):
    """A restricted call is named by its contract's client, the function, and the arguments. Functions of
    ``Governance`` itself are scheduled the same way, with this client as their target."""

    artifact = "Governance"

    def __init__(self, w3: Web3, address: str) -> None:
        super().__init__(w3, address)
        self._w3 = w3

    # ---- delayed calls --------------------------------------------------------------------------------

    def schedule(
        self, sender: Sender, target: ContractClient, function: str, *arguments: object, when: int = 0
    ) -> bytes:
        """Announce a call that is delayed for the sender; returns the operation's id.

        Args:
            when: the earliest time of execution in seconds since 1970; 0: as soon as the delay allows.
        """
        calldata = target.calldata(function, *arguments)
        self._send(sender, "schedule", target.address, calldata, when)
        return self.operation_id(sender.address, target, function, *arguments)

    def execute(self, sender: Sender, target: ContractClient, function: str, *arguments: object) -> TxReceipt:
        """Make the call that the sender has scheduled, within a week of its time."""
        return self._send(sender, "execute", target.address, target.calldata(function, *arguments))

    def cancel(
        self,
        sender: Sender,
        target: ContractClient,
        function: str,
        *arguments: object,
        scheduled_by: str | None = None,
    ) -> TxReceipt:
        """Call off what the sender, or ``scheduled_by``, has scheduled."""
        calldata = target.calldata(function, *arguments)
        return self._send(sender, "cancel", scheduled_by or sender.address, target.address, calldata)

    def operation_id(self, caller: str, target: ContractClient, function: str, *arguments: object) -> bytes:
        """The id under which the caller's call is scheduled."""
        calldata = target.calldata(function, *arguments)
        return bytes(self._call("hashOperation", caller, target.address, calldata))

    def get_schedule(self, operation_id: bytes) -> int:
        """From when a scheduled call can be made, in seconds since 1970; 0: not scheduled, or expired."""
        return int(self._call("getSchedule", operation_id))

    def scheduled(self, *, from_block: BlockIdentifier = 0) -> tuple[ScheduledCall, ...]:
        """Every call that waits, the earliest first; those that have expired are left out.

        Args:
            from_block: where to begin looking: the deployment's block.
        """
        with mapped_errors():
            logs = self._w3.eth.get_logs(
                {"address": self.address, "fromBlock": from_block, "topics": [_SCHEDULED]}
            )
        calls = {}
        for log in logs:
            operation_id = bytes(log["topics"][1])
            _, caller, target, calldata = decode(["uint48", "address", "address", "bytes"], log["data"])
            ready_at = self.get_schedule(operation_id)
            if ready_at != 0:
                named = Web3.to_checksum_address(caller), Web3.to_checksum_address(target)
                calls[operation_id] = ScheduledCall(operation_id, *named, calldata, ready_at)
        return tuple(sorted(calls.values(), key=lambda call: call.ready_at))

    def execute_scheduled(self, sender: Sender, call: ScheduledCall) -> TxReceipt:
        """Make a call that the sender has scheduled."""
        return self._send(sender, "execute", call.target, call.calldata)

    def cancel_scheduled(self, sender: Sender, call: ScheduledCall) -> TxReceipt:
        """Call a scheduled call off; the caller's own, or a guardian's."""
        return self._send(sender, "cancel", call.caller, call.target, call.calldata)

    def can_call(self, caller: str, target: ContractClient, function: str) -> Permission:
        """May somebody call a restricted function of another contract?"""
        return Permission(*self._call("canCall", caller, target.address, target.selector(function)))

    # ---- roles ----------------------------------------------------------------------------------------

    def grant_role(
        self, sender: Sender, role: GovernorRole, account: str, *, delay_seconds: int
    ) -> TxReceipt:
        """Make an account a member of a role, or change its delay; an undelayed admin's."""
        return self._send(sender, "grantRole", role, account, delay_seconds)

    def revoke_role(self, sender: Sender, role: GovernorRole, account: str) -> TxReceipt:
        """End an account's membership of a role; an undelayed admin's."""
        return self._send(sender, "revokeRole", role, account)

    def renounce_role(self, sender: Sender, role: GovernorRole) -> TxReceipt:
        """End the sender's own membership of a role."""
        return self._send(sender, "renounceRole", role, sender.address)

    def membership(self, role: int, account: str) -> Membership:
        """An account's place in a role."""
        since, delay, next_delay, next_delay_at = self._call("getAccess", role, account)
        return Membership(Web3.to_checksum_address(account), since, delay, next_delay, next_delay_at)

    def members(self, role: int, *, from_block: BlockIdentifier = 0) -> tuple[Membership, ...]:
        """Everybody who is in a role or will be, by address.

        Args:
            from_block: where to begin looking: the deployment's block.
        """
        granted = self._granted(from_block, HexBytes(role.to_bytes(32, "big")))
        accounts = {Web3.to_checksum_address(log["topics"][2][-20:]) for log in granted}
        found = (self.membership(role, account) for account in sorted(accounts))
        return tuple(member for member in found if member.since != 0)

    def granted_roles(self, *, from_block: BlockIdentifier = 0) -> tuple[int, ...]:
        """Every role that anybody was ever put into, ours or not, by number.

        Args:
            from_block: where to begin looking: the deployment's block.
        """
        return tuple(sorted({int.from_bytes(log["topics"][1], "big") for log in self._granted(from_block)}))

    def role_of(self, target: ContractClient, function: str) -> int:
        """Who may call a restricted function: the number of a role."""
        return int(self._call("getTargetFunctionRole", target.address, target.selector(function)))

    def admin_of(self, role: int) -> int:
        """Which role grants and revokes a role."""
        return int(self._call("getRoleAdmin", role))

    def guardian_of(self, role: int) -> int:
        """Which role may call off what a member of a role has scheduled."""
        return int(self._call("getRoleGuardian", role))

    def is_closed(self, target: ContractClient) -> bool:
        """Is every restricted function of a contract refused to everybody?"""
        return bool(self._call("isTargetClosed", target.address))

    def function_roles(self, *, from_block: int = 0) -> dict[tuple[str, bytes], int]:
        """Every function that was ever put under a role, by contract and selector, and which it is under."""
        logs = self.logged("TargetFunctionRoleUpdated", from_block=from_block)
        return {(log["target"], bytes(log["selector"])): log["roleId"] for log in logs}

    def grant_delays(self, *, from_block: int = 0) -> dict[int, int]:
        """After how many seconds a new member is in a role, by role, once what was set last holds."""
        logs = self.logged("RoleGrantDelayChanged", from_block=from_block)
        return {log["roleId"]: log["delay"] for log in logs}

    def target_delays(self, *, from_block: int = 0) -> dict[str, int]:
        """How long an admin's change of a contract's roles is delayed, by contract, in seconds, once what was
        set last holds."""
        logs = self.logged("TargetAdminDelayUpdated", from_block=from_block)
        return {log["target"]: log["delay"] for log in logs}

    def _granted(self, from_block: BlockIdentifier, *topics: HexBytes) -> list[LogReceipt]:
        wanted = {"address": self.address, "fromBlock": from_block, "topics": [_ROLE_GRANTED, *topics]}
        with mapped_errors():
            return self._w3.eth.get_logs(cast("FilterParams", wanted))

    # ---- setting up -----------------------------------------------------------------------------------

    def multicall(self, sender: Sender, calls: Sequence[bytes]) -> TxReceipt:
        """Make several calls of this contract in one transaction: all, or none."""
        return self._send(sender, "multicall", list(calls))
