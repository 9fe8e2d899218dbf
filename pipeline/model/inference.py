"""A trained model made ready to be asked: on the GPU if there is one, with its role and its tokenizer."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import torch

from pipeline.artifacts import MANIFEST, read_json
from pipeline.errors import IntegrityError
from pipeline.model.quantization import KIND as QUANTIZED_KIND
from pipeline.model.quantization import load_quantized
from pipeline.model.transformer import Transformer
from pipeline.model.weights import load_model


@dataclasses.dataclass(frozen=True, slots=True)
class OpenedModel:
    """A verified model in fp32, in evaluation mode, and what its artifact says about it."""

    network: Transformer
    role: Literal["base", "tuned"]  # a base model continues text, a tuned one answers questions
    parameters: int
    tokenizer_sha256: str


def open_model(path: Path, *, threads: int) -> OpenedModel:
    """The model at `path`, whatever its weights' form, to run on so many CPU threads of this process.

    IntegrityError when it is damaged or does not say its role.

    It computes in fp32. On a CPU that precision is called "medium": PyTorch then leaves MKL, which is slow on
    AMD processors, for oneDNN (241 against 105 GFLOP/s a core). Elsewhere nothing changes, except that a
    processor with matrix tiles rounds the factors of its products to bf16.
    """
    torch.set_num_threads(threads)
    manifest = read_json(path / MANIFEST)
    is_quantized = isinstance(manifest, dict) and manifest.get("kind") == QUANTIZED_KIND
    network = load_quantized(path) if is_quantized else load_model(path)
    facts = manifest.get("facts", {})  # loading has verified the manifest
    for name in ("role", "parameters", "tokenizer_sha256"):
        if name not in facts:
            raise IntegrityError(f"{path / MANIFEST}: fact {name!r} is missing; rebuild this artifact")
    if facts["role"] not in ("base", "tuned"):
        raise IntegrityError(
            f"{path / MANIFEST}: role {facts['role']!r} is neither base nor tuned; rebuild it"
        )
    gpu = torch.cuda.is_available()
    torch.set_float32_matmul_precision("highest" if gpu else "medium")
    network = network.to("cuda" if gpu else "cpu")
    return OpenedModel(network, facts["role"], facts["parameters"], facts["tokenizer_sha256"])


def require_tokenizer(model: OpenedModel, sha256: str, *, name: Path) -> None:
    """IntegrityError when the tokenizer `name` is not the one that the model was trained with."""
    if model.tokenizer_sha256 != sha256:
        raise IntegrityError(f"{name}: not the tokenizer that the model was trained with; run `dvc repro`")
