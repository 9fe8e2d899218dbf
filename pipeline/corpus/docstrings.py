"""The documentation strings of Python source, read from its syntax tree; nothing is ever imported or run."""

from __future__ import annotations

import ast
import contextlib
import gc
import inspect
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_BRANCHES = (
    ast.If,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.ExceptHandler,
    ast.Match,
    ast.match_case,
)
_COMPOUND = (*_DEFINITIONS, *_LOOPS, *_BRANCHES)  # what definitions can stand inside of
_BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")
_STOP = re.compile(r"[.!?](?=\s|$)")
_ABBREVIATIONS = ("e.g.", "E.g.", "i.e.", "vs.", "cf.", "etc.", "resp.", "approx.")


@dataclass(frozen=True, slots=True)
class Docstring:
    """What one module, class, function or language topic says about itself, indentation removed.

    `symbol` is the qualified name inside the module ("" for the module itself), `repeat` tells definitions of
    one name apart (a property and its setter, overloads): 1, 2, ... in source order.
    """

    symbol: str
    repeat: int
    kind: str
    text: str
    definition: ast.AST

    def signature(self) -> str:
        """`(a, b=1) -> int` for a function, "" for all else and for what is nested too deeply to write."""
        if not isinstance(self.definition, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return ""
        try:
            returns = f" -> {ast.unparse(self.definition.returns)}" if self.definition.returns else ""
            return f"({ast.unparse(self.definition.args)}){returns}"
        except RecursionError:
            return ""

    def parameters(self) -> list[str]:
        """The names that a caller gives values to, `*` and `**` included, `self` and `cls` not."""
        if not isinstance(self.definition, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return []
        given = self.definition.args
        names = [argument.arg for argument in (*given.posonlyargs, *given.args)]
        if "." in self.symbol and names[:1] in (["self"], ["cls"]):
            del names[0]
        names += [f"*{given.vararg.arg}"] if given.vararg else []
        names += [argument.arg for argument in given.kwonlyargs]
        return names + ([f"**{given.kwarg.arg}"] if given.kwarg else [])


class NotParsableError(ValueError):
    """Source that this Python's parser refuses."""


def docstrings(source: bytes) -> list[Docstring]:
    """Every docstring of the source in its order, those of nested definitions too.

    Raises NotParsableError for what is no Python of this version or is nested too deeply to read.
    """
    try:
        tree = _parsed(source)
        repeats: Counter[str] = Counter()
        found = [_docstring(node, symbol, repeats) for node, symbol in _definitions(tree)]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotParsableError(str(error)) from error
    return [docstring for docstring in found if docstring.text]


def language_topics(source: bytes) -> list[Docstring]:
    """The chapters of the language reference, from the source of `pydoc_data.topics`."""
    for statement in _parsed(source).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
            values = ast.literal_eval(statement.value)
            return [
                Docstring(name, 1, "topic", inspect.cleandoc(text), statement)
                for name, text in values.items()
            ]
    return []


def first_sentence(text: str) -> str:
    """The first sentence of the first paragraph, on one line.

    >>> first_sentence("Return the sum,\\n e.g. of a list.  Floats are fine.")
    'Return the sum, e.g. of a list.'
    """
    paragraph = " ".join(text.partition("\n\n")[0].split())
    for stop in _STOP.finditer(paragraph):
        if not paragraph.endswith(_ABBREVIATIONS, 0, stop.end()):
            return paragraph[: stop.end()]
    return paragraph


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Stops the cyclic garbage collector: syntax trees have no cycles, and parsing is 28 % faster."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _parsed(source: bytes) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SyntaxWarnings of other people's code
        return ast.parse(source)


def _definitions(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """The module, classes and functions with their qualified names, in source order, without recursion."""
    waiting: list[tuple[ast.AST, str, str]] = [(tree, "", "")]
    while waiting:
        node, symbol, scope = waiting.pop()
        if isinstance(node, _DEFINITIONS):
            symbol = scope + node.name
            scope = f"{symbol}." if isinstance(node, ast.ClassDef) else f"{symbol}.<locals>."
        if isinstance(node, (ast.Module, *_DEFINITIONS)):
            yield node, symbol
        inside = [
            child for block in _BLOCKS for child in getattr(node, block, ()) if isinstance(child, _COMPOUND)
        ]
        waiting.extend((child, symbol, scope) for child in reversed(inside))


def _docstring(node: ast.AST, symbol: str, repeats: Counter[str]) -> Docstring:
    assert isinstance(node, (ast.Module, *_DEFINITIONS)), f"{type(node).__name__} has no docstring"
    text = ast.get_docstring(node) or ""
    repeats[symbol] += bool(text)
    kinds = {ast.Module: "module", ast.ClassDef: "class"}
    return Docstring(symbol, repeats[symbol], kinds.get(type(node), "function"), text, node)
