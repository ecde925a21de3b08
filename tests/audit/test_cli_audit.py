"""``chainbill audit`` as its users meet it: what it prints, and the exit code that goes with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.ledger_edits import add_to_claim, place_of, with_log
from tests.support.settled_history import Story

from chainbill.chain.deployments import save_deployment
from chainbill.chain.format import events
from chainbill.cli import cli
from chainbill.cli.audit.group import _KINDS
from chainbill.cli.shell.failures import run
from chainbill.ledger.history import KINDS, HistoryKind
from chainbill.ledger.raw_logs import RawLedger
from chainbill.state.address_book import AddressBook, Contact, Role
from chainbill.state.directory import StateDirectory


class Auditor:
    """Somebody with a state directory, a node and no key."""

    def __init__(self, state: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.state = state
        self._capture = capture

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = run(cli, ["--state-dir", str(self.state), "audit", *arguments])
        out, err = self._capture.readouterr()
        return code, out, err

    def json(self, *arguments: str, code: int = 0) -> Any:
        found, out, err = self.run(*arguments, "--json")
        assert found == code, (out, err)
        return json.loads(out)


@pytest.fixture
def auditor(
    story: Story,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Auditor:
    state = StateDirectory.open(tmp_path / "state")
    save_deployment(state.deployments, story.deployment)
    book = AddressBook(state.address_book)
    book.put("clinic", Contact(role=Role.PROVIDER, address=story.address("provider"), provider_id=1))
    book.put("insurer", Contact(role=Role.INSURER, address=story.address("insurer"), payer_id=1))
    book.put("patient", Contact(role=Role.PATIENT, address=story.address("patient")))
    book.put("newcomer", Contact(role=Role.PROVIDER, address=story.address("oracle-1")))
    monkeypatch.setenv("CHAINBILL_RPC_URL", story.rpc_url)
    return Auditor(state.root, capsys)


def test_kinds__named_in_the_help__are_the_ledgers_own() -> None:
    assert tuple(kind.value for kind in HistoryKind) == _KINDS
    declared = {
        each for each in vars(events).values() if isinstance(each, type) and issubclass(each, events.Event)
    }
    assert set(KINDS) == declared - {events.Event}


# ---- history ------------------------------------------------------------------------------------------


def test_history__no_filter__lists_claims_and_money(auditor: Auditor) -> None:
    listed = auditor.json("history")
    everything = auditor.json("history", "--limit", "0")["entries"]
    assert {entry["kind"] for entry in everything} == {
        *("settled", "denied", "pended", "skipped"),
        *("deposit", "withdrawal", "payment", "dispute", "reversal", "refund"),
    }
    assert listed["shown"] == 50 < listed["total"]
    assert listed["entries"] == everything[-50:]
    settled = next(entry for entry in everything if entry["kind"] == "settled")
    assert settled["event"] == "ClaimSettled"
    assert settled["plan_paid"].count(".") == 1
    taken_back = next(entry for entry in everything if entry["event"] == "ClaimReversed")
    assert taken_back["allowed"].count(".") == taken_back["secondary_plan_paid"].count(".") == 1


@pytest.mark.parametrize(
    "arguments, belongs",
    [
        (["--patient", "patient"], lambda s, e: e.get("patient") == s.address("patient")),
        (["--provider", "clinic"], lambda s, e: e["provider_id"] == 1),
        (["--provider", "2"], lambda s, e: e["provider_id"] == 2),
        (["--payer", "insurer"], lambda s, e: e["payer_id"] == 1),
        (["--kind", "settled", "--kind", "payment"], lambda s, e: e["kind"] in ("settled", "payment")),
        (["--since-block", "70"], lambda s, e: e["block"] >= 70),
        (["--kind", "member", "--kind", "terms"], lambda s, e: e["kind"] in ("member", "terms")),
        (["--kind", "transfer"], lambda s, e: e["event"] == "TokensMoved"),
    ],
)
def test_history__filters__leave_what_belongs(
    auditor: Auditor, story: Story, arguments: list[str], belongs: Callable[[Story, dict[str, Any]], bool]
) -> None:
    entries = auditor.json("history", "--limit", "0", *arguments)["entries"]
    assert entries
    assert all(belongs(story, entry) for entry in entries)
    if "--kind" not in arguments:
        everything = auditor.json("history", "--limit", "0")["entries"]
        assert entries == [
            entry
            for entry in everything
            if "payer_id" in entry or "--payer" not in arguments
            if belongs(story, _whole(entry))
        ]


def _whole(entry: dict[str, Any]) -> dict[str, Any]:
    return {"provider_id": None, "payer_id": None, **entry}


def test_history__as_a_table__has_names_and_says_what_it_leaves_out(auditor: Auditor) -> None:
    code, out, err = auditor.run("history", "--limit", "3", "--kind", "settled")
    assert code == 0
    assert out.splitlines()[0].split() == [
        "block",
        "time",
        "kind",
        "patient",
        "provider",
        "payer",
        "claim",
        "amount",
        "reason",
    ]
    assert len(out.splitlines()) == 4
    assert "clinic" in out
    assert "insurer" in out
    assert "the newest 3 of 45" in err


def test_history__nothing_found__says_so(auditor: Auditor) -> None:
    assert "nothing of the kind" in auditor.run("history", "--since-block", "99999")[1]


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["--patient", "nobody"], 1, "no account named 'nobody'"),
        (["--patient", "0x12"], 1, "is not an address"),
        (["--provider", "newcomer"], 1, "newcomer is not registered on this chain"),
        (["--payer", "clinic"], 1, "there is no insurer named 'clinic'"),
        (["--kind", "gossip"], 2, "gossip"),
    ],
)
def test_history__filter_that_names_nobody__is_one_line(
    auditor: Auditor, arguments: list[str], code: int, said: str
) -> None:
    found, out, err = auditor.run("history", *arguments)
    assert (found, out) == (code, "")
    assert said in err.splitlines()[0]


# ---- show ---------------------------------------------------------------------------------------------


def test_show__settled_after_pending__tells_all(auditor: Auditor, story: Story) -> None:
    [claim] = auditor.json("show", "1:7")["claims"]
    assert [each["outcome"] for each in claim["attempts"]] == ["pended", "pended", "settled"]
    assert claim["outcome"] == "settled"
    assert claim["patient"] == story.address("unfunded-patient")
    assert (claim["allowed"], claim["deductible"], claim["coinsurance"]) == ("150.00", "100.00", "10.00")
    assert (claim["plan_paid"], claim["patient_responsibility"]) == ("40.00", "110.00")
    assert claim["terms"]["fee"]["amount"] == "150.00"
    assert claim["terms"]["plan"]["deductible"] == "100.00"
    assert claim["terms"]["category"]["coinsurance_bps"] == 2000
    assert claim["terms"]["deductible_met_before"] == "0.00"
    assert claim["repriced"]["plan_paid"] == "40.00"
    assert claim["differences"] == []
    block = story.rpc("eth_getBlockByNumber", hex(claim["block"]), False)
    assert claim["time"] == int(block["timestamp"], 16)
    assert claim["transaction"] in block["transactions"]
    assert claim["batch"]["signed_at"] <= claim["time"]
    assert (claim["now"], claim["dispute_until"]) == (None, claim["time"] + 7 * 24 * 3600)
    assert "disputable       until 20" in auditor.run("show", "1:7")[1]


def test_show__by_commitment_and_by_sequence__is_the_same(auditor: Auditor) -> None:
    [by_sequence] = auditor.json("show", "9")["claims"]
    assert auditor.json("show", by_sequence["commitment"], "2:9")["claims"] == [by_sequence, by_sequence]
    # Self-explaining also where the fee changed since.
    [earlier], [later] = auditor.json("show", "13")["claims"], auditor.json("show", "16")["claims"]
    assert (earlier["terms"]["fee"]["version"], later["terms"]["fee"]["version"]) == (1, 2)
    assert (earlier["terms_version"], later["terms_version"]) == (1, 2)


def test_show__as_text__has_every_component(auditor: Auditor) -> None:
    code, out, _ = auditor.run("show", "3", "4", "8")
    assert code == 0
    assert "Claim 1:3 of clinic: settled" in out
    for line in ("copay            $25.00", "plan paid        $35.00", "worked out again the same"):
        assert line in out
    assert "Claim 1:4 of clinic: denied (not_covered)" in out
    assert "cost sharing     not covered" in out
    assert "Claim 1:8 of clinic: pended (no_consent)" in out


def test_show__claim_of_two_payers__has_both_and_what_became_of_it(auditor: Auditor) -> None:
    listed = auditor.json("history", "--kind", "reversal", "--limit", "0")["entries"]
    taken_back = next(entry for entry in listed if entry.get("secondary_payer_id") == 2)
    [claim] = auditor.json("show", taken_back["claim_id"])["claims"]
    assert (claim["payer_id"], claim["secondary_payer_id"]) == (1, 2)
    assert claim["secondary_terms"]["plan"]["cob_mode"] == "carve_out"
    assert claim["secondary_plan_paid"] != "0.00"
    assert claim["dispute"]["status"] == "corrected"
    assert claim["reversed"]["allowed"] == claim["allowed"]
    text = auditor.run("show", taken_back["claim_id"])[1]
    assert ": settled, and taken back in full\n" in text
    assert (claim["now"]["allowed"], claim["now"]["patient_responsibility"]) == ("0.00", "0.00")
    for line in ("allowed now      $0.00", "patient paid now $0.00", " to the patient, "):
        assert line in text
    for line in (
        "second payer     payer 2",
        "dispute          corrected, disputed by secondary",
        "taken back       $",
    ):
        assert line in text


def test_show__self_pay__names_no_payer(auditor: Auditor) -> None:
    listed = auditor.json("history", "--kind", "settled", "--limit", "0")["entries"]
    own = next(entry for entry in listed if entry["payer_id"] == 0)
    [claim] = auditor.json("show", own["commitment"])["claims"]
    assert (claim["outside_plan"], claim["terms"]) == (claim["allowed"], None)
    assert "payer            none: self-pay" in auditor.run("show", own["commitment"])[1]


@pytest.mark.parametrize(
    "wanted, said",
    [
        ("999", "no claim has"),
        ("0x" + "ab" * 32, "no claim has"),
        ("2:1", "no claim has"),
        ("0xab", "neither a claim's number, nor a commitment, nor a claim id"),
        ("1:2:3", "neither"),
        ("٣", "neither"),
    ],
)
def test_show__no_such_claim__is_one_line(auditor: Auditor, wanted: str, said: str) -> None:
    code, out, err = auditor.run("show", wanted)
    assert (code, out) == (1, "")
    assert said in err


# ---- verify -------------------------------------------------------------------------------------------


def test_verify__the_story__exits_0(auditor: Auditor) -> None:
    found = auditor.json("verify")
    assert found["adds_up"] is True
    assert found["discrepancies"] == []
    assert found["claims"] == {"settled": 45, "denied": 7, "pended": 21, "skipped": 15}
    assert list(found["donations"].values()) == ["0.000007"]
    code, out, _ = auditor.run("verify")
    assert code == 0
    assert "0 discrepancies" in out
    assert "a donation" in out


def test_verify__exported_and_edited_by_hand__exits_3_and_names_it(
    auditor: Auditor, ledger_copy: RawLedger, tmp_path: Path
) -> None:
    file = tmp_path / "ledger.jsonl"
    exported = auditor.json("history", "--export", str(file))
    assert exported == {
        "file": str(file),
        "logs": len(ledger_copy.logs),
        "to_block": ledger_copy.header.to_block,
    }
    assert auditor.json("verify", "--ledger", str(file))["adds_up"] is True

    lines = file.read_text().splitlines()
    place = place_of(ledger_copy, events.ClaimSettled)
    log = json.loads(lines[place + 1])
    log["data"] = log["data"][:-5] + "f" + log["data"][-4:]
    lines[place + 1] = json.dumps(log)
    file.write_text("\n".join(lines) + "\n")

    found = auditor.json("verify", "--ledger", str(file), code=3)
    assert found["adds_up"] is False
    assert {"altered_log", "adjudication"} <= {each["kind"] for each in found["discrepancies"]}
    first = found["discrepancies"][0]
    assert first["where"].startswith(f"line {place + 2}: block ")
    assert log["transactionHash"] in first["where"]
    assert first["expected"] != first["found"]
    code, out, err = auditor.run("verify", "--ledger", str(file))
    assert code == 3
    assert "discrepancies:" in out
    assert f"line {place + 2}:" in out
    assert "Traceback" not in err


def test_verify__many_discrepancies__are_bounded_for_a_person(
    auditor: Auditor, ledger_copy: RawLedger, tmp_path: Path
) -> None:
    file = tmp_path / "ledger.jsonl"
    RawLedger(ledger_copy.header, ledger_copy.logs[:40]).write(file)
    code, out, err = auditor.run("verify", "--ledger", str(file))
    assert code == 3
    assert out.count("\n     at ") == 20
    assert "--json lists all" in err
    assert len(auditor.json("verify", "--ledger", str(file), code=3)["discrepancies"]) > 20


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "is empty"),
        (b"not a ledger\n", "line 1 is not the header of a ledger"),
        (None, "line 3 is not JSON"),
    ],
)
def test_verify__malformed_ledger__exits_1_with_one_line(
    auditor: Auditor, ledger_copy: RawLedger, tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "ledger.jsonl"
    ledger_copy.write(file)
    lines = file.read_bytes().splitlines()
    lines[2] = lines[2][:-3]
    file.write_bytes(b"\n".join(lines) if content is None else content)
    code, out, err = auditor.run("verify", "--ledger", str(file))
    assert (code, out) == (1, "")
    assert said in err.splitlines()[0]
    assert len(err.splitlines()) <= 2


@pytest.mark.parametrize("arguments", [["--ledger", "absent.jsonl"], ["--to-block", "-1"]])
def test_verify__called_wrongly__exits_2(auditor: Auditor, arguments: list[str]) -> None:
    assert auditor.run("verify", *arguments)[0] == 2


def test_verify__ledger_and_block__exits_2(auditor: Auditor, ledger_copy: RawLedger, tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    ledger_copy.write(file)
    assert auditor.run("verify", "--ledger", str(file), "--to-block", "9")[0] == 2


def test_verify__any_field_of_a_claim_edited__exits_3(
    auditor: Auditor, ledger_copy: RawLedger, tmp_path: Path
) -> None:
    file = tmp_path / "ledger.jsonl"
    for amounts in ({"allowed": 1}, {"plan_paid": -1}, {"copay": 1, "coinsurance": -1}, {"commitment": 1}):
        place = place_of(ledger_copy, events.ClaimSettled)
        with_log(ledger_copy, place, lambda log, a=amounts: add_to_claim(log, **a)).write(file)  # type: ignore[misc]
        assert auditor.run("verify", "--ledger", str(file))[0] == 3


def test_audit__needs_no_keystore(auditor: Auditor) -> None:
    assert auditor.run("verify")[0] == 0
    assert not (auditor.state / "keystores").exists()
