"""``chainbill bench``: figures as a table and as JSON; one run of the gas says both forks'."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from chainbill.cli import cli
from chainbill.cli.shell.failures import run
from chainbill.scenario.bench_fork import ForkReport, RunGas
from chainbill.scenario.bench_gas import CreationGas, ForkGas, GasFigure, GasReport, ScenarioProfile
from chainbill.scenario.gas_pricing import ChangedSlots
from chainbill.scenario.gas_profile import GasProfile

REPORT = GasReport(
    scenarios={"single": GasFigure(ForkGas(121_000, 181_000), 1, 1, ChangedSlots(9, 0, 0))},
    peers={"erc20_transfer": ForkGas(34_000, 42_000)},
    creation_gas={"PatientEscrow": CreationGas(3_100_000, 22_000_000, 21_800_000)},
    bytecode_bytes={"PatientEscrow": 14_144},
)

PROFILE = GasProfile(26_000, 17_000, 17_500, 20_000, 6_000, 3_600, 900, 8_300, 21_700, -4_800)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the command on figures that are there already; gives what it prints, or says why it refuses."""
    figures = {
        "measure_gas": REPORT,
        "profile_gas": {"pended": ScenarioProfile(100, PROFILE)},
        "measure_fork": ForkReport("amsterdam", {"single": RunGas(181_001, 181_002)}, {}, {}),
    }
    for name, figure in figures.items():
        monkeypatch.setattr(f"chainbill.cli.bench.{name}", lambda *_, told=figure, **__: told)

    def call(*arguments: str) -> str:
        code = run(cli, ["bench", "gas", *arguments])
        out, err = capfd.readouterr()
        return out if code == 0 else err

    return call


def row(text: str, name: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(name)]
    return line.split()


def test_gas__table__says_both_forks(bench: Callable[..., str]) -> None:
    text = bench()
    assert row(text, "single") == ["single", "1", "1", "121,000", "181,000", "9", "0"]
    assert row(text, "erc20_transfer") == ["erc20_transfer", "34,000", "42,000"]
    assert ["PatientEscrow", "3,100,000", "22,000,000", "200,000", "yes"] in map(str.split, text.splitlines())
    assert "PatientEscrow" in text.splitlines()[-1]


def test_gas__json__is_the_snapshot(bench: Callable[..., str]) -> None:
    facts = json.loads(bench("--json"))
    assert facts == REPORT.to_json()
    assert facts["scenarios"]["single"]["gas_per_event"] == {"osaka": 121_000, "amsterdam": 181_000}


def test_gas__profile__is_of_each_event(bench: Callable[..., str]) -> None:
    told = row(bench("--profile"), "pended")
    assert told == ["pended", "260", "170", "175", "200", "60", "36", "9", "83", "217", "-48", "1,162"]
    facts = json.loads(bench("--profile", "--json"))
    assert facts["pended"]["events"] == 100
    assert facts["pended"]["gas"]["storage_reads"] == 17_000


def test_gas__hardfork__stands_beside_what_geth_says(bench: Callable[..., str]) -> None:
    text = bench("--hardfork", "amsterdam")
    assert text.startswith("rules of amsterdam")
    assert row(text, "single") == ["single", "181,001", "181,002"]
    assert json.loads(bench("--hardfork", "amsterdam", "--json"))["scenarios"] == {
        "single": {"geth": 181_001, "chainbill": 181_002}
    }


def test_gas__profile_of_geths_run__is_refused(bench: Callable[..., str]) -> None:
    assert "leave --hardfork out" in bench("--profile", "--hardfork", "osaka")


# ---- the linker ---------------------------------------------------------------------------------------


@pytest.fixture
def linker(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the command on few patients; gives what it prints."""

    def call(*arguments: str) -> str:
        assert run(cli, ["bench", "linker", "--patients", "6", "--only", "month_exact", *arguments]) == 0
        return capfd.readouterr().out

    return call


def test_linker__json__says_the_population_and_what_each_attack_reads(linker: Callable[..., str]) -> None:
    facts = json.loads(linker("--seed", "5", "--visits", "10", "--steps", "2", "--json"))
    assert (facts["population"]["patients"], facts["population"]["seed"]) == (6, 5)
    assert facts["population"]["visits"] == 10
    (told,) = facts["practices"].values()
    assert told["practice"] == {
        "settled": "monthly",
        "accounts": "month",
        "carried": "exact",
        "funded": "common payer",
        "sequences": "drawn",
        "steps": 2,
    }
    assert set(told["attacks"]["openings"]) == {"found", "year", "purity"}
    assert (told["overpaid"], told["underpaid"]) == ("0.00", "0.00")


def test_linker__tables__say_how_it_is_settled_and_what_is_read(linker: Callable[..., str]) -> None:
    text = linker()
    assert "visits of 6 patients" in text.splitlines()[0]
    told = row(text, "monthly")
    assert told[:6] == ["monthly", "month", "exact", "common", "payer", "drawn"]
    facts = json.loads(linker("--json"))["practices"]["month_exact"]
    years = [f"{each['year'] * 100:.1f}" for each in facts["attacks"].values()]
    assert [cell for cell in row(text, "month_exact")[1:] if cell != "%"] == years
