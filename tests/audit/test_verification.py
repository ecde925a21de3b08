"""``verify``: nothing to find where nothing is wrong, and everything that is planted."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.support.disputed_history import FAMILY, THERAPY, YEAR
from tests.support.ledger_edits import add_to_claim, add_to_word, place_of, with_log, with_logs, with_topic
from tests.support.settled_history import LAB, VISIT, Story

from chainbill.audit.copy_check import check_places
from chainbill.audit.discrepancy import Discrepancy, Kind
from chainbill.audit.state import compare_state
from chainbill.audit.verification import audit_logs, verify
from chainbill.billing.outcomes import Reason
from chainbill.chain.format import events
from chainbill.chain.format.events import Event
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import ChainError, LedgerError, NodeRefused, StateForgotten
from chainbill.ledger.indexer import fetch_ledger
from chainbill.ledger.raw_logs import RawLedger, RawLog
from chainbill.records.hashing import keccak256

Edit = Callable[[RawLedger], RawLedger]


def audit_copy(node: JsonRpc, copy: RawLedger) -> list[Discrepancy]:
    """What replay, prices and contract state find, without the chain's own logs to compare with."""
    audit = audit_logs(copy)
    _, different = compare_state(
        node,
        audit.ledger,
        block=copy.header.to_block,
        block_time=copy.header.to_block_time,
        sequences={(record.provider_id, record.sequence) for record in audit.records},
    )
    return [*check_places(copy), *audit.discrepancies, *different]


def test_verify__the_story__adds_up(story: Story, node: JsonRpc, ledger_copy: RawLedger) -> None:
    heard: list[tuple[str, int, int]] = []
    found = verify(node, story.deployment, on_progress=lambda *step: heard.append(step))
    assert [str(each) for each in found.discrepancies] == []
    assert found.adds_up
    assert found.counts["claims_repriced"] == 52
    assert found.counts["reversed"] == 5
    assert found.counts["logs"] == len(ledger_copy.logs)
    for kind in (
        "balances",
        "pools",
        "credits",
        "member_years",
        "sequences",
        "terms",
        "fees",
        "token_balances",
        "disputes",
        "roots",
        "receivables",
        "cash_prices",
        "limits",
        "units",
        "nonces",
    ):
        assert found.counts[kind] > 0
    # Seven micro-dollars were sent to the escrow without a deposit: told, and no fault.
    assert found.donations == {story.deployment.escrow: 7}
    assert [step for step, _, _ in heard][:2] == ["reading logs", "pricing claims again"]
    assert heard[-1][1] == heard[-1][2]


def test_verify__a_true_copy__adds_up(story: Story, node: JsonRpc, ledger_copy: RawLedger) -> None:
    assert verify(node, story.deployment, copy=ledger_copy) == verify(node, story.deployment)


def test_verify__an_earlier_block__adds_up(story: Story, node: JsonRpc) -> None:
    found = verify(node, story.deployment, to_block=60)
    assert found.adds_up
    assert found.header.to_block == 60


# ---- an edited copy -----------------------------------------------------------------------------------


COORDINATED = 15
"""Which settled claim is the first with two payers."""


def _claim(**amounts: int) -> Edit:
    return lambda copy: with_log(
        copy, place_of(copy, events.ClaimSettled), lambda log: add_to_claim(log, **amounts)
    )


def _word(kind: type[Event], word: int, amount: int, number: int = 0) -> Edit:
    return lambda copy: with_log(
        copy, place_of(copy, kind, number), lambda log: add_to_word(log, word, amount)
    )


def _another_patient(copy: RawLedger) -> RawLedger:
    other = copy.logs[place_of(copy, events.ClaimSettled, 3)].topics[-1]
    return with_log(copy, place_of(copy, events.ClaimSettled), lambda log: with_topic(log, 0, other))


def _row(kind: type[Event], number: int = 0, **amounts: int) -> Edit:
    return lambda copy: with_log(copy, place_of(copy, kind, number), lambda log: add_to_claim(log, **amounts))


def _dropped(kind: type[Event]) -> Edit:
    def edit(copy: RawLedger) -> RawLedger:
        place = place_of(copy, kind)
        return with_logs(copy, [*copy.logs[:place], *copy.logs[place + 1 :]])

    return edit


def _doubled(copy: RawLedger) -> RawLedger:
    place = place_of(copy, events.ClaimSettled)
    return with_logs(copy, [*copy.logs[: place + 1], *copy.logs[place:]])


def _swapped(copy: RawLedger) -> RawLedger:
    place = place_of(copy, events.ClaimSettled)
    logs = list(copy.logs)
    logs[place], logs[place + 1] = logs[place + 1], logs[place]
    return with_logs(copy, logs)


def _swapped_rows(copy: RawLedger) -> RawLedger:
    """The first two rows of a log that rows of one patient share."""

    def swap(log: RawLog) -> RawLog:
        first, parties, *words = (log.data[start : start + 64] for start in range(2, 2 + 7 * 64, 64))
        amounts, service, *second = words
        swapped = [second[0], parties, *second[1:], first, amounts, service]
        return replace(log, data="0x" + "".join(swapped) + log.data[2 + 7 * 64 :])

    return with_log(copy, place_of(copy, events.ClaimSettled), swap)


def _inserted(copy: RawLedger) -> RawLedger:
    place = place_of(copy, events.PatientDeposited)
    extra = replace(copy.logs[place], log_index=copy.logs[place].log_index + 100)
    return with_logs(copy, [*copy.logs[: place + 1], extra, *copy.logs[place + 1 :]])


def _unreadable(copy: RawLedger) -> RawLedger:
    """A bit between a plain claim's sequence and its flags, which nothing takes up."""
    return with_log(copy, place_of(copy, events.ClaimSettled), lambda log: add_to_word(log, 3, 1 << 8))


EDITS = {
    "allowed amount": (_claim(allowed=10_000), {Kind.ADJUDICATION, Kind.SUMS, Kind.STATE}),
    "plan paid": (_claim(plan_paid=-10_000), {Kind.ADJUDICATION, Kind.SUMS, Kind.STATE}),
    "allowed amount, the plan's part with it": (
        _word(events.ClaimSettled, 2, 10_000 << 128),
        {Kind.ADJUDICATION, Kind.STATE},
    ),
    "billed amount": (_claim(billed=10_000), {Kind.BATCH}),
    "billed below allowed": (_claim(billed=-60_000_000), {Kind.ADJUDICATION, Kind.SUMS}),
    "fee for the operator": (_claim(fee=10_000), {Kind.ADJUDICATION, Kind.REPLAY}),
    "billed as the fee": (_claim(billed_as_fee=1), {Kind.ADJUDICATION}),
    "units counted": (_claim(units_counted=1), {Kind.ADJUDICATION, Kind.STATE}),
    "copay made of coinsurance": (_claim(copay=10_000, coinsurance=-10_000), {Kind.ADJUDICATION}),
    "deductible made of coinsurance": (
        _claim(deductible=10_000, coinsurance=-10_000),
        {Kind.ADJUDICATION, Kind.STATE},
    ),
    "patient's share made the plan's": (
        _claim(coinsurance=-10_000, plan_paid=10_000),
        {Kind.ADJUDICATION, Kind.STATE},
    ),
    "secondary's payment made the patient's": (
        _row(events.ClaimSettled, COORDINATED, secondary_paid=-10_000),
        {Kind.ADJUDICATION, Kind.STATE},
    ),
    "outside the plan made coinsurance": (
        _row(events.ClaimSettled, COORDINATED, outside_plan=10_000, coinsurance=-10_000),
        {Kind.ADJUDICATION, Kind.STATE},
    ),
    "secondary's own price": (
        _word(events.SecondaryDetermined, 1, 1 << 64),
        {Kind.ADJUDICATION, Kind.BATCH, Kind.STATE},
    ),
    "units": (_claim(units=1), {Kind.ADJUDICATION}),
    "service": (_claim(service_id=1), {Kind.ADJUDICATION}),
    "benefit year": (_claim(benefit_year=1), {Kind.ADJUDICATION, Kind.REPLAY}),
    "plan": (_claim(plan_id=1), {Kind.ADJUDICATION}),
    "terms version": (_claim(terms_version=1), {Kind.ADJUDICATION}),
    "sequence": (_claim(sequence=2**40), {Kind.STATE}),
    "commitment": (_claim(commitment=1), {Kind.BATCH}),
    "denial's amount": (_row(events.ClaimDenied, plan_paid=10_000), {Kind.UNREADABLE_LOG, Kind.BATCH}),
    "denial for want of a payer's tokens": (
        _row(events.ClaimDenied, reason=Reason.PAYER_FAILED - Reason.NOT_COVERED),
        {Kind.UNREADABLE_LOG, Kind.BATCH},
    ),
    "skipped row's amount": (_row(events.ClaimSkipped, allowed=10_000), {Kind.UNREADABLE_LOG, Kind.BATCH}),
    "plain claim's units counted": (_word(events.ClaimSettled, 3, 2), {Kind.UNREADABLE_LOG, Kind.BATCH}),
    "denial's reason": (_row(events.ClaimDenied, reason=1), {Kind.ADJUDICATION}),
    "pended row's reason": (_row(events.ClaimPended, reason=-1), {Kind.ADJUDICATION}),
    "pended row's sequence": (_row(events.ClaimPended, sequence=-6), {Kind.BATCH}),
    "skipped row's sequence": (_row(events.ClaimSkipped, sequence=500), {Kind.BATCH}),
    "patient": (_another_patient, {Kind.ADJUDICATION, Kind.REPLAY}),
    "dropped claim": (_dropped(events.ClaimSettled), {Kind.BATCH, Kind.STATE}),
    "dropped secondary": (_dropped(events.SecondaryDetermined), {Kind.ADJUDICATION, Kind.STATE}),
    "dropped dispute": (_dropped(events.ClaimDisputed), {Kind.REPLAY, Kind.STATE}),
    "dropped reversal": (_dropped(events.ClaimReversed), {Kind.REPLAY, Kind.STATE}),
    "dropped refund": (_dropped(events.PatientRefunded), {Kind.SOLVENCY, Kind.STATE}),
    "dropped correction": (_dropped(events.ClaimCorrected), {Kind.STATE}),
    "dropped receivable": (_dropped(events.ReceivableRecorded), {Kind.REPLAY, Kind.STATE}),
    "dropped limits": (_dropped(events.LimitsSet), {Kind.ADJUDICATION, Kind.REPLAY}),
    "dropped price": (_dropped(events.CashPricePublished), {Kind.ADJUDICATION, Kind.REPLAY}),
    "dropped operator's fee": (_dropped(events.OperatorFeeAnnounced), {Kind.ADJUDICATION, Kind.STATE}),
    "reversal's amount": (_row(events.ClaimReversed, allowed=-10_000), {Kind.REPLAY}),
    "batch's root": (_word(events.BatchSettled, 0, 1 << 64), {Kind.BATCH, Kind.STATE}),
    "batch's operator": (_word(events.BatchSettled, 1, 1 << 96), {Kind.BATCH}),
    "dropped denial": (_dropped(events.ClaimDenied), {Kind.BATCH}),
    "dropped pended row": (_dropped(events.ClaimPended), {Kind.BATCH}),
    "dropped batch": (_dropped(events.BatchSettled), {Kind.BATCH}),
    "dropped deposit": (_dropped(events.PatientDeposited), {Kind.REPLAY, Kind.STATE}),
    "dropped enrolment": (_dropped(events.Enrolled), {Kind.ADJUDICATION, Kind.REPLAY}),
    "dropped consent": (_dropped(events.ConsentGranted), {Kind.ADJUDICATION}),
    "dropped payment": (_dropped(events.ProviderPaid), {Kind.SOLVENCY, Kind.STATE}),
    "dropped transfer": (_dropped(events.TokensMoved), {Kind.SOLVENCY, Kind.STATE}),
    "doubled claim": (_doubled, {Kind.MISPLACED_LOG, Kind.REPLAY}),
    "swapped claims": (_swapped, {Kind.MISPLACED_LOG}),
    "swapped rows of a log": (_swapped_rows, {Kind.ADJUDICATION}),
    "inserted deposit": (_inserted, {Kind.SOLVENCY, Kind.STATE}),
    "deposit's amount": (_word(events.PatientDeposited, 0, 1), {Kind.SOLVENCY, Kind.STATE}),
    "pool deposit's amount": (_word(events.PoolDeposited, 0, -1), {Kind.STATE}),
    "transfer's amount": (_word(events.TokensMoved, 0, -1), {Kind.SOLVENCY, Kind.STATE}),
    "payment's amount": (_word(events.ProviderPaid, 0, -1), {Kind.REPLAY, Kind.STATE}),
    "plan's deductible": (_word(events.PlanPublished, 0, 10_000), {Kind.ADJUDICATION, Kind.STATE}),
    "category's coinsurance": (
        _word(events.CategoryTermsPublished, 4, 1),
        {Kind.ADJUDICATION, Kind.STATE},
    ),
    "fee": (_word(events.FeePublished, 0, -30_000_000), {Kind.ADJUDICATION, Kind.STATE}),
    "fee's time": (_word(events.FeePublished, 4, 3600, number=3), {Kind.STATE}),
    "consent's limit": (_word(events.ConsentGranted, 0, -(10**9)), {Kind.ADJUDICATION, Kind.STATE}),
    "opening entry": (_word(events.Enrolled, 1, 10_000), {Kind.ADJUDICATION, Kind.STATE}),
    "family": (_word(events.Enrolled, 0, 7), {Kind.STATE}),
    "time of signing": (_word(events.BatchSettled, 2, -7 * 3600 << 56), {Kind.BATCH}),
    "tally": (_word(events.BatchSettled, 1, 1 << 32), {Kind.BATCH}),
    "epoch's threshold": (_word(events.EpochOpened, 0, 1), {Kind.STATE}),
    "a value beyond its type": (_unreadable, {Kind.UNREADABLE_LOG, Kind.BATCH, Kind.STATE}),
}


@pytest.mark.parametrize("edit, kinds", list(EDITS.values()), ids=list(EDITS))
def test_audit__edited_copy__is_found_without_the_chains_own_logs(
    node: JsonRpc, ledger_copy: RawLedger, edit: Edit, kinds: set[Kind]
) -> None:
    found = audit_copy(node, edit(ledger_copy))
    assert kinds <= {each.kind for each in found}, [str(each) for each in found]
    assert all(each.where and each.message for each in found)


@pytest.mark.parametrize("edit", [edit for edit, _ in EDITS.values()], ids=list(EDITS))
def test_verify__edited_copy__names_the_log(
    story: Story, node: JsonRpc, ledger_copy: RawLedger, edit: Edit
) -> None:
    forged = edit(ledger_copy)
    found = verify(node, story.deployment, copy=forged)
    named = {Kind.ALTERED_LOG, Kind.MISSING_LOG, Kind.INSERTED_LOG, Kind.MISPLACED_LOG}
    [first, *_] = found.discrepancies
    assert first.kind in named
    changed = {log.position for log in {*forged.logs} ^ {*ledger_copy.logs}}
    for block, log_index in changed:
        assert any(f"block {block}, log {log_index}," in each.where for each in found.discrepancies)


def test_audit__share_shifted__says_which_component_and_by_how_much(
    node: JsonRpc, ledger_copy: RawLedger
) -> None:
    forged = _claim(copay=10_000, coinsurance=-10_000)(ledger_copy)
    shifted = [each for each in audit_copy(node, forged) if each.kind is Kind.ADJUDICATION]
    assert [(each.message, each.expected, each.found) for each in shifted] == [
        ("the terms in force give another copay", "0", "10000"),
        ("the terms in force give another coinsurance", "10000000", "9990000"),
    ]
    log = forged.logs[place_of(forged, events.ClaimSettled)]
    assert all(log.transaction in each.where and f"log {log.log_index}" in each.where for each in shifted)


@pytest.mark.parametrize(
    "field, value",
    [
        ("block_time", 2**64 - 1),
        ("block_time", 0),
        ("block_hash", "0x" + "00" * 32),
        ("transaction", "0x" + "11" * 32),
        ("transaction_index", 3),
        ("address", "0x" + "22" * 20),
        ("data", "0x"),
        ("topics", ()),
    ],
)
def test_verify__any_field_of_a_log_edited__is_found(
    story: Story, node: JsonRpc, ledger_copy: RawLedger, field: str, value: object
) -> None:
    forged = with_log(
        ledger_copy, place_of(ledger_copy, events.ClaimSettled), lambda log: replace(log, **{field: value})
    )
    altered = [
        each
        for each in verify(node, story.deployment, copy=forged).discrepancies
        if each.kind is Kind.ALTERED_LOG
    ]
    assert [field.replace("_", " ") in each.message for each in altered] == [True]


def test_verify__log_moved_to_another_block__is_missing_and_inserted(
    story: Story, node: JsonRpc, ledger_copy: RawLedger
) -> None:
    last = ledger_copy.logs[-1]
    forged = with_log(
        ledger_copy, len(ledger_copy.logs) - 1, lambda log: replace(log, block=log.block + 1000)
    )
    found = {each.kind: each for each in verify(node, story.deployment, copy=forged).discrepancies}
    assert found.keys() >= {Kind.MISSING_LOG, Kind.INSERTED_LOG, Kind.MISPLACED_LOG}
    assert last.transaction in found[Kind.MISSING_LOG].where


def test_verify__header_counts_other_logs__is_found(
    story: Story, node: JsonRpc, ledger_copy: RawLedger
) -> None:
    cut = RawLedger(ledger_copy.header, ledger_copy.logs[:-1])
    first, *_ = verify(node, story.deployment, copy=cut).discrepancies
    assert (first.kind, first.where) == (Kind.MISSING_LOG, "line 1")


@pytest.mark.slow
def test_verify__random_digits_edited__are_always_found_and_never_crash(
    story: Story, node: JsonRpc, ledger_copy: RawLedger
) -> None:
    chance = random.Random(7)
    for _ in range(120):
        place = chance.randrange(len(ledger_copy.logs))
        forged = with_log(ledger_copy, place, lambda log: _with_random_digit(log, chance))
        assert not verify(node, story.deployment, copy=forged).adds_up


def _with_random_digit(log: RawLog, chance: random.Random) -> RawLog:
    if len(log.data) == 2 or chance.random() < 0.3:
        number = chance.randrange(len(log.topics))
        return replace(
            log,
            topics=tuple(
                _flip(topic, chance) if i == number else topic for i, topic in enumerate(log.topics)
            ),
        )
    return replace(log, data=_flip(log.data, chance))


def _flip(text: str, chance: random.Random) -> str:
    at = chance.randrange(2, len(text))
    return f"{text[:at]}{int(text[at], 16) ^ chance.randrange(1, 16):x}{text[at + 1 :]}"


# ---- contract state altered -----------------------------------------------------------------------------


def _selector(signature: str, *words: int | str) -> str:
    encoded = [word if isinstance(word, str) else f"{word:064x}" for word in words]
    arguments = "".join(word.removeprefix("0x").lower().rjust(64, "0") for word in encoded)
    return "0x" + keccak256(signature.encode())[:4].hex() + arguments


def tamper(story: Story, contract: str, call: str) -> None:
    """Flip the first stored bit behind a view that shows in its answer, as no transaction could."""
    request = {"to": contract, "data": call}
    truth = story.rpc("eth_call", request, "latest")
    keys = [
        key
        for entry in story.rpc("eth_createAccessList", request, "latest")["accessList"]
        if entry["address"].lower() == contract.lower()
        for key in entry["storageKeys"]
    ]
    for key in reversed(keys):
        word = int(story.rpc("eth_getStorageAt", contract, key, "latest"), 16)
        for bit in range(256):
            story.rpc("anvil_setStorageAt", contract, key, f"0x{word ^ (1 << bit):064x}")
            if story.rpc("eth_call", request, "latest") != truth:
                return
        story.rpc("anvil_setStorageAt", contract, key, f"0x{word:064x}")
    raise AssertionError("no stored value stands behind this view")


def _services(service: bytes) -> str:
    return service.hex().ljust(64, "0")


STATES: dict[str, tuple[Callable[[Story], tuple[str, str]], str]] = {
    "patient's balance": (
        lambda s: (s.deployment.escrow, _selector("balanceOf(address)", s.address("patient"))),
        "the balance of patient",
    ),
    "patient's withdrawal": (
        lambda s: (s.deployment.escrow, _selector("withdrawalOf(address)", s.address("patient"))),
        "the withdrawal of patient",
    ),
    "patient's payer": (
        lambda s: (
            s.deployment.escrow,
            _selector("payersOf(address,uint40)", s.address("patient"), 2**40 - 1),
        ),
        "the payers of patient",
    ),
    "patient's consent": (
        lambda s: (
            s.deployment.escrow,
            _selector("consentOf(address,uint32,uint40)", s.address("patient"), 1, 2**40 - 1),
        ),
        "the consent of patient",
    ),
    "pool": (lambda s: (s.payer(1).address, _selector("pool()")), "the pool of payer 1"),
    "credit": (
        lambda s: (s.deployment.settlement, _selector("creditOf(uint32)", 1)),
        "the credit of provider 1",
    ),
    "member's year": (
        lambda s: (s.payer(1).address, _selector("memberYear(address,uint16)", s.address("patient"), 2024)),
        "2024 of member",
    ),
    "spent sequence": (
        lambda s: (s.deployment.settlement, _selector("isSpent(uint32,uint64)", 1, 1)),
        "sequence 1 of provider 1",
    ),
    "plan": (lambda s: (s.payer(1).address, _selector("planTerms(uint16,uint16)", 1, 2)), "plan 1 version 2"),
    "category": (
        lambda s: (s.payer(1).address, _selector("categoryTerms(uint16,uint16,uint8)", 1, 1, 2)),
        "category 2 of plan 1 version 1",
    ),
    "fee": (
        lambda s: (s.payer(2).address, _selector("feeAt(bytes8,uint40)", _services(LAB), 2**40 - 1)),
        "version 1 of the fee",
    ),
    "newer fee": (
        lambda s: (s.payer(1).address, _selector("feeAt(bytes8,uint40)", _services(VISIT), 2**40 - 1)),
        "version 2 of the fee",
    ),
    "acceptance": (
        lambda s: (s.payer(2).address, _selector("acceptsProvider(uint32,uint40)", 1, 2**40 - 1)),
        "provider 1's acceptance",
    ),
    "attester": (
        lambda s: (
            s.deployment.registry,
            _selector("isAttester(uint32,address)", 2, s.address("laboratory")),
        ),
        "attester",
    ),
    "payout address": (
        lambda s: (s.deployment.registry, _selector("payoutAddress(uint32)", 1)),
        "the payout of provider 1",
    ),
    "operator's fees": (
        lambda s: (s.deployment.settlement, _selector("feesOf(address)", s.address("operator"))),
        "the fees of operator",
    ),
    "root": (lambda s: (s.deployment.settlement, _selector("rootAt(uint32)", 1)), "root slot 1"),
    "limits": (
        lambda s: (
            s.deployment.escrow,
            _selector("limitsOf(address,uint40)", s.address("careful-patient"), 2**40 - 1),
        ),
        "the limits of patient",
    ),
    "family": (
        lambda s: (s.payer(1).address, _selector("familyYear(uint32,uint16)", FAMILY, YEAR)),
        f"{YEAR} of family {FAMILY}",
    ),
    "units": (
        lambda s: (
            s.payer(1).address,
            _selector("unitsUsed(address,uint16,bytes8)", s.address("child"), YEAR, _services(THERAPY)),
        ),
        "units of",
    ),
    "cash price": (
        lambda s: (
            s.deployment.registry,
            _selector("cashPriceAt(uint32,bytes8,uint40)", 1, _services(VISIT), 2**40 - 1),
        ),
        "version 1 of the price",
    ),
    "epoch": (lambda s: (s.deployment.settlement, _selector("epochs(uint32)", 2)), "epoch 2"),
    "pause": (lambda s: (s.deployment.settlement, _selector("paused()")), "the pause"),
    "owner": (lambda s: (s.payer(1).address, _selector("owner()")), "the owner of payer 1"),
    "tokens": (
        lambda s: (s.deployment.token, _selector("balanceOf(address)", s.deployment.settlement)),
        "the tokens of",
    ),
}


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("view, subject", list(STATES.values()), ids=list(STATES))
def test_verify__contract_state_altered__is_named(
    story: Story, node: JsonRpc, view: Callable[[Story], tuple[str, str]], subject: str
) -> None:
    tamper(story, *view(story))
    found = verify(node, story.deployment).discrepancies
    assert Kind.STATE in {each.kind for each in found}
    assert any(each.message.startswith(subject) for each in found), [str(each) for each in found]
    assert all(each.expected != each.found for each in found)


@pytest.mark.usefixtures("restored")
def test_verify__tokens_taken_below_what_is_owed__is_insolvent(story: Story, node: JsonRpc) -> None:
    """Seven micro-dollars were donated to the escrow: taking eight leaves it short by one."""
    call = _selector("balanceOf(address)", story.deployment.escrow)
    request = {"to": story.deployment.token, "data": call}
    [key] = story.rpc("eth_createAccessList", request, "latest")["accessList"][0]["storageKeys"]
    held = int(story.rpc("eth_call", request, "latest"), 16)
    story.rpc("anvil_setStorageAt", story.deployment.token, key, f"0x{held - 8:064x}")
    found = verify(node, story.deployment).discrepancies
    assert {each.kind for each in found} == {Kind.STATE, Kind.SOLVENCY}
    [short] = [each for each in found if each.kind is Kind.SOLVENCY]
    assert story.deployment.escrow in short.where
    assert int(short.found.split()[0]) == int(short.expected.split()[0]) - 1


# ---- a node that forgets ----------------------------------------------------------------------------------


class Forgetful(JsonRpc):
    """A node that keeps the logs of every block and the state of the newest alone."""

    def call(self, method: str, *parameters: Any) -> Any:
        if method == "eth_getCode" and parameters[1] != super().call("eth_blockNumber"):
            raise NodeRefused("missing trie node")
        return super().call(method, *parameters)


def test_verify__state_of_the_copys_block_is_forgotten__goes_on_to_the_newest(
    story: Story, node: JsonRpc, ledger_copy: RawLedger
) -> None:
    early = fetch_ledger(node, story.deployment, to_block=60)
    with Forgetful(story.rpc_url) as forgetful:
        found = verify(forgetful, story.deployment, copy=early)
        forged = verify(forgetful, story.deployment, copy=_claim(copay=10_000, coinsurance=-10_000)(early))
        with pytest.raises(StateForgotten, match=r"state of block 60, .* logs alone .* 0 discrepancies$"):
            verify(forgetful, story.deployment, to_block=60)
    assert found.adds_up
    assert (found.continued_from, found.header) == (60, ledger_copy.header)
    assert {each.kind for each in forged.discrepancies} == {
        Kind.ALTERED_LOG,
        Kind.ADJUDICATION,
        Kind.BATCH,
    }


def test_verify__state_is_forgotten_and_the_logs_are_wrong__what_is_wrong_is_said(
    story: Story, node: JsonRpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = _claim(copay=10_000, coinsurance=-10_000)(fetch_ledger(node, story.deployment, to_block=60))
    monkeypatch.setattr("chainbill.audit.verification.fetch_ledger", lambda *_, **__: forged)
    with (
        Forgetful(story.rpc_url) as forgetful,
        pytest.raises(StateForgotten, match=r"[1-9] discrepancies, the first: .*copay"),
    ):
        verify(forgetful, story.deployment, to_block=60)


# ---- another chain, another past ------------------------------------------------------------------------


def test_verify__copy_of_another_deployment__is_refused(
    story: Story, node: JsonRpc, ledger_copy: RawLedger
) -> None:
    elsewhere = story.deployment.model_copy(update={"registry": story.deployment.escrow})
    forged = RawLedger(ledger_copy.header.model_copy(update={"deployment": elsewhere}), ledger_copy.logs)
    with pytest.raises(LedgerError, match="another deployment"):
        verify(node, story.deployment, copy=forged)


@pytest.mark.parametrize(
    "change", [{"to_block": 50}, {"to_block_hash": "0x" + "ab" * 32}, {"to_block_time": 1}]
)
def test_verify__copy_of_another_chain__is_refused(
    story: Story, node: JsonRpc, ledger_copy: RawLedger, change: dict[str, object]
) -> None:
    forged = RawLedger(ledger_copy.header.model_copy(update=change), ledger_copy.logs)
    with pytest.raises(LedgerError, match="is not block"):
        verify(node, story.deployment, copy=forged)


@pytest.mark.parametrize("block", [0, 3])
def test_verify__before_the_contracts_were_there__is_refused(story: Story, node: JsonRpc, block: int) -> None:
    with pytest.raises(ChainError, match="there is no settlement contract"):
        verify(node, story.deployment, to_block=block)
