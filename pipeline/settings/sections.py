"""Every section of `params.yaml` and the class that reads it, and the rules across sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.settings.clean import CleanParams
from pipeline.settings.dedupe import DedupeParams
from pipeline.settings.evaluate import EvaluateParams
from pipeline.settings.export import ExportParams
from pipeline.settings.finetune import FinetuneParams
from pipeline.settings.ingest import IngestParams
from pipeline.settings.pack import PackParams
from pipeline.settings.pretrain import PretrainParams
from pipeline.settings.quantize import QuantizeParams
from pipeline.settings.report import ReportParams
from pipeline.settings.train_bpe import TrainBpeParams
from pipeline.settings.validate import ValidateParams

SECTIONS: dict[str, type] = {
    "ingest": IngestParams,
    "clean": CleanParams,
    "dedupe": DedupeParams,
    "validate": ValidateParams,
    "train_bpe": TrainBpeParams,
    "pack": PackParams,
    "pretrain": PretrainParams,
    "finetune": FinetuneParams,
    "quantize": QuantizeParams,
    "export": ExportParams,
    "evaluate": EvaluateParams,
    "report": ReportParams,
}


def contradictions(params: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with sections that are each sound alone: it would fail only when its stage is reached."""
    if params["finetune"].from_documentation and not params["ingest"].pydocs.enabled:
        yield (
            "finetune.from_documentation: is true, and ingest.pydocs.enabled is false, so there is no "
            "documentation; turn ingest.pydocs on, or tune on finetune.from_text or from_files instead"
        )
    window, context = params["pretrain"].model.sliding_window_tokens, params["pack"].block_tokens
    if window is not None and window > context:
        yield (
            f"pretrain.model.sliding_window_tokens: is {window}; must be 1 to {context}, the context length "
            "that pack.block_tokens sets, or null"
        )
    cut, least = params["dedupe"].repeated_paragraphs, params["validate"].min_chars
    if cut.sources and cut.min_chars < least:
        yield (
            f"dedupe.repeated_paragraphs.min_chars: is {cut.min_chars}; must be {least} or more, which "
            "validate.min_chars asks of every document: a shorter rest would be kept and stop the pipeline"
        )
