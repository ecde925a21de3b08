"""Calls that are announced and wait: listed, made by their id, called off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.contracts.governance import ScheduledCall
from chainbill.errors import StateError
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.effect import made
from chainbill.operations.governor.calls import acting
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class AnnouncedCall:
    """A restricted call that was announced, and neither made nor called off."""

    operation_id: bytes
    contract: str
    """Name of the contract (``ClaimSettlement``)."""
    function: str
    arguments: Mapping[str, object]
    """By their Solidity names."""
    announced_by: str
    """Address of who makes it."""
    ready_at: int
    """From when on it can be made, in seconds since 1970."""
    ready: bool
    """Can it be made now?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMade(Change):
    """An announced call, made."""

    call: AnnouncedCall


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCancelled(Change):
    """An announced call, called off."""

    call: AnnouncedCall


def scheduled_calls(session: Session) -> tuple[AnnouncedCall, ...]:
    """Every call that waits, the earliest first; those that have lapsed are left out.

    Raises:
        ChainError: the node does not answer.
    """
    return tuple(_announced(session, call) for call in _scheduled(session))


def find_scheduled(session: Session, operation_id: str) -> AnnouncedCall:
    """The one call that waits under an operation id in hexadecimal, or the beginning of one.

    Raises:
        StateError: there is none, or there are several.
    """
    return _announced(session, _find(session, operation_id))


def execute_call(governor: Actor, operation_id: str) -> CallMade:
    """Make an announced call whose delay is over.

    Args:
        operation_id: in hexadecimal; its beginning is enough.

    Raises:
        ContractReverted: the delay is not over, the call is another's, or its contract refuses.
        StateError: there is no such call, there are several, or the key is not at hand.
    """
    session = governor.session
    call = _find(session, operation_id)
    with acting(governor) as sender:
        receipt = session.protocol.governance.execute_scheduled(sender, call)
    return CallMade(**made(session, receipt), call=_announced(session, call))


def cancel_call(governor: Actor, operation_id: str) -> CallCancelled:
    """Call an announced call off: one's own, or as the guardian a registrar's; otherwise as
    ``execute_call``."""
    session = governor.session
    call = _find(session, operation_id)
    with acting(governor) as sender:
        receipt = session.protocol.governance.cancel_scheduled(sender, call)
    return CallCancelled(**made(session, receipt), call=_announced(session, call))


def targets(session: Session) -> dict[str, ContractClient]:
    """The contracts that only the governor may call some functions of, by address."""
    protocol = session.protocol
    clients = (protocol.governance, protocol.token, protocol.registry, protocol.payers, protocol.settlement)
    return {client.address: client for client in clients}


def _scheduled(session: Session) -> tuple[ScheduledCall, ...]:
    return session.protocol.governance.scheduled(from_block=session.protocol.deployment.block)


def _find(session: Session, wanted: str) -> ScheduledCall:
    begin = wanted.lower().removeprefix("0x")
    found = [call for call in _scheduled(session) if begin and call.operation_id.hex().startswith(begin)]
    if len(found) != 1:
        told = "several scheduled calls have" if found else "no scheduled call has"
        raise StateError(
            f"{told} an operation id that begins with {wanted}", hint="see: chainbill governor scheduled"
        )
    return found[0]


def _announced(session: Session, call: ScheduledCall) -> AnnouncedCall:
    target = targets(session)[call.target]
    function, arguments = target.read_calldata(call.calldata)
    return AnnouncedCall(
        operation_id=call.operation_id,
        contract=target.artifact,
        function=function,
        arguments=arguments,
        announced_by=call.caller,
        ready_at=call.ready_at,
        ready=call.ready_at <= session.now(),
    )
