"""The oracle's store or worklist is lost: ``doctor`` notices, ``rebuild`` mends it, nothing is paid twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.roles import Town


def lose(*paths: Path) -> None:
    for path in paths:
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()


def doctors_word(town: Town, check: str) -> dict[str, Any]:
    facts = town("doctor", "--json").facts
    (finding,) = [each for each in facts["checks"] if each["check"] == check]
    return dict(finding)


@pytest.fixture
def patient(town: Town, clinic: str) -> str:
    """A patient with two visits of the clinic that are settled and one that is attested."""
    name = town.patient(f"p-{clinic}", clinic)
    town.attest(clinic, name, "one", "two")
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled", "settled"]
    town.attest(clinic, name, "three")
    return name


def test_doctor__nothing_lost__says_so(town: Town, clinic: str, patient: str) -> None:
    assert doctors_word(town, "oracle's store")["verdict"] == "ok"
    assert doctors_word(town, f"worklist of {clinic}") == {
        "check": f"worklist of {clinic}",
        "verdict": "ok",
        "found": "knows all of its 2 claims",
        "advice": None,
    }


def test_store_lost__noticed_rebuilt_and_nothing_settled_twice(town: Town, clinic: str, patient: str) -> None:
    lose(town.state.oracle_database)

    finding = doctors_word(town, "oracle's store")
    assert (finding["verdict"], finding["advice"]) == ("fail", "chainbill oracle rebuild")
    assert "missing" in finding["found"]
    assert town("doctor").code == 1
    refused = town.attest(clinic, patient, "four")["refused"]
    assert [(each["reason"], each["what_to_do"]) for each in refused] == [
        ("store_behind", "the oracle rebuilds its store first: chainbill oracle rebuild")
    ]

    ran = town("oracle", "status", "--json")
    assert ran.facts["unknown"] >= 2
    assert "hint: chainbill oracle rebuild" in ran.err
    told = town.ok("oracle", "rebuild")
    assert len(told["restored"]) == told["records_unknown"] >= 2
    assert town.ok("oracle", "rebuild")["restored"] == []
    assert doctors_word(town, "oracle's store")["verdict"] == "warn"
    for name in town.session().book.entries():
        if name.startswith("clinic-"):
            rebuilt = town.ok("provider", "rebuild", "--as", name)
            if name == clinic:
                assert rebuilt["to_attest_again"] == ["Encounter/three"]
                assert rebuilt["named_to_oracle"] == 2
    assert doctors_word(town, "oracle's store")["verdict"] == "ok"

    attested = town.ok("provider", "attest", "--as", clinic)["attested"]
    assert [(row["record"], row["sequence"]) for row in attested] == [
        ("Encounter/three", 3),
        ("Encounter/four", 4),
    ]
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled", "settled"]
    assert town.ok("patient", "balance", "--as", patient)["balance"] == "400.00"
    assert town.ok("audit", "verify")["adds_up"] is True


def test_worklist_lost__noticed_and_rebuilt(town: Town, clinic: str, patient: str) -> None:
    lose(town.state.provider_database(clinic))

    finding = doctors_word(town, f"worklist of {clinic}")
    assert finding["verdict"] == "fail"
    assert finding["advice"] == f"chainbill provider rebuild --as {clinic}"
    assert town.ok("provider", "worklist", "--as", clinic)["at_oracle"][0]["record"] is None
    # The command before has made an empty list: still noticed.
    assert doctors_word(town, f"worklist of {clinic}")["verdict"] == "fail"

    told = town.ok("provider", "rebuild", "--as", clinic)

    assert sorted(told["attested"]) == ["Encounter/one", "Encounter/three", "Encounter/two"]
    assert told["block"] == {"first": 0, "last": 255, "unused": 252}
    assert doctors_word(town, f"worklist of {clinic}")["verdict"] == "ok"
    assert town.ok("provider", "rebuild", "--as", clinic)["attested"] == []
    again = town.ok("provider", "ingest", town.record("one", "two"), "--patient", patient, "--as", clinic)
    assert town.ok("provider", "worklist", "--as", clinic)["waiting"] == 0, again
    assert [row["sequence"] for row in town.settle(clinic)] == [3]


def test_both_lost__read_and_attested_anew__pays_nothing_twice(town: Town, clinic: str, patient: str) -> None:
    before = town.ok("patient", "balance", "--as", patient)["balance"]
    lose(town.state.oracle_database, town.state.provider_database(clinic))
    assert town.attest(clinic, patient, "one", "two")["attested"] == []

    out = town("oracle", "rebuild").out
    assert "claims restored from the chain" in out
    assert "chainbill provider rebuild" in out
    shown = town("provider", "rebuild", "--as", clinic)
    assert "they may have been removed on purpose" in shown.out
    assert "Encounter/three" in shown.out
    assert town.ok("provider", "attest", "--as", clinic)["attested"] == []

    assert town.ok("provider", "rebuild", "--unsent", "--as", clinic)["unsent"] == []
    (row,) = town.ok("provider", "attest", "--as", clinic)["attested"]
    # 3 and 4 were given, and perhaps signed, before the list knew its records again.
    assert (row["record"], row["sequence"]) == ("Encounter/three", 5)
    assert town.ok("patient", "balance", "--as", patient)["balance"] == before
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled"]
    assert town.ok("provider", "check", "--as", clinic)["claims"] == []


def test_worklist_lost__read_and_attested_anew__accuses_no_claim(
    town: Town, clinic: str, patient: str
) -> None:
    lose(town.state.provider_database(clinic))
    town.ok("provider", "ingest", town.record("one", "two", "four"), "--patient", patient, "--as", clinic)

    said = town("provider", "attest", "--as", clinic).out

    assert said.startswith("1 attested, 2 known already, 0 refused.\n")
    assert town.ok("provider", "check", "--as", clinic)["claims"] == []
    assert town.ok("provider", "rebuild", "--as", clinic)["attested"] == ["Encounter/three"]
    assert town.ok("provider", "check", "--as", clinic)["claims"] == []


def test_check__number_that_nobody_wrote_down__accuses_no_claim(
    town: Town, clinic: str, patient: str
) -> None:
    with closing(sqlite3.connect(town.state.provider_database(clinic))) as database, database:
        database.execute("UPDATE event SET sequence = NULL")

    assert town.ok("provider", "check", "--as", clinic)["claims"] == []


def test_rebuild__worklist_before_the_store__says_in_which_order(
    town: Town, clinic: str, patient: str
) -> None:
    lose(town.state.oracle_database)
    ran = town("provider", "rebuild", "--as", clinic, "--json")
    assert (ran.code, ran.facts["oracle_behind"]) == (0, 2)
    assert "chainbill oracle rebuild, then this again" in ran.err
    told = town.ok("oracle", "rebuild", "--without-records")
    assert (told["records_unknown"], told["records_given_up"] >= 2) == (0, True)
