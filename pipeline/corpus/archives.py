"""Text files inside .tar and .xz archives, read as streams: nothing is ever unpacked to the disk.

An archive may hold archives. What it says about itself is not trusted: its names are never opened, only
regular files are read, what expands too much in all is refused as a bomb (see pipeline/corpus/unpacking.py),
and a reader who asks for every text has every stream read to its end, so that a cut or altered archive is
noticed.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pipeline.corpus.unpacking import CHUNK_BYTES, Budget, Readable, Unpacked
from pipeline.errors import IntegrityError

MAX_TEXT_BYTES = 32 * 2**20
MAX_DEPTH = 3
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
            Unpacked(stream, ".xz", name=name, budget=budget) if is_xz else stream, name
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
