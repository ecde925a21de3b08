"""Fetches every log of a deployment, in ranges a node will answer, and decodes them in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from chainbill.attestation.address import checksum_address
from chainbill.chain.deployments import Deployment
from chainbill.chain.format.events import RecordedEvent
from chainbill.chain.format.logs import PAYER, PAYER_CREATED_TOPIC, TRANSFER_TOPIC, decode_all_words
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.chain.node.log_queries import fetch_logs
from chainbill.errors import ChainError, LedgerError, NodeError, UnknownBlock
from chainbill.ledger.raw_logs import Header, RawLedger, RawLog

Refusal = Callable[[RawLog, LedgerError], None]
"""Hears of a log that cannot be decoded, and why."""


def index(node: JsonRpc, deployment: Deployment, *, to_block: int | None = None) -> list[RecordedEvent]:
    """Every event of a deployment, in order; to the newest block unless ``to_block`` says otherwise.

    Raises:
        ChainError: the node does not answer, is of another chain, or has no such block.
        LedgerError: a contract logged what cannot be decoded.
    """
    return decode_ledger(fetch_ledger(node, deployment, to_block=to_block))


def fetch_ledger(node: JsonRpc, deployment: Deployment, *, to_block: int | None = None) -> RawLedger:
    """Every log of a deployment's contracts, and of the token where it moves to or from them.

    Raises:
        ChainError: the node does not answer, is of another chain, or has no such block.
    """
    chain, newest = node.batch([("eth_chainId", []), ("eth_getBlockByNumber", ["latest", False])])
    if int(chain, 16) != deployment.chain_id:
        raise ChainError(
            f"the node is of chain {int(chain, 16)}, the deployment of chain {deployment.chain_id}"
        )
    block = newest if to_block is None else _block(node, to_block)
    last = int(block["number"], 16)

    created = fetch_logs(
        node, {"address": deployment.payers, "topics": [_hex(PAYER_CREATED_TOPIC)]}, deployment.block, last
    )
    payers = ["0x" + str(log["topics"][2])[-40:] for log in created if len(log["topics"]) > 2]
    contracts = [deployment.registry, deployment.payers, deployment.escrow, deployment.settlement, *payers]
    entries = fetch_logs(node, {"address": contracts}, deployment.block, last)
    entries += _transfers(node, deployment, [deployment.escrow, deployment.settlement, *payers], last)
    _add_times(node, entries)
    logs = _in_order(entries)

    header = Header(
        deployment=deployment,
        to_block=last,
        to_block_hash=str(block["hash"]).lower(),
        to_block_time=int(block["timestamp"], 16),
        logs=len(logs),
    )
    check_unchanged(node, header)
    return RawLedger(header, logs)


def check_unchanged(node: JsonRpc, header: Header) -> None:
    """Check that the ledger's last block is still the chain's: what was read meanwhile is then of one chain.

    Raises:
        ChainError: it is not, or the node does not answer.
    """
    block = node.find_block(header.to_block)
    if block is None or str(block["hash"]).lower() != header.to_block_hash:
        raise ChainError("the chain was reorganised while it was read", hint="run the command again")


def decode_ledger(ledger: RawLedger, *, on_refusal: Refusal | None = None) -> list[RecordedEvent]:
    """Decode every log, in the order the ledger has them.

    Raises:
        LedgerError: a log cannot be decoded, and ``on_refusal`` is not there to hear of it.
    """
    contracts = _contracts(ledger)
    decoded: list[RecordedEvent] = []
    for log in ledger.logs:
        try:
            decoded += _decode(log, contracts)
        except LedgerError as error:
            if on_refusal is None:
                raise LedgerError(f"{error} ({describe(log)})") from None
            on_refusal(log, error)
    return decoded


def describe(log: RawLog) -> str:
    """Where a log stands, in words."""
    return f"block {log.block}, log {log.log_index}, transaction {log.transaction}"


def _decode(log: RawLog, contracts: Mapping[str, tuple[str, str, int]]) -> list[RecordedEvent]:
    known = contracts.get(log.address)
    if known is None:
        raise LedgerError(f"{log.address} is no contract of this deployment")
    contract, emitter, payer_id = known
    topics = [bytes.fromhex(topic[2:]) for topic in log.topics]
    return [
        RecordedEvent(event, emitter, log.block, log.block_time, log.transaction, log.log_index)
        for event in decode_all_words(contract, topics, bytes.fromhex(log.data[2:]), payer_id)
    ]


def _contracts(ledger: RawLedger) -> dict[str, tuple[str, str, int]]:
    """By lower-case address: the contract's name, its checksummed address, and a payer's id.

    Payers are looked up beforehand: a payer's constructor logs before the factory names it.
    """
    deployment = ledger.header.deployment
    named = {
        deployment.token: "DevUSD",
        deployment.registry: "ProviderRegistry",
        deployment.escrow: "PatientEscrow",
        deployment.payers: "InsurerPayerFactory",
        deployment.settlement: "ClaimSettlement",
    }
    contracts = {address.lower(): (name, address, 0) for address, name in named.items()}
    created = _hex(PAYER_CREATED_TOPIC)
    for log in ledger.logs:
        if log.address == deployment.payers.lower() and len(log.topics) == 4 and log.topics[0] == created:
            payer_id, address = int(log.topics[1], 16), "0x" + log.topics[2][-40:]
            contracts.setdefault(address, (PAYER, checksum_address(address), payer_id))
    return contracts


def _transfers(
    node: JsonRpc, deployment: Deployment, holders: Sequence[str], last: int
) -> list[dict[str, Any]]:
    words = ["0x" + holder[2:].lower().rjust(64, "0") for holder in holders]
    transfer = _hex(TRANSFER_TOPIC)
    return [
        log
        for topics in ([transfer, words], [transfer, None, words])
        for log in fetch_logs(node, {"address": deployment.token, "topics": topics}, deployment.block, last)
    ]


def _in_order(entries: Iterable[Mapping[str, Any]]) -> tuple[RawLog, ...]:
    """Sorted, and each once: a transfer between two of our contracts is found from both ends."""
    try:
        logs = {log.position: log for log in map(RawLog.from_json, entries)}
    except ValueError as error:
        raise ChainError(f"the node gave a log whose {error} is missing or malformed") from None
    return tuple(logs[position] for position in sorted(logs))


def _add_times(node: JsonRpc, entries: Sequence[dict[str, Any]]) -> None:
    """Give every log its block's time, where the node does not."""
    bare = sorted({str(entry["blockNumber"]) for entry in entries if entry.get("blockTimestamp") is None})
    blocks = node.find_blocks([int(number, 16) for number in bare])
    times = {number: block["timestamp"] for number, block in zip(bare, blocks, strict=True) if block}
    missing = next((number for number in bare if number not in times), None)
    if missing is not None:
        raise NodeError(
            f"the node gave a log of block {int(missing, 16)}, and has no such block",
            hint="the chain may have been reorganised while it was read: run the command again",
        )
    for entry in entries:
        if entry.get("blockTimestamp") is None:
            entry["blockTimestamp"] = times[str(entry["blockNumber"])]


def _block(node: JsonRpc, number: int) -> dict[str, Any]:
    block = node.find_block(number)
    if block is None:
        raise UnknownBlock(f"the chain has no block {number}", hint="name an earlier block")
    return block


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
