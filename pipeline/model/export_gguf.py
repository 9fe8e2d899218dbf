"""GGUF files for llama.cpp and what is built on it: one file holds weights, tokenizer and chat format.

Matrices are stored as F16, Q8_0 or Q4_0, vectors as F32; beside Q4_0 the head is Q8_0, as in the
int4 form (see quantization.py). In its Llama architecture llama.cpp rotates neighbouring pairs of a head
where this model rotates pairs from its two halves, so the rows of the query and key projections are
interleaved; in its Qwen3 it rotates halves too. `tokenizer.ggml.add_space_prefix` must be false, or every
text would be encoded after a space.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
import numpy.typing as npt

from pipeline.errors import IntegrityError
from pipeline.model.config import ModelConfig
from pipeline.model.transformer import Transformer
from pipeline.model.vocabulary import CHAT_TEMPLATE, Kind, Vocabulary

GgufType = Literal["F16", "Q8_0", "Q4_0"]
Array = npt.NDArray[np.float32]

HEAD, EMBEDDING = "output.weight", "token_embd.weight"  # the latter is the head when they are tied
BLOCK = 32  # columns that share a scale in Q8_0 and Q4_0
_TOKEN_TYPES: dict[Kind, gguf.TokenType] = {
    "unknown": gguf.TokenType.UNKNOWN,
    "control": gguf.TokenType.CONTROL,
    "byte": gguf.TokenType.BYTE,
    "normal": gguf.TokenType.NORMAL,
}


@dataclasses.dataclass(frozen=True, slots=True)
class WrittenGguf:
    """A GGUF file that was read back: its size and the largest error of a weight."""

    bytes: int
    bits_per_weight: float
    max_error: float


def write_gguf(
    path: Path, model: Transformer, vocabulary: Vocabulary, *, kind: GgufType, name: str, chat: bool
) -> WrittenGguf:
    """Writes one file, reads it back and compares. The same arguments give the same bytes.

    With `chat` the file holds the chat template, without it programs take the model as one to continue text.
    IntegrityError when a tensor or a piece that was read is not what the format can hold of the original.
    """
    tensors = dict(named_tensors(model))
    writer = gguf.GGUFWriter(path, "qwen3" if model.config.qk_norm else "llama")
    _add_shape(writer, model.config, kind=kind, name=name)
    _add_tokenizer(writer, vocabulary, chat=chat)
    for tensor_name, weight in tensors.items():
        stored = stored_type(tensor_name, tensors, kind=kind)
        with np.errstate(over="ignore"):  # what overflows F16 is found by `check`
            writer.add_tensor(tensor_name, gguf.quants.quantize(weight, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    max_error = check(path, tensors, vocabulary, kind=kind)
    size = path.stat().st_size
    return WrittenGguf(size, 8 * size / sum(weight.size for weight in tensors.values()), max_error)


def named_tensors(model: Transformer) -> Iterator[tuple[str, Array]]:
    """The weights in fp32 under llama.cpp's names, rows in its order."""
    config = model.config
    architecture = gguf.MODEL_ARCH.QWEN3 if config.qk_norm else gguf.MODEL_ARCH.LLAMA
    names = gguf.get_tensor_name_map(architecture, config.num_layers)
    for name, tensor in model.state_dict().items():
        weight: Array = tensor.float().numpy()
        if not config.qk_norm and name.endswith(("q_proj.weight", "k_proj.weight")):
            heads = config.num_heads if name.endswith("q_proj.weight") else config.num_kv_heads
            weight = interleave(weight, heads=heads)
        found = names.get_name(name, try_suffixes=(".weight",))
        assert found is not None, f"llama.cpp has no name for {name}"
        yield found, weight


def interleave(weight: Array, *, heads: int) -> Array:
    """The rows of each head in the order 0, K/2, 1, K/2 + 1, ...: (heads * K, D) in and out."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows, columns)


def stored_type(name: str, tensors: dict[str, Array], *, kind: GgufType) -> gguf.GGMLQuantizationType:
    """How the tensor `name` of a model's `tensors` is stored in a file of this kind."""
    head = HEAD if HEAD in tensors else EMBEDDING
    if tensors[name].ndim == 1:
        return gguf.GGMLQuantizationType.F32
    if kind == "Q4_0" and name == head:
        return gguf.GGMLQuantizationType.Q8_0
    return gguf.GGMLQuantizationType[kind]


def check(path: Path, tensors: dict[str, Array], vocabulary: Vocabulary, *, kind: GgufType) -> float:
    """Reads the file: its largest error. IntegrityError for the first tensor that is too far off."""
    reader = gguf.GGUFReader(path)
    found = {tensor.name: tensor for tensor in reader.tensors}
    if found.keys() != tensors.keys():
        raise IntegrityError(f"{path}: holds other tensors than were written; run the stage again")
    if tuple(reader.fields["tokenizer.ggml.tokens"].contents()) != vocabulary.pieces:
        raise IntegrityError(f"{path}: holds other pieces than the tokenizer; run the stage again")
    largest = 0.0
    for name, weight in tensors.items():
        stored = stored_type(name, tensors, kind=kind)
        read = gguf.quants.dequantize(found[name].data, found[name].tensor_type).reshape(weight.shape)
        errors = np.abs(read - weight)
        if found[name].tensor_type != stored or not (errors <= error_bound(weight, stored)).all():
            raise IntegrityError(
                f"{path}: tensor {name} is not the model's within {stored.name}; check its weights"
            )
        largest = max(largest, float(errors.max()))
    return largest


def error_bound(weight: Array, stored: gguf.GGMLQuantizationType) -> Array:
    """The largest error that the format allows for each weight, in the weight's shape.

    F16 has 11 significant bits, above 2^-25. A step of Q8_0 is 1/127 and of Q4_0 1/8 of the block's largest
    weight, itself in F16. Q8_0 errs by half a step, Q4_0 by one: it has 8 steps on one side, 7 on the other.
    """
    if stored == gguf.GGMLQuantizationType.F32:
        return np.zeros_like(weight)
    if stored == gguf.GGMLQuantizationType.F16:
        return np.abs(weight) * np.float32(2.0**-11) + np.float32(2.0**-25)
    steps, share = (127, 0.5) if stored == gguf.GGMLQuantizationType.Q8_0 else (8, 1.0)
    largest = np.abs(weight.reshape(-1, BLOCK)).max(axis=1, keepdims=True)
    bound: Array = largest * np.float32(share / steps + 2.0**-10) + np.float32(steps * 2.0**-25)
    return np.broadcast_to(bound, (bound.size, BLOCK)).reshape(weight.shape)


def _add_shape(writer: Any, config: ModelConfig, *, kind: GgufType, name: str) -> None:
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_context_length(config.context_tokens)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.num_layers)
    writer.add_feed_forward_length(config.mlp_width)
    writer.add_head_count(config.num_heads)
    writer.add_head_count_kv(config.num_kv_heads)
    writer.add_key_length(config.head_width)
    writer.add_value_length(config.head_width)
    writer.add_rope_dimension_count(config.head_width)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{kind}"])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _add_tokenizer(writer: Any, vocabulary: Vocabulary, *, chat: bool) -> None:
    writer.add_tokenizer_model("llama")  # SentencePiece BPE
    writer.add_tokenizer_pre("default")
    writer.add_token_list(vocabulary.pieces)
    writer.add_token_scores(vocabulary.scores)
    writer.add_token_types([_TOKEN_TYPES[kind] for kind in vocabulary.kinds])
    writer.add_unk_token_id(vocabulary.unk_id)
    writer.add_bos_token_id(vocabulary.bos_id)
    writer.add_eos_token_id(vocabulary.eos_id)
    writer.add_eot_token_id(vocabulary.end_id)
    writer.add_pad_token_id(vocabulary.pad_id)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    if chat:
        writer.add_chat_template(CHAT_TEMPLATE)
