"""Progress of anything that takes over a few seconds: a bar when a person watches, log lines when not."""

from __future__ import annotations

import importlib
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TypeVar

SECONDS_BETWEEN_LINES = 15.0
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


def track(items: Iterable[_T], *, label: str, total: int | None = None, unit: str = "it") -> Iterator[_T]:
    """Yields the items, showing how many of `total` are done: on a terminal as a bar, elsewhere as lines
    every 15 s.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        yield from _bar(items, desc=label, total=total, unit=unit, unit_scale=True)
        return
    started = shown = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if now - shown >= SECONDS_BETWEEN_LINES:
            shown = now
            _log.info("%s: %d of %s %s after %.0f s", label, done, total or "?", unit, now - started)
        yield item


class Meter:
    """Progress of work whose steps have something to say: a bar with a note on a terminal, elsewhere a line
    every 15 s.

    meter = Meter(label="pretrain", total=800, unit="step", done=100)
    meter.show(101, "loss 4.21")
    """

    def __init__(self, *, label: str, total: int, unit: str, done: int = 0) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._shown = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            self._bar = _bar(desc=label, total=total, initial=done, unit=unit)

    def show(self, done: int, note: str) -> None:
        """`done` of the total are finished; `note` says how it goes."""
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(done - self._bar.n)
        elif time.monotonic() - self._shown >= SECONDS_BETWEEN_LINES:
            self._shown = time.monotonic()
            _log.info("%s: %s %d of %d, %s", self._label, self._unit, done, self._total, note)

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()


def _bar(items: Iterable[Any] | None = None, **options: Any) -> Any:
    """A bar of tqdm, which is imported by name: another version of it must not train a model anew."""
    return importlib.import_module("tqdm").tqdm(items, **options, dynamic_ncols=True, leave=False)
