"""The files of one model that other programs open, or the sentence that says why there are none."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pipeline.artifacts import write_bytes
from pipeline.model.export_gguf import GgufType, WrittenGguf, write_gguf
from pipeline.model.export_huggingface import write_huggingface
from pipeline.model.layouts import layout, why_no_gguf, why_not_exported
from pipeline.model.transformer import Transformer
from pipeline.model.vocabulary import Vocabulary
from pipeline.progress import track

NOT_EXPORTED = "NOT_EXPORTED.txt"


@dataclasses.dataclass(frozen=True, slots=True)
class ExportedModel:
    """One model: its layout, the sizes of its Hugging Face files, and its GGUF files by type.

    `not_exported` names the settings because of which files are missing; the layout is None when all are.
    """

    layout: str | None
    huggingface_bytes: dict[str, int]
    gguf: dict[str, WrittenGguf]
    not_exported: str | None


def write_exports(
    folder: Path,
    model: Transformer,
    vocabulary: Vocabulary,
    *,
    name: str,
    gguf_types: Sequence[GgufType],
    chat: bool,
) -> ExportedModel:
    """Writes the `huggingface` folder and the `gguf` files, as far as the formats can hold the model and its
    tokenizer.

    What is missing is said in NOT_EXPORTED.txt. `chat` says whether the model answers prompts.
    """
    folder.mkdir()
    refused = why_not_exported(model.config) or vocabulary.why_not_exported()
    without_gguf = refused or (why_no_gguf(model.config) if gguf_types else None)
    if without_gguf:
        write_bytes(folder / NOT_EXPORTED, f"{without_gguf}\n".encode())
    if refused:
        return ExportedModel(None, {}, {}, refused)
    write_huggingface(folder / "huggingface", model, vocabulary, chat=chat)
    (folder / "gguf").mkdir()
    files = {}
    for kind in track([] if without_gguf else list(gguf_types), label=f"GGUF of {name}", unit="file"):
        path = folder / "gguf" / f"{name.replace(' ', '-')}-{kind}.gguf"
        files[str(kind)] = write_gguf(path, model, vocabulary, kind=kind, name=name, chat=chat)
    sizes = {file.name: file.stat().st_size for file in sorted(folder.glob("huggingface/*"))}
    return ExportedModel(layout(model.config), sizes, files, without_gguf)
