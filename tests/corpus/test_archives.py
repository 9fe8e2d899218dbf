"""Archives are read as streams and believed nothing."""

from __future__ import annotations

import io
import lzma
import random
import tarfile
import tracemalloc
import zlib
from collections.abc import Iterable

import pytest

from pipeline.corpus.archives import MAX_DEPTH, ArchivedText, archived_texts
from pipeline.errors import IntegrityError, ResourceError


def tar(*members: tuple[str, bytes] | tarfile.TarInfo, format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            header = tarfile.TarInfo(member[0])
            header.size = len(member[1])
            archive.addfile(header, io.BytesIO(member[1]))
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, target
    return header


def read(data: bytes) -> list[ArchivedText]:
    return list(archived_texts(io.BufferedReader(io.BytesIO(data)), name="some.tar.xz"))  # type: ignore[arg-type]


def texts(found: Iterable[ArchivedText]) -> dict[str, bytes]:
    return {text.name: text.data for text in found}


SUBSET = lzma.compress(tar(("0000-a.txt", b"one"), ("0001-b.txt", b"two")))
NESTED = lzma.compress(
    tar(special("openwebtext", tarfile.DIRTYPE), ("openwebtext/s1.xz", SUBSET), ("s1.xz.lock", b""))
)


def test_texts_have_the_same_names_in_a_subset_and_in_the_archive_around_it() -> None:
    expected = {"s1.xz/0000-a.txt": b"one", "s1.xz/0001-b.txt": b"two"}
    assert texts(read(NESTED)) == expected
    assert texts(read(tar(("s1.xz", SUBSET)))) == expected


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_form_of_tar_and_long_names_are_read(format: int) -> None:
    name = "folder/" * 12 + "naive.txt"
    assert texts(read(tar((name, b"x" * 2000), format=format))) == {f"some.tar.xz/{name}": b"x" * 2000}


def test_links_devices_and_paths_that_lead_out_are_counted_and_never_read() -> None:
    found = read(
        tar(
            ("../evil.txt", b"x"),
            ("/etc/evil.txt", b"x"),
            ("a/../../b.txt", b"x"),
            special("l.txt", tarfile.SYMTYPE, "/etc/passwd"),
            special("h.txt", tarfile.LNKTYPE, "/etc/passwd"),
            special("f.txt", tarfile.FIFOTYPE),
            special("c.txt", tarfile.CHRTYPE),
            ("picture.png", b"x"),
            ("good.txt", b"good"),
        )
    )
    assert [text.reason for text in found] == ["irregular_member"] * 7 + ["not_text", ""]
    assert found[-1].data == b"good"


def test_concatenated_and_padded_xz_streams_are_one() -> None:
    archive = tar(("a.txt", b"text" * 5000))
    half = len(archive) // 2
    packed = lzma.compress(archive[:half]) + b"\0" * 8 + lzma.compress(archive[half:]) + b"\0" * 4
    assert texts(read(packed)) == {"some.tar.xz/a.txt": b"text" * 5000}


@pytest.mark.parametrize("cut", [0, 3, 30, 512, 700, 1023, 1024, 1536])
def test_a_cut_tar_is_noticed_wherever_it_was_cut(cut: int) -> None:
    archive = tar(("a.txt", b"x" * 600), format=tarfile.USTAR_FORMAT)
    with pytest.raises(IntegrityError, match=r"some\.tar\.xz"):
        read(archive[:cut])


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_cut_xz_is_noticed_wherever_it_was_cut(share: float) -> None:
    with pytest.raises(IntegrityError, match=r"some\.tar\.xz"):
        read(NESTED[: int(len(NESTED) * share)])


def test_a_flipped_bit_anywhere_is_noticed() -> None:
    rng = random.Random(1)
    for place in rng.sample(range(len(SUBSET)), 60):
        damaged = bytearray(SUBSET)
        damaged[place] ^= 1 << rng.randrange(8)
        with pytest.raises((IntegrityError, ResourceError)):
            read(bytes(damaged))


def test_a_damaged_header_is_not_taken_for_the_end() -> None:
    archive = bytearray(tar(("a.txt", b"x"), ("b.txt", b"y"), format=tarfile.USTAR_FORMAT))
    archive[1024 + 10] ^= 1  # in the name of the second member
    with pytest.raises(IntegrityError, match="bad checksum"):
        read(bytes(archive))


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(IntegrityError, match="bytes follow the end"):
        read(tar(("a.txt", b"x")) + b"garbage")
    with pytest.raises(IntegrityError, match=r"no \.xz follow"):
        read(SUBSET + b"garbage")


def test_a_bomb_is_refused_before_it_fills_memory() -> None:
    bomb = lzma.compress(tar(("a.txt", b"\0" * (80 << 20))), preset=0)
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError, match="expands over 100 times"):
            read(bomb)
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


def test_small_bombs_in_one_archive_are_refused_for_what_they_are_together() -> None:
    inner = lzma.compress(tar(("a.txt", b"\0" * (4 << 20))), preset=0)
    outer = lzma.compress(tar(*((f"{number}.xz", inner) for number in range(40))))
    assert len(read(lzma.compress(tar(("0.xz", inner))))) == 1
    with pytest.raises(IntegrityError, match="expands over 100 times"):
        read(outer)


@pytest.mark.parametrize(
    "headers",
    [
        {"GNU.sparse.map": "a,b"},
        {"GNU.sparse.size": "x"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"},
        {"size": "-1000"},
        {"size": "9" * 30},
    ],
)
def test_a_header_with_numbers_that_are_none_is_damage(headers: dict[str, str]) -> None:
    header = tarfile.TarInfo("a.txt")
    header.pax_headers = headers
    with pytest.raises(IntegrityError, match="damaged or cut"):
        read(tar(header, ("b.txt", b"x")))


def test_an_xz_that_asks_for_gigabytes_of_memory_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**20}]
    packed = bytearray(lzma.compress(tar(("a.txt", b"x")), filters=filters))
    at = packed.index(b"\x21\x01", 12) + 2  # filter LZMA2, one byte of properties: the dictionary's size
    packed[at] = 38  # 2 GiB
    header = packed[12 : 12 + (packed[12] + 1) * 4 - 4]
    packed[12 + len(header) : 16 + len(header)] = zlib.crc32(header).to_bytes(4, "little")
    with pytest.raises(ResourceError, match="unpacking needs over 128 MiB of memory"):
        read(bytes(packed))


def test_archives_in_archives_end_somewhere() -> None:
    data = tar(("a.txt", b"x"))
    for _ in range(MAX_DEPTH):
        data = tar(("inner.tar", data))
    with pytest.raises(IntegrityError, match="nested deeper"):
        read(data)
