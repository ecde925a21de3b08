"""Whether a resource is valid FHIR, by the R4B models of ``fhir.resources``.

Only resources an event is built from are checked, one model imported when first needed. R4B differs
from R4 in none of them. A Claim is not checked as a whole: only its prices are used, and each is
checked where it is read, so a Claim without, say, a priority still prices its visit.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from pydantic import ValidationError

from chainbill.interop.fhir.elements import Json, printable

_LONGEST = 120


def invalid_because(resource: Json) -> str:
    """What is wrong with the resource in a few words, or an empty string.

    The words name elements and never repeat their values, which may be personal.
    """
    try:
        _model(resource["resourceType"]).model_validate(resource)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        # A model tries text in place of an object as JSON, and complains of that.
        message = "Input has the wrong type" if problem["type"] == "json_invalid" else problem["msg"]
        return _short(f"{where}: {message}" if where else message)
    except RecursionError:
        return "nested too deeply"
    except Exception as error:
        # The models look contained resources up by name and fail in their own ways on unknown ones.
        return _short(f"not readable as {resource['resourceType']} ({type(error).__name__})")
    return ""


def not_understood_because(resource: Json, *, deep: bool = False) -> str:
    """Why a resource may mean something else than it says, in a few words, or an empty string.

    FHIR R4 extensibility.html#modifierExtension: who processes a resource must check for modifier
    extensions, and may not go on as if one that it does not know were absent; resource.html#implicitRules
    says the same of these. ``deep`` looks into every element; contained resources speak for themselves.
    """
    if resource.get("implicitRules"):
        return "it follows implicit rules"
    if _holds_modifier(resource, deep=deep):
        return "it carries a modifier extension"
    return ""


def _holds_modifier(value: Any, *, deep: bool) -> bool:
    if isinstance(value, list):
        return any(_holds_modifier(each, deep=deep) for each in value)
    if not isinstance(value, dict):
        return False
    if value.get("modifierExtension"):
        return True
    return deep and any(
        _holds_modifier(inner, deep=True) for name, inner in value.items() if name != "contained"
    )


@cache
def _model(resource_type: str) -> Any:
    module = import_module(f"fhir.resources.R4B.{resource_type.lower()}")
    return getattr(module, resource_type)


def _short(message: str) -> str:
    line = " ".join(printable(message.replace("Value error, ", "")).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
