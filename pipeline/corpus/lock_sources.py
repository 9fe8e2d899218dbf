"""lock-sources: writes what the last run fetched into data/sources.lock: later runs must get the same.

    make lock-sources                             pin every fetched file that is not pinned yet
    make lock-sources RENEW=https://example.org   let go of the addresses that begin so: their pins are taken
                                                  out, and the next run fetches what they serve by then

Nothing else changes the file, and a pin is never replaced by another. Review the change and commit it.
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

from pipeline.artifacts import read_json
from pipeline.command import command
from pipeline.corpus.entries import forget
from pipeline.corpus.fetched import Fetched
from pipeline.corpus.pins import PINS, Pin, read_pins, write_pins
from pipeline.errors import DataError, IntegrityError

METRICS, DOWNLOADS = Path("reports/metrics/ingest"), Path(".work/downloads")
_SUMMARY = "Pins what the last run fetched in data/sources.lock."
_RENEW = "take out the pins of addresses that begin so, and fetch them anew"


def pin_fetched(metrics: Path, lock: Path) -> str:
    """Adds a pin for each file that the metrics of `ingest` name. Returns what was done, in a line.

    Raises DataError when nothing was run yet, and for a file that is pinned as another one; IntegrityError
    for a metrics file that `ingest` did not write.
    """
    files = sorted(metrics.glob("*.json"))
    if not files:
        raise DataError(f"{metrics}: no run of `ingest` yet; `dvc repro` makes one")
    pins = read_pins(lock)
    before = len(pins)
    for path in files:
        for fetched in _fetched(path):
            pin = Pin(fetched.bytes, fetched.sha256)
            if pins.setdefault(fetched.url, pin) != pin:
                raise DataError(
                    f"{path}: the last run read {pin} from {fetched.url}, but {lock} pins "
                    f"{pins[fetched.url]}; run `dvc repro` first"
                )
    write_pins(lock, pins)
    return f"{lock}: {len(pins) - before} files are pinned anew, {len(pins)} in all; review and commit it"


def renew(prefix: str, lock: Path, downloads: Path) -> str:
    """Takes out the pins of the addresses that begin with `prefix`, and lets the store forget them.

    Returns what was done, in a line. DataError when nothing begins so.
    """
    pins = read_pins(lock)
    kept = {url: pin for url, pin in pins.items() if not url.startswith(prefix)}
    forgotten = forget(downloads, prefix)
    if not forgotten and len(kept) == len(pins):
        raise DataError(f"RENEW: {prefix!r} begins no address that is pinned in {lock} or was fetched")
    write_pins(lock, kept)
    return (
        f"{lock}: {len(pins) - len(kept)} pins are taken out, {forgotten} files will be fetched anew; "
        "now `dvc repro --force --single-item ingest@SOURCE`, `make lock-sources` and `dvc repro`"
    )


def _fetched(path: Path) -> list[Fetched]:
    """What one metrics file says was fetched."""
    try:
        found: list[dict[str, Any]] = read_json(path)["fetched"]
        return [Fetched(**item) for item in found]
    except (KeyError, TypeError) as error:
        raise IntegrityError(f"{path}: is not what `ingest` writes; run `dvc repro` first") from error


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m pipeline.corpus.lock_sources", description=_SUMMARY)
    parser.add_argument("--renew", metavar="ADDRESS", default="", help=_RENEW)
    prefix = parser.parse_args().renew
    action = functools.partial(renew, prefix, PINS, DOWNLOADS) if prefix else None
    command("lock-sources", action or functools.partial(pin_fetched, METRICS, PINS))
