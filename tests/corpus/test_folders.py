"""Only what DVC sees too is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.corpus.folders import chosen, files_below, grouped_by_size, is_hidden, relative_name
from pipeline.errors import DataError

ROOT = Path(__file__).resolve().parent.parent.parent


def test_files_come_in_the_order_of_their_names_and_hidden_ones_do_not(tmp_path: Path) -> None:
    hidden = ("a/.hidden", ".git/config", "a/__pycache__/x.txt", "b.pyc")
    for name in ("b.txt", "a/z.txt", "a.txt", *hidden):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [relative_name(path, tmp_path) for path in files_below(tmp_path)] == ["a.txt", "a/z.txt", "b.txt"]


def test_what_dvc_does_not_see_is_hidden() -> None:
    patterns = (ROOT / ".dvcignore").read_text(encoding="utf-8").splitlines()
    everywhere = [line for line in patterns if line and "/" not in line and not line.startswith("#")]
    assert everywhere
    for pattern in everywhere:
        assert is_hidden(pattern.replace("*", "name")), pattern


def test_the_folder_itself_and_files_in_it_may_be_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.txt").write_text("x")
    (tmp_path / "real/b.txt").symlink_to(tmp_path / "real/a.txt")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert [path.name for path in files_below(tmp_path / "link")] == ["a.txt", "b.txt"]


def test_a_link_to_a_folder_below_is_refused_since_dvc_does_not_see_behind_it(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "source").mkdir()
    (tmp_path / "source/more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"source/more: a link to a folder"):
        files_below(tmp_path / "source")


def test_a_link_to_nothing_and_a_pipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match=r"a\.txt: a link to nothing"):
        files_below(tmp_path)
    (tmp_path / "a.txt").unlink()
    os.mkfifo(tmp_path / "b.txt")
    with pytest.raises(DataError, match=r"b\.txt: neither a file nor a folder"):
        files_below(tmp_path)


def test_a_name_that_is_no_utf8_is_shown_with_escapes(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    assert relative_name(path, tmp_path) == "caf\\xe9.txt"


def test_empty_files_are_grouped_too(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert grouped_by_size([tmp_path / "a"], max_bytes=10) == {"part-00000": [tmp_path / "a"]}
    assert grouped_by_size([], max_bytes=10) == {}


def test_files_are_grouped_up_to_a_size_and_a_larger_one_stands_alone(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abcd"]
    for path, size in zip(paths, (4, 5, 30, 2), strict=True):
        path.write_bytes(b"x" * size)
    groups = grouped_by_size(paths, max_bytes=10)
    assert {name: [path.name for path in group] for name, group in groups.items()} == {
        "part-00000": ["a", "b"],
        "part-00001": ["c"],
        "part-00002": ["d"],
    }


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("**", ["a.txt", "b.md", "sub/a.txt", "sub/deep/c.txt"]),
        ("*", ["a.txt", "b.md"]),
        ("*.txt", ["a.txt"]),
        ("**/*.txt", ["a.txt", "sub/a.txt", "sub/deep/c.txt"]),
        ("sub/**", ["sub/a.txt", "sub/deep/c.txt"]),
        ("*/[ac].txt", ["sub/a.txt"]),
        ("**/deep/?.txt", ["sub/deep/c.txt"]),
    ],
)
def test_patterns_choose_files_by_their_relative_names(
    pattern: str, names: list[str], tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("a.txt", "b.md", "sub/a.txt", "sub/deep/c.txt")]
    found = chosen(paths, tmp_path, patterns=[pattern, pattern], key="some.key")
    assert [relative_name(path, tmp_path) for path in found] == names


def test_a_pattern_without_files_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"some\.key: '\*\.tex' matches no file below .*; mend or remove it"):
        chosen([tmp_path / "a.txt"], tmp_path, patterns=["**", "*.tex"], key="some.key")
