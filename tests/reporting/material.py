"""The metrics of a made-up run, in the classes of the stages: a field renamed there fails the tests here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.artifacts import write_json
from pipeline.corpus.audit import Audit, Companion, GroupAudit
from pipeline.corpus.common_paragraphs import Example as RepeatedParagraph
from pipeline.corpus.drift import Drift
from pipeline.corpus.lengths import Lengths
from pipeline.corpus.mixture import Blend
from pipeline.corpus.revision import Losses, RepeatedParagraphs
from pipeline.corpus.tallies import SourceTally, SplitTally, Tally
from pipeline.model.conversations import PairAccount
from pipeline.model.divergence import Divergence
from pipeline.model.export_gguf import WrittenGguf
from pipeline.model.exports import ExportedModel
from pipeline.model.fitting import Gates
from pipeline.model.relevance import Relevance
from pipeline.model.results import CURVE_HEADER, LossSummary, TrainingMetrics
from pipeline.model.scores import Floors, Score, SplitScore
from pipeline.tokens.fertility import Example, Fertility, SourceFertility
from pipeline.tokens.packing import PackedSplit, SourceTokens
from stages.clean import CleanMetrics
from stages.clean import Example as DroppedExample
from stages.dedupe import DedupeMetrics
from stages.evaluate import EvaluateMetrics, Sample
from stages.export import ExportMetrics
from stages.finetune import FinetuneMetrics
from stages.ingest import IngestMetrics
from stages.pack import PackMetrics
from stages.pretrain import PretrainMetrics
from stages.quantize import FormatMetrics, QuantizeMetrics
from stages.train_bpe import SampleMetrics, TrainBpeMetrics
from stages.validate import ValidateMetrics

HOSTILE = '</pre><script>alert("x")</script>\u202e\x1b[2J | ``` ![](http://example.org/a.png)'
BITS = {"base": 1.8731, "tuned": 1.9042, "int8": 1.9046, "int4": 1.9311}
PARAMS: Mapping[str, Any] = {
    "evaluate": {"confidence": 0.95, "prompts": ["Return a new array", HOSTILE], "seed": 1},
    "pretrain": {
        "model": {"num_layers": 6, "width": 256},
        "optimization": {"optimizer": "muon"},
        "steps": 800,
    },
    "clean": {"min_chars": 100},
}


def write_run(reports: Path) -> Path:
    """Writes `metrics/` and `curves/` below `reports` as a finished run leaves them; returns `reports`."""
    for source in ("pydocs", "files", "gutenberg", "openwebtext", "wikipedia", "commoncrawl"):
        put(reports, f"ingest/{source}", ingest(source))
        put(reports, f"clean/{source}", clean(source))
    put(reports, "dedupe", dedupe())
    put(reports, "validate", validate())
    put(reports, "train_bpe", train_bpe())
    put(reports, "pack", PackMetrics({split: packed(split) for split in ("train", "val", "test")}))
    put(reports, "pretrain", pretrain())
    put(reports, "finetune", finetune())
    put(reports, "quantize", quantize())
    put(reports, "export", export())
    for model in BITS:
        put(reports, f"evaluate/{model}", evaluate(model))
    for stage, steps in (("pretrain", 800), ("finetune", 100)):
        (reports / "curves").mkdir(exist_ok=True)
        (reports / "curves" / f"{stage}.csv").write_text(curve(steps))
    return reports


def put(reports: Path, name: str, metrics: Any) -> None:
    """Writes one metrics file with a provenance, as `pipeline.stage` does."""
    stage = name.partition("/")[0]
    provenance = {
        "stage": name.replace("/", "@"),
        "params": PARAMS.get(stage, {"seed": 1}),
        "code": f"{stage:0<64}".encode().hex()[:64],
        "inputs": {f"data/before-{stage}": "ab" * 32},
    }
    fields = {field: getattr(metrics, field) for field in metrics.__dataclass_fields__}
    write_json(reports / "metrics" / f"{name}.json", {**fields, "provenance": provenance})


def ingest(source: str) -> IngestMetrics:
    """Two sources are on: pydocs with 5,000 documents, files with 1,000."""
    read = {"pydocs": 5000, "files": 1000}.get(source, 0)
    dropped = {"pydocs": {"too_short": 400}, "files": {"not_text": 20}}.get(source, {})
    examples = {"files": {"not_text": [HOSTILE, "photo.jpg"]}}.get(source, {})
    kept = read - sum(dropped.values())
    return IngestMetrics(
        source, read > 0, read, kept, dropped, examples, bytes_kept=1000 * kept, shards=1, fetched=[]
    )


def clean(source: str) -> CleanMetrics:
    """What ingest kept, less a few."""
    arriving = ingest(source).documents_kept
    dropped = {"pydocs": {"low_entropy": 30, "too_short": 270}, "files": {"low_entropy": 80}}.get(source, {})
    repaired = {"pydocs": {"line_ends": 12}, "files": {"line_ends": 400, "word_marker": 0}}.get(source, {})
    kept = arriving - sum(dropped.values())
    company = [Companion("flour", 12, 34.5), Companion("<i>bread</i>", 7, 3.2)]
    return CleanMetrics(
        source=source,
        documents_in=arriving,
        documents_kept=kept,
        dropped=dropped,
        bytes_in=1000 * arriving,
        bytes_kept=990 * kept,
        repaired=repaired,
        lines_cut={"few_words": 3 * kept},
        languages={"en": 870, "de": 7, "zxx": 3} if source == "files" else {},
        examples={
            reason: [DroppedExample(f"{source}-00ff", f"{source}/{reason}.txt", f"{reason}\n\n{HOSTILE}")]
            for reason in dropped
        },
        audit=Audit(kept, 90 * kept, {"millers": GroupAudit(21, 9, company)} if kept else {}),
    )


def dedupe() -> DedupeMetrics:
    """5,200 documents in, 200 of them duplicates."""
    tallies = {
        "files": SourceTally(900, 850, {"exact_duplicate": 40, "near_duplicate": 10}, 891000, 840000),
        "pydocs": SourceTally(4300, 4150, {"exact_duplicate": 100, "near_duplicate": 50}, 4257000, 4100000),
    }
    splits = {
        split: SplitTally(number, 980 * number, {"pydocs": Tally(number, 980 * number)})
        for split, number in (("train", 4700), ("val", 150), ("test", 150))
    }
    dropped = {"exact_duplicate": 140, "near_duplicate": 60}
    blend = {"files": Blend(800, 800, 784000, 784000), "pydocs": Blend(4050, 3900, 3969000, 3822000)}
    examples = [RepeatedParagraph(17, "files-00ff", HOSTILE)]
    repeats = RepeatedParagraphs({"files": Losses(21, 34, 5600, 0, 0)}, examples)
    return DedupeMetrics(5200, 5000, dropped, 90, 12, tallies, splits, blend, 25, 5, 700, {}, repeats)


def validate() -> ValidateMetrics:
    """A corpus that met every expectation, with nothing accepted before it."""
    percentiles = {"1": 110, "5": 150, "25": 400, "50": 700, "75": 1200, "95": 3000, "99": 9000}
    splits = {
        split: Lengths(number, 980 * number, 975.5, percentiles)
        for split, number in (("train", 4700), ("val", 150), ("test", 150))
    }
    sources = {
        "files": Lengths(850, 833000, 1011.0, percentiles),
        "pydocs": Lengths(4150, 4067000, 968.2, percentiles),
    }
    overall = Lengths(5000, 4900000, 975.5, percentiles)
    return ValidateMetrics(14, 600, overall, splits, sources, Drift("no baseline", 975.5, None, None, {}))


def train_bpe() -> TrainBpeMetrics:
    """A vocabulary of 4,096 pieces."""
    fit = Fertility(
        documents=4700,
        bytes=4606000,
        tokens=1200000,
        bytes_per_token=3.838,
        byte_token_share=0.00123,
        spelled_share=0.00034,
        unused_pieces=17,
        unused_examples=["\u2581Gutenberg"],
        longest_pieces=["\u2581documentation", "\u2581implementation"],
        by_source={
            "files": SourceFertility(800, 800000, 220000, 3.636),
            "pydocs": SourceFertility(3900, 3806000, 980000, 3.884),
        },
        examples=[
            Example("pydocs-1", "Return a new array", ["Return", "\u2581a", "\u2581new", "\u2581array"])
        ],
    )
    return TrainBpeMetrics("bpe", 4096, SampleMetrics(4700, 4606000, 4700, 4606000, 9000, 4606000), fit)


def packed(split: str) -> PackedSplit:
    """Both sources in every split; 5,000 documents in all."""
    files, pydocs = {"train": (800, 3900), "val": (25, 125), "test": (25, 125)}[split]
    sources = {
        "files": SourceTokens(files, 260 * files, 980 * files, 3.8),
        "pydocs": SourceTokens(pydocs, 254 * pydocs, 980 * pydocs, 3.9),
    }
    documents, tokens = files + pydocs, 260 * files + 254 * pydocs
    blocks = -(-tokens // 256)
    return PackedSplit(documents, tokens, 980 * documents, blocks, tokens / blocks / 256, 3.877, sources)


def pretrain() -> PretrainMetrics:
    """A training whose gates held."""
    train, val = LossSummary(8.318, 3.297, 3.214), LossSummary(4.6, 3.3141, 3.3141)
    training = TrainingMetrics(800, 3276800, 2.74, 0, 2, (310, 1204), 800, train, val, Gates(0.0004, 2.4e-6))
    return PretrainMetrics(7408384, training, 1.9013)


def finetune() -> FinetuneMetrics:
    """A tuning on the documentation's own pairs."""
    pairs = {"train": PairAccount(3100, 40, 0, 0, 60, 3000), "val": PairAccount(110, 0, 10, 0, 1, 99)}
    relevance = {"all": Relevance(99, 1200, 2.5012, 3.1415), "purpose": Relevance(60, 900, 2.9, 3.0)}
    train, val = LossSummary(4.2, 2.9, 2.8), LossSummary(3.3, 3.0512, 3.0101)
    training = TrainingMetrics(100, 64000, 1.07, 1, 0, (), 50, train, val, Gates(None, 2.4e-6))
    return FinetuneMetrics(7408384, pairs, relevance, training)


def quantize() -> QuantizeMetrics:
    """Both forms, close to the original."""
    int8 = Divergence(4096, 0.0001234, 0.4, 20.1, 20.104, 0.0002)
    int4 = Divergence(4096, 0.0212, 3.1, 20.1, 20.6, 0.0249)
    forms = {"int8": FormatMetrics(8, 64, 7900000, int8), "int4": FormatMetrics(4, 32, 4800000, int4)}
    return QuantizeMetrics(29640000, forms)


def export() -> ExportMetrics:
    """Both models in both formats."""
    files = {"config.json": 812, "model.safetensors": 29640000, "tokenizer.model": 62000}
    gguf = {"F16": WrittenGguf(14900000, 16.0, 0.0001), "Q8_0": WrittenGguf(7990000, 8.5, 0.003)}
    return ExportMetrics(
        {role: ExportedModel("Qwen3", files, gguf, None) for role in ("base", "tuned")}, 3800
    )


def evaluate(model: str) -> EvaluateMetrics:
    """Scores around the model's entry in BITS, and one plain and one hostile sample."""
    role = "base" if model == "base" else "tuned"
    samples = [
        Sample(
            "Return a new array",
            " of given shape and type, filled with `fill_value`.\n\nParameters",
            14,
            "limit",
        ),
        Sample(HOSTILE, HOSTILE, 9, "end"),
    ]
    splits = {split: split_score(BITS[model] + more) for split, more in (("val", 0.0123), ("test", 0.0))}
    floors = {split: Floors(4.117, 2.987, 2.891, 2.934) for split in splits} if role == "base" else {}
    return EvaluateMetrics(model, role, 7408384, splits, floors, samples)


def split_score(bits: float) -> SplitScore:
    """A split of 150 documents at so many bits per byte."""
    by_source = {"files": score(bits + 0.2, 25), "pydocs": score(bits - 0.04, 125)}
    return SplitScore(score(bits, 150), by_source)


def score(bits: float, documents: int) -> Score:
    """So many documents of 980 bytes at so many bits per byte."""
    size, tokens = 980 * documents, 254 * documents
    nll = bits * size * math.log(2)
    return Score(documents, size, tokens, nll, math.exp(nll / tokens), bits, bits - 0.031, bits + 0.033)


def curve(steps: int) -> str:
    """A loss curve as the trainings write it."""
    rows = [CURVE_HEADER]
    for step in range(1, steps + 1):
        loss = 3.2 + 5.1 * math.exp(-step / 60) + 0.12 * math.sin(step * step)
        val_loss = f"{loss + 0.05:.6g}" if step % (steps // 4) == 0 else "nan"
        rows.append(f"{step},{step * 4096},{loss:.6g},{val_loss},0.02,1.0")
    return "\n".join(rows) + "\n"
