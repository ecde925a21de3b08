"""The Python examples of the patient's and the insurer's pages run as they are printed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from tests.house.test_operation_pages import blocks
from tests.support.roles import PLAN
from tests.support.testbed import DAY, Testbed

from chainbill.billing.plan_file import PlanFile, example_plan
from chainbill.client.connection import Chainbill
from chainbill.operations.governor.registrations import register_provider
from chainbill.operations.insurer import account as insurers
from chainbill.operations.patient import account as patients
from chainbill.records.member_file import NewMember

PAGES = Path(__file__).resolve().parents[2] / "docs" / "operations"

IN_ORDER = {
    "patient": (
        "deposit",
        "deposit-with-permit",
        "deposit-with-authorization",
        "request-withdrawal",
        "withdraw",
        "cancel-withdrawal",
        "accept-payer",
        "set-limits",
        "grant-consent",
        "revoke-consent",
        "use-nonce",
    ),
    "insurer": (
        "deposit",
        "request-withdrawal",
        "withdraw",
        "cancel-withdrawal",
        "publish-plan",
        "publish-fees",
        "accept-provider",
        "end-provider-acceptance",
        "enrol",
        "change-plan",
        "end-coverage",
        "transfer-ownership",
    ),
}
"""So that each begins where the ones before leave off."""


@pytest.fixture(scope="module")
def names(testbed: Testbed) -> dict[str, Any]:
    """What the examples begin with."""
    session = testbed.session
    patients.create(session, "maria")
    for insurer in ("harbor", "lakeside"):
        insurers.create(session, insurer)
    register_provider(session, "clinic")
    bill = Chainbill(session)
    return {
        "bill": bill,
        "maria": bill.patient("maria"),
        "harbor": bill.insurer("harbor"),
        "relay": bill.relay("clinic"),
        "juan": testbed.account().address,
        "new_key": Account.create(),
        "NewMember": NewMember,
        "PlanFile": PlanFile,
        "example_plan": example_plan,
        "timedelta": timedelta,
    }


@pytest.fixture
def before(testbed: Testbed, names: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """What must have happened for some of them."""
    second = PlanFile.parse(PLAN.replace("plan = 1", "plan = 2"))
    return {
        "withdraw": lambda: testbed.wait(DAY),
        "patient/cancel-withdrawal": lambda: names["maria"].request_withdrawal("1"),
        "insurer/cancel-withdrawal": lambda: names["harbor"].request_withdrawal("1"),
        "change-plan": lambda: names["harbor"].publish_plan(second),
    }


@pytest.mark.parametrize("role", IN_ORDER)
def test_pages__of_a_role__are_all_of_them(role: str) -> None:
    assert sorted(path.stem for path in (PAGES / role).glob("*.md")) == sorted(IN_ORDER[role])


@pytest.mark.parametrize("role", IN_ORDER)
def test_example__in_python__runs(
    names: dict[str, Any], before: dict[str, Callable[[], object]], role: str
) -> None:
    for page in IN_ORDER[role]:
        (before.get(page) or before.get(f"{role}/{page}") or (lambda: None))()
        (code,) = blocks(PAGES / role / f"{page}.md", "python")
        exec(compile(code, f"{role}/{page}.md", "exec"), names)
