"""where: every token of a packed split leads back to its document."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.artifacts import open_artifact, publishing, read_table
from pipeline.records import DOCUMENT_SCHEMA, from_table
from pipeline.settings.pack import PackParams
from pipeline.stage import Work
from pipeline.tokens.bpe import KIND, MODEL_FILE, Tokenizer
from pipeline.tokens.heldout import open_stream
from pipeline.tokens.packing import INDEX_SCHEMA
from pipeline.tokens.places import locate
from stages import pack
from stages.where import main
from tests.stages.mill import build_mill
from tests.tokens.material import documents, publish_documents, publish_gate, trained


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/ as the stages up to `pack` leave it, in blocks of 64 tokens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRISTMILL_PROCESSES", "1")
        return build_mill(tmp_path_factory.mktemp("mill")).parent


@pytest.fixture(autouse=True)
def here(mill: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mill)


def shown(capsys: pytest.CaptureFixture[str], split: str, *, block: int, position: int) -> tuple[Any, str]:
    """The values by their names, and the text around the token."""
    main(["--split", split, "--block", str(block), "--position", str(position)])
    named, _, around = capsys.readouterr().out.partition("\n\n")
    return dict(line.split(maxsplit=1) for line in named.splitlines()), around


def refusal(capsys: pytest.CaptureFixture[str], **options: object) -> tuple[object, str]:
    with pytest.raises(SystemExit) as stopped:
        main([word for name, value in options.items() for word in (f"--{name}", str(value))])
    return stopped.value.code, capsys.readouterr().err


def test_every_token_of_a_split_leads_to_its_document() -> None:
    packed, tokenizer = Path("data/pack/val"), Tokenizer.open(Path("data/train_bpe"))
    _, stream = open_stream(packed)
    index = read_table(packed / "documents.parquet", schema=INDEX_SCHEMA).to_pylist()
    firsts = {entry["first_token"]: entry["id"] for entry in index}
    for token in sorted({*firsts, *(first - 1 for first in firsts if first), *range(0, len(stream), 97)}):
        place = locate(packed, Path("data/dedupe/val"), tokenizer, block=token // 64, position=token % 64)
        assert (place.stream_token, place.id) == (token, stream[token])
        assert place.document.id == firsts[max(first for first in firsts if first <= token)]
        assert place.before + place.text + place.after == place.document.text
        assert place.text == tokenizer.decode([place.id])
        assert (place.piece == "<s>") == (place.document_token == 0) == (token in firsts)
        assert (place.piece == "</s>") == (place.document_token == place.document_tokens - 1)


def test_the_command_names_document_source_and_text(capsys: pytest.CaptureFixture[str]) -> None:
    named, around = shown(capsys, "train", block=1, position=5)
    shards = sorted(Path("data/dedupe/train").glob("shard-*.parquet"))
    rows = {row.id: row for shard in shards for row in from_table(read_table(shard, schema=DOCUMENT_SCHEMA))}
    document = rows[named["document"]]
    assert (named["source"], named["origin"]) == (document.source, document.origin)
    assert named["place"].endswith(" 69 of the train stream")
    before, _, after = around.rstrip("\n").partition("[[")
    text, _, after = after.partition("]]")
    assert before + text + after in document.text
    assert named["token"].endswith(repr(text.replace(" ", "\u2581")))


def test_metadata_is_shown_and_cannot_steer_the_terminal(
    mill: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        dataclasses.replace(
            row, title="A\x1b[2J\ntitle", metadata=json.dumps({"url": "https://example.org/a"})
        )
        for row in documents(["some text to read " * 20])
    ]
    corpus = {
        split: publish_documents(tmp_path / "data/dedupe" / split, rows) for split in ("train", "val", "test")
    }
    assert len(corpus) == 3
    shutil.copytree(mill / "data/train_bpe", tmp_path / "data/train_bpe")
    (tmp_path / "work").mkdir()
    pack.run(
        tmp_path / "data/dedupe",
        tmp_path / "data/train_bpe",
        publish_gate(tmp_path / "data/validate"),
        tmp_path / "data/pack",
        params=PackParams(block_tokens=64, seed=1),
        work=Work(tmp_path / "work"),
    )
    monkeypatch.chdir(tmp_path)
    named, around = shown(capsys, "val", block=0, position=0)
    assert (named["url"], named["title"]) == ("https://example.org/a", "A\\x1b[2J title")
    assert around.startswith("[[]]some text")


def test_numbers_that_are_not_there_are_one_line_with_the_range(capsys: pytest.CaptureFixture[str]) -> None:
    tokens = open_artifact(Path("data/pack/val"), kind="tokens").fact("tokens")
    blocks = -(-(tokens - 1) // 64)
    for block in (-1, blocks, 10**9):
        rule = f"--block: is {block}; must be 0 to {blocks - 1}, the blocks of data/pack/val"
        expected = (2, f"where: ParamsError: {rule}\n")
        assert refusal(capsys, split="val", block=block, position=0) == expected
    for position in (-1, 64):
        rule = f"--position: is {position}; must be 0 to 63, the tokens of block 0"
        assert refusal(capsys, split="val", block=0, position=position) == (
            2,
            f"where: ParamsError: {rule}\n",
        )
    last = min(64, tokens - (blocks - 1) * 64) - 1
    code, said = refusal(capsys, split="val", block=blocks - 1, position=last + 1)
    assert (code, f"must be 0 to {last}, the tokens of block {blocks - 1}" in said) == (2, True)
    for options in ({"block": "x", "position": 0}, {"block": 0}, {"split": "all", "block": 0, "position": 0}):
        assert refusal(capsys, **options)[0] == 2


def test_without_a_run_the_remedy_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = "where: DataError: data/pack/train: not made yet; run `dvc repro` first\n"
    assert refusal(capsys, block=0, position=0) == (3, expected)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("corpus", "lacks packed documents"),
        ("texts", "its texts are not those of"),
        ("tokenizer", "packed with another tokenizer"),
    ],
)
def test_parts_of_different_runs_are_refused(
    mill: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    part: str,
    said: str,
) -> None:
    shutil.copytree(mill / "data", tmp_path / "data")
    if part == "corpus":
        publish_documents(tmp_path / "data/dedupe/val", documents(["one"], source="others"))
    if part == "texts":
        texts = documents(["x"] * 40) + documents(["x"] * 40, source="files")
        publish_documents(tmp_path / "data/dedupe/val", sorted(texts, key=lambda row: row.id))
    if part == "tokenizer":
        with publishing(tmp_path / "data/train_bpe", kind=KIND, facts={}) as folder:
            (folder / MODEL_FILE).write_bytes(trained(vocab_size=500, count=10).model)
    monkeypatch.chdir(tmp_path)
    code, line = refusal(capsys, split="val", block=0, position=1)
    assert (code, said in line, line.count("\n")) == (6, True, 1)
