"""`ClaimSettlement.withdraw`: a provider's credit goes to its registered address, whoever asks."""

from __future__ import annotations

from tests.support.deployment import POOL_FUNDS, UNLISTED, Protocol
from tests.support.evm import reverts

from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain.format.events import ProviderPaid
from chainbill.money import DOLLAR, MAX_AMOUNT


def test_withdraw__by_anyone__pays_the_payout_address_all_of_it(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1))
    protocol.mature()
    receipt = protocol.withdraw()
    assert receipt.value == 150 * DOLLAR
    assert receipt.of(ProviderPaid) == [ProviderPaid(protocol.provider_id, protocol.provider, 150 * DOLLAR)]
    assert protocol.tokens(protocol.provider) == 150 * DOLLAR
    assert protocol.tokens(protocol.stranger) == 0
    assert protocol.credit() == 0
    protocol.assert_solvent()


def test_withdraw__no_credit__reverts(protocol: Protocol) -> None:
    with reverts("NoCredit", providerId=protocol.provider_id):
        protocol.settlement.send(protocol.provider, "withdraw", protocol.provider_id)


def test_withdraw__twice__reverts(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1))
    protocol.mature()
    protocol.withdraw()
    with reverts("NoCredit", providerId=protocol.provider_id):
        protocol.settlement.send(protocol.provider, "withdraw", protocol.provider_id)
    assert protocol.tokens(protocol.provider) == 150 * DOLLAR


def test_withdraw__unknown_provider__reverts(protocol: Protocol) -> None:
    for provider_id in (0, 2):
        with reverts("UnknownProvider", providerId=provider_id):
            protocol.settlement.send(protocol.provider, "withdraw", provider_id)


def test_withdraw__of_one_provider__leaves_another_alone(protocol: Protocol) -> None:
    other = protocol.register_provider(protocol.late)
    protocol.accept_provider(other)
    protocol.grant(protocol.patient, provider_id=other)
    protocol.settle(protocol.row(protocol.patient, 1))
    protocol.settle(protocol.row(protocol.patient, 1), provider_id=other)
    protocol.mature()
    protocol.withdraw(other)
    assert (protocol.credit(), protocol.credit(other)) == (150 * DOLLAR, 0)
    protocol.assert_solvent()


def test_withdraw__suspended_provider__still_gets_its_credit(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1))
    protocol.suspend()
    protocol.mature()
    assert protocol.withdraw().value == 150 * DOLLAR


def test_withdraw__while_paused__still_pays(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1))
    protocol.settlement.send(protocol.governor, "pause")
    protocol.mature()
    assert protocol.withdraw().value == 150 * DOLLAR


def test_withdraw__later_credit__may_be_withdrawn_again(protocol: Protocol) -> None:
    for sequence in (1, 2):
        protocol.settle(protocol.row(protocol.patient, sequence))
        protocol.mature()
        protocol.withdraw()
    assert protocol.tokens(protocol.provider) == 300 * DOLLAR


def test_settle__credit_beyond_64_bits__reverts_until_it_is_withdrawn(protocol: Protocol) -> None:
    """All of a pool of the largest size, and one more micro-dollar from a refilled one."""
    for patient in (protocol.late, protocol.stranger):
        pays_nothing(protocol, patient)
    protocol.fund_payer(protocol.payer_id, MAX_AMOUNT - POOL_FUNDS)
    everything = protocol.row(protocol.late, 1, UNLISTED, billed=MAX_AMOUNT)
    assert protocol.settle(everything, plan_id=2).value == (1, 0, 0, 0)
    assert protocol.credit() == MAX_AMOUNT

    protocol.fund_payer(protocol.payer_id, 1)
    one_more = protocol.row(protocol.stranger, 2, UNLISTED, billed=1)
    with reverts("CreditOverflow", credit=MAX_AMOUNT, amount=1):
        protocol.settle(one_more, plan_id=2)
    protocol.mature()
    protocol.withdraw()
    assert protocol.settle(one_more, plan_id=2).value == (1, 0, 0, 0)
    protocol.assert_solvent()


def pays_nothing(protocol: Protocol, patient: str) -> None:
    """Put a patient into a plan that pays all of a fee without a practical limit."""
    if not protocol.payer.read("planVersions", 2):
        terms = PlanTerms(deductible=0, oop_max=0, rounding_unit=1)
        protocol.publish_plan(terms, {1: CategoryTerms()}, plan=2)
        protocol.publish_fees({UNLISTED: FeeTerms(amount=MAX_AMOUNT, category=1)})
    protocol.escrow.send(patient, "acceptPayer", protocol.payer_id, 0)
    protocol.grant(patient, 0)
    protocol.enrol(patient, plan=2)
