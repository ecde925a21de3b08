"""Money verbs that were cut off, or whose reply was lost: done once, whatever happened when."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import forked
from tests.support.node_proxy import Answer, proxy_before, swallowed, unheard
from tests.support.roles import Town, asks

from chainbill.chain.devnet.anvil import start
from chainbill.chain.node.send_state import Patience
from chainbill.errors import ChainError
from chainbill.state import outbox

NOTE, SENDER = "chainbill.state.outbox:AccountOutbox.note", "chainbill.chain.node.sender:Sender"
EMIT = "chainbill.cli.shell.balances:emit"
BROADCAST = "chainbill.chain.node.broadcaster:Broadcaster.broadcast"

SENT_SECOND = f"{BROADCAST}#2"
"""After the approval."""

AFTER_NOTING = [
    (NOTE, "after"),  # Between the note and the sending.
    (f"{BROADCAST}", "after"),  # Between the sending and the receipt.
    (f"{SENDER}._wait", "after"),
    (EMIT, "before"),  # Mined, and nobody was told.
    ("chainbill.state.outbox:AccountOutbox.forget", "before"),
]


def killed(town: Town, point: str, moment: str, *arguments: object) -> None:
    """Run a command in a process of its own that is killed at a point."""
    given = ["--state-dir", town.state.root, *arguments, *(["--yes"] if asks(arguments) else [])]
    done = forked.dying(point, moment, "SIGKILL", *given)
    assert done.returncode == -signal.SIGKILL, done


def funded(town: Town, name: str) -> tuple[str, Callable[[], str]]:
    """A patient with dollars of its own, and how to ask for its balance."""
    town.ok("patient", "create", name, "--mint", 1000)
    return name, lambda: str(town.ok("patient", "balance", "--as", name)["balance"])


def noted(town: Town) -> list[Path]:
    return list(town.state.outbox.rglob("*.json"))


@pytest.mark.parametrize("permit", [[], pytest.param(["--permit"], marks=pytest.mark.slow)])
@pytest.mark.parametrize("point, moment", AFTER_NOTING)
def test_fund__killed_once_it_is_noted__the_next_run_pays_no_second_time(
    bare_town: Town, point: str, moment: str, permit: list[str]
) -> None:
    town = bare_town
    name, _ = funded(town, f"cut-{AFTER_NOTING.index((point, moment))}{'-p' if permit else ''}")
    fund = ("patient", "fund", 100, *permit, "--as", name)
    # Without a permit the approval is sent before, and it is not what is to be done once.
    second = "" if permit or point == EMIT else "#2"
    killed(town, point + second, moment, *fund)
    again = town.ok(*fund)
    assert (again["resumed"], again["balance"]) == (True, "100.00")
    assert again["transaction"].startswith("0x")
    assert noted(town) == []
    # Whoever wants the same deposit twice runs the command twice.
    once_more = town.ok(*fund)
    assert (once_more["resumed"], once_more["transaction"], once_more["balance"]) == (False, None, "200.00")


def test_fund__killed_before_it_is_noted__is_begun_anew(bare_town: Town) -> None:
    name, _ = funded(bare_town, "early")
    killed(bare_town, NOTE, "before", "patient", "fund", 100, "--as", name)
    again = bare_town.ok("patient", "fund", 100, "--as", name)
    assert (again["resumed"], again["balance"]) == (False, "100.00")


def test_fund__resumed__says_so_and_how_to_pay_once_more(bare_town: Town) -> None:
    name, _ = funded(bare_town, "reader")
    killed(bare_town, SENT_SECOND, "after", "patient", "fund", 100, "--as", name)
    told = bare_town("patient", "fund", 100, "--as", name).out
    assert "$100.00 put in. The balance is $100.00" in told
    assert "Resumed: an earlier run that was cut off had sent it (transaction 0x" in told
    assert "To do it once more, run the command again." in told


def test_fund__another_amount__is_another_errand(bare_town: Town) -> None:
    name, balance = funded(bare_town, "other")
    killed(bare_town, SENT_SECOND, "after", "patient", "fund", 100, "--as", name)
    assert bare_town.ok("patient", "fund", 30, "--as", name)["resumed"] is False
    assert balance() == "130.00"
    assert bare_town.ok("patient", "fund", 100, "--as", name)["resumed"] is True
    assert balance() == "130.00"


def test_fund__its_nonce_was_used_by_another__is_forgotten_and_paid_once(
    bare_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainbill.chain.node.sender.PATIENCE", Patience(second_look=0.2))
    name, _ = funded(bare_town, "overtaken")
    killed(bare_town, f"{NOTE}#2", "after", "patient", "fund", 100, "--as", name)
    assert bare_town.ok("patient", "limits", "--per-event", 300, "--as", name)
    again = bare_town.ok("patient", "fund", 100, "--as", name)
    assert (again["resumed"], again["balance"]) == (False, "100.00")
    assert noted(bare_town) == []


def test_fund__sent_and_refused_by_the_contract_meanwhile__is_not_taken_for_done(bare_town: Town) -> None:
    """Noted, not sent; then its dollars went elsewhere. Mined, it reverts: nothing was paid."""
    name, _ = funded(bare_town, "spent")
    killed(bare_town, f"{NOTE}#2", "after", "patient", "fund", 1000, "--as", name)
    session = bare_town.session()
    token, holder = session.protocol.token, session.book.get(name).address
    # Taken by another account that was allowed to: its own nonce stays free.
    node = session.devnet.anvil  # type: ignore[union-attr]
    node.call("anvil_impersonateAccount", session.protocol.escrow.address)
    node.call("anvil_setBalance", session.protocol.escrow.address, hex(10**20))
    data = "0x" + token.calldata("transferFrom", holder, session.book.get("patient").address, 10**9).hex()
    call = {"from": session.protocol.escrow.address, "to": token.address, "data": data, "gas": hex(10**6)}
    node.call("eth_sendTransaction", call)
    assert token.balance_of(holder) == 0
    error = bare_town("patient", "fund", 1000, "--as", name).error
    assert "holds $0.00, less than $1,000.00" in error
    assert noted(bare_town) == []


@pytest.mark.parametrize(
    "method, lost, said",
    [
        ("eth_sendRawTransaction", swallowed, "no node answers"),
        ("eth_sendRawTransaction", unheard, "no node answers"),
        ("eth_sendRawTransaction", lambda ask: (ask(), (502, b"<html>"))[1], "HTTP 502"),
        ("eth_sendRawTransaction", lambda ask: (200, ask()[1][:20]), "no JSON"),
        ("eth_getTransactionReceipt", unheard, "no node answers"),
        ("eth_getTransactionReceipt", lambda ask: (429, b"slow down"), "HTTP 429"),
    ],
)
def test_fund__node_loses_a_reply__says_what_is_known_and_the_next_run_pays_once(
    bare_town: Town,
    request: pytest.FixtureRequest,
    method: str,
    lost: Callable[[Callable[[], Answer]], Answer | None],
    said: str,
) -> None:
    name, _ = funded(bare_town, f"lost-{zlib.crc32(request.node.callspec.id.encode())}")
    bare_town.ok("patient", "fund", 7, "--as", name)
    with proxy_before(bare_town.session().rpc_url) as proxy:
        proxy.rules[method] = lost
        error = bare_town("--rpc-url", proxy.url, "patient", "fund", 100, "--permit", "--as", name).error
    message, hint = error.splitlines()
    assert message.startswith("error: transaction 0x")
    assert "was sent, and may be mined" in message
    assert said in message
    assert "run the same command again: it looks for this transaction first, and pays once" in hint
    again = bare_town.ok("patient", "fund", 100, "--as", name)
    assert (again["resumed"], again["balance"]) == (True, "107.00")


def test_fund__notes_are_damaged__nothing_is_sent(bare_town: Town) -> None:
    name, balance = funded(bare_town, "damaged")
    killed(bare_town, SENT_SECOND, "after", "patient", "fund", 100, "--as", name)
    (path,) = noted(bare_town)
    whole = path.read_bytes()
    path.write_bytes(whole[:30])
    assert "are damaged" in bare_town("patient", "fund", 100, "--as", name).error
    path.write_bytes(whole)
    assert bare_town.ok("patient", "fund", 100, "--as", name)["resumed"] is True
    assert balance() == "100.00"


def test_fund__note_cannot_be_written__nothing_is_sent(
    bare_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, balance = funded(bare_town, "full-disk")

    def full(path: Path, _: bytes) -> None:
        raise ChainError(f"{path} cannot be written: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "write_private", full)
        assert "No space left" in bare_town("patient", "fund", 100, "--as", name).error
    assert balance() == "0.00"


@pytest.mark.slow
def test_fund__by_several_processes_at_once__each_is_paid_once(bare_town: Town) -> None:
    name, balance = funded(bare_town, "hasty")
    program = [sys.executable, "-c", "from chainbill.cli import main; main()"]
    given = [*program, "--state-dir", str(bare_town.state.root), "--json"]
    funding = [["patient", "fund", "100", "--as", name]] * 3
    other = [
        ["patient", "limits", "--per-event", "300", "--as", name],
        ["patient", "void-signatures", "--as", name],
    ]
    running = [
        subprocess.Popen([*given, *each], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for each in [*funding, *other]
    ]
    told = [each.communicate(timeout=120) for each in running]
    assert [each.returncode for each in running] == [0] * len(running), told
    assert [json.loads(out)["resumed"] for out, _ in told[:3]] == [False] * 3
    assert balance() == "300.00"


# ---- the other verbs ----------------------------------------------------------------------------------


def check_once(town: Town, *command: object) -> Any:
    """Killed between the sending and the receipt, the next run tells what that one did."""
    killed(town, f"{BROADCAST}", "after", *command)
    again = town.ok(*command)
    assert again["resumed"] is True
    return again


def test_insurer_fund__cut_off__is_paid_once(town: Town) -> None:
    before = float(town.ok("insurer", "balance")["balance"])
    # The allowance is given first, by a transaction of its own: it is not what is to be done once.
    town.ok("insurer", "fund", 1)
    killed(town, f"{BROADCAST}#2", "after", "insurer", "fund", 250)
    assert town.ok("insurer", "fund", 250)["resumed"] is True
    assert float(town.ok("insurer", "balance")["balance"]) == before + 251


def test_withdraw__cut_off__is_announced_and_taken_once(bare_town: Town) -> None:
    name, balance = funded(bare_town, "leaver")
    bare_town.ok("patient", "fund", 500, "--as", name)
    announce = ("patient", "withdraw", 100, "--as", name)
    announced = check_once(bare_town, *announce)["announced"]
    assert announced["amount"] == "100.00"
    bare_town.ok("devnet", "advance", "2d")
    assert check_once(bare_town, "patient", "withdraw", "--take", "--as", name)["withdrawn"] == "100.00"
    assert balance() == "400.00"


def test_withdraw__cut_off_and_called_off_since__is_announced_anew(bare_town: Town) -> None:
    name, _ = funded(bare_town, "undecided")
    bare_town.ok("patient", "fund", 500, "--as", name)
    announce = ("patient", "withdraw", 100, "--as", name)
    killed(bare_town, f"{BROADCAST}", "after", *announce)
    bare_town.ok("patient", "withdraw", "--cancel", "--as", name)
    again = bare_town.ok(*announce)
    assert (again["resumed"], again["announced"]["amount"]) == (False, "100.00")


def test_take__cut_off_and_another_announced_since__takes_that_one(bare_town: Town) -> None:
    name, balance = funded(bare_town, "repeater")
    bare_town.ok("patient", "fund", 500, "--as", name)
    for amount in (100, 50):
        bare_town.ok("patient", "withdraw", amount, "--as", name)
        bare_town.ok("devnet", "advance", "2d")
        if amount == 100:
            killed(bare_town, f"{BROADCAST}", "after", "patient", "withdraw", "--take", "--as", name)
    taken = bare_town.ok("patient", "withdraw", "--take", "--as", name)
    assert (taken["resumed"], taken["withdrawn"]) == (False, "50.00")
    assert balance() == "350.00"


@pytest.mark.slow
def test_provider__payout_bond_and_advance_cut_off__are_done_once(town: Town, clinic: str) -> None:
    as_clinic = ("--as", clinic)
    town.attest(clinic, town.patient("p-first", clinic), "first")
    town.settle(clinic)
    town.ok("devnet", "advance", "9d")
    assert check_once(town, "provider", "withdraw", *as_clinic)["withdrawn"] == "100.00"
    assert town.ok("provider", "withdraw", *as_clinic)["withdrawn"] == "0.00"

    killed(town, f"{BROADCAST}#2", "after", "provider", "bond", "deposit", 60, *as_clinic)
    assert town.ok("provider", "bond", "deposit", 60, *as_clinic)["bond"] == "60.00"
    town.attest(clinic, town.patient("p-second", clinic), "second")
    town.settle(clinic)
    assert check_once(town, "provider", "advance", 50, *as_clinic)["outstanding"] == "50.00"
    town.ok("devnet", "advance", "9d")
    assert check_once(town, "provider", "bond", "withdraw", *as_clinic)["withdrawn"] == "60.00"
    # What matures later is another payout than the one that was cut off.
    killed(town, f"{BROADCAST}", "after", "provider", "withdraw", *as_clinic)
    town.attest(clinic, town.patient("p-third", clinic), "third")
    town.settle(clinic)
    town.ok("devnet", "advance", "9d")
    later = town.ok("provider", "withdraw", *as_clinic)
    assert (later["resumed"], later["withdrawn"]) == (False, "100.00")


@pytest.mark.slow
def test_disputes__reply_lost_at_each_step__the_next_run_tells_the_outcome(town: Town, clinic: str) -> None:
    patient = town.patient("p-disputing", clinic)
    for visit, day in (("disputed", "2024-03-05"), ("answered", "2024-03-06")):
        file = town.record(visit, day=f"{day}T10:00:00+00:00")
        town.ok("provider", "ingest", file, "--patient", patient, "--as", clinic)
    town.ok("provider", "attest", "--as", clinic)
    claims = [f"{row['provider_id']}:{row['sequence']}" for row in town.settle(clinic)]
    for claim in claims:
        told = check_once(town, "patient", "dispute", claim, "--as", patient)
        assert told["status"] == "open"
        assert told["claim_id"].startswith("0x")
    conceded = check_once(town, "provider", "concede", claims[0], "--as", clinic)
    assert conceded["taken_back"]["allowed"] == "100.00"
    answer = ("provider", "answer", claims[1], "--statement", "It took place.", "--as", clinic)
    answered = check_once(town, *answer)
    assert answered["status"] == "answered"
    (path,) = town.state.answers.glob("*.json")
    said = path.read_bytes()
    # Another answer comes too late, and the one on chain can still be shown to the arbiter.
    assert "answered already" in town(*answer[:4], "Another.", *answer[5:]).error
    assert said in [each.read_bytes() for each in town.state.answers.glob("*.json")]
    ruling = check_once(town, "governor", "resolve", claims[1], "--full")
    assert ruling["taken_back"]["allowed"] == "100.00"


def test_relay__reply_lost__the_next_run_tells_that_it_is_done(bare_town: Town) -> None:
    name, balance = funded(bare_town, "signer")
    signed = bare_town("patient", "sign", "fund", 40, "--as", name)
    assert signed.code == 0, signed
    file = bare_town.file("signed.json", signed.out)
    told = check_once(bare_town, "relay", "submit", file)
    assert told["transaction"].startswith("0x")
    assert balance() == "40.00"


def test_settle__reply_lost__the_next_run_finds_the_claim_id(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient("p-lost", clinic), "lost")
    killed(town, f"{BROADCAST}", "after", "oracle", "settle")
    (row,) = town.settle(clinic)
    assert row["outcome"] == "settled"
    told = town.ok("patient", "dispute", row["claim_id"], "--as", "p-lost")
    assert told["claim_id"] == row["claim_id"]


def test_command__node_of_another_chain_with_the_same_id__is_one_line(
    bare_town: Town, tmp_path: Path
) -> None:
    other = start(tmp_path / "state.json", tmp_path / "log")
    try:
        for command in (("patient", "fund", 1), ("patient", "balance"), ("audit", "verify")):
            error = bare_town("--rpc-url", other.rpc_url, *command).error
            assert "of another chain than the one recorded here" in error
            assert "hint: check --rpc-url" in error
    finally:
        other.kill()


@pytest.mark.slow
def test_command__node_misbehaves__is_never_called_a_bug(bare_town: Town) -> None:
    answers = [
        (200, b"pong"),
        (200, b"{"),
        (200, b'{"result":[]}'),
        (401, b""),
        (500, b"<html>"),
        (200, b"[]"),
    ]
    with proxy_before(bare_town.session().rpc_url) as proxy:
        for command in (("patient", "balance"), ("audit", "verify"), ("audit", "history")):
            for answer in answers:
                for method in ("*", "eth_call", "eth_getLogs", "batch"):
                    proxy.rules = {method: lambda _, answer=answer: answer}  # type: ignore[misc]
                    ran = bare_town("--rpc-url", proxy.url, *command)
                    assert ran.code in (0, 3) or "the node at http" in ran.error, ran
                    assert "bug" not in ran.err
