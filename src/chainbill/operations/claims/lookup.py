"""Settled claims as the chain's logs tell them: found by their names, proven, and with their disputes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from chainbill.attestation.claim_number import claim_number
from chainbill.audit.account import ClaimAccount, every_claim, find_claims
from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.chain.format.events import Claim, DisputeParty
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import StateError
from chainbill.ledger.claim_records import replay_claims
from chainbill.ledger.indexer import index
from chainbill.ledger.proofs import ProvenClaim, prove_claim
from chainbill.operations.claims.facts import LedgerClaim, Reversal, ledger_claim
from chainbill.state.session import Session

__all__ = [
    "Claims",
    "DisputeStatus",
    "DisputedClaim",
    "PartyTo",
    "ProvenClaim",
    "disputed_claims",
    "find_claim",
    "payer_party",
]


@dataclass(frozen=True, slots=True)
class PartyTo:
    """Whose claims are meant: those of a patient, a provider or a payer; of nobody: all."""

    who: str = ""
    """The name it goes by."""
    patient: str | None = None
    provider_id: int | None = None
    payer_id: int | None = None

    def covers(self, patient: str, claim: Claim) -> bool:
        """Is this one of them?"""
        return (
            self.patient in (None, patient)
            and self.provider_id in (None, claim.provider_id)
            and self.payer_id in (None, claim.payer_id, claim.secondary_payer_id)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputedClaim:
    """A claim that was disputed or given back, as it stands. Amounts in micro-dollars."""

    claim_id: bytes
    patient: str
    claim: Claim
    """As it was settled."""
    parties: tuple[DisputeParty, ...]
    """Who has disputed it."""
    status: DisputeStatus
    deadline: int | None
    """Of the answer, or of the ruling, in seconds since 1970; None: nothing is waited for."""
    held: int
    """Of the provider's credit."""
    reversed: Reversal | None
    """What was taken back; None: nothing was."""

    @property
    def number(self) -> str:
        """What the claim is called, ``2:7``."""
        return claim_number(self.claim.provider_id, self.claim.sequence)

    @property
    def reversed_in_full(self) -> bool:
        """Is nothing left of the claim, so that another can take its place?"""
        return self.reversed is not None and self.reversed.allowed == self.claim.allowed


class Claims:
    """The claims of a session's deployment, up to the newest block when it was made."""

    def __init__(self, session: Session) -> None:
        """Read the logs and replay them.

        Raises:
            ChainError: the node does not answer.
            LedgerError: the logs do not replay.
        """
        self._domain = session.protocol.domain
        deployment = session.protocol.deployment
        with JsonRpc(session.rpc_url) as node:
            self._recorded = index(node, deployment)
        self._records, self._ledger = replay_claims(self._recorded, deployment)

    def find(self, wanted: str, party: PartyTo) -> ProvenClaim:
        """The settled claim of a number (``2:7``), a commitment or a claim id, as ``account``.

        Raises:
            LedgerError: there is none, or ``wanted`` names nothing.
            StateError: it did not settle, it is somebody else's, or the number is not whole.
        """
        decisive = self.account(wanted, party).decisive
        if decisive.claim_id is None:
            ending = decisive.outcome.name.lower()
            raise StateError(f"claim {wanted} did not settle: it is {ending}, and nobody paid for it")
        return self.prove(decisive.claim_id)

    def account(self, wanted: str, party: PartyTo) -> ClaimAccount:
        """What became of the claim of a number (``2:7``), a commitment or a claim id.

        ``7`` alone will do while one provider has such a claim: a number means the same to everybody, so it
        is not completed by who asks.

        Raises:
            LedgerError: there is none, or ``wanted`` names nothing.
            StateError: it is somebody else's, or the number is not whole.
        """
        named = find_claims(self._records, self._ledger, wanted)
        accounts = [
            account for account in named if party.covers(account.decisive.patient, account.decisive.claim)
        ]
        if len({account.number for account in named}) > 1:
            own = accounts if accounts and party != PartyTo() else named
            whose = f"{party.who} has" if own is not named else "there are"
            raise StateError(
                f"several providers have a claim {wanted}",
                hint=f"give the whole number, as on the statement: {whose} "
                + " and ".join(account.number for account in own),
            )
        if not accounts:
            raise StateError(
                f"claim {wanted} is none of {party.who}'s",
                hint="your own statement has the number of each of your claims",
            )
        settled = [account for account in accounts if account.decisive.claim_id is not None]
        return (settled or accounts)[0]

    def with_commitment(self, commitment: bytes) -> list[LedgerClaim]:
        """The claims under a commitment, which is one where nothing is amiss.

        Raises:
            LedgerError: there is none.
        """
        accounts = find_claims(self._records, self._ledger, f"0x{commitment.hex()}")
        return [ledger_claim(account) for account in accounts]

    def of(self, party: PartyTo) -> list[LedgerClaim]:
        """The party's claims, in the order in which they were first decided."""
        accounts = every_claim(self._records, self._ledger)
        return [
            ledger_claim(account)
            for account in accounts
            if party.covers(account.decisive.patient, account.decisive.claim)
        ]

    def prove(self, claim_id: bytes) -> ProvenClaim:
        """A settled claim by its id.

        Raises:
            LedgerError: there is none.
        """
        return prove_claim(self._recorded, self._domain, claim_id)

    def disputed(
        self, party: PartyTo, statuses: Collection[DisputeStatus] = tuple(DisputeStatus)
    ) -> list[DisputedClaim]:
        """The party's claims that were disputed or given back, by provider and sequence."""
        found = [each for each in self._disputed(party) if each.status in statuses]
        return sorted(found, key=lambda each: (each.claim.provider_id, each.claim.sequence))

    def _disputed(self, party: PartyTo) -> Iterator[DisputedClaim]:
        for claim_id, dispute in self._ledger.disputes.items():
            live = self._ledger.claims[claim_id]
            if not party.covers(live.patient, live.claim):
                continue
            yield DisputedClaim(
                claim_id=claim_id,
                patient=live.patient,
                claim=live.claim,
                parties=tuple(party for party in DisputeParty if dispute.parties >> party & 1),
                status=dispute.status,
                deadline=dispute.deadline or None,
                held=dispute.held,
                reversed=Reversal.of(live.reversed_claim) if live.reversed_claim else None,
            )


def disputed_claims(
    session: Session, party: PartyTo | None = None, statuses: Collection[DisputeStatus] = ()
) -> tuple[DisputedClaim, ...]:
    """Claims that were disputed or given back, by provider and sequence.

    Args:
        party: only claims of this patient, provider or payer.
        statuses: only those that stand so; none: all.

    Raises:
        ChainError: the node does not answer.
        LedgerError: the logs do not replay.
    """
    return tuple(Claims(session).disputed(party or PartyTo(), statuses or tuple(DisputeStatus)))


def find_claim(session: Session, wanted: str | ProvenClaim, party: PartyTo | None = None) -> ProvenClaim:
    """A settled claim by its number, commitment or id, as ``Claims.find``; one found before is returned.

    Raises:
        ChainError: the node does not answer.
        LedgerError: there is none, or ``wanted`` names nothing.
        StateError: it did not settle, it is somebody else's, or the number is not whole.
    """
    return wanted if isinstance(wanted, ProvenClaim) else Claims(session).find(wanted, party or PartyTo())


def payer_party(claim: Claim, payer_id: int) -> DisputeParty:
    """As what a payer of the claim disputes it."""
    return DisputeParty.PRIMARY if claim.payer_id == payer_id else DisputeParty.SECONDARY
