"""The main scenarios on py-evm, which shares no code with pyrevm and anvil: the contracts do not lean on one
EVM's reading of the rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import (
    ANSWER_TIME,
    CONSENT_LIMIT,
    NOTICE,
    NOW,
    PATIENT_FUNDS,
    POOL_FUNDS,
    UNLISTED,
    VISIT,
    YEAR,
    Credit,
    Protocol,
)
from tests.support.evm import Evm, reverts
from tests.support.pyevm_backend import PyEvmBackend

from chainbill.attestation.signing import CURVE_ORDER
from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.events import (
    BatchSettled,
    ClaimReversed,
    ClaimSettled,
    ProviderPaid,
    SecondaryDetermined,
)
from chainbill.money import DOLLAR


@pytest.fixture(scope="module")
def deployed() -> Protocol:
    """The protocol as it was deployed and opened on py-evm."""
    return Protocol(Evm(NOW, PyEvmBackend()))


@pytest.fixture
def protocol(deployed: Protocol) -> Iterator[Protocol]:
    """The deployed protocol, rolled back after the test."""
    with deployed.rolled_back():
        yield deployed


def test_settle__one_visit__moves_what_the_terms_say(protocol: Protocol) -> None:
    receipt = protocol.settle(protocol.row(protocol.patient, 1))
    assert receipt.value == (1, 0, 0, 0)
    assert protocol.balance(protocol.patient) == PATIENT_FUNDS - 110 * DOLLAR
    assert protocol.pool() == POOL_FUNDS - 40 * DOLLAR
    assert protocol.credit_of() == Credit(maturing=150 * DOLLAR)
    assert protocol.member(protocol.patient) == Accumulators(100 * DOLLAR, 110 * DOLLAR, 40 * DOLLAR)
    protocol.assert_solvent()


def test_settle__a_batch_of_every_ending__each_row_ends_by_itself(protocol: Protocol) -> None:
    rows = [
        protocol.row(protocol.patient, 1),
        protocol.row(protocol.patient, 2, UNLISTED),
        protocol.row(protocol.patient, 3, benefit_year=YEAR + 1),
        protocol.row(protocol.patient, 1),
        *(protocol.row(protocol.neighbour, n) for n in range(10, 15)),
    ]
    receipt = protocol.settle(*rows)
    assert receipt.value == (6, 1, 1, 1)
    assert {ending[0]: ending[1:] for ending in endings(receipt)} == {
        2: (Outcome.DENIED, Reason.UNKNOWN_SERVICE),
        3: (Outcome.PENDED, Reason.BENEFIT_YEAR_NOT_OPEN),
        1: (Outcome.SKIPPED, Reason.SEQUENCE_SPENT),
    }
    protocol.assert_solvent()


def test_settle__a_batch__keeps_the_root_that_python_computes(protocol: Protocol) -> None:
    receipt = protocol.settle(*(protocol.row(protocol.patient, n) for n in range(5)))
    (batch,) = receipt.of(BatchSettled)
    for index in range(5):
        claim = protocol.settled_claim(receipt, index)
        assert protocol.settlement.read("claimId", claim.words) == claim.claim_id
    kept, settled_at = protocol.settlement.read("rootAt", batch.root_slot)
    assert (kept, settled_at) == (batch.root[:27], NOW)


def test_settle__two_payers__the_secondary_takes_over_its_part(protocol: Protocol) -> None:
    second = protocol.second_payer()
    protocol.welcome(protocol.late, payers=(protocol.payer_id, second))
    section = protocol.coordinated(protocol.row(protocol.late, 1), secondary=second)
    receipt = protocol.submit(protocol.batch([section]))
    (settled,), (determined,) = receipt.of(ClaimSettled), receipt.of(SecondaryDetermined)
    assert (settled.claim.plan_paid, settled.claim.secondary_paid) == (40 * DOLLAR, 40 * DOLLAR)
    assert determined.plan_paid == 40 * DOLLAR
    assert protocol.balance(protocol.late) == PATIENT_FUNDS - 70 * DOLLAR
    protocol.assert_solvent()


def test_settle__self_pay__owes_the_cash_price(protocol: Protocol) -> None:
    protocol.publish_cash_prices({VISIT: 120 * DOLLAR})
    protocol.grant(protocol.patient, CONSENT_LIMIT, self_pay=True)
    section = protocol.self_pay(protocol.row(protocol.patient, 1))
    (settled,) = protocol.submit(protocol.batch([section])).of(ClaimSettled)
    assert settled.claim.outside_plan == settled.claim.patient_responsibility == 120 * DOLLAR
    protocol.assert_solvent()


def test_dispute__conceded__gives_everything_back(protocol: Protocol) -> None:
    claim = protocol.settled_claim(
        protocol.settle(*(protocol.row(protocol.patient, n) for n in (1, 2, 3))), 1
    )
    protocol.dispute(claim)
    assert protocol.credit_of().held == 150 * DOLLAR
    receipt = protocol.concede(claim)
    assert len(receipt.of(ClaimReversed)) == 1
    assert protocol.balance(protocol.patient) == PATIENT_FUNDS - 140 * DOLLAR
    assert protocol.credit() == 300 * DOLLAR
    protocol.assert_solvent()


def test_dispute__provider_silent__is_closed_for_the_patient(protocol: Protocol) -> None:
    claim = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 1)))
    protocol.dispute(claim)
    protocol.advance(ANSWER_TIME)
    protocol.close(claim)
    assert protocol.balance(protocol.patient) == PATIENT_FUNDS
    assert protocol.member(protocol.patient) == Accumulators()
    protocol.assert_solvent()


def test_withdraw__matured_credit__is_paid_to_the_provider(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1))
    with reverts("NoCredit"):
        protocol.withdraw()
    protocol.mature()
    (paid,) = protocol.withdraw().of(ProviderPaid)
    assert paid.amount == protocol.tokens(protocol.provider) == 150 * DOLLAR
    protocol.assert_solvent()


def test_withdraw__patient_and_insurer__after_notice(protocol: Protocol) -> None:
    protocol.escrow.send(protocol.patient, "requestWithdrawal", DOLLAR)
    protocol.payer.send(protocol.insurer, "requestWithdrawal", DOLLAR)
    with reverts("WithdrawalNotAvailable"):
        protocol.escrow.send(protocol.patient, "withdraw")
    protocol.advance(NOTICE)
    protocol.escrow.send(protocol.patient, "withdraw")
    protocol.payer.send(protocol.insurer, "withdraw")
    assert protocol.tokens(protocol.patient) == protocol.tokens(protocol.insurer) == DOLLAR
    protocol.assert_solvent()


def test_pause__stops_settlement_and_nothing_else(protocol: Protocol) -> None:
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    protocol.settlement.send(protocol.governor, "pause")
    with reverts("EnforcedPause"):
        protocol.submit(batch)
    protocol.fund_patient(protocol.patient, DOLLAR)
    protocol.settlement.send(protocol.governor, "unpause")
    assert protocol.submit(batch).value == (1, 0, 0, 0)


def test_settle__malformed_signatures__revert(protocol: Protocol) -> None:
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    signed = protocol.sign(batch)
    first = signed[0]
    high_s = (CURVE_ORDER - int.from_bytes(first[32:64], "big")).to_bytes(32, "big")
    broken = {
        "high s": first[:32] + high_s + bytes([55 - first[64]]),
        "all zero": bytes(65),
        "v of 0 or 1": first[:64] + bytes([first[64] - 27]),
        "r beyond the curve": CURVE_ORDER.to_bytes(32, "big") + first[32:],
    }
    for signature in broken.values():
        with reverts("InvalidSignature", index=0):
            protocol.submit(batch, [signature, signed[1]])
    with reverts("SignersUnsorted"):
        protocol.submit(batch, signed[::-1])
    with reverts("QuorumNotReached"):
        protocol.submit(batch, signed[:1])
    assert protocol.submit(batch, signed).value == (1, 0, 0, 0)


def test_settle__payer_blocked_by_the_token__pends_its_sections() -> None:
    protocol = Protocol(Evm(NOW, PyEvmBackend()), token="UnrulyDollar")
    protocol.token.send(protocol.stranger, "setBlocked", protocol.payer.address, True)
    receipt = protocol.settle(protocol.row(protocol.patient, 1))
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.PAYER_FAILED)]
    protocol.assert_solvent()
