"""Every section of `params.yaml` and the class that reads it."""

from __future__ import annotations

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
