"""The text column of Parquet files that people bring along."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DataError, IntegrityError

BATCH_ROWS = 256


def text_rows(path: Path, *, column: str) -> Iterator[str | None]:
    """The values of a text column, row after row, a few hundred rows in memory at a time.

    Raises DataError when there is no such column or it holds no text, IntegrityError for damaged bytes: page
    checksums are verified where the file has them.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            _require_text(path, file.schema_arrow, column)
            rows = 0
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=[column]):
                rows += batch.num_rows
                yield from batch.column(0).cast(pa.large_string()).to_pylist()
            if rows != file.metadata.num_rows:
                raise IntegrityError(
                    f"{path}: has {rows} of its {file.metadata.num_rows} rows; fetch or make it again"
                )
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the file
        raise IntegrityError(
            f"{path}: damaged Parquet ({str(error).splitlines()[0]}); fetch or make it again"
        ) from error


def _require_text(path: Path, schema: pa.Schema, column: str) -> None:
    at = schema.get_field_index(column)
    if at < 0:
        raise DataError(f"{path}: column {column!r} is missing; it has {', '.join(schema.names) or 'none'}")
    kind = schema.field(at).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise DataError(f"{path}: column {column!r} is {schema.field(at).type}; must be text")
