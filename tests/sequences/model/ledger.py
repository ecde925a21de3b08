"""The independent ledger: what the protocol's design says must happen, kept in plain objects.

It shares no code with the package's billing or audit, and none of the contracts' shortcuts: histories are
kept whole, yearly amounts are added up anew from opening entries and live claims, credit is kept by the day
it was earned. A verb that is not allowed raises ``Refused`` with the name of the error the contract must
give, before anything has changed.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tests.sequences.model.accounts import DAYS_TO_MATURE, Account
from tests.sequences.model.attesters import Attestation, of_each
from tests.sequences.model.claims import Amounts, Claim, Event, Header, Status, number
from tests.sequences.model.insurers import Insurer, Price
from tests.sequences.model.timeline import DAY, MAX_BATCH_LIFE, NOTICE, Refused, Timeline
from tests.sequences.model.wallets import Consent, Limits, Wallet

PAYOUT_CHANGE_DELAY = 2 * DAY
DISPUTE_WINDOW, ANSWER_TIME, RULING_TIME = 7 * DAY, 3 * DAY, 14 * DAY
QUORUM_SILENCE, UNANSWERED_LIFE, UNANSWERED_WINDOW = 7 * DAY, 7 * DAY, 30 * DAY
NOBODY = "0x" + "00" * 20
ZERO = Amounts()

DENIED = {"NOT_COVERED", "UNITS_EXCEEDED", "ANNUAL_UNITS_EXCEEDED", "UNKNOWN_SERVICE", "BENEFIT_YEAR_CLOSED"}
REASONS = (
    *(
        "NONE",
        "NOT_COVERED",
        "UNITS_EXCEEDED",
        "ANNUAL_UNITS_EXCEEDED",
        "UNKNOWN_SERVICE",
        "BENEFIT_YEAR_CLOSED",
    ),
    *("BENEFIT_YEAR_NOT_OPEN", "PROVIDER_NOT_ACTIVE", "UNKNOWN_PAYER", "PROVIDER_NOT_ACCEPTED"),
    *("NO_TERMS_IN_FORCE", "PAYER_NOT_ACCEPTED", "NOT_ENROLLED", "NO_CONSENT", "OVER_CONSENT_LIMIT"),
    *("OVER_EVENT_LIMIT", "OVER_DAY_LIMIT", "PATIENT_UNFUNDED", "PAYER_UNFUNDED", "PAYER_FAILED"),
    *("NO_CASH_PRICE", "NOT_REVERSED", "NOT_ATTESTED", "SEQUENCE_SPENT"),
)


@dataclass(frozen=True)
class Section:
    """Events under the same terms, in the order of the batch; `corrects` names a claim per event, or none.
    `attestations` cover all of them, in order."""

    header: Header
    events: tuple[Event, ...]
    corrects: tuple[bytes, ...] = ()
    attestations: tuple[Attestation, ...] = ()


@dataclass(frozen=True)
class Batch:
    """What a quorum signs, and who did."""

    epoch: int
    signed_at: int
    deadline: int
    operator: str
    sections: tuple[Section, ...]
    digest: bytes = b""


@dataclass(frozen=True)
class Ending:
    """What became of one row: a claim, or a reason why there is none."""

    event: Event
    reason: str
    claim: Claim | None = None
    corrects: bytes = b""
    fee_taken: bool = False
    """Does the operator's fee hold for its batch?"""

    @property
    def plain(self) -> bool:
        """Is it logged in short: one payer, no operator's fee, nothing outside the plan, no units counted?"""
        if self.claim is None or self.corrects or self.fee_taken:
            return False
        header = self.event.header
        return bool(header.payer and not header.second) and not (
            self.claim.settled.outside or self.claim.counted
        )


@dataclass
class Provider:
    """One provider."""

    payout: Timeline[str]
    attesters: dict[str, int]
    """Those who attest for it now, and since when."""
    account: Account = field(default_factory=Account)
    spent: set[int] = field(default_factory=set)
    cash: dict[bytes, Timeline[int | None]] = field(default_factory=dict)


@dataclass
class Epoch:
    """One quorum; `ends` 0: open."""

    members: tuple[str, ...]
    threshold: int
    ends: int = 0


class Ledger:
    """Everybody's money and rights."""

    def __init__(
        self, now: int, chain_id: int, escrow: str, settlement: str, governor: str, arbiter: str
    ) -> None:
        self.now = now
        self.chain_id, self.escrow, self.settlement = chain_id, escrow, settlement
        self.governor, self.arbiter = governor, arbiter
        self.tokens: Counter[str] = Counter()
        self.allowances: Counter[tuple[str, str]] = Counter()
        """By owner and spender."""
        self.donated: Counter[str] = Counter()
        self.blocked: set[str] = set()
        self.wallets: dict[str, Wallet] = {}
        self.insurers: dict[int, Insurer] = {}
        self.owners: dict[int, str] = {}
        self.payer_addresses: dict[int, str] = {}
        self.providers: dict[int, Provider] = {}
        self.operators: dict[str, Account] = {}
        self.refunds: Counter[int] = Counter()
        self.epochs: dict[int, Epoch] = {}
        self.fees: Timeline[tuple[int, int]] = Timeline((0, 0))
        self.paused = False
        self.claims: list[Claim] = []
        self.roots: dict[int, tuple[bytes, int]] = {}
        self.announced: dict[int, tuple[bytes, int]] = {}
        """By provider: the hash of what it will settle without the quorum, and since when that is known."""
        self.authorizations: set[tuple[str, bytes]] = set()
        """Used ones, by owner and nonce."""

    # ---- time ---------------------------------------------------------------------------------------

    @property
    def today(self) -> int:
        return self.now // DAY

    @property
    def year(self) -> int:
        return datetime.fromtimestamp(self.now, UTC).year

    def wait_until(self, time: int) -> None:
        """Let time pass; credit matures."""
        self.now = time
        for account in self.accounts():
            account.ripen(self.today)

    def accounts(self) -> Iterator[Account]:
        yield from (provider.account for provider in self.providers.values())
        yield from self.operators.values()

    def edges(self) -> list[int]:
        """Times to come at which something changes."""
        found = [*self.fees.edges()]
        for wallet in self.wallets.values():
            found += wallet.payers.edges() + wallet.limits.edges()
            found += [edge for given in wallet.consents.values() for edge in given.edges()]
            found += [consent.ends for given in wallet.consents.values() for _, consent in given.entries]
        for pot in (*self.wallets.values(), *self.insurers.values()):
            if pot.request is not None:
                found += [pot.request.available_at, pot.request.available_at + 7 * DAY]
        for insurer in self.insurers.values():
            found += insurer.edges()
        for provider in self.providers.values():
            found += [since for since, _ in provider.payout.entries]
            found += [since for prices in provider.cash.values() for since, _ in prices.entries]
            found += [(day + DAYS_TO_MATURE) * DAY for day in provider.account.lots]
        for claim in self.claims:
            found += [claim.deadline, claim.settled_at + DISPUTE_WINDOW]
        found += [epoch.ends for epoch in self.epochs.values()]
        found.append(int(datetime(self.year + 1, 1, 1, tzinfo=UTC).timestamp()))
        return sorted({edge for edge in found if self.now < edge < self.now + 60 * DAY})

    # ---- tokens -------------------------------------------------------------------------------------

    def move(self, source: str, target: str, amount: int) -> None:
        """Move tokens, or refuse: the token blocks accounts."""
        if source in self.blocked:
            raise Refused("ERC20InvalidSender")
        if target in self.blocked:
            raise Refused("ERC20InvalidReceiver")
        if amount > self.tokens[source]:
            raise Refused("ERC20InsufficientBalance")
        self.tokens[source] -= amount
        self.tokens[target] += amount

    def pull(self, source: str, target: str, amount: int) -> None:
        """A deposit."""
        if amount == 0:
            raise Refused("DepositOfNothing")
        self.move(source, target, amount)
        self.allowances[source, target] -= amount

    def owed(self) -> dict[str, int]:
        """What each contract owes: invariant 1."""
        settlement = sum(account.tokens for account in self.accounts()) + sum(self.refunds.values())
        debts = {
            self.escrow: sum(wallet.balance for wallet in self.wallets.values()),
            self.settlement: settlement,
        }
        return debts | {self.payer_addresses[i]: insurer.balance for i, insurer in self.insurers.items()}

    # ---- patients -----------------------------------------------------------------------------------

    def deposit(self, patient: str, amount: int) -> None:
        self.pull(patient, self.escrow, amount)
        self.wallets[patient].add(amount)

    def withdraw(self, patient: str) -> None:
        wallet = self.wallets[patient]
        self.move(self.escrow, patient, wallet.due(self.now))
        wallet.take(self.now)

    def accept_payers(self, patient: str, pair: tuple[int, int]) -> None:
        primary, secondary = pair
        if primary == 0 and secondary:
            raise Refused("SecondaryWithoutPrimary")
        if primary and primary == secondary:
            raise Refused("SamePayerTwice")
        if any(payer and payer not in self.insurers for payer in pair):
            raise Refused("UnknownPayer")
        self.wallets[patient].accept(pair, self.now)

    def set_limits(self, patient: str, limits: Limits) -> None:
        self.wallets[patient].set_limits(limits, self.now)

    def grant(self, patient: str, provider: int, consent: Consent) -> None:
        self._known(provider)
        self.wallets[patient].grant(provider, consent, self.now)

    # ---- insurers -----------------------------------------------------------------------------------

    def owned(self, payer: int, caller: str) -> Insurer:
        """An insurer's payer, for its owner alone."""
        if caller != self.owners[payer]:
            raise Refused("OwnableUnauthorizedAccount")
        return self.insurers[payer]

    def fund(self, payer: int, caller: str, amount: int) -> None:
        self.pull(caller, self.payer_addresses[payer], amount)
        self.insurers[payer].add(amount)

    def withdraw_pool(self, payer: int, caller: str) -> None:
        insurer = self.owned(payer, caller)
        self.move(self.payer_addresses[payer], caller, insurer.due(self.now))
        insurer.take(self.now)

    # ---- providers ----------------------------------------------------------------------------------

    def _known(self, provider: int) -> Provider:
        if provider not in self.providers:
            raise Refused("UnknownProvider")
        return self.providers[provider]

    def payout(self, provider: int) -> str:
        return self._known(provider).payout.at(self.now)

    def controlled(self, provider: int, caller: str) -> Provider:
        """A provider, for its payout address alone."""
        if caller != self.payout(provider):
            raise Refused("NotThePayoutAddress")
        return self.providers[provider]

    def announce_payout(self, provider: int, caller: str, payout: str) -> None:
        known = self.controlled(provider, caller)
        if payout == caller:
            raise Refused("PayoutAddressUnchanged")
        known.payout.announce(payout, self.now + PAYOUT_CHANGE_DELAY, self.now)

    def cancel_payout(self, provider: int, caller: str) -> None:
        known = self.controlled(provider, caller)
        if not known.payout.is_announced(self.now):
            raise Refused("NoPayoutAddressAnnounced")
        known.payout.cancel(self.now)

    def add_attester(self, provider: int, caller: str, attester: str) -> None:
        known = self.controlled(provider, caller)
        if attester in known.attesters:
            raise Refused("AlreadyAttester")
        known.attesters[attester] = self.now

    def revoke_attester(self, provider: int, caller: str, attester: str) -> None:
        known = self.controlled(provider, caller)
        if attester not in known.attesters:
            raise Refused("NotAttester")
        del known.attesters[attester]

    def rotate_attester(self, provider: int, caller: str, retired: str, attester: str) -> None:
        """Add one, then revoke another, or neither."""
        known = self.controlled(provider, caller)
        if attester in known.attesters:
            raise Refused("AlreadyAttester")
        if retired not in (*known.attesters, attester):
            raise Refused("NotAttester")
        known.attesters[attester] = self.now
        del known.attesters[retired]

    def publish_cash(self, provider: int, caller: str, service: bytes, amount: int) -> None:
        prices = self.controlled(provider, caller).cash.setdefault(service, Timeline(None))
        if prices.is_announced(self.now):
            raise Refused("VersionStillAnnounced")
        first = prices.entries[-1][0] == 0
        prices.announce(amount, self.now if first else self.now + NOTICE, self.now)

    # ---- credit -------------------------------------------------------------------------------------

    def pay_provider(self, provider: int) -> int:
        payout, account = self.payout(provider), self._known(provider).account
        amount = account.withdrawable
        if amount == 0:
            raise Refused("NoCredit")
        self.move(self.settlement, payout, amount)
        account.matured -= amount
        return amount

    def pay_operator(self, operator: str) -> int:
        account = self.operators[operator]
        if account.withdrawable == 0:
            raise Refused("NoFees")
        amount = account.withdrawable
        self.move(self.settlement, operator, amount)
        account.matured -= amount
        return amount

    def draw_advance(self, provider: int, caller: str, amount: int) -> None:
        account = self.controlled(provider, caller).account
        if amount > account.advanceable:
            raise Refused("AdvanceTooLarge")
        if amount == 0:
            raise Refused("NoCredit")
        self.move(self.settlement, caller, amount)
        account.advanced += amount

    def deposit_bond(self, provider: int, caller: str, amount: int) -> None:
        account = self._known(provider).account
        self.pull(caller, self.settlement, amount)
        account.bond += amount

    def withdraw_bond(self, provider: int, caller: str) -> None:
        account = self.controlled(provider, caller).account
        if account.maturing or account.open_disputes or sum(account.owed.values()):
            raise Refused("BondInUse")
        amount = account.bond - account.advanced
        if amount == 0:
            raise Refused("NoBond")
        self.move(self.settlement, caller, amount)
        account.bond = account.advanced = 0

    def collect_receivable(self, provider: int, payer: int) -> int:
        account = self.providers[provider].account
        if not account.owed[payer]:
            raise Refused("NoReceivable")
        if not account.matured:
            raise Refused("NoCredit")
        amount = min(account.owed[payer], account.matured)
        self.move(self.settlement, self.payer_addresses[payer], amount)
        account.owed[payer] -= amount
        account.matured -= amount
        self.insurers[payer].add(amount)
        return amount

    def collect_refund(self, payer: int) -> int:
        amount = self.refunds[payer]
        if amount == 0:
            raise Refused("NoRefund")
        self.move(self.settlement, self.payer_addresses[payer], amount)
        self.refunds[payer] = 0
        self.insurers[payer].add(amount)
        return amount

    # ---- governor -----------------------------------------------------------------------------------

    def governed(self, caller: str) -> None:
        if caller != self.governor:
            raise Refused("AccessManagedUnauthorized")

    def suspend(self, caller: str, provider: int, suspended: bool) -> None:
        self.governed(caller)
        if suspended:
            self._known(provider)
        known = self.providers.get(provider)
        if known is None or known.account.suspended == suspended:
            raise Refused("AlreadySuspended" if suspended else "NotSuspended")
        known.account.suspended = suspended

    def set_paused(self, caller: str, paused: bool) -> None:
        self.governed(caller)
        if self.paused == paused:
            raise Refused("EnforcedPause" if paused else "ExpectedPause")
        self.paused = paused

    def set_operator_fee(self, caller: str, flat: int, bps: int) -> None:
        self.governed(caller)
        if flat > 1_000_000 or bps > 500:
            raise Refused("OperatorFeeTooHigh")
        if self.fees.is_announced(self.now) or self.fees.is_recent(self.now):
            raise Refused("FeeStillAnnounced")
        self.fees.announce((flat, bps), self.now + NOTICE, self.now)

    def open_epoch(self, caller: str, members: Sequence[str], threshold: int) -> None:
        self.governed(caller)
        if not 1 <= threshold <= len(members):
            raise Refused("InvalidQuorum")
        numbers = [int(member, 16) for member in members]
        if sorted(set(numbers)) != numbers:
            raise Refused("MembersUnsorted")
        if self.epochs and not self.epochs[len(self.epochs)].ends:
            self.epochs[len(self.epochs)].ends = self.now + MAX_BATCH_LIFE
        self.epochs[len(self.epochs) + 1] = Epoch(tuple(members), threshold)

    def end_epoch(self, caller: str, epoch: int) -> None:
        self.governed(caller)
        if epoch not in self.epochs:
            raise Refused("UnknownEpoch")
        if 0 < self.epochs[epoch].ends <= self.now:
            raise Refused("EpochOver")
        self.epochs[epoch].ends = self.now

    # ---- settling -----------------------------------------------------------------------------------

    def settle(self, batch: Batch, signers: Sequence[str], root_slot: int) -> list[Ending]:
        """Settle a batch; `signers` are whoever its signatures are by."""
        if batch.signed_at > self.now:
            raise Refused("BatchNotYetValid")
        if batch.deadline < self.now:
            raise Refused("BatchExpired")
        if batch.deadline > batch.signed_at + MAX_BATCH_LIFE:
            raise Refused("BatchLifeTooLong")
        if not batch.sections:
            raise Refused("EmptyBatch")
        self._check_quorum(batch.epoch, signers)
        return self._settle(batch, self._slot_for(batch, root_slot))

    # ---- without the quorum -------------------------------------------------------------------------

    def announce(self, provider: int, caller: str, sections: bytes) -> None:
        self.controlled(provider, caller)
        self.announced[provider] = sections, self.now

    def object(self, provider: int, announced: tuple[bytes, int], signers: Sequence[str]) -> None:
        """The quorum that is in office calls an announcement off, paused or not."""
        if self.announced.get(provider) != announced:
            raise Refused("NotAnnounced")
        self._check_signed(len(self.epochs), signers)
        del self.announced[provider]

    def settle_unanswered(
        self, provider: int, caller: str, announced: tuple[bytes, int], batch: Batch, root_slot: int
    ) -> list[Ending]:
        """Settle what was announced, after a week in which nobody objected."""
        if self.paused:
            raise Refused("EnforcedPause")
        if self.controlled(provider, caller).account.suspended:
            raise Refused("ProviderIsSuspended")
        _, at = announced
        if self.now < at + QUORUM_SILENCE:
            raise Refused("QuorumMayObject")
        if self.now >= at + QUORUM_SILENCE + UNANSWERED_LIFE:
            raise Refused("AnnouncementLapsed")
        if self.announced.get(provider) != announced:
            raise Refused("NotAnnounced")
        if any(section.header.provider != provider for section in batch.sections):
            raise Refused("NotTheProviders")
        del self.announced[provider]
        return self._settle(batch, self._slot_for(batch, root_slot))

    def _slot_for(self, batch: Batch, root_slot: int) -> int:
        """The root slot that was asked for, or the first free one of the batch's."""
        if self._is_in_use(root_slot):
            root_slot = int.from_bytes(batch.digest[:4], "big")
        while self._is_in_use(root_slot):
            root_slot = (root_slot + 1) % 2**32
        return root_slot

    def _dated(self, batch: Batch) -> int:
        """What the dispute windows of a batch's claims count from."""
        return self.now if batch.epoch else self.now + UNANSWERED_WINDOW - DISPUTE_WINDOW

    def _is_in_use(self, root_slot: int) -> bool:
        """May claims whose root stands there still be disputed?"""
        return root_slot in self.roots and self.now < self.roots[root_slot][1] + DISPUTE_WINDOW

    def _check_quorum(self, epoch: int, signers: Sequence[str]) -> None:
        if self.paused:
            raise Refused("EnforcedPause")
        self._check_signed(epoch, signers)

    def _check_signed(self, epoch: int, signers: Sequence[str]) -> None:
        quorum = self.epochs.get(epoch)
        if quorum is None:
            raise Refused("UnknownEpoch")
        if quorum.ends and self.now >= quorum.ends:
            raise Refused("EpochOver")
        if len(signers) < quorum.threshold:
            raise Refused("QuorumNotReached")
        if len(signers) > len(quorum.members):
            raise Refused("TooManySignatures")
        last = 0
        for signer in signers:
            if int(signer, 16) == 0:
                raise Refused("InvalidSignature")
            if int(signer, 16) <= last:
                raise Refused("SignersUnsorted")
            if signer not in quorum.members:
                raise Refused("NotOracleMember")
            last = int(signer, 16)

    def _settle(self, batch: Batch, root_slot: int) -> list[Ending]:
        endings: list[Ending] = []
        runs: list[list[Section]] = []
        for section in batch.sections:
            payers = section.header.payer, section.header.second
            if runs and (runs[-1][0].header.payer, runs[-1][0].header.second) == payers:
                runs[-1].append(section)
            else:
                runs.append([section])
        for run in runs:
            endings += self._settle_run(batch, run)
        claims = [ending.claim for ending in endings if ending.claim is not None]
        root = number(claims, self.chain_id, self.settlement)
        if root:
            self.roots[root_slot] = root, self._dated(batch)
        for claim in claims:
            claim.root_slot = root_slot
        self.claims += claims
        return endings

    def _settle_run(self, batch: Batch, run: list[Section]) -> list[Ending]:
        """Sections with the same payers: none of them counts where a payer's tokens cannot move."""
        payers = [payer for payer in (run[0].header.payer, run[0].header.second) if payer in self.insurers]
        stuck = [payer for payer in payers if self.payer_addresses[payer] in self.blocked]
        if stuck:
            paid = _paid(copy.deepcopy(self)._book_run(batch, run))
            if any(paid[payer] for payer in stuck):
                return [e for section in run for e in self._pend_all(batch, section, "PAYER_FAILED")]
        endings = self._book_run(batch, run)
        for payer, amount in _paid(endings).items():
            if amount:
                source = self.payer_addresses[payer] if payer else self.escrow
                self.move(source, self.settlement, amount)
        return endings

    def _book_run(self, batch: Batch, run: list[Section]) -> list[Ending]:
        return [ending for section in run for ending in self._settle_section(batch, section)]

    def _pend_all(self, batch: Batch, section: Section, reason: str) -> list[Ending]:
        ends = self._ends_at_once(batch, section)
        return [Ending(event, end or reason) for event, end in zip(section.events, ends, strict=True)]

    def _ends_at_once(self, batch: Batch, section: Section) -> list[str]:
        """Why a row is not looked at any further; "" where it is."""
        attested = self._attested(section, batch.signed_at)
        return [
            "SEQUENCE_SPENT" if spent else "" if signed else "NOT_ATTESTED"
            for spent, signed in zip(self._skipped(section), attested, strict=True)
        ]

    def _attested(self, section: Section, signed_at: int) -> list[bool]:
        """Rows under a signature over what they say, of one who attested for the provider when the batch was
        signed, and still does."""
        provider = self.providers.get(section.header.provider)
        since = provider.attesters if provider else {}
        return [
            not one.flaw and one.attester in since and since[one.attester] <= signed_at
            for one in of_each(section.events, section.attestations)
        ]

    def _skipped(self, section: Section) -> list[bool]:
        """Rows whose sequence was spent, or stands in the section before them."""
        provider = self.providers.get(section.header.provider)
        seen = set(provider.spent) if provider else set()
        skipped = []
        for event in section.events:
            skipped.append(event.sequence in seen)
            seen.add(event.sequence)
        return skipped

    def _settle_section(self, batch: Batch, section: Section) -> list[Ending]:
        header = section.header
        if any(payer and payer not in self.insurers for payer in (header.payer, header.second)):
            return self._pend_all(batch, section, "UNKNOWN_PAYER")
        provider = self.providers.get(header.provider)
        if provider is not None and provider.account.suspended:
            return self._pend_all(batch, section, "PROVIDER_NOT_ACTIVE")
        endings = []
        for index, (event, end) in enumerate(
            zip(section.events, self._ends_at_once(batch, section), strict=True)
        ):
            corrects = section.corrects[index] if section.corrects else b""
            ending = Ending(event, end) if end else self._settle_row(batch, event, corrects)
            if provider is not None and (ending.claim is not None or ending.reason in DENIED):
                provider.spent.add(event.sequence)
            endings.append(ending)
        return endings

    def _settle_row(self, batch: Batch, event: Event, corrects: bytes) -> Ending:
        header = event.header
        current_year = datetime.fromtimestamp(batch.signed_at, UTC).year
        if event.year + 1 < current_year:
            return Ending(event, "BENEFIT_YEAR_CLOSED")
        if event.year > current_year:
            return Ending(event, "BENEFIT_YEAR_NOT_OPEN")
        wallet = self.wallets.get(event.patient, Wallet())
        reason = wallet.refusal(header.provider, (header.payer, header.second), batch.signed_at)
        if reason is not None:
            return Ending(event, reason)
        corrected = None
        if corrects:
            corrected = next((claim for claim in self.claims if claim.id == corrects), None)
            if (
                corrected is None
                or corrected.status != Status.REVERSED
                or corrected.event.header.provider != header.provider
            ):
                return Ending(event, "NOT_REVERSED")
        priced = self._self_pay(batch, event) if header.payer == 0 else self._insured(batch, event)
        if isinstance(priced, str):
            return Ending(event, priced)
        reason = wallet.overspends(
            header.provider, priced.settled.responsibility, batch.signed_at, self.today
        )
        if reason is None and header.payer and priced.settled.plan_paid > self.insurers[header.payer].balance:
            reason = "PAYER_UNFUNDED"
        if reason is not None:
            return Ending(event, reason)
        self._book(priced, wallet)
        if corrected is not None:
            corrected.status = Status.CORRECTED
        return Ending(event, "NONE", priced, corrects, self._takes_fee(batch))

    def _takes_fee(self, batch: Batch) -> bool:
        return batch.operator != NOBODY and self.fees.at(batch.signed_at) != (0, 0)

    def _self_pay(self, batch: Batch, event: Event) -> Claim | str:
        """The provider's published cash price, all of it the patient's."""
        prices = self.providers[event.header.provider].cash.get(event.service)
        price = prices.at(batch.signed_at) if prices is not None else None
        if not price:
            return "NO_CASH_PRICE"
        if event.units == 0:
            return "UNITS_EXCEEDED"
        listed = price * event.units
        owed = min(event.billed or listed, listed)
        return self._claim(
            batch, event, event.billed or listed, Amounts(allowed=owed, outside=owed), False, False
        )

    def _insured(self, batch: Batch, event: Event) -> Claim | str:
        """What the primary makes of it, and what a secondary takes over."""
        header, who, what = event.header, (event.patient, event.year), (event.units, event.billed)
        first = self.insurers[header.payer].price(
            header.provider, (header.plan, header.version), batch.signed_at, who, event.service, what
        )
        if first.reason is not None:
            return first.reason
        assert first.shares is not None
        shares = first.shares
        amounts = Amounts(
            first.allowed,
            shares.deductible,
            shares.copay,
            shares.coinsurance,
            shares.outside,
            shares.plan_paid,
        )
        second_counted = False
        if header.second:
            second = self.insurers[header.second].price(
                header.provider,
                (header.second_plan, header.second_version),
                *(batch.signed_at, who, event.second_service, what),
                at_least=first.allowed,
            )
            if second.reason is None:
                amounts, second_counted = self._coordinated(amounts, second), second.counted
                if amounts.second_paid > self.insurers[header.second].balance:
                    return "PAYER_UNFUNDED"
            elif second.reason not in DENIED:
                return second.reason
        return self._claim(batch, event, first.billed, amounts, first.counted, second_counted)

    @staticmethod
    def _coordinated(amounts: Amounts, second: Price) -> Amounts:
        assert second.shares is not None
        benefit = second.shares.plan_paid
        paid = max(0, benefit - amounts.plan_paid) if second.carve_out else benefit
        alone = second.shares.deductible, second.shares.oop, benefit
        return replace(amounts, second_paid=min(paid, amounts.parts), alone=alone)

    def _claim(
        self, batch: Batch, event: Event, billed: int, amounts: Amounts, counted: bool, second_counted: bool
    ) -> Claim:
        fee = 0
        if batch.operator != NOBODY:
            flat, bps = self.fees.at(batch.signed_at)
            fee = min(flat + amounts.allowed * bps // 10_000, amounts.allowed)
        amounts = replace(amounts, fee=fee)
        by, at = batch.operator, self._dated(batch)
        return Claim(event, billed, amounts, counted, second_counted, by, at, batch.digest)

    def _book(self, claim: Claim, wallet: Wallet) -> None:
        """Charge everybody. The tokens follow once for each contract."""
        header, amounts = claim.event.header, claim.settled
        wallet.pay(amounts.responsibility, self.today)
        who = claim.event.patient, claim.event.year
        if header.payer:
            self.insurers[header.payer].spend(amounts.plan_paid)
            self.insurers[header.payer].members[who].claims.append(claim)
        if header.second and claim.secondary_took_part:
            self.insurers[header.second].spend(amounts.second_paid)
            self.insurers[header.second].members[who].claims.append(claim)
        self.providers[header.provider].account.lots[claim.day] += amounts.credit
        if amounts.fee:
            self.operators.setdefault(claim.operator, Account()).lots[claim.day] += amounts.fee

    # ---- disputes -----------------------------------------------------------------------------------

    def _check_proof(self, claim: Claim) -> None:
        if self.roots.get(claim.root_slot, (b"", 0))[1] != claim.settled_at:
            raise Refused("NotInBatch")

    def check_disputable(self, claim: Claim) -> None:
        """Is the window open, and the claim a leaf of a root that is kept?"""
        if self.now >= claim.settled_at + DISPUTE_WINDOW:
            raise Refused("WindowOver")
        self._check_proof(claim)

    def party(self, claim: Claim, party: int) -> str | None:
        """Who may dispute as patient (0), primary (1) or secondary (2)."""
        header = claim.event.header
        return (claim.event.patient, self.owners.get(header.payer), self.owners.get(header.second))[party]

    def dispute(self, claim: Claim, party: int, caller: str, *, signed: bool = False) -> None:
        """Open a dispute, or join one that is open."""
        self.check_disputable(claim)
        if not signed and caller != self.party(claim, party):
            raise Refused("NotAParty")
        if claim.status > Status.UPHELD:
            raise Refused("WrongStatus")
        if claim.parties >> party & 1:
            raise Refused("AlreadyDisputed")
        claim.parties |= 1 << party
        if not claim.pending:
            claim.status, claim.deadline = Status.OPEN, self.now + ANSWER_TIME
            claim.held, claim.fee_held = claim.live.credit, claim.live.fee
            self._account(claim).hold(claim.day, claim.held)
            if claim.fee_held:
                self.operators[claim.operator].hold(claim.day, claim.fee_held)
        if party == 0:
            self.wallets[claim.event.patient].dispute_nonce += 1

    def _account(self, claim: Claim) -> Account:
        return self.providers[claim.event.header.provider].account

    def _check_pending(self, claim: Claim) -> None:
        if not claim.pending:
            raise Refused("WrongStatus")

    def concede(self, claim: Claim, caller: str) -> None:
        self.controlled(claim.event.header.provider, caller)
        self._check_pending(claim)
        self._reverse(claim, ZERO)

    def answer(self, claim: Claim, caller: str) -> None:
        self.controlled(claim.event.header.provider, caller)
        if claim.status != Status.OPEN:
            raise Refused("WrongStatus")
        if self.now >= claim.deadline:
            raise Refused("DeadlineOver")
        claim.status, claim.deadline = Status.ANSWERED, self.now + RULING_TIME

    def resolve(self, claim: Claim, caller: str, ruling: Amounts, stands: bool) -> None:
        """Rule on an answered dispute: these amounts stay. A claim of nothing stands if it is said so."""
        if caller != self.arbiter:
            raise Refused("AccessManagedUnauthorized")
        if claim.status != Status.ANSWERED:
            raise Refused("WrongStatus")
        if self.now >= claim.deadline:
            raise Refused("DeadlineOver")
        if ruling.parts + ruling.plan_paid != ruling.allowed or ruling.second_paid > ruling.parts:
            raise Refused("RulingDoesNotAddUp")
        if ruling.allowed == 0 and any(ruling.alone):
            raise Refused("RulingDoesNotAddUp")
        taken = claim.settled.minus(ruling)
        if min(*taken.numbers(), taken.responsibility, taken.credit, ruling.credit) < 0:
            raise Refused("RulingTooLarge")
        # Of a claim of nothing there is nothing to take back but its units.
        if any(taken.numbers()) or (ruling.allowed == 0 and not stands):
            if stands:
                raise Refused("RulingContradictsItself")
            self._reverse(claim, ruling)
        else:
            self._uphold(claim)

    def close(self, claim: Claim) -> None:
        """End a dispute that somebody has left lying: the provider loses, the arbiter lets it stand."""
        self._check_pending(claim)
        if self.now < claim.deadline:
            raise Refused("DeadlineNotOver")
        if claim.status == Status.ANSWERED:
            self._uphold(claim)
        else:
            self._reverse(claim, ZERO)

    def _uphold(self, claim: Claim) -> None:
        self._unhold(claim, ZERO)
        claim.status = Status.UPHELD

    def _reverse(self, claim: Claim, ruling: Amounts) -> None:
        """End a dispute against the provider: only the ruling's amounts stay."""
        taken = claim.settled.minus(ruling)
        self._unhold(claim, taken)
        claim.status = Status.REVERSED
        self._take_back(claim, ruling, taken, Counter())

    def _unhold(self, claim: Claim, lost: Amounts) -> None:
        self._account(claim).unhold(claim.day, claim.held, lost.credit, self.today)
        if claim.fee_held:
            self.operators[claim.operator].unhold(claim.day, claim.fee_held, lost.fee, self.today)
        claim.deadline = claim.held = claim.fee_held = 0

    def void(self, claim: Claim, caller: str) -> None:
        """The provider gives an undisputed claim back."""
        self.controlled(claim.event.header.provider, caller)
        self._check_proof(claim)
        if claim.status not in (Status.NONE, Status.UPHELD):
            raise Refused("WrongStatus")
        account, taken, missing = self._account(claim), claim.settled, Counter[int]()
        if claim.day + DAYS_TO_MATURE > self.today:
            account.lots[claim.day] -= taken.credit
            if taken.fee:
                self.operators[claim.operator].lots[claim.day] -= taken.fee
        else:
            missing = self._take_matured(claim, account, caller)
        claim.status = Status.REVERSED
        self._take_back(claim, ZERO, taken, missing)

    def _take_matured(self, claim: Claim, account: Account, caller: str) -> Counter[int]:
        """Give back from matured money, then from the free bond, and the patient's part from the caller's
        own tokens, too; what is missing of the payers' is owed."""
        due = claim.settled.allowed
        matured = min(account.withdrawable, due)
        bond = min(max(0, account.bond - account.advanced), due - matured)
        there = matured + bond - claim.settled.responsibility
        if there < 0:
            if self.allowances[caller, self.settlement] < -there:
                raise Refused("PatientPartMissing")
            self.deposit_bond(claim.event.header.provider, caller, -there)
            bond, there = bond - there, 0
        account.matured -= matured
        account.bond -= bond
        header = claim.event.header
        primary = max(0, claim.settled.plan_paid - there)
        there -= claim.settled.plan_paid - primary
        missing = Counter({header.payer: primary, header.second: claim.settled.second_paid - there})
        for payer, amount in missing.items():
            if payer and amount:
                account.owed[payer] += amount
        return missing

    def _take_back(self, claim: Claim, ruling: Amounts, taken: Amounts, missing: Counter[int]) -> None:
        """Give everybody their part of what was taken from a claim, but for what is missing."""
        claim.live = ruling
        claim.units_live = ruling.allowed != 0
        header = claim.event.header
        self.move(self.settlement, self.escrow, taken.responsibility)
        self.wallets[claim.event.patient].add(taken.responsibility)
        self._refund(header.payer, taken.plan_paid - missing[header.payer])
        self._refund(header.second, taken.second_paid - missing[header.second])

    def _refund(self, payer: int, amount: int) -> None:
        """Send a payer its part, or keep it until the token lets it through."""
        if amount == 0:
            return
        if self.payer_addresses[payer] in self.blocked:
            self.refunds[payer] += amount
            return
        self.move(self.settlement, self.payer_addresses[payer], amount)
        self.insurers[payer].add(amount)


def _paid(endings: Sequence[Ending]) -> Counter[int]:
    """What each payer pays for settled rows, and the patients together under 0."""
    paid = Counter[int]()
    for claim in (ending.claim for ending in endings if ending.claim is not None):
        header, amounts = claim.event.header, claim.settled
        paid[0] += amounts.responsibility
        paid[header.payer] += amounts.plan_paid
        paid[header.second] += amounts.second_paid
    return paid
