"""Charges that were asked for, by whatever name a command about a charge takes, as their whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from chainbill.errors import StateError


def whole_numbers(
    wanted: Sequence[str],
    listed: Iterable[tuple[str | None, str]],
    on_chain: Callable[[str], Sequence[str]],
) -> list[str]:
    """The number of each, in that order; one that nothing is known of stays what it is.

    Args:
        wanted: numbers, whole (``2:7``) or the part after the colon, commitments or claim ids.
        listed: number and reference of what is on the statement, where the oracle may hold some that the
            chain knows nothing of.
        on_chain: the numbers of every charge, anybody's, that a name names (``LedgerHistory.numbers_of``).

    Raises:
        LedgerError: one of them is no name of a charge.
        StateError: ``7`` alone, and several providers have such a charge: a number means the same to
            everybody, so it is not completed by who asks.
    """
    own = [(number, reference.lower()) for number, reference in listed if number is not None]
    return [_whole(each, own, on_chain(each)) for each in wanted]


def hint_for_unlisted(role: str, not_final: int) -> str:
    """What to do about a charge that is not on the statement of a ``role``."""
    later = "; one that is not final yet is not on it" if not_final else ""
    return f"its summary has the number of each: chainbill {role} statement{later}"


def _whole(wanted: str, own: Sequence[tuple[str, str]], on_chain: Sequence[str]) -> str:
    here = [
        number
        for number, reference in own
        if wanted.lower() == reference or _same(wanted, number) or number in on_chain
    ]
    named = sorted({*on_chain, *here}, key=_order)
    if len(named) > 1:
        shown = sorted(set(here), key=_order) or named
        raise StateError(
            f"several providers have a charge {wanted}",
            hint=f"give the whole number, as on the statement: {' or '.join(shown)}",
        )
    return named[0] if named else wanted


def _same(wanted: str, number: str) -> bool:
    provider, _, sequence = wanted.rpartition(":")
    if not sequence.isdecimal() or not (provider or "0").isdecimal():
        return False
    of, at = _order(number)
    return int(sequence) == at and (not provider or int(provider) == of)


def _order(number: str) -> tuple[int, int]:
    provider, _, sequence = number.partition(":")
    return int(provider), int(sequence)
