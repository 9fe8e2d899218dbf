"""The rows of Parquet and CSV files that people bring along."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DataError, IntegrityError

BATCH_ROWS = 256
MAX_LINE_BYTES = 64 * 2**20

Row = Mapping[str, Any]


def text_rows(path: Path, *, column: str) -> Iterator[str | None]:
    """The values of a Parquet file's text column, row after row; raises as `parquet_rows` does."""
    for row in parquet_rows(path, text=column):
        yield row[column]


def parquet_rows(path: Path, *, text: str, others: Sequence[str] = ()) -> Iterator[Row]:
    """A Parquet file's text column and some others, row after row, a few hundred in memory at a time.

    Raises DataError when there is no such column or `text` holds no text, IntegrityError for damaged bytes:
    page checksums are verified where the file has them.
    """
    columns = list(dict.fromkeys([text, *others]))
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            schema = file.schema_arrow
            _require_columns(path, schema.names, columns)
            _require_text(path, schema.field(text))
            rows = 0
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=columns):
                rows += batch.num_rows
                values = {name: _values(batch.column(name), is_text=name == text) for name in columns}
                for number in range(batch.num_rows):
                    yield {name: values[name][number] for name in columns}
            if rows != file.metadata.num_rows:
                raise IntegrityError(
                    f"{path}: has {rows} of its {file.metadata.num_rows} rows; fetch or make it again"
                )
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the file
        raise IntegrityError(
            f"{path}: damaged Parquet ({str(error).splitlines()[0]}); fetch or make it again"
        ) from error


def csv_rows(
    file: BinaryIO, *, path: Path, text: str, others: Sequence[str] = ()
) -> Iterator[tuple[int, Row | None]]:
    """The rows of a CSV file with commas and a line of names: the number of the line each ends in, and its
    values by name; None for a row of another length than the names.

    Bytes that are no UTF-8 stand in the values as surrogate escapes. Raises DataError, naming the file and
    the line, when there are no such columns or a line or value is longer than MAX_LINE_BYTES: then a
    quotation mark is missing.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(_bounded_lines(file, path))
    try:
        names = next(reader, [])
        names[:1] = [name.removeprefix("\ufeff") for name in names[:1]]
        _require_columns(path, names, [text, *others])
        for values in reader:
            if values:
                fits = len(values) == len(names)
                yield reader.line_num, dict(zip(names, values, strict=True)) if fits else None
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num}: {error}; mend it or remove the file") from error


def _bounded_lines(file: BinaryIO, path: Path) -> Iterator[str]:
    for number in itertools.count(1):
        line = file.readline(MAX_LINE_BYTES + 1)
        if not line:
            return
        if len(line) > MAX_LINE_BYTES:
            raise DataError(
                f"{path} line {number}: over {MAX_LINE_BYTES >> 20} MiB; mend it or remove the file"
            )
        yield line.decode("utf-8", "surrogateescape")


def _values(column: pa.Array, *, is_text: bool) -> list[Any]:
    values: list[Any] = (column.cast(pa.large_string()) if is_text else column).to_pylist()
    return values


def _require_columns(path: Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    for name in wanted:
        if name not in names:
            raise DataError(f"{path}: column {name!r} is missing; it has {', '.join(names) or 'none'}")
        if names.count(name) > 1:
            raise DataError(f"{path}: has {names.count(name)} columns named {name!r}; rename one")


def _require_text(path: Path, field: pa.Field) -> None:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise DataError(f"{path}: column {field.name!r} is {field.type}; must be text")
