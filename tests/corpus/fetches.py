"""How the tests of downloads fetch a file: without pauses, and soon tired of faults."""

from __future__ import annotations

from pathlib import Path

from pipeline.corpus.courtesy import Courtesy
from pipeline.corpus.download import Downloader, Limits
from tests.corpus.serving import Server

QUICK = Limits(max_bytes=10_000, deadline_seconds=5, attempts=3, wait_seconds=0.01)
IN_HASTE = Courtesy(seconds_between=0)


def fetch(server: Server, path: str, to: Path, *, limits: Limits = QUICK) -> bytes:
    """What the server has at the path, stored as `file` in the folder."""
    with Downloader(limits=limits, courtesy=IN_HASTE) as downloader:
        downloader.fetch(server.url + path, to / "file")
    return (to / "file").read_bytes()
