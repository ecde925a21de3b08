"""Every verb exists once: each page of docs/operations names its operation, its method and its command, and
they are there; no operation that changes something is without a page."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.house.test_cli_documented import EVERY_COMMAND
from tests.house.test_operation_pages import OPERATIONS, PAGES, name_of, text_of

import chainbill
from chainbill import operations
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.state.session import Session

WITH_FACES = sorted([*PAGES, OPERATIONS / "audit.md"])

BY_NAME = {
    "chainbill.operations.governor.registrations.open_payer": "governor.admission.create_payer",
    "chainbill.operations.governor.registrations.register_provider": "governor.admission.register_provider",
}
"""Verbs that do another one for a party of the address book, and note there what came of it."""

WITHOUT_PAGE: dict[str, set[str]] = {
    "announcements": {"announcement", "announcements"},
    "claims.description": {"describe_claim"},
    "claims.lookup": {"disputed_claims", "find_claim"},
    "contacts": {"add_contact", "import_card", "sign_card"},
    "effect": {"effective_at", "made", "stood"},
    "governor.admission": {"owned_payer", "registered_ids"},
    "governor.calls": {
        "acting",
        "await_call",
        "govern",
        "governor",
        "governor_account",
        "is_bound",
        "settlement_call",
    },
    "governor.operator_fee": {"standing_fee"},
    "governor.registrations": {"gives_at_once", "hand_out"},
    "parties": {
        "insurer_of",
        "known_party",
        "noted",
        "patient_address",
        "patient_finder",
        "provider_of",
    },
    "governor.roles": {"everybody", "members", "reassigned", "usual_delay"},
    "governor.scheduled": {"find_scheduled", "scheduled_calls", "targets"},
    "insurer.acceptances": {"accepted_providers"},
    "insurer.account": {"create", "own_payer", "payer_of"},
    "insurer.fees": {"newest_terms", "standing_fees"},
    "insurer.members": {"benefit_year", "check_plan", "member_year"},
    "insurer.plans": {"standing_plans"},
    "insurer.pool": {"balance"},
    "oracle.at_hand": {"has_node", "has_oracle", "nodes_here", "oracle_at_hand", "oracle_at_work"},
    "oracle.fees": {"fees"},
    "oracle.settle": {"quorum_at_hand", "rebuild", "status"},
    "oracle.take": {"take_events"},
    "oracle.unanswered": {"free_root_slot", "record_unanswered", "waiting_sections"},
    "patient.account": {"create"},
    "patient.consents": {"consent_question", "learn_consents", "standing_consents", "wanted_consent"},
    "patient.intents": {
        "cancel_withdrawal_intent",
        "consent_intent",
        "deposit_intent",
        "dispute_intent",
        "limits_intent",
        "payers_intent",
        "revocation_intent",
        "use_nonce_intent",
        "withdrawal_intent",
        "withdrawal_request_intent",
    },
    "patient.limits": {"limits", "wanted_limits"},
    "patient.payers": {"payers", "wanted_payers"},
    "patient.permission": {"announced_since", "held_since", "looked_at", "standing"},
    "patient.signed_intents": {"sign"},
    "patient.wallet": {"balance"},
    "provider.acting": {"at_work", "attesting_account", "signing_account", "worklist_of"},
    "provider.attest": {"attest", "attest_event", "submitter_of"},
    "provider.attesters": {"added_address", "attester_address", "check_signs", "is_last_key", "keys"},
    "provider.cash_prices": {"cash_key", "standing_prices"},
    "provider.check": {"check"},
    "provider.credit": {"balance"},
    "provider.elsewhere": {"told_by_chain", "told_by_oracle"},
    "provider.export": {"export_events"},
    "provider.ingest": {"forget_records", "ingest"},
    "provider.payout": {"payout_actor", "payout_address"},
    "provider.rebuild": {"rebuild"},
    "provider.waiting": {"remove", "take_off", "worklist"},
    "readings": {"check_readings", "prove_readings", "show_readings"},
    "records": {"export_records", "fetch_records"},
    "relay": {"disputed_claim", "externally_signed"},
    "sealed_files": {"header_for", "read_header"},
    "spending_money": {"give_spending_money"},
    "statements": {"insurer_statement", "patient_statement", "provider_statement", "read_history", "reader"},
}
"""What changes nothing on chain, by module: reads, what is worked out or kept here, and what operations are
made of. A new operation is on a page, or has a place in this table."""

_LINE = re.compile(r"^Operation: (.+) · method (.+) · command (.+)$", re.MULTILINE)


class Faces(NamedTuple):
    """What a page names."""

    operations: list[str]
    methods: list[str]
    commands: list[str]


def faces(page: Path) -> Faces:
    """Of a page's line; it stands before the first heading but the title."""
    found = _LINE.findall(text_of(page).split("\n## ")[0])
    assert len(found) == 1, f"{name_of(page)} has {len(found)} lines that begin with Operation:"
    return Faces(*(re.findall(r"`([^`]+)`", each) for each in found[0]))


@pytest.mark.parametrize("page", WITH_FACES, ids=name_of)
def test_page__its_operation_method_and_command__exist(page: Path) -> None:
    named = faces(page)
    assert all(named), "one of the three is missing"
    for path in named.operations:
        module, _, function = path.rpartition(".")
        assert inspect.isfunction(getattr(importlib.import_module(module), function)), path
    for path in named.methods:
        role, _, method = path.partition(".")
        assert inspect.isfunction(getattr(getattr(chainbill, role), method)), path
    assert set(named.commands) <= set(EVERY_COMMAND), named.commands


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page__the_line__stands_right_under_the_contracts_functions(page: Path) -> None:
    assert re.search(r"```solidity\n[^`]*```\n\nOperation: ", text_of(page))


def modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(operations.__path__, "chainbill.operations."):
        yield module.name


def verbs() -> Iterator[str]:
    """Every public operation whose result tells of a change."""
    for name in modules():
        for function in functions_of(name):
            result = typing.get_type_hints(function).get("return")
            if isinstance(result, type) and issubclass(result, Change):
                yield f"{name}.{function.__name__}"


def asked_of_a_session() -> Iterator[str]:
    """Every public operation: a function that begins with who acts, or with the session."""
    for name in modules():
        for function in functions_of(name):
            parameters, hints = inspect.signature(function).parameters, typing.get_type_hints(function)
            first = next(iter(parameters), "")
            if hints.get(first) in (Actor, Session):
                yield f"{name}.{function.__name__}"


def functions_of(name: str) -> Iterator[Callable[..., Any]]:
    for function_name, function in vars(importlib.import_module(name)).items():
        own = inspect.isfunction(function) and function.__module__ == name
        if own and not function_name.startswith("_"):
            yield function


VERBS = sorted(verbs())


def test_verbs__read_from_the_modules__are_all_of_them() -> None:
    assert len(VERBS) > 20
    assert "chainbill.operations.claims.disputes.resolve" in VERBS
    assert set(BY_NAME) <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_verb__that_changes_something__has_a_page(verb: str) -> None:
    lines = [found for page in WITH_FACES for found in _LINE.findall(text_of(page))]
    named = {path for found in lines for path in re.findall(r"`([^`]+)`", found[0])}
    assert f"chainbill.operations.{BY_NAME[verb]}" in named if verb in BY_NAME else verb in named


def test_operations__each__is_on_a_page_or_listed_as_one_that_changes_nothing() -> None:
    lines = [found for page in WITH_FACES for found in _LINE.findall(text_of(page))]
    named = {path for found in lines for path in re.findall(r"`([^`]+)`", found[0])}
    listed = {
        f"chainbill.operations.{module}.{name}" for module, names in WITHOUT_PAGE.items() for name in names
    }
    assert set(asked_of_a_session()) - named - set(BY_NAME) == listed
