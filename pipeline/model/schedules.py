"""Learning rates over the steps: a warm-up, then one of a table of curves.

A curve is a pure function of (step, steps, params) and gives the share of the peak learning rate at `step`
(0-based) of `steps`, once the warm-up is over. Up to the warm-up's last step every schedule rises linearly.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pipeline.settings.training import ScheduleKind, ScheduleParams

Curve = Callable[[int, int, ScheduleParams], float]


def learning_rate_share(step: int, *, steps: int, params: ScheduleParams) -> float:
    """The share of the peak learning rate at `step` (0-based) of `steps`, from 0 to 1.

    Cosine, linear, polynomial and wsd reach `final_share` at the last step; inverse_sqrt and step do not fall
    below it; constant stays at the peak.
    """
    warmup = _warmup_steps(steps, params)
    return (step + 1) / warmup if step < warmup else CURVES[params.kind](step, steps, params)


def constant(step: int, steps: int, params: ScheduleParams) -> float:
    """The peak, to the end."""
    return 1.0


def linear(step: int, steps: int, params: ScheduleParams) -> float:
    """A straight line from the warm-up's end to the last step."""
    return _fallen(_progress(step, steps, since=_warmup_steps(steps, params)), params)


def cosine(step: int, steps: int, params: ScheduleParams) -> float:
    """Half a cosine (Loshchilov and Hutter, arXiv:1608.03983)."""
    progress = _progress(step, steps, since=_warmup_steps(steps, params))
    return _fallen((1 - math.cos(math.pi * progress)) / 2, params)


def polynomial(step: int, steps: int, params: ScheduleParams) -> float:
    """What is left of the way, to `power`: above 1 the rate falls sooner, below 1 later."""
    progress = _progress(step, steps, since=_warmup_steps(steps, params))
    return _fallen(1.0 - (1.0 - progress) ** params.power, params)


def wsd(step: int, steps: int, params: ScheduleParams) -> float:
    """Warm-up, stable, decay: the peak, then a straight line over the last `decay_share` of all steps.

    Hu et al., "MiniCPM" (arXiv:2404.06395); that 0.4 and a line do well: Hägele et al. (arXiv:2405.18392).
    """
    decay_start = max(_warmup_steps(steps, params), steps - math.ceil(params.decay_share * steps))
    return _fallen(_progress(step, steps, since=decay_start), params)


def inverse_sqrt(step: int, steps: int, params: ScheduleParams) -> float:
    """The root of warm-up steps over steps taken (Vaswani et al., arXiv:1706.03762, section 5.3)."""
    return max(params.final_share, math.sqrt(max(1, _warmup_steps(steps, params)) / (step + 1)))


def staircase(step: int, steps: int, params: ScheduleParams) -> float:
    """Times `step_factor` after every `step_every_share` of all steps."""
    falls = step // max(1, math.ceil(params.step_every_share * steps))
    return max(params.final_share, params.step_factor**falls)


CURVES: dict[ScheduleKind, Curve] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    "polynomial": polynomial,
    "wsd": wsd,
    "inverse_sqrt": inverse_sqrt,
    "step": staircase,
}


def _warmup_steps(steps: int, params: ScheduleParams) -> int:
    return math.ceil(params.warmup_share * steps)


def _progress(step: int, steps: int, *, since: int) -> float:
    """How much of the way from step `since` to the last one is done after `step`."""
    return max(0.0, (step + 1 - since) / max(1, steps - since))


def _fallen(progress: float, params: ScheduleParams) -> float:
    """The share at this progress from the peak to `final_share`."""
    return 1.0 - progress * (1.0 - params.final_share)
