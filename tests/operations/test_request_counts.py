"""How many round trips to the node reading takes, counted by a proxy, however much there is to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from tests.support.node_proxy import Proxy, proxy_before
from tests.support.testbed import Testbed

from chainbill.billing.plan_file import PlanFile, example_plan
from chainbill.billing.terms import Category, FeeTerms
from chainbill.money import DOLLAR
from chainbill.operations.actor import Actor
from chainbill.operations.insurer import acceptances, fees, plans, pool
from chainbill.operations.patient import consents, limits, payers, wallet
from chainbill.state.session import Session

SERVICES = [f"service-{number}" for number in range(30)]


@dataclass
class Counted:
    """A session whose round trips are counted, and that knows nothing yet."""

    session: Session
    proxy: Proxy

    def trips(self, read: Callable[[], object]) -> int:
        self.proxy.asked.clear()
        read()
        return len(self.proxy.asked)


@pytest.fixture
def counted(testbed: Testbed) -> Iterator[Counted]:
    assert testbed.session.devnet is not None
    with proxy_before(testbed.session.devnet.rpc_url) as proxy:
        yield Counted(Session.open(testbed.session.state, proxy.url), proxy)


@pytest.fixture
def patient(testbed: Testbed) -> Actor:
    """It has a payer, limits, an announced withdrawal, and consents to four providers."""
    patient = testbed.account(50)
    wallet.deposit(patient, 40 * DOLLAR)
    wallet.request_withdrawal(patient, DOLLAR)
    payers.accept_payer(patient, testbed.insurer()[1])
    limits.set_limits(patient, per_day=30 * DOLLAR)
    for _ in range(4):
        consents.grant_consent(patient, testbed.provider(), limit=10 * DOLLAR)
    return patient


@pytest.fixture
def payer_id(testbed: Testbed) -> int:
    """An insurer that has a plan, thirty fees, and four providers accepted."""
    insurer, payer_id = testbed.insurer(50)
    plans.publish_plan(insurer, payer_id, PlanFile.parse(example_plan()))
    fees.publish_fees(
        insurer,
        payer_id,
        {each: FeeTerms(amount=DOLLAR, category=Category.OFFICE_VISIT) for each in SERVICES},
    )
    for _ in range(4):
        acceptances.accept_provider(insurer, payer_id, testbed.provider())
    return payer_id


def test_patients_balance__however_many_consents__three_round_trips(counted: Counted, patient: Actor) -> None:
    reading = Actor.reading(counted.session, patient.address)
    assert counted.trips(lambda: wallet.balance(reading)) <= 3
    assert wallet.balance(reading) == wallet.balance(patient)


def test_patients_permissions__however_many__a_few_round_trips(counted: Counted, patient: Actor) -> None:
    reading = Actor.reading(counted.session, patient.address)
    assert counted.trips(lambda: consents.standing_consents(reading)) <= 3
    for read in (limits.limits, payers.payers):
        # Since when what is announced holds is in a log.
        assert counted.trips(lambda read=read: read(reading)) <= 3  # type: ignore[misc]


def test_set_limits__as_they_are__two_round_trips(testbed: Testbed, counted: Counted, patient: Actor) -> None:
    testbed.wait(2 * 86_400)
    same = Actor.reading(counted.session, patient.address)
    assert counted.trips(lambda: limits.set_limits(same, per_day=30 * DOLLAR)) <= 2


def test_standing_fees__however_many_services__three_round_trips(counted: Counted, payer_id: int) -> None:
    found: dict[str, fees.FeeStanding] = {}
    assert counted.trips(lambda: found.update(fees.standing_fees(counted.session, payer_id))) <= 3
    assert sorted(found) == sorted(SERVICES)
    assert all(each.in_force is not None for each in found.values())


def test_insurers_reads__however_much_there_is__a_few_round_trips(
    testbed: Testbed, counted: Counted, payer_id: int
) -> None:
    session = counted.session
    session.protocol.payer(payer_id)  # Its address, once a process.
    assert counted.trips(lambda: plans.standing_plans(session, payer_id)) <= 3
    assert counted.trips(lambda: acceptances.accepted_providers(session, payer_id)) <= 4
    reading = Actor.reading(session, testbed.account().address)
    assert counted.trips(lambda: pool.balance(reading, payer_id)) <= 2


def test_balance__what_changes_with_each_block__is_asked_again_in_each(
    testbed: Testbed, counted: Counted, patient: Actor
) -> None:
    reading = Actor.reading(counted.session, patient.address)
    before = wallet.balance(reading)
    wallet.deposit(patient, 5 * DOLLAR)
    wallet.cancel_withdrawal(patient)
    after = wallet.balance(reading)
    assert (before.balance, after.balance) == (40 * DOLLAR, 45 * DOLLAR)
    assert (before.outside, after.outside) == (10 * DOLLAR, 5 * DOLLAR)
    assert before.announced is not None
    assert after.announced is None
    # All that a token on a busy chain has logged since is not asked for.
    assert counted.session.protocol.token.address not in counted.session.protocol.reads._addresses
