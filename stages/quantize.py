"""quantize: writes int8 and int4 weights, reloads them and compares their predictions with the original's."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from pipeline.artifacts import Artifact, open_artifact, replace_folder
from pipeline.errors import IntegrityError, NumericsError
from pipeline.model.batches import Batch, TokenBlocks
from pipeline.model.divergence import Divergence, compare
from pipeline.model.quantization import Bits, load_quantized, save_quantized
from pipeline.model.transformer import Transformer
from pipeline.model.weights import KIND, WEIGHTS, load_model
from pipeline.settings.quantize import QuantizeParams
from pipeline.stage import Input, Output, Work, main
from pipeline.tokenfile import open_tokens


@dataclasses.dataclass(frozen=True, slots=True)
class FormatMetrics:
    """One quantized form: the size of its weights, of which `group` columns share a scale, and how far its
    predictions stray.
    """

    bits: int
    group: int
    bytes: int
    divergence: Divergence


@dataclasses.dataclass(frozen=True, slots=True)
class QuantizeMetrics:
    """The size of the original's weights, and each form by name."""

    original_bytes: int
    formats: dict[str, FormatMetrics]


def run(
    tuned: Input, packed: Input, quantized: Output, *, params: QuantizeParams, work: Work
) -> QuantizeMetrics:
    """Makes both forms in the work folder and, when both are close enough, publishes them together.

    NumericsError when one is not; IntegrityError when model and blocks are of different tokenizers.
    """
    artifact, validation = open_artifact(tuned, kind=KIND), open_artifact(packed / "val", kind="tokens")
    if artifact.fact("tokenizer_sha256") != validation.fact("tokenizer_sha256"):
        raise IntegrityError(f"{tuned}: trained with another tokenizer than {packed}; run `dvc repro`")
    model, batches = load_model(tuned), first_blocks(validation, count=params.check_blocks)
    forms = work.folder / "forms"
    facts = dict(artifact.facts)
    formats = {
        "int8": make(forms / "int8", model, facts, batches, bits=8, params=params),
        "int4": make(forms / "int4", model, facts, batches, bits=4, params=params),
    }
    quantized.parent.mkdir(parents=True, exist_ok=True)
    replace_folder(forms, quantized)
    return QuantizeMetrics(artifact.file(WEIGHTS).stat().st_size, formats)


def first_blocks(validation: Artifact, *, count: int) -> list[Batch]:
    """The first `count` blocks of the packed validation split, each a batch of its own."""
    blocks = TokenBlocks(
        open_tokens(validation.file("tokens.bin")).tokens,
        block_tokens=validation.fact("block_tokens"),
        bos_id=validation.fact("bos_id"),
        pad_id=validation.fact("pad_id"),
    )
    return [blocks.batch([number]) for number in range(min(count, len(blocks)))]


def make(
    out: Path,
    model: Transformer,
    facts: dict[str, Any],
    batches: list[Batch],
    *,
    bits: Bits,
    params: QuantizeParams,
) -> FormatMetrics:
    """Writes one form, loads it again and compares. NumericsError when it strays further than allowed."""
    group = params.int8_group if bits == 8 else params.int4_group
    limit = params.max_int8_divergence if bits == 8 else params.max_int4_divergence
    save_quantized(out, model, bits=bits, group=group, facts=facts)
    divergence = compare(model, load_quantized(out), batches, threads=params.threads)
    if divergence.mean_kl > limit:
        raise NumericsError(
            f"int{bits} weights stray {divergence.mean_kl:.4g} nats per token from the original, over "
            f"quantize.max_int{bits}_divergence {limit:g}; lower quantize.int{bits}_group or raise the limit"
        )
    return FormatMetrics(bits, group, (out / WEIGHTS).stat().st_size, divergence)


if __name__ == "__main__":
    main("quantize", run)
