"""``ClaimSettlement``: settles signed batches, keeps credit until it matures, and reverses claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from web3.types import TxReceipt

from chainbill.attestation.patient_intents import DisputeClaim
from chainbill.attestation.typed_data import (
    Domain,
    SectionsObjection,
    ServiceAttestation,
    SettlementBatch,
)
from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.format.batch_rows import pair_rows
from chainbill.chain.format.claim_tree import claim_id, claim_prefix
from chainbill.chain.format.events import (
    BatchSettled,
    Claim,
    ClaimSettled,
    DisputeParty,
    Event,
    SecondaryShares,
)
from chainbill.chain.format.packed_claim import NO_SECONDARY, pack_claim, pack_secondary
from chainbill.chain.node.sender import Sender


@dataclass(frozen=True, slots=True)
class SettledClaim:
    """A settled claim as its logs tell it; hashes to its id, the leaf of its batch's tree."""

    batch_digest: bytes
    settled_at: int
    """What its dispute window counts from, seconds since 1970: the time of the block in which it was settled,
    see ``BatchSettled.claims_dated``."""
    operator: str
    """Of the batch: who got the claim's fee."""
    patient: str
    claim: Claim
    secondary: SecondaryShares = NO_SECONDARY

    def claim_id(self, settlement: Domain) -> bytes:
        """The claim's id, 32 bytes, under the domain of the contract that settled it."""
        prefix = claim_prefix(
            settlement.chain_id,
            settlement.verifying_contract,
            self.batch_digest,
            self.settled_at,
            self.operator,
        )
        return claim_id(prefix, self.patient, self.claim, self.secondary)

    def abi_tuple(self) -> tuple[Any, ...]:
        """The contract's struct."""
        words = _integers(pack_claim(self.claim) + pack_secondary(self.secondary))
        batch = (self.batch_digest, self.settled_at, self.operator)
        return (*batch, self.patient, self.claim.commitment, *words)


def settled_claims(events: Sequence[Event], block_time: int) -> Iterator[SettledClaim]:
    """The claims that one batch's events tell of, in the order of its tree's leaves."""
    for paired in pair_rows([("", event) for event in events]):
        if isinstance(paired.row, ClaimSettled) and paired.batch is not None:
            yield settled_claim(paired.row, paired.batch, paired.secondary, block_time)


def settled_claim(
    row: ClaimSettled, batch: BatchSettled, secondary: SecondaryShares, block_time: int
) -> SettledClaim:
    """A settled row of a batch as a claim; ``block_time`` in seconds since 1970."""
    settled_at = batch.claims_dated(block_time)
    return SettledClaim(batch.digest, settled_at, batch.operator, row.patient, row.claim, secondary)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What an arbiter makes of a claim: the same claim with new, not larger amounts that add up. The claim
    itself lets it stand; one of zeros reverses it in full."""

    claim: Claim
    secondary: SecondaryShares = NO_SECONDARY
    stands: bool = False
    """The amounts are the claim's own; needed only for a claim of nothing, which has no others."""

    def abi_tuple(self) -> tuple[int, int, int, int, bool]:
        """The contract's struct."""
        _, amounts, shares, _ = _integers(pack_claim(self.claim))
        (secondary,) = _integers(pack_secondary(self.secondary))
        return amounts, shares, secondary, self.claim.fee, self.stands


class DisputeStatus(IntEnum):
    """What became of a claim that was disputed or reversed; the ``uint8`` on chain."""

    NONE = 0
    OPEN = 1
    """The provider has not answered."""
    ANSWERED = 2
    """Waits for the arbiter."""
    UPHELD = 3
    """The claim stands."""
    REVERSED = 4
    """In full or in part."""
    CORRECTED = 5
    """Reversed, and a new claim has named it."""

    @property
    def label(self) -> str:
        """The status as a lower-case word (``answered``)."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Dispute:
    """What is stored of one disputed or reversed claim."""

    status: DisputeStatus
    parties: frozenset[DisputeParty]
    """Who has disputed it."""
    deadline: int
    """Of the answer, or of the ruling; seconds since 1970."""
    held: int
    """Of the provider's credit, in micro-dollars."""
    fee_held: int
    """Of the operator's fees."""
    provider_id: int


@dataclass(frozen=True, slots=True)
class Credit:
    """A provider's or an operator's money, in micro-dollars."""

    matured: int
    """May be paid out."""
    maturing: int
    """Its dispute windows have not ended."""
    held: int
    """Disputed."""
    bond: int
    advanced: int
    """Maturing credit already paid out against the bond."""
    owed: int
    """Receivables of payers, paid from matured credit before anything else."""
    open_disputes: int
    suspended: bool


@dataclass(frozen=True, slots=True)
class KeptRoot:
    """What a root slot keeps: the first 27 bytes of a tree's root, and when its batch was settled."""

    root: bytes
    settled_at: int
    """0: the slot was never used."""


@dataclass(frozen=True, slots=True)
class NotedAnnouncement:
    """What is noted of the sections that a provider has announced."""

    sections_hash: bytes
    """The first 27 bytes of it."""
    announced_at: int
    """0: nothing is announced."""


class ClaimSettlement(ContractClient):
    """Anyone may settle a signed batch and pay matured money out to whom it belongs."""

    artifact = "ClaimSettlement"

    def settle(
        self, sender: Sender, batch: SettlementBatch, signatures: Sequence[bytes], *, root_slot: int
    ) -> TxReceipt:
        """Settle a batch; signatures ordered by ascending signer address. ``root_slot`` is empty, or its
        dispute window has ended. The contract is shown the epoch's members before the signatures."""
        members = self.members(batch.epoch)
        joined = b"".join([*(bytes.fromhex(member[2:]) for member in members), *signatures])
        arguments = _header(batch), batch.sections, joined, root_slot
        return self._send(sender, "settle", *arguments, names_state=True)

    # ---- without the quorum ---------------------------------------------------------------------------

    def announce_sections(self, sender: Sender, provider_id: int, sections: bytes) -> TxReceipt:
        """Announce packed sections to settle without the quorum; the payout address's."""
        return self._send(sender, "announceSections", provider_id, sections)

    def object_to_sections(
        self, sender: Sender, objection: SectionsObjection, signatures: Sequence[bytes]
    ) -> TxReceipt:
        """Call announced sections off; signatures of the current epoch, by ascending signer address."""
        members = self.members(self.current_epoch())
        joined = b"".join([*(bytes.fromhex(member[2:]) for member in members), *signatures])
        announced = objection.provider_id, objection.sections_hash, objection.announced_at
        return self._send(sender, "objectToSections", *announced, joined)

    def settle_unanswered(
        self, sender: Sender, provider_id: int, announced_at: int, sections: bytes, *, root_slot: int
    ) -> TxReceipt:
        """Settle what was announced then; the payout address's."""
        return self._send(sender, "settleUnanswered", provider_id, announced_at, sections, root_slot)

    # ---- credit ---------------------------------------------------------------------------------------

    def withdraw(self, sender: Sender, provider_id: int) -> TxReceipt:
        """Pay a provider's matured credit, less what it owes, to its registered payout address."""
        return self._send(sender, "withdraw", provider_id)

    def draw_advance(self, sender: Sender, provider_id: int, amount: int) -> TxReceipt:
        """Pay maturing credit out against the bond; the payout address's."""
        return self._send(sender, "drawAdvance", provider_id, amount)

    def deposit_bond(self, sender: Sender, provider_id: int, amount: int) -> TxReceipt:
        """Add approved tokens to a provider's bond."""
        return self._send(sender, "depositBond", provider_id, amount)

    def withdraw_bond(self, sender: Sender, provider_id: int) -> TxReceipt:
        """Take the whole bond back; the payout address's."""
        return self._send(sender, "withdrawBond", provider_id)

    def withdraw_fees(self, sender: Sender, operator: str) -> TxReceipt:
        """Pay an operator's matured fees to it."""
        return self._send(sender, "withdrawFees", operator)

    # ---- disputes -------------------------------------------------------------------------------------

    def dispute(
        self,
        sender: Sender,
        claim: SettledClaim,
        party: DisputeParty,
        *,
        root_slot: int,
        proof: Sequence[bytes],
    ) -> TxReceipt:
        """Dispute a settled claim as its patient or as the insurer of one of its payers."""
        return self._send(sender, "dispute", claim.abi_tuple(), party, root_slot, list(proof))

    def dispute_by_sig(
        self,
        sender: Sender,
        claim: SettledClaim,
        intent: DisputeClaim,
        signature: bytes,
        *,
        root_slot: int,
        proof: Sequence[bytes],
    ) -> TxReceipt:
        """Dispute a settled claim as its patient has signed; anyone's."""
        return self._send(
            sender, "disputeBySig", claim.abi_tuple(), root_slot, list(proof), intent.deadline, signature
        )

    def concede(self, sender: Sender, claim: SettledClaim) -> TxReceipt:
        """Give a disputed claim back in full; the payout address's."""
        return self._send(sender, "concede", claim.abi_tuple())

    def void(
        self, sender: Sender, claim: SettledClaim, *, root_slot: int, proof: Sequence[bytes]
    ) -> TxReceipt:
        """Give an undisputed claim back in full; the payout address's."""
        return self._send(sender, "void", claim.abi_tuple(), root_slot, list(proof))

    def answer(self, sender: Sender, claim: SettledClaim, statement_hash: bytes) -> TxReceipt:
        """Answer a dispute; the payout address's. The statement itself stays off chain."""
        return self._send(sender, "answer", claim.abi_tuple(), statement_hash)

    def resolve(self, sender: Sender, claim: SettledClaim, ruling: Ruling) -> TxReceipt:
        """Rule on an answered dispute; the arbiter's."""
        return self._send(sender, "resolve", claim.abi_tuple(), ruling.abi_tuple())

    def close(self, sender: Sender, claim: SettledClaim) -> TxReceipt:
        """End a dispute whose deadline has passed."""
        return self._send(sender, "close", claim.abi_tuple())

    def collect_receivable(self, sender: Sender, provider_id: int, payer_id: int) -> TxReceipt:
        """Pay a payer what a provider owes it, as far as matured credit goes."""
        return self._send(sender, "collectReceivable", provider_id, payer_id)

    def collect_refund(self, sender: Sender, payer_id: int) -> TxReceipt:
        """Send a payer a refund that could not be sent before."""
        return self._send(sender, "collectRefund", payer_id)

    # ---- governance -----------------------------------------------------------------------------------

    def set_operator_fee(self, sender: Sender, flat: int, bps: int) -> TxReceipt:
        """Announce the operator's fee; the governor's."""
        return self._send(sender, "setOperatorFee", flat, bps)

    def suspend(self, sender: Sender, provider_id: int) -> TxReceipt:
        """Stop new settlement for a provider; the governor's."""
        return self._send(sender, "suspend", provider_id)

    def reinstate(self, sender: Sender, provider_id: int) -> TxReceipt:
        """Undo a suspension; the governor's."""
        return self._send(sender, "reinstate", provider_id)

    def open_epoch(self, sender: Sender, members: Sequence[str], threshold: int) -> TxReceipt:
        """Open a new oracle epoch; the governor's. Members in any order."""
        return self._send(sender, "openEpoch", sorted(members, key=str.lower), threshold)

    def end_epoch(self, sender: Sender, epoch: int) -> TxReceipt:
        """End an epoch at once; the governor's."""
        return self._send(sender, "endEpoch", epoch)

    def pause(self, sender: Sender) -> TxReceipt:
        """Stop new settlement; the governor's."""
        return self._send(sender, "pause")

    def unpause(self, sender: Sender) -> TxReceipt:
        """Resume settlement; the governor's."""
        return self._send(sender, "unpause")

    # ---- views ----------------------------------------------------------------------------------------

    def credit_of(self, provider_id: int, *, block: int | str = "latest") -> Credit:
        """A provider's money as of the block."""
        return Credit(*self._call("creditOf", provider_id, block=block))

    def fees_of(self, operator: str, *, block: int | str = "latest") -> Credit:
        """An operator's fees as of the block."""
        return Credit(*self._call("feesOf", operator, block=block))

    def receivable_of(self, provider_id: int, payer_id: int, *, block: int | str = "latest") -> int:
        """What a provider owes a payer, in micro-dollars."""
        return int(self._call("receivableOf", provider_id, payer_id, block=block))

    def refund_of(self, payer_id: int, *, block: int | str = "latest") -> int:
        """A payer's refunds that could not be sent, in micro-dollars."""
        return int(self._call("refundOf", payer_id, block=block))

    def operator_fee_at(self, time: int, *, block: int | str = "latest") -> tuple[int, int]:
        """The operator's fee for events signed at ``time``: micro-dollars for each, and basis points."""
        flat, bps = self._call("operatorFeeAt", time, block=block)
        return flat, bps

    def is_paused(self) -> bool:
        """Is all new settlement stopped?"""
        return bool(self._call("paused"))

    def is_suspended(self, provider_id: int) -> bool:
        """Is new settlement stopped for the provider?"""
        return Credit(*self._standing("creditOf", provider_id)).suspended

    def is_spent(self, provider_id: int, sequence: int) -> bool:
        """Was this sequence settled or denied?"""
        return bool(self._call("isSpent", provider_id, sequence))

    def announcement_of(self, provider_id: int, *, block: int | str = "latest") -> NotedAnnouncement:
        """What a provider has announced, also where it has lapsed."""
        return NotedAnnouncement(*self._call("announcementOf", provider_id, block=block))

    def root_at(self, root_slot: int, *, block: int | str = "latest") -> KeptRoot:
        """What a root slot keeps."""
        return KeptRoot(*self._call("rootAt", root_slot, block=block))

    def claim_id(self, claim: SettledClaim) -> bytes:
        """A claim's id, as the contract computes it."""
        return bytes(self._call("claimId", claim.abi_tuple()))

    def dispute_of(self, claim_id: bytes, *, block: int | str = "latest") -> Dispute:
        """What became of a claim that was disputed or reversed."""
        status, parties, *rest = self._call("disputeOf", claim_id, block=block)
        disputers = frozenset(party for party in DisputeParty if parties >> party & 1)
        return Dispute(DisputeStatus(status), disputers, *rest)

    def extension_code(self) -> str:
        """The contract whose code runs the verbs of payouts, bonds, disputes and unanswered sections."""
        return str(self._call("extensionCode"))

    def admin_code(self) -> str:
        """The contract whose code runs the verbs of the governor and the registry, and the views."""
        return str(self._call("adminCode"))

    def nonce_of(self, patient: str) -> int:
        """What the patient's next ``DisputeClaim`` must name."""
        return int(self._call("nonces", patient))

    def current_epoch(self) -> int:
        """The newest oracle epoch; 0: none yet."""
        return int(self._call("currentEpoch"))

    def epoch(self, epoch: int) -> tuple[int, int, int]:
        """An epoch's threshold, number of members, and end (seconds since 1970, 0: open)."""
        threshold, members, ends_at = self._call("epochs", epoch)
        return threshold, members, ends_at

    def members(self, epoch: int) -> tuple[str, ...]:
        """Who may sign batches of an epoch, in ascending order; they never change. Empty: no such epoch."""
        return tuple(self._call("membersOf", epoch))

    def signing_members(self, now: int) -> tuple[str, ...]:
        """The members of the newest epoch, unless it has ended by ``now`` (seconds since 1970)."""
        newest = self.current_epoch()
        _, _, ends_at = self.epoch(newest)
        return () if 0 < ends_at <= now else self.members(newest)

    def is_member(self, epoch: int, signer: str) -> bool:
        """May this key sign batches of the epoch?"""
        return bool(self._call("isMember", epoch, signer))

    def attestation_digest(self, attestation: ServiceAttestation) -> bytes:
        """The EIP-712 digest a provider signs, as the contract computes it."""
        return bytes(
            self._call(
                "attestationDigest",
                (
                    attestation.provider_id,
                    attestation.payer_id,
                    attestation.patient,
                    attestation.commitment,
                    attestation.service_id,
                    attestation.units,
                    attestation.billed_amount,
                    attestation.benefit_year,
                    attestation.sequence,
                ),
            )
        )

    def batch_digest(self, batch: SettlementBatch) -> bytes:
        """The EIP-712 digest the quorum signs, as the contract computes it."""
        return bytes(self._call("batchDigest", _header(batch), batch.sections))


def _header(batch: SettlementBatch) -> tuple[int, int, int, str]:
    return batch.epoch, batch.signed_at, batch.deadline, batch.operator


def _integers(words: bytes) -> list[int]:
    return [int.from_bytes(words[start : start + 32], "big") for start in range(0, len(words), 32)]
