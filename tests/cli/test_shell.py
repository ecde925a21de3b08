"""The shell around every command: output, errors, exit codes; and the commands ``devnet`` and ``doctor``."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from chainbill.cli import _NOTES, COMMANDS, cli, main
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation
from chainbill.cli.shell.failures import run
from chainbill.cli.shell.output import emit, progress, show_duration, show_table, show_time
from chainbill.cli.shell.parameters import ACCOUNT, DOLLARS, DURATION, MOMENT
from chainbill.errors import ContractReverted, StateError
from chainbill.money import DOLLAR
from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet

PROGRAM = [sys.executable, "-c", "from chainbill.cli import main; main()"]


class Ran(NamedTuple):
    """What one run of the program came to."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> Any:
        """Its JSON."""
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def no_settings_of_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PASSPHRASE", "STATE_DIR", "RPC_URL", "TRACEBACK"):
        monkeypatch.delenv(f"CHAINBILL_{name}", raising=False)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDevnet]:
    """One devnet for this file."""
    local = LocalDevnet(StateDirectory.open(tmp_path_factory.mktemp("running")))
    try:
        local.up()
        yield local
    finally:
        local.down()


@pytest.fixture
def chainbill(capfd: pytest.CaptureFixture[str]) -> Any:
    """Runs the program inside this process (a process of its own costs a quarter of a second)."""

    def call(*arguments: object, command: click.Command = cli) -> Ran:
        code = run(command, [str(argument) for argument in arguments])
        return Ran(code, *capfd.readouterr())

    return call


def failing(error: BaseException) -> click.Command:
    """A command that fails."""

    @click.command(cls=ShellCommand)
    def fail() -> None:
        raise error

    return fail


def test_help__asked__names_every_command_without_importing_the_chain() -> None:
    script = (
        "import sys\nfrom chainbill.cli import main\n"
        "try:\n    main(['--help'])\n"
        "finally:\n    print([name for name in ('web3', 'eth_account', 'rich') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert all(f"\n  {name} " in told for name in COMMANDS)
    assert told.endswith("[]\n")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_commands__summary_in_the_table__is_the_commands_own(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(200) == COMMANDS[name][1]


def test_unknown_command__given__is_wrong_usage(chainbill: Any) -> None:
    ran = chainbill("nosuch")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: No such command 'nosuch'.\nhint: see chainbill --help\n"


@pytest.mark.parametrize(
    "given, hint",
    [
        ("pateint balance", "did you mean chainbill patient? See chainbill --help"),
        ("patient fnud 5", "did you mean chainbill patient fund? See chainbill patient --help"),
        ("provider keys rotat a b", "did you mean chainbill provider keys rotate?"),
        # Of another group, where this one has none that is near.
        ("patient concede 1", "did you mean chainbill provider concede?"),
        ("advance 1d", "did you mean chainbill devnet advance or chainbill provider advance?"),
    ],
)
def test_unknown_command__near_another__names_it(chainbill: Any, given: str, hint: str) -> None:
    ran = chainbill(*given.split())
    assert (ran.code, ran.out) == (2, "")
    assert "No such command" in ran.err
    assert f"hint: {hint}" in ran.err


def test_unknown_option__near_another__names_it(chainbill: Any) -> None:
    ran = chainbill("patient", "fund", "5", "--ass", "maria")
    assert (ran.code, "No such option: --ass Did you mean --as?" in ran.err) == (2, True)


@pytest.mark.parametrize(
    "given",
    [
        "patient fund -5",
        "patient withdraw -5.50",
        "insurer fund -$5",
        "provider advance -.5",
        "devnet advance -1d",
        "governor end-epoch -1",
    ],
)
def test_argument__below_zero__is_said_to_be_that(chainbill: Any, given: str) -> None:
    ran = chainbill(*given.split())
    assert ran.code == 2
    assert f"error: {given.split()[-1]} is below zero\nhint: Nothing here is negative" in ran.err


@pytest.mark.parametrize("given", ["patient fund -- -5", "patient consent clinic --limit -5"])
def test_amount__below_zero_and_taken_for_one__is_refused(chainbill: Any, given: str) -> None:
    ran = chainbill(*given.split())
    assert (ran.code, "negative" in ran.err) == (2, True)


@pytest.mark.parametrize(
    "given, path, member",
    [
        ("--json", "chainbill", "patient"),
        ("patient --json", "chainbill patient", "fund"),
        ("--json patient", "chainbill patient", "fund"),
        ("audit --json", "chainbill audit", "verify"),
        ("provider keys --json", "chainbill provider keys", "rotate"),
    ],
)
def test_group__with_json__lists_its_commands_in_json(
    chainbill: Any, given: str, path: str, member: str
) -> None:
    ran = chainbill(*given.split())
    assert (ran.code, ran.err) == (0, "")
    assert ran.facts["command"] == path
    listed = {each["name"]: each for each in ran.facts["commands"]}
    assert listed[member]["command"] == f"{path} {member}"
    assert listed[member]["group"] is (path == "chainbill")
    assert all(each["help"] for each in listed.values())


def test_group__with_json_before_the_command__means_the_command(chainbill: Any, tmp_path: Path) -> None:
    ran = chainbill("--state-dir", tmp_path, "devnet", "--json", "status")
    assert (ran.code, ran.facts["running"]) == (1, False)


def test_group__without_json__shows_its_help(chainbill: Any) -> None:
    ran = chainbill("patient")
    assert (ran.code, ran.out.startswith("Usage: chainbill patient")) == (0, True)


def test_wrong_usage__with_json__is_said_on_both(chainbill: Any) -> None:
    ran = chainbill("devnet", "advance", "--json")
    assert ran.code == 2
    assert ran.facts["error"]["type"] == "UsageError"
    assert "either a duration or --to" in ran.err


def test_expected_error__raised__is_one_line_and_a_hint(chainbill: Any) -> None:
    ran = chainbill(command=failing(StateError("it is\ngone", hint="look elsewhere")))
    assert ran == Ran(1, "", "error: it is gone\nhint: look elsewhere\n")


def test_expected_error__with_json__shows_the_evidence(chainbill: Any) -> None:
    ran = chainbill("--json", command=failing(ContractReverted("NotYours", {"owner": "0x12"})))
    assert ran.facts == {
        "error": {
            "type": "ContractReverted",
            "message": "the contract refused: NotYours(owner=0x12)",
            "hint": None,
            "name": "NotYours",
            "fields": {"owner": "0x12"},
        }
    }
    assert ran.err == "error: the contract refused: NotYours(owner=0x12)\n"


def test_unexpected_error__raised__is_called_a_bug_without_a_traceback(chainbill: Any) -> None:
    ran = chainbill(command=failing(KeyError("patient")))
    assert ran.code == 1
    assert ran.err == (
        "error: a bug in chainbill: KeyError: 'patient'\nhint: set CHAINBILL_TRACEBACK=1 to see where\n"
    )


def test_unexpected_error__traceback_wanted__shows_it(
    chainbill: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINBILL_TRACEBACK", "1")
    assert "Traceback (most recent call last)" in chainbill(command=failing(KeyError("patient"))).err


def test_interrupted__by_the_keyboard__exits_with_130(chainbill: Any) -> None:
    assert chainbill(command=failing(KeyboardInterrupt())).code == 130


def test_warning__of_the_library_while_a_command_waits__is_a_note_on_stderr(
    capfd: pytest.CaptureFixture[str],
) -> None:
    log = logging.getLogger("chainbill")
    for _ in range(2):
        with pytest.raises(SystemExit):
            main(["--version"])
    capfd.readouterr()
    try:
        log.warning("the network makes no blocks: %d", 5)
    finally:
        log.removeHandler(_NOTES)
    assert tuple(capfd.readouterr()) == ("", "note: the network makes no blocks: 5\n")


def test_output__reader_goes_away__ends_quietly() -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    script = f"{sys.executable} -c 'from chainbill.cli import main; main()' --help | true"
    ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, env=environment)
    assert ran.stderr == ""


def test_emit__with_json__has_a_form_for_what_commands_know(chainbill: Any) -> None:
    facts = {
        "commitment": b"\x01\xff",
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "path": Path("a/b"),
        "ids": {2, 1},
        "name": "Zoë",
    }

    @click.command(cls=ShellCommand)
    @click.pass_context
    def tell(context: click.Context) -> None:
        context.ensure_object(Invocation).json = True
        emit(facts, "unused")

    ran = chainbill(command=tell)
    assert ran.facts == {
        "commitment": "0x01ff",
        "at": "2026-01-02T00:00:00+00:00",
        "path": "a/b",
        "ids": [1, 2],
        "name": "Zoë",
    }


def test_show_table__piped__cuts_nothing_off_and_reads_no_markup(capfd: pytest.CaptureFixture[str]) -> None:
    show_table(("name", ">amount"), [("[bold]" + "x" * 150, 1), ("b", 22)])
    lines = capfd.readouterr().out.splitlines()
    assert lines[1] == "[bold]" + "x" * 150 + "       1"
    assert lines[2].split() == ["b", "22"]
    assert not any(line.endswith(" ") for line in lines)


def test_progress__no_terminal__is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    with progress("settling", 3) as step:
        step(3)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "text,seconds",
    [
        ("90s", 90),
        ("30m", 1_800),
        ("6h", 21_600),
        ("1d", 86_400),
        ("2w", 1_209_600),
        ("1y", 31_536_000),
        ("1d12h", 129_600),
    ],
)
def test_duration__written_as_people_do__is_seconds(text: str, seconds: int) -> None:
    assert DURATION.convert(text, None, None) == seconds


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "1970-01-01 00:00:00 UTC"),
        (253_402_300_799, "9999-12-31 23:59:59 UTC"),
        (253_402_300_800, "after the year 9999 (second 253402300800)"),
        (2**64, "after the year 9999 (second 18446744073709551616)"),
    ],
)
def test_show_time__any__is_said(seconds: int, text: str) -> None:
    assert show_time(seconds) == text


@pytest.mark.parametrize(
    "seconds, text", [(0, "none"), (90, "1m30s"), (7_200, "2h"), (129_600, "1d12h"), (172_800, "2d")]
)
def test_show_duration__any__is_read_back(seconds: int, text: str) -> None:
    assert show_duration(seconds) == text
    if seconds:
        assert DURATION.convert(text, None, None) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "d",
        "-1d",
        "1.5h",
        "1d 2h",
        "1x",
        "\u0661d",
        "1001y",
        "9" * 400 + "d",
        "1d" + "9" * 5_000 + "s",
    ],
)
def test_duration__anything_else__is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter):
        DURATION.convert(text, None, None)


@pytest.mark.parametrize(
    "text,seconds",
    [
        ("0", 0),
        ("1767312000", 1_767_312_000),
        ("2026-01-02", 1_767_312_000),
        ("2026-01-02T00:00Z", 1_767_312_000),
        ("2026-01-02T01:00:00+01:00", 1_767_312_000),
    ],
)
def test_moment__iso_or_seconds__is_seconds_since_1970(text: str, seconds: int) -> None:
    assert MOMENT.convert(text, None, None) == seconds


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "1969-12-31", "-5", "1e9", "253402300800", "9" * 5_000]
)
def test_moment__anything_else__is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter):
        MOMENT.convert(text, None, None)


def test_dollars_and_accounts__read_or_refused__as_the_rest_of_the_package_does() -> None:
    assert DOLLARS.convert("125.50", None, None) == 125 * DOLLAR + DOLLAR // 2
    assert ACCOUNT.convert("oracle-1", None, None) == "oracle-1"
    for kind, text in ((DOLLARS, "-1"), (DOLLARS, "a lot"), (ACCOUNT, "Not A Name")):
        with pytest.raises(click.BadParameter):
            kind.convert(text, None, None)


def test_state_dir__open_to_others__is_refused_by_every_command(chainbill: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tmp_path.chmod(0o770)
    ran = chainbill("--state-dir", tmp_path, "devnet", "status")
    assert ran.code == 1
    assert "open to other users (mode 770)" in ran.err


def test_devnet_status__not_running__says_so_and_exits_with_1(chainbill: Any, tmp_path: Path) -> None:
    ran = chainbill("--state-dir", tmp_path, "devnet", "status")
    assert ran == Ran(1, "The devnet is not running.\n", "hint: start it: chainbill devnet up\n")
    ran = chainbill("--state-dir", tmp_path, "devnet", "status", "--json")
    assert (ran.code, ran.facts["running"]) == (1, False)


def test_devnet_down__not_running__says_so(chainbill: Any, tmp_path: Path) -> None:
    ran = chainbill("--state-dir", tmp_path, "devnet", "down")
    assert ran == Ran(0, "The devnet was not running.\n", "")


def test_devnet_advance__not_running__is_an_error(chainbill: Any, tmp_path: Path) -> None:
    ran = chainbill("--state-dir", tmp_path, "devnet", "advance", "1d")
    assert (ran.code, ran.err) == (
        1,
        "error: the devnet is not running\nhint: start it: chainbill devnet up\n",
    )


def test_devnet_status__running__tells_where_and_who(chainbill: Any, running: LocalDevnet) -> None:
    facts = chainbill("--state-dir", running.state.root, "devnet", "status", "--json").facts
    assert facts["running"]
    assert facts["rpc_url"] == running.require().rpc_url
    assert facts["accounts"]["patient"]["role"] == "patient"
    text = chainbill("--state-dir", running.state.root, "devnet", "status").out
    assert text.startswith("The devnet is running.\n")
    assert facts["deployment"]["settlement"] in text
    assert facts["accounts"]["patient"]["address"] in text


def test_devnet_up__running__is_no_error(chainbill: Any, running: LocalDevnet) -> None:
    ran = chainbill("--json", "--state-dir", running.state.root, "devnet", "up", "--port", 1)
    assert (ran.code, ran.facts["started"]) == (0, "already running")
    assert "it runs at" in ran.err


def test_devnet_advance__by_and_to__moves_the_chain(chainbill: Any, running: LocalDevnet) -> None:
    before = running.require().latest()[1]
    ran = chainbill("--state-dir", running.state.root, "devnet", "advance", "1d", "--json")
    moved = ran.facts["chain_time"]
    assert moved >= before + 86_400
    ran = chainbill("--state-dir", running.state.root, "devnet", "advance", "--to", moved + 1_000, "--json")
    assert ran.facts["chain_time"] == moved + 1_000
    ran = chainbill("--state-dir", running.state.root, "devnet", "advance", "--to", moved)
    assert ran.code == 1
    assert "forward only" in ran.err


def test_doctor__all_well__says_what_it_found(chainbill: Any, running: LocalDevnet) -> None:
    ran = chainbill("--state-dir", running.state.root, "doctor", "--json")
    verdicts = {check["check"]: check["verdict"] for check in ran.facts["checks"]}
    assert ran.code == 0
    assert set(verdicts) == {
        "python",
        "packages",
        "anvil",
        "state directory",
        "passphrase",
        "devnet",
        "deployment",
        "chain clock",
        "oracle's store",
    }
    assert "fail" not in verdicts.values()


def test_doctor__nothing_yet__warns_and_exits_with_0(chainbill: Any, tmp_path: Path) -> None:
    ran = chainbill("--state-dir", tmp_path, "doctor")
    assert ran.code == 0
    assert "start it: chainbill devnet up" in ran.out


def test_doctor__no_anvil__fails_with_advice(
    chainbill: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINBILL_ANVIL", "/nowhere/anvil")
    ran = chainbill("--state-dir", tmp_path, "doctor", "--json")
    assert ran.code == 1
    assert not ran.facts["healthy"]
    assert [check["check"] for check in ran.facts["checks"] if check["verdict"] == "fail"] == ["anvil"]


def test_doctor__wrong_passphrase__fails(
    chainbill: Any, running: LocalDevnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINBILL_PASSPHRASE", "another")
    ran = chainbill("--state-dir", running.state.root, "doctor")
    assert ran.code == 1
    assert "the passphrase does not open the account" in ran.out


def test_doctor__another_contract_stands_there__fails(chainbill: Any, running: LocalDevnet) -> None:
    path = running.state.deployments / "31337.json"
    right = path.read_text()
    deployment = json.loads(right)
    try:
        path.write_text(json.dumps({**deployment, "escrow": deployment["token"]}))
        ran = chainbill("--state-dir", running.state.root, "doctor")
    finally:
        path.write_text(right)
    assert ran.code == 1
    assert "escrow: code is" in ran.out


def test_program__in_a_process_of_its_own__prints_its_version() -> None:
    told = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    assert told.startswith("chainbill 0.")
