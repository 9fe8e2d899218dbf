"""How the losses fell: the curves of pretraining and of instruction tuning."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import IntegrityError
from pipeline.reporting import numerals, theme
from pipeline.reporting.charts import Line, curves, figure, thinned
from pipeline.reporting.document import Figure, Row, Section, Table
from pipeline.reporting.metrics.model import Gates, Training
from pipeline.reporting.metrics.run import Run

_THINNED = (
    "The train loss is drawn as means of short stretches; the validation loss is that of the whole split."
)
_MOST_SPIKES = 5  # that are named


@dataclass(frozen=True, slots=True)
class Curve:
    """Losses in nats per token by tokens seen; the validation loss was measured at fewer places."""

    tokens: tuple[float, ...]
    loss: tuple[float, ...]
    val_tokens: tuple[float, ...]
    val_loss: tuple[float, ...]


def read_curve(path: Path) -> Curve:
    """The curve in a CSV file with columns tokens, loss and val_loss (`nan` where it was not measured).

    IntegrityError when the file is missing, has no rows, or holds something else.
    """
    if not path.is_file():
        raise IntegrityError(f"{path}: missing; `dvc repro` writes it anew")
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8", errors="replace"))))
    try:
        trained, measured = (
            [(float(row["tokens"]), float(row[name])) for row in rows if not math.isnan(float(row[name]))]
            for name in ("loss", "val_loss")
        )
    except (KeyError, ValueError, TypeError) as error:
        raise IntegrityError(f"{path}: not a loss curve ({error!r}); `dvc repro` writes it anew") from error
    if not trained:
        raise IntegrityError(f"{path}: holds no step; `dvc repro` writes it anew")
    tokens, loss = zip(*trained, strict=True)
    val_tokens, val_loss = zip(*measured, strict=True) if measured else ((), ())
    return Curve(tokens, loss, val_tokens, val_loss)


def loss_figure(stage: str, curve: Curve, *, caption: str) -> Figure:
    """The train loss as means of short stretches, and the validation loss where it was measured."""
    x, y = thinned(curve.tokens, curve.loss)
    lines = [Line("train", x, y, theme.MAIN)]
    if curve.val_loss:
        lines.append(Line("validation", curve.val_tokens, curve.val_loss, theme.LOSS, marked=True))
    return figure(
        f"loss-{stage}",
        lambda width: curves(lines, width, x_label="tokens seen", y_label="loss, nats per token"),
        caption=caption,
        alt=f"Loss of {stage} from {curve.loss[0]:.2f} to {curve.loss[-1]:.2f} nats per token",
    )


def training_section(run: Run, learned: Mapping[str, Curve]) -> Section:
    """Both trainings side by side, their curves, and the account of the instruction pairs."""
    lead = (
        "The weights with the lowest validation loss are the ones published. Before a training is believed, "
        "it must start from the loss of a blind guess, and no logit may move when only later tokens change. "
        "A spike is a step whose loss lies over a nat above the median of the 32 before it and far beyond "
        "their spread, or whose gradient is more than 10 times as large as theirs."
    )
    figures = (
        loss_figure("pretrain", learned["pretrain"], caption="Pretraining. " + _THINNED),
        loss_figure(
            "finetune", learned["finetune"], caption="Instruction tuning, loss of the response. " + _THINNED
        ),
    )
    return Section("training", "Training", lead, (*figures, _trainings(run), _pairs(run), *_relevance(run)))


def _trainings(run: Run) -> Table:
    models, trainings = (run.pretrain, run.finetune), (run.pretrain.training, run.finetune.training)
    rows = [
        ("parameters", [numerals.count(each.parameters) for each in models]),
        ("steps", [numerals.count(each.steps) for each in trainings]),
        (
            "steps skipped for a loss that is no number",
            [numerals.count(each.skipped_steps) for each in trainings],
        ),
        ("spikes", [_spikes(each) for each in trainings]),
        ("tokens learned from", [numerals.count(each.tokens) for each in trainings]),
        ("passes over the data", [numerals.decimal(each.epochs, digits=2) for each in trainings]),
        ("first train loss", [numerals.decimal(each.train_loss.first, digits=4) for each in trainings]),
        ("last train loss", [numerals.decimal(each.train_loss.last, digits=4) for each in trainings]),
        ("last validation loss", [numerals.decimal(each.val_loss.last, digits=4) for each in trainings]),
        ("best validation loss", [numerals.decimal(each.val_loss.best, digits=4) for each in trainings]),
        ("best step", [numerals.count(each.best_step) for each in trainings]),
        ("first loss, distance from a blind guess", [_distance(each.gates) for each in trainings]),
        (
            "largest logit change from later tokens",
            [numerals.significant(each.gates.causality_leak) for each in trainings],
        ),
    ]
    columns = ("", "pretrain", "finetune")
    return Table(
        "", columns, ("text", "number", "number"), tuple(Row((name, *values)) for name, values in rows)
    )


def _spikes(training: Training) -> str:
    """How many steps spiked, and which were the first."""
    shown = ", ".join(numerals.count(step) for step in training.spike_steps[:_MOST_SPIKES])
    more = ", …" if training.spikes > _MOST_SPIKES else ""
    return numerals.count(training.spikes) + (f" (step {shown}{more})" if shown else "")


def _pairs(run: Run) -> Table:
    """The account of prompt/response pairs: what was found is the sum of the rest."""
    rows = tuple(
        Row(
            (
                split,
                *map(
                    numerals.count,
                    (
                        pairs.found,
                        pairs.duplicates,
                        pairs.in_train,
                        pairs.over_limit,
                        pairs.too_long,
                        pairs.kept,
                    ),
                ),
            )
        )
        for split, pairs in sorted(run.finetune.pairs.items())
    )
    columns = ("Split", "Found", "Duplicates", "Prompt in train", "Over the limit", "Too long", "Kept")
    return Table("Instruction pairs", columns, ("text", *("number",) * 6), rows)


def _relevance(run: Run) -> list[Table]:
    """What held-out answers cost behind their own question and behind another one, where it was measured."""
    rows = tuple(
        Row(
            (
                kind,
                numerals.count(cost.pairs),
                numerals.decimal(cost.own_question, digits=3),
                numerals.decimal(cost.other_question, digits=3),
                numerals.decimal(cost.other_question - cost.own_question, digits=3),
            )
        )
        for kind, cost in sorted(run.finetune.relevance.items(), key=lambda item: (item[0] == "all", item[0]))
    )
    columns = ("Question", "Pairs", "Own question", "Another question", "What the question is worth")
    title = "How much the question matters: nats per token of held-out answers"
    return [Table(title, columns, ("text", *("number",) * 4), rows)] if rows else []


def _distance(gates: Gates) -> str:
    return (
        numerals.DASH
        if gates.first_loss_distance is None
        else numerals.share(gates.first_loss_distance, digits=3)
    )
