"""export: writes Hugging Face folders and GGUF files for other programs, and reads every GGUF file back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline.artifacts import open_artifact, publishing
from pipeline.errors import IntegrityError
from pipeline.model.export_gguf import WrittenGguf, write_gguf
from pipeline.model.export_huggingface import write_huggingface
from pipeline.model.transformer import Transformer
from pipeline.model.vocabulary import Kind, Vocabulary
from pipeline.model.weights import KIND, load_model
from pipeline.progress import track
from pipeline.settings.export import ExportParams
from pipeline.stage import Input, Output, main
from pipeline.tokens.bpe import Tokenizer


@dataclasses.dataclass(frozen=True, slots=True)
class ExportedModel:
    """One model: its layout, the sizes of its Hugging Face files, and its GGUF files by type."""

    layout: str
    huggingface_bytes: dict[str, int]
    gguf: dict[str, WrittenGguf]


@dataclasses.dataclass(frozen=True, slots=True)
class ExportMetrics:
    """What was written, by role of the model; every GGUF tensor was read back and is the model's."""

    models: dict[str, ExportedModel]
    merges: int


def run(
    base: Input, tuned: Input, tokenizer: Input, exported: Output, *, params: ExportParams
) -> ExportMetrics:
    """Exports both models with the tokenizer they were trained with."""
    opened = Tokenizer.open(tokenizer)
    vocabulary = describe(opened)
    models = {}
    with publishing(exported, kind="export", facts={"model_name": params.model_name}) as folder:
        for role, path in (("base", base), ("tuned", tuned)):
            if open_artifact(path, kind=KIND).fact("tokenizer_sha256") != opened.sha256:
                raise IntegrityError(
                    f"{path}: trained with another tokenizer than {tokenizer}; run `dvc repro`"
                )
            models[role] = write(folder / role, load_model(path), vocabulary, role=role, params=params)
    return ExportMetrics(models, len(vocabulary.merges()))


def write(
    folder: Path, model: Transformer, vocabulary: Vocabulary, *, role: str, params: ExportParams
) -> ExportedModel:
    """Writes the `huggingface` folder and the `gguf` files of one model."""
    chat = role == "tuned"
    write_huggingface(folder / "huggingface", model, vocabulary, chat=chat)
    (folder / "gguf").mkdir()
    name = f"{params.model_name} {role}"
    files = {}
    for kind in track(params.gguf_types, label=f"GGUF of {role}", unit="file"):
        path = folder / "gguf" / f"{name.replace(' ', '-')}-{kind}.gguf"
        files[kind] = write_gguf(path, model, vocabulary, kind=kind, name=name, chat=chat)
    return ExportedModel(
        layout="Qwen3" if model.config.qk_norm else "Llama",
        huggingface_bytes={file.name: file.stat().st_size for file in sorted(folder.glob("huggingface/*"))},
        gguf={str(kind): written for kind, written in files.items()},
    )


def describe(tokenizer: Tokenizer) -> Vocabulary:
    """The tokenizer as the export formats need to know it."""

    def kind(id: int) -> Kind:
        if id == tokenizer.unk_id:
            return "unknown"
        if id <= tokenizer.end_id:
            return "control"
        return "byte" if tokenizer.is_byte(id) else "normal"

    ids = range(tokenizer.vocab_size)
    return Vocabulary(
        model=tokenizer.model,
        pieces=tuple(tokenizer.piece(id) for id in ids),
        scores=tuple(tokenizer.score(id) for id in ids),
        kinds=tuple(kind(id) for id in ids),
        unk_id=tokenizer.unk_id,
        bos_id=tokenizer.bos_id,
        eos_id=tokenizer.eos_id,
        pad_id=tokenizer.pad_id,
        end_id=tokenizer.end_id,
    )


if __name__ == "__main__":
    main("export", run)
