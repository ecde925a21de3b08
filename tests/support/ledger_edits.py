"""Edits of a copy of the ledger, as somebody with a text editor could make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from chainbill.chain.format.events import Claim, Event
from chainbill.chain.format.logs import decode_words, event_topic
from chainbill.chain.format.packed_claim import pack_claim
from chainbill.ledger.indexer import decode_ledger
from chainbill.ledger.raw_logs import RawLedger, RawLog

SETTLED_TOPIC = event_topic("ClaimSettled(address,bytes32,uint256,uint256,uint256,uint256)")


def place_of(copy: RawLedger, kind: type[Event], number: int = 0) -> int:
    """Where the log of an event stands: the first of its kind, or the ``number``-th after it."""
    places = {log.position: place for place, log in enumerate(copy.logs)}
    of_kind = [each for each in decode_ledger(copy) if isinstance(each.event, kind)]
    return places[of_kind[number].block, of_kind[number].log_index]


def with_logs(copy: RawLedger, logs: Sequence[RawLog]) -> RawLedger:
    """The copy with other logs, and a header that counts them: a careful forger's."""
    return RawLedger(copy.header.model_copy(update={"logs": len(logs)}), tuple(logs))


def with_log(copy: RawLedger, place: int, change: Callable[[RawLog], RawLog]) -> RawLedger:
    """The copy with one log changed."""
    return with_logs(copy, [change(log) if i == place else log for i, log in enumerate(copy.logs)])


def add_to_word(log: RawLog, word: int, amount: int) -> RawLog:
    """The log with a number of its data changed."""
    start = 2 + 64 * word
    value = int(log.data[start : start + 64], 16) + amount
    return replace(log, data=f"{log.data[:start]}{value:064x}{log.data[start + 64 :]}")


def add_to_claim(log: RawLog, **amounts: int) -> RawLog:
    """The row's log with fields of its claim changed, or of the first of the rows that share it. The short
    log of a plain claim that is no longer one becomes the long one."""
    topics = [bytes.fromhex(topic[2:]) for topic in log.topics]
    first = 128 if len(topics) == 1 else 160
    whole, others = bytes.fromhex(log.data[2:]), log.data[2 + 2 * first :]
    row = whole if len(topics) > 2 else whole[:first]  # a reversal's log is of one claim, and says more of it
    claim = decode_words("ClaimSettlement", topics, row).claim  # type: ignore[attr-defined]
    changed = {name: _plus(getattr(claim, name), amount) for name, amount in amounts.items()}
    claim = replace(claim, **changed)
    if len(topics) > 1:
        return replace(log, data="0x" + long_words(claim).hex() + others)
    if is_plain(claim):
        return replace(log, data="0x" + plain_words(claim).hex() + others)
    return replace(log, topics=("0x" + SETTLED_TOPIC.hex(), *log.topics), data="0x" + long_words(claim).hex())


def is_plain(claim: Claim) -> bool:
    """May a settled claim be told by the short log?"""
    parts = claim.deductible + claim.copay + claim.coinsurance + claim.plan_paid
    counted = claim.units_counted or claim.secondary_units_counted
    rest = claim.secondary_payer_id | claim.outside_plan | claim.secondary_paid | claim.fee | counted
    return parts == claim.allowed and not rest


def long_words(claim: Claim) -> bytes:
    """The data of a row's log: commitment, parties, amounts, shares, service."""
    return claim.commitment + pack_claim(claim)


def plain_words(claim: Claim) -> bytes:
    """The data of PlainClaimSettled: commitment, parties, amounts, and its own service."""
    words = pack_claim(claim)
    coinsurance, service, flags = words[64:72], words[96:116], words[124:125]
    return claim.commitment + words[:64] + coinsurance + service + bytes(3) + flags


def _plus(value: bytes | int, amount: int) -> bytes | int:
    if isinstance(value, bytes):
        return (int.from_bytes(value, "big") + amount).to_bytes(len(value), "big")
    return type(value)(value + amount)


def with_topic(log: RawLog, number: int, value: str) -> RawLog:
    """The log with an indexed field changed."""
    word = "0x" + value.removeprefix("0x").lower().rjust(64, "0")
    return replace(log, topics=(*log.topics[:number], word, *log.topics[number + 1 :]))
