"""Which of several processes this one is, where a launcher such as `torchrun` started them all."""

from __future__ import annotations

import os

_SET_BY_LAUNCHERS = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def launched_rank() -> int | None:
    """This process's number among all that a launcher started; None when none did."""
    return int(os.environ["RANK"]) if os.environ.keys() >= set(_SET_BY_LAUNCHERS) else None
