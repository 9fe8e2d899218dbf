"""Text files inside .tar and .xz archives, read as streams: nothing is ever unpacked to the disk.

An archive may hold archives. What it says about itself is not trusted: its names are never opened, only
regular files are read, what expands in all more than EXPANSION_LIMIT times is refused as a bomb, and a reader
who asks for every text has every stream read to its end, so that a cut or altered archive is noticed.
"""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

from pipeline.errors import IntegrityError, ResourceError

MAX_TEXT_BYTES = 32 * 2**20
MAX_DEPTH = 3
EXPANSION_LIMIT = 100  # text shrinks 3 to 10 times
EXPANSION_FREE_BYTES = 64 * 2**20
XZ_MEMORY_BYTES = 128 * 2**20  # the strongest preset needs 65 MiB
CHUNK_BYTES = 2**16
READS_AT_END = 8  # tarfile needs two
_XZ_MAGIC = b"\xfd7zXZ\0"
_PASSED_OVER = (".lock",)  # empty files that the makers of OpenWebText left behind


@dataclass(frozen=True, slots=True)
class ArchivedText:
    """A file of an archive: its name (innermost archive and member), and its bytes or why they are not taken.

    Reasons: too_large, irregular_member (a link, device, or path that leads out of the archive), not_text.
    """

    name: str
    data: bytes = b""
    reason: str = ""


class Readable(Protocol):
    """All that is asked of a stream."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class Budget:
    """What one archive may expand to, with all archives in it: counts its packed bytes and all unpacked ones.

    It is the stream that the packed bytes of the outermost archive are read through.
    """

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._bytes_in = self._bytes_out = 0

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes of the file, counted."""
        data = self._file.read(size)
        self._bytes_in += len(data)
        return data

    def spend(self, size: int, *, name: str) -> None:
        """Counts `size` unpacked bytes; IntegrityError naming `name` when there are too many."""
        self._bytes_out += size
        if self._bytes_out > EXPANSION_FREE_BYTES + EXPANSION_LIMIT * self._bytes_in:
            raise IntegrityError(f"{name}: expands over {EXPANSION_LIMIT} times, as no text does; refused")


def archived_texts(file: io.BufferedReader, *, name: str) -> Iterator[ArchivedText]:
    """Every file of a .tar or .xz archive, and of the archives in it, in order.

    Raises IntegrityError for what is damaged, cut, a bomb or nested too deeply, ResourceError when unpacking
    needs too much memory; both name the archive.
    """
    budget = Budget(file)
    yield from _texts(budget, name, _is_xz(file), depth=1, budget=budget)


def _texts(stream: Readable, name: str, is_xz: bool, *, depth: int, budget: Budget) -> Iterator[ArchivedText]:
    """The texts of one archive that `stream` gives the bytes of, and of the archives in it."""
    if depth > MAX_DEPTH:
        raise IntegrityError(f"{name}: archives nested deeper than {MAX_DEPTH}")
    try:
        for member, content in _members(
            XzStream(stream, name=name, budget=budget) if is_xz else stream, name
        ):
            yield from _texts_of_member(member, content, name, depth=depth, budget=budget)
    except (tarfile.TarError, EOFError, ValueError) as error:  # ValueError: numbers of a header that are none
        raise IntegrityError(f"{name}: damaged or cut .tar ({error}); fetch it again") from error


def _texts_of_member(
    member: tarfile.TarInfo, content: Any, archive: str, *, depth: int, budget: Budget
) -> Iterator[ArchivedText]:
    """The text that a member is, the texts in it when it is an archive; none of a folder or a lock."""
    path = PurePosixPath(member.name)
    name = f"{PurePosixPath(archive).name}/{member.name.removeprefix('./')}"
    if member.isdir() or path.suffix in _PASSED_OVER:
        return
    if content is None or path.is_absolute() or ".." in path.parts:
        yield ArchivedText(name, reason="irregular_member")
    elif path.suffix in {".xz", ".tar"}:
        yield from _texts(content, name, _is_xz(content), depth=depth + 1, budget=budget)
    elif path.suffix != ".txt":
        yield ArchivedText(name, reason="not_text")
    elif member.size > MAX_TEXT_BYTES:
        yield ArchivedText(name, reason="too_large")
    else:
        yield ArchivedText(name, content.read(member.size))


class XzStream:
    """The unpacked bytes of an .xz file, with bounded memory and expansion."""

    def __init__(self, file: Readable, *, name: str, budget: Budget) -> None:
        self._file = file
        self._name = name
        self._budget = budget
        self._unpacker = _unpacker()
        self._ended = False

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end. Raises as `archived_texts` does."""
        while not self._ended:
            try:
                data = self._next_stream() if self._unpacker.eof else self._unpack(size)
            except lzma.LZMAError as error:
                if "Memory usage limit" in str(error):
                    limit = f"over {XZ_MEMORY_BYTES >> 20} MiB of memory"
                    raise ResourceError(f"{self._name}: unpacking needs {limit}; refused") from error
                raise IntegrityError(f"{self._name}: damaged .xz ({error}); fetch it again") from error
            self._budget.spend(len(data), name=self._name)
            if data:
                return data
        return b""

    def _unpack(self, size: int) -> bytes:
        packed = b""
        if self._unpacker.needs_input:
            packed = self._file.read(CHUNK_BYTES)
            if not packed:
                raise IntegrityError(f"{self._name}: cut before its end; fetch it again")
        return self._unpacker.decompress(packed, max_length=size)

    def _next_stream(self) -> bytes:
        """Goes on with a stream that follows the end of one, as xz itself does; zero bytes between are
        padding.
        """
        rest = self._unpacker.unused_data.lstrip(b"\0")
        while not rest:
            packed = self._file.read(CHUNK_BYTES)
            if not packed:
                self._ended = True
                return b""
            rest = packed.lstrip(b"\0")
        if not rest.startswith(_XZ_MAGIC[: len(rest)]):
            raise IntegrityError(f"{self._name}: bytes that are no .xz follow its end; fetch it again")
        self._unpacker = _unpacker()
        return self._unpacker.decompress(rest, max_length=0)


class _Ending:
    """A stream that can be read a few times past its end: tarfile reads on for all that a header promises."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._reads_left = READS_AT_END

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, then none a few times, then EOFError."""
        data = self._file.read(size)
        if not data:
            self._reads_left -= 1
            if not self._reads_left:
                raise EOFError("cut before its end")
        return data


class _StrictHeader(tarfile.TarInfo):
    """tarfile takes a damaged or missing header for the end of the archive; here only the end mark is one."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> _StrictHeader:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":
                raise
            raise tarfile.ReadError(str(error)) from error


def _members(file: Readable, name: str) -> Iterator[tuple[tarfile.TarInfo, Any]]:
    """The members of a tar stream with their contents as buffered readers, None for what is no regular file.

    A content is read before the next member is asked for.
    """
    ending: Any = _Ending(file)
    with tarfile.open(fileobj=ending, mode="r|", tarinfo=_StrictHeader) as archive:
        while (member := archive.next()) is not None:
            regular = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
            yield member, archive.extractfile(member) if regular else None
            archive.members.clear()  # type: ignore[attr-defined]  # else every header stays in memory
        _require_zeros(archive.fileobj, name)


def _require_zeros(rest: Any, name: str) -> None:
    """Reads a tar stream on from its end mark, which also verifies the end of the .xz around it."""
    while block := rest.read(CHUNK_BYTES):
        if block.strip(b"\0"):
            raise IntegrityError(f"{name}: bytes follow the end of the archive; fetch it again")


def _is_xz(file: io.BufferedReader) -> bool:
    return file.peek(len(_XZ_MAGIC)).startswith(_XZ_MAGIC)


def _unpacker() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES)
