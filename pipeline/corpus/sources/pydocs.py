"""The documentation that the installed Python packages carry: real prose, wherever this pipeline can run.

Every documented module, class and function of the standard library and of the named distributions is one
document, and so is every chapter of the language reference. Packages are read as files, never imported; tests
are left out. A text begins with the name and the signature of what it documents, so that a model meets both:

    numpy.mean(a, axis=None, dtype=None)

    Compute the arithmetic mean along the specified axis.

Dropped:

    too_short   a docstring of fewer than `min_chars` characters
    unparsable  a module that this Python's parser refuses (templates, other versions)
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from pipeline.corpus.docstrings import (
    Docstring,
    NotParsableError,
    docstrings,
    first_sentence,
    language_topics,
    without_collection,
)
from pipeline.corpus.folders import grouped_by_size
from pipeline.corpus.ingestion import Rejected, document
from pipeline.corpus.public_names import PublicNames
from pipeline.errors import ParamsError
from pipeline.records import Document
from pipeline.settings.ingest import PydocsParams

SOURCE = "pydocs"
PART_BYTES = 3 * 2**20  # of Python source: about half a second of parsing
OWN_NAME = "gristmill"
TOPICS_MODULE = "pydoc_data.topics"
MAX_LICENCE_CHARS = 80
MAX_SIGNATURE_CHARS = 200
PACKAGES_KEY = "ingest.pydocs.packages"
_TESTS = frozenset({"test", "tests", "idle_test"})
_FOREIGN = frozenset({"site-packages", "dist-packages", "_vendor", "__pycache__"})  # under other licences


@dataclass(frozen=True, slots=True)
class Package:
    """What is the same for all documents of a distribution; module names start at the folder `root`."""

    name: str
    version: str
    licence: str
    root: Path


@dataclass(frozen=True, slots=True)
class Part:
    """Some modules of one package."""

    package: Package
    paths: tuple[Path, ...]
    min_chars: int


def parts(folder: Path, params: PydocsParams, *, downloads: Path) -> Mapping[str, Part]:
    """The modules of all packages in groups of about PART_BYTES.

    Raises ParamsError naming every distribution that is not installed or has no modules here.
    """
    del folder, downloads  # the text is in the environment
    names = sorted({_normalized(name) for name in params.packages})
    _require_installed(names)
    packages = [_standard_library()] if params.standard_library else []
    packages += [_distribution(name) for name in names]
    _require_modules(packages)
    return {
        f"{package.name}-{name}": Part(package, tuple(group), params.min_chars)
        for package, paths in packages
        for name, group in grouped_by_size(paths, max_bytes=PART_BYTES).items()
    }


def read(part: Part) -> Iterator[Document | Rejected]:
    """The documents of every module of the part."""
    names = PublicNames(part.package.root)
    with without_collection():
        for path in part.paths:
            yield from _read_module(path, part, names)


def _read_module(path: Path, part: Part, names: PublicNames) -> Iterator[Document | Rejected]:
    module = _module_name(path.relative_to(part.package.root))
    source = path.read_bytes()
    try:
        found = docstrings(source) + (language_topics(source) if module == TOPICS_MODULE else [])
    except NotParsableError:
        yield Rejected(f"{part.package.name}:{module}", "unparsable")
        return
    for docstring in found:
        yield _as_document(docstring, module, names.of(module, docstring.symbol), part)


def _as_document(docstring: Docstring, module: str, name: str, part: Part) -> Document | Rejected:
    repeat = f"#{docstring.repeat}" if docstring.repeat > 1 else ""
    origin = f"{part.package.name}:{module}:{docstring.symbol}{repeat}"
    if len(docstring.text) < part.min_chars:
        return Rejected(origin, "too_short")
    signature = shortened(docstring.signature())
    return document(
        SOURCE,
        origin,
        f"{heading(name, docstring.kind, signature)}{docstring.text}",
        title=name,
        licence=part.package.licence,
        metadata={
            "package": part.package.name,
            "version": part.package.version,
            "module": module,
            "symbol": docstring.symbol,
            "name": name,
            "kind": docstring.kind,
            "signature": signature,
            "parameters": ", ".join(docstring.parameters()),
            "summary": first_sentence(docstring.text),
        },
    )


def heading(name: str, kind: str, signature: str) -> str:
    """The line above the text of a module, class or function, with the empty line after it.

    >>> heading("math.floor", "function", "(x)")
    'math.floor(x)\\n\\n'

    A topic of the language reference has a heading of its own.
    """
    word = f"{kind} " if kind in ("class", "module") else ""
    return "" if kind == "topic" else f"{word}{name}{signature}\n\n"


def shortened(signature: str) -> str:
    """The signature, cut after a parameter when it is longer than MAX_SIGNATURE_CHARS."""
    if len(signature) <= MAX_SIGNATURE_CHARS:
        return signature
    kept = signature[: MAX_SIGNATURE_CHARS - len(", ...)")].rpartition(", ")[0]
    return f"{kept}, ...)" if kept else "(...)"


def _require_installed(names: list[str]) -> None:
    found = importlib.metadata.distributions()
    # Without METADATA, as an installation that was cut short leaves it, a distribution has no name.
    installed = {_normalized(each.name) for each in found if "Name" in each.metadata}
    problems = [
        f"{PACKAGES_KEY}: {name!r} is not installed; install it or take it out"
        for name in names
        if name not in installed
    ]
    if OWN_NAME in names:
        problems.append(
            f"{PACKAGES_KEY}: {OWN_NAME!r} cannot be its own corpus, every edit would change it; take it out"
        )
    if problems:
        raise ParamsError(*problems)


def _require_modules(packages: list[tuple[Package, list[Path]]]) -> None:
    problems = [
        f"{PACKAGES_KEY}: {package.name!r} lists no Python files (it is editable, or has no RECORD); "
        "install it anew or take it out"
        for package, paths in packages
        if not paths
    ]
    if problems:
        raise ParamsError(*problems)


def _standard_library() -> tuple[Package, list[Path]]:
    root = Path(sysconfig.get_path("stdlib"))
    paths: list[Path] = []
    for place, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - (_TESTS | _FOREIGN))
        paths.extend(Path(place, name) for name in sorted(names) if _is_wanted(PurePath(name)))
    return Package("python", platform.python_version(), "PSF-2.0", root), paths


def _distribution(name: str) -> tuple[Package, list[Path]]:
    found = importlib.metadata.distribution(name)
    files = found.files or []
    root = Path(str(found.locate_file("")))
    paths = sorted(root / file for file in files if _is_wanted(PurePath(file)))
    return Package(name, found.version, _licence(found), root), [path for path in paths if path.is_file()]


def _is_wanted(path: PurePath) -> bool:
    folders = set(path.parts[:-1])
    is_test = path.name.startswith("test_") or path.name.endswith("_test.py") or path.name == "conftest.py"
    is_link = path.name.startswith("__editable__")  # what setuptools installs of an editable distribution
    is_ours = not folders & (_TESTS | _FOREIGN) and ".." not in folders
    return path.suffix == ".py" and is_ours and not is_test and not is_link


def _module_name(path: PurePath) -> str:
    names = path.with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" and len(names) > 1 else names)


def _licence(found: importlib.metadata.Distribution) -> str:
    """The licence in one line: the expression, the short form, or what the classifiers say."""
    stated = found.metadata.get_all("License-Expression") or found.metadata.get_all("License") or [""]
    said = str(stated[0])
    if said and len(said) <= MAX_LICENCE_CHARS and "\n" not in said:
        return said
    classifiers = found.metadata.get_all("Classifier") or []
    return ", ".join(line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: "))


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
