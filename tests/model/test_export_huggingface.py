"""The Hugging Face folder opens in transformers with the same logits, ids and prompts."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path

import pytest
import torch

from pipeline.model.conversations import ChatIds, Pair, PairLimits, prepared
from pipeline.model.export_huggingface import write_huggingface
from pipeline.model.transformer import Transformer
from tests.late import Late
from tests.model.exports import VOCAB_SIZE, small_model, small_tokenizer, small_vocabulary
from tests.tokens.material import HARD_TEXTS, random_text, reference_texts

if importlib.util.find_spec("transformers") is None:
    pytest.skip("transformers is not installed: the export is NOT checked", allow_module_level=True)
transformers = Late("transformers")


@pytest.fixture(scope="module", params=["llama", "qwen3"])
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Transformer, Path]:
    """A model and the folder it was exported to."""
    folder = tmp_path_factory.mktemp(request.param) / "huggingface"
    model = small_model(request.param)
    write_huggingface(folder, model, small_vocabulary(), chat=True)
    return model, folder


def test_logits_are_those_of_transformers(exported: tuple[Transformer, Path]) -> None:
    model, folder = exported
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tokens_BT = torch.randint(0, VOCAB_SIZE, (3, 64), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert (theirs(tokens_BT).logits - model(tokens_BT)).abs().max() < 1e-4
    assert theirs.generation_config.eos_token_id == [2, 6]
    assert {parameter.dtype for parameter in theirs.parameters()} == {torch.float32}


@pytest.mark.parametrize(("layout", "model_type"), [("llama", "mistral"), ("qwen3", "qwen3")])
def test_a_sliding_window_is_that_of_transformers(layout: str, model_type: str, tmp_path: Path) -> None:
    model = small_model(layout, sliding_window_tokens=7)
    write_huggingface(tmp_path / "huggingface", model, small_vocabulary(), chat=True)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "huggingface")
    assert theirs.config.model_type == model_type
    tokens_BT = torch.randint(0, VOCAB_SIZE, (3, 64), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted_BTV = model(tokens_BT)
        assert (theirs(tokens_BT).logits - wanted_BTV).abs().max() < 1e-4
        whole_BTV = small_model(layout)(tokens_BT)
        assert (whole_BTV - wanted_BTV).abs().max() > 1e-2  # the window matters


def test_token_ids_are_those_of_sentencepiece(exported: tuple[Transformer, Path]) -> None:
    tokenizer = small_tokenizer()
    theirs = transformers.AutoTokenizer.from_pretrained(
        exported[1], split_special_tokens=True, model_max_length=10**6
    )
    rng = random.Random(3)
    texts = [*HARD_TEXTS, *reference_texts(), *(random_text(rng) for _ in range(300))]
    for text in texts:
        ids = tokenizer.encode(text)
        assert theirs.encode(text, add_special_tokens=False) == ids, text
        assert theirs.encode(text) == [tokenizer.bos_id, *ids]
        assert theirs.decode(ids) == text


def test_the_chat_template_writes_the_prompt_format_of_the_finetuning(
    exported: tuple[Transformer, Path],
) -> None:
    theirs = transformers.AutoTokenizer.from_pretrained(exported[1])
    tokenizer = small_tokenizer()
    turns = [{"role": "user", "content": " Name  it\n"}, {"role": "assistant", "content": "abs"}]
    text = theirs.apply_chat_template(turns, tokenize=False)
    assert text == "<s><|user|> Name  it\n<|end|><|assistant|>abs<|end|>"
    prompt = theirs.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True)
    assert prompt == "<s><|user|> Name  it\n<|end|><|assistant|>"
    ids = theirs.apply_chat_template(turns, tokenize=True, return_dict=False)
    assert ids == [1, 4, *tokenizer.encode(" Name  it\n"), 6, 5, *tokenizer.encode("abs"), 6]
    chat = ChatIds(bos_id=1, user_id=4, assistant_id=5, end_id=6, pad_id=3)
    limits = PairLimits(most_pairs=1, context_tokens=64, seed=1)
    learned, _ = prepared(
        [Pair(" Name  it\n", "abs", "file")], tokenizer.encode_many, chat=chat, limits=limits
    )
    assert ids == list(learned.pairs[0].ids)
    with pytest.raises(Exception, match="roles are user and assistant, not system"):
        theirs.apply_chat_template([{"role": "system", "content": "Be brief."}], tokenize=False)


def test_special_tokens_have_their_ids(exported: tuple[Transformer, Path]) -> None:
    theirs = transformers.AutoTokenizer.from_pretrained(exported[1])
    assert [theirs.unk_token_id, theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id] == [
        0,
        1,
        2,
        3,
    ]
    assert theirs.convert_tokens_to_ids(["<|user|>", "<|assistant|>", "<|end|>"]) == [4, 5, 6]
    assert len(theirs) == VOCAB_SIZE


def test_settings_that_were_renamed_have_both_names(exported: tuple[Transformer, Path]) -> None:
    config = json.loads((exported[1] / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 10000.0
    assert config["torch_dtype"] == config["dtype"] == "float32"
    assert config["head_dim"] == 16


def test_the_sentencepiece_file_is_there_and_the_same_bytes_come_again(
    exported: tuple[Transformer, Path], tmp_path: Path
) -> None:
    model, folder = exported
    vocabulary = small_vocabulary()
    write_huggingface(tmp_path / "again", model, vocabulary, chat=True)
    assert (folder / "tokenizer.model").read_bytes() == vocabulary.model
    for file in folder.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()
