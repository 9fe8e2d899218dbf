"""export: writes Hugging Face folders and GGUF files for other programs, and reads every GGUF file back.

A model that those formats cannot hold is not exported, and a sentence says why.
"""

from __future__ import annotations

import dataclasses
import logging

from pipeline.artifacts import open_artifact, publishing
from pipeline.errors import IntegrityError
from pipeline.model.exports import ExportedModel, write_exports
from pipeline.model.vocabulary import Kind, Vocabulary
from pipeline.model.weights import KIND, load_model
from pipeline.settings.export import ExportParams
from pipeline.stage import Input, Output, main
from pipeline.tokens.bpe import Tokenizer

_log = logging.getLogger("gristmill")


@dataclasses.dataclass(frozen=True, slots=True)
class ExportMetrics:
    """What was written, by role of the model; every GGUF tensor was read back and is the model's."""

    models: dict[str, ExportedModel]
    merges: int


def run(
    base: Input, tuned: Input, tokenizer: Input, exported: Output, *, params: ExportParams
) -> ExportMetrics:
    """Exports both models with the tokenizer they were trained with; IntegrityError when it is another."""
    opened = Tokenizer.open(tokenizer)
    vocabulary = describe(opened)
    models = {}
    with publishing(exported, kind="export", facts={"model_name": params.model_name}) as folder:
        for role, path in (("base", base), ("tuned", tuned)):
            if open_artifact(path, kind=KIND).fact("tokenizer_sha256") != opened.sha256:
                raise IntegrityError(
                    f"{path}: trained with another tokenizer than {tokenizer}; run `dvc repro`"
                )
            models[role] = write_exports(
                folder / role,
                load_model(path),
                vocabulary,
                name=f"{params.model_name} {role}",
                gguf_types=params.gguf_types,
                chat=role == "tuned",
            )
            if sentence := models[role].not_exported:
                _log.warning("export: the %s model: %s", role, sentence)
    return ExportMetrics(models, len(vocabulary.merges()))


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
        model_type=tokenizer.model_type,
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
