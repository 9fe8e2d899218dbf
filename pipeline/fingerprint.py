"""Code fingerprints: what of the code and the installed libraries can change a stage's bytes.

DVC does not follow imports. So each stage depends on one small file that names every first-party module its
recipe imports, directly or not, each with the hash of its syntax tree without comments, formatting and
docstrings, and every installed distribution those modules import, with its version. An edit that cannot
change behaviour leaves it as it was.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.errors import DataError
from pipeline.installed import distribution_of, normalized, version

FIRST_PARTY = ("pipeline", "stages")
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclasses.dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a stage's code is: module -> hash of its meaning, data file -> hash, distribution -> version."""

    python: str
    modules: dict[str, str]
    files: dict[str, str]
    distributions: dict[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class _Module:
    """What the fingerprint needs to know of one source file."""

    meaning: str
    imports: frozenset[
        str
    ]  # dotted names; `from a.b import c` gives a.b and a.b.c, one of which may not exist


def fingerprint(root: Path, modules: Sequence[str], *, packages: Sequence[str] = ()) -> Fingerprint:
    """The fingerprint of the import closure of `modules`, whose sources lie below `root`.

    `packages` are installed distributions that are part of it as well: for a stage whose input is their
    files. Raises DataError for a module that does not exist or does not parse.
    """
    closure = _closure(root, modules)
    imported = {name.split(".")[0] for module in closure.values() for name in module.imports}
    distributions = {distribution_of(name) for name in imported - set(FIRST_PARTY) - sys.stdlib_module_names}
    distributions |= set(map(normalized, packages))
    data_files = {path.relative_to(root).as_posix(): path for path in _data_files(root, closure)}
    return Fingerprint(
        python=platform.python_version(),
        modules={name: module.meaning for name, module in sorted(closure.items())},
        files={name: _sha256(path.read_bytes()) for name, path in data_files.items()},
        distributions={name: version(name) for name in sorted(distributions - {""})},
    )


def _closure(root: Path, modules: Iterable[str]) -> dict[str, _Module]:
    """Every first-party module reachable by imports, also those inside functions."""
    closure: dict[str, _Module] = {}
    waiting = list(modules)
    for name in waiting:
        if _source(root, name) is None:
            raise DataError(f"{name}: there is no such module below {root.resolve()}")
    met = {""}
    while waiting:
        name = waiting.pop()
        if name in met:
            continue
        met.add(name)
        path = _source(root, name)
        if path is None:
            continue
        try:
            closure[name] = _understood(path.read_bytes())
        except SyntaxError as error:
            raise DataError(f"{path} line {error.lineno or 1}: {error.msg}; mend it") from error
        waiting.append(name.rpartition(".")[0])
        waiting.extend(other for other in closure[name].imports if other.split(".")[0] in FIRST_PARTY)
    return closure


def _source(root: Path, module: str) -> Path | None:
    stem = root.joinpath(*module.split("."))
    files = (stem.with_name(f"{stem.name}.py"), stem / "__init__.py")
    return next((path for path in files if path.is_file()), None)


@functools.cache
def _understood(source: bytes) -> _Module:
    """The source's imports, and the hash of its syntax tree without docstrings (comments are in no tree)."""
    imports: set[str] = set()
    words: list[str] = []
    _tell(ast.parse(source), words, imports)
    return _Module(_sha256("".join(words).encode("utf-8", "surrogatepass")), frozenset(imports))


def _tell(node: ast.AST, words: list[str], imports: set[str]) -> None:
    """Adds the words of a syntax tree, and what it imports, in one walk: `ast.dump` after `ast.walk` takes
    twice the time, and every repro waits for this.
    """
    if isinstance(node, ast.Import):
        imports.update(alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        imports.add(node.module)
        imports.update(f"{node.module}.{alias.name}" for alias in node.names)
    words.append(type(node).__name__)
    for name in node._fields:
        value = getattr(node, name, None)
        if name == "body" and isinstance(node, _Documented) and _has_docstring(node):
            value = node.body[1:]
        words.append("(")
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST):
                _tell(each, words, imports)
            else:
                words.append(repr(each))
            words.append(",")
        words.append(")")


def _has_docstring(node: _Documented) -> bool:
    return ast.get_docstring(node, clean=False) is not None


def _data_files(root: Path, modules: Iterable[str]) -> list[Path]:
    """Files other than Python (templates, word lists) below the packages of the closure's modules."""
    packages = {name.rpartition(".")[0] for name in modules} - {"", *FIRST_PARTY}
    return sorted(
        path
        for package in packages
        for path in root.joinpath(*package.split(".")).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"} and not path.name.startswith(".")
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
