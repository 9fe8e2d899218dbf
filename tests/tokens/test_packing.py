"""The packed stream holds every token of every document, in an order that shards cannot change."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest

from pipeline.artifacts import publishing, read_table, write_bytes
from pipeline.errors import DataError
from pipeline.records import Document
from pipeline.tokenfile import open_tokens
from pipeline.tokens.bpe import KIND, MODEL_FILE, Tokenizer
from pipeline.tokens.packing import INDEX_SCHEMA, EncodeTask, PackedSplit, encode_shard, pack
from tests.tokens.material import HARD_TEXTS, documents, publish_documents, reference_texts, trained


@pytest.fixture(scope="module")
def tokenizer_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("train_bpe") / "tokenizer"
    with publishing(out, kind=KIND, facts={}) as folder:
        write_bytes(folder / MODEL_FILE, trained().model)
    return out


@pytest.fixture(scope="module")
def rows() -> list[Document]:
    hard = [text for text in HARD_TEXTS if text]
    return documents(reference_texts(count=25)) + documents(hard, source="files")


def packed(
    rows: list[Document], folder: Path, tokenizer: Path, *, shard_rows: int = 10, seed: int = 1
) -> PackedSplit:
    """The rows cut into shards, encoded and packed into `folder`."""
    shards = sorted(publish_documents(folder / "documents", rows, shard_rows=shard_rows).glob("*.parquet"))
    tasks = [EncodeTask(shard, tokenizer, folder / shard.stem, seed) for shard in shards]
    encoded = [encode_shard(task) for task in tasks]
    assert sum(shard.documents for shard in encoded) == len(rows)
    (folder / "out").mkdir()
    return pack([task.encoded for task in tasks], folder / "out", vocab_size=800, block_tokens=64)


def test_every_document_decodes_from_its_place_in_the_stream(
    rows: list[Document], tokenizer_path: Path, tmp_path: Path
) -> None:
    split = packed(rows, tmp_path, tokenizer_path)
    tokenizer = Tokenizer.open(tokenizer_path)
    stream = open_tokens(tmp_path / "out/tokens.bin").tokens
    index = read_table(tmp_path / "out/documents.parquet", schema=INDEX_SCHEMA).to_pylist()
    texts = {row.id: row.text for row in rows}
    assert {row["id"] for row in index} == texts.keys()
    end = 0
    for row in index:
        ids = stream[row["first_token"] : row["first_token"] + row["num_tokens"]]
        assert (row["first_token"], ids[0], ids[-1]) == (end, tokenizer.bos_id, tokenizer.eos_id)
        assert tokenizer.decode(ids[1:-1]) == texts[row["id"]]
        assert row["num_bytes"] == len(texts[row["id"]].encode())
        end += row["num_tokens"]
    assert end == len(stream) == split.tokens
    assert np.count_nonzero(stream == tokenizer.bos_id) == len(rows) == split.documents


def test_the_account_adds_up_over_sources(rows: list[Document], tokenizer_path: Path, tmp_path: Path) -> None:
    split = packed(rows, tmp_path, tokenizer_path)
    assert set(split.by_source) == {"files", "pydocs"}
    for name in ("documents", "tokens", "bytes"):
        assert getattr(split, name) == sum(getattr(each, name) for each in split.by_source.values())
    assert split.bytes == sum(len(row.text.encode()) for row in rows)
    assert (split.blocks - 1) * 64 < split.tokens - 1 <= split.blocks * 64
    assert split.utilization == (split.tokens - 1) / (split.blocks * 64)


def test_shards_leave_no_trace_and_sources_mix(
    rows: list[Document], tokenizer_path: Path, tmp_path: Path
) -> None:
    shuffled = random.Random(5).sample(rows, len(rows))
    for name, order, shard_rows in (("a", rows, 10), ("b", shuffled, 7)):
        (tmp_path / name).mkdir()
        packed(order, tmp_path / name, tokenizer_path, shard_rows=shard_rows)
    for file in ("tokens.bin", "documents.parquet"):
        assert (tmp_path / "a/out" / file).read_bytes() == (tmp_path / "b/out" / file).read_bytes()
    sources = read_table(tmp_path / "a/out/documents.parquet", schema=INDEX_SCHEMA)["source"].to_pylist()
    assert sum(one != other for one, other in itertools.pairwise(sources)) > 5


def test_another_seed_gives_another_order(rows: list[Document], tokenizer_path: Path, tmp_path: Path) -> None:
    orders = []
    for seed in (1, 2):
        (tmp_path / str(seed)).mkdir()
        packed(rows, tmp_path / str(seed), tokenizer_path, seed=seed)
        table = read_table(tmp_path / str(seed) / "out/documents.parquet", schema=INDEX_SCHEMA)
        orders.append(table["id"].to_pylist())
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def test_a_document_that_does_not_survive_is_named(tokenizer_path: Path, tmp_path: Path) -> None:
    rows = documents(["a\u2581b"])
    with pytest.raises(DataError, match=rows[0].id):
        packed(rows, tmp_path, tokenizer_path)
