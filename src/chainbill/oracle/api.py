"""What a provider may ask of an oracle, and in which words it is answered.

A provider knows an oracle by this alone: it never opens the oracle's store. The oracle of this machine
answers by ``oracle.local``; a test double needs these few methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.typed_data import RecallAttestation, ServiceAttestation
from chainbill.billing.outcomes import Reason
from chainbill.errors import IntakeRefused
from chainbill.records.commitment import Opening

RECALL_LIFE_SECONDS = 600
"""How long the oracle acts on a signed recall, so that nobody can send it again later."""


class RefusalReason(StrEnum):
    """Why an event is not attested, as a stable word."""

    # The provider cannot even offer it.
    PAYER_NOT_ACCEPTED = "payer_not_accepted"
    NO_SCHEDULE = "no_schedule"
    NO_CASH_SCHEDULE = "no_cash_schedule"
    UNKNOWN_PATIENT = "unknown_patient"
    # The oracle does not take it.
    BAD_SIGNATURE = "bad_signature"
    NOT_AN_ATTESTER = "not_an_attester"
    PROVIDER_NOT_ACTIVE = "provider_not_active"
    COMMITMENT_MISMATCH = "commitment_mismatch"
    RECORD_MISMATCH = "record_mismatch"
    DUPLICATE_RECORD = "duplicate_record"
    READING_OUTSIDE_PERIOD = "reading_outside_period"
    READING_REPEATED = "reading_repeated"
    READING_DAYS = "reading_days"
    READING_COUNTED = "reading_counted"
    SEQUENCE_REUSED = "sequence_reused"
    COMMITMENT_REUSED = "commitment_reused"
    STORE_BEHIND = "store_behind"
    RECORDS_UNKNOWN = "records_unknown"
    UNKNOWN_PAYER = "unknown_payer"
    UNKNOWN_SERVICE = "unknown_service"
    FRACTIONAL_AMOUNT = "fractional_amount"
    NO_CASH_PRICE = "no_cash_price"
    NO_SECONDARY_SCHEDULE = "no_secondary_schedule"
    NOT_REVERSED = "not_reversed"
    NOT_ITS_CLAIM = "not_its_claim"


class Status(StrEnum):
    """Where an accepted attestation stands."""

    ACCEPTED = "accepted"
    """Waits for its first batch."""
    PENDED = "pended"
    """Came back from a batch unpaid; goes into the next one again."""
    SETTLED = "settled"
    """Paid, final."""
    DENIED = "denied"
    """Refused by the terms, final."""
    SPENT = "spent"
    """Settled or denied by a run that stopped before it wrote down which; the chain tells."""
    HELD = "held"
    """Goes into no batch, for the reason of its ``Hold``; its provider may attest it again."""
    RECALLED = "recalled"
    """Taken back by its provider; goes into no batch unless it is attested again."""


OPEN = (Status.ACCEPTED, Status.PENDED)

REOPENABLE = (Status.HELD, Status.RECALLED)
"""What its provider may attest again, under the same sequence or another."""

FINAL = (Status.SETTLED, Status.DENIED, Status.SPENT)
"""Its sequence is spent."""


class Hold(StrEnum):
    """Why an accepted attestation goes into no batch, as a stable word."""

    ATTESTER_REVOKED = "attester_revoked"
    """The key that signed it may not sign for the provider any more."""
    COMMITMENT_REUSED = "commitment_reused"
    """Its commitment has been under another sequence: the same record would be charged twice."""
    READING_COUNTED = "reading_counted"
    """A reading of its record counts for another attestation, accepted before."""
    NOT_SIGNED = "not_signed"
    """No attestation by the provider is at hand, only what the chain said before it dropped the claim."""


class Custody(StrEnum):
    """Who has an accepted attestation now, and so who brings it on."""

    ORACLE = "oracle"
    """An oracle: it goes into a batch of it, unless it is held or recalled."""
    PROVIDER = "provider"
    """The provider alone: it is checked and stored in the provider's state directory, which no oracle reads.
    It is settled once an oracle elsewhere has been handed it in a file."""
    CHAIN = "chain"
    """The chain has settled or denied it, whoever brought it there."""


_CUSTODY = {
    Custody.ORACLE: "the oracle has it",
    Custody.PROVIDER: "it is stored here, and no oracle reads this store; export it to one (export_events, "
    "and take there)",
    Custody.CHAIN: "it is on chain",
}
"""In words."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The attestation was accepted, and how it stands; the same one sent again gives the same receipt.

    ``str(receipt)`` says in a sentence what became of it.
    """

    attestation: ServiceAttestation
    status: Status
    reason: Reason = Reason.NONE
    """Why its last batch did not pay it."""
    hold: Hold | None = None
    """Why it is held; None: it is not."""
    signed_until: int = 0
    """Until when a batch with it that was signed and sent may settle, in seconds since 1970; 0: none was."""
    corrects: bytes = b""
    """The id of the reversed claim that it takes the place of; empty: none."""
    claim_id: bytes = b""
    """Of the claim it became; empty: it has not settled, or nobody was there to write that down."""
    signature: bytes = b""
    """The provider's; empty: rebuilt from the chain, which does not have it."""
    repeated: bool = False
    """True where this very attestation was accepted before."""
    custody: Custody = Custody.ORACLE
    """Who has it: accepted is not yet handed to somebody who settles it."""

    @property
    def standing_reason(self) -> str:
        """Why it waits, as a stable word; ``none``: for its first batch, or nothing is known."""
        return self.hold.value if self.hold is not None else self.reason.label

    def __str__(self) -> str:
        """What became of it, such as ``accepted: the oracle has it``."""
        return f"{self.status}: {_CUSTODY[self.custody]}"


class RecallEnd(StrEnum):
    """How a recall ended, as a stable word."""

    RECALLED = "recalled"
    """It waits on the worklist again, or is dropped from it."""
    RECALLED_BEFORE = "recalled_before"
    """It was taken back before; nothing was left to do."""
    IN_SIGNED_BATCH = "in_signed_batch"
    """Recalled: it goes into no new batch, but one that was signed and sent may still settle it, and until
    then it is not given back."""
    SETTLED = "settled"
    """Too late: the chain has settled or denied it."""
    NO_RECORD = "no_record"
    """Nothing was done: its record cannot be opened, so it could not be put back."""


class OracleApi(Protocol):
    """An oracle, as providers see it. Every method raises ChainError where its node does not answer."""

    def submit(self, attested: AttestedEvent) -> Receipt:
        """Hand over one attested event.

        Raises:
            IntakeRefused: with a ``RefusalReason`` as its ``reason``.
        """

    def submit_all(self, events: Sequence[AttestedEvent]) -> list[Receipt | IntakeRefused]:
        """Hand over many, and hear of each in their order: what is refused does not stop the rest."""

    def unbundled(self, provider_id: int) -> list[list[Receipt]]:
        """What of a provider's waits under a signature each and would be settled together, by twos and more:
        the provider may sign each of these lists at once, in this order, which makes it cheaper to settle."""

    def bundle(self, attestations: Sequence[bytes], signature: bytes) -> None:
        """Hand over one signature under waiting attestations (``ServiceBundle``), which are named by their
        digests.

        Raises:
            AttestationError: they do not wait here, are not of one provider and payer, or nobody signed them
                who may.
        """

    def find(self, provider_id: int, record_identity: str, *, corrects: bytes = b"") -> Receipt | None:
        """What was accepted for a record, in place of that reversed claim where one is named."""

    def find_all(self, provider_id: int, record_identity: str) -> list[Receipt]:
        """Everything that was accepted for a record, its corrections included."""

    def attestations(self, provider_id: int) -> list[Receipt]:
        """Everything of a provider, in the order it was accepted."""

    def sequences(self, provider_id: int) -> set[int]:
        """Every sequence under which something of a provider was ever accepted, also what was taken back."""

    def recall(self, request: RecallAttestation, signature: bytes) -> tuple[RecallEnd, Receipt]:
        """Take an attestation back, and how it stands then.

        The provider's payout address may recall whatever the provider attested; an attester key what it has
        signed itself, as long as it may sign.

        Raises:
            AttestationError: signed by somebody who may not, too late, or nothing of the provider's.
        """

    def foresee_recall(self, provider_id: int, digest: bytes) -> tuple[RecallEnd, Receipt]:
        """How the recall of the attestation of a digest would end, without doing it.

        Raises:
            AttestationError: the oracle has no such attestation of the provider.
        """

    def name_records(self, provider_id: int, records: Mapping[bytes, Opening | str]) -> int:
        """Say of which records a provider's claims are, by commitment, to an oracle that was rebuilt from the
        chain; returns of how many it did not know it. A record that is not at hand is named by its identity
        alone, and then nobody knows which readings it counts.

        Raises:
            AttestationError: a record does not open the commitment that it is named for.
        """
