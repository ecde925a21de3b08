"""What the client library is given: each argument is of the type that its method is annotated with.

An annotation says it once: to the type checker of whoever calls, to readers, and here to callers without one.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from os import PathLike, fsencode, fspath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from chainbill.errors import ArgumentError, quoted, unusable

_Class = TypeVar("_Class", bound=type)
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Expected:
    """Beside a type: what is expected, in words."""

    words: str


class Converted:
    """Beside a type: what is given is refused where it is converted, in words of its own."""


def checked(of: _Class) -> _Class:
    """Have every public method of a class, and its construction, refuse what is of another type than is
    annotated."""
    for name, method in vars(of).items():
        if inspect.isfunction(method) and (name == "__init__" or not name.startswith("_")):
            setattr(of, name, checks(method))
    return of


def checks(function: _Function) -> _Function:
    """The same for one function: an argument of another type raises ``ArgumentError``, which names it and
    does not repeat what was given; one that is missing or unknown, ``TypeError``. A file that the system
    refuses is a ``StateError``, as everywhere."""
    signature = inspect.signature(function)

    @cache
    def hints() -> dict[str, Any]:
        return typing.get_type_hints(function, include_extras=True)

    @wraps(function)
    def refusing(*arguments: Any, **named: Any) -> Any:
        given = signature.bind(*arguments, **named).arguments
        for name, value in given.items():
            if name in hints():
                several = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
                for each in value if several else (value,):
                    _check(name, each, hints()[name])
        try:
            return function(*arguments, **named)
        except OSError as error:
            if error.filename is None:
                raise
            raise unusable(str(error.filename), "used", error) from error

    return typing.cast(_Function, refusing)


def _check(name: str, value: object, hint: Any) -> None:
    if fits(value, hint):
        if isinstance(value, str | PathLike) and _is_path(hint) and not _names_a_file(value):
            raise ArgumentError(f"{name}: no file can have such a name", argument=name)
        return
    for part, part_hint in _parts(value, hint):
        _check(name, part, part_hint)
    known = list(_literals(hint))
    if known and isinstance(value, str):
        raise ArgumentError(f"{quoted(value)} is no {name}", argument=name, hint=f"one of {', '.join(known)}")
    raise ArgumentError(f"{name} takes {words(hint)}, and not {_kind(value)}", argument=name)


def fits(value: object, hint: Any) -> bool:
    """Is a value of an annotated type? A ``bool`` is no ``int``, and text is no sequence."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return Converted in hint.__metadata__ or fits(value, parts[0])
    if origin in (Union, UnionType):
        return any(fits(value, part) for part in parts)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin is Mapping:
        return isinstance(value, Mapping) and _all_fit(value, parts[0]) and _all_fit(value.values(), parts[1])
    if origin is Sequence:
        return (
            isinstance(value, Sequence)
            and not isinstance(value, str | bytes | bytearray)
            and _all_fit(value, parts[0])
        )
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or hint)


def _all_fit(values: Iterable[object], hint: Any) -> bool:
    return all(fits(value, hint) for value in values)


def _parts(value: object, hint: Any) -> Iterator[tuple[object, Any]]:
    """What a mapping or a sequence is made of, each with what is expected there; nothing of anything else."""
    for each in get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,):
        origin, parts = get_origin(each), get_args(each)
        if origin is Mapping and isinstance(value, Mapping):
            yield from ((key, parts[0]) for key in value)
            yield from ((item, parts[1]) for item in value.values())
        elif origin is Sequence and isinstance(value, list | tuple):
            yield from ((item, parts[0]) for item in value)


def _is_path(hint: Any) -> bool:
    return any(get_origin(part) is PathLike for part in get_args(hint))


def _names_a_file(path: str | PathLike[str]) -> bool:
    try:
        return "\x00" not in fspath(path) and bool(fsencode(path))
    except UnicodeEncodeError:
        return False


def _literals(hint: Any) -> Iterator[str]:
    """The words that an annotation allows."""
    if get_origin(hint) is Literal:
        yield from get_args(hint)
    elif get_origin(hint) in (Annotated, Union, UnionType):
        for part in get_args(hint):
            yield from _literals(part)


def words(hint: Any) -> str:
    """What an annotation allows, for a person."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        told = [each.words for each in hint.__metadata__ if isinstance(each, Expected)]
        return told[0] if told else words(parts[0])
    if origin in (Union, UnionType):
        return " or ".join(words(part) for part in parts)
    if origin is Literal:
        return f"one of {', '.join(parts)}"
    if origin is Mapping:
        return f"a mapping from {words(parts[0])} to {words(parts[1])}"
    if origin is Sequence:
        return f"a sequence of {words(parts[0])}"
    if hint is NoneType:
        return "None"
    if origin is PathLike:
        return "a path"
    return str(getattr(hint, "__name__", hint))


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
