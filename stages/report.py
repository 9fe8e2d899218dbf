"""report: renders the page people review, compared with the accepted baseline."""

from __future__ import annotations

import shutil

from pipeline.artifacts import replace_folder, write_bytes
from pipeline.reporting.comparison import compare
from pipeline.reporting.contents import report_page
from pipeline.reporting.learning import read_curve
from pipeline.reporting.metrics.run import read_run
from pipeline.reporting.render import to_html, to_markdown
from pipeline.settings.report import ReportParams
from pipeline.stage import Input, Output, Work, main

TRAININGS = ("pretrain", "finetune")


def run(
    metrics: Input,
    curves: Input,
    baseline: Input,
    page: Output,
    markdown: Output,
    figures: Output,
    *,
    params: ReportParams,
    work: Work,
) -> None:
    """Reads every metrics file, compares with the baseline, and writes page, Markdown twin and figures."""
    finished = read_run(metrics)
    learned = {stage: read_curve(curves / f"{stage}.csv") for stage in TRAININGS}
    compared = compare(finished, baseline, notable_change_share=params.notable_change_share)
    document = report_page(params.title, finished, learned, compared)
    drawn = work.folder / "figures"
    shutil.rmtree(drawn, ignore_errors=True)
    for figure in document.figures():
        write_bytes(drawn / f"{figure.name}.svg", figure.wide)
    figures.parent.mkdir(parents=True, exist_ok=True)
    replace_folder(drawn, figures)
    write_bytes(markdown, to_markdown(document, figures=figures.name).encode("utf-8"))
    write_bytes(page, to_html(document).encode("utf-8"))


if __name__ == "__main__":
    main("report", run)
