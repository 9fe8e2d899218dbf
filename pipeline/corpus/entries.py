"""The index of the store of fetched files: which address brought which object.

There is one folder for each address, named by its hash (see pipeline/corpus/store.py). It holds the entry,
and a link to the object under the name that the file has at its address.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.artifacts import read_json, write_json
from pipeline.corpus.pins import Pin
from pipeline.errors import IntegrityError
from pipeline.locks import holding

LOCK, FETCHED = "lock", "fetched"  # names beside the link: the process that fetches, and what it has
_ENTRY = "entry.json"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Entry:
    """What an address served when it was asked."""

    url: str
    bytes: int
    sha256: str

    @property
    def pin(self) -> Pin:
        """The pin that asks for the same again."""
        return Pin(self.bytes, self.sha256)


def place_of(url: str, folder: Path) -> Path:
    """Where the store in `folder` links what `url` serves."""
    key = hashlib.sha256(url.encode()).hexdigest()
    try:
        name = urlsplit(url).path.rpartition("/")[2]
    except ValueError:  # brackets that are not closed
        name = ""
    plain = _PLAIN_NAME.fullmatch(name) and name not in (_ENTRY, LOCK, FETCHED)
    return folder / "addresses" / key[:2] / key / (name if plain else "file")


def entry_of(place: Path) -> Entry | None:
    """What is known of the address whose link is `place`; None when it was not fetched yet."""
    try:
        return Entry(**read_json(place.parent / _ENTRY))
    except (IntegrityError, TypeError):  # also when it is no entry: then it is fetched again
        return None


def recorded(place: Path, entry: Entry) -> Entry:
    """Writes the entry of the address whose link is `place`, and returns it."""
    write_json(place.parent / _ENTRY, entry)
    return entry


def forget(folder: Path, prefix: str) -> int:
    """Forgets what the addresses that begin with `prefix` served, so that they are asked anew.

    The objects stay, for other addresses. Returns how many were forgotten; BusyError when one is just being
    fetched.
    """
    entries = [(path, entry_of(path)) for path in sorted((folder / "addresses").glob(f"*/*/{_ENTRY}"))]
    found = [path.parent for path, entry in entries if entry and entry.url.startswith(prefix)]
    for place in found:
        with holding(place / LOCK, wait_seconds=0.0, busy=f"{place}: is just being fetched; wait for it"):
            for path in place.iterdir():
                if path.name != LOCK:  # whoever waits for it must not get another one than who comes later
                    path.unlink()
    return len(found)
