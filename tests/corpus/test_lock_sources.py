"""`make lock-sources` pins what the last run fetched, and lets go of pins, and nothing else does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.corpus.entries import Entry, entry_of, place_of, recorded
from pipeline.corpus.lock_sources import pin_fetched, renew
from pipeline.corpus.pins import Pin, read_pins, write_pins
from pipeline.errors import DataError, IntegrityError

ROOT = Path(__file__).resolve().parent.parent.parent
A, B, SHA = "https://example.org/a", "https://example.org/b", "ab" * 32


def run(metrics: Path, source: str, *urls: str, sha256: str = SHA) -> None:
    """Leaves the metrics of a run that fetched these addresses."""
    fetched = [{"url": url, "bytes": 3, "sha256": sha256, "pinned": False} for url in urls]
    metrics.mkdir(parents=True, exist_ok=True)
    (metrics / f"{source}.json").write_text(json.dumps({"source": source, "fetched": fetched}))


def test_what_the_last_run_fetched_is_pinned_and_other_pins_stay(tmp_path: Path) -> None:
    lock, metrics = tmp_path / "sources.lock", tmp_path / "metrics"
    write_pins(lock, {B: Pin(3, SHA), "https://elsewhere.example/": Pin(1, SHA)})
    run(metrics, "gutenberg", A, B)
    run(metrics, "files")
    said = pin_fetched(metrics, lock)
    assert said == f"{lock}: 1 files are pinned anew, 3 in all; review and commit it"
    assert read_pins(lock)[A] == Pin(3, SHA)
    before = lock.read_bytes()
    pin_fetched(metrics, lock)
    assert lock.read_bytes() == before


def test_a_pin_is_never_replaced(tmp_path: Path) -> None:
    lock, metrics = tmp_path / "sources.lock", tmp_path / "metrics"
    write_pins(lock, {A: Pin(3, "0" * 64)})
    run(metrics, "gutenberg", A)
    before = lock.read_bytes()
    with pytest.raises(DataError, match=rf"read 3 bytes with SHA-256 {SHA} from {A}, but .*dvc repro"):
        pin_fetched(metrics, lock)
    assert lock.read_bytes() == before


def test_without_a_run_there_is_nothing_to_pin(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no run of `ingest` yet"):
        pin_fetched(tmp_path, tmp_path / "sources.lock")
    run(tmp_path / "metrics", "gutenberg")
    for odd in ('{"fetched": [{"url": 1}]}', "{}", "[]"):
        (tmp_path / "metrics/gutenberg.json").write_text(odd)
        with pytest.raises(IntegrityError, match="is not what `ingest` writes"):
            pin_fetched(tmp_path / "metrics", tmp_path / "sources.lock")


def test_renewed_addresses_are_neither_pinned_nor_known(tmp_path: Path) -> None:
    lock, downloads = tmp_path / "sources.lock", tmp_path / "downloads"
    write_pins(lock, {A: Pin(3, SHA), B: Pin(3, SHA)})
    for url in (A, B):
        recorded(place_of(url, downloads), Entry(url, 3, SHA))
    said = renew(A, lock, downloads)
    assert "1 pins are taken out, 1 files will be fetched anew" in said
    assert list(read_pins(lock)) == [B]
    assert entry_of(place_of(A, downloads)) is None
    assert entry_of(place_of(B, downloads)) is not None
    with pytest.raises(DataError, match="begins no address"):
        renew(A, lock, downloads)


def test_the_command_says_one_line_and_its_code(tmp_path: Path) -> None:
    run(tmp_path / "reports/metrics/ingest", "gutenberg", A)
    for arguments, code, said in (
        ([], 0, "1 files are pinned anew"),
        (["--renew", A], 0, "1 pins are taken out"),
        (["--renew", A], 3, "DataError: RENEW: 'https://example.org/a' begins no address"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.corpus.lock_sources", *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
        assert said in done.stderr
