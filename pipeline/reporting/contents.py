"""The whole report from its parts: the verdict first, then the way from text to files, then what changed."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.reporting.account import account_section
from pipeline.reporting.cleaning import cleaning_section
from pipeline.reporting.comparison import Comparison, comparison_section
from pipeline.reporting.corpus import splits_section, tokenizer_section
from pipeline.reporting.document import Page, Section, Terms
from pipeline.reporting.gate import gate_section
from pipeline.reporting.learning import Curve, training_section
from pipeline.reporting.metrics.run import Run
from pipeline.reporting.origins import origins_section
from pipeline.reporting.quality import quality_section, samples_section
from pipeline.reporting.shipping import export_section, quantization_section
from pipeline.reporting.verdict import tiles, verdict

GLOSSARY = (
    (
        "bits per byte",
        "How many bits the model needs to tell which text it is, divided by the bytes of the raw text. "
        "Lower is better, 8 is knowing nothing. It compares models of any vocabulary.",
    ),
    (
        "perplexity",
        "Among how many equally likely tokens the model wavers on average. It depends on the tokenizer: "
        "compare it only between models that share one.",
    ),
    (
        "floor",
        "What counting tokens (unigram), counting pairs of tokens (bigram) or a compressor (xz, zstd) "
        "reaches on the same text.",
    ),
    ("nats", "The unit of the losses, of natural logarithms. One nat is 1.4427 bits."),
)


def report_page(title: str, run: Run, learned: Mapping[str, Curve], comparison: Comparison) -> Page:
    """The page about a run, its loss curves by stage and its comparison with the baseline."""
    sections = (
        origins_section(run.provenances()),
        account_section(run),
        cleaning_section(run),
        splits_section(run),
        gate_section(run.validate),
        tokenizer_section(run),
        training_section(run, learned),
        quality_section(run),
        quantization_section(run),
        export_section(run),
        samples_section(run),
        comparison_section(comparison),
        Section("glossary", "Glossary", "", (Terms(GLOSSARY),)),
    )
    return Page(title, verdict(run, comparison), tiles(run, comparison), sections)
