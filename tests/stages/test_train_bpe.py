"""train_bpe: the tokenizer artifact and the metrics about it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.artifacts import canonical_json, open_artifact
from pipeline.errors import DataError, IntegrityError, ParamsError
from pipeline.settings.train_bpe import TrainBpeParams
from pipeline.stage import Work
from pipeline.tokens.bpe import Tokenizer
from stages.train_bpe import TrainBpeMetrics, run
from tests.tokens.material import documents, publish_documents, publish_gate, reference_texts

PARAMS = TrainBpeParams(
    model_type="bpe", vocab_size=700, sample_bytes=200_000, split_digits=True, max_piece_chars=16, seed=1
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the train split and the gate."""
    folder = tmp_path_factory.mktemp("inputs")
    texts = reference_texts()
    rows = documents(texts[:30]) + documents(texts[30:], source="files")
    publish_documents(folder / "train", rows)
    publish_gate(folder / "gate")
    return folder


def trained(inputs: Path, out: Path, *, params: TrainBpeParams = PARAMS) -> TrainBpeMetrics:
    return run(inputs / "train", inputs / "gate", out, params=params, work=Work(out.parent))


def test_the_artifact_opens_and_names_its_special_ids(inputs: Path, tmp_path: Path) -> None:
    metrics = trained(inputs, tmp_path / "out")
    tokenizer = Tokenizer.open(tmp_path / "out")
    assert dict(open_artifact(tmp_path / "out", kind="tokenizer").facts) == tokenizer.facts()
    assert metrics.vocab_size == tokenizer.vocab_size == 700


def test_the_account_of_the_sample_balances(inputs: Path, tmp_path: Path) -> None:
    metrics = trained(inputs, tmp_path / "out")
    sample, fertility = metrics.sample, metrics.fertility
    assert sample.documents < sample.train_documents == 60
    assert 100_000 < sample.bytes <= 200_000 < sample.train_bytes
    assert sample.bytes_used == sample.bytes == fertility.bytes
    assert (
        sample.documents
        == fertility.documents
        == sum(each.documents for each in fertility.by_source.values())
    )
    assert fertility.bytes_per_token == fertility.bytes / fertility.tokens > 2
    assert set(fertility.by_source) == {"files", "pydocs"}
    assert len(fertility.longest_pieces) == 20
    assert fertility.byte_token_share < 0.01
    assert "".join(fertility.examples[0].pieces).replace("\u2581", " ") == fertility.examples[0].text


def test_the_same_inputs_give_the_same_bytes(inputs: Path, tmp_path: Path) -> None:
    metrics = [trained(inputs, tmp_path / name) for name in ("a", "b")]
    assert canonical_json(metrics[0]) == canonical_json(metrics[1])
    for file in ("tokenizer.model", "manifest.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_another_seed_takes_another_sample(inputs: Path, tmp_path: Path) -> None:
    metrics = trained(inputs, tmp_path / "out", params=dataclasses.replace(PARAMS, seed=2))
    assert metrics.sample.bytes != trained(inputs, tmp_path / "other").sample.bytes


def test_an_impossible_vocabulary_leaves_nothing_behind(inputs: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"train_bpe\.vocab_size: 200000 .* must be \d+ to \d+"):
        trained(inputs, tmp_path / "out", params=dataclasses.replace(PARAMS, vocab_size=200_000))
    assert not (tmp_path / "out").exists()


def test_an_empty_train_split_is_refused(inputs: Path, tmp_path: Path) -> None:
    publish_documents(tmp_path / "train", [])
    publish_gate(tmp_path / "gate")
    with pytest.raises(DataError, match="holds no document"):
        trained(tmp_path, tmp_path / "out")


def test_without_the_gate_nothing_is_trained(inputs: Path, tmp_path: Path) -> None:
    publish_documents(tmp_path / "train", documents(["some text"]))
    with pytest.raises(IntegrityError, match="gate"):
        trained(tmp_path, tmp_path / "out")


def test_words_without_a_piece_are_spelled_and_counted(inputs: Path, tmp_path: Path) -> None:
    params = dataclasses.replace(PARAMS, model_type="word")
    metrics = trained(inputs, tmp_path / "out", params=params)
    assert (
        open_artifact(tmp_path / "out", kind="tokenizer").fact("model_type") == metrics.model_type == "word"
    )
    assert 0.05 < metrics.fertility.spelled_share < metrics.fertility.byte_token_share < 1
    assert metrics.fertility.spelled_share > trained(inputs, tmp_path / "bpe").fertility.spelled_share


def test_unused_pieces_are_listed(inputs: Path, tmp_path: Path) -> None:
    fertility = trained(inputs, tmp_path / "out").fertility
    assert len(fertility.unused_examples) == min(fertility.unused_pieces, 20)
