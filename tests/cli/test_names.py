"""A mistyped name makes no key: every command that takes an account takes one that exists."""

from __future__ import annotations

import pytest
from tests.support.roles import Town

TAKING = [
    ("provider", "payout-address", "change", "{}", "--as", "clinic"),
    ("provider", "keys", "add", "{}", "--as", "clinic"),
    ("provider", "keys", "rotate", "clinic", "{}", "--as", "clinic"),
    ("provider", "keys", "rotate", "{}", "clinic", "--as", "clinic"),
    ("provider", "keys", "revoke", "{}", "--as", "clinic"),
    ("provider", "attest", "--key", "{}", "--as", "clinic"),
    ("provider", "balance", "--as", "{}"),
    ("insurer", "hand-over", "{}"),
    ("insurer", "take-over", 1, "--as", "{}"),
    ("insurer", "accept-provider", "{}"),
    ("insurer", "enrol", "{}", "--plan", 1),
    ("insurer", "change-plan", "{}", "--plan", 1),
    ("insurer", "end-coverage", "{}"),
    ("insurer", "fund", 1, "--as", "{}"),
    ("governor", "roles", "grant", "arbiter", "{}"),
    ("governor", "roles", "revoke", "arbiter", "{}"),
    ("governor", "register-provider", "{}"),
    ("governor", "create-payer", "{}"),
    ("governor", "suspend", "{}"),
    ("governor", "reinstate", "{}"),
    ("governor", "open-epoch", "oracle-1", "{}", "--threshold", 1),
    ("governor", "pause", "--as", "{}"),
    ("patient", "consent", "{}", "--limit", 1),
    ("patient", "revoke", "{}"),
    ("patient", "accept-payer", "{}"),
    ("patient", "accept-payer", "insurer", "--secondary", "{}"),
    ("patient", "fund", 1, "--as", "{}"),
    ("patient", "sign", "consent", "{}", "--limit", 1),
    ("oracle", "settle", "--operator", "{}"),
    ("oracle", "fees", "balance", "{}"),
    ("oracle", "fees", "withdraw", "{}"),
    ("audit", "history", "--patient", "{}"),
    ("audit", "history", "--provider", "{}"),
]
"""Every command that takes an account as whom it is about, or as who acts."""

MAKING = [
    ("provider", "payout-address", "change", "{}", "--new", "--as", "clinic"),
    ("provider", "keys", "add", "{}", "--new", "--as", "clinic"),
    ("provider", "keys", "rotate", "clinic", "{}", "--new", "--as", "clinic"),
    ("insurer", "hand-over", "{}", "--new"),
    ("governor", "roles", "grant", "arbiter", "{}", "--new"),
    ("governor", "register-provider", "{}", "--new"),
    ("governor", "create-payer", "{}", "--new"),
]


@pytest.fixture
def named_town(town: Town) -> Town:
    """The town with a provider ``clinic``."""
    town.ok("provider", "register", "clinic")
    return town


def accounts(town: Town) -> tuple[list[str], list[str]]:
    """Every name in the address book, and of a keystore."""
    session = town.session()
    return list(session.book.entries()), session.keystores.names()


@pytest.mark.parametrize("command", TAKING, ids=lambda command: " ".join(map(str, command)))
def test_account__mistyped__makes_no_key_and_says_who_there_is(
    named_town: Town, command: tuple[object, ...]
) -> None:
    before = accounts(named_town)
    error = named_town(*(str(word).format("ptient-2") for word in command)).error
    assert "'ptient-2'" in error
    assert "known here: " in error
    assert accounts(named_town) == before


SECRET = "4f3edf983ac636a65a842ce7c78d9aa706d3b113bce9c46f30d7d21715b23b1d"


@pytest.mark.parametrize("command", [*TAKING, *MAKING], ids=lambda command: " ".join(map(str, command)))
def test_private_key__for_an_account__is_repeated_nowhere_and_kept_nowhere(
    named_town: Town, command: tuple[object, ...]
) -> None:
    before = accounts(named_town)
    # With a digit too many, it gives away as much.
    for given in (SECRET, f"0x{SECRET}", f"0X{SECRET.upper()}", f"0x{SECRET}7"):
        ran = named_town(*(str(word).format(given) for word in command))
        assert ran.code in (1, 2), ran
        assert "looks like a private key" in ran.err
        assert SECRET not in f"{ran.out}{ran.err}".lower()
    assert accounts(named_town) == before


@pytest.mark.parametrize(
    "command",
    [
        ("{}",),
        ("patient", "{}"),
        ("patient", "create", "{}"),
        ("patient", "fund", "{}"),
        ("patient", "fund", 1, "{}"),
        ("insurer", "enrol", "patient", "--plan", "{}"),
        ("accounts", "new", "{}"),
        ("accounts", "import", "{}"),
        ("contacts", "show", "{}"),
        ("contacts", "add", "{}", "0x52908400098527886E0F7030069857D2E4169EE7", "--role", "patient"),
        ("contacts", "add", "friend", "{}", "--role", "patient"),
        ("contacts", "import", "{}"),
        ("relay", "submit", "{}"),
        ("--network", "{}", "patient", "balance"),
        ("--rpc-url", "{}", "patient", "balance"),
        ("network", "show", "{}"),
        ("network", "add", "{}", "--rpc-url", "http://127.0.0.1:1"),
        ("network", "add", "clinic-net", "--rpc-url", "{}"),
    ],
    ids=lambda command: " ".join(map(str, command)),
)
def test_private_key__anywhere_else__is_repeated_nowhere(town: Town, command: tuple[object, ...]) -> None:
    for given in (SECRET, f"0x{SECRET}"):
        for output in ([], ["--json"]):
            ran = town(*(str(word).format(given) for word in command), *output)
            assert ran.code in (1, 2), ran
            assert SECRET not in f"{ran.out}{ran.err}"


@pytest.mark.parametrize("command", MAKING, ids=lambda command: " ".join(map(str, command)))
def test_account__to_be_made_that_exists__is_refused(named_town: Town, command: tuple[object, ...]) -> None:
    error = named_town(*(str(word).format("patient") for word in command)).error
    assert "there is an account named 'patient' already" in error
    assert "hint: leave out --new, or choose another name" in error


@pytest.mark.parametrize("command", MAKING, ids=lambda command: " ".join(map(str, command)))
def test_account__mistyped__is_told_how_a_new_one_is_made(
    named_town: Town, command: tuple[object, ...]
) -> None:
    given = [str(word).format("clinci") for word in command if word != "--new"]
    error = named_town(*given).error
    assert "add --new" in error
    if command[:2] != ("governor", "create-payer"):
        assert "did you mean clinic?" in error


def test_account__of_another_role__says_whose_it_is(named_town: Town) -> None:
    error = named_town("patient", "fund", 1, "--as", "clinic").error
    assert "there is no patient named 'clinic' in the address book: clinic is a provider" in error


def test_account__a_role_s_first__says_what_makes_one(named_town: Town) -> None:
    error = named_town("patient", "fund", 1, "--as", "mara").error
    assert "a new one: chainbill patient create mara" in error


def test_address__that_nobody_holds_a_key_of__is_refused(named_town: Town) -> None:
    escrow = named_town.session().protocol.escrow.address
    error = named_town("provider", "payout-address", "change", escrow, "--as", "clinic").error
    assert f"{escrow}, a contract (escrow), is nobody's" in error


def test_account__named_like_an_address__is_no_name(named_town: Town) -> None:
    ran = named_town("patient", "create", "0xe0fc04fa2d34a66b779fd5cee748268032a146c0")
    assert (ran.code, "addresses begin like that" in ran.err) == (2, True)
