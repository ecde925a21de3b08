"""Rules of settling: batches of every kind, good ones, and every way in which one can be bad."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from eth_hash.auto import keccak
from hypothesis.stateful import precondition, rule
from tests.sequences.harness.both_sides import failed_payers, mirrored, require
from tests.sequences.harness.choices import BITS, Choices
from tests.sequences.harness.invariants import World
from tests.sequences.harness.participants import CENT, DOLLAR, SLOTS
from tests.sequences.model.attesters import Attestation
from tests.sequences.model.claims import Event, Header, Status, word
from tests.sequences.model.ledger import (
    DISPUTE_WINDOW,
    NOBODY,
    QUORUM_SILENCE,
    UNANSWERED_LIFE,
    Batch,
    Ending,
    Section,
)
from tests.sequences.model.timeline import DAY, HOUR, MAX_BATCH_LIFE, MINUTE
from tests.sequences.model.wallets import Consent
from tests.sequences.rules.insurers import hostile_opening
from tests.support.deployment import COSMETIC, REFILL, THERAPY, UNLISTED, VISIT

BILLED = (0, 200 * DOLLAR, 80 * DOLLAR, 10 * DOLLAR + 5 * CENT, 33 * DOLLAR, 1)
SERVICES = (VISIT, THERAPY, REFILL, VISIT, THERAPY, COSMETIC, UNLISTED)


class Settling(World):
    """What oracles sign and anybody submits."""

    # ---- good ---------------------------------------------------------------------------------------

    @rule(bits=BITS)
    def insured_events_settle(self, bits: bytes) -> None:
        """One to three sections under the terms in force."""
        choices = self.begin("insured_events_settle", bits)
        signed_at = self._signed_at(choices)
        sections = [self._insured(choices, signed_at) for _ in range(choices.of((1, 1, 2, 3)))]
        self._settle(choices, sections, signed_at)

    @rule(bits=BITS)
    def coordinated_events_settle(self, bits: bytes) -> None:
        """With a primary and a secondary payer."""
        choices = self.begin("coordinated_events_settle", bits)
        signed_at = self._signed_at(choices)
        self._settle(choices, [self._coordinated(choices, signed_at)], signed_at)

    @rule(bits=BITS)
    def self_paid_events_settle(self, bits: bytes) -> None:
        """Without a payer, at the cash price."""
        choices = self.begin("self_paid_events_settle", bits)
        signed_at = self._signed_at(choices)
        self._settle(choices, [self._self_paid(choices, signed_at)], signed_at)

    @rule(bits=BITS)
    def batch_of_all_kinds_settles(self, bits: bytes) -> None:
        """All kinds in one batch."""
        choices = self.begin("batch_of_all_kinds_settles", bits)
        signed_at = self._signed_at(choices)
        kinds = self._insured, self._self_paid, self._coordinated, self._insured
        sections = [kind(choices, signed_at) for kind in kinds[choices.below(2) :]]
        self._settle(choices, sections, signed_at)

    @precondition(lambda self: any(claim.status >= Status.REVERSED for claim in self.ledger.claims))
    @rule(bits=BITS)
    def correction_settles(self, bits: bytes) -> None:
        """A new claim that names a reversed one: once, and only the provider's own."""
        choices = self.begin("correction_settles", bits)
        signed_at = self._signed_at(choices)
        reversed_ = [claim for claim in self.ledger.claims if claim.status >= Status.REVERSED]
        claim = choices.of(reversed_) if not choices.once_in(5) else choices.of(self.ledger.claims)
        old = claim.event
        header = old.header
        if choices.once_in(8):
            header = replace(header, provider=3 - header.provider)
        event = replace(
            old,
            header=self._in_force(header, signed_at),
            sequence=self._sequence(choices, header.provider),
            billed=choices.of((old.billed // 2, old.billed, 0)),
        )
        event = replace(event, commitment=keccak(word(event.sequence)))
        corrects = claim.id if not choices.once_in(10) else keccak(claim.id)
        self._settle(choices, [Section(event.header, (event,), (corrects,))], signed_at)

    # ---- bad ----------------------------------------------------------------------------------------

    @rule(bits=BITS)
    def odd_events_end_as_they_must(self, bits: bytes) -> None:
        """Rows and sections that nobody should pay, beside ones that are in order."""
        choices = self.begin("odd_events_end_as_they_must", bits)
        signed_at = self._signed_at(choices)
        good = self._insured(choices, signed_at)
        self._settle(choices, [good, self._odd(choices, good)], signed_at)

    @precondition(lambda self: self.batches)
    @rule(bits=BITS)
    def replayed_batch_settles_nothing(self, bits: bytes) -> None:
        """The very same batch once more; its signatures are still good."""
        choices = self.begin("replayed_batch_settles_nothing", bits)
        batch, signers = choices.of(self.batches[::-1][:4])
        self._submit(choices, batch, signers)

    @rule(bits=BITS)
    def wrongly_signed_batch_is_refused(self, bits: bytes) -> None:
        """Too few, too many, unsorted, doubled or foreign signers; another time, another epoch."""
        choices = self.begin("wrongly_signed_batch_is_refused", bits)
        flaw = choices.of(
            ("few", "unsorted", "doubled", "foreign", "many", "epoch", "early", "expired", "long")
        )
        now = self.now
        signed_at = {"early": now + 1, "expired": now - MAX_BATCH_LIFE - 1}.get(
            flaw, now - choices.below(3) * HOUR
        )
        deadline = signed_at + MAX_BATCH_LIFE + (flaw == "long")
        epoch = self._epoch() + (flaw == "epoch")
        section = self._attest(choices, self._insured(choices, now), now)
        batch = Batch(epoch, signed_at, deadline, NOBODY, (section,))
        members = self._signers(choices, self._epoch())
        foreign = next(
            one for one in self.stage.oracles if one not in self.ledger.epochs[self._epoch()].members
        )
        signers = {
            "few": members[:1],
            "unsorted": members[::-1],
            "doubled": [members[0]] * 2,
            "foreign": sorted([*members[1:], foreign], key=lambda one: int(one, 16)),
            "many": sorted([*self.stage.oracles], key=lambda one: int(one, 16)),
        }.get(flaw, members)
        self._submit(choices, batch, signers)

    @rule(bits=BITS)
    def tampered_batch_is_refused(self, bits: bytes) -> None:
        """Signatures mirrored or of other bytes; bytes that are no sections, though signed."""
        choices = self.begin("tampered_batch_is_refused", bits)
        section = self._attest(choices, self._insured(choices, self.now), self.now)
        batch = Batch(self._epoch(), self.now, self.now + HOUR, NOBODY, (section,))
        packed, flaw = (
            bytearray(self.stage.pack(batch)),
            choices.of(("byte", "mirror", "cut", "groups", "flags", "header")),
        )
        signed = self.stage.signed_batch(batch, bytes(packed))
        header = batch.epoch, batch.signed_at, batch.deadline, batch.operator
        expected = {"MalformedBatch"}
        if flaw == "byte":
            packed[choices.below(len(packed))] ^= 1 << choices.below(8)
        elif flaw == "header":
            header = batch.epoch, batch.signed_at, batch.deadline - 1, batch.operator
        elif flaw != "mirror":
            if flaw == "cut":
                del packed[-1]
            else:
                packed[{"groups": 21, "flags": 24}[flaw]] ^= 4
            signed = self.stage.signed_batch(batch, bytes(packed))
        if flaw in ("byte", "mirror", "header"):
            expected = {"InvalidSignature", "SignersUnsorted", "NotOracleMember"}
        signatures = [self.stage.keys[one].sign(signed.digest) for one in self._signers(choices, batch.epoch)]
        if flaw == "mirror":
            signatures[-1] = mirrored(signatures[-1])
        quorum = self.ledger.epochs[batch.epoch]
        if self.ledger.paused:
            expected = {"EnforcedPause"}
        elif 0 < quorum.ends <= self.now:
            expected = {"EpochOver"}
        members = self.stage.protocol.members_of(batch.epoch)
        self.stage.refuses(
            *(self.stage.protocol.settlement, self.stage.relay, "settle"),
            *((header, bytes(packed), members + b"".join(signatures), 0), expected),
        )

    # ---- without the quorum -------------------------------------------------------------------------

    @rule(bits=BITS)
    def unanswered_sections_settle(self, bits: bytes) -> None:
        """Announced by their provider, and after about a week without a word: settled; now and then called
        off, or other than announced, too early, too late, by somebody else, or with another provider's."""
        choices = self.begin("unanswered_sections_settle", bits)
        provider = choices.of((1, 2, 1))
        caller = self.ledger.payout(provider)
        kinds = [self._insured(choices, self.now, provider) for _ in range(choices.of((1, 1, 2)))]
        sections = sorted(kinds, key=lambda one: (one.header.payer, one.header.second))
        if choices.once_in(10):
            sections = [*sections, self._insured(choices, self.now, 3 - provider)]
        attested = tuple(self._attest(choices, section, self.now) for section in sections)
        packed = self.stage.pack(Batch(0, self.now, self.now, NOBODY, attested))
        announced = self.stage.announce(provider, caller, packed)
        waits = (QUORUM_SILENCE, QUORUM_SILENCE, QUORUM_SILENCE + DAY, QUORUM_SILENCE - 1, 0)
        self.stage.wait(choices.of((*waits, QUORUM_SILENCE, QUORUM_SILENCE + UNANSWERED_LIFE)))
        if choices.once_in(5):
            self.stage.object(provider, announced, self._signers(choices, self._epoch()))
        if choices.once_in(8):
            caller = choices.of((self.stage.relay, *self.stage.payouts))
        if choices.once_in(8):
            attested = attested[:-1] or (self._attest(choices, attested[0], self.now),)
        self._settle_unanswered(choices, provider, caller, announced, attested)
        if choices.once_in(3):
            self._settle_unanswered(choices, provider, caller, announced, attested)

    def _settle_unanswered(
        self,
        choices: Choices,
        provider: int,
        caller: str,
        announced: tuple[bytes, int],
        sections: tuple[Section, ...],
    ) -> None:
        self._may_lose(sections)
        slots = self._free_slots() or list(SLOTS)
        endings = self.stage.settle_unanswered(provider, caller, announced, sections, choices.of(slots))
        if endings is not None:
            self._check_failures(endings)
            self.check_settled(endings, self.now)

    # ---- batches ------------------------------------------------------------------------------------

    def _settle(self, choices: Choices, sections: list[Section], signed_at: int) -> None:
        sections = sorted(sections, key=lambda one: (one.header.payer, one.header.second))
        operator = choices.of((*self.stage.operators[:1], NOBODY, *self.stage.operators))
        epoch = self._epoch() if not choices.once_in(10) else max(1, self._epoch() - 1)
        attested = tuple(self._attest(choices, section, signed_at) for section in sections)
        batch = Batch(epoch, signed_at, signed_at + MAX_BATCH_LIFE, operator, attested)
        signers = self._signers(choices, epoch)
        if choices.once_in(5):
            self._outrun(choices, batch)
        self._submit(choices, batch, signers)
        self.batches.append((batch, signers))

    def _outrun(self, choices: Choices, batch: Batch) -> None:
        """Before a signed batch settles, its insurers enrol sham members, with opening entries to do harm."""
        for section in batch.sections:
            header, event = section.header, section.events[0]
            for payer in (header.payer, header.second):
                insurer = self.ledger.insurers.get(payer)
                if insurer is None:
                    continue
                known = insurer.members.get((event.patient, event.year))
                family = known.family if known is not None and known.family else 7
                sham, opening = choices.of(self.stage.shams), hostile_opening(choices)
                self.stage.enrol(payer, sham, event.year, choices.of((1, 2)), family, opening)

    def _submit(self, choices: Choices, batch: Batch, signers: list[str]) -> None:
        self._may_lose(batch.sections)
        endings = self.stage.settle(batch, signers, self._slot(choices))
        if endings is not None:
            self._check_failures(endings)
            self.check_settled(endings, batch.signed_at)

    def _may_lose(self, sections: tuple[Section, ...]) -> None:
        for section in sections:
            self.losers |= {f"pool {payer} ()" for payer in (section.header.payer, section.header.second)}
            self.losers |= {f"balanceOf {event.patient[:6]}" for event in section.events}

    def _check_failures(self, endings: list[Ending]) -> None:
        """Rows pend for a payer whose tokens cannot move exactly where the contract has logged one."""
        failed = any(ending.reason == "PAYER_FAILED" for ending in endings)
        logged = failed_payers(self.stage.backend.logs())
        stuck = [payer for payer, at in self.ledger.payer_addresses.items() if at in self.ledger.blocked]
        agree = failed == bool(logged) and set(logged) <= set(stuck)
        require(agree, "payers that failed", f"logged {logged}, of {stuck}")

    def _epoch(self) -> int:
        return len(self.ledger.epochs)

    def _signers(self, choices: Choices, epoch: int) -> list[str]:
        quorum = self.ledger.epochs[epoch]
        most = len(quorum.members)
        count = quorum.threshold + choices.below(most - quorum.threshold + 1)
        return list(quorum.members[most - count :] if choices.once_in(2) else quorum.members[:count])

    def _free_slots(self) -> list[int]:
        roots = self.ledger.roots
        return [slot for slot in SLOTS if slot not in roots or self.now >= roots[slot][1] + DISPUTE_WINDOW]

    def _slot(self, choices: Choices) -> int:
        """A root slot that is free; now and then the one that has been in use for longest."""
        free, roots = self._free_slots(), self.ledger.roots
        if roots and (not free or choices.once_in(8)):
            return min(roots, key=lambda slot: roots[slot][1])
        return choices.of(free)

    def _signed_at(self, choices: Choices) -> int:
        """Some time ago, as far as a batch may lie; where no slot is free, time passes first."""
        if not self._free_slots():
            oldest = min(settled_at for _, settled_at in self.ledger.roots.values())
            free_in = oldest + DISPUTE_WINDOW - self.now
            self.stage.wait(max(0, free_in + choices.of((0, 1, -1, -DAY))))
        return self.now - choices.of((0, 10 * MINUTE, HOUR, 3 * HOUR, MAX_BATCH_LIFE, 0, MINUTE))

    # ---- attestations -------------------------------------------------------------------------------

    def _attest(self, choices: Choices, section: Section, signed_at: int) -> Section:
        """The section under signatures: one under all of it, one under each row, or cut at random."""
        rows = Counter(event.patient for event in section.events)
        counts = list(rows.values())
        way = choices.below(4)
        spans = [len(counts)] if way < 2 else [0] * sum(counts)
        if way == 3:
            spans = []
            while counts:
                span = choices.below(len(counts) + 1)
                spans += [span] if span else [0] * counts[0]
                del counts[: span or 1]
        attestations = [self._attestation(choices, section, span, signed_at) for span in spans]
        return replace(section, attestations=tuple(attestations))

    def _attestation(self, choices: Choices, section: Section, span: int, signed_at: int) -> Attestation:
        """Mostly by a standing attester of the provider's, over what the rows say."""
        provider = self.ledger.providers.get(section.header.provider)
        standing = (
            [one for one, since in provider.attesters.items() if since <= signed_at] if provider else []
        )
        anybody = [*self.stage.attesters, self.stage.relay]
        attester = choices.of(anybody if not standing or choices.once_in(12) else standing)
        flaw = choices.of(("payer", "sequence", "domain")) if choices.once_in(16) else ""
        return Attestation(attester, span, flaw)

    # ---- sections -----------------------------------------------------------------------------------

    def _insured(self, choices: Choices, signed_at: int, provider: int = 0) -> Section:
        """Events of patients with one payer."""
        pairs = [pair for pair in self._pairs(signed_at) if pair[0] and not pair[1]]
        if not pairs:
            return self._coordinated(choices, signed_at)
        pair = choices.of(pairs)
        header = Header(provider or choices.of((1, 2, 1)), pair[0], 0, 0)
        return self._section(choices, header, pair, signed_at)

    def _coordinated(self, choices: Choices, signed_at: int) -> Section:
        """Events of patients with two payers."""
        pairs = [pair for pair in self._pairs(signed_at) if pair[1]]
        if not pairs:
            return self._self_paid(choices, signed_at)
        pair = choices.of(pairs)
        return self._section(choices, Header(choices.of((1, 2)), pair[0], 0, 0, pair[1]), pair, signed_at)

    def _self_paid(self, choices: Choices, signed_at: int) -> Section:
        """Events of patients without a payer, or who would rather pay for themselves."""
        return self._section(choices, Header(choices.of((1, 1, 2)), 0, 0, 0), (0, 0), signed_at)

    def _pairs(self, signed_at: int) -> list[tuple[int, int]]:
        return [self._payers(patient, signed_at) for patient in self.stage.patients]

    def _payers(self, patient: str, time: int) -> tuple[int, int]:
        return self.ledger.wallets[patient].payers.at(time)

    def _consent(self, patient: str, provider: int, time: int) -> Consent:
        return self.ledger.wallets[patient].consent_to(provider).at(time)

    def _section(self, choices: Choices, header: Header, pair: tuple[int, int], signed_at: int) -> Section:
        """Rows of some of the patients whose payers are these; of anybody where there are none."""
        candidates = [
            patient
            for patient in self.stage.patients
            if self._payers(patient, signed_at) == pair
            or (pair == (0, 0) and self._consent(patient, header.provider, signed_at).self_pay)
        ] or self.stage.patients
        first = choices.of(candidates)
        years = [
            year for year in (self.ledger.year, self.ledger.year - 1) if self._is_member(header, first, year)
        ]
        year = choices.of(years or [self.ledger.year])
        header = self._under_plans(header, first, year)
        header = self._in_force(header, signed_at)
        chosen = [first, *(one for one in candidates if one != first and choices.once_in(2))]
        events = [
            self._event(choices, header, patient, year)
            for patient in sorted(chosen, key=lambda one: int(one, 16))
            for _ in range(choices.of((1, 1, 2)))
        ]
        return Section(header, tuple(events))

    def _is_member(self, header: Header, patient: str, year: int) -> bool:
        return header.payer == 0 or (patient, year) in self.ledger.insurers[header.payer].members

    def _under_plans(self, header: Header, patient: str, year: int) -> Header:
        """The plans that the patient is in."""
        for payer, field in ((header.payer, "plan"), (header.second, "second_plan")):
            member = self.ledger.insurers[payer].members.get((patient, year)) if payer else None
            if payer:
                header = replace(header, **{field: member.plans.at(self.now) if member else 1})
        return header

    def _in_force(self, header: Header, signed_at: int) -> Header:
        """The versions of the header's plans that are in force."""
        if header.payer:
            version = self.ledger.insurers[header.payer].version_at(header.plan, signed_at)
            header = replace(header, version=version)
        if header.second:
            version = self.ledger.insurers[header.second].version_at(header.second_plan, signed_at)
            header = replace(header, second_version=version)
        return header

    def _sequence(self, choices: Choices, provider: int) -> int:
        """The provider's next; now and then one that was used, or far ahead."""
        known = self.next_sequence.setdefault(provider, 1)
        if choices.once_in(12) and known > 1:
            return 1 + choices.below(min(known - 1, 256))
        self.next_sequence[provider] = known + choices.of((1, 1, 1, 1, 1, 1, 1, 250))
        return known

    def _event(self, choices: Choices, header: Header, patient: str, year: int) -> Event:
        services = SERVICES
        if header.payer == 0 and not choices.once_in(8):
            services = tuple(self.ledger.providers[header.provider].cash) or SERVICES
        service, sequence = choices.of(services), self._sequence(choices, header.provider)
        second_service = (
            (service if not choices.once_in(6) else choices.of(SERVICES)) if header.second else b""
        )
        units, billed = choices.of((1, 1, 2, 1, 3)), choices.of(BILLED)
        commitment = keccak(word(sequence) + bytes((header.provider, len(self.batches) % 256)))
        return Event(header, patient, commitment, service, units, billed, year, sequence, second_service)

    def _odd(self, choices: Choices, good: Section) -> Section:
        """A section in which something is not as it should be."""
        header, events = good.header, list(good.events)
        flaw = choices.below(9)
        if flaw == 0 and header.second:
            header = replace(header, payer=header.second, second=header.payer)
        elif flaw == 0:
            header = replace(header, payer=choices.of((2 if header.payer == 1 else 1, 0)))
        elif flaw == 1:
            header = replace(header, provider=choices.of((3 - header.provider, 3, 77)))
        elif flaw == 2:
            header = replace(header, plan=choices.of((3 - header.plan, 7, 0)))
        elif flaw == 3:
            header = replace(header, version=header.version + choices.of((1, -1)) if header.version else 9)
        elif flaw == 4:
            header = replace(header, payer=choices.of((77, 2**24 + 1)))
        changes: dict[str, object] = {"header": header}
        if flaw == 5:
            changes["year"] = self.ledger.year + choices.of((-2, 1, -1))
        elif flaw == 6:
            changes["units"] = choices.of((0, 7, 5))
        elif flaw == 7:
            changes["patient"] = self.stage.protocol.arbiter
        if flaw == 7:
            events = events[:1]
        # Flaw 8: the same rows a second time, with the same sequences.
        odd = [
            replace(
                event,
                **changes,
                sequence=event.sequence if flaw == 8 else self._sequence(choices, header.provider),
            )
            for event in events
        ]
        return Section(header, tuple(odd))
