"""Answer one question of halmos with bitwuzla: `solver.py QUERY.smt2`. `scripts/run_symbolic.py` uses it.

The contracts choose without jumps: they multiply by 0 or 1. halmos leaves a product of two unknowns open at
first, so that such a choice would mean nothing; then it asks again with the product spelled out, and every
quotient with it, which is hard. Here each product by 0 or 1 is written as the choice that it is. Nothing else
changes; what stays open may be anything, so what is proved holds of the real product or quotient, too.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import bitwuzla

PRODUCT = "(f_evm_bvmul_256 "
CHOICE = "(ite "
BRACKET = re.compile(r"[()]")
WORD = re.compile(r"[^\s()]+")
ONE_OR_ZERO = re.compile(r"\s*\(_ bv([01]) 256\)\s*\(_ bv([01]) 256\)\)")
BINDING = re.compile(r"\(let \(\((\S+) ")
ZERO, ONE = "(_ bv0 256)", "(_ bv1 256)"


def end_of(text: str, start: int) -> int:
    """Return where the expression that begins at `start` ends."""
    if text[start] != "(":
        word = WORD.match(text, start)
        assert word, text[start : start + 40]
        return word.end()
    depth = 0
    for bracket in BRACKET.finditer(text, start):
        depth += 1 if bracket[0] == "(" else -1
        if depth == 0:
            return bracket.end()
    raise ValueError("an expression does not end")


def beyond_space(text: str, start: int) -> int:
    """Return the first place from `start` on that is not white space."""
    while text[start].isspace():
        start += 1
    return start


def numbers_of(choice: str) -> re.Match[str] | None:
    """Return the two numbers of a choice between 0 and 1, a match from where its condition ends, or None."""
    if not choice.startswith(CHOICE):
        return None
    return ONE_OR_ZERO.fullmatch(choice, end_of(choice, len(CHOICE)))


def chosen(choice: str, other: str, named: set[str]) -> str | None:
    """Return the product of `other` and a choice between 0 and 1, as a choice; None: it is no such choice."""
    if choice in named:
        return f"{CHOICE}(= {choice} {ONE}) {other} {ZERO})"
    numbers = numbers_of(choice)
    if not numbers:
        return None
    first, second = (other if number == "1" else ZERO for number in numbers.groups())
    return f"{choice[: numbers.start()]} {first} {second})"


def rewritten(text: str, named: set[str]) -> str:
    """Return the question with products by 0 or 1 written as choices; `named` are the names of such."""
    parts = []
    position = 0
    while (start := text.find(PRODUCT, position)) >= 0:
        parts.append(text[position:start])
        first = start + len(PRODUCT)
        first_end = end_of(text, first)
        second = beyond_space(text, first_end)
        second_end = end_of(text, second)
        left, right = (rewritten(part, named) for part in (text[first:first_end], text[second:second_end]))
        as_choice = chosen(right, left, named) or chosen(left, right, named)
        parts.append(as_choice or f"{PRODUCT}{left} {right})")
        position = beyond_space(text, second_end) + 1
    return "".join([*parts, text[position:]])


def print_model(parser: bitwuzla.Parser) -> None:
    """Print the values of the unknowns, and the names of the functions that were left open: halmos asks anew
    where products or quotients are among them."""
    for term in parser.get_declared_funs():
        if term.sort().is_bv():
            value = parser.bitwuzla().get_value(term)
            print(f"(define-fun {term.symbol()} () (_ BitVec {term.sort().bv_size()}) {value})")
        elif term.sort().is_fun():
            print(f"; {term.symbol()}")


def main(question: Path) -> None:
    """Print the answer to the question, and after `sat` the model."""
    text = question.read_text(encoding="utf-8")
    # A name stands for the same expression wherever the question has it.
    bindings = [(found[1], text[found.end() : end_of(text, found.end())]) for found in BINDING.finditer(text)]
    named = {name for name, value in bindings if numbers_of(value)}
    named -= {name for name, value in bindings if not numbers_of(value)}
    asked = question.with_suffix(".chosen.smt2")
    # Where the answer is `unsat`, asking for the model would be an error.
    asked.write_text(rewritten(text, named).replace("(get-model)", ""), encoding="utf-8")

    options = bitwuzla.Options()
    options.set(bitwuzla.Option.PRODUCE_MODELS, True)
    parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
    parser.parse(str(asked), parse_only=True)
    answer = parser.bitwuzla().check_sat()
    print(answer)
    if answer is bitwuzla.Result.SAT:
        print_model(parser)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
