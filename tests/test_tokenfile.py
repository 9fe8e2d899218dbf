"""The token file: what was written is what is mapped, or it is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import IntegrityError
from pipeline.tokenfile import HEADER, open_tokens, write_tokens


def pieces(*lengths: int, below: int) -> list[np.ndarray]:
    chance = np.random.default_rng(1)
    return [chance.integers(0, below, length) for length in lengths]


@pytest.mark.parametrize(("vocab_size", "dtype"), [(300, "<u2"), (65_536, "<u2"), (65_537, "<u4")])
def test_tokens_come_back_in_the_narrowest_type_that_holds_the_vocabulary(
    tmp_path: Path, vocab_size: int, dtype: str
) -> None:
    written = pieces(5, 0, 1000, below=vocab_size)
    written[0][:2] = 0, vocab_size - 1
    assert write_tokens(tmp_path / "t.bin", written, vocab_size=vocab_size) == 1005
    opened = open_tokens(tmp_path / "t.bin")
    assert (opened.vocab_size, opened.tokens.dtype) == (vocab_size, np.dtype(dtype))
    assert np.array_equal(opened.tokens, np.concatenate(written))
    assert (tmp_path / "t.bin").stat().st_size == HEADER.size + 1005 * np.dtype(dtype).itemsize
    with pytest.raises(ValueError, match="read-only"):
        opened.tokens[0] = 1


def test_how_the_tokens_were_cut_into_pieces_does_not_change_the_bytes(tmp_path: Path) -> None:
    (whole,) = pieces(500, below=300)
    write_tokens(tmp_path / "a", [whole], vocab_size=300)
    write_tokens(tmp_path / "b", [whole[:3].astype(np.uint16), whole[3:]], vocab_size=300)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_tokens_are_a_file_too(tmp_path: Path) -> None:
    assert write_tokens(tmp_path / "t.bin", [], vocab_size=300) == 0
    assert open_tokens(tmp_path / "t.bin").tokens.shape == (0,)


@pytest.mark.parametrize("bad", [-1, 300, 70_000])
def test_an_id_outside_the_vocabulary_is_never_written(tmp_path: Path, bad: int) -> None:
    with pytest.raises(ValueError, match=r"token id outside 0\.\.299"):
        write_tokens(tmp_path / "t.bin", [np.array([1, bad])], vocab_size=300)
    with pytest.raises(IntegrityError, match="not a token file"):
        open_tokens(tmp_path / "t.bin")


@pytest.mark.parametrize("count", [0, 20])
def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path: Path, count: int) -> None:
    path = tmp_path / "t.bin"
    write_tokens(path, pieces(count, below=300), vocab_size=300)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(IntegrityError):
                open_tokens(path)
        path.write_bytes(whole[:place])
        with pytest.raises(IntegrityError):
            open_tokens(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(IntegrityError, match="its length is not"):
        open_tokens(path)


def test_what_is_no_token_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(bytes(200))
    with pytest.raises(IntegrityError, match="zeros: not a token file of version 1"):
        open_tokens(tmp_path / "zeros")
    with pytest.raises(IntegrityError, match="cannot be read"):
        open_tokens(tmp_path / "missing")
    with pytest.raises(IntegrityError, match="cannot be read"):
        open_tokens(tmp_path)


def test_a_link_is_refused(tmp_path: Path) -> None:
    write_tokens(tmp_path / "t.bin", pieces(20, below=300), vocab_size=300)
    (tmp_path / "link.bin").symlink_to(tmp_path / "t.bin")
    with pytest.raises(IntegrityError, match=r"link\.bin: is a link to another file; rebuild it"):
        open_tokens(tmp_path / "link.bin")


def test_without_verification_the_map_is_opened_but_its_length_still_checked(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    write_tokens(path, pieces(20, below=300), vocab_size=300)
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    assert open_tokens(path, verify=False).tokens.shape == (20,)
    path.write_bytes(damaged[:-2])
    with pytest.raises(IntegrityError, match="its length is not"):
        open_tokens(path, verify=False)
