"""The body of an answer, on its way to the disk: it may stop anywhere and go on from there.

What has come in lies beside the file to be as `.NAME.part`; `.NAME.part.json` says which bytes of it are
safely on the disk and what the server called the version they belong to (its ETag, else its Last-Modified).
The rest is asked for with `Range` and `If-Range`: a server whose file has changed since sends all of it, and
it starts over. Without such a name, or when anything about a range is odd, it starts over too.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import httpx

from pipeline.artifacts import read_json, write_json
from pipeline.errors import IntegrityError, SourceError
from pipeline.progress import Meter

FLUSH_BYTES = 4 * 2**20  # what a kill can cost at most
SHOWN_FROM_BYTES = 64 * 2**20  # smaller files are there before a bar would tell anything
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")


class PassingError(Exception):
    """A fault that may be gone at the next try; `wait_seconds` is what the server asked for.

    `is_absence` when, should it stay, the file must be taken as not there.
    """

    def __init__(self, what: str, *, wait_seconds: float = 0.0, is_absence: bool = False) -> None:
        super().__init__(what)
        self.wait_seconds, self.is_absence = wait_seconds, is_absence


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """The first `bytes` of the `total` that make up the file at `url` in the version `validator`."""

    url: str
    validator: str
    bytes: int
    total: int | None  # null where the server did not say

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to ask for."""
        return self.bytes == self.total

    def headers(self) -> dict[str, str]:
        """What asks for the rest of this version, or for all of another."""
        return {"Range": f"bytes={self.bytes}-", "If-Range": self.validator} if self.bytes else {}


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """The most bytes a file may have, and how many it should have where that is known."""

    max_bytes: int
    expected_bytes: int | None = None


class Partial:
    """The part of a file that has come in, beside where the whole will be."""

    def __init__(self, path: Path, url: str) -> None:
        self.data = path.with_name(f".{path.name}.part")
        self._note = path.with_name(f".{path.name}.part.json")
        self._nothing = Held(url, "", 0, None)

    def held(self) -> Held:
        """What can be gone on from."""
        try:
            held = Held(**read_json(self._note))
            there = self.data.stat().st_size
            sound = held.url == self._nothing.url and 0 < held.bytes <= there and bool(held.validator)
        except (IntegrityError, TypeError, FileNotFoundError):
            return self._nothing
        return held if sound else self._nothing

    def remove(self) -> None:
        """Forgets what has come in."""
        self._note.unlink(missing_ok=True)
        self.data.unlink(missing_ok=True)

    def receive(self, response: httpx.Response, held: Held, bounds: Bounds) -> None:
        """Stores the body behind what is `held`, or from the start.

        Raises PassingError when it ends early, SourceError when it is larger than it may be.
        """
        begun = self._begun(response, held)
        size = noted = begun.bytes
        _require_at_most(begun.total or 0, bounds, response)
        with open(self.data, "r+b" if size else "wb") as file:
            file.truncate(size)
            file.seek(size)
            try:
                for data in _shown(response, begun):
                    size += file.write(data)
                    _require_at_most(size, bounds, response)
                    if size - noted >= FLUSH_BYTES:
                        noted = self._note_down(file, begun)
            finally:
                self._note_down(file, begun)
        whole = _least(response, bounds) if begun.total is None else begun.total
        if not size:
            raise PassingError("the answer is empty", is_absence=True)
        if size < whole:
            raise PassingError(f"{size} of {whole} bytes came")

    def _begun(self, response: httpx.Response, held: Held) -> Held:
        """What stays of the part, now that the server has answered: all of it, or nothing."""
        if response.status_code == httpx.codes.PARTIAL_CONTENT:
            continued = _continued(response, held)
            if continued is None:
                self.remove()
                raise PassingError("another part of the file came than was asked for")
            return continued
        self.remove()
        length = response.headers.get("Content-Length", "")
        return Held(held.url, _validator(response), 0, int(length) if length.isdigit() else None)

    def _note_down(self, file: BinaryIO, begun: Held) -> int:
        """Brings to the disk what has come, and then says so; returns how much it is."""
        file.flush()
        os.fsync(file.fileno())
        if begun.validator:
            write_json(self._note, dataclasses.replace(begun, bytes=file.tell()))
        return file.tell()


def _continued(response: httpx.Response, held: Held) -> Held | None:
    """What is held, with the total that the server says; None unless the answer is just what is missing."""
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if not held.bytes or found is None or int(found.group(1)) != held.bytes:
        return None
    total = held.total if found.group(2) == "*" else int(found.group(2))
    is_other = _validator(response) not in (held.validator, "") or held.total not in (total, None)
    return None if is_other else dataclasses.replace(held, total=total)


def _require_at_most(size: int, bounds: Bounds, response: httpx.Response) -> None:
    if size > bounds.max_bytes:
        raise SourceError(f"{response.url}: more than {bounds.max_bytes} bytes; refused")


def _validator(response: httpx.Response) -> str:
    """What names this version of the file; empty where a part could not be trusted to be of it."""
    etag: str = response.headers.get("ETag", "")
    weak = etag.startswith("W/") or not etag
    return response.headers.get("Last-Modified", "") if weak else etag


def _least(response: httpx.Response, bounds: Bounds) -> int:
    """How many bytes a body without a length must have: chunks end with a mark, else only a pin can say."""
    is_marked = "Transfer-Encoding" in response.headers
    return 0 if is_marked else bounds.expected_bytes or 0


def _shown(response: httpx.Response, begun: Held) -> Iterator[bytes]:
    """The body as it comes, with a bar when it is large."""
    if (begun.total or 0) < SHOWN_FROM_BYTES:
        yield from response.iter_raw()
        return
    meter = Meter(label=f"fetching {response.url.path}", total=(begun.total or 0) >> 20, unit="MiB")
    done = begun.bytes
    try:
        for data in response.iter_raw():
            done += len(data)
            meter.show(done >> 20, response.url.host)
            yield data
    finally:
        meter.close()
