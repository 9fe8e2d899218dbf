"""Under which names a package offers its classes and functions: `numpy.mean`, defined in
`numpy._core.fromnumeric`.

The names follow from the syntax trees of the modules and of each `__init__.py` above them; nothing is
imported.
"""

from __future__ import annotations

import ast
import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
MODULES_KEPT = 10_000  # whose names are kept, for all that a process reads
_MODULES_OFFERED = {"posixpath": "os.path"}  # what a module of the standard library is known as


@dataclass(frozen=True, slots=True)
class _Names:
    """What a module defines itself, takes by name (name -> module and its name there) and takes wholesale."""

    defined: frozenset[str]
    taken: dict[str, tuple[str, str]]
    wholesale: tuple[str, ...]


class PublicNames:
    """The names under which the modules below `root` offer what they define."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def of(self, module: str, symbol: str) -> str:
        """The dotted name of a symbol that `module` defines: that of the first package above which offers it.

        The place of its definition when none does, or only a private one.
        """
        head = symbol.partition(".")[0]
        packages = module.split(".")[:-1]
        for count in range(1, len(packages) + 1):
            package = ".".join(packages[:count])
            if not head or packages[count - 1].startswith("_"):
                break
            if self._home(package, head, seen=frozenset()) == module:
                return f"{package}.{symbol}"
        module = _MODULES_OFFERED.get(module, module)
        return f"{module}.{symbol}" if symbol else module

    def _home(self, module: str, name: str, *, seen: frozenset[str]) -> str | None:
        """The module that defines what `module` calls `name`; None when that cannot be told."""
        if module in seen:
            return None
        names, seen = _understood(self.root, module), seen | {module}
        if name in names.defined:
            return module
        if name in names.taken:
            source, original = names.taken[name]
            return self._home(source, original, seen=seen) if original == name else None
        if name.startswith("_"):
            return None
        homes = (self._home(source, name, seen=seen) for source in names.wholesale)
        return next((home for home in homes if home), None)


@functools.lru_cache(maxsize=MODULES_KEPT)
def _understood(root: Path, module: str) -> _Names:
    """The names of a module; none at all for one that is not below `root` or is no Python of this version."""
    stem = root.joinpath(*module.split("."))
    path = next((path for path in (stem / "__init__.py", stem.with_suffix(".py")) if path.is_file()), None)
    defined: set[str] = set()
    taken: dict[str, tuple[str, str]] = {}
    wholesale: list[str] = []
    for statement in _statements(path) if path else ():
        if isinstance(statement, _DEFINITIONS):
            defined.add(statement.name)
            continue
        source = _source(statement, module if path and path.stem == "__init__" else module.rpartition(".")[0])
        for alias in statement.names:
            if alias.name == "*":
                wholesale.append(source)
            else:
                taken[alias.asname or alias.name] = (source, alias.name)
    return _Names(frozenset(defined), taken, tuple(wholesale))


def _statements(
    path: Path,
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.ImportFrom]:
    """The definitions and the imports by name of a module, also those under `if` and `try`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the SyntaxWarnings of other people's code
            waiting: list[ast.stmt] = ast.parse(path.read_bytes()).body[::-1]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, (*_DEFINITIONS, ast.ImportFrom)):
            yield statement
        elif isinstance(statement, (ast.If, ast.Try)):
            handled = [inner for handler in getattr(statement, "handlers", ()) for inner in handler.body]
            waiting.extend([*statement.body, *handled, *statement.orelse][::-1])


def _source(statement: ast.ImportFrom, package: str) -> str:
    """The module that the statement imports from, when it stands in `package`."""
    if not statement.level:
        return statement.module or ""
    above = package.split(".")[: len(package.split(".")) - statement.level + 1]
    return ".".join([*above, *([statement.module] if statement.module else [])])
