"""Who plays in a scenario: an account for every party that the records name, set up on chain."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from eth_account import Account
from eth_account.signers.local import LocalAccount

from chainbill.attestation.signing import Signer
from chainbill.billing.terms import FeeTerms
from chainbill.chain.contracts import InsurerPayer
from chainbill.chain.contracts.escrow import Consent
from chainbill.chain.node.sender import Sender
from chainbill.chain.protocol import Protocol
from chainbill.operations.fee_publication import publish_fees
from chainbill.protocol_constants import END_OF_TIME
from chainbill.records.service_event import Party, ServiceEvent
from chainbill.records.service_id import decoy_ids, draw_decoys, new_schedule_key, service_id
from chainbill.records.vault import VaultKey
from chainbill.scenario.plan import CATEGORIES, PLAN


@dataclass(frozen=True, slots=True)
class Provider:
    """A registered provider and its keys."""

    party: Party
    provider_id: int
    attester: Signer
    vault_key: VaultKey


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient's account."""

    party: Party
    sender: Sender
    vault_key: VaultKey

    @property
    def address(self) -> str:
        """Checksum address of the account."""
        return self.sender.address


@dataclass(slots=True)
class Cast:
    """Every party of one scenario, by the reference under which the records name it."""

    insurer: Sender
    payer_id: int
    payer: InsurerPayer
    schedule_key: bytes
    providers: dict[str, Provider] = field(default_factory=dict)
    patients: dict[str, Patient] = field(default_factory=dict)
    enrolled: set[tuple[str, int]] = field(default_factory=set)
    years: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Casting:
    """Sets parties up on chain. ``give_gas`` funds an address with the chain's gas coin."""

    protocol: Protocol
    governor: Sender
    give_gas: Callable[[str], None]
    unfunded: Collection[str] = ()
    """References of patients who put nothing into their wallets."""
    without_consent: Collection[str] = ()
    """References of patients who consent to nobody."""
    decoys: bool = True
    """Whether decoys stand beside the insurer's fees."""

    def assemble(self, events: Sequence[ServiceEvent], fees: dict[str, FeeTerms]) -> Cast:
        """Make the insurer with its fees, register every provider, and open every patient's wallet."""
        cast = self._insurer(sum(event.billed_amount for event in events), fees)
        for party in _distinct(event.provider for event in events):
            cast.providers[party.reference] = self._provider(cast, party)
        for party in _distinct(event.patient for event in events):
            theirs = [event for event in events if event.patient.reference == party.reference]
            cast.patients[party.reference] = self._patient(cast, party, theirs)
        return cast

    def open_year(self, cast: Cast, year: int) -> None:
        """Publish the plan of a benefit year, under the year's own number."""
        if year not in cast.years:
            cast.payer.publish_plan(cast.insurer, year, PLAN, CATEGORIES)
            cast.years.add(year)

    def enrol(self, cast: Cast, reference: str, year: int) -> None:
        """Enrol a patient for a benefit year."""
        self.open_year(cast, year)
        if (reference, year) not in cast.enrolled:
            cast.payer.enrol(cast.insurer, cast.patients[reference].address, year, year)
            cast.enrolled.add((reference, year))

    def _insurer(self, pool: int, fees: dict[str, FeeTerms]) -> Cast:
        insurer = self._account()
        payer_id = self.protocol.payers.create_payer(self.governor, insurer.address)
        cast = Cast(insurer, payer_id, self.protocol.payer(payer_id), new_schedule_key())
        self._deposit(insurer, cast.payer.address, pool, cast.payer.deposit)
        key = cast.schedule_key
        by_id = {service_id(key, service): terms for service, terms in fees.items()}
        for service, terms in fees.items() if self.decoys else ():
            by_id |= dict.fromkeys(decoy_ids(key, service, draw_decoys()), terms)
        publish_fees(cast.payer, insurer, by_id)
        return cast

    def _provider(self, cast: Cast, party: Party) -> Provider:
        account = Account.create()
        provider_id = self.protocol.registry.register(self.governor, account.address, [account.address])
        cast.payer.accept_provider(cast.insurer, provider_id)
        return Provider(party, provider_id, Signer(account), VaultKey.derive(bytes(account.key)))

    def _patient(self, cast: Cast, party: Party, events: Sequence[ServiceEvent]) -> Patient:
        sender = self._account()
        if party.reference not in self.unfunded:
            self._deposit(
                sender, self.protocol.escrow.address, _most_owed(events), self.protocol.escrow.deposit
            )
        self.protocol.escrow.accept_payer(sender, cast.payer_id)
        if party.reference not in self.without_consent:
            for reference in {event.provider.reference for event in events}:
                consent = Consent(per_event_limit=PLAN.oop_max, expires_at=END_OF_TIME)
                self.protocol.escrow.grant_consent(sender, cast.providers[reference].provider_id, consent)
        return Patient(party, sender, VaultKey.derive(bytes(sender.account.key)))

    def _account(self) -> Sender:
        account: LocalAccount = Account.create()
        self.give_gas(account.address)
        return Sender(self.protocol.w3, account)

    def _deposit(
        self, owner: Sender, holder: str, amount: int, deposit: Callable[[Sender, int], object]
    ) -> None:
        if amount == 0:
            return
        self.protocol.token.mint(self.governor, owner.address, amount)
        self.protocol.token.approve(owner, holder, amount)
        deposit(owner, amount)


def _distinct(parties: Iterable[Party]) -> list[Party]:
    return list({party.reference: party for party in parties}.values())


def _most_owed(events: Sequence[ServiceEvent]) -> int:
    """At most everything billed, and at most the out-of-pocket maximum of each year."""
    return min(
        sum(event.billed_amount for event in events), PLAN.oop_max * len({e.benefit_year for e in events})
    )
