"""The file of packed tokens: a 64-byte header and then the token ids, little-endian, to be memory-mapped.

offset  bytes  what
     0      8  magic  b"GRISTTOK"
     8      4  format version (1)
    12      4  bytes per token: 2 (uint16) or 4 (uint32)
    16      8  number of tokens
    24      8  vocabulary size; every id is below it
    32     32  SHA-256 of all token bytes and then bytes 0 to 31
    64      -  token ids
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.errors import IntegrityError

MAGIC = b"GRISTTOK"
VERSION = 1
HEADER = struct.Struct("<8sIIQQ32s")
_HASHED_BYTES = 32
_DTYPES: dict[int, np.dtype[np.unsignedinteger]] = {2: np.dtype("<u2"), 4: np.dtype("<u4")}


@dataclasses.dataclass(frozen=True, slots=True)
class TokenFile:
    """An opened token file. `tokens` is a read-only memory map, shape (num_tokens,), uint16 or uint32."""

    tokens: npt.NDArray[np.unsignedinteger]
    vocab_size: int


def write_tokens(path: Path, pieces: Iterable[npt.NDArray[np.integer]], *, vocab_size: int) -> int:
    """Writes the pieces, each of shape (tokens,), one after the other and returns the number of tokens.

    Ids are uint16 when the vocabulary fits, else uint32. ValueError for an id outside the vocabulary.
    """
    dtype = _DTYPES[2 if vocab_size <= 1 << 16 else 4]
    digest, count = hashlib.sha256(), 0
    with open(path, "wb") as file:
        file.write(bytes(HEADER.size))
        for piece in pieces:
            if piece.size and not 0 <= int(piece.min()) <= int(piece.max()) < vocab_size:
                raise ValueError(f"token id outside 0..{vocab_size - 1}")
            data = piece.astype(dtype, copy=False).tobytes()
            digest.update(data)
            file.write(data)
            count += piece.size
        fields = HEADER.pack(MAGIC, VERSION, dtype.itemsize, count, vocab_size, b"")[:_HASHED_BYTES]
        digest.update(fields)
        file.seek(0)
        file.write(fields + digest.digest())
        file.flush()
        os.fsync(file.fileno())
    return count


def open_tokens(path: Path, *, verify: bool = True) -> TokenFile:
    """Maps the file's tokens after checking header, length and, if asked, hash and range of ids.

    Raises IntegrityError naming the file for anything that is not what `write_tokens` wrote, a link to such a
    file included.
    """
    if path.is_symlink():
        raise IntegrityError(f"{path}: is a link to another file; rebuild it")
    try:
        with open(path, "rb") as file:
            header = file.read(HEADER.size)
    except OSError as error:
        raise IntegrityError(f"{path}: cannot be read ({error.strerror}); rebuild it") from error
    if len(header) < HEADER.size:
        raise IntegrityError(f"{path}: shorter than its header; rebuild it")
    magic, version, item_bytes, count, vocab_size, digest = HEADER.unpack(header)
    if magic != MAGIC or version != VERSION or item_bytes not in _DTYPES:
        raise IntegrityError(f"{path}: not a token file of version {VERSION}; rebuild it")
    if path.stat().st_size != HEADER.size + count * item_bytes:
        raise IntegrityError(f"{path}: its length is not the {count} tokens its header says; rebuild it")
    dtype = _DTYPES[item_bytes]
    tokens: npt.NDArray[np.unsignedinteger] = np.zeros(0, dtype)
    if count:
        tokens = np.memmap(path, dtype=dtype, mode="r", offset=HEADER.size, shape=(count,))
    if verify:
        found = hashlib.sha256(tokens.data)
        found.update(header[:_HASHED_BYTES])
        if found.digest() != digest:
            raise IntegrityError(f"{path}: not the tokens that were written; rebuild it")
        if count and int(tokens.max()) >= vocab_size:
            raise IntegrityError(f"{path}: holds an id outside the vocabulary of {vocab_size}; rebuild it")
    return TokenFile(tokens, vocab_size)
