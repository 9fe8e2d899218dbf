"""Everything that was fetched, each file once, under its hash; and which address it came from.

    .work/downloads/objects/d7/d7a8fb...           the bytes, named by their SHA-256, not to be written to
    .work/downloads/addresses/3c/3c9a0e.../        one folder for each address, named by its hash:
        entry.json                                 the address, and size and SHA-256 of what it served
        pg11.txt                                   a link to the object, under the name it has there
        lock                                       held by the process that fetches it

An object is there whole or not at all, and nothing is thrown away before what follows it is on the disk, so a
kill at any moment costs at most what pipeline/corpus/transfers.py says. What data/sources.lock pins must be
what it pins: it is fetched only when no address has brought it yet, and refused when it is something else.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pipeline.artifacts import hash_file
from pipeline.corpus.courtesy import courtesy_from
from pipeline.corpus.download import Downloader, Limits, NotThereError
from pipeline.corpus.entries import FETCHED, LOCK, Entry, entry_of, place_of, recorded
from pipeline.corpus.pins import PINS, Pin, read_pins
from pipeline.durability import flush
from pipeline.errors import IntegrityError
from pipeline.locks import holding


class Store:
    """The fetched files below `folder`; what is missing is fetched, one address at a time."""

    def __init__(
        self, folder: Path, downloader: Downloader, *, limits: Limits, pins: Mapping[str, Pin]
    ) -> None:
        self._folder, self._downloader, self._limits, self._pins = folder, downloader, limits, pins

    def get(self, url: str, *, accept: Callable[[Path], bool] | None = None) -> Path:
        """A file with what `url` serves, named as it is there, fetched unless it was before.

        What `accept` finds to be another thing than was asked for is not kept. Raises NotThereError for that
        and for what the server refuses, SourceError when it could not be had otherwise, IntegrityError naming
        both hashes when it is not what is pinned or not what was stored, BusyError when another process
        fetches it for longer than it may take.
        """
        place, pin = place_of(url, self._folder), self._pins.get(url)
        busy = f"{url}: another process is fetching it; wait for it or stop it"
        with holding(place.parent / LOCK, wait_seconds=self._limits.deadline_seconds, busy=busy):
            entry = entry_of(place)
            if entry is None or pin not in (None, entry.pin) or not self._object(entry.pin).exists():
                entry = self._brought(url, place, pin, accept)
            self._link(place, entry)
        return place

    def is_expected(self, url: str) -> bool:
        """Whether `url` is pinned or was fetched before, so that asking for it is sure to pay."""
        return url in self._pins or entry_of(place_of(url, self._folder)) is not None

    def _brought(
        self, url: str, place: Path, pin: Pin | None, accept: Callable[[Path], bool] | None
    ) -> Entry:
        """Brings the object into the store, unless another address brought what is pinned."""
        if pin is not None and self._object(pin).exists():
            return recorded(place, Entry(url, pin.bytes, pin.sha256))
        fetched = place.with_name(FETCHED)
        self._downloader.fetch(url, fetched, expected_bytes=pin.bytes if pin else None)
        found = Pin(fetched.stat().st_size, hash_file(fetched))
        if pin not in (None, found):
            fetched.unlink()
            raise IntegrityError(
                f"{url}: serves {found}, but {PINS} pins {pin}; name another mirror, or take the new file: "
                f"make lock-sources RENEW={url}"
            )
        if accept is not None and pin is None and not accept(fetched):
            fetched.unlink()
            raise NotThereError(f"{url}: serves something else than was asked for; check the address")
        entry = recorded(place, Entry(url, found.bytes, found.sha256))
        kept = self._object(found)
        kept.parent.mkdir(parents=True, exist_ok=True)
        fetched.chmod(0o444)
        os.replace(fetched, kept)
        flush(kept.parent)
        return entry

    def _link(self, place: Path, entry: Entry) -> None:
        """Verifies the object and makes `place` a link to it."""
        kept = self._object(entry.pin)
        if kept.stat().st_size != entry.bytes or hash_file(kept) != entry.sha256:
            raise IntegrityError(
                f"{kept}: is not the {entry.pin} that {entry.url} served; remove it to fetch it anew"
            )
        target = os.path.relpath(kept, place.parent)
        if not place.is_symlink() or os.readlink(place) != target:
            staging = place.with_name(f".{place.name}.writing")
            staging.unlink(missing_ok=True)
            staging.symlink_to(target)
            os.replace(staging, place)

    def _object(self, pin: Pin) -> Path:
        return self._folder / "objects" / pin.sha256[:2] / pin.sha256


@contextlib.contextmanager
def fetching(folder: Path, *, limits: Limits) -> Iterator[Store]:
    """The store in `folder`, asking as the environment says and held against data/sources.lock."""
    with Downloader(limits=limits, courtesy=courtesy_from(os.environ)) as downloader:
        yield Store(folder, downloader, limits=limits, pins=read_pins(PINS))
