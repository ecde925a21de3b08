"""``chainbill provider without-oracle`` and ``oracle object``: a provider that the oracle leaves waiting,
from the announcement to the statement, the audit and the dispute."""

from __future__ import annotations

from tests.support.roles import Town

from chainbill.protocol_constants import DAY_SECONDS

WEEK = 7 * DAY_SECONDS


def announce(town: Town, clinic: str, patient: str, *visits: str) -> str:
    """Attest visits of a new patient, and announce them; returns the patient."""
    who = town.patient(f"{patient}-{clinic}", clinic)
    town.attest(clinic, who, *visits)
    told = town.ok("provider", "without-oracle", "announce", "--as", clinic)
    assert (told["events"], told["changed"], told["left"]) == (len(visits), True, 0)
    return who


def announced(town: Town, clinic: str) -> list[dict[str, object]]:
    """What the oracle sees of the clinic's announcements."""
    return [each for each in town.ok("oracle", "status")["announced"] if each["provider"] == clinic]


def test_settle__left_unanswered_for_a_week__is_paid_told_audited_and_disputed(
    town: Town, clinic: str
) -> None:
    patient = announce(town, clinic, "unheard", "unheard-1", "unheard-2")
    shown = town.ok("provider", "without-oracle", "show", "--as", clinic)["announced"]
    assert (shown["events"], shown["lapses_at"] - shown["settles_from"]) == (2, WEEK)
    again = town.ok("provider", "without-oracle", "announce", "--as", clinic)
    assert (again["changed"], again["settles_from"]) == (False, shown["settles_from"])
    (seen,) = announced(town, clinic)
    assert (seen["events"], seen["settles_from"]) == (2, shown["settles_from"])
    assert f"object {clinic}" in town("oracle", "status").err
    assert "QuorumMayObject" in town("provider", "without-oracle", "settle", "--as", clinic).error

    town.ok("devnet", "advance", "7d")
    told = town.ok("provider", "without-oracle", "settle", "--as", clinic)
    assert told["counts"] == {"settled": 2, "denied": 0, "pended": 0, "skipped": 0}
    now = town.session().now()
    assert told["disputable_until"] - now in range(30 * DAY_SECONDS - 60, 30 * DAY_SECONDS + 1)
    assert announced(town, clinic) == []
    assert town.settle(clinic) == []
    assert town.ok("provider", "balance", "--as", clinic)["maturing"] == "200.00"

    statement = town("patient", "statement", "--as", patient).out

    assert "settled without the oracle" in " ".join(statement.split())
    assert town("audit", "verify").code == 0

    town.ok("devnet", "advance", "29d")
    number = f"{told['provider_id']}:1"
    assert "oracle" in town("audit", "show", number).out
    town.ok("patient", "dispute", number, "--as", patient)
    town.ok("provider", "concede", number, "--as", clinic)
    assert town("audit", "verify").code == 0
    assert town.ok("provider", "withdraw", "--as", clinic)["withdrawn"] == "0.00"
    town.ok("devnet", "advance", "2d")
    assert town.ok("provider", "withdraw", "--as", clinic)["withdrawn"] == "100.00"
    assert town("audit", "verify").code == 0


def test_object__what_a_provider_announced__cannot_settle(town: Town, clinic: str) -> None:
    announce(town, clinic, "objected", "objected-1")
    told = town.ok("oracle", "object", clinic)
    assert (told["events"], told["provider"]) == (1, clinic)
    assert announced(town, clinic) == []
    town.ok("devnet", "advance", "7d")
    error = town("provider", "without-oracle", "settle", "--as", clinic).error
    assert "has announced nothing that stands" in error
    assert "has announced nothing that stands" in town("oracle", "object", clinic).error
    assert town.ok("provider", "without-oracle", "show", "--as", clinic)["announced"] is None
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled"]
    assert town("audit", "verify").code == 0


def test_announce__what_the_oracle_settled_meanwhile__is_skipped(town: Town, clinic: str) -> None:
    announce(town, clinic, "meanwhile", "meanwhile-1")
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled"]
    town.ok("devnet", "advance", "7d")
    told = town.ok("provider", "without-oracle", "settle", "--as", clinic)
    assert told["counts"]["skipped"] == 1
    assert town("audit", "verify").code == 0


def test_announce__nothing_waits__says_so(town: Town, clinic: str) -> None:
    assert "waits to be settled" in town("provider", "without-oracle", "announce", "--as", clinic).error
