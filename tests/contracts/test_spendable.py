"""`PatientEscrow.maySpend`, `chargeShares`, `disburseTotal` and `refund`: what settlement asks of the escrow,
called without a settlement in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from tests.support.deployment import DAY, HOUR, MAX_BATCH_LIFE, NEVER, NOTICE, NOW, Protocol, account
from tests.support.evm import Contract, Receipt, reverts

from chainbill.billing.outcomes import Reason
from chainbill.chain.format.events import PatientRefunded
from chainbill.money import CENT, DOLLAR, MAX_AMOUNT

FUNDS, LIMIT, UNLIMITED = 1_000 * DOLLAR, 400 * DOLLAR, 2**64 - 1
PATIENTS = sorted((account(f"patient {n}").address for n in range(5)), key=str.lower)


@dataclass(frozen=True)
class Statement:
    """One Spendable word, taken apart."""

    balance: int
    day_left: int
    limit: int
    over_limit: Reason
    reason: Reason

    @classmethod
    def of(cls, word: bytes) -> Statement:
        number = int.from_bytes(word, "big")
        balance, day_left, limit = (number >> shift & MAX_AMOUNT for shift in (192, 128, 64))
        assert number >> 16 & 2**48 - 1 == 0
        return cls(balance, day_left, limit, Reason(number >> 8 & 255), Reason(number & 255))


def refused(balance: int, reason: Reason) -> Statement:
    return Statement(balance, 0, 0, Reason.NONE, reason)


def packed(
    patients: Sequence[str], provider: int, payers: tuple[int, int] = (1, 0), *, rows: int = 1, flags: int = 0
) -> bytes:
    """A section of these patients, packed by hand; its rows are all ones."""
    primary, secondary = payers
    flags |= 1 if secondary else 0
    header = b"".join(
        number.to_bytes(size, "big")
        for number, size in (
            *((provider, 4), (primary, 4), (1, 2), (1, 2), (0, 8)),
            *((len(patients), 2), (rows * len(patients), 2), (flags, 1), (0, 3)),
        )
    )
    if flags & 1:
        header += secondary.to_bytes(4, "big") + b"\0\1\0\1"
    groups = [bytes.fromhex(patient[2:]) + bytes([rows]) + b"\xff" * 54 * rows for patient in patients]
    tails = b"\xff" * (8 * (flags & 1) + 32 * (flags >> 1)) * rows * len(patients)
    return header + b"".join(groups) + tails


@dataclass
class EscrowHarness:
    """An escrow that takes these tests for its settlement: several calls in one transaction."""

    protocol: Protocol
    settlement: Contract
    escrow: Contract

    @classmethod
    def deploy(cls, protocol: Protocol) -> EscrowHarness:
        """Beside the protocol's own escrow; there are four payers then."""
        settlement = protocol.evm.deploy(protocol.stranger, "SeveralCalls")
        others = protocol.payers.address, protocol.registry.address
        escrow = protocol.evm.deploy(
            protocol.stranger,
            *("PatientEscrow", protocol.token.address, settlement.address, *others),
        )
        for _ in range(3):
            protocol.create_payer(protocol.stranger)
        return cls(protocol, settlement, escrow)

    def call(self, *calls: tuple[Any, ...]) -> Receipt:
        """Call the escrow as its settlement, all in one transaction."""
        calldata = [self.escrow.functions[verb].encode(arguments) for verb, *arguments in calls]
        targets = [self.escrow.address] * len(calldata)
        return self.settlement.send(self.protocol.stranger, "run", targets, calldata)

    def debit(self, amounts: dict[str, int], provider: int = 1) -> Receipt:
        """Debit these patients and move the tokens."""
        patients = sorted(amounts, key=str.lower)
        charges = b"".join(amounts[patient].to_bytes(32, "big") for patient in patients)
        return self.call(("chargeShares", packed(patients, provider), 0, charges), ("disburseTotal",))

    def spendable(self, section: bytes, signed_at: int | None = None) -> list[Statement]:
        at = self.protocol.evm.now if signed_at is None else signed_at
        words = self.escrow.read("maySpend", section, at)
        return [Statement.of(words[start : start + 32]) for start in range(0, len(words), 32)]

    def stated(
        self,
        patient: str,
        payers: tuple[int, int] = (1, 0),
        signed_at: int | None = None,
        provider: int = 1,
    ) -> Statement:
        """The statement of one patient."""
        (statement,) = self.spendable(packed([patient], provider, payers), signed_at)
        return statement

    def fund(self, patient: str, amount: int = FUNDS) -> None:
        self.protocol.mint(patient, amount, self.escrow)
        self.escrow.send(patient, "deposit", amount)

    def balance(self, patient: str) -> int:
        return int(self.escrow.read("balanceOf", patient))

    def consent(self, patient: str, limit: int = LIMIT, end: int = NEVER, self_pay: bool = False) -> None:
        self.escrow.send(patient, "grantConsent", 1, limit, end, self_pay)


@pytest.fixture
def harness(protocol: Protocol) -> EscrowHarness:
    return EscrowHarness.deploy(protocol)


@pytest.fixture
def opened(harness: EscrowHarness) -> EscrowHarness:
    """All patients are funded, have payer 1 and consent to provider 1; nothing has changed of late."""
    for patient in PATIENTS:
        harness.fund(patient)
        harness.escrow.send(patient, "acceptPayer", 1, 0)
        harness.consent(patient)
    harness.protocol.advance(MAX_BATCH_LIFE)
    return harness


# ---- what may be spent ------------------------------------------------------------------------------------


def test_spendable__one_word_per_patient__in_their_order(opened: EscrowHarness) -> None:
    for number, patient in enumerate(PATIENTS):
        opened.fund(patient, number + 1)
    expected = [
        Statement(FUNDS + number + 1, UNLIMITED, LIMIT, Reason.OVER_CONSENT_LIMIT, Reason.NONE)
        for number in range(len(PATIENTS))
    ]
    assert opened.spendable(packed(PATIENTS, 1)) == expected
    assert opened.spendable(packed(PATIENTS[1:3], 1)) == expected[1:3]


@pytest.mark.parametrize("rows", [1, 2, 255])
@pytest.mark.parametrize("secondary, flags", product((0, 2), (0, 2)))
def test_spendable__rows_of_every_size__are_stepped_over(
    harness: EscrowHarness, rows: int, secondary: int, flags: int
) -> None:
    for number, patient in enumerate(PATIENTS):
        harness.fund(patient, number + 1)
        harness.escrow.send(patient, "acceptPayer", 1, secondary)
        harness.consent(patient)
    section = packed(PATIENTS, 1, (1, secondary), rows=rows, flags=flags)
    assert [statement.balance for statement in harness.spendable(section)] == [1, 2, 3, 4, 5]
    assert {statement.reason for statement in harness.spendable(section)} == {Reason.NONE}
    charges = b"".join(amount.to_bytes(32, "big") for amount in (1, 0, 3, 0, 1))
    harness.call(("chargeShares", section, 0, charges))
    assert [harness.balance(patient) for patient in PATIENTS] == [0, 2, 0, 4, 4]


def test_spendable__who_has_done_nothing__may_not_be_charged(harness: EscrowHarness) -> None:
    assert harness.stated(PATIENTS[0]) == refused(0, Reason.PAYER_NOT_ACCEPTED)
    assert harness.stated(PATIENTS[0], (0, 0)) == refused(0, Reason.NO_CONSENT)


CONSENTS = {"none": None, "plain": False, "self-pay": True}


@pytest.mark.parametrize("patients_payers", [(0, 0), (1, 0), (1, 2)])
@pytest.mark.parametrize("named", [(0, 0), (1, 0), (2, 0), (1, 2), (2, 1), (1, 3)])
@pytest.mark.parametrize("consent", CONSENTS.values(), ids=CONSENTS)
@pytest.mark.parametrize("expired", [False, True])
def test_spendable__payers_and_consent__give_the_reason(
    harness: EscrowHarness,
    patients_payers: tuple[int, int],
    named: tuple[int, int],
    consent: bool | None,
    expired: bool,
) -> None:
    patient = PATIENTS[0]
    harness.fund(patient)
    if patients_payers != (0, 0):
        harness.escrow.send(patient, "acceptPayer", *patients_payers)
    if consent is not None:
        harness.consent(patient, end=NOW + HOUR, self_pay=consent)
    if expired:
        harness.protocol.advance(HOUR)

    consents = consent is not None and not expired
    if named == patients_payers:
        reason = Reason.NONE if consents else Reason.NO_CONSENT
    elif named != (0, 0):
        reason = Reason.PAYER_NOT_ACCEPTED
    elif not consents:
        reason = Reason.NO_CONSENT
    else:
        reason = Reason.NONE if consent else Reason.PAYER_NOT_ACCEPTED
    statement = harness.stated(patient, named)
    assert statement.reason == reason
    if reason != Reason.NONE:
        assert statement == refused(FUNDS, reason)


@pytest.mark.parametrize(
    "named",
    [
        (2**24, 0),
        (2**24 + 1, 0),
        (2**32 - 1, 0),
        (1, 2**24),
        (0, 2**24),
        (2**24, 2**24),
        (2**32 - 1, 2**32 - 1),
    ],
)
def test_spendable__payers_beyond_24_bits__are_nobodys(opened: EscrowHarness, named: tuple[int, int]) -> None:
    """Shortened or carried over they would be payer 1, or none, whom the patients have."""
    uninsured = account("uninsured").address
    opened.consent(uninsured)
    for patient in (PATIENTS[0], uninsured):
        assert opened.stated(patient, named).reason == Reason.PAYER_NOT_ACCEPTED


@pytest.mark.parametrize("event", [0, CENT, LIMIT - CENT, LIMIT, LIMIT + CENT, (2**32 - 1) * CENT])
@pytest.mark.parametrize("daily", [0, CENT, 3 * LIMIT, (2**32 - 1) * CENT])
@pytest.mark.parametrize("named", [(1, 0), (0, 0)], ids=["insured", "self-pay"])
def test_spendable__limits_of_the_patient__bind_beside_the_consent(
    opened: EscrowHarness, event: int, daily: int, named: tuple[int, int]
) -> None:
    patient = PATIENTS[0]
    opened.consent(patient, self_pay=True)
    if (event, daily) != (0, 0):
        opened.escrow.send(patient, "setLimits", event, daily)
    opened.protocol.advance(NOTICE)
    binds = 0 < event < LIMIT
    expected = Statement(
        balance=FUNDS,
        day_left=daily or UNLIMITED,
        limit=event if binds else LIMIT,
        over_limit=Reason.OVER_EVENT_LIMIT if binds else Reason.OVER_CONSENT_LIMIT,
        reason=Reason.NONE,
    )
    assert opened.stated(patient, named) == expected
    opened.protocol.advance(MAX_BATCH_LIFE)
    opened.debit({patient: CENT})
    spent = CENT if daily else 0
    day_left = expected.day_left - spent
    after = Statement(FUNDS - CENT, day_left, expected.limit, expected.over_limit, Reason.NONE)
    assert opened.stated(patient, named) == after


# ---- debits -----------------------------------------------------------------------------------------------


@pytest.fixture(
    params=[
        "plain",
        "with a limit for a day",
        "with a change of payers announced",
        "with a consent remembered",
        "with a consent remembered and a limit for a day",
    ]
)
def charged(request: pytest.FixtureRequest, opened: EscrowHarness) -> EscrowHarness:
    """The first patient's slot is debited in the short way and in the longer ones."""
    if request.param == "with a limit for a day":
        opened.escrow.send(PATIENTS[0], "setLimits", 0, (2**32 - 1) * CENT)
        opened.protocol.advance(NOTICE)
    if "remembered" in request.param:
        daily = (2**32 - 1) * CENT if "a day" in request.param else 0
        opened.escrow.send(PATIENTS[0], "setLimits", CENT, daily)
        opened.protocol.advance(NOTICE + MAX_BATCH_LIFE)
        opened.fund(PATIENTS[0], CENT)
        opened.debit({PATIENTS[0]: CENT})
    if request.param == "with a change of payers announced":
        opened.escrow.send(PATIENTS[0], "acceptPayer", 2, 3)
    return opened


@pytest.mark.parametrize("amount", [1, FUNDS - 1, FUNDS])
def test_debit__up_to_the_balance__is_taken_and_nothing_else(charged: EscrowHarness, amount: int) -> None:
    patient, now = PATIENTS[0], charged.protocol.evm.now
    views = [
        (view, patient, time)
        for view in ("payersOf", "limitsOf")
        for time in (now - 1, now, now + NOTICE - 1, now + NOTICE)
    ]
    before = [charged.escrow.read(*view) for view in views]
    charged.debit({patient: amount})
    assert charged.balance(patient) == FUNDS - amount
    assert [charged.escrow.read(*view) for view in views] == before
    assert [charged.balance(other) for other in PATIENTS[1:]] == [FUNDS] * 4


@pytest.mark.parametrize("amount", [FUNDS + 1, MAX_AMOUNT, 2**64, 2**64 + 1, 2**255, 2**256 - 1])
def test_debit__over_the_balance__reverts(charged: EscrowHarness, amount: int) -> None:
    section, charges = packed(PATIENTS[:1], 1), amount.to_bytes(32, "big")
    with reverts("DebitOverBalance", balance=FUNDS, amount=amount):
        charged.call(("chargeShares", section, 0, charges))
    assert charged.balance(PATIENTS[0]) == FUNDS


@pytest.mark.parametrize("verb", ["chargeShares", "disburseTotal", "refund"])
def test_debit_release_refund__by_anybody_but_settlement__reverts(opened: EscrowHarness, verb: str) -> None:
    arguments: tuple[Any, ...] = {
        "chargeShares": (packed(PATIENTS[:1], 1), 0, (1).to_bytes(32, "big")),
        "disburseTotal": (),
        "refund": (PATIENTS[0], 1),
    }[verb]
    protocol = opened.protocol
    for caller in (protocol.governor, protocol.stranger, PATIENTS[0], protocol.provider):
        with reverts("NotSettlement", caller=caller):
            opened.escrow.send(caller, verb, *arguments)


def test_debit__spent_on_one_day__stays_at_the_most_48_bits_hold(harness: EscrowHarness) -> None:
    patient, most = PATIENTS[0], 2**48 - 1
    harness.fund(patient, MAX_AMOUNT)
    harness.escrow.send(patient, "setLimits", 0, (2**32 - 1) * CENT)
    for amount, spent in ((most - 1, most - 1), (1, most), (1, most), (2**60, most)):
        harness.debit({patient: amount})
        assert harness.escrow.read("spentToday", patient) == spent
    harness.protocol.advance(DAY)
    assert harness.escrow.read("spentToday", patient) == 0
    assert harness.balance(patient) == MAX_AMOUNT - most - 1 - 2**60


@pytest.mark.parametrize("late, forgotten", [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize(
    "verb, words, view", [("acceptPayer", (2, 3), "payersOf"), ("setLimits", (CENT, CENT), "limitsOf")]
)
def test_debit__around_the_end_of_the_last_batch_before_a_change__takes_it_over_from_then_on(
    opened: EscrowHarness, verb: str, words: tuple[int, int], view: str, late: int, forgotten: bool
) -> None:
    patient = PATIENTS[0]
    opened.escrow.send(patient, verb, *words)
    changes_at = opened.protocol.evm.now + NOTICE
    before = opened.escrow.read(view, patient, changes_at - 1)
    opened.protocol.evm.now = changes_at + MAX_BATCH_LIFE + late
    opened.debit({patient: CENT})
    assert opened.escrow.read(view, patient, changes_at - 1) == (words if forgotten else before)
    assert opened.escrow.read(view, patient, changes_at) == words


def test_charge__more_words_than_patients__takes_the_patients_own_alone(opened: EscrowHarness) -> None:
    words = b"".join((100 + n).to_bytes(32, "big") for n in range(3))
    opened.call(("chargeShares", packed(PATIENTS[:2], 1), 0, words), ("disburseTotal",))
    assert [opened.balance(patient) for patient in PATIENTS[:3]] == [FUNDS - 100, FUNDS - 101, FUNDS]
    assert opened.protocol.tokens(opened.settlement.address) == 201


# ---- the tokens -------------------------------------------------------------------------------------------


def test_release__several_debits__move_once_and_once_only(opened: EscrowHarness) -> None:
    first, second = packed(PATIENTS[:2], 1), packed(PATIENTS[1:3], 1)
    amounts = [(100 + n).to_bytes(32, "big") for n in range(4)]
    opened.call(
        ("chargeShares", first, 0, amounts[0] + amounts[1]),
        ("chargeShares", second, 0, amounts[2] + amounts[3]),
        *[("disburseTotal",)] * 3,
    )
    assert [opened.balance(patient) for patient in PATIENTS[:3]] == [FUNDS - 100, FUNDS - 203, FUNDS - 103]
    assert opened.protocol.tokens(opened.settlement.address) == 406
    assert opened.protocol.tokens(opened.escrow.address) == 5 * FUNDS - 406
    opened.call(("disburseTotal",))
    assert opened.protocol.tokens(opened.settlement.address) == 406


# ---- refunds ----------------------------------------------------------------------------------------------


def test_refund__is_added_and_logged(opened: EscrowHarness) -> None:
    receipt = opened.call(("refund", PATIENTS[0], 7))
    assert receipt.of(PatientRefunded) == [PatientRefunded(PATIENTS[0], 7)]
    assert opened.balance(PATIENTS[0]) == FUNDS + 7
    assert opened.balance(PATIENTS[1]) == FUNDS


def test_refund__a_withdrawal_announced__does_not_cover_it(opened: EscrowHarness) -> None:
    patient = PATIENTS[0]
    opened.escrow.send(patient, "requestWithdrawal", FUNDS)
    opened.debit({patient: 100})
    opened.call(("refund", patient, 100))
    assert opened.escrow.read("withdrawalOf", patient)[1] == 100
    opened.protocol.advance(NOTICE)
    assert opened.escrow.send(patient, "withdraw").value == FUNDS - 100


@pytest.mark.parametrize("room", [0, 1, 99, 100, 101])
def test_refund__more_than_there_is_room_for__fills_it_and_does_not_fail(
    harness: EscrowHarness, room: int
) -> None:
    patient = PATIENTS[0]
    harness.fund(patient, MAX_AMOUNT - room)
    receipt = harness.call(("refund", patient, 100))
    assert receipt.of(PatientRefunded) == [PatientRefunded(patient, min(room, 100))]
    assert harness.balance(patient) == MAX_AMOUNT - room + min(room, 100)


def test_refund__ever_so_many_since_a_forgotten_request__do_not_fail(harness: EscrowHarness) -> None:
    patient = PATIENTS[0]
    harness.fund(patient, 1)
    harness.escrow.send(patient, "requestWithdrawal", 1)
    for _ in range(3):
        harness.call(("refund", patient, MAX_AMOUNT - 1))
        harness.call(("chargeShares", packed([patient], 1), 0, (MAX_AMOUNT - 1).to_bytes(32, "big")))
    assert harness.escrow.read("withdrawalOf", patient)[1] == MAX_AMOUNT
