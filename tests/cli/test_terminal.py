"""Text that strangers wrote reaches the terminal as text: by every way in, looked at as raw bytes."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import pytest
from tests.support.fhir import CLINIC, bundle, claim, encounter, item, ref, usd
from tests.support.roles import Town

from chainbill.billing.terms import Category, FeeTerms
from chainbill.chain.deployments import Deployment, save_deployment
from chainbill.cli import cli
from chainbill.cli.insurer.terms import _published_text
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation
from chainbill.cli.shell.failures import run
from chainbill.cli.shell.output import emit, note, several, show_table
from chainbill.cli.shell.terminal import HOSTILE, VisibleStream, one_line, visible
from chainbill.errors import StateError
from chainbill.operations.fee_publication import Changes
from chainbill.operations.insurer.fees import FeesPublished

EVIL = (
    "ESC\x1b[2J\x1b]0;title\x07 C1\x9b31m BIDI\u202etxt\u2066\u200f\u061c "
    "CR\rLF\nerror: forged SEP\u2028 DEL\x7f"
)
"""What a stranger may write: each part does something to a terminal, or begins a line in our name."""

JOINERS = {"\u200c", "\u200d"}
PROGRAM = [sys.executable, "-c", "from chainbill.cli import main; main()"]
Raw = Callable[..., tuple[int, str, str]]


def is_hostile(character: str) -> bool:
    """The rule as Unicode's own tables say it, apart from how the package writes it."""
    if character in "\n\t" or character in JOINERS:
        return False
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or unicodedata.bidirectional(
        character
    ) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def check(told: str) -> str:
    assert [character for character in told if is_hostile(character)] == []
    assert "\nerror: forged" not in told
    assert not told.startswith("error: forged")
    return told


@pytest.fixture(autouse=True)
def no_settings_of_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PASSPHRASE", "STATE_DIR", "RPC_URL", "TRACEBACK"):
        monkeypatch.delenv(f"CHAINBILL_{name}", raising=False)


@pytest.fixture
def raw(capfdbinary: pytest.CaptureFixture[bytes]) -> Raw:
    """Runs the program; both streams as strict UTF-8, checked."""

    def call(*arguments: object, command: click.Command = cli) -> tuple[int, str, str]:
        capfdbinary.readouterr()
        code = run(command, [str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return code, check(out.decode()), check(err.decode())

    return call


def telling(tell: Callable[[], None], *, as_json: bool = False) -> click.Command:
    """A command that tells something."""

    @click.command(cls=ShellCommand)
    @click.pass_context
    def command(context: click.Context) -> None:
        context.ensure_object(Invocation).json = as_json
        tell()

    return command


def failing(error: Exception) -> click.Command:
    """A command that fails."""

    def fail() -> None:
        raise error

    return telling(fail)


class EvilNode(BaseHTTPRequestHandler):
    """A node that answers by an error of a stranger's making, but for its chain id."""

    error: dict[str, Any]

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": asked["id"], "error": self.error}
        if asked["method"] == "eth_chainId":
            answer = {"jsonrpc": "2.0", "id": asked["id"], "result": "0x7a69"}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def evil_node(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A state directory with a deployment, and the address of the node."""
    places = dict.fromkeys(
        ("governance", "token", "registry", "escrow", "payers", "settlement"),
        "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
    )
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    save_deployment(state / "deployments", Deployment(chain_id=31337, block=0, **places))
    server = ThreadingHTTPServer(("127.0.0.1", 0), EvilNode)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def reverted(reason: str) -> str:
    """Solidity's Error(string)."""
    text = reason.encode()
    padded = text + bytes(-len(text) % 32)
    return "0x08c379a0" + (bytes(31) + b"\x20" + len(text).to_bytes(32, "big") + padded).hex()


@pytest.mark.parametrize(
    "error",
    [
        {"code": -32000, "message": EVIL},
        {"code": -32000, "message": "refused", "data": EVIL},
        {"code": 3, "message": EVIL, "data": reverted(EVIL)},
        {"code": 3, "message": f"execution reverted: {EVIL}", "data": {EVIL: EVIL}},
    ],
)
@pytest.mark.parametrize("option", [[], ["--json"]])
def test_node__answers_by_a_hostile_error__is_shown_as_text(
    raw: Raw, evil_node: tuple[Path, str], error: dict[str, Any], option: list[str]
) -> None:
    state, url = evil_node
    EvilNode.error = error
    code, out, err = raw("--state-dir", state, "--rpc-url", url, "audit", "history", *option)
    assert code == 1
    assert err.count("\n") <= 2
    assert "a bug in chainbill" not in err
    if option:
        assert json.loads(out)["error"]["type"]


@pytest.mark.parametrize("name", [EVIL.replace("/", "") + ".json", os.fsdecode(b"no\xffutf\x9b.json")])
@pytest.mark.parametrize("there", [True, False])
def test_file__with_a_hostile_name__is_named_as_text(
    raw: Raw, tmp_path: Path, name: str, there: bool
) -> None:
    path = tmp_path / name
    if there:
        path.write_bytes(b"{}")
    for arguments in (("relay", "show"), ("insurer", "plan"), ("audit", "verify", "--ledger")):
        code, _, err = raw("--state-dir", tmp_path / "state", *arguments, path)
        assert code in (1, 2)
        assert "a bug in chainbill" not in err


@pytest.mark.parametrize("content", ['"{key}" = 1\n', 'plan = "{key}"\n', '["{key}"]\ncopay = "1"\n'])
def test_plan_file__with_a_hostile_key_or_value__is_refused_as_text(
    raw: Raw, tmp_path: Path, content: str
) -> None:
    key = "".join(
        f"\\u{ord(letter):04x}" if is_hostile(letter) or letter == "\n" else letter for letter in EVIL
    )
    file = tmp_path / "plan.toml"
    file.write_text(content.format(key=key))
    code, _, err = raw("insurer", "plan", file)
    assert code == 1
    assert "a bug in chainbill" not in err


@pytest.mark.parametrize(
    "content",
    [
        {"message": {"primaryType": EVIL, "domain": {}, "message": {}}, "signature": "0x00"},
        {"message": {EVIL: EVIL}, "signature": "0x00"},
        {EVIL: EVIL},
    ],
)
def test_signed_file__with_hostile_keys__is_refused_as_text(
    raw: Raw, tmp_path: Path, content: dict[str, Any]
) -> None:
    file = tmp_path / "signed.json"
    file.write_text(json.dumps(content))
    code, _, err = raw("relay", "show", file)
    assert code == 1
    assert "a bug in chainbill" not in err


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_address_book__with_a_hostile_label__is_refused_as_text(
    raw: Raw, tmp_path: Path, option: list[str]
) -> None:
    entry = {"role": "patient", "address": "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"}
    book = tmp_path / "addressbook.json"
    book.write_text(json.dumps({EVIL: entry}))
    book.chmod(0o600)
    tmp_path.chmod(0o700)
    code, _, err = raw("--state-dir", tmp_path, "devnet", "status", *option)
    assert code == 1
    assert "not an account's name" in err


@pytest.mark.parametrize("name", ["STATE_DIR", "RPC_URL", "ANVIL"])
def test_environment__with_hostile_values__is_shown_as_text(
    raw: Raw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "file").touch()
    value = f"{tmp_path}/file/{EVIL}" if name == "STATE_DIR" else f"http://127.0.0.1:1/{EVIL}"
    monkeypatch.setenv(f"CHAINBILL_{name}", value)
    for arguments in (("devnet", "status"), ("audit", "history"), ("doctor",)):
        _, _, err = raw(*arguments, *([] if name == "STATE_DIR" else ["--json"]))
        assert "a bug in chainbill" not in err


def test_arguments__hostile__are_wrong_usage_as_text(raw: Raw) -> None:
    for arguments in (
        (EVIL,),
        ("patient", "fund", EVIL),
        ("patient", "balance", "--as", EVIL),
        (f"--{EVIL}",),
    ):
        assert raw(*arguments)[0] == 2


def test_exception__of_any_kind__is_shown_as_text_and_so_is_its_traceback(
    raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error in (StateError(EVIL, hint=EVIL), RuntimeError(EVIL), KeyError(EVIL), click.UsageError(EVIL)):
        _, _, err = raw(command=failing(error))
        assert err.count("\n") <= 2
    _, out, _ = raw("--json", command=failing(StateError(EVIL, hint=EVIL)))
    assert (json.loads(out)["error"]["message"], json.loads(out)["error"]["hint"]) == (EVIL, EVIL)
    monkeypatch.setenv("CHAINBILL_TRACEBACK", "1")
    run(failing(RuntimeError(EVIL.replace("\n", ""))), [])


def test_emit__hostile_facts__are_the_same_in_json_and_text_in_text(raw: Raw) -> None:
    facts = {"name": EVIL, EVIL: ["half \udcff", "tag \U000e0041", "Zoë 👩\u200d⚕\ufe0f"]}
    _, out, _ = raw(command=telling(lambda: emit(facts, "unused"), as_json=True))
    assert json.loads(out) == facts
    assert "Zoë 👩\u200d⚕\ufe0f" in out
    _, out, err = raw(command=telling(lambda: (emit({}, "half \udcff\x1b[1m"), note(EVIL))[0]))
    assert "half \\udcff" in out
    assert err.count("\n") == 1


def test_show_table__hostile_cells__keep_to_their_line(raw: Raw) -> None:
    _, out, _ = raw(command=telling(lambda: show_table(("name", ">n"), [(EVIL, 1), ("next", 2)])))
    assert len(out.splitlines()) == 3
    assert "\\u001b[2J" in out


def test_print_and_prompts__by_whoever__are_guarded_too(raw: Raw) -> None:
    def tell() -> None:
        print(EVIL.replace("\n", ""))
        print(EVIL.replace("\n", ""), file=sys.stderr)
        click.secho(EVIL.replace("\n", ""), fg="red")

    _, out, err = raw(command=telling(tell))
    assert "\\u001b[2J" in out
    assert "\\u001b[2J" in err


def test_program__on_a_terminal__escapes_in_a_file_name_do_nothing(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    path = tmp_path / EVIL.replace("/", "")
    subprocess.run(
        [*PROGRAM, "insurer", "plan", path], stdin=theirs, stdout=theirs, stderr=theirs, check=False
    )
    os.close(theirs)
    told = b""
    with suppress(OSError):  # how Linux says that nobody writes there any more
        while piece := os.read(ours, 4096):
            told += piece
    os.close(ours)
    assert b"\\u001b[2J" in told
    check(told.decode().replace("\r\n", "\n"))


def test_program__on_a_terminal__a_table_has_its_own_style_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        encoding = "ascii"

        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", screen)
    run(telling(lambda: show_table(("name",), [("\x1b[31mred Zoë",)])), [])
    head, row = screen.getvalue().splitlines()
    assert head.startswith("\x1b[1m")
    assert row.strip() == "\\u001b[31mred Zo\\u00eb"


def test_stream__that_cannot_write_a_letter__gets_it_as_json_writes_it() -> None:
    written = io.BytesIO()
    stream = VisibleStream(io.TextIOWrapper(written, encoding="latin-1"))
    stream.write(json.dumps({"name": "Zoë 👩"}, ensure_ascii=False))
    stream.flush()
    assert written.getvalue() == '{"name": "Zoë \\ud83d\\udc69"}'.encode("latin-1")
    assert json.loads(written.getvalue().decode("latin-1")) == {"name": "Zoë 👩"}


def test_hostile__every_character__is_what_unicodes_tables_say() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if is_hostile(character):
            assert HOSTILE.fullmatch(character), hex(code)
        elif HOSTILE.fullmatch(character):
            assert unicodedata.category(character) in {"Cf", "Cn"}, hex(code)


def test_visible__ordinary_text__is_left_alone() -> None:
    text = "Zoë Ångström, می‌روم, 👩‍⚕️ 中文 שלום\tand\nso on …"
    assert visible(text) == text
    assert one_line(f"  {EVIL}  ").count("\n") == 0


def test_record__with_hostile_texts__reaches_worklist_and_ingest_as_text(
    module_town: Town, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    module_town.read = lambda: tuple(each.decode() for each in capfdbinary.readouterr())
    clinic = module_town("provider", "register", "evil-clinic")
    assert clinic.code == 0, clinic
    module_town.ok("patient", "create", "evil-patient")
    person = {"resourceType": "Patient", "id": "pat", "name": [{"text": EVIL}]}
    there = {**CLINIC, "name": EVIL}
    coding = [{"system": EVIL, "code": EVIL, "display": EVIL}]
    visit = encounter(id="visit", subject=ref(person), type=[{"text": EVIL, "coding": coding}])
    odd = {"resourceType": "Procedure", "id": EVIL, "status": EVIL}
    price = claim(item("Encounter/visit", net=usd(100)), id="price", patient=ref(person))
    file = tmp_path / "record.json"
    file.write_text(json.dumps(bundle(person, there, visit, odd, price)))
    for option in ([], ["--json"]):
        for arguments in (
            ("provider", "ingest", file, "--dry-run"),
            ("provider", "ingest", file, "--patient", "evil-patient"),
            ("provider", "worklist"),
        ):
            ran = module_town(*arguments, "--as", "evil-clinic", *option)
            check(ran.out)
            check(ran.err)
            assert ran.code in (0, 2), ran
            if option:
                assert ran.facts


# ---- numbers of things --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "count, noun, said",
    [(0, "fee", "0 fees"), (1, "fee", "1 fee"), (1, "cash price", "1 cash price"), (2, "claim", "2 claims")],
)
def test_several__one_of_it__is_singular(count: int, noun: str, said: str) -> None:
    assert several(count, noun) == said


def test_fees_published__one__is_one_fee() -> None:
    fee = FeeTerms(amount=85_000_000, category=Category.OFFICE_VISIT, max_units=1)
    changes = Changes(changed={"office-visit": fee}, unchanged=(), announced={}, to_publish={})
    text = _published_text(
        "harbor", FeesPublished(changed=True, changes=changes, holds={"office-visit": 0}, transactions=1)
    )
    assert text.startswith("1 fee of harbor published, 0 left as they were.")
