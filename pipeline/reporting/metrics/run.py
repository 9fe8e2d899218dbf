"""All metrics of one run, read from the files below `reports/metrics` or `reports/baseline`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import IntegrityError
from pipeline.records import HELD_OUT, SPLITS
from pipeline.reporting.metrics.model import Evaluate, Export, Finetune, Pretrain, Quantize
from pipeline.reporting.metrics.provenance import Provenance
from pipeline.reporting.metrics.text import Clean, Dedupe, Ingest, Pack, TrainBpe, Validate
from pipeline.reporting.reading import read_as

SOURCES = ("pydocs", "files", "gutenberg", "openwebtext", "wikipedia", "commoncrawl")
FORMS = ("int8", "int4")
MODELS = ("base", "tuned", *FORMS)
FILES = (
    *(f"{stage}/{source}.json" for stage in ("ingest", "clean") for source in SOURCES),
    *(f"{stage}.json" for stage in ("dedupe", "validate", "train_bpe", "pack")),
    *(f"{stage}.json" for stage in ("pretrain", "finetune", "quantize", "export")),
    *(f"evaluate/{model}.json" for model in MODELS),
)


@dataclass(frozen=True, slots=True)
class Run:
    """The metrics of every stage; those of a matrix by source or model."""

    ingest: dict[str, Ingest]
    clean: dict[str, Clean]
    dedupe: Dedupe
    validate: Validate
    train_bpe: TrainBpe
    pack: Pack
    pretrain: Pretrain
    finetune: Finetune
    quantize: Quantize
    export: Export
    evaluate: dict[str, Evaluate]

    def provenances(self) -> list[Provenance]:
        """How each stage's metrics came to be, in the order of the pipeline."""
        return [
            *(metrics.provenance for metrics in self.ingest.values()),
            *(metrics.provenance for metrics in self.clean.values()),
            self.dedupe.provenance,
            self.validate.provenance,
            self.train_bpe.provenance,
            self.pack.provenance,
            self.pretrain.provenance,
            self.finetune.provenance,
            self.quantize.provenance,
            self.export.provenance,
            *(metrics.provenance for metrics in self.evaluate.values()),
        ]


def read_run(folder: Path) -> Run:
    """The metrics files below `folder`; IntegrityError for one that is missing or of another shape."""
    run = Run(
        ingest={source: read_as(folder / f"ingest/{source}.json", Ingest) for source in SOURCES},
        clean={source: read_as(folder / f"clean/{source}.json", Clean) for source in SOURCES},
        dedupe=read_as(folder / "dedupe.json", Dedupe),
        validate=read_as(folder / "validate.json", Validate),
        train_bpe=read_as(folder / "train_bpe.json", TrainBpe),
        pack=read_as(folder / "pack.json", Pack),
        pretrain=read_as(folder / "pretrain.json", Pretrain),
        finetune=read_as(folder / "finetune.json", Finetune),
        quantize=read_as(folder / "quantize.json", Quantize),
        export=read_as(folder / "export.json", Export),
        evaluate={model: read_as(folder / f"evaluate/{model}.json", Evaluate) for model in MODELS},
    )
    _require(folder / "pack.json", "splits", run.pack.splits, SPLITS)
    _require(folder / "quantize.json", "formats", run.quantize.formats, FORMS)
    _require(folder / "evaluate/base.json", "floors", run.evaluate["base"].floors, HELD_OUT)
    for model, evaluated in run.evaluate.items():
        path = folder / f"evaluate/{model}.json"
        _require(path, "provenance.params", evaluated.provenance.params, ("confidence",))
        _require(path, "splits", evaluated.splits, HELD_OUT)
        sources = run.evaluate["base"].splits["test"].by_source
        _require(path, "splits.test.by_source", evaluated.splits["test"].by_source, sources)
    return run


def _require(path: Path, where: str, found: Collection[str], names: Iterable[str]) -> None:
    """IntegrityError unless every name is among the keys found in the file."""
    for name in names:
        if name not in found:
            raise IntegrityError(f"{path}: {where}.{name}: missing; `dvc repro` writes it anew")
