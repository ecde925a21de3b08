"""Every row that settlement has logged, by commitment and by sequence: what the oracle asks before it signs.

It is read once and then only continued; after a reorganisation of the chain it is read anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hexbytes import HexBytes
from web3 import Web3
from web3.types import BlockData, LogReceipt

from chainbill.attestation.typed_data import Domain
from chainbill.billing.outcomes import Outcome
from chainbill.chain.contracts.settlement import SettledClaim
from chainbill.chain.deployments import Deployment
from chainbill.chain.format.batch_rows import pair_rows
from chainbill.chain.format.events import (
    BatchSettled,
    Claim,
    ClaimDenied,
    ClaimPended,
    ClaimSettled,
    ClaimSkipped,
    Event,
    SecondaryShares,
)
from chainbill.chain.format.logs import decode_all
from chainbill.chain.node.connection import hash_of_block, time_of_block
from chainbill.chain.node.log_queries import in_ranges
from chainbill.chain.node.mapped_errors import mapped_errors, mapped_read

Place = tuple[int, int]
"""A provider's id and one of its sequences."""


@dataclass(frozen=True, slots=True)
class LoggedRow:
    """One row of a batch that settled, was denied or was put back."""

    outcome: Outcome
    patient: str
    claim: Claim
    corrects: bytes
    """The id of the reversed claim that it takes the place of; empty: none."""
    secondary: SecondaryShares
    batch: BatchSettled
    transaction: bytes
    block: int
    block_hash: bytes

    @property
    def place(self) -> Place:
        """Whose it is, and under which number."""
        return self.claim.provider_id, self.claim.sequence

    @property
    def is_final(self) -> bool:
        """Is its sequence spent?"""
        return self.outcome in (Outcome.SETTLED, Outcome.DENIED)


class RowIndex:
    """The rows of one deployment, as far as they were read."""

    def __init__(self, w3: Web3, deployment: Deployment, is_told: Callable[[], bool] = lambda: False) -> None:
        """``is_told``: is somebody else telling of new logs just now, by ``hear``? Then, once the rows were
        read, the chain is not asked."""
        self._w3 = w3
        self._deployment = deployment
        self._is_told = is_told
        self._times: dict[bytes, int] = {}
        self.forget()

    def places_of(self, commitment: bytes) -> set[Place]:
        """Under which sequences a commitment has settled, was denied, or was put back.

        Raises:
            ChainError: the node could not be reached or refused.
            LedgerError: settlement logged what cannot be decoded.
        """
        self._catch_up()
        return {row.place for row in self._by_commitment.get(commitment, ())}

    def is_spent(self, provider_id: int, sequence: int) -> bool:
        """Was a sequence settled or denied? Errors as ``places_of``."""
        self._catch_up()
        return (provider_id, sequence) in self._spent

    @property
    def read_to(self) -> tuple[int, bytes] | None:
        """Number and hash of the block that was read to; None: nothing was read."""
        return self._read_to

    def hear(self, logs: Sequence[LogReceipt]) -> None:
        """New logs of the deployment's contracts, some of them perhaps known.

        Raises:
            LedgerError: settlement logged what cannot be decoded.
        """
        if self._read_to is not None:
            self._add(log for log in logs if log["address"].lower() == self._deployment.settlement.lower())

    def rows(self, provider_id: int | None = None) -> list[LoggedRow]:
        """Every row in order, of one provider where one is named; a row that was put back may come again.
        Errors as ``places_of``."""
        self._catch_up()
        return [row for row in self._rows if provider_id in (None, row.claim.provider_id)]

    def claim_id(self, row: LoggedRow) -> bytes:
        """The id of the claim that a row became; empty where it did not settle.

        Raises:
            ChainError: the node could not be reached, or has dropped the row's block.
        """
        if row.outcome is not Outcome.SETTLED:
            return b""
        if row.block_hash not in self._times:
            self._times[row.block_hash] = time_of_block(self._w3, HexBytes(row.block_hash))
        batch = row.batch
        settled_at = batch.claims_dated(self._times[row.block_hash])
        claim = SettledClaim(batch.digest, settled_at, batch.operator, row.patient, row.claim, row.secondary)
        return claim.claim_id(Domain(self._deployment.chain_id, self._deployment.settlement))

    def forget(self) -> None:
        """Read everything anew: the chain was reorganised."""
        self._read_to: tuple[int, bytes] | None = None
        self._rows: list[LoggedRow] = []
        self._by_commitment: defaultdict[bytes, list[LoggedRow]] = defaultdict(list)
        self._spent: set[Place] = set()
        self._read: set[tuple[bytes, bytes]] = set()
        """Blocks and transactions whose rows are known."""

    def _add(self, logs: Iterable[LogReceipt]) -> None:
        known = frozenset(self._read)
        for row in _rows([log for log in logs if _origin(log) not in known]):
            self._rows.append(row)
            self._by_commitment[row.claim.commitment].append(row)
            self._read.add((row.block_hash, row.transaction))
            if row.is_final:
                self._spent.add(row.place)

    def _catch_up(self) -> None:
        if self._read_to is not None and self._is_told():
            return
        with mapped_errors():
            newest: BlockData = self._w3.eth.get_block("latest")
        head = int(newest["number"]), bytes(newest["hash"])
        if head == self._read_to:
            return
        if self._read_to is not None and hash_of_block(self._w3, self._read_to[0]) != self._read_to[1]:
            self.forget()
        first = self._deployment.block if self._read_to is None else self._read_to[0] + 1
        self._add(self._logs(first, head[0]))
        self._read_to = head

    def _logs(self, first: int, last: int) -> list[LogReceipt]:
        def ask(begin: int, end: int) -> list[LogReceipt]:
            wanted: Any = {"address": self._deployment.settlement, "fromBlock": begin, "toBlock": end}
            with mapped_read("eth_getLogs"):
                return self._w3.eth.get_logs(wanted)

        return in_ranges(first, last, ask)


_OUTCOMES: dict[type[Event], Outcome] = {
    ClaimSettled: Outcome.SETTLED,
    ClaimDenied: Outcome.DENIED,
    ClaimPended: Outcome.PENDED,
}


def _origin(log: LogReceipt) -> tuple[bytes, bytes]:
    return bytes(log["blockHash"]), bytes(log["transactionHash"])


def _rows(logs: Sequence[LogReceipt]) -> Iterator[LoggedRow]:
    """The rows that settled, were denied or were put back, each with its batch."""
    told = [(log, event) for log in logs for event in decode_all(log)]
    for paired in pair_rows([(bytes(log["transactionHash"]), event) for log, event in told]):
        row, log = paired.row, told[paired.place][0]
        if paired.batch is None or isinstance(row, ClaimSkipped):
            continue
        yield LoggedRow(
            outcome=_OUTCOMES[type(row)],
            patient=row.patient,
            claim=row.claim,
            corrects=paired.corrects or b"",
            secondary=paired.secondary,
            batch=paired.batch,
            transaction=bytes(log["transactionHash"]),
            block=log["blockNumber"],
            block_hash=bytes(log["blockHash"]),
        )
