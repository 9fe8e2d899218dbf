"""Packed files are read as streams, whole or not at all."""

from __future__ import annotations

import bz2
import collections
import gzip
import lzma
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from pipeline.corpus import unpacking
from pipeline.corpus.unpacking import FORMS, MEMORY_BYTES, open_unpacked
from pipeline.errors import IntegrityError, ResourceError

Pack = Callable[[bytes], bytes]
PACKERS: dict[str, Pack] = {
    ".gz": lambda data: gzip.compress(data, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
}
DATA = " ".join(str(random.Random(1).random()) for _ in range(3000)).encode()
every_form = pytest.mark.parametrize("suffix", PACKERS)


def read(folder: Path, suffix: str, packed: bytes) -> bytes:
    path = folder / f"a.txt{suffix}"
    path.write_bytes(packed)
    with open_unpacked(path) as file:
        return file.read()


def test_every_form_is_tested() -> None:
    assert set(PACKERS) == set(FORMS)


@every_form
def test_one_or_more_streams_and_padding_are_one_file(suffix: str, tmp_path: Path) -> None:
    pack = PACKERS[suffix]
    assert read(tmp_path, suffix, pack(DATA)) == DATA
    assert read(tmp_path, suffix, pack(DATA) + pack(b"") + b"\0" * 99 + pack(b"more")) == DATA + b"more"
    assert read(tmp_path, suffix, pack(b"")) == b""


def test_a_file_with_another_ending_is_read_as_it_is(tmp_path: Path) -> None:
    assert read(tmp_path, "", gzip.compress(DATA, mtime=0))[:2] == b"\x1f\x8b"


def test_frames_that_zstd_skips_are_skipped(tmp_path: Path) -> None:
    skipped = b"\x50\x2a\x4d\x18\x05\0\0\0hello"
    assert read(tmp_path, ".zst", skipped + PACKERS[".zst"](DATA)) == DATA
    assert read(tmp_path, ".zst", PACKERS[".zst"](DATA) + skipped) == DATA


@every_form
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_a_cut_file_is_noticed_wherever_it_was_cut(suffix: str, share: float, tmp_path: Path) -> None:
    packed = PACKERS[suffix](DATA)
    with pytest.raises(IntegrityError, match=rf"a\.txt\{suffix}: cut before its end"):
        read(tmp_path, suffix, packed[: int(len(packed) * share)])


@every_form
def test_a_flipped_bit_gives_the_same_bytes_or_is_noticed(suffix: str, tmp_path: Path) -> None:
    packed, rng, noticed = PACKERS[suffix](DATA), random.Random(2), 0
    for place in rng.sample(range(len(packed)), 40):
        damaged = bytearray(packed)
        damaged[place] ^= 1 << rng.randrange(8)
        try:
            assert read(tmp_path, suffix, bytes(damaged)) == DATA
        except (IntegrityError, ResourceError):
            noticed += 1
    assert noticed > 30


@every_form
def test_bytes_after_the_end_are_refused(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=rf"bytes that are no \{suffix} follow its end"):
        read(tmp_path, suffix, PACKERS[suffix](DATA) + b"garbage")


@every_form
def test_a_bomb_is_refused_in_little_memory(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "EXPANSION_FREE_BYTES", 1 << 20)
    path = tmp_path / f"bomb{suffix}"
    path.write_bytes(PACKERS[suffix](bytes(16 << 20)))
    tracemalloc.start()
    try:
        with open_unpacked(path) as file, pytest.raises(IntegrityError, match="expands over 100 times"):
            collections.deque(iter(lambda: file.read(1 << 16), b""), maxlen=0)
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()


def test_a_window_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=MEMORY_BYTES.bit_length())
    packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    with pytest.raises(ResourceError, match="unpacking needs over 128 MiB of memory"):
        read(tmp_path, ".zst", packer.compress(DATA) + packer.flush())
