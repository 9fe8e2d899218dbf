"""The strict reader of `params.yaml`.

Every section of the file is a frozen dataclass whose fields say their type and range:

    @dataclass(frozen=True, slots=True)
    class CleanParams:
        min_chars: Annotated[int, Range(1, 1_000_000)]

There are no defaults: a missing key is a problem, and so is an unknown one, a wrong type, a value out of
range, NaN, an ambiguous number (`010`), a duplicate key, an alias or a tag. All problems are reported at
once, each with line, dotted key, value and what is allowed. A class may add rules across its fields in
`problems() -> Iterator[str]`.

The file is walked as a YAML 1.2 node tree, the dialect that DVC reads, and never made into objects.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.errors import ParamsError

MAX_FILE_BYTES = 256 * 1024
MAX_PROBLEMS = 50
MAX_SHOWN_CHARS = 120
MAX_DIGITS = 20
MAX_NESTING = 100  # open brackets; the parser takes seconds for a thousand
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_MAPPING = "tag:yaml.org,2002:map"
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a string"}
_BAD = object()  # a scalar that is no value of any params type


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """The values a number (or the lengths a string or list) may take, both ends included."""

    low: float
    high: float

    def __str__(self) -> str:
        """`Range(0, 1)` reads as `Range(0.0, 1.0)`: they are equal, and `typing` may swap them."""
        return " to ".join(str(int(end) if end == int(end) else end) for end in (self.low, self.high))


@dataclasses.dataclass(frozen=True, slots=True)
class Matches:
    """A string must match this regular expression as a whole; `meaning` says it in words."""

    pattern: str
    meaning: str

    def __str__(self) -> str:
        return self.meaning


def load(path: Path, sections: Mapping[str, type]) -> dict[str, Any]:
    """Every section of the file at `path` as an instance of its class.

    Raises ParamsError with all problems of the whole file.
    """
    text = _text(path)
    reader = _Reader(path, text)
    values = {
        name: reader.read(node, kind, name)
        for name, (node, kind) in reader.fields(_composed(path, text), sections, "").items()
    }
    found = reader.problems
    if found:
        rest = [f"{path}: and {len(found)} problems in all"] if len(found) > MAX_PROBLEMS else []
        raise ParamsError(*found[:MAX_PROBLEMS], *rest)
    return values


def allowed(kind: Any) -> str:
    """What a value of this annotated type may be, in words.

    >>> allowed(Annotated[int, Range(1, 9)] | None)
    'a whole number, 1 to 9, or null'
    """
    plain, rules, optional = unwrapped(kind)
    if get_origin(plain) is tuple:
        size = "".join(f" of {rule} entries" for rule in rules)
        said = f"a list{size}, each {allowed(get_args(plain)[0])}"
    elif get_origin(plain) is Literal:
        said = "one of " + ", ".join(str(option) for option in get_args(plain))
    elif dataclasses.is_dataclass(plain):
        said = "a mapping with the keys " + ", ".join(field.name for field in dataclasses.fields(plain))
    else:
        length = "length " if plain is str else ""
        said = _WORDS[plain] + "".join(f", {length * isinstance(rule, Range)}{rule}" for rule in rules)
    return said + (", or null" if optional else "")


def unwrapped(kind: Any) -> tuple[Any, tuple[Any, ...], bool]:
    """The plain type inside `Annotated[...] | None`, its rules, and whether null is allowed."""
    rules: tuple[Any, ...] = ()
    optional = False
    while get_origin(kind) in (Annotated, Union, types.UnionType):
        if get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            rules += tuple(more)
        else:
            optional = True
            (kind,) = (option for option in get_args(kind) if option is not type(None))
    return kind, rules, optional


def as_json(params: object) -> dict[str, Any]:
    """The params as plain JSON values, for fingerprints and reports."""
    if not dataclasses.is_dataclass(params) or isinstance(params, type):
        raise TypeError(f"not an instance of a params class: {params!r}")
    return dataclasses.asdict(params)


def _text(path: Path) -> str:
    """The file's text, or ParamsError when it is no small UTF-8 file."""
    try:
        if path.exists() and not path.is_file():
            raise ParamsError(f"{path}: not a regular file; it must be a YAML file")
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read ({error.strerror}); it must be a YAML file") from error
    if len(data) > MAX_FILE_BYTES:
        raise ParamsError(f"{path}: larger than the {MAX_FILE_BYTES} bytes that a params file may have")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from error


def _composed(path: Path, text: str) -> MappingNode:
    """The YAML node tree of the text, or ParamsError for what is no plain YAML mapping."""
    if directive := re.search(r"(?m)^\ufeff?%", text):
        number = text.count("\n", 0, directive.end()) + 1
        raise ParamsError(f"{path} line {number}: a YAML directive (%) is not allowed; delete the line")
    (yaml := YAML(typ="safe", pure=True)).composer.warn_double_anchors = False  # no anchor is allowed at all
    steps = (1 if bracket in "[{" else -1 for bracket in re.findall(r"[][{}]", text))
    depths = itertools.accumulate(steps, lambda depth, step: max(0, depth + step), initial=0)
    try:
        if max(depths) > MAX_NESTING:
            raise RecursionError
        root = yaml.compose(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise ParamsError(f"{path}{line}: not valid YAML: {_told(what)}") from error
    except RecursionError as error:
        raise ParamsError(f"{path}: nested far too deep; see profiles/ for how it should look") from error
    if not isinstance(root, MappingNode) or root.tag != _MAPPING:
        raise ParamsError(f"{path}: must be a mapping of sections, one per stage")
    return root


class _Reader:
    """Turns nodes into values and collects problems instead of stopping at the first."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text
        self.problems: list[str] = []

    def problem(self, node: Node, key: str, what: str) -> None:
        """Notes what is wrong with the node at the dotted key."""
        self.problems.append(f"{self.path} line {node.start_mark.line + 1}: {_told(key)}: {what}")

    def fields(self, node: Node, kinds: Mapping[str, Any], prefix: str) -> dict[str, tuple[Node, Any]]:
        """The mapping's known keys with node and type; unknown, missing and repeated ones are problems."""
        if not isinstance(node, MappingNode):
            self.problem(
                node, prefix, f"is {_shown(node)}; must be a mapping with the keys {', '.join(kinds)}"
            )
            return {}
        found: dict[str, tuple[Node, Any]] = {}
        for key_node, value in node.value:
            name = key_node.value if isinstance(key_node, ScalarNode) else _shown(key_node)
            key = f"{prefix}.{name}" if prefix else name
            if name not in kinds:
                self.problem(key_node, key, f"unknown key; allowed here: {', '.join(kinds)}")
            elif name in found:
                self.problem(key_node, key, "is set twice; keep one")
            elif self.is_plain(key_node, key):
                found[name] = (value, kinds[name])
        given = {key_node.value for key_node, _ in node.value if isinstance(key_node, ScalarNode)}
        for name in kinds:
            if name not in given:
                key = f"{prefix}.{name}" if prefix else name
                self.problem(node, key, "is missing; there are no hidden defaults")
        return found

    def is_plain(self, node: Node, key: str) -> bool:
        """Whether the node is written without tag, anchor and alias; else that is a problem."""
        mark = self.text[node.start_mark.index : node.start_mark.index + 1]
        if not node.anchor and mark not in ("!", "&", "*"):
            return True
        self.problem(node, key, "has a tag, anchor or alias; write the plain value out")
        return False

    def read(self, node: Node, kind: Any, key: str) -> Any:
        """The node as a value of the annotated type `kind`, or None and a problem."""
        if not self.is_plain(node, key):
            return None
        plain, rules, optional = unwrapped(kind)
        value: Any = _scalar(node) if isinstance(node, ScalarNode) else _BAD
        if optional and value is None:
            return None
        if dataclasses.is_dataclass(plain) and isinstance(plain, type):
            return self.read_section(node, plain, key)
        if get_origin(plain) is tuple and isinstance(node, SequenceNode):
            return self.read_list(node, get_args(plain)[0], rules, key)
        if _fits(value, plain, rules):
            return float(value) if plain is float else value
        self.problem(node, key, f"is {_shown(node)}; must be {allowed(kind)}")
        return None

    def read_section(self, node: Node, kind: type, key: str) -> Any:
        """A mapping node as an instance of the params class `kind`."""
        before = len(self.problems)
        hints = get_type_hints(kind, include_extras=True)
        found = self.fields(node, hints, key)
        values = {name: self.read(child, inner, f"{key}.{name}") for name, (child, inner) in found.items()}
        if len(self.problems) > before:
            return None
        params = kind(**values)
        rules_across_fields = getattr(params, "problems", None)
        found_problems: Iterator[str] = rules_across_fields() if rules_across_fields else iter(())
        for what in found_problems:
            self.problem(node, key, what)
        return params

    def read_list(self, node: SequenceNode, kind: Any, rules: tuple[Any, ...], key: str) -> Any:
        """A sequence node as a tuple; a Range among `rules` bounds its length."""
        for rule in rules:
            if not rule.low <= len(node.value) <= rule.high:
                self.problem(node, key, f"has {len(node.value)} entries; must have {rule}")
        return tuple(self.read(child, kind, f"{key}[{place}]") for place, child in enumerate(node.value))


def _scalar(node: ScalarNode) -> Any:
    """The scalar's value under YAML 1.2, or `_BAD` for ambiguous numbers and what is no JSON value."""
    text, tag = node.value, str(node.tag).removeprefix("tag:yaml.org,2002:")
    if tag == "null":
        return None
    if tag == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if tag == "int" and len(text) <= MAX_DIGITS and _INTEGER.fullmatch(text):
        return int(text)
    if tag == "float":
        try:
            return float(text)
        except ValueError:  # .inf, .nan
            return math.nan
    return text if tag == "str" and not _SURROGATE.search(text) else _BAD


def _fits(value: Any, kind: Any, rules: tuple[Any, ...]) -> bool:
    """Whether a scalar is of the plain type `kind` and obeys every rule; a Range bounds a string's length."""
    if get_origin(kind) is Literal:
        return any(value == option and type(value) is type(option) for option in get_args(kind))
    if type(value) is not kind and not (kind is float and type(value) is int):
        return False
    if kind is float and not math.isfinite(value):
        return False
    for rule in rules:
        if isinstance(rule, Range):
            size = len(value) if isinstance(value, str) else value
            if not rule.low <= size <= rule.high:
                return False
        elif not re.fullmatch(rule.pattern, value):
            return False
    return True


def _shown(node: Node) -> str:
    """The node's value as a person wrote it, shortened."""
    if not isinstance(node, ScalarNode):
        return "a list" if isinstance(node, SequenceNode) else "a mapping"
    is_text = str(node.tag).endswith(":str")
    return f"'{_told(node.value)}'" if is_text else _told(node.value) or "null"


def _told(text: str) -> str:
    """The text in one short line that shows what is no printable character."""
    shown = text if text.isprintable() else ascii(text)[1:-1]
    return shown if len(shown) <= MAX_SHOWN_CHARS else shown[: MAX_SHOWN_CHARS - 3] + "..."
