"""Safety: what checkpoints and gates cost of the default pretraining, as its own clock saw it.

It reads the timings of the last run (`reports/timings/pretrain.json`), so run the pipeline first.
"""

from __future__ import annotations

from benchmarks.bench import PARAMS_FILE, Result
from pipeline.artifacts import read_json
from pipeline.errors import DataError

MOST_SHARE = 0.03
TIMINGS = PARAMS_FILE.parent / "reports/timings/pretrain.json"


def measure() -> Result:
    """The share of pretraining's time that went to checkpoints and gates; DataError before the first run."""
    if not TIMINGS.is_file():
        raise DataError(f"{TIMINGS}: is missing; run `dvc repro` first")
    timings = read_json(TIMINGS)
    shares = {name: timings[f"{name}_share"] for name in ("checkpoint", "gate")}
    rows = [("part", "share of pretraining")] + [(name, f"{share:.2%}") for name, share in shares.items()]
    return Result(tuple(rows), (("share left for training", 1 - sum(shares.values()), 1 - MOST_SHARE),))
