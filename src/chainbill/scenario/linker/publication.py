"""What the chain publishes of a year: logs, written as the contracts do and read as everybody reads them."""

from __future__ import annotations

import random
import struct
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from chainbill.attestation.address import checksum_address
from chainbill.billing.accumulators import Accumulators
from chainbill.billing.adjudication import Adjudication, adjudicate
from chainbill.billing.plan_file import PlanFile, example_plan
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain.format.events import RecordedEvent
from chainbill.chain.format.logs import PAYER, TRANSFER_TOPIC, WORD, decode_words, event_topic
from chainbill.chain.format.packed_claim import PLAIN
from chainbill.money import DOLLAR
from chainbill.operations.provider.sequences import FIRST, choose
from chainbill.protocol_constants import DAY_SECONDS
from chainbill.records.hashing import keccak256
from chainbill.scenario.linker.population import STARTS_ON, Visit, Year, day_of
from chainbill.scenario.linker.practice import AccountKey, Carried, Funded, Practice

_PAYER_ID = 1
_DEPOSIT = 500 * DOLLAR
"""What each account is sent: a round amount, the same for all."""
_ENROLLED = event_topic("Enrolled(address,uint16,uint16,uint32,uint64,uint64,uint64)")
_PLAIN_CLAIM = struct.Struct(">32s" + PLAIN)
_BLOCKS_A_DAY = DAY_SECONDS // 12
_OPENED_BLOCK, _SETTLED_BLOCK = 0, 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What is public."""

    records: tuple[RecordedEvent, ...]
    """Tokens moved to accounts, enrolments and claims, in the chain's order."""
    words: Mapping[str, bytes]
    """By account: the payer's storage word that settling its claims writes."""
    plan: PlanTerms
    categories: Mapping[bytes, CategoryTerms]
    """By service id, as the payer has published fees and terms."""
    practice: Practice
    """How everybody settles is no secret."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A year as it is published, and what is true of it."""

    seen: Seen
    accounts: tuple[str, ...]
    """By visit: the account it was settled under."""
    paid: tuple[int, ...]
    """By patient: what it paid in the year, in micro-dollars."""


def publish(year: Year, practice: Practice, *, seed: int) -> Publication:
    """Settle a year.

    Args:
        seed: of addresses, and of orders that are left to chance.
    """
    return _Chain(year, practice, seed).settled()


def rounded(met: Accumulators, plan: PlanTerms, practice: Practice) -> Accumulators:
    """What an account begins with, of a member who has met so much under the others. The annual maximum's
    part is left out: the plan has none."""
    match practice.carried:
        case Carried.EXACT:
            return Accumulators(met.deductible_met, met.oop_met)
        case Carried.STEPS:
            return Accumulators(
                _up(met.deductible_met, plan.deductible, practice.steps),
                _up(met.oop_met, plan.oop_max, practice.steps),
            )
        case Carried.SHARED | Carried.NOTHING:
            return Accumulators()


def _up(amount: int, limit: int, steps: int) -> int:
    """``amount`` rounded up to a step of ``limit``, which it does not exceed."""
    step = -(-limit // steps)
    return min(limit, -(-amount // step) * step)


def _sum(one: Accumulators, two: Adjudication) -> Accumulators:
    return Accumulators(one.deductible_met + two.deductible, one.oop_met + two.out_of_pocket)


class _Chain:
    """Contracts, insurer and wallets, as far as they leave anything to see."""

    def __init__(self, year: Year, practice: Practice, seed: int) -> None:
        self._year, self._practice, self._seed = year, practice, seed
        self._rng = random.Random(seed)  # noqa: S311 (a model, no secret)
        self._plan = PlanFile.parse(example_plan())
        self._addresses: dict[AccountKey | str, bytes] = {}
        self._met: dict[bytes, Accumulators] = {}
        self._member_met: dict[int, Accumulators] = defaultdict(Accumulators)
        self._paid = [0] * len(year.families)
        self._records: list[RecordedEvent] = []
        self._words: dict[str, bytes] = {}
        self._categories: dict[bytes, CategoryTerms] = {}

    def settled(self) -> Publication:
        visits = list(enumerate(self._year.visits))
        sequences = self._sequences()
        for day, batch in groupby(visits, lambda each: self._practice.settles_on(each[1].day)):
            self._settle(day, list(batch), sequences)
        accounts = tuple(_shown(self._account(visit)) for visit in self._year.visits)
        seen = Seen(tuple(self._records), self._words, self._plan.terms, self._categories, self._practice)
        return Publication(seen, accounts, tuple(self._paid))

    def _sequences(self) -> list[int]:
        """By visit, as providers' worklists give them."""
        rng = random.Random(self._seed)  # noqa: S311 (a model, no secret)
        given: dict[int, set[int]] = defaultdict(set)
        sequences = []
        for visit in self._year.visits:
            taken = given[visit.provider]
            sequence = choose(self._practice.sequences, taken, floor=FIRST, pick=rng.choice)
            taken.add(sequence)
            sequences.append(sequence)
        return sequences

    def _settle(self, day: int, batch: list[tuple[int, Visit]], sequences: list[int]) -> None:
        """Open the accounts that are new, and settle as a batch has its rows: by provider and account, and
        then in the order of attesting."""
        keys = {self._practice.account_of(visit) for _, visit in batch} - set(self._addresses)
        for key in self._rng.sample(sorted(keys), len(keys)):
            self._open(day, key)
        rows = [(visit.provider, self._account(visit), sequences[place], visit) for place, visit in batch]
        for _, account, sequence, visit in sorted(rows, key=lambda row: row[:2]):
            self._charge(day, account, sequence, visit)

    def _open(self, day: int, key: AccountKey) -> None:
        account, patient = self._address(key), key[0]
        shared = self._practice.carried is Carried.SHARED
        word = b"member %d" % patient if shared else account
        opening = rounded(self._member_met[patient], self._plan.terms, self._practice)
        self._met.setdefault(word, opening)
        self._words[_shown(account)] = keccak256(word)
        sender = f"wallet {patient}" if self._practice.funded is Funded.WALLET else "common payer"
        topics = [TRANSFER_TOPIC, _word(self._address(sender)), _word(account)]
        self._log("DevUSD", day, _OPENED_BLOCK, topics, _words(_DEPOSIT))
        topics = [_ENROLLED, _word(account), *map(_number, (STARTS_ON.year, self._plan.plan_id))]
        amounts = (opening.deductible_met, opening.oop_met, opening.plan_paid)
        self._log(PAYER, day, _OPENED_BLOCK, topics, _words(self._year.families[patient], *amounts))

    def _charge(self, day: int, account: bytes, sequence: int, visit: Visit) -> None:
        service, category = visit.service, self._plan.categories[int(visit.service.category)]
        service_id = keccak256(b"service id of " + service.service.encode())[:8]
        self._categories[service_id] = category
        word = b"member %d" % visit.patient if self._practice.carried is Carried.SHARED else account
        priced = adjudicate(
            billed_amount=0,
            units=1,
            fee=FeeTerms(amount=service.fee, category=int(service.category)),
            category=category,
            plan=self._plan.terms,
            met=self._met[word],
        )
        self._met[word] = priced.accumulators_after
        self._member_met[visit.patient] = _sum(self._member_met[visit.patient], priced)
        self._paid[visit.patient] += priced.patient_responsibility
        data = _PLAIN_CLAIM.pack(
            self._rng.randbytes(32),
            *(visit.provider + 1, _PAYER_ID, self._plan.plan_id, 1),
            *(priced.billed, priced.allowed, priced.deductible, priced.copay, priced.coinsurance),
            *(service_id, 1, day_of(visit.day).year, sequence, True),
        )
        self._log("ClaimSettlement", day, _SETTLED_BLOCK, [_word(account)], data)

    def _log(self, contract: str, day: int, block: int, topics: list[bytes], data: bytes) -> None:
        event = decode_words(contract, topics, data, _PAYER_ID)
        time = day * DAY_SECONDS
        number = day * _BLOCKS_A_DAY + block
        self._records.append(RecordedEvent(event, contract, number, time, "", len(self._records)))

    def _account(self, visit: Visit) -> bytes:
        return self._address(self._practice.account_of(visit))

    def _address(self, owner: AccountKey | str) -> bytes:
        return self._addresses.setdefault(owner, self._rng.randbytes(20))


def _shown(address: bytes) -> str:
    return checksum_address("0x" + address.hex())


def _word(value: bytes) -> bytes:
    return value.rjust(WORD, b"\0")


def _number(value: int) -> bytes:
    return value.to_bytes(WORD, "big")


def _words(*values: int) -> bytes:
    return b"".join(map(_number, values))
