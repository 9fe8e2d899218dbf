"""The few numbers that say what a run is worth: those that are compared with the baseline."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.records import SPLITS
from pipeline.reporting.metrics.run import MODELS, Run


@dataclass(frozen=True, slots=True)
class Headline:
    """A number with its name, the digits to show and, where it was estimated, its confidence interval."""

    name: str
    value: float
    digits: int
    interval: tuple[float, float] | None = None


def headlines(run: Run) -> list[Headline]:
    """Every headline number of the run, in the order of the page."""
    _, floor = run.evaluate["base"].floors["test"].best()
    return [
        Headline("documents kept", run.dedupe.documents_kept, 0),
        *(Headline(f"{split} tokens", run.pack.splits[split].tokens, 0) for split in SPLITS),
        Headline("bytes per token, test", run.pack.splits["test"].bytes_per_token, 3),
        Headline("pretraining, best validation loss", run.pretrain.training.val_loss.best, 4),
        Headline("tuning, best validation loss", run.finetune.training.val_loss.best, 4),
        *(bits_per_byte(run, model) for model in MODELS),
        Headline("perplexity, base, test", run.evaluate["base"].splits["test"].total.perplexity, 2),
        Headline("best floor, test", floor, 3),
        Headline("int8 divergence, nats per token", run.quantize.formats["int8"].divergence.mean_kl, 6),
        Headline("int4 divergence, nats per token", run.quantize.formats["int4"].divergence.mean_kl, 6),
    ]


def bits_per_byte(run: Run, model: str) -> Headline:
    """Bits per byte of one model on the test split."""
    score = run.evaluate[model].splits["test"].total
    return Headline(f"bits per byte, {model}, test", score.bits_per_byte, 4, score.interval)
