"""Where a token comes from: the document, and the text around it, of a place in a packed split."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import Artifact, open_artifact, read_table
from pipeline.errors import IntegrityError, ParamsError
from pipeline.records import DOCUMENT_SCHEMA, Document, from_table
from pipeline.tokens.bpe import Tokenizer
from pipeline.tokens.heldout import Tokens, open_stream
from pipeline.tokens.packing import DOCUMENTS_FILE, INDEX_SCHEMA


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """One token of a packed split, its document, and the document's text before, of and after it.

    `stream_token` counts from the start of the split, `document_token` from the document's `<s>`, both from
    0. A control symbol has no text. Where a token is part of a character, U+FFFD stands for each part.
    """

    document: Document
    id: int
    piece: str
    stream_token: int
    document_token: int
    document_tokens: int
    before: str
    text: str
    after: str


def locate(packed: Path, corpus: Path, tokenizer: Tokenizer, *, block: int, position: int) -> Place:
    """What lies at a position of a block, both counted from 0, as training reads them.

    ParamsError with the range for a block or position that is not there; IntegrityError when tokens, texts
    and tokenizer are damaged or not of one run.
    """
    artifact, stream = open_stream(packed)
    if artifact.fact("tokenizer_sha256") != tokenizer.sha256:
        raise IntegrityError(f"{packed}: packed with another tokenizer; run `dvc repro`")
    stream_token = _token_at(artifact, stream, block=block, position=position)
    index = read_table(artifact.file(DOCUMENTS_FILE), schema=INDEX_SCHEMA)
    row = int(np.searchsorted(index["first_token"].to_numpy(), stream_token, side="right")) - 1
    (entry,) = index.slice(row, 1).to_pylist() or [None]
    if row < 0 or entry is None or stream_token >= entry["first_token"] + entry["num_tokens"]:
        raise IntegrityError(f"{packed / DOCUMENTS_FILE}: does not fit the tokens beside it; rebuild it")
    ids = stream[entry["first_token"] :][: entry["num_tokens"]]
    document = _document(corpus, entry["id"])
    at = stream_token - entry["first_token"]
    data = document.text.encode()
    pieces = [tokenizer.piece_bytes(id) for id in ids.tolist()]
    if b"".join(pieces) != data:
        raise IntegrityError(f"{packed}: its texts are not those of {corpus}; run `dvc repro`")
    before = sum(map(len, pieces[:at]))
    parts = (data[:before], pieces[at], data[before + len(pieces[at]) :])
    id, texts = int(ids[at]), [part.decode(errors="replace") for part in parts]
    return Place(document, id, tokenizer.piece(id), stream_token, at, len(ids), *texts)


def _token_at(artifact: Artifact, stream: Tokens, *, block: int, position: int) -> int:
    """The place in the stream; ParamsError when the split has no such block or the block no such position."""
    size = artifact.fact("block_tokens")
    last_block = -(-(len(stream) - 1) // size) - 1
    if not 0 <= block <= last_block:
        raise ParamsError(f"--block: is {block}; must be 0 to {last_block}, the blocks of {artifact.path}")
    last = min(size, len(stream) - block * size) - 1
    if not 0 <= position <= last:
        raise ParamsError(f"--position: is {position}; must be 0 to {last}, the tokens of block {block}")
    place: int = block * size + position
    return place


def _document(corpus: Path, name: str) -> Document:
    """The document of that id. IntegrityError when the corpus lacks it."""
    for shard in sorted(open_artifact(corpus, kind="documents").path.glob("shard-*.parquet")):
        ids = read_table(shard, schema=DOCUMENT_SCHEMA, columns=["id"])["id"]
        row = pc.index(ids, pa.scalar(name)).as_py()
        if row >= 0:
            (document,) = from_table(read_table(shard, schema=DOCUMENT_SCHEMA).slice(row, 1))
            return document
    raise IntegrityError(f"{corpus}: lacks packed documents; run `dvc repro`")
