"""pack: three splits, the same bytes however many processes encode them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.artifacts import canonical_json, open_artifact, publishing, write_bytes
from pipeline.errors import DataError
from pipeline.settings.pack import PackParams
from pipeline.settings.train_bpe import ModelType
from pipeline.stage import Work
from pipeline.tokenfile import open_tokens
from pipeline.tokens.bpe import KIND, MODEL_FILE, Tokenizer
from stages.pack import PackMetrics, run
from tests.tokens.material import documents, publish_documents, publish_gate, reference_texts, trained

PARAMS = PackParams(block_tokens=64, seed=1)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three splits, a tokenizer and the gate."""
    folder = tmp_path_factory.mktemp("inputs")
    rows = documents(reference_texts(count=40))
    for split, part in (("train", rows[:30]), ("val", rows[30:35]), ("test", rows[35:])):
        publish_documents(folder / "documents" / split, part)
    with publishing(folder / "tokenizer", kind=KIND, facts={}) as tokenizer:
        write_bytes(tokenizer / MODEL_FILE, trained().model)
    publish_gate(folder / "gate")
    return folder


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")


def packed(inputs: Path, folder: Path) -> PackMetrics:
    (folder / "work").mkdir(parents=True)
    return run(
        inputs / "documents",
        inputs / "tokenizer",
        inputs / "gate",
        folder / "out",
        params=PARAMS,
        work=Work(folder / "work"),
    )


def test_every_split_says_what_it_holds(inputs: Path, tmp_path: Path) -> None:
    metrics = packed(inputs, tmp_path)
    tokenizer = Tokenizer.open(inputs / "tokenizer")
    assert {name: split.documents for name, split in metrics.splits.items()} == {
        "train": 30,
        "val": 5,
        "test": 5,
    }
    for name, split in metrics.splits.items():
        artifact = open_artifact(tmp_path / "out" / name, kind="tokens")
        assert dict(artifact.facts) == {
            "block_tokens": 64,
            "vocab_size": 800,
            "bos_id": 1,
            "eos_id": 2,
            "pad_id": 3,
            "tokenizer_sha256": tokenizer.sha256,
            "tokens": split.tokens,
            "documents": split.documents,
            "bytes": split.bytes,
        }
        stream = open_tokens(artifact.file("tokens.bin"))
        assert (len(stream.tokens), stream.vocab_size) == (split.tokens, 800)


def test_the_number_of_processes_changes_no_byte(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = []
    for count in ("1", "2"):
        monkeypatch.setenv("GRISTMILL_PROCESSES", count)
        metrics.append(canonical_json(packed(inputs, tmp_path / count)))
    assert metrics[0] == metrics[1]
    for split in ("train", "val", "test"):
        manifests = [
            (tmp_path / count / "out" / split / "manifest.json").read_bytes() for count in ("1", "2")
        ]
        assert manifests[0] == manifests[1]


@pytest.mark.parametrize(("model_type", "vocab_size"), [("unigram", 800), ("word", 800), ("char", 340)])
def test_every_type_of_tokenizer_packs_every_byte(
    inputs: Path, tmp_path: Path, model_type: ModelType, vocab_size: int
) -> None:
    for name in ("documents", "gate"):
        (tmp_path / name).symlink_to(inputs / name)
    with publishing(tmp_path / "tokenizer", kind=KIND, facts={}) as folder:
        write_bytes(
            folder / MODEL_FILE, trained(model_type=model_type, vocab_size=vocab_size, count=40).model
        )
    metrics, tokenizer = packed(tmp_path, tmp_path / "run"), Tokenizer.open(tmp_path / "tokenizer")
    for name, split in metrics.splits.items():
        stream = open_tokens(tmp_path / "run/out" / name / "tokens.bin").tokens
        assert sum(len(tokenizer.piece_bytes(id)) for id in stream.tolist()) == split.bytes
        assert tokenizer.unk_id not in stream


def test_hardly_a_place_in_the_blocks_stays_empty(inputs: Path, tmp_path: Path) -> None:
    split = packed(inputs, tmp_path).splits["train"]
    assert 0.995 <= split.utilization == (split.tokens - 1) / (split.blocks * PARAMS.block_tokens) <= 1
    assert split.tokens - 1 > (split.blocks - 1) * PARAMS.block_tokens  # the last block alone has room left


def test_an_empty_split_is_refused(inputs: Path, tmp_path: Path) -> None:
    for split in ("train", "val"):
        publish_documents(tmp_path / "documents" / split, documents(["some text"]))
    publish_documents(tmp_path / "documents" / "test", [])
    for name in ("tokenizer", "gate"):
        (tmp_path / name).symlink_to(inputs / name)
    with pytest.raises(DataError, match="documents/test: holds no document"):
        packed(tmp_path, tmp_path / "run")
