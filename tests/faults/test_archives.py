"""Large and hostile archives, tables, dumps and crawls pass through flat memory, or are refused."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import random
import re
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline.corpus.sources import commoncrawl, files, openwebtext, wikipedia
from pipeline.errors import DataError, IntegrityError, ResourceError
from pipeline.settings.ingest import CommonCrawlParams, FilesParams, OpenWebTextParams, WikipediaParams
from tests.corpus.collections import prose
from tests.corpus.dumps import HEAD, answered, gzipped, warc_record, wiki_dump, wiki_page
from tests.corpus.sources.test_openwebtext import tar
from tests.repo.test_startup import ROOT

pytestmark = pytest.mark.faults

FLAT = 1.3
RUN_BYTES = 8 * 2**20
READ_ALL = f"""
import importlib, json, resource, sys
from pathlib import Path
from pipeline.corpus import ingestion
from pipeline.params import load
from pipeline.settings.sections import SECTIONS
ingestion.RUN_BYTES = {RUN_BYTES}
source, folder = sys.argv[1], Path(sys.argv[2])
reader = importlib.import_module(f"pipeline.corpus.sources.{{source}}")
params = getattr(load(Path("params.yaml"), SECTIONS)["ingest"], source)
parts = reader.parts(folder, params, downloads=folder)
gathered = ingestion.gather(reader, parts, work=folder.with_name("work"))
ingestion.write_gathered(gathered, folder.with_name("out"))
print(json.dumps([gathered.bytes_kept, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def megabytes_read_and_at_peak(source: str, folder: Path) -> tuple[float, float]:
    """Reads the folder into shards in one process of its own; MB of text kept, and MiB it held at most."""
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, source, str(folder)],
        cwd=ROOT,
        env={**os.environ, "GRISTMILL_PROCESSES": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    kept, peak = json.loads(done.stdout)
    return kept / 1e6, peak


def member(name: str, data: bytes) -> tuple[tarfile.TarInfo, io.BytesIO]:
    """A regular file of a tar, and its bytes."""
    header = tarfile.TarInfo(name)
    header.size = len(data)
    return header, io.BytesIO(data)


def packed_subset() -> bytes:
    """Three thousand texts, 6 MB in all, as different from one another as real ones: else it is a bomb."""
    texts = {f"{number:04d}.txt": prose(number, words=200).encode() for number in range(3000)}
    return lzma.compress(tar(texts), preset=0)


def write_nested_archive(folder: Path, size: int) -> None:
    """The layout of OpenWebText: .xz subsets inside one .tar.xz, `size` times 60 MB of text."""
    subset = packed_subset()
    with (
        lzma.open(folder / "openwebtext.tar.xz", "wb", preset=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as whole,
    ):
        for number in range(10 * size):
            whole.addfile(*member(f"openwebtext/urlsf_subset{number:02d}_data.xz", subset))


def write_single_subsets(folder: Path, size: int) -> None:
    """Subsets that lie side by side, `size` times 24 MB of text."""
    subset = packed_subset()
    for number in range(4 * size):
        (folder / f"urlsf_subset{number:02d}_data.xz").write_bytes(subset)


def write_parquet(folder: Path, size: int) -> None:
    schema = pa.schema([("text", pa.string())])
    with pq.ParquetWriter(folder / "train-00000-of-00001.parquet", schema) as writer:
        for group in range(size * 20):
            rows = [f"{group} {number} {TEXT}" for number in range(1000)]
            writer.write_table(pa.table({"text": rows}, schema=schema))


def write_json_lines(folder: Path, size: int) -> None:
    with zstandard.open(folder / "a.jsonl.zst", "wt") as file:
        for number in range(size * 10_000):
            file.write(json.dumps({"text": f"{number} {TEXT}"}) + "\n")


def write_csv(folder: Path, size: int) -> None:
    with gzip.open(folder / "a.csv.gz", "wt", compresslevel=1) as file:
        file.write("n,text\n")
        for number in range(size * 10_000):
            file.write(f'{number},"{number} {TEXT}"\n')


def write_wiki_dump(folder: Path, size: int) -> None:
    with bz2.open(folder / "enwiki-pages-articles.xml.bz2", "wt", compresslevel=1) as file:
        file.write(HEAD)
        for number in range(size * 1000):
            file.write(wiki_page(number, f"'''{number}''' is a [[number]].\n\n" + f"{TEXT}\n\n" * 3))
        file.write("</mediawiki>")


def write_crawl(folder: Path, size: int) -> None:
    with open(folder / "a.warc.gz", "wb") as file:
        for number in range(size * 2000):
            page = f"<title>{number}</title><nav>Home</nav><p>{number} {TEXT}</p>".encode() * 2
            file.write(gzipped(warc_record("response", answered(page), uri=f"http://a.org/{number}")))


TEXT = prose(1, words=200)
CORPORA: dict[str, tuple[str, Callable[[Path, int], None]]] = {
    "nested archive": ("openwebtext", write_nested_archive),
    "single subsets": ("openwebtext", write_single_subsets),
    "parquet": ("openwebtext", write_parquet),
    "jsonl.zst": ("files", write_json_lines),
    "csv.gz": ("files", write_csv),
    "wiki dump": ("wikipedia", write_wiki_dump),
    "crawl": ("commoncrawl", write_crawl),
}


@pytest.mark.parametrize("form", CORPORA)
def test_memory_is_flat_however_large_the_corpus_is(form: str, tmp_path: Path) -> None:
    source, write = CORPORA[form]
    kept, peaks = [], []
    for size in (1, 4):
        folder = tmp_path / str(size) / source
        folder.mkdir(parents=True)
        write(folder, size)
        megabytes, peak = megabytes_read_and_at_peak(source, folder)
        kept.append(megabytes)
        peaks.append(peak)
    assert kept[0] > RUN_BYTES / 1e6 / 2
    assert kept[1] == pytest.approx(4 * kept[0], rel=0.01)
    assert peaks[1] < FLAT * peaks[0], f"{kept} MB of text held {peaks} MiB"


def crawled(folder: Path) -> list[str]:
    """What became of each record of a crawl: the reason, or `taken`."""
    parts = commoncrawl.parts(folder, CommonCrawlParams(True, None, "", 0.01), downloads=folder)
    return [getattr(item, "reason", "taken") for part in parts.values() for item in commoncrawl.read(part)]


def subsets(folder: Path) -> list[str]:
    """What became of each text of some archives."""
    parts = openwebtext.parts(folder, OpenWebTextParams(True, None, 1000, 0.01), downloads=folder)
    return [getattr(item, "reason", "taken") for part in parts.values() for item in openwebtext.read(part)]


def own_files(folder: Path) -> list[str]:
    """What became of each document of some files."""
    params = FilesParams(True, ("**",), "text", (), "", 0.01)
    parts = files.parts(folder, params, downloads=folder)
    return [getattr(item, "reason", "taken") for part in parts.values() for item in files.read(part)]


HTML_THAT_TAKES_HOURS = {
    "nested": b"<div>" * 100_000 + b"text",
    "nested and closed": b"<div>" * 100_000 + b"text" + b"</div>" * 100_000,
    "nested deeper": b"<div>" * 1_600_000,
    "different formats": b"".join(b"<font c%d=1>" % number for number in range(60_000)) + b"x",
    "attributes": b"<p " + b" ".join(b"a%d=1" % number for number in range(100_000)) + b">x",
    "misnested": b"<a><b><i><u><s>" * 20_000 + b"</a>" * 20_000,
}
HTML_THAT_IS_READ = {
    "bold": b"<b>" * 100_000 + b"text",
    "tables": b"<table><tr><td>" * 20_000 + b"x",
    "scripts": b"<script>" * 100_000,
    "comments": b"<!--" * 100_000,
    "images": b"<img onerror=x>" * 100_000,
    "svg": b"<svg/onload=x>" * 100_000,
    "zeros": bytes(100_000),
    "entities": b"&amp" * 100_000,
    "brackets": b"<" * 1_000_000,
    "quotes": b'<p a="' * 100_000,
}


def test_no_page_keeps_a_crawl_from_its_end(tmp_path: Path) -> None:
    pages = {**HTML_THAT_TAKES_HOURS, **HTML_THAT_IS_READ, "sound": b"<p>A mill grinds grain slowly."}
    found = b"".join(warc_record("response", answered(page)) for page in pages.values())
    (tmp_path / "a.warc").write_bytes(found)
    outcome = dict(zip(pages, crawled(tmp_path), strict=True))
    assert outcome["sound"] == "taken"
    assert set(outcome.values()) <= {"taken", "too_complex", "no_main_text", "undecodable"}
    assert "too_complex" not in {outcome[name] for name in HTML_THAT_IS_READ}


WIKITEXT = {
    "references": "<ref>" * 50_000,
    "open templates": "{{" * 50_000,
    "nested templates": "{{a|" * 3000 + "}}" * 3000,
    "closed tags": "<div>" * 20_000 + "</div>" * 20_000,
    "open links": "[[" * 50_000,
    "tables": "{|\n|" * 20_000,
    "quotes": "''" * 50_000,
    "lists": "*" * 50_000,
    "headings": "==" * 50_000,
    "everything": "[[a|{{b|''c" * 20_000,
    "comments": "<!--" * 50_000,
}


def test_no_article_keeps_a_dump_from_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wikipedia, "LANES", 1)
    pages = [wiki_page(number, text) for number, text in enumerate(WIKITEXT.values())]
    (tmp_path / "a.xml").write_bytes(wiki_dump(*pages, wiki_page(99)))
    parts = wikipedia.parts(tmp_path, WikipediaParams(True, None, 1000, "", 0.01), downloads=tmp_path)
    found = [getattr(item, "reason", "taken") for part in parts.values() for item in wikipedia.read(part)]
    assert found[-1] == "taken"
    assert set(found) <= {"taken", "too_complex", "no_prose"}


def test_packed_zeros_are_refused(tmp_path: Path) -> None:
    bombs = {
        "a.xz": "openwebtext",
        "a.jsonl.gz": "files",
        "a.xml.bz2": "wikipedia",
        "a.warc.gz": "commoncrawl",
    }
    for name, source in bombs.items():
        folder = tmp_path / name / source
        folder.mkdir(parents=True)
        with zeros_packed_at(folder / name) as packed:
            for _ in range(300):
                packed.write(bytes(2**20))
        done = subprocess.run(
            [sys.executable, "-c", READ_ALL, source, str(folder)], cwd=ROOT, capture_output=True, text=True
        )
        refused = re.search("(Integrity|Data)Error: .*(refused|damaged|is no)", done.stderr)
        assert refused, f"{name}: {done.stderr[-500:]}"


def zeros_packed_at(path: Path) -> io.BufferedIOBase:
    """A file to write to that packs as its name says."""
    opened = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}[path.suffix](path, "wb")
    assert isinstance(opened, io.BufferedIOBase)
    return opened


def test_members_that_lead_out_of_an_archive_touch_nothing(tmp_path: Path) -> None:
    """Links to folders outside and files through them, chains of links longer than a path may be, devices."""
    canary, folder = tmp_path / "canary.txt", tmp_path / "source"
    canary.write_text("untouched")
    folder.mkdir()
    links = [("l", str(tmp_path)), ("k", "../" * 20)]
    links += [(f"{'d' * 247}/{number}", "d" * 247 + "/..") for number in range(16)]
    with tarfile.open(folder / "a.tar", "w") as archive:
        for name, target in links:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
        for name in (f"../{canary.name}", str(canary), f"a/../../{canary.name}"):
            archive.addfile(*member(name, b"overwritten"))
        for name in (f"l/{canary.name}", f"k{canary}", "d" * 247 + f"/15/../../{canary.name}"):
            archive.addfile(*member(name, b"text"))
        for kind in (tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            special = tarfile.TarInfo("s.txt")
            special.type, special.linkname = kind, str(canary)
            archive.addfile(special)
    assert Counter(subsets(folder)) == {"irregular_member": len(links) + 4 + 4, "taken": 2}
    assert canary.read_text() == "untouched"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canary.txt", "source"]


def test_zip_files_are_never_opened(tmp_path: Path) -> None:
    """No source reads them, whatever they claim: overlapping, encrypted, with methods that nobody knows."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "text")
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04" + b"\xff" * 100)
    assert own_files(tmp_path) == ["unknown_format"] * 2


def test_each_flipped_bit_of_a_table_is_noticed(tmp_path: Path) -> None:
    path, draw = tmp_path / "a.parquet", random.Random(3)
    rows = [f"text number {number} that is long enough" for number in range(3000)]
    pq.write_table(pa.table({"text": rows}), path, write_page_checksum=True)
    whole, noticed = path.read_bytes(), 0
    for place in draw.sample(range(len(whole)), 200):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            assert own_files(tmp_path) == ["taken"] * len(rows)
        except (IntegrityError, DataError):
            noticed += 1
    assert noticed > 190


@pytest.mark.parametrize("length", [0, 4, 20, 2**31, 2**32 - 1])
def test_a_footer_that_lies_about_its_length_is_noticed(length: int, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"]}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-8] + length.to_bytes(4, "little") + whole[-4:])
    with pytest.raises(IntegrityError, match=r"a\.parquet: damaged Parquet"):
        own_files(tmp_path)


@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc", "a.warc.zst"])
def test_a_crawl_that_was_altered_anywhere_ends_in_one_line(name: str, tmp_path: Path) -> None:
    plain = b"".join(
        warc_record("response", answered(b"<p>A mill grinds. %d" % number)) for number in range(5)
    )
    pack = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor(write_checksum=True).compress}
    whole, draw = pack.get(Path(name).suffix, bytes)(plain), random.Random(4)
    for _ in range(150):
        damaged = bytearray(whole[: draw.choice([len(whole), draw.randrange(len(whole))])])
        for _ in range(draw.randrange(4)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        (tmp_path / name).write_bytes(damaged)
        with contextlib.suppress(IntegrityError, ResourceError):
            crawled(tmp_path)
