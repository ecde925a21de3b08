"""Deploying on a network that is not ours."""

from __future__ import annotations

from tests.operations.conftest import Workplace

from chainbill.operations.deploying import GAS_OF_STEPS, carry_out_deployment, prepare, verify_deployment


def test_deploy__with_the_proxy__stands_as_written(workplace: Workplace) -> None:
    prepared = prepare(workplace.state, workplace.request())
    assert prepared.deterministic
    steps: list[str] = []
    done = carry_out_deployment(workplace.state, prepared, on_step=steps.append)
    w3=workplace.chain.w3
    for s,t in zip(steps, done.transactions):
        print(s, w3.eth.get_transaction_receipt(t)["gasUsed"])
    assert done.check.differences == ()
    assert verify_deployment(workplace.state).differences == ()
    assert 0
