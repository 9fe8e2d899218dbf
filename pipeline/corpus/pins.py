"""data/sources.lock: what each fetched file must be, written down so that people can review it.

One line for each address, in the order of addresses, between comment lines that start with `#`:

    d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592 173595 https://example.org/pg11.txt

which is the SHA-256, the size in bytes and the address. Only `make lock-sources` writes it (see
pipeline/corpus/lock_sources.py). A file whose address stands here must be that file; any other is taken as it
comes, and the stage says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts import write_bytes
from pipeline.errors import DataError

PINS = Path("data/sources.lock")
_HEADER = "# What each fetched file must be: SHA-256, bytes, address. Written by `make lock-sources`.\n"
_LINE = re.compile(r"([0-9a-f]{64}) (0|[1-9][0-9]{0,17}) (https?://\S+)")


@dataclass(frozen=True, slots=True)
class Pin:
    """What an address must serve."""

    bytes: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.bytes} bytes with SHA-256 {self.sha256}"


def read_pins(path: Path) -> dict[str, Pin]:
    """Address -> pin; none when there is no such file. DataError naming the line that breaks a rule."""
    pins: dict[str, Pin] = {}
    try:
        lines = path.read_bytes().decode("utf-8", "backslashreplace").split("\n")
    except FileNotFoundError:
        return pins
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.rstrip())
        if found is None:
            raise DataError(
                f"{path} line {number}: must be a SHA-256, a size in bytes and a http(s) address, with one "
                "space between them; mend or remove it"
            )
        url = found.group(3)
        if url in pins:
            raise DataError(f"{path} line {number}: {url} is pinned twice; keep one line")
        pins[url] = Pin(int(found.group(2)), found.group(1))
    return pins


def write_pins(path: Path, pins: Mapping[str, Pin]) -> None:
    """Writes the pins in their one form, at once and whole."""
    lines = (f"{pin.sha256} {pin.bytes} {url}\n" for url, pin in sorted(pins.items()))
    write_bytes(path, (_HEADER + "".join(lines)).encode())
