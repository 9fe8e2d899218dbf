"""The installed distributions, each read once: what a fingerprint knows of the environment.

Whatever is asked first reads them all: DataError for one whose metadata are missing or name nothing.
"""

from __future__ import annotations

import csv
import email
import functools
import importlib.metadata
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.errors import DataError


@dataclass(frozen=True, slots=True)
class Installed:
    """One distribution: its version and its top-level modules."""

    version: str
    modules: frozenset[str]


def version(name: str) -> str:
    """The version of an installed distribution; KeyError for one that is not installed."""
    return _all()[normalized(name)].version


def is_installed(name: str) -> bool:
    """Whether a distribution of that name is installed."""
    return normalized(name) in _all()


def distribution_of(module: str) -> str:
    """The distribution that brings a top-level module, the first by name of several, or ""."""
    return _by_module().get(module, "")


def normalized(name: str) -> str:
    """The name as all its spellings have it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def _all() -> Mapping[str, Installed]:
    """Every distribution by its normalized name; of two with one name the one that Python would import."""
    found: dict[str, Installed] = {}
    for distribution in importlib.metadata.distributions():
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
        head = email.message_from_string(text.partition("\n\n")[0])  # the description below it can be long
        if not head["Name"]:
            folder = getattr(distribution, "_path", "an installed distribution")
            raise DataError(
                f"{folder}: its METADATA is missing or names nothing; remove it, then install it again"
            )
        entry = Installed(head["Version"] or "", frozenset(_modules(distribution)))
        found.setdefault(normalized(head["Name"]), entry)
    return found


@functools.cache
def _by_module() -> Mapping[str, str]:
    owners: dict[str, str] = {}
    for name in sorted(_all()):
        for module in _all()[name].modules:
            owners.setdefault(module, name)
    return owners


def _modules(distribution: importlib.metadata.Distribution) -> Iterator[str]:
    """The top-level modules that a distribution names, or else those that its list of files shows."""
    declared = distribution.read_text("top_level.txt")
    if declared:
        yield from declared.split()
        return
    for row in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        if row and row[0].endswith(".py"):
            yield row[0].partition("/")[0].removesuffix(".py")
