"""Synthea's own cents come out of our adjudication; ``docs/synthea-lines.md`` explains the numbers."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "reproduce_synthea.py"


@pytest.fixture
def synthea(samples_dir: Path) -> dict[str, Any]:
    return _report(samples_dir)


@cache
def _report(samples: Path) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, str(SCRIPT), str(samples)], capture_output=True, text=True, check=True
    )
    report: dict[str, Any] = json.loads(run.stdout)
    return report


def test_synthea__csv_lines_shared_with_the_patient__all_but_one_come_out(synthea: dict[str, Any]) -> None:
    shared = synthea["synthea_csv_2024"]["shared_with_patient"]
    assert (shared["lines"], shared["reproduced"]) == (141, 140)
    assert shared["by_rate"] == {"75 %": 28, "80 %": 2, "95 %": 110}
    [exception] = shared["not_reproduced"]
    assert exception["line"].startswith("claim aa831485-")
    assert "75.00 + 131.60 + 43.87 = 250.47, charged 250.46" in exception["explanation"]


def test_synthea__csv_lines_shared_by_two_insurers__all_come_out(synthea: dict[str, Any]) -> None:
    shared = synthea["synthea_csv_2024"]["shared_with_secondary"]
    assert (shared["lines"], shared["reproduced"]) == (15, 15)


def test_synthea__fhir_lines__all_come_out(synthea: dict[str, Any]) -> None:
    fhir = synthea["synthea_r4_2019"]
    assert (fhir["shared_with_patient"]["lines"], fhir["shared_with_patient"]["reproduced"]) == (96, 96)
    assert fhir["without_amounts"] + fhir["shared_with_patient"]["lines"] == fhir["lines"] == 273


def test_synthea__copay_above_the_charge__is_capped_at_the_charge(synthea: dict[str, Any]) -> None:
    assert synthea["synthea_csv_2024"]["copay_above_charge"] == {"lines": 185, "copay_capped_at_charge": 185}


def test_synthea__every_csv_line__is_in_one_class(synthea: dict[str, Any]) -> None:
    report = synthea["synthea_csv_2024"]
    classes = [report[name]["lines"] for name in ("shared_with_patient", "shared_with_secondary")]
    classes += [report["copay_above_charge"]["lines"], *report["nothing_shared"].values()]
    assert sum(classes) == report["lines"] == 1360


def test_reproduce_synthea__no_samples__says_so(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    run = subprocess.run(
        [sys.executable, str(SCRIPT), str(missing)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert f"there are no samples in {missing}" in run.stderr
