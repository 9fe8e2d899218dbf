"""Spikes: steps at which a training jumped, and mostly came back.

A step is one when its loss lies clearly above those before it, or when its gradient is far larger than
theirs. What counts as before are the last 32 steps that were not skipped, so a curve alone says where it
spiked, and a loss that stays high is reported until it has become the usual one. "PaLM: Scaling Language
Modeling with Pathways" (Chowdhery et al., 2022, section 5.1) describes them and what was done about them.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable

from pipeline.model.checkpoint import CurvePoint

WINDOW_STEPS = 32  # before a step, of those that were not skipped
FEWEST_STEPS = 8  # before the first step that is judged
LOSS_MARGIN = 1.0  # nats per token above their median: the targets became e times less likely
LOSS_DEVIATIONS = 8.0  # and so many times their median distance from it: small batches are noisy
NORM_FACTOR = 10.0  # times their median gradient norm


def spike_steps(curve: Iterable[CurvePoint]) -> tuple[int, ...]:
    """The numbers of the steps that spiked. Skipped steps, which have no loss, are counted elsewhere."""
    found = []
    losses: deque[float] = deque(maxlen=WINDOW_STEPS)
    norms: deque[float] = deque(maxlen=WINDOW_STEPS)
    for point in curve:
        if point.loss is None or point.gradient_norm is None:
            continue
        if len(losses) >= FEWEST_STEPS and (
            _loss_jumped(point.loss, losses) or _norm_jumped(point.gradient_norm, norms)
        ):
            found.append(point.step)
        losses.append(point.loss)
        norms.append(point.gradient_norm)
    return tuple(found)


def _loss_jumped(loss: float, before: Iterable[float]) -> bool:
    before = list(before)
    usual = statistics.median(before)
    deviation = statistics.median(abs(value - usual) for value in before)
    return loss > usual + max(LOSS_MARGIN, LOSS_DEVIATIONS * deviation)


def _norm_jumped(norm: float, before: Iterable[float]) -> bool:
    """A median of 0 (nothing left to learn) is no measure: any gradient would be far larger."""
    usual = statistics.median(before)
    return usual > 0 and norm > NORM_FACTOR * usual
