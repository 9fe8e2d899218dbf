"""Which files of a source's folder are read.

Read is what DVC sees, or a change would never run anything again: what .dvcignore hides from it is passed
over. The folder may be a link to where the files really are; links to folders below it are refused, since DVC
does not see what is behind them.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.errors import DataError


def files_below(folder: Path) -> list[Path]:
    """Every file below the folder, ordered by relative name, but for what is hidden: see `is_hidden`.

    Raises DataError for a link to a folder, a link to nothing, and what is no regular file.
    """
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_refuse_unreadable):
        folders[:] = [name for name in folders if not is_hidden(name)]
        for name in folders:
            if Path(place, name).is_symlink():
                raise DataError(
                    f"{Path(place, name)}: a link to a folder, and DVC does not see what is behind it; "
                    f"copy the files, or make {folder} itself the link"
                )
        found.extend(_regular(Path(place, name)) for name in names if not is_hidden(name))
    return sorted(found, key=lambda path: relative_name(path, folder))


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is passed over: dot files, and what Python compiled."""
    return name.startswith(".") or name == "__pycache__" or name.endswith(".pyc")


def relative_name(path: Path, folder: Path) -> str:
    """The path below the folder with `/` between its parts, bytes that are no UTF-8 shown as escapes."""
    return os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "backslashreplace")


def chosen(paths: Sequence[Path], folder: Path, *, patterns: Sequence[str], key: str) -> list[Path]:
    """The files whose relative name one of the patterns matches, in the same order.

    In a pattern `*`, `?` and `[abc]` stand for what they do in a shell, `**` for any number of folders, or
    at its end for every file below. DataError naming `key` for a pattern that no file matches.
    """
    names = {path: relative_name(path, folder).split("/") for path in paths}
    found: set[Path] = set()
    for pattern in patterns:
        matched = {path for path, name in names.items() if _is_matched(name, pattern.split("/"))}
        if not matched:
            raise DataError(f"{key}: {pattern!r} matches no file below {folder}; mend or remove it")
        found |= matched
    return [path for path in paths if path in found]


def grouped_by_size(paths: Sequence[Path], *, max_bytes: int) -> Mapping[str, Sequence[Path]]:
    """Consecutive files in groups of about `max_bytes`: `part-00000`, ...; a larger file stands alone."""
    groups: list[list[Path]] = []
    room = 0
    for path in paths:
        size = path.stat().st_size
        if not groups or size > room:
            groups.append([])
            room = max_bytes
        groups[-1].append(path)
        room -= size
    return {f"part-{number:05d}": group for number, group in enumerate(groups)}


def _is_matched(name: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a pattern match the parts of a path."""
    if not pattern:
        return not name
    if pattern[0] == "**":
        rest = pattern[1:] or ("*",)
        return any(_is_matched(name[folders:], rest) for folders in range(len(name)))
    matches = bool(name) and fnmatch.fnmatchcase(name[0], pattern[0])
    return matches and _is_matched(name[1:], pattern[1:])


def _regular(path: Path) -> Path:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise DataError(f"{path}: a link to nothing; remove it") from None
    if not stat.S_ISREG(mode):
        raise DataError(f"{path}: neither a file nor a folder; remove it")
    return path


def _refuse_unreadable(error: OSError) -> None:
    raise error
