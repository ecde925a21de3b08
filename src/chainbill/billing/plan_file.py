"""Plan files: what an insurer writes down and publishes, in TOML. ``example_plan.toml`` shows one."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chainbill.billing.terms import Category, CategoryTerms, CobMode, PlanTerms
from chainbill.errors import AmountError, TermsError, without_keys
from chainbill.money import CENT, MICRO_DECIMALS, parse_dollars, parse_percentage

_AMOUNTS = {
    "deductible": "deductible",
    "out_of_pocket_maximum": "oop_max",
    "family_deductible": "family_deductible",
    "family_out_of_pocket_maximum": "family_oop_max",
    "annual_maximum": "annual_maximum",
    "rounding": "rounding_unit",
}
"""What a plan file calls an amount, and what the terms call it."""

_PLAN_FIELDS = ("plan", "coordination", *_AMOUNTS)
_COORDINATION = {mode.label: mode for mode in CobMode}
_CATEGORIES = {category.label: category for category in Category}


@dataclass(frozen=True, slots=True)
class PlanFile:
    """One plan as it is to be published."""

    plan_id: int
    terms: PlanTerms
    categories: Mapping[int, CategoryTerms]
    """By number of ``Category``; those that are missing are not covered."""

    @classmethod
    def read(cls, path: Path) -> PlanFile:
        """Read a plan file.

        Raises:
            TermsError: unreadable, not TOML, or not a plan; the message says where.
        """
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise TermsError(f"{without_keys(str(path))}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise TermsError(f"{path}: not a TOML file: not UTF-8") from None
        try:
            return cls.parse(text)
        except TermsError as error:
            raise TermsError(f"{path}: {error}", hint=error.hint) from None

    @classmethod
    def parse(cls, text: str) -> PlanFile:
        """Read the text of a plan file.

        Raises:
            TermsError: not TOML, or not a plan; the message says where.
        """
        try:
            tables = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise TermsError(f"not a TOML file: {error}") from None
        categories = {name: table for name, table in tables.items() if name not in _PLAN_FIELDS}
        plan_id, terms = _plan_id(tables), _plan_terms(tables)
        read = {_category(name): _category_terms(name, table) for name, table in categories.items()}
        if not read:
            raise TermsError("no category is covered", hint="add a table such as [office_visit]")
        for category, shared in read.items():
            if shared.copay % terms.rounding_unit:
                raise TermsError(f"[{category.label}] copay is not a whole multiple of rounding")
        return cls(plan_id, terms, {int(category): shared for category, shared in read.items()})


def example_plan() -> str:
    """The text of the packaged plan file, to copy and change."""
    return files("chainbill.billing").joinpath("example_plan.toml").read_text("utf-8")


def _plan_id(tables: Mapping[str, Any]) -> int:
    plan_id = tables.get("plan")
    if type(plan_id) is not int or not 1 <= plan_id < 2**16:
        raise TermsError("plan must be a number from 1 to 65535, such as: plan = 1")
    return plan_id


def _plan_terms(tables: Mapping[str, Any]) -> PlanTerms:
    for required in ("deductible", "out_of_pocket_maximum"):
        if required not in tables:
            raise TermsError(f'{required} is missing: write it like {required} = "250.00"')
    rounding = _dollars("rounding", tables["rounding"]) if "rounding" in tables else CENT
    amounts = {
        field: _dollars(name, tables[name], rounding) for name, field in _AMOUNTS.items() if name in tables
    }
    try:
        return PlanTerms.model_validate(amounts | {"cob_mode": _cob_mode(tables)})
    except ValidationError as error:
        raise TermsError(_first(error)) from None


def _cob_mode(tables: Mapping[str, Any]) -> CobMode:
    word = tables.get("coordination", CobMode.STANDARD.label)
    if not isinstance(word, str) or word not in _COORDINATION:
        raise TermsError(
            f"coordination must be one of {', '.join(_COORDINATION)}",
            hint='it says how the plan pays as secondary insurer: coordination = "standard"',
        )
    return _COORDINATION[word]


def _category(name: str) -> Category:
    if name not in _CATEGORIES:
        raise TermsError(
            f"{name!r} is neither a field of a plan nor a category of service",
            hint=f"categories: {', '.join(_CATEGORIES)}",
        )
    return _CATEGORIES[name]


def _category_terms(name: str, table: Any) -> CategoryTerms:
    if not isinstance(table, dict):
        raise TermsError(f"{name} must be a table: [{name}]")
    values = dict(table)
    if "copay" in values:
        values["copay"] = _dollars(f"[{name}] copay", values["copay"])
    if "coinsurance" in values:
        values["coinsurance_bps"] = _basis_points(f"[{name}] coinsurance", values.pop("coinsurance"))
    elif "coinsurance_bps" in values:
        raise TermsError(f'[{name}] coinsurance is written as a percentage, such as "20%"')
    try:
        return CategoryTerms.model_validate(values, strict=True)
    except ValidationError as error:
        raise TermsError(f"[{name}] {_first(error)}") from None


def _dollars(where: str, value: Any, rounding: int = 1) -> int:
    """An amount with as many decimals as ``rounding`` (micro-dollars) asks for.

    What is no multiple of it is left to the terms to refuse; ``1.500`` is a multiple of a cent, and yet
    nobody can say whether 1,500 is meant.
    """
    if not isinstance(value, str):
        raise TermsError(f'{where} must be dollars in quotes, such as "25.00"')
    try:
        amount = parse_dollars(value)
        if rounding and amount % rounding == 0:
            finest = len(str(rounding)) - len(str(rounding).rstrip("0"))
            return parse_dollars(value, decimals=max(2, MICRO_DECIMALS - finest))
        return amount
    except AmountError as error:
        raise TermsError(f"{where}: {error}", hint=error.hint) from None


def _basis_points(where: str, value: Any) -> int:
    """``"20%"`` as 2000; exact, or refused."""
    message = f'{where} must be a percentage in quotes from "0%" to "100%", with at most two decimals'
    if not isinstance(value, str):
        raise TermsError(message)
    try:
        return parse_percentage(value)
    except AmountError:
        raise TermsError(message) from None


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    where = ".".join(_FILE_NAMES.get(str(part), str(part)) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    field, _, rest = message.partition(" ")
    message = f"{_FILE_NAMES.get(field, field)} {rest}"
    return f"{where}: {message}" if where else message


_FILE_NAMES = {field: name for name, field in _AMOUNTS.items()}
