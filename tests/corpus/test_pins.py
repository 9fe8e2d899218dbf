"""data/sources.lock: one line for each address, in one form, refused when it is in another."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.corpus.pins import PINS, Pin, read_pins, write_pins
from pipeline.errors import DataError

ROOT = Path(__file__).resolve().parent.parent.parent
SHA = "ab" * 32
PINNED = {
    "https://example.org/b": Pin(0, SHA),
    "https://example.org/a?x=1#y": Pin(12_880_027_468, "0" * 64),
    "http://bücher.example/ö": Pin(1, "f" * 64),
}


def test_what_is_written_is_read_and_sorted_by_address(tmp_path: Path) -> None:
    write_pins(tmp_path / "lock", PINNED)
    assert read_pins(tmp_path / "lock") == PINNED
    comment, *lines = (tmp_path / "lock").read_text(encoding="utf-8").splitlines()
    assert comment.startswith("#")
    assert lines[1] == f"{'0' * 64} 12880027468 https://example.org/a?x=1#y"
    assert lines == sorted(lines, key=lambda line: line.split()[2])
    write_pins(tmp_path / "again", dict(reversed(PINNED.items())))
    assert (tmp_path / "again").read_bytes() == (tmp_path / "lock").read_bytes()


def test_no_file_and_a_file_of_comments_pin_nothing(tmp_path: Path) -> None:
    assert read_pins(tmp_path / "nowhere") == {}
    (tmp_path / "lock").write_bytes(b"# said\r\n\r\n  \n#\n")
    assert read_pins(tmp_path / "lock") == {}
    (tmp_path / "lock").write_bytes(f"{SHA} 3 https://example.org/a\r\n".encode())
    assert read_pins(tmp_path / "lock") == {"https://example.org/a": Pin(3, SHA)}


@pytest.mark.parametrize(
    "line",
    [
        "<<<<<<< HEAD",
        "https://example.org/a",
        f"{SHA} https://example.org/a",
        f"{SHA} -1 https://example.org/a",
        f"{SHA} 01 https://example.org/a",
        f"{SHA} 1.5 https://example.org/a",
        f"{SHA[:-1]} 1 https://example.org/a",
        f"{SHA.upper()} 1 https://example.org/a",
        f"{SHA} 1 file:///etc/passwd",
        f"{SHA} 1 https://example.org/a b",
        f"{SHA}  1 https://example.org/a",
        f" {SHA} 1 https://example.org/a",
        f"{SHA} {'9' * 30} https://example.org/a",
        "\0\xff",
    ],
)
def test_a_line_in_another_form_is_refused_by_number(line: str, tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(f"# said\n{SHA} 1 https://example.org/\n{line}\n", encoding="latin-1")
    with pytest.raises(DataError, match=r"lock line 3: must be a SHA-256.*mend or remove it"):
        read_pins(tmp_path / "lock")


def test_an_address_that_is_pinned_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(f"{SHA} 1 https://example.org/\n{'0' * 64} 1 https://example.org/\n")
    with pytest.raises(DataError, match=r"line 2: https://example.org/ is pinned twice"):
        read_pins(tmp_path / "lock")


def test_the_lock_of_this_repository_is_in_its_one_form(tmp_path: Path) -> None:
    write_pins(tmp_path / "lock", read_pins(ROOT / PINS))
    assert (tmp_path / "lock").read_bytes() == (ROOT / PINS).read_bytes()
