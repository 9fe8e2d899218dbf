"""The records of WARC and WET files, and the answers of web servers that they hold.

A file is unpacked by pipeline/corpus/unpacking.py and taken apart by fastwarc; whether it is whole is checked
here: every record must be as long as it says.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from fastwarc.stream_io import ChunkedReader
from fastwarc.warc import ArchiveIterator, WarcRecord

from pipeline.corpus.unpacking import Readable
from pipeline.errors import IntegrityError

_LENGTH = re.compile(r"[0-9]{1,15}")
_STATUS = re.compile(rb"HTTP/[0-9.]+[ \t]+([0-9]{3})\b")
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its kind (response, conversion, request, ...), its headers and what it holds.

    `content` is None when it is longer than what was asked for.
    """

    kind: str
    uri: str
    date: str
    content_type: str
    language: str
    is_cut: bool  # the crawler did not fetch all of it
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a web server sent: status (0 when it sent none), headers by names in small letters, and body."""

    status: int
    headers: dict[str, str]
    body: bytes


def records(file: Readable, *, name: str, kinds: frozenset[str], max_bytes: int) -> Iterator[Record]:
    """Every record of a file, in order; contents of up to `max_bytes` for those of `kinds`.

    Raises IntegrityError naming the file when it is damaged or cut.
    """
    try:
        for record in ArchiveIterator(_Stream(file), parse_http=False):  # type: ignore[arg-type]
            yield _checked(record, name, kinds, max_bytes)
    except OSError as error:
        if error.errno is not None:
            raise  # the disk, not the file
        raise IntegrityError(f"{name}: damaged WARC ({error}); fetch it again") from error


def answer(content: bytes, *, max_bytes: int) -> Answer | None:
    """The answer that a response record holds, its body dechunked and unpacked; None over `max_bytes`."""
    head, _, body = content.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    status = _STATUS.match(first)
    headers: dict[str, str] = {}
    for line in lines:
        key, _, value = line.decode("latin-1").partition(":")
        headers.setdefault(key.strip().lower(), value.strip())
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _dechunked(body)
    if headers.get("content-encoding", "").lower() in {"gzip", "x-gzip", "deflate"}:
        body = _inflated(body, max_bytes)
    if len(body) > max_bytes:
        return None
    return Answer(int(status.group(1)) if status else 0, headers, body)


class _Stream:
    """A stream that knows where it is, as fastwarc asks for."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._at = 0

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._at += len(data)
        return data

    def tell(self) -> int:
        return self._at


def _checked(record: WarcRecord, name: str, kinds: frozenset[str], max_bytes: int) -> Record:
    header = record.headers
    said = header.get("Content-Length") or ""
    uri = (header.get("WARC-Target-URI") or "").strip("<>")
    if not _LENGTH.fullmatch(said):
        raise IntegrityError(f"{name}: a record of {uri or 'nothing'} has no length; fetch it again")
    kind, length = (header.get("WARC-Type") or "unknown").lower(), int(said)
    content = record.reader.read(length) if kind in kinds and length <= max_bytes else None
    read = record.reader.consume() if content is None else len(content)
    if read != length:
        raise IntegrityError(f"{name}: cut in a record of {uri or kind}; fetch it again")
    return Record(
        kind=kind,
        uri=uri,
        date=header.get("WARC-Date") or "",
        content_type=_mime(header.get("Content-Type") or ""),
        language=header.get("WARC-Identified-Content-Language") or "",
        is_cut=header.get("WARC-Truncated") is not None,
        content=content,
    )


def _mime(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def charset(content_type: str) -> str:
    """The `charset` of a Content-Type header; nothing when it says none.

    >>> charset("text/html; charset=UTF-8")
    'UTF-8'
    """
    match = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", content_type, re.ASCII | re.IGNORECASE)
    return match.group(1) if match else ""


def _dechunked(body: bytes) -> bytes:
    """The body without the lengths of its chunks; the body as it is when they are wrong: many crawlers
    dechunk and keep the header.
    """
    try:
        data = ChunkedReader(io.BytesIO(body)).read()
    except OSError:
        return body
    return bytes(data)


def _inflated(body: bytes, max_bytes: int) -> bytes:
    """Up to one byte more than `max_bytes` of the unpacked body; as it is when it is not packed: as above."""
    for bits in (_GZIP_OR_ZLIB, -zlib.MAX_WBITS):
        try:
            return zlib.decompressobj(bits).decompress(body, max_bytes + 1)
        except zlib.error:
            continue
    return body
