"""Modules imported when a test first uses them: every process of the suite collects every file of tests."""

from __future__ import annotations

import importlib
from typing import Any


class Late:
    """Stands for a module until one of its public names is asked for: pytest asks whatever it collects for
    private ones.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        return getattr(importlib.import_module(self._name), attribute)
