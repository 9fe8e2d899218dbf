"""The packed stream of a split: `<s> tokens </s>` of every document in shuffled order, and their index.

Shards are encoded one by one, each on its own; then the encoded documents are laid out in the order of their
keys, so that sources mix and the order of shards leaves no trace. Nothing is cut off: a document may run over
from one block into the next.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import read_table, write_table
from pipeline.errors import IntegrityError
from pipeline.records import DOCUMENT_SCHEMA
from pipeline.tokenfile import open_tokens, write_tokens
from pipeline.tokens.bpe import MODEL_FILE, Ids, Tokenizer
from pipeline.tokens.encoding import Encoded, Encoder
from pipeline.tokens.ordering import keys_of

KIND = "tokens"
TOKENS_FILE = "tokens.bin"
DOCUMENTS_FILE = "documents.parquet"
DOCUMENTS_AT_ONCE = 1024  # laid out together
CONTROLS_PER_DOCUMENT = 2  # <s> and </s>

INDEX_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("first_token", pa.int64(), nullable=False),  # where its <s> lies in the stream
        pa.field("num_tokens", pa.int64(), nullable=False),  # <s> and </s> included
        pa.field("num_bytes", pa.int64(), nullable=False),  # of its text in UTF-8
    ]
)
_ENCODED_SCHEMA = INDEX_SCHEMA.append(pa.field("key", pa.uint64(), nullable=False))


@dataclasses.dataclass(frozen=True, slots=True)
class EncodeTask:
    """One shard of documents to encode; `encoded` is where to write, less the suffixes."""

    shard: Path
    tokenizer: Path
    encoded: Path
    seed: int


@dataclasses.dataclass(frozen=True, slots=True)
class EncodedShard:
    """What one shard came to; `tokens` counts the control tokens too, `bytes` are of its texts."""

    documents: int
    tokens: int
    bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class SourceTokens:
    """The documents of one source in a split."""

    documents: int
    tokens: int
    bytes: int
    bytes_per_token: float


@dataclasses.dataclass(frozen=True, slots=True)
class PackedSplit:
    """A packed split. `tokens` counts `<s>` and `</s>`, `bytes_per_token` does not; bytes are of text."""

    documents: int
    tokens: int
    bytes: int
    blocks: int
    utilization: float  # share of the blocks' places that hold a token
    bytes_per_token: float
    by_source: dict[str, SourceTokens]


def encode_shard(task: EncodeTask) -> EncodedShard:
    """Writes `<encoded>.bin` and `<encoded>.parquet`: tokens and index of one shard, in row order.

    DataError naming the document that does not survive encoding, IntegrityError for damaged files.
    """
    tokenizer = Tokenizer.open(task.tokenizer)
    rows = read_table(task.shard, schema=DOCUMENT_SCHEMA, columns=["id", "source", "text"])
    encoded = _encoder(tokenizer.model).encode(rows["id"], rows["text"])
    lengths = encoded.num_tokens + CONTROLS_PER_DOCUMENT
    stream = _marked(encoded, bos_id=tokenizer.bos_id, eos_id=tokenizer.eos_id)
    tokens = write_tokens(task.encoded.with_suffix(".bin"), [stream], vocab_size=tokenizer.vocab_size)
    columns = {
        "id": rows["id"],
        "source": rows["source"],
        "first_token": _starts(lengths),
        "num_tokens": lengths,
        "num_bytes": pc.binary_length(rows["text"]).cast(pa.int64()),
        "key": keys_of(rows["id"].to_pylist(), seed=task.seed),
    }
    write_table(task.encoded.with_suffix(".parquet"), pa.table(columns, schema=_ENCODED_SCHEMA))
    return EncodedShard(rows.num_rows, tokens, pc.sum(columns["num_bytes"]).as_py() or 0)


def pack(encoded: Sequence[Path], out: Path, *, vocab_size: int, block_tokens: int) -> PackedSplit:
    """Lays the documents of all encoded shards, at least one, out in key order.

    Writes `tokens.bin` and `documents.parquet` to the folder `out`. IntegrityError when the stream does not
    hold every token of every document.
    """
    indexes = [read_table(path.with_suffix(".parquet"), schema=_ENCODED_SCHEMA) for path in encoded]
    index = pa.concat_tables(indexes)
    shard_of = np.repeat(np.arange(len(indexes)), [each.num_rows for each in indexes])
    order = np.argsort(index["key"].to_numpy(), kind="stable")
    index, shard_of = index.take(pa.array(order)), shard_of[order]
    streams = [np.asarray(open_tokens(path.with_suffix(".bin")).tokens) for path in encoded]
    starts, lengths = index["first_token"].to_numpy(), index["num_tokens"].to_numpy()

    def documents() -> Iterator[npt.NDArray[np.unsignedinteger]]:
        places = list(zip(shard_of.tolist(), starts.tolist(), (starts + lengths).tolist(), strict=True))
        for at in range(0, len(places), DOCUMENTS_AT_ONCE):
            taken = places[at : at + DOCUMENTS_AT_ONCE]
            yield np.concatenate([streams[shard][first:end] for shard, first, end in taken])

    written = write_tokens(out / TOKENS_FILE, documents(), vocab_size=vocab_size)
    encoded_tokens = sum(len(stream) for stream in streams)
    if not written == encoded_tokens == int(lengths.sum()):
        raise IntegrityError(
            f"{out}: {written} tokens packed of {encoded_tokens} encoded; run the stage again"
        )
    place = index.schema.get_field_index("first_token")
    packed = index.set_column(place, INDEX_SCHEMA.field("first_token"), pa.array(_starts(lengths)))
    write_table(out / DOCUMENTS_FILE, packed.select(INDEX_SCHEMA.names))
    return _account(packed, block_tokens=block_tokens)


@functools.lru_cache(maxsize=1)
def _encoder(model: bytes) -> Encoder:
    """The encoder with a tokenizer: the next shard of this process finds most of its words known."""
    return Encoder(Tokenizer(model, origin=MODEL_FILE))


def _marked(encoded: Encoded, *, bos_id: int, eos_id: int) -> Ids:
    """The ids with `<s>` before and `</s>` after each text's."""
    ends = np.cumsum(encoded.num_tokens + CONTROLS_PER_DOCUMENT)
    stream = np.full(len(encoded.ids) + CONTROLS_PER_DOCUMENT * len(ends), eos_id, dtype=np.int32)
    starts = ends - encoded.num_tokens - CONTROLS_PER_DOCUMENT
    is_mark = np.zeros(len(stream), dtype=np.bool_)
    is_mark[starts] = is_mark[ends - 1] = True
    stream[~is_mark] = encoded.ids
    stream[starts] = bos_id
    return stream


def _account(index: pa.Table, *, block_tokens: int) -> PackedSplit:
    """The sums over an index, whole and by source."""
    by_source = {
        source: _totals(index.filter(pc.equal(index["source"], source)))
        for source in sorted(pc.unique(index["source"]).to_pylist())
    }
    total = _totals(index)
    inputs = total.tokens - 1  # the last token is only predicted
    blocks = -(-inputs // block_tokens)
    return PackedSplit(
        documents=total.documents,
        tokens=total.tokens,
        bytes=total.bytes,
        blocks=blocks,
        utilization=inputs / (blocks * block_tokens),
        bytes_per_token=total.bytes_per_token,
        by_source=by_source,
    )


def _totals(index: pa.Table) -> SourceTokens:
    documents, tokens = index.num_rows, pc.sum(index["num_tokens"]).as_py()
    size = pc.sum(index["num_bytes"]).as_py()
    return SourceTokens(documents, tokens, size, size / (tokens - CONTROLS_PER_DOCUMENT * documents))


def _starts(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where each piece begins when pieces of these lengths lie one after the other."""
    return np.cumsum(lengths) - lengths
