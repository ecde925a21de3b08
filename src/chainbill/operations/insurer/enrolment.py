"""Many members enrolled at once: an employer's staff, a plan's whole membership.

Each is a transaction of its own, and none waits for another. What would be refused is refused before any
is sent. Cut off at any point, it is run again: whoever is enrolled by then is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.chain.contracts.payer import Enrolment, InsurerPayer
from chainbill.chain.node.connection import time_of_block
from chainbill.chain.node.sender import Sender
from chainbill.errors import ChainbillError, ChainError, Displaced, PartlySent, StateError
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change, transaction_of
from chainbill.operations.insurer.members import benefit_year, check_plan, is_enrolled_so, reachable_year
from chainbill.operations.parties import patient_finder
from chainbill.operations.progress import Progress, untold
from chainbill.records.member_file import NewMember as NewMember  # faces get them here
from chainbill.records.member_file import read_members as read_members

_MOST_LINES = 10
"""Lines that cannot be enrolled, of which it is said so at once."""


@dataclass(frozen=True, slots=True)
class EnrolledMember:
    """One of many, enrolled as was wanted."""

    enrolment: Enrolment
    """Whom, for which benefit year and under which plan; and what was to be carried in."""
    transaction: str | None = None
    """Hash of the transaction that did it, as 0x and 64 hex digits; None where it was so already."""
    block: int | None = None
    """Number of that transaction's block."""

    @property
    def changed(self) -> bool:
        """Was a transaction sent for it?"""
        return self.transaction is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersEnrolled(Change):
    """What came of enrolling many. ``transaction`` is the last of them, and since its block all holds."""

    members: tuple[EnrolledMember, ...]
    """In the order in which they were given."""

    @property
    def enrolled(self) -> int:
        """How many were enrolled now: for each a transaction was sent."""
        return sum(each.changed for each in self.members)

    @property
    def blocks(self) -> int:
        """In how many blocks."""
        return len({each.block for each in self.members if each.changed})


def enrol_many(
    insurer: Actor, payer_id: int, members: Sequence[NewMember], *, progress: Progress = untold
) -> MembersEnrolled:
    """Enrol many patients, each as ``members.enrol`` does. One that is enrolled so already is left alone.

    Args:
        insurer: whose plans; opened only if something is to be sent.
        payer_id: its payer contract.
        members: nobody stands in it twice for one benefit year.
        progress: hears of each that is enrolled.

    Raises:
        StateError: some cannot be enrolled; it says which, and why the first. Nothing was sent.
        PartlySent: some were not enrolled after all; it says which, by their places, and all others are.
        ChainError: the node does not answer.
    """
    wanted = _enrolments(insurer, payer_id, members)
    payer = insurer.protocol.payer(payer_id)
    lacking = _lacking(insurer, payer, members, wanted)
    receipts: dict[int, TxReceipt] = {}
    if lacking:
        sender = insurer.sender()
        if sender.catch_up():
            lacking = _lacking(insurer, payer, members, wanted)
        _check_takes(insurer, payer, members, lacking)
    with progress(len(lacking)) as advance:
        while lacking:
            sent, failures = _send(payer, sender, lacking, advance)
            receipts |= sent
            # What an earlier run had left may have been mined in the place of what was sent now: whoever has
            # been enrolled so is no failure, and whoever has not, though nothing was refused, is sent again.
            left = _lacking(insurer, payer, members, wanted)
            if len(left) == len(lacking) or left.keys() & failures.keys():
                raise _partly_sent(members, left, failures, receipts)
            lacking = left
    return _result(insurer, wanted, receipts)


# ---- what is wanted -----------------------------------------------------------------------------------


def _enrolments(insurer: Actor, payer_id: int, members: Sequence[NewMember]) -> list[Enrolment]:
    """What the contract is to be told of each.

    Raises:
        StateError: for some that cannot be said.
    """
    enrolment_of = _reader(insurer, payer_id)
    wanted: list[Enrolment] = []
    refused: dict[int, ChainbillError] = {}
    places: dict[tuple[str, int], int] = {}
    for place, each in enumerate(members):
        if len(refused) > _MOST_LINES:
            break
        try:
            enrolment = enrolment_of(each)
        except ChainbillError as error:
            refused[place] = error
            continue
        first = places.setdefault((enrolment.member, enrolment.benefit_year), place)
        if first != place:
            refused[place] = StateError(
                f"{each.patient} stands there twice for {enrolment.benefit_year}, first: "
                f"{_where(members, first)}"
            )
        wanted.append(enrolment)
    _refuse(members, refused)
    return wanted


def _reader(insurer: Actor, payer_id: int) -> Callable[[NewMember], Enrolment]:
    """Reads a member; errors as ``members.enrol``. What is the same for many is looked up once."""
    address_of, current = patient_finder(insurer.session), benefit_year(insurer.session)
    published: set[int] = set()

    def read(member: NewMember) -> Enrolment:
        address = address_of(member.patient)
        year = reachable_year(member.year, current)
        if member.plan_id not in published:
            check_plan(insurer, payer_id, member.plan_id)
            published.add(member.plan_id)
        return Enrolment(address, year, member.plan_id, member.opening, member.family_id)

    return read


def _lacking(
    insurer: Actor, payer: InsurerPayer, members: Sequence[NewMember], wanted: Sequence[Enrolment]
) -> dict[int, Enrolment]:
    """Those who are not enrolled so yet, by place.

    Raises:
        StateError: some are enrolled otherwise.
    """
    standings = payer.member_years([(each.member, each.benefit_year) for each in wanted])
    now, lacking = insurer.session.now(), {}
    refused: dict[int, ChainbillError] = {}
    for place, (standing, enrolment) in enumerate(zip(standings, wanted, strict=True)):
        if len(refused) > _MOST_LINES:
            break
        try:
            if not is_enrolled_so(standing, enrolment, insurer, now):
                lacking[place] = enrolment
        except StateError as error:
            refused[place] = error
    _refuse(members, refused)
    return lacking


def _check_takes(
    insurer: Actor, payer: InsurerPayer, members: Sequence[NewMember], lacking: Mapping[int, Enrolment]
) -> None:
    """Let the contract try each, without sending it.

    Raises:
        StateError: it would refuse some.
    """
    places = list(lacking)
    refused = payer.refused_enrolments(insurer.address, list(lacking.values()))
    _refuse(members, {places[number]: error for number, error in refused.items()})


def _refuse(members: Sequence[NewMember], refused: Mapping[int, ChainbillError]) -> None:
    if not refused:
        return
    first, *others = list(refused)[:_MOST_LINES]
    told = f"{_where(members, first)}: {refused[first]}"
    if others:
        more = " and more" if len(refused) > _MOST_LINES else ""
        told += f"; neither can be: {', '.join(_where(members, place) for place in others)}{more}"
    raise StateError(told, hint=refused[first].hint)


def _where(members: Sequence[NewMember], place: int) -> str:
    return f"line {members[place].line}" if members[place].line else f"member {place + 1}"


# ---- sending ------------------------------------------------------------------------------------------


def _send(
    payer: InsurerPayer, sender: Sender, lacking: Mapping[int, Enrolment], advance: Callable[[int], None]
) -> tuple[dict[int, TxReceipt], dict[int, ChainError]]:
    """The receipts of those that were mined, and why others were not, by place."""
    places, told = list(lacking), 0

    def hear(mined: int) -> None:
        nonlocal told
        advance(mined - told)
        told = mined

    try:
        receipts = dict(enumerate(payer.enrol_many(sender, lacking.values(), on_mined=hear)))
        failures: dict[int, ChainError] = {}
    except PartlySent as error:
        receipts, failures = error.receipts, error.failures
    return (
        {places[number]: receipt for number, receipt in receipts.items()},
        {places[number]: failure for number, failure in failures.items()},
    )


def _partly_sent(
    members: Sequence[NewMember],
    left: Mapping[int, Enrolment],
    failures: Mapping[int, ChainError],
    receipts: Mapping[int, TxReceipt],
) -> PartlySent:
    displaced = Displaced("another transaction of the account was mined in its place")
    why = {place: failures.get(place, displaced) for place in left}
    first = next(iter(why))
    return PartlySent(
        f"{len(why):,} of {len(members):,} members were not enrolled; the first, {_where(members, first)}: "
        f"{why[first]}",
        failures=why,
        receipts={place: receipt for place, receipt in sorted(receipts.items()) if place not in why},
        hint=why[first].hint or "run it again: whoever is enrolled is left alone",
    )


def _result(
    insurer: Actor, wanted: Sequence[Enrolment], receipts: Mapping[int, TxReceipt]
) -> MembersEnrolled:
    members = tuple(
        EnrolledMember(each, transaction_of(receipts[place]), receipts[place]["blockNumber"])
        if place in receipts
        else EnrolledMember(each)
        for place, each in enumerate(wanted)
    )
    if not receipts:
        return MembersEnrolled(changed=False, members=members)
    last = max(receipts.values(), key=lambda receipt: (receipt["blockNumber"], receipt["transactionIndex"]))
    return MembersEnrolled(
        changed=True,
        effective_at=time_of_block(insurer.protocol.w3, last["blockHash"]),
        transaction=transaction_of(last),
        block=last["blockNumber"],
        members=members,
    )
