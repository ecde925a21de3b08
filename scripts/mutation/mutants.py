"""Every small wrong change that the rules below make of a Solidity file, found on its syntax tree."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

Node = dict[str, Any]

# What each operator turns into; two turns for comparisons, the bound and the sense.
OPERATORS = {
    "+": ("-",),
    "-": ("+",),
    "*": ("/",),
    "/": ("*",),
    "%": ("*",),
    "<<": (">>",),
    ">>": ("<<",),
    "&": ("|",),
    "|": ("&",),
    "<": ("<=", ">"),
    "<=": ("<", ">="),
    ">": (">=", "<"),
    ">=": (">", "<="),
    "==": ("!=",),
    "!=": ("==",),
    "&&": ("||",),
    "||": ("&&",),
}
ASSIGNMENTS = {"+=": "-=", "-=": "+=", "|=": "&=", "&=": "|=", "<<=": ">>=", ">>=": "<<=", "*=": "/="}
STEPS = {"++": "--", "--": "++"}
YUL_FUNCTIONS = {
    "add": "sub",
    "sub": "add",
    "mul": "div",
    "div": "mul",
    "shl": "shr",
    "shr": "shl",
    "lt": "gt",
    "gt": "lt",
    "and": "or",
    "or": "and",
    "eq": "lt",
}


@dataclass(frozen=True)
class Mutant:
    """One change of one file: `length` bytes from `start` become `replacement`."""

    file: str
    function: str
    line: int
    kind: str
    start: int
    length: int
    original: str
    replacement: str
    id: str
    """Short hash of everything but the place in the file: other lines may move without changing it."""

    def apply(self, text: str) -> str:
        """Return the file with the change in it."""
        raw = text.encode()
        return (raw[: self.start] + self.replacement.encode() + raw[self.start + self.length :]).decode()

    @property
    def change(self) -> str:
        """The change in one line."""
        before, after = " ".join(self.original.split()), " ".join(self.replacement.split())
        return f"{before} → {after or 'removed'}"


@dataclass(frozen=True)
class _Change:
    kind: str
    start: int
    end: int
    replacement: str


def mutants_of(file: str, text: str, tree: Node) -> list[Mutant]:
    """Return all mutants of a file, each once, in the order they stand in it."""
    raw = text.encode()
    seen: Counter[tuple[str, ...]] = Counter()
    found: dict[tuple[int, int, str], Mutant] = {}
    for function, change in _walk(tree, raw, ""):
        key = (change.start, change.end, change.replacement)
        if key in found:
            continue
        original = raw[change.start : change.end].decode()
        line_start = raw.rfind(b"\n", 0, change.start) + 1
        line_end = raw.find(b"\n", change.end)
        around = " ".join(raw[line_start:line_end].decode().split())
        name = (file, function, change.kind, around, original, change.replacement)
        seen[name] += 1
        digest = hashlib.sha256("\0".join((*name, str(seen[name]))).encode()).hexdigest()[:8]
        line = raw.count(b"\n", 0, change.start) + 1
        found[key] = Mutant(
            file,
            function,
            line,
            change.kind,
            change.start,
            change.end - change.start,
            original,
            change.replacement,
            digest,
        )
    return sorted(found.values(), key=lambda mutant: (mutant.start, mutant.replacement))


def in_turn(mutants: list[Mutant], seed: str) -> Iterator[Mutant]:
    """Yield the mutants file by file in turn, and within a file kind by kind, shuffled by the seed.

    The shuffle sorts by a hash of each mutant's id, so a change of the contracts moves few others.
    """
    files = {mutant.file for mutant in mutants}
    queues = {file: _kinds_in_turn([m for m in mutants if m.file == file], seed) for file in sorted(files)}
    for file in cycle(sorted(queues)):
        if not queues:
            return
        if file not in queues:
            continue
        mutant = next(queues[file], None)
        if mutant is None:
            del queues[file]
        else:
            yield mutant


def _kinds_in_turn(mutants: list[Mutant], seed: str) -> Iterator[Mutant]:
    shuffled = sorted(mutants, key=lambda m: hashlib.sha256(f"{seed}:{m.id}".encode()).digest())
    rank: Counter[str] = Counter()
    order = []
    for mutant in shuffled:
        order.append((rank[mutant.kind], mutant))
        rank[mutant.kind] += 1
    return (mutant for _, mutant in sorted(order, key=lambda pair: pair[0]))


# ---- the rules ------------------------------------------------------------------------------------


def _walk(node: Any, raw: bytes, function: str) -> Iterator[tuple[str, _Change]]:
    if isinstance(node, list):
        for item in node:
            yield from _walk(item, raw, function)
        return
    if not isinstance(node, dict):
        return
    kind = node.get("nodeType", "")
    if kind in ("FunctionDefinition", "ModifierDefinition"):
        function = node["name"] or node["kind"]
    rule = _RULES.get(kind)
    if rule is not None:
        for change in rule(node, raw):
            yield function, change
    for name, child in node.items():
        # The head of a loop counts its steps: a change there runs for ever.
        if not (kind == "ForStatement" and name in ("initializationExpression", "loopExpression")):
            yield from _walk(child, raw, function)


def _span(node: Node) -> tuple[int, int]:
    start, length, _ = (int(part) for part in node["src"].split(":"))
    return start, start + length


def _whole(node: Node, raw: bytes) -> tuple[int, int]:
    """The span of a statement with its semicolon, which the tree leaves out."""
    start, end = _span(node)
    return start, end + 1 if raw[end : end + 1] == b";" else end


def _between(left: Node, right: Node, operator: str, raw: bytes) -> tuple[int, int]:
    start = raw.index(operator.encode(), _span(left)[1], _span(right)[0])
    return start, start + len(operator)


def _binary(node: Node, raw: bytes) -> Iterator[_Change]:
    for replacement in OPERATORS.get(node["operator"], ()):
        where = _between(node["leftExpression"], node["rightExpression"], node["operator"], raw)
        yield _Change("operator", *where, replacement)


def _assignment(node: Node, raw: bytes) -> Iterator[_Change]:
    replacement = ASSIGNMENTS.get(node["operator"])
    if replacement:
        where = _between(node["leftHandSide"], node["rightHandSide"], node["operator"], raw)
        yield _Change("operator", *where, replacement)


def _unary(node: Node, _: bytes) -> Iterator[_Change]:
    start, end = _span(node)
    operator = node["operator"]
    if operator in ("!", "~"):
        yield _Change("operator", start, start + 1, "")
    elif operator in STEPS:
        at = start if node["prefix"] else end - len(operator)
        yield _Change("operator", at, at + len(operator), STEPS[operator])


def _if(node: Node, raw: bytes) -> Iterator[_Change]:
    if _only_reverts(node["trueBody"]) and not node.get("falseBody"):
        yield _Change("guard", *_whole(node, raw), "{}")
        return
    for replacement in ("true", "false"):
        yield _Change("condition", *_span(node["condition"]), replacement)


def _only_reverts(body: Node) -> bool:
    statements = body.get("statements", []) if body["nodeType"] == "Block" else [body]
    return len(statements) == 1 and statements[0]["nodeType"] == "RevertStatement"


def _statement(node: Node, raw: bytes) -> Iterator[_Change]:
    expression = node["expression"]
    called = (
        expression.get("expression", {}).get("name", "") if expression["nodeType"] == "FunctionCall" else ""
    )
    guard = called == "require" or called.startswith("_check")
    yield _Change("guard" if guard else "statement", *_whole(node, raw), "{}")


def _emit(node: Node, raw: bytes) -> Iterator[_Change]:
    yield _Change("event", *_whole(node, raw), "{}")


def _modifiers(node: Node, _: bytes) -> Iterator[_Change]:
    if node["kind"] != "constructor":
        for modifier in node["modifiers"]:
            yield _Change("modifier", *_span(modifier), "")


def _literal(node: Node, raw: bytes) -> Iterator[_Change]:
    start, end = _span(node)
    if node["kind"] == "bool":
        yield _Change("constant", start, end, "false" if node["value"] == "true" else "true")
    elif node["kind"] == "number":
        yield from _number(start, raw[start:end].split()[0])


def _yul_literal(node: Node, raw: bytes) -> Iterator[_Change]:
    start, end = _span(node)
    if node["kind"] == "number":
        yield from _number(start, raw[start:end])


def _number(start: int, digits: bytes) -> Iterator[_Change]:
    try:
        value = int(digits.replace(b"_", b""), 0)
    except ValueError:
        return  # such as 1e18
    text = (lambda number: f"{number:#x}") if digits.startswith(b"0x") else str
    yield _Change("constant", start, start + len(digits), text(value + 1))
    if value > 1:
        yield _Change("constant", start, start + len(digits), text(value - 1))


def _conditional(node: Node, raw: bytes) -> Iterator[_Change]:
    yes, no = (raw[slice(*_span(node[name]))].decode() for name in ("trueExpression", "falseExpression"))
    start, end = _span(node["trueExpression"])[0], _span(node["falseExpression"])[1]
    yield _Change("condition", start, end, f"{no} : {yes}")


def _jump(node: Node, raw: bytes) -> Iterator[_Change]:
    start, end = _span(node)
    word = raw[start:end].decode().rstrip(";")
    yield _Change("statement", start, start + len(word), {"break": "continue", "continue": "break"}[word])


def _yul_call(node: Node, _: bytes) -> Iterator[_Change]:
    replacement = YUL_FUNCTIONS.get(node["functionName"]["name"])
    if replacement:
        yield _Change("operator", *_span(node["functionName"]), replacement)


def _yul_statement(node: Node, _: bytes) -> Iterator[_Change]:
    yield _Change("statement", *_span(node), "{}")


_RULES = {
    "Assignment": _assignment,
    "BinaryOperation": _binary,
    "Break": _jump,
    "Conditional": _conditional,
    "Continue": _jump,
    "EmitStatement": _emit,
    "ExpressionStatement": _statement,
    "FunctionDefinition": _modifiers,
    "IfStatement": _if,
    "Literal": _literal,
    "UnaryOperation": _unary,
    "YulAssignment": _yul_statement,
    "YulExpressionStatement": _yul_statement,
    "YulFunctionCall": _yul_call,
    "YulLiteral": _yul_literal,
}
