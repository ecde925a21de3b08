"""What a transaction did that gas is asked for: each touch of state in order, and gas by contract and opcode.

The devnet runs the transaction again under a tracer of ours, in JavaScript. It looks at the gas that is left
between two opcodes, never at what the node says an opcode costs, which anvil says of the opcode before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from chainbill.chain.node.json_rpc import JsonRpc

TRACE_SECONDS = 300.0
"""How long a trace is waited for. Half a million opcodes take some seconds, more where others compute too."""

WHOLE_CALL = -1
"""In place of an opcode: a call of an account without code, which is a precompile's."""

Slot = tuple[int, int]
"""A contract's address, and which of its storage slots."""

_ADDRESS_BITS = 160

_TRACER = """{
  frames: [], touches: [], gas: {}, left: 0, unpriced: null,

  add: function (frame, opcode, gas) {
    var by = this.gas[frame.address] || (this.gas[frame.address] = {});
    by[opcode] = (by[opcode] || 0) + gas;
  },

  // An opcode's gas is what has gone since it began, but for what the frame it opened has used.
  settle: function (frame, left) {
    if (frame.opcode >= 0) this.add(frame, frame.opcode, frame.before - left - frame.inner);
  },

  step: function (log, db) {
    var left = log.getGas(), opcode = log.op.toNumber();
    if (this.frames.length == 0) this.frames.push({opcode: -1, inner: 0, address: null});
    var frame = this.frames[this.frames.length - 1];
    if (frame.address === null) { frame.address = toHex(log.contract.getAddress()); frame.first = left; }
    this.settle(frame, left);
    frame.opcode = opcode; frame.before = left; frame.inner = 0;
    if (this.frames.length == 1) this.left = left;
    if (opcode < 0x31 || opcode > 0x55 && opcode < 0xf1) return;
    var word = function (place) { return "0x" + log.stack.peek(place).toString(16); };
    if (opcode == 0x54) this.touches.push(["read", frame.address, word(0), ""]);
    else if (opcode == 0x55) this.touches.push(["write", frame.address, word(0), word(1)]);
    else if (opcode == 0x31 || opcode == 0x3f) this.touches.push(["account", word(0), "", ""]);
    else if (opcode == 0x3b || opcode == 0x3c) this.touches.push(["code", word(0), "", ""]);
    else if (opcode == 0xf1 || opcode == 0xf4 || opcode == 0xfa) {
      this.touches.push(["account", word(1), "", ""]);
      if (opcode == 0xf1 && word(2) != "0x0") this.unpriced = "a call that sends coins";
    }
    else if (opcode == 0xf2) this.unpriced = "CALLCODE";
    else if (opcode == 0xff) this.unpriced = "SELFDESTRUCT";
  },

  fault: function (log, db) {},

  enter: function (call) {
    var type = call.getType(), creates = type == "CREATE" || type == "CREATE2", to = toHex(call.getTo());
    this.touches.push([creates ? "create" : "enter", to, "", ""]);
    this.frames.push({opcode: -1, inner: 0, address: null, to: to, creates: creates});
  },

  exit: function (result) {
    var frame = this.frames.pop(), used = result.getGasUsed(), error = result.getError();
    if (frame.address !== null) this.settle(frame, frame.first - used);
    else { frame.address = frame.to; this.add(frame, -1, used); }
    this.frames[this.frames.length - 1].inner += used;
    // Of a creation anvil does not say how it ended, but its last opcode does.
    var last = frame.opcode, reverts = last == 0xfd, ends = reverts || last == 0xf3 || last == 0;
    if (last < 0) ends = !frame.creates || used == 0;
    this.touches.push([reverts ? "revert" : "exit", "", "", "" + result.getOutput().length]);
    if (!ends || error !== undefined && !reverts) this.unpriced = "a frame that broke off";
  },

  result: function (ctx, db) {
    return {touches: this.touches, gas: this.gas, left: this.left, unpriced: this.unpriced};
  }
}"""


class Touched(StrEnum):
    """What touched state, or began or ended a frame."""

    READ = "read"
    """SLOAD."""
    WRITE = "write"
    """SSTORE; ``value`` is what it writes."""
    ACCOUNT = "account"
    """A call, or a question about an account."""
    CODE = "code"
    """A question about an account's code: EXTCODESIZE, EXTCODECOPY."""
    ENTER = "enter"
    """A call begins."""
    CREATE = "create"
    """A contract's creation begins."""
    EXIT = "exit"
    """The frame at hand ends; ``value`` is how many bytes it gave back."""
    REVERT = "revert"
    """It ends, and what it did is undone."""


class Touch(NamedTuple):
    """One touch; what a kind has no use for is 0."""

    kind: Touched
    account: int
    slot: int
    value: int


@dataclass(frozen=True, slots=True)
class TracedTransaction:
    """A mined transaction with all that its gas depends on. Accounts are numbers."""

    sender: int
    to: int | None
    """None: it created a contract."""
    fee_recipient: int
    calldata: bytes
    access_list: Mapping[int, tuple[int, ...]]
    """The slots of each account that it named beforehand."""
    gas_limit: int
    gas_used: int
    """What the receipt says."""
    gas_left: int
    """What was left before the last opcode, which of itself costs nothing."""
    code_bytes: int
    """How long the code is that it created; 0 where it called."""
    touches: tuple[Touch, ...]
    gas: Mapping[int, Mapping[int, int]]
    """Gas of each contract's opcodes, without that of calls they made."""
    originals: Mapping[Slot, int]
    """What the slots held before, where that was not 0."""
    unpriced: str | None
    """What it has that no schedule here prices; None: nothing."""


def trace(node: JsonRpc, transaction: str) -> TracedTransaction:
    """Trace a transaction.

    Args:
        node: the devnet's, with ``TRACE_SECONDS`` to answer.
        transaction: its hash, 0x-hexadecimal.

    Raises:
        ChainError: the node does not answer, refuses, or cannot run a tracer.
    """
    sent = node.call("eth_getTransactionByHash", transaction)
    receipt = node.call("eth_getTransactionReceipt", transaction)
    block = node.call("eth_getBlockByHash", receipt["blockHash"], False)
    traced = node.call("debug_traceTransaction", transaction, {"tracer": _TRACER, "timeout": "300s"})
    created = receipt.get("contractAddress")
    code = "0x" if created is None else str(node.call("eth_getCode", created, receipt["blockNumber"]))
    return TracedTransaction(
        sender=int(sent["from"], 16),
        to=int(sent["to"], 16) if sent.get("to") else None,
        fee_recipient=int(block["miner"], 16),
        calldata=bytes.fromhex(sent["input"][2:]),
        access_list={
            int(entry["address"], 16): tuple(int(key, 16) for key in entry["storageKeys"])
            for entry in sent.get("accessList") or ()
        },
        gas_limit=int(sent["gas"], 16),
        gas_used=int(receipt["gasUsed"], 16),
        gas_left=int(traced["left"]),
        code_bytes=len(code) // 2 - 1,
        touches=tuple(_touch(*each) for each in traced["touches"]),
        gas={
            int(account, 16): {int(opcode): int(gas) for opcode, gas in by.items()}
            for account, by in traced["gas"].items()
        },
        originals=_originals(state_before(node, transaction)),
        unpriced=traced["unpriced"],
    )


def state_before(node: JsonRpc, transaction: str) -> dict[str, Any]:
    """Balance, nonce, code and storage, before a transaction, of all accounts and slots that it touches."""
    before: dict[str, Any] = node.call("debug_traceTransaction", transaction, {"tracer": "prestateTracer"})
    return before


def _touch(kind: str, account: str, slot: str, value: str) -> Touch:
    number = int(account or "0", 16) % (1 << _ADDRESS_BITS)
    return Touch(Touched(kind), number, int(slot or "0", 16), int(value or "0", 0))


def _originals(before: Mapping[str, Any]) -> dict[Slot, int]:
    return {
        (int(account, 16), int(slot, 16)): value
        for account, state in before.items()
        for slot, held in (state.get("storage") or {}).items()
        if (value := int(held, 16)) != 0
    }
