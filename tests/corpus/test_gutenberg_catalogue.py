"""The catalogue chooses books by language, subject and author, the same ones every time."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest

from pipeline.corpus import gutenberg_catalogue
from pipeline.corpus.gutenberg_catalogue import chosen, read_catalogue
from pipeline.errors import DataError
from pipeline.settings.ingest import GutenbergCatalogueParams
from tests.corpora import corpora

HEADER = ("Text#", "Type", "Issued", "Title", "Language", "Authors", "Subjects", "LoCC", "Bookshelves")
ROWS = (
    ("105", "Text", "1994", "Persuasion", "en", "Austen, Jane, 1775-1817", "England -- Fiction", "PR", "Sea"),
    ("11", "Text", "2008", "Alice\r\nin Wonderland", "en", "Carroll, Lewis", "Fantasy fiction", "PR", ""),
    ("35", "Text", "1992", "The Time Machine", "en", "Wells, H. G.", "Time", "PR", "Science Fiction"),
    ("13951", "Text", "2004", "Les trois mousquetaires", "fr", "Dumas, Alexandre", "Fiction", "PQ", ""),
    ("5000", "Text", "2004", "Faust", "de; en", "Goethe", "Drama", "PT", ""),
    ("9990", "Text", "2004", "Elégie", "fr", "Chénier, André", "", "PQ", ""),
    ("10000", "Sound", "2003", "Read aloud", "en", "Austen, Jane", "Fiction", "", ""),
)


def table(*rows: tuple[str, ...], header: tuple[str, ...] = HEADER) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def wish(
    *, languages: tuple[str, ...] = (), subjects: tuple[str, ...] = (), authors: tuple[str, ...] = ()
) -> GutenbergCatalogueParams:
    return GutenbergCatalogueParams(True, languages, subjects, authors, 100)


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "pg_catalog.csv"
    path.write_bytes(table(*ROWS))
    return path


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (wish(), [11, 35, 105, 5000, 9990, 13951]),
        (wish(languages=("en",)), [11, 35, 105]),
        (wish(languages=("en", "de")), [11, 35, 105, 5000]),
        (wish(languages=("zh",)), []),
        (wish(subjects=("science fiction",)), [35]),
        (wish(subjects=("FANTASY", "sea")), [11, 105]),
        (wish(authors=("austen, jane", "Dumas")), [105, 13951]),
        (wish(authors=("Che\u0301nier",)), [9990]),
        (wish(languages=("en",), subjects=("fiction",), authors=("Wells", "Dumas")), [35]),
    ],
)
def test_books_are_chosen_by_what_their_rows_say(
    wanted: GutenbergCatalogueParams, numbers: list[int], catalogue: Path
) -> None:
    assert chosen(catalogue, wanted) == numbers


def test_the_order_of_rows_and_the_packing_change_nothing(catalogue: Path, tmp_path: Path) -> None:
    packed = tmp_path / "pg_catalog.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + table(*reversed(ROWS))))
    assert chosen(packed, wish()) == chosen(catalogue, wish())


def test_rows_that_are_none_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "pg_catalog.csv"
    odd = [
        ("x", *ROWS[0][1:]),
        ("-5", *ROWS[0][1:]),
        ("٣", *ROWS[0][1:]),
        ("9" * 30, *ROWS[0][1:]),
        ROWS[0][:4],
    ]
    path.write_bytes(table(*odd, ("0", *ROWS[0][1:]), ROWS[0], ROWS[0]) + b'36,Text,1992,"The War of the Wor')
    assert chosen(path, wish()) == [105]


def test_bytes_that_are_no_text_harm_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pg_catalog.csv"
    path.write_bytes(table(ROWS[0]).replace(b"Persuasion", b"\xff\xfe\0\xed\xa0\x80"))
    assert [listing.number for listing in read_catalogue(path)] == [105]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "has no column 'Text#'"),
        (b"<!DOCTYPE html><title>Not found</title>", "has no column 'Text#'"),
        (table(header=HEADER[:5]), "has no column 'Authors'"),
        (table(("1", "Text", "", "x" * 200_000, "en", "", "", "", "")), "line 2: field larger"),
        (table() + b'1,Text,,"a"b,en,,,,\n', "line 2: .*fetch the file anew"),
        (table() + b"x" * (2**20 + 1), "line 2: too long"),
    ],
)
def test_what_is_no_catalogue_is_refused(data: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "pg_catalog.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=said):
        chosen(path, wish())


def test_damaged_and_bursting_packages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pg_catalog.csv.gz"
    whole = gzip.compress(table(*ROWS))
    for data in (b"no gzip", whole[:-20], whole[:40] + b"\0" * 20 + whole[60:]):
        path.write_bytes(data)
        with pytest.raises(DataError, match="damaged gzip"):
            chosen(path, wish())
    path.write_bytes(gzip.compress(table() + b"\n" * 20_000))
    monkeypatch.setattr(gutenberg_catalogue, "MAX_BYTES", 10_000)
    with pytest.raises(DataError, match=r"line \d+: too long for a Project Gutenberg catalogue"):
        chosen(path, wish())


def test_a_real_catalogue_whose_last_row_is_cut_off() -> None:
    path = corpora("gutenberg") / "catalog/pg_catalog.csv"
    listings = list(read_catalogue(path))
    assert (len(listings), listings[0].number, listings[-1].number) == (7536, 1, 7702)
    assert chosen(path, wish(languages=("en",)))[:5] == [1, 2, 3, 4, 5]
    austen = chosen(path, wish(languages=("en",), authors=("Austen, Jane",)))
    assert austen[:4] == [105, 121, 141, 158]
    assert len(chosen(path, wish(languages=("fr",)))) == 95
    assert 35 in chosen(path, wish(subjects=("science fiction",)))
