"""Contract state, read at one block and compared with what the rebuilt ledger expects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from chainbill.audit.discrepancy import Discrepancy, Kind
from chainbill.audit.expectations import HELD, Expectation, Value, expected_state
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import ChainError
from chainbill.ledger.accounts import Ledger
from chainbill.records.hashing import keccak256


def compare_state(
    node: JsonRpc,
    ledger: Ledger,
    *,
    block: int,
    block_time: int,
    sequences: Iterable[tuple[int, int]] = (),
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[dict[str, int], list[Discrepancy]]:
    """Compare every account with contract state: how many views were compared by kind, and what differs.

    Args:
        sequences: provider ids and sequences that were seen, spent or not.

    Raises:
        ChainError: the node does not answer, or no longer has that block's state.
    """
    expectations = list(expected_state(ledger, block_time, sequences))
    calls = [
        ("eth_call", [{"to": each.contract, "data": _call_data(each)}, hex(block)]) for each in expectations
    ]
    try:
        answers = node.batch(calls, on_progress=lambda done: on_progress(done, len(calls)))
    except ChainError as error:
        raise ChainError(
            f"contract state at block {block} cannot be read: {error}",
            hint="the node may have forgotten old blocks: export the ledger again, or ask an archive node",
        ) from None
    counts: dict[str, int] = {}
    different: list[Discrepancy] = []
    for expectation, answer in zip(expectations, answers, strict=True):
        counts[expectation.kind] = counts.get(expectation.kind, 0) + 1
        if bytes.fromhex(answer[2:]) != b"".join(map(_word, expectation.values)):
            different.append(_difference(expectation, answer))
            different += _insolvency(ledger, expectation, answer)
    return counts, different


def _difference(expectation: Expectation, answer: str) -> Discrepancy:
    raw = bytes.fromhex(answer[2:])
    words = [raw[i : i + 32] for i in range(0, len(raw), 32)]
    found = [_shown(word, value) for word, value in zip(words, expectation.values, strict=False)]
    return Discrepancy(
        Kind.STATE,
        f"contract {expectation.contract}, {expectation.view}",
        f"{expectation.subject} differs from what the logs say",
        expected=", ".join(_shown(_word(value), value) for value in expectation.values),
        found=", ".join(found) or "no answer",
    )


def _insolvency(ledger: Ledger, expectation: Expectation, answer: str) -> Iterator[Discrepancy]:
    """The worst that a wrong token balance can mean."""
    if expectation.kind != HELD:
        return
    holder = str(expectation.arguments[0])
    owed = ledger.owed()[holder]
    held = int(answer[2:] or "0", 16)
    if held < owed:
        yield Discrepancy(
            Kind.SOLVENCY,
            f"contract {holder}",
            "the contract holds less than it owes",
            expected=f"{owed} owed",
            found=f"{held} held",
        )


def _shown(word: bytes, like: Value) -> str:
    """A word in the shape of the expected value."""
    return str(int.from_bytes(word, "big")) if isinstance(like, int) else "0x" + word[-20:].hex()


def _call_data(expectation: Expectation) -> str:
    selector = keccak256(expectation.view.encode())[:4]
    return "0x" + (selector + b"".join(map(_word, expectation.arguments))).hex()


def _word(value: Value) -> bytes:
    if isinstance(value, int):
        # Transfers edited in a copy can take more from an address than it ever had.
        return (value % 2**256).to_bytes(32, "big")
    if isinstance(value, str):
        return bytes(12) + bytes.fromhex(value[2:])
    return value.ljust(32, b"\0")
