"""Is a copy of the ledger the chain's own? Places and order first, then log by log against the chain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from chainbill.audit.discrepancy import Discrepancy, Kind
from chainbill.ledger.indexer import describe
from chainbill.ledger.raw_logs import RawLedger, RawLog

FIRST_LINE = 2
"""The line of a ledger file on which the first log stands."""


def check_places(copy: RawLedger) -> Iterator[Discrepancy]:
    """Each log stands once, after the one before it, within the blocks the ledger covers."""
    header, previous = copy.header, None
    if len(copy.logs) != header.logs:
        yield Discrepancy(
            Kind.MISSING_LOG if len(copy.logs) < header.logs else Kind.INSERTED_LOG,
            "line 1",
            "the header names another number of logs than there are",
            expected=str(header.logs),
            found=str(len(copy.logs)),
        )
    for number, log in enumerate(copy.logs, start=FIRST_LINE):
        where = f"line {number}: {describe(log)}"
        if not header.deployment.block <= log.block <= header.to_block:
            yield Discrepancy(
                Kind.MISPLACED_LOG,
                where,
                "the log lies outside the blocks of the ledger",
                expected=f"block {header.deployment.block} to {header.to_block}",
                found=f"block {log.block}",
            )
        if previous is not None and log.position <= previous.position:
            again = log.position == previous.position
            yield Discrepancy(
                Kind.MISPLACED_LOG,
                where,
                "the log stands twice" if again else "the log stands after one that came later",
                expected=f"after block {previous.block}, log {previous.log_index}",
                found=f"block {log.block}, log {log.log_index}",
            )
        previous = log


def compare_copy(copy: RawLedger, chain: RawLedger) -> Iterator[Discrepancy]:
    """Every log of the copy is the chain's, and every log of the chain is in the copy."""
    lines = {log.position: (number, log) for number, log in enumerate(copy.logs, start=FIRST_LINE)}
    genuine = {log.position: log for log in chain.logs}
    for position in sorted(lines.keys() | genuine.keys()):
        if position not in lines:
            missing = genuine[position]
            yield Discrepancy(
                Kind.MISSING_LOG,
                describe(missing),
                "the copy lacks a log of the chain",
                expected=_shown(missing),
            )
        elif position not in genuine:
            number, inserted = lines[position]
            yield Discrepancy(
                Kind.INSERTED_LOG,
                f"line {number}: {describe(inserted)}",
                "the copy has a log that is not on the chain",
                found=_shown(inserted),
            )
        else:
            number, log = lines[position]
            yield from _compare(number, log, genuine[position])


def _compare(number: int, log: RawLog, genuine: RawLog) -> Iterator[Discrepancy]:
    for field in fields(RawLog):
        expected, found = getattr(genuine, field.name), getattr(log, field.name)
        if found != expected:
            yield Discrepancy(
                Kind.ALTERED_LOG,
                f"line {number}: {describe(genuine)}",
                f"the log's {field.name.replace('_', ' ')} is not the chain's",
                expected=_differing(str(expected), str(found)),
                found=_differing(str(found), str(expected)),
            )


def _shown(log: RawLog) -> str:
    topic = log.topics[0] if log.topics else "no topic"
    return f"a log of {log.address} with topic {topic}"


def _differing(text: str, other: str) -> str:
    """The part of a long text around where it begins to differ from another."""
    if len(text) <= 80:
        return text
    first = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), 0)
    start = max(0, first - 24)
    return f"{'…' if start else ''}{text[start : start + 72]}… (from character {start})"
