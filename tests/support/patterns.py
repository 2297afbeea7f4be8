"""Finds every regular expression in the source, and texts that make it backtrack.

Run as a program, it applies each pattern to hostile texts, with the methods that the source uses, and prints a line of
JSON before and after each. So its caller knows which pattern did not finish.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import resource
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice, product
from pathlib import Path
from re import _constants as code  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

import seehear

SOURCE = Path(seehear.__file__).parent
FUNCTIONS = ("match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer")
MOST_TEXTS = 4_000  # screened for each pattern
ROUNDS = ((500, 40), (2_000, 4))  # of screening: characters, and how many of the slowest texts go on
SHORT, LONG = 12_500, 100_000  # characters of the texts that were screened
MAY_HOLD = re.compile(rf"\bre\.|_regex\(|\.(?:{'|'.join(FUNCTIONS)})\(")  # a module with a pattern, or a use of one
LIMIT_S = 0.5  # CPU time for one text
SUSPECT_S = 0.02  # while screening; a linear pattern takes a thousandth of this
PROCESS_S = 120

Node = Any  # of re's own parser


class Pattern(NamedTuple):
    """A pattern, its place in the source, and the functions it is used with."""

    place: str
    pattern: str | bytes
    flags: int
    uses: tuple[str, ...]

    @property
    def linear_by_engine(self) -> bool:
        """Arrow's patterns are run by RE2, which does not backtrack; they are tried anyway."""
        return self.uses[0].endswith("_regex")


class Unresolved(NamedTuple):
    """A pattern that is only known at run time."""

    place: str
    engine: str


def patterns() -> Iterator[Pattern | Unresolved]:
    for path, tree in _trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (found := _called(node)):
                engine, function, given, flags = found
                place = f"{path.relative_to(SOURCE).as_posix()}:{node.lineno}"
                try:
                    names = vars(importlib.import_module(_module(path)))
                    pattern, number = (
                        eval(ast.unparse(each), names)  # as in the source
                        for each in (given, flags)
                    )
                except NameError:
                    yield Unresolved(place, engine)
                    continue
                if isinstance(pattern, str | bytes):
                    uses = _uses(tree, node) if function == "compile" else (function,)
                    yield Pattern(place, pattern, int(number), uses)


@cache
def _trees() -> dict[Path, ast.Module]:
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py"))}
    return {path: ast.parse(text) for path, text in texts.items() if MAY_HOLD.search(text)}


@cache
def _methods() -> set[tuple[str, str]]:
    """(name, method) of every attribute named like a method of a pattern."""
    return {
        (node.value.id, node.attr)
        for tree in _trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in FUNCTIONS
    }


def _module(path: Path) -> str:
    return ".".join(("seehear", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


def _called(node: ast.Call) -> tuple[str, str, ast.expr, ast.expr] | None:
    """(engine, function, pattern, flags) of a call that takes a pattern; None for other calls."""
    function = node.func
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return None
    named = {keyword.arg: keyword.value for keyword in node.keywords}
    if function.value.id == "re" and function.attr in ("compile", *FUNCTIONS):
        flags_at = 1 if function.attr == "compile" else 2
        usual = function.attr not in ("sub", "subn", "split") and len(node.args) > flags_at
        flags = node.args[flags_at] if usual else named.get("flags", ast.Constant(0))
        return "re", function.attr, named.get("pattern") or node.args[0], flags
    if function.attr.endswith("_regex"):
        return "RE2", function.attr, named.get("pattern") or node.args[1], ast.Constant(0)
    return None


def _uses(tree: ast.Module, made: ast.Call) -> tuple[str, ...]:
    """The methods called on a compiled pattern in any module; if none is found, some of each sort."""
    names = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and node.value is made
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    called = {method for name, method in _methods() if name in names}
    return tuple(sorted(called)) or ("fullmatch", "search", "sub")


def _characters(node: Node) -> list[str]:
    """The characters in a pattern: its literals, the ends of its ranges, and one of each class."""
    found: dict[str, None] = {}
    for op, value in node:
        if op in (code.LITERAL, code.NOT_LITERAL):
            found[chr(value)] = None
        elif op is code.IN:
            found.update(dict.fromkeys(_members(value)))
        for inner in _inner(op, value):
            found.update(dict.fromkeys(_characters(inner)))
    return list(found)


def _members(value: Node) -> list[str]:
    classes = {code.CATEGORY_DIGIT: "0", code.CATEGORY_SPACE: " ", code.CATEGORY_WORD: "a", code.CATEGORY_NOT_WORD: "-"}
    found: list[str] = []
    for op, each in value:
        if op is code.LITERAL:
            found.append(chr(each))
        elif op is code.RANGE:
            found += [chr(each[0]), chr(each[1])]
        elif op is code.CATEGORY:
            found.append(classes.get(each, "z"))
    return found


def _inner(op: Node, value: Node) -> list[Node]:
    if op in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT):
        return [value[2]]
    if op is code.SUBPATTERN:
        return [value[3]]
    if op is code.BRANCH:
        return list(value[1])
    if op in (code.ASSERT, code.ASSERT_NOT):
        return [value[1]]
    return [value] if op is code.ATOMIC_GROUP else []


def _example(node: Node, times: int, branch: int) -> str:
    """A text that the pattern matches, with `times` repetitions where the pattern allows as many."""
    return "".join(_part(op, value, times, branch) for op, value in node)


def _part(op: Node, value: Node, times: int, branch: int) -> str:
    if op is code.LITERAL:
        return chr(value)
    if op in (code.ANY, code.NOT_LITERAL):
        return "x"
    if op is code.IN:
        members = _members(value)
        if value[0][0] is code.NEGATE:
            return next(character for character in "x 0-\0" if character not in members)
        return str(members[branch % len(members)])
    if op in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT):
        return _example(value[2], times, branch) * int(min(max(value[0], times), int(value[1])))
    if op is code.BRANCH:
        return _example(value[1][branch % len(value[1])], times, branch)
    if op is code.ASSERT_NOT:
        return ""
    return "".join(_example(inner, times, branch) for inner in _inner(op, value))


def _bodies(node: Node) -> Iterator[Node]:
    """The repeated parts of a pattern, at any depth."""
    for op, value in node:
        inner = _inner(op, value)
        if op in (code.MAX_REPEAT, code.MIN_REPEAT):
            yield inner[0]
        for each in inner:
            yield from _bodies(each)


def hostile(pattern: str | bytes, flags: int) -> list[tuple[str, str, str]]:
    """(prefix, repeated part, suffix) of near-matches that may make a pattern backtrack."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = parser.parse(pattern, flags & ~re.DEBUG)
    characters = [*_characters(tree), "\n", "~"][:16]
    examples = dict.fromkeys(_example(tree, times, branch) for branch in range(4) for times in (1, 0, 2))
    bodies = [_example(body, times, branch) for body in _bodies(tree) for times in (1, 2) for branch in range(3)]
    pumps = dict.fromkeys([*bodies, *examples, *characters, *map("".join, product(characters[:6], repeat=2))])
    prefixes = dict.fromkeys(each[:end] for each in examples for end in range(len(each) + 1))
    suffixes = ["~", "", "\n"]
    every = ((prefix, pump, suffix) for suffix in suffixes for pump in filter(None, pumps) for prefix in prefixes)
    return list(islice(every, MOST_TEXTS))


def text(parts: tuple[str, str, str], length: int) -> str:
    prefix, pump, suffix = parts
    return prefix + pump * (max(0, length - len(prefix)) // len(pump)) + suffix


@cache
def _callable(pattern: Pattern, use: str) -> Callable[[str], Any]:
    if pattern.linear_by_engine:
        options = {"pattern": pattern.pattern} | ({"replacement": ""} if use.startswith("replace") else {})
        return lambda given: getattr(pc, use)(pa.array([given]), **options)
    function = getattr(re.compile(pattern.pattern, pattern.flags), use)
    as_given: Callable[[str], Any] = (
        (lambda given: given.encode("latin-1")) if isinstance(pattern.pattern, bytes) else str
    )
    if use in ("sub", "subn"):
        return lambda given: function(as_given(""), as_given(given))
    if use == "finditer":
        return lambda given: list(function(as_given(given)))
    return lambda given: function(as_given(given))


def _seconds(function: Callable[[str], Any], given: str) -> float:
    """CPU time of a call; LIMIT_S if it takes longer. re checks for signals while it backtracks."""
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_S)
    begun_s = time.process_time()
    try:
        function(given)
    except TimeoutError:
        return LIMIT_S
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.process_time() - begun_s


def _least_seconds(function: Callable[[str], Any], given: str) -> float:
    """Of two calls, because other programs disturb timings, though none so much that a call reaches LIMIT_S."""
    first_s = _seconds(function, given)
    return first_s if first_s >= LIMIT_S else min(first_s, _seconds(function, given))


def _give_up(*_: object) -> None:
    raise TimeoutError


class Slowest(NamedTuple):
    """The times of the slowest text, with SHORT and with LONG characters, and its parts."""

    use: str
    short_s: float
    long_s: float
    parts: tuple[str, str, str]


def slowest(pattern: Pattern) -> Slowest:
    """The slowest of all uses and texts: many short texts are tried, and the slowest of them at full length."""
    found: list[Slowest] = []
    texts = hostile(pattern.pattern, pattern.flags)
    for use in pattern.uses:
        function = _callable(pattern, use)
        for parts in _screened(function, texts):
            short_s, long_s = (_least_seconds(function, text(parts, length)) for length in (SHORT, LONG))
            found.append(Slowest(use, short_s, long_s, parts))
    return max(found, key=lambda each: each.long_s)


def _screened(function: Callable[[str], Any], texts: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The slowest texts after all ROUNDS; the first suspicious one ends the search.

    Sorted by wall-clock time, because CPU time has a resolution of only 4 ms on some machines. Other programs disturb
    it, so more texts than one go on to the next round.
    """
    for length, kept in ROUNDS:
        taken: list[tuple[float, int]] = []
        for number, parts in enumerate(texts):
            given = text(parts, length)
            begun_s = time.perf_counter()
            processor_s = _seconds(function, given)
            taken.append((time.perf_counter() - begun_s, number))
            if processor_s > SUSPECT_S:
                return [parts]
        texts = [texts[number] for _, number in sorted(taken, reverse=True)[:kept]]
    return texts


def main() -> None:
    signal.signal(signal.SIGVTALRM, _give_up)
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESS_S, PROCESS_S))
    for pattern in patterns():
        if isinstance(pattern, Unresolved):
            continue
        print(json.dumps({"place": pattern.place, "pattern": str(pattern.pattern)}), flush=True)
        print(json.dumps({"slowest": slowest(pattern)._asdict()}), flush=True)


if __name__ == "__main__":
    main()
