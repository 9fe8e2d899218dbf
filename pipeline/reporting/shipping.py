"""What leaves the pipeline: smaller weights and what they cost, and files that other programs open."""

from __future__ import annotations

from pipeline.reporting import numerals
from pipeline.reporting.charts import Point, figure, scatter
from pipeline.reporting.document import Figure, Prose, Row, Section, Table, words_then_numbers
from pipeline.reporting.metrics.model import ExportedModel, Score
from pipeline.reporting.metrics.run import Run

MEGABYTE = 1e6


def quantization_section(run: Run) -> Section:
    """Size against quality of the tuned model's quantized forms."""
    tokens = next(iter(run.quantize.formats.values())).divergence.tokens
    lead = (
        "The tuned model's weights, rounded. KL is the divergence of the predictions from the original's, in "
        f"nats per token, on {numerals.count(tokens)} tokens of validation blocks; bits per byte are those "
        "of the same test documents as above."
    )
    return Section("quantization", "Quantization", lead, (_chart(run), _forms(run)))


def export_section(run: Run) -> Section:
    """Every exported file with its size, and why others are missing."""
    lead = (
        "Hugging Face folders for transformers and vLLM, GGUF files for llama.cpp; each GGUF was read back."
    )
    blocks: list[Table | Prose] = []
    for role, model in sorted(run.export.models.items()):
        if model.not_exported is not None:
            blocks.append(Prose(f"The {role} model. {model.not_exported}", "marked"))
        if model.layout is not None:
            blocks.append(_exported(role, model))
    return Section("export", "Exported files", lead, tuple(blocks))


def bits_per_byte_change(run: Run, form: str) -> float:
    """The relative change of test bits per byte from the tuned model to one of its quantized forms."""
    tuned, quantized = _test(run, "tuned").bits_per_byte, _test(run, form).bits_per_byte
    return quantized / tuned - 1


def times_smaller(run: Run, form: str) -> float:
    """How many times smaller the form's weights are than the original's."""
    return run.quantize.original_bytes / run.quantize.formats[form].bytes


def _chart(run: Run) -> Figure:
    sizes = {"tuned": run.quantize.original_bytes}
    sizes |= {name: form.bytes for name, form in run.quantize.formats.items()}
    points = []
    for name, size in sorted(sizes.items(), key=lambda item: item[1]):
        score = _test(run, name)
        points.append(
            Point(
                "original" if name == "tuned" else name, size / MEGABYTE, score.bits_per_byte, score.interval
            )
        )
    return figure(
        "quantization",
        lambda width: scatter(points, width, x_label="weights, MB", y_label="bits per byte, test"),
        caption="Size of the weights against test bits per byte, with the intervals of the scores.",
        alt="Scatter chart of weight size against bits per byte for the original, int8 and int4 weights",
    )


def _forms(run: Run) -> Table:
    original = _test(run, "tuned")
    first = ("original", "32", "", numerals.count(run.quantize.original_bytes), "1.00")
    rows = [Row((*first, numerals.decimal(original.bits_per_byte, digits=4), "", "", ""))]
    for name, form in run.quantize.formats.items():
        rows.append(
            Row(
                (
                    name,
                    str(form.bits),
                    str(form.group),
                    numerals.count(form.bytes),
                    numerals.decimal(times_smaller(run, name), digits=2),
                    numerals.decimal(_test(run, name).bits_per_byte, digits=4),
                    numerals.signed_share(bits_per_byte_change(run, name), digits=3),
                    numerals.signed_share(form.divergence.perplexity_change, digits=3),
                    numerals.significant(form.divergence.mean_kl),
                )
            )
        )
    columns = (
        "Weights",
        "Bits",
        "Group",
        "Bytes",
        "Times smaller",
        "Test bpb",
        "Change",
        "Perplexity, val blocks",
        "KL",
    )
    return Table("", columns, ("text", *("number",) * 8), tuple(rows))


def _exported(role: str, model: ExportedModel) -> Table:
    whole = sum(model.huggingface_bytes.values())
    rows = [
        Row(("huggingface", "", numerals.count(whole), numerals.size(whole)), "total"),
        *(
            Row((name, "", numerals.count(size), numerals.size(size)), "detail")
            for name, size in sorted(model.huggingface_bytes.items())
        ),
    ]
    for kind, written in sorted(model.gguf.items()):
        bits = numerals.decimal(written.bits_per_weight, digits=2)
        cells = (f"GGUF {kind}", bits, numerals.count(written.bytes), numerals.size(written.bytes))
        rows.append(Row(cells, "total"))
    columns = ("File", "Bits per weight", "Bytes", "Size")
    return Table(f"{role}, {model.layout} layout", columns, words_then_numbers(columns), tuple(rows))


def _test(run: Run, model: str) -> Score:
    return run.evaluate[model].splits["test"].total
