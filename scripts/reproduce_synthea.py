"""Adjudicate Synthea's own claim lines and compare with what Synthea says was paid, to the cent.

    python scripts/reproduce_synthea.py [SAMPLES] > synthea.json

SAMPLES is the folder that holds ``synthea_csv_2024`` and ``synthea_r4_2019`` (default: ``samples`` under
``CHAINBILL_SAMPLES``, else under ``../shared/data``). ``docs/synthea-lines.md`` tells what the numbers mean.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.adjudication import Adjudication, adjudicate
from chainbill.billing.terms import Category, CategoryTerms, FeeTerms, PlanTerms
from chainbill.money import DOLLAR, cents_from_decimal, format_dollars
from chainbill.protocol_constants import MAX_YEARLY_AMOUNT

RATES = (75, 80, 95)
"""The plan's shares, in percent, that Synthea's insurers use; which one a line used is inferred from it."""

PART_MET_DEDUCTIBLES = {"3bb2056e-aa99-a636-9c6c-b1b8815c1ee6": 900 * DOLLAR}
"""Claims that meet the rest of a deductible, with the plan's deductible. What was met before is the
visit of the same day; the $900 show in that insurer's other visits (``deductible_evidence``)."""

UNLIMITED = MAX_YEARLY_AMOUNT - MAX_YEARLY_AMOUNT % DOLLAR
"""An out-of-pocket maximum that never binds."""


@dataclass(frozen=True)
class Line:
    """One claim line as Synthea exported it, in micro-dollars."""

    reference: str
    charge: int
    copay: int
    plan_paid: int
    left_to: str
    """Who owes the rest: ``patient``, ``secondary``, or nobody."""
    rest_paid: int
    deductible: int = 0
    deductible_met: int = 0


def adjudicated(line: Line, rate: int) -> Adjudication:
    """``line`` by our arithmetic, the plan paying ``rate`` percent after copay and deductible."""
    category = CategoryTerms(
        copay=line.copay, copay_first=True, coinsurance_bps=(100 - rate) * 100, coinsurance_after_copay=True
    )
    return adjudicate(
        billed_amount=line.charge,
        units=1,
        fee=FeeTerms(amount=line.charge, category=Category.OFFICE_VISIT),
        category=category,
        plan=PlanTerms(deductible=line.deductible, oop_max=UNLIMITED),
        met=Accumulators(deductible_met=line.deductible_met),
    )


def fitting_rates(line: Line) -> list[int]:
    """The rates under which plan part and rest both come out to the cent."""
    return [rate for rate in RATES if _agrees(line, adjudicated(line, rate))]


def csv_lines(folder: Path) -> Iterator[Line]:
    """Every charge of ``claims_transactions.csv`` with what happened to it."""
    visits = {row["Id"]: row for row in _rows(folder / "encounters.csv")}
    visit_of = {row["Id"]: row["APPOINTMENTID"] for row in _rows(folder / "claims.csv")}
    for claim, charges in _charges(folder):
        for number, transactions in enumerate(charges, start=1):
            deductible = PART_MET_DEDUCTIBLES.get(claim, 0)
            met = _cents(visits[visit_of[claim]]["TOTAL_CLAIM_COST"]) if deductible else 0
            yield _csv_line(f"claim {claim}, charge {number}", transactions, deductible, met)


def fhir_lines(folder: Path) -> Iterator[Line | None]:
    """Every item of every ExplanationOfBenefit; None for one without amounts."""
    for path in sorted(folder.glob("*.json")):
        bundle = json.loads(path.read_text(), parse_float=Decimal, parse_int=Decimal)
        for entry in bundle["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] == "ExplanationOfBenefit":
                for item in resource.get("item", []):
                    yield _fhir_line(f"ExplanationOfBenefit/{resource['id']}, item {item['sequence']}", item)


def deductible_evidence(folder: Path) -> dict[str, int]:
    """How many covered visits of the insurer with the part-met deductible show which deductible, exactly."""
    insurer = next(
        row["Id"] for row in _rows(folder / "payers.csv") if row["NAME"] == "Blue Cross Blue Shield"
    )
    found: Counter[str] = Counter()
    for visit in _rows(folder / "encounters.csv"):
        total, covered = _cents(visit["TOTAL_CLAIM_COST"]), _cents(visit["PAYER_COVERAGE"])
        if visit["PAYER"] != insurer or covered == 0:
            continue
        shown = [
            deductible
            for deductible in (0, 900)
            for copay in (0, 75)
            if adjudicated(
                Line(visit["Id"], total, copay * DOLLAR, 0, "patient", 0, deductible=deductible * DOLLAR), 75
            ).plan_paid
            == covered
        ]
        found[f"${shown[0]}" if len(shown) == 1 else "neither $0 nor $900"] += 1
    return dict(found)


def report(samples: Path) -> dict[str, Any]:
    """Lines, lines reproduced and an explanation of each other one, per source."""
    csv_folder, fhir_folder = samples / "synthea_csv_2024", samples / "synthea_r4_2019"
    from_csv, from_fhir = list(csv_lines(csv_folder)), list(fhir_lines(fhir_folder))
    shared = [line for line in from_csv if line.plan_paid]
    unshared = [line for line in from_csv if not line.plan_paid]
    above = [line for line in unshared if line.copay > line.charge]
    return {
        "synthea_csv_2024": {
            "lines": len(from_csv),
            "shared_with_patient": _compare(line for line in shared if line.left_to == "patient"),
            "shared_with_secondary": _compare(line for line in shared if line.left_to == "secondary"),
            "copay_above_charge": {
                "lines": len(above),
                "copay_capped_at_charge": sum(adjudicated(line, 75).copay == line.charge for line in above),
            },
            "nothing_shared": {
                "charge_of_zero": sum(line.charge == 0 for line in unshared),
                "all_the_patients": sum(line.charge == line.rest_paid > 0 for line in unshared),
                "copay_and_rest_the_patients": sum(
                    line.copay > 0 and line.copay + line.rest_paid == line.charge for line in unshared
                ),
            },
            "deductible_evidence": deductible_evidence(csv_folder),
        },
        "synthea_r4_2019": {
            "lines": len(from_fhir),
            "without_amounts": sum(line is None for line in from_fhir),
            "shared_with_patient": _compare(line for line in from_fhir if line is not None),
        },
    }


def _compare(lines: Iterable[Line]) -> dict[str, Any]:
    rates: Counter[str] = Counter()
    exceptions = []
    total = 0
    for line in lines:
        total += 1
        fitting = fitting_rates(line)
        if len(fitting) == 1:
            rates[f"{fitting[0]} %"] += 1
        else:
            exceptions.append({"line": line.reference, "explanation": _explain(line, fitting)})
    return {
        "lines": total,
        "reproduced": rates.total(),
        "by_rate": dict(sorted(rates.items())),
        "not_reproduced": exceptions,
    }


def _agrees(line: Line, ours: Adjudication) -> bool:
    """Plan part and rest to the cent; a secondary takes the rest as its own whole claim."""
    if ours.plan_paid != line.plan_paid or ours.copay != line.copay:
        return False
    rest = ours.deductible + ours.coinsurance
    if line.left_to == "secondary":
        own = Line(line.reference, rest, 0, 0, "nobody", 0)
        return adjudicated(own, 100).plan_paid == line.rest_paid
    return rest == line.rest_paid


def _explain(line: Line, fitting: list[int]) -> str:
    if fitting:
        return f"several rates fit: {fitting}"
    parts = (line.copay, line.plan_paid, line.rest_paid)
    if sum(parts) != line.charge:
        shown = " + ".join(format_dollars(part) for part in parts)
        return (
            f"Synthea's own parts (copay, plan, patient) do not add up: {shown} = "
            f"{format_dollars(sum(parts))}, charged {format_dollars(line.charge)}"
        )
    return "no known rate fits"


def _charges(folder: Path) -> Iterator[tuple[str, list[list[dict[str, str]]]]]:
    """Each claim's transactions in the order they happened, cut where a charge begins."""
    claims: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in _rows(folder / "claims_transactions.csv"):
        claims[row["CLAIMID"]].append(row)
    for claim, rows in claims.items():
        charges: list[list[dict[str, str]]] = []
        for row in sorted(rows, key=lambda row: int(row["CHARGEID"])):
            if row["TYPE"] == "CHARGE":
                charges.append([])
            charges[-1].append(row)
        yield claim, charges


def _csv_line(reference: str, transactions: list[dict[str, str]], deductible: int, met: int) -> Line:
    payments = [(row["METHOD"], _cents(row["PAYMENTS"])) for row in transactions if row["TYPE"] == "PAYMENT"]
    insurers = [amount for method, amount in payments if method == "ECHECK"]
    secondary = any(row["TRANSFERTYPE"] == "2" for row in transactions)
    patients = sum(amount for method, amount in payments if method not in ("ECHECK", "COPAY"))
    return Line(
        reference=reference,
        charge=_cents(transactions[0]["AMOUNT"]),
        copay=sum(amount for method, amount in payments if method == "COPAY"),
        plan_paid=insurers[0] if insurers else 0,
        left_to="secondary" if secondary else "patient" if patients else "nobody",
        rest_paid=sum(insurers[1:]) if secondary else patients,
        deductible=deductible,
        deductible_met=met,
    )


def _fhir_line(reference: str, item: dict[str, Any]) -> Line | None:
    amounts = {
        entry["category"]["coding"][0]["code"].rpartition("/")[2]: cents_from_decimal(
            entry["amount"]["value"]
        )
        for entry in item.get("adjudication", [])
        if "amount" in entry
    }
    if not amounts:
        return None
    return Line(
        reference=reference,
        charge=amounts["line_alowd_chrg_amt"],
        copay=0,
        plan_paid=amounts["line_prvdr_pmt_amt"],
        left_to="patient",
        rest_paid=amounts["line_coinsrnc_amt"],
        deductible=amounts["line_bene_ptb_ddctbl_amt"],
    )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _cents(text: str) -> int:
    return cents_from_decimal(Decimal(text))


def main() -> None:
    """Print the report as JSON."""
    home = Path(os.environ.get("CHAINBILL_SAMPLES", "../shared/data"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("samples", type=Path, nargs="?", default=home / "samples")
    samples: Path = parser.parse_args().samples
    if not samples.is_dir():
        parser.error(f"there are no samples in {samples}")
    json.dump(report(samples), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
