"""The one file that a source's `url` names, fetched once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.corpus.courtesy import courtesy_from
from pipeline.corpus.download import Downloader, Limits
from pipeline.errors import ParamsError

LIMITS = Limits(max_bytes=64 * 2**30, deadline_seconds=24 * 3600)


def fetched_file(url: str, folder: Path, *, suffixes: Sequence[str], key: str) -> Path:
    """Where the file that `url` names now is, below `folder`.

    Raises ParamsError naming `key` when the URL's path ends in none of `suffixes`, SourceError when the file
    cannot be had.
    """
    try:
        name = Path(urlsplit(url).path).name
    except ValueError:  # brackets that are not closed
        name = ""
    if not name.endswith(tuple(suffixes)):
        raise ParamsError(f"{key}: is {url!r}; must name a {', '.join(suffixes)} file")
    path = folder / hashlib.sha256(url.encode()).hexdigest()[:12] / name
    with Downloader(limits=LIMITS, courtesy=courtesy_from(os.environ)) as downloader:
        downloader.fetch(url, path)
    return path
