"""accept: makes the metrics of this run the baseline that later reports and drift checks compare with.

    python -m pipeline.reporting.accept

Afterwards commit reports/baseline/.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.artifacts import write_bytes
from pipeline.command import command
from pipeline.errors import IntegrityError
from pipeline.reporting.metrics.run import FILES

METRICS, BASELINE = Path("reports/metrics"), Path("reports/baseline")


def accept(metrics: Path, baseline: Path) -> str:
    """Copies every JSON file below `metrics` to the same place below `baseline`, where others are removed.

    Whatever is not JSON stays. Raises IntegrityError, before anything is written, when the run's metrics are
    not all there. Returns what was done, in a line.
    """
    missing = [name for name in FILES if not (metrics / name).is_file()]
    if missing:
        rest = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise IntegrityError(
            f"{metrics / missing[0]}{rest}: missing; only a finished run is accepted: `dvc repro`"
        )
    names = {path.relative_to(metrics) for path in metrics.rglob("*.json") if not path.name.startswith(".")}
    gone = {path.relative_to(baseline) for path in baseline.rglob("*.json")} - names
    for name in sorted(names):
        write_bytes(baseline / name, (metrics / name).read_bytes())
    for name in sorted(gone):
        (baseline / name).unlink()
    for folder in sorted((path for path in baseline.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    return f"{len(names)} files are the baseline now, {len(gone)} removed; commit {baseline}"


if __name__ == "__main__":
    command("accept", lambda: accept(METRICS, BASELINE))
