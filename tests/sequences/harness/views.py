"""All that the contracts say about the world, read in one call after each step, beside what the ledger says.

A hundred calls into an EVM cost more than all they do there; a few instructions of our own make them in one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from tests.sequences.model.accounts import Account
from tests.sequences.model.claims import word
from tests.sequences.model.insurers import Insurer
from tests.sequences.model.ledger import Ledger
from tests.support.evm import NOBODY, Contract, Evm
from tests.support.pyrevm_backend import PyrevmBackend

Words = tuple[int, ...]

# Calldata: entries of target (20 bytes), length of its calldata (1), length of its answer (2), its calldata.
# Answers with the answers, one after the other; a call that fails fails the whole.
_END, _FAIL, _LOOP = "3e", "41", "02"
READER = bytes.fromhex(
    "5f5f"  # stack: where the next entry stands, where its answer goes
    "5b"  # loop:
    f"81361460{_END}57"  # to the end, where no entry is left
    "8135"  # the entry's first word
    "8060581c60ff16"  # length of its calldata
    "8160481c61ffff16"  # length of its answer
    "81856017018537"  # copy its calldata to where its answer goes
    "808483818660601c5afa"  # static call, with all gas
    f"1560{_FAIL}57"
    "83019250"  # behind the answer
    "60170183019250"  # behind the entry
    f"5060{_LOOP}56"
    "5b5ff3"  # end: return all answers
    "5b5f5ffd"  # fail:
)


@dataclass(frozen=True)
class View:
    """One view of one contract: how to call it, and what the ledger says of it."""

    label: str
    entry: bytes
    size: int
    """Words of its answer."""
    timed: bool
    """Its last argument is the present time."""
    expected: Callable[[Ledger], Words]
    shown: Callable[[Words, int], Words] | None = None
    """Makes an answer comparable, given the time."""

    @property
    def kind(self) -> str:
        """The function's name, or `tokens`: labels begin with it."""
        return self.label.split()[0]


class Views:
    """All views of one deployment that every step compares."""

    def __init__(self, evm: Evm, backend: PyrevmBackend) -> None:
        self._evm = evm
        self._reader = backend.deploy(NOBODY, _creation_code(READER), 10**9)
        self.views: list[View] = []

    def add(
        self,
        label: str,
        contract: Contract,
        function: str,
        arguments: tuple[Any, ...],
        expected: Callable[[Ledger], Words],
        *,
        timed: bool = False,
        shown: Callable[[Words, int], Words] | None = None,
    ) -> None:
        """Compare one more view."""
        self.views.append(_view(label, contract, function, arguments, expected, timed, shown))

    def read(self, now: int, more: list[View]) -> Iterator[tuple[View, Words]]:
        """Every view and what the contracts answer."""
        views, time = self.views + more, word(now)
        entries = [view.entry + time if view.timed else view.entry for view in views]
        answers = self._evm.call(NOBODY, self._reader, b"".join(entries))
        numbers = [int.from_bytes(answers[at : at + 32], "big") for at in range(0, len(answers), 32)]
        at = 0
        for view in views:
            answer = tuple(numbers[at : at + view.size])
            at += view.size
            yield view, answer if view.shown is None else view.shown(answer, now)


def _creation_code(runtime: bytes) -> bytes:
    return bytes.fromhex(f"60{len(runtime):02x}8060095f395ff3") + runtime


def _view(
    label: str,
    contract: Contract,
    function: str,
    arguments: tuple[Any, ...],
    expected: Callable[[Ledger], Words],
    timed: bool = False,
    shown: Callable[[Words, int], Words] | None = None,
) -> View:
    calldata = contract.functions[function].encode((*arguments, 0) if timed else arguments)
    size = len(contract.call(calldata)) // 32
    head = bytes.fromhex(contract.address[2:]) + bytes((len(calldata),)) + (32 * size).to_bytes(2, "big")
    return View(label, head + (calldata[:-32] if timed else calldata), size, timed, expected, shown)


# ---- which views ------------------------------------------------------------------------------------------


def add_patient(views: Views, escrow: Contract, settlement: Contract, patient: str, providers: range) -> None:
    """A patient's money and rights."""

    def add(function: str, *arguments: Any, expected: Callable[[Ledger], Words], **how: Any) -> None:
        views.add(f"{function} {patient[:6]}", escrow, function, (patient, *arguments), expected, **how)

    add("balanceOf", expected=lambda ledger: (ledger.wallets[patient].balance,))
    add("nonceOf", expected=lambda ledger: (ledger.wallets[patient].nonce,))
    add("payersOf", expected=lambda ledger: ledger.wallets[patient].payers.at(ledger.now), timed=True)
    add("limitsOf", expected=lambda ledger: tuple(ledger.wallets[patient].limits.at(ledger.now)), timed=True)
    add("withdrawalOf", expected=lambda ledger: ledger.wallets[patient].words())
    for provider in providers:
        add("consentOf", provider, expected=_consent(patient, provider), timed=True)
    views.add(
        f"nonces {patient[:6]}",
        *(settlement, "nonces", (patient,)),
        lambda ledger: (ledger.wallets[patient].dispute_nonce,),
    )


def _consent(patient: str, provider: int) -> Callable[[Ledger], Words]:
    return lambda ledger: tuple(map(int, ledger.wallets[patient].consent_to(provider).at(ledger.now)))


def add_payer(
    views: Views, payer_id: int, payer: Contract, members: list[tuple[str, int]], services: list[bytes]
) -> None:
    """A pool, and what its members have met."""

    def add(function: str, *arguments: Any, expected: Callable[[Insurer, int], Words], **how: Any) -> None:
        label = f"{function} {payer_id} {arguments}"
        views.add(
            *(label, payer, function, arguments),
            lambda ledger: expected(ledger.insurers[payer_id], ledger.now),
            **how,
        )

    add("pool", expected=lambda insurer, _: (insurer.balance,))
    add("withdrawalRequest", expected=lambda insurer, _: insurer.words())
    for provider in (1, 2):
        add("acceptsProvider", provider, expected=_acceptance(provider), timed=True)
    for member, year in members:
        add("memberYear", member, year, expected=_member(member, year), shown=_shown_member)
        for service in services:
            add("unitsUsed", member, year, service, expected=_units(member, year, service))
    for year in sorted({year for _, year in members}):
        add("familyYear", 7, year, expected=_family(year))


def _acceptance(provider: int) -> Callable[[Insurer, int], Words]:
    return lambda insurer, now: (int(insurer.accepts(provider, now)),)


def _units(member: str, year: int, service: bytes) -> Callable[[Insurer, int], Words]:
    return lambda insurer, _: (insurer.units(member, year, service),)


def _family(year: int) -> Callable[[Insurer, int], Words]:
    return lambda insurer, _: insurer.family(7, year)


def _member(member: str, year: int) -> Callable[[Insurer, int], Words]:
    def expected(insurer: Insurer, now: int) -> Words:
        known, met = insurer.members.get((member, year)), insurer.met(member, year)
        standing = (known.plans.at(now), known.ends, known.family) if known is not None else (0, 0, 0)
        return met.deductible, met.oop, met.plan_paid, *standing

    return expected


def _shown_member(answer: Words, now: int) -> Words:
    """What was met, the plan in force now, when coverage ends, the family."""
    deductible, oop, plan_paid, plan, next_plan, next_at, ends, family = answer
    return deductible, oop, plan_paid, next_plan if 0 < next_at <= now else plan, ends, family


def add_attesters(views: Views, registry: Contract, settlement: Contract, attesters: list[str]) -> None:
    """Who attests for whom, and since when."""
    for provider, attester in product((1, 2), attesters):
        views.add(
            f"attesterSince {provider} {attester[:6]}",
            *(settlement, "attesterSince", (provider, attester)),
            _attester_since(provider, attester),
        )
        views.add(
            f"isAttester {provider} {attester[:6]}",
            *(registry, "isAttester", (provider, attester)),
            _is_attester(provider, attester),
        )


def _attester_since(provider: int, attester: str) -> Callable[[Ledger], Words]:
    return lambda ledger: (ledger.providers[provider].attesters.get(attester, 0),)


def _is_attester(provider: int, attester: str) -> Callable[[Ledger], Words]:
    return lambda ledger: (int(attester in ledger.providers[provider].attesters),)


def add_settlement(
    views: Views, settlement: Contract, operators: list[str], payers: list[int], slots: range
) -> None:
    """Credit, fees, receivables, roots."""

    def add(function: str, *arguments: Any, expected: Callable[[Ledger], Words], **how: Any) -> None:
        views.add(f"{function} {arguments}", settlement, function, arguments, expected, **how)

    for provider in (1, 2):
        add("creditOf", provider, expected=_credit(provider))
        for payer in payers:
            add("receivableOf", provider, payer, expected=_receivable(provider, payer))
    for operator in operators:
        add("feesOf", operator, expected=_fees(operator))
    for payer in payers:
        add("refundOf", payer, expected=_refund(payer))
    for slot in slots:
        add("rootAt", slot, expected=_root(slot))
    add("operatorFeeAt", expected=lambda ledger: ledger.fees.at(ledger.now), timed=True)
    add("currentEpoch", expected=lambda ledger: (len(ledger.epochs),))
    add("paused", expected=lambda ledger: (int(ledger.paused),))


def _credit(provider: int) -> Callable[[Ledger], Words]:
    return lambda ledger: ledger.providers[provider].account.words()


def _receivable(provider: int, payer: int) -> Callable[[Ledger], Words]:
    return lambda ledger: (ledger.providers[provider].account.owed[payer],)


def _fees(operator: str) -> Callable[[Ledger], Words]:
    return lambda ledger: ledger.operators.get(operator, Account()).words()


def _refund(payer: int) -> Callable[[Ledger], Words]:
    return lambda ledger: (ledger.refunds[payer],)


def _root(slot: int) -> Callable[[Ledger], Words]:
    def expected(ledger: Ledger) -> Words:
        root, settled_at = ledger.roots.get(slot, (bytes(32), 0))
        return int.from_bytes(root[:27], "big") << 40, settled_at

    return expected


def add_tokens(views: Views, token: Contract, holders: list[str]) -> None:
    """Who holds how many tokens."""
    for holder in holders:
        views.add(f"tokens {holder[:6]}", token, "balanceOf", (holder,), _tokens(holder))


def _tokens(holder: str) -> Callable[[Ledger], Words]:
    return lambda ledger: (ledger.tokens[holder],)


def dispute_view(settlement: Contract, index: int, claim_id: bytes) -> View:
    """What became of one claim."""
    expected = lambda ledger: ledger.claims[index].dispute_words()  # noqa: E731
    return _view(f"disputeOf claim {index}", settlement, "disputeOf", (claim_id,), expected)


def spent_today_view(escrow: Contract, patient: str) -> View:
    """What a patient with a per-day limit has spent today."""

    def expected(ledger: Ledger) -> Words:
        return (ledger.wallets[patient].spent[ledger.today],)

    return _view(f"spentToday {patient[:6]}", escrow, "spentToday", (patient,), expected)


def spent_view(settlement: Contract, provider: int, sequence: int) -> View:
    """Was a sequence spent?"""

    def expected(ledger: Ledger) -> Words:
        return (int(sequence in ledger.providers[provider].spent),)

    return _view(f"isSpent {provider} {sequence}", settlement, "isSpent", (provider, sequence), expected)
