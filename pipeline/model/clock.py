"""How a training goes: its speed, what its time was spent on, and the share of the machine it uses.

Nothing of this is an input of anything: it is shown while a training runs and kept as weather.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from typing import Literal, get_args

from pipeline.model.runtime import Runtime
from pipeline.model.transformer import Transformer
from pipeline.model.utilization import ceiling_flops_per_second, flops_per_token, peak_memory_bytes

Spent = Literal["all", "evaluation", "checkpoint", "gate"]


@dataclasses.dataclass(frozen=True, slots=True)
class Weather:
    """How a training went this time, in this process's part of it (the whole, unless it was resumed)."""

    device: str
    precision: str
    processes: int
    steps: int
    training_seconds: float  # without what follows
    evaluation_seconds: float
    checkpoint_seconds: float
    evaluations: int
    evaluation_share: float  # of the time, gates included
    checkpoint_share: float
    gate_share: float
    tokens_per_second: float  # targets, in training alone
    evaluation_tokens_per_second: float  # positions
    model_flops_per_token: float  # see utilization.py, as the next three
    ceiling_flops_per_second: float
    share_of_ceiling: float  # MFU
    peak_memory_bytes: int


class Clock:
    """Seconds by what they were spent on, and the tokens they were spent for, since it was made.

    `tokens` are the targets learned from, `positions` all places of the batches (a row of pairs counts as the
    whole context), `evaluated` those of the evaluations.
    """

    def __init__(self, model: Transformer, runtime: Runtime) -> None:
        self._runtime = runtime
        self._flops_per_token = flops_per_token(model)
        self._ceiling = ceiling_flops_per_second(runtime)
        self._started = time.monotonic()
        self._seconds: dict[Spent, float] = dict.fromkeys(get_args(Spent), 0.0)
        self._times: dict[Spent, int] = dict.fromkeys(get_args(Spent), 0)
        self.steps, self.tokens, self.positions, self.evaluated = 0, 0, 0, 0

    @contextlib.contextmanager
    def timing(self, what: Spent) -> Iterator[None]:
        """Adds the time of its body. "all" is the training without its gates, which come before and after."""
        started = time.monotonic()
        if what == "all":
            self._started = started
        try:
            yield
        finally:
            self._seconds[what] += time.monotonic() - started
            self._times[what] += 1

    def step_done(self, *, tokens: int, positions: int) -> None:
        """One more step, which learned from so many targets at so many positions."""
        self.steps += 1
        self.tokens += tokens
        self.positions += positions

    def note(self, loss: float) -> str:
        """The live line: loss, speed, share of the ceiling, memory."""
        seconds = self._training_seconds()
        memory = peak_memory_bytes(self._runtime.device) / 1e9
        return (
            f"loss {loss:.3f}, {self.tokens / seconds:,.0f} tokens/s, "
            f"{self._share(seconds):.0%} of the matrix speed, {memory:.2f} GB"
        )

    def weather(self) -> Weather:
        """What there is to say at the end."""
        runtime, seconds, training = self._runtime, self._seconds, self._training_seconds()
        everything = max(seconds["all"] + seconds["gate"], 1e-9)
        return Weather(
            device=str(runtime.device),
            precision=runtime.precision,
            processes=runtime.processes,
            steps=self.steps,
            training_seconds=training,
            evaluation_seconds=seconds["evaluation"],
            checkpoint_seconds=seconds["checkpoint"],
            evaluations=self._times["evaluation"],
            evaluation_share=seconds["evaluation"] / everything,
            checkpoint_share=seconds["checkpoint"] / everything,
            gate_share=seconds["gate"] / everything,
            tokens_per_second=self.tokens / training,
            evaluation_tokens_per_second=self.evaluated / max(seconds["evaluation"], 1e-9),
            model_flops_per_token=self._flops_per_token,
            ceiling_flops_per_second=self._ceiling,
            share_of_ceiling=self._share(training),
            peak_memory_bytes=peak_memory_bytes(runtime.device),
        )

    def _training_seconds(self) -> float:
        """Time so far, or of the whole once it is over, that was neither evaluation nor checkpoint."""
        passed = self._seconds["all"] or time.monotonic() - self._started
        return max(passed - self._seconds["evaluation"] - self._seconds["checkpoint"], 1e-9)

    def _share(self, seconds: float) -> float:
        return self.positions * self._flops_per_token / seconds / self._ceiling
