"""Unpacked bytes of .gz, .bz2, .xz and .zst files, read as a stream that believes nothing.

However a file is made, a few MiB of it are in memory at a time; what expands more than EXPANSION_LIMIT times
is refused as a bomb; and a file that is cut or altered is noticed, since every stream is read to its end.
Files that hold several streams one after the other are read as one, as the programs that make them do.
"""

from __future__ import annotations

import bz2
import contextlib
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import zstandard

from pipeline.errors import IntegrityError, ResourceError

EXPANSION_LIMIT = 100  # text shrinks 3 to 10 times
EXPANSION_FREE_BYTES = 64 * 2**20
MEMORY_BYTES = 128 * 2**20  # the strongest preset of xz needs 65 MiB
CHUNK_BYTES = 2**16


class Readable(Protocol):
    """All that is asked of a stream."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class Budget:
    """What one file may expand to, with all archives in it: counts its packed bytes and all unpacked ones.

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


class Unpacked:
    """The unpacked bytes of a packed stream, in the form that the ending `suffix` names (see FORMS)."""

    def __init__(self, file: Readable, suffix: str, *, name: str, budget: Budget) -> None:
        self._file = file
        self._form = FORMS[suffix]
        self._suffix = suffix
        self._name = name
        self._budget = budget
        self._unpacker = self._form.unpacker()
        self._ended = False

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end.

        Raises IntegrityError for what is damaged, cut or a bomb, ResourceError when unpacking needs more
        than MEMORY_BYTES.
        """
        while not self._ended:
            try:
                data = self._next_stream() if self._unpacker.eof else self._unpack(size)
            except (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise  # the disk, not the file
                raise self._as_refusal(error) from error
            self._budget.spend(len(data), name=self._name)
            if data:
                return data
        return b""

    def _unpack(self, size: int) -> bytes:
        packed = self._file.read(self._form.chunk_bytes) if self._unpacker.needs_input else b""
        data = self._unpacker.decompress(packed, size)
        if not (packed or data or self._unpacker.eof) and self._unpacker.needs_input:
            raise IntegrityError(f"{self._name}: cut before its end; fetch it again")
        return data

    def _next_stream(self) -> bytes:
        """Goes on with a stream that follows the end of one; zero bytes between are padding."""
        rest = self._unpacker.unused_data.lstrip(b"\0")
        while not rest:
            packed = self._file.read(self._form.chunk_bytes)
            if not packed:
                self._ended = True
                return b""
            rest = packed.lstrip(b"\0")
        if not any(rest.startswith(magic[: len(rest)]) for magic in self._form.magics):
            raise IntegrityError(
                f"{self._name}: bytes that are no {self._suffix} follow its end; fetch it again"
            )
        self._unpacker = self._form.unpacker()
        return self._unpacker.decompress(rest, 1)

    def _as_refusal(self, error: Exception) -> IntegrityError | ResourceError:
        said = str(error)
        if "Memory usage limit" in said or "too much memory" in said:
            limit = f"over {MEMORY_BYTES >> 20} MiB of memory"
            return ResourceError(f"{self._name}: unpacking needs {limit}; refused")
        return IntegrityError(f"{self._name}: damaged {self._suffix} ({said}); fetch it again")


class _Unpacker(Protocol):
    """What the decompressors of bz2 and lzma have in common; `eof` is the end of one stream."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    """zlib's decompressor in that form."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class _Zstandard:
    """zstandard's decompressor in that form: it knows no `max_length`, so what is too much waits here."""

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=MEMORY_BYTES).decompressobj()
        self._waiting = io.BytesIO()

    @property
    def eof(self) -> bool:
        return self._inner.eof and self.needs_input

    @property
    def needs_input(self) -> bool:
        return self._waiting.tell() == len(self._waiting.getbuffer())

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        if data:
            self._waiting = io.BytesIO(self._inner.decompress(data))
        return self._waiting.read(max_length)


@dataclass(frozen=True, slots=True)
class _Form:
    """How one kind of packed file is read, and how its streams begin."""

    unpacker: Callable[[], _Unpacker]
    magics: tuple[bytes, ...]
    chunk_bytes: int = CHUNK_BYTES


_ZSTANDARD_MAGICS = (b"\x28\xb5\x2f\xfd", *(bytes((0x50 + low, 0x2A, 0x4D, 0x18)) for low in range(16)))
FORMS = {
    ".gz": _Form(_Gzip, (b"\x1f\x8b",)),
    ".bz2": _Form(bz2.BZ2Decompressor, (b"BZh",)),
    ".xz": _Form(
        lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MEMORY_BYTES), (b"\xfd7zXZ\0",)
    ),
    ".zst": _Form(_Zstandard, _ZSTANDARD_MAGICS, chunk_bytes=256),  # 4 bytes can stand for 128 KiB
}


@contextlib.contextmanager
def open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """The file for reading, unpacked when its name ends in one of FORMS; errors as `Unpacked.read` says."""
    suffix = path.suffix.lower()
    with open(path, "rb") as file:
        if suffix not in FORMS:
            yield file
            return
        budget = Budget(file)
        with io.BufferedReader(_Raw(Unpacked(budget, suffix, name=str(path), budget=budget))) as unpacked:
            yield unpacked


class _Raw(io.RawIOBase):
    """A stream in the form that Python's buffered reader is made of."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
