"""A Hugging Face folder: weights under the names that transformers knows, its config, and an equal tokenizer.

`transformers.AutoModelForCausalLM` and `AutoTokenizer` open the folder as it is. The weights are a copy; the
tokenizer is written out as a `tokenizers` BPE whose merges follow from SentencePiece's pieces, beside the
SentencePiece file itself. Both names of the settings that transformers renamed (`rope_theta` and
`rope_parameters`, `torch_dtype` and `dtype`) are there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from pipeline.artifacts import write_bytes, write_json
from pipeline.model.config import ModelConfig
from pipeline.model.layouts import Layout, layout
from pipeline.model.transformer import Transformer
from pipeline.model.vocabulary import CHAT_TEMPLATE, SPACE, Vocabulary


def write_huggingface(folder: Path, model: Transformer, vocabulary: Vocabulary, *, chat: bool) -> None:
    """Writes the whole folder, weights in fp32. The same model and vocabulary give the same bytes.

    With `chat` the tokenizer has the chat template; a model that only continues text has none.
    """
    folder.mkdir(parents=True)
    state = {name: tensor.float().contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    files = {
        "config.json": model_config(model.config),
        "generation_config.json": generation_config(vocabulary),
        "tokenizer.json": tokenizer(vocabulary),
        "tokenizer_config.json": tokenizer_config(
            vocabulary, context_tokens=model.config.context_tokens, chat=chat
        ),
        "special_tokens_map.json": special_tokens(vocabulary),
    }
    for name, value in files.items():
        write_json(folder / name, value)
    write_bytes(folder / "tokenizer.model", vocabulary.model)


def model_config(config: ModelConfig) -> dict[str, Any]:
    """`config.json` in the layout that fits the model (see layouts.py)."""
    kind = layout(config)
    window = config.sliding_window_tokens
    own: dict[Layout, dict[str, Any]] = {
        "Llama": {"mlp_bias": False},
        "Mistral": {"sliding_window": window},
        "Qwen3": {
            "use_sliding_window": window is not None,
            **({} if window is None else {"sliding_window": window, "max_window_layers": 0}),
        },
    }
    return {
        **own[kind],
        "architectures": [f"{kind}ForCausalLM"],
        "model_type": kind.lower(),
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": config.bos_id,
        "dtype": "float32",
        "eos_token_id": config.eos_id,
        "head_dim": config.head_width,
        "hidden_act": "silu",
        "hidden_size": config.width,
        "intermediate_size": config.mlp_width,
        "max_position_embeddings": config.context_tokens,
        "num_attention_heads": config.num_heads,
        "num_hidden_layers": config.num_layers,
        "num_key_value_heads": config.num_kv_heads,
        "pad_token_id": config.pad_id,
        "rms_norm_eps": config.norm_epsilon,
        "rope_parameters": {"rope_theta": config.rope_theta, "rope_type": "default"},
        "rope_theta": config.rope_theta,
        "tie_word_embeddings": config.tied_embeddings,
        "torch_dtype": "float32",
        "use_cache": True,
        "vocab_size": config.vocab_size,
    }


def generation_config(vocabulary: Vocabulary) -> dict[str, Any]:
    """`generation_config.json`: a text ends at `</s>`, an answer at `<|end|>`."""
    return {
        "bos_token_id": vocabulary.bos_id,
        "eos_token_id": [vocabulary.eos_id, vocabulary.end_id],
        "pad_token_id": vocabulary.pad_id,
    }


def tokenizer(vocabulary: Vocabulary) -> dict[str, Any]:
    """`tokenizer.json`: gives the ids that SentencePiece gives, after `<s>` unless special tokens are off.

    As everywhere in this format, text that spells a special token becomes that token; with
    `split_special_tokens` it stays text, as it does in SentencePiece.
    """
    bos = vocabulary.pieces[vocabulary.bos_id]
    begin = {"SpecialToken": {"id": bos, "type_id": 0}}
    first, second = ({"Sequence": {"id": name, "type_id": number}} for number, name in enumerate("AB"))
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(vocabulary, id) | {"id": id} for id in vocabulary.special_ids()],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, first],
            "pair": [begin, first, second],
            "special_tokens": {bos: {"id": bos, "ids": [vocabulary.bos_id], "tokens": [bos]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": vocabulary.pieces[vocabulary.unk_id],
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {piece: id for id, piece in enumerate(vocabulary.pieces)},
            "merges": [list(merge) for merge in vocabulary.merges()],
        },
    }


def tokenizer_config(vocabulary: Vocabulary, *, context_tokens: int, chat: bool) -> dict[str, Any]:
    """`tokenizer_config.json`, with or without the chat template."""
    return {
        **special_tokens(vocabulary),
        "add_bos_token": True,
        "add_eos_token": False,
        "added_tokens_decoder": {str(id): _added_token(vocabulary, id) for id in vocabulary.special_ids()},
        **({"chat_template": CHAT_TEMPLATE} if chat else {}),
        "clean_up_tokenization_spaces": False,
        "model_max_length": context_tokens,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }


def special_tokens(vocabulary: Vocabulary) -> dict[str, Any]:
    """`special_tokens_map.json`: which special token plays which part."""
    roles = {
        "unk_token": vocabulary.unk_id,
        "bos_token": vocabulary.bos_id,
        "eos_token": vocabulary.eos_id,
        "pad_token": vocabulary.pad_id,
    }
    others = [id for id in vocabulary.special_ids() if id not in roles.values()]
    return {
        **{role: vocabulary.pieces[id] for role, id in roles.items()},
        "additional_special_tokens": [vocabulary.pieces[id] for id in others],
    }


def _added_token(vocabulary: Vocabulary, id: int) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"content": vocabulary.pieces[id], **flags, "special": True}
