"""Held-out documents: tokens and text of the same ones, or a refusal."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.artifacts import publishing, read_table, write_table
from pipeline.errors import DataError, IntegrityError
from pipeline.tokenfile import open_tokens, write_tokens
from pipeline.tokens.bpe import Tokenizer
from pipeline.tokens.heldout import Heldout, open_heldout, open_stream
from pipeline.tokens.packing import INDEX_SCHEMA
from tests.stages.mill import HELD_OUT, build_mill
from tests.tokens.material import documents, publish_documents


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRISTMILL_PROCESSES", "1")
        return build_mill(tmp_path_factory.mktemp("mill"))


def held_out(data: Path, *, max_documents: int = 1000) -> Heldout:
    return open_heldout(data / "pack/val", data / "dedupe/val", max_documents=max_documents)


def test_tokens_and_text_are_of_the_same_documents(data: Path) -> None:
    found, tokenizer = held_out(data), Tokenizer.open(data / "train_bpe")
    assert len(found.texts) == HELD_OUT
    assert set(found.sources) == {"files", "pydocs"}
    for tokens, text, size in zip(found.documents(), found.texts, found.num_bytes, strict=True):
        assert (tokens[0], tokens[-1]) == (tokenizer.bos_id, tokenizer.eos_id)
        assert tokenizer.decode(tokens[1:-1]) == text
        assert size == len(text.encode())


def test_fewer_documents_are_the_first_of_the_shuffled_stream(data: Path) -> None:
    some = held_out(data, max_documents=4)
    stream = read_table(data / "pack/val/documents.parquet", schema=INDEX_SCHEMA)
    assert sorted(some.first_tokens) == stream["first_token"].to_pylist()[:4]
    assert set(some.texts) < set(held_out(data).texts)


def test_texts_of_other_documents_are_refused(data: Path, tmp_path: Path) -> None:
    publish_documents(tmp_path / "other", documents(["one", "two"]))
    with pytest.raises(IntegrityError, match="lacks packed documents"):
        open_heldout(data / "pack/val", tmp_path / "other", max_documents=10)


def test_texts_that_changed_since_packing_are_refused(data: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "val"
    rows = documents(["text " * 30] * 40) + documents(["text " * 30] * 40, source="files")
    publish_documents(corpus, sorted(rows, key=lambda row: row.id))
    with pytest.raises(IntegrityError, match="its texts are not those of"):
        open_heldout(data / "pack/val", corpus, max_documents=10)


@pytest.mark.parametrize("shift", [1, 100_000, -1])
def test_an_index_that_does_not_fit_its_tokens_is_refused(data: Path, tmp_path: Path, shift: int) -> None:
    packed = tmp_path / "val"
    rows = read_table(data / "pack/val/documents.parquet", schema=INDEX_SCHEMA)
    moved = pa.array(rows["first_token"].to_numpy() + shift)
    with publishing(packed, kind="tokens", facts={"bos_id": 1, "eos_id": 2}) as folder:
        shutil.copyfile(data / "pack/val/tokens.bin", folder / "tokens.bin")
        table = rows.set_column(2, INDEX_SCHEMA.field("first_token"), moved)
        write_table(folder / "documents.parquet", table)
    with pytest.raises(IntegrityError, match="does not fit the tokens beside it"):
        open_heldout(packed, data / "dedupe/val", max_documents=10)


def test_a_split_without_documents_is_refused(data: Path, tmp_path: Path) -> None:
    with publishing(tmp_path / "val", kind="tokens", facts={}) as folder:
        write_tokens(folder / "tokens.bin", [np.zeros(0, np.int64)], vocab_size=10)
        write_table(folder / "documents.parquet", INDEX_SCHEMA.empty_table())
    with pytest.raises(DataError, match="holds no document"):
        open_heldout(tmp_path / "val", data / "dedupe/val", max_documents=10)


@pytest.mark.parametrize(
    "damage", ["cut", "cut to its header", "other width", "other id", "zeros", "link", "gone"]
)
def test_a_damaged_token_file_stops_whatever_reads_it(data: Path, tmp_path: Path, damage: str) -> None:
    packed = tmp_path / "val"
    shutil.copytree(data / "pack/val", packed)
    file = packed / "tokens.bin"
    whole = file.read_bytes()
    changed = {
        "cut": whole[:-2],
        "all cut": whole[:64],
        "other width": whole[:12] + (4).to_bytes(4, "little") + whole[16:],
        "other id": whole[:-2] + b"\xff\xff",  # no piece of the vocabulary
        "zeros": bytes(len(whole)),
    }.get(damage)
    file.unlink()
    if changed is not None:
        file.write_bytes(changed)
    if damage == "link":
        file.symlink_to(data / "pack/val/tokens.bin")
    with pytest.raises(IntegrityError, match=r"tokens\.bin: .*rebuild it$") as refused:
        open_stream(packed)
    assert refused.value.exit_code == 6


def test_ids_beyond_the_vocabulary_are_found_in_a_file_with_the_right_hash(tmp_path: Path) -> None:
    write_tokens(tmp_path / "tokens.bin", [np.array([1, 299, 2])], vocab_size=300)
    whole = bytearray((tmp_path / "tokens.bin").read_bytes())
    whole[24:32] = (200).to_bytes(8, "little")  # the header's vocabulary
    whole[32:64] = hashlib.sha256(whole[64:] + whole[:32]).digest()
    (tmp_path / "tokens.bin").write_bytes(whole)
    with pytest.raises(IntegrityError, match="holds an id outside the vocabulary of 200"):
        open_tokens(tmp_path / "tokens.bin")
