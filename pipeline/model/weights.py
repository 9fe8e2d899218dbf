"""Saving and loading a model: an artifact of `model.safetensors` and `config.json`."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipeline.artifacts import Artifact, open_artifact, publishing, read_json, write_json
from pipeline.errors import IntegrityError, NumericsError
from pipeline.model.config import ModelConfig, config_from
from pipeline.model.transformer import Transformer

KIND = "model"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"


def save_model(out: Path, model: Transformer, *, facts: dict[str, Any]) -> None:
    """Publishes the model's weights in fp32 and its config as the artifact `out`.

    `facts` is what the writer knows about it (role, tokenizer); the sizes and ids of the config are added.
    NumericsError when a weight is not finite.
    """
    state = {name: tensor.detach().float().cpu().contiguous() for name, tensor in model.state_dict().items()}
    for name, tensor in state.items():
        if not bool(torch.isfinite(tensor).all()):
            raise NumericsError(f"{out}: weight {name} holds a non-finite value; nothing was written")
    with publishing(out, kind=KIND, facts=facts | model_facts(model)) as folder:
        save_file(state, folder / WEIGHTS)
        write_json(folder / CONFIG, model.config)


def load_model(path: Path) -> Transformer:
    """The verified model at `path`, in fp32 on the CPU, in evaluation mode.

    Raises IntegrityError for damaged bytes and for weights that do not fit the config.
    """
    artifact = open_artifact(path, kind=KIND)
    return with_weights(artifact, read_tensors(artifact.file(WEIGHTS)))


def with_weights(artifact: Artifact, state: dict[str, Tensor]) -> Transformer:
    """The model that the artifact's config describes, with these fp32 weights, in evaluation mode."""
    model = Transformer(read_config(artifact.file(CONFIG)))
    adopt(model, state, origin=artifact.file(WEIGHTS))
    return model.eval()


def read_config(path: Path) -> ModelConfig:
    """The model's shape; IntegrityError when the file holds anything else, such as an older format."""
    try:
        return config_from(read_json(path))
    except ValueError as error:
        raise IntegrityError(
            f"{path}: not the config of a model of this version ({error}); rebuild it with `dvc repro`"
        ) from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name.

    IntegrityError when it is damaged or missing, OSError when the machine has no more files or memory.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise  # the file may be as good as ever
        raise IntegrityError(f"{path}: not readable as safetensors ({error}); rebuild it") from error


def adopt(model: Transformer, state: dict[str, Tensor], *, origin: Path) -> None:
    """Copies the weights into the model; IntegrityError for missing, foreign or misshapen ones, and NaN."""
    wanted = model.state_dict()
    for name in sorted(wanted.keys() ^ state.keys()):
        problem = "missing" if name in wanted else "not part of this config's model"
        raise IntegrityError(f"{origin}: weight {name} is {problem}; rebuild it")
    for name, tensor in sorted(state.items()):
        if tensor.shape != wanted[name].shape:
            shape = list(wanted[name].shape)
            raise IntegrityError(f"{origin}: weight {name} is {list(tensor.shape)}, not {shape}; rebuild it")
        if not bool(torch.isfinite(tensor).all()):
            raise IntegrityError(f"{origin}: weight {name} holds a non-finite value; rebuild it")
    model.load_state_dict(state)


def model_facts(model: Transformer) -> dict[str, Any]:
    """What the artifact of any form of this model says about its shape."""
    config = model.config
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "vocab_size": config.vocab_size,
        "context_tokens": config.context_tokens,
        "bos_id": config.bos_id,
        "eos_id": config.eos_id,
        "pad_id": config.pad_id,
    }
