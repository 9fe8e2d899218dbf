"""The one file that a source's `url` names, fetched once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.corpus.download import Limits
from pipeline.corpus.store import fetching
from pipeline.errors import ParamsError

LIMITS = Limits(max_bytes=64 * 2**30, deadline_seconds=24 * 3600)


def fetched_file(url: str, downloads: Path, *, suffixes: Sequence[str], key: str) -> Path:
    """Where the file that `url` names now is, in the store `downloads`.

    Raises ParamsError naming `key` when the URL's path ends in none of `suffixes`, and what `Store.get` does.
    """
    try:
        name = Path(urlsplit(url).path).name
    except ValueError:  # brackets that are not closed
        name = ""
    if not name.endswith(tuple(suffixes)):
        raise ParamsError(f"{key}: is {url!r}; must name a {', '.join(suffixes)} file")
    with fetching(downloads, limits=LIMITS) as store:
        return store.get(url)
