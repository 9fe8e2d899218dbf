"""The corpora benchmark: what it sets and what it shows; a whole run of it takes minutes."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from benchmarks.corpora import Measured, main, tables_of, write_params
from pipeline.errors import ParamsError
from pipeline.params import load
from pipeline.reporting.metrics.run import read_run
from pipeline.reporting.weather import Timing
from pipeline.settings.sections import SECTIONS
from tests.reporting.material import write_run
from tests.workshop import ROOT

PROFILE = ROOT / "profiles/tiny.yaml"
ENDED = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)


def test_the_tables_show_the_account_the_scores_and_the_cost(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path) / "metrics")
    timings = [
        Timing("pretrain", 90.0, 170.0, 5e8, {}, ENDED),
        Timing("report", 0.5, 0.5, 9e8, {}, ENDED),
    ]
    lines = list(tables_of(Measured("pydocs", "tiny.yaml", run, timings, seconds=100.0)))
    text = "\n".join(lines)
    assert "1\u00a0min 40\u00a0s in all, at most 900\u00a0MB in one process (report)" in text
    for stage, step in (("ingest", run.ingest["pydocs"]), ("dedupe", run.dedupe)):
        (row,) = [line for line in lines if line.startswith(f"| {stage} |")]
        assert f"| {step.documents_in:,} | {step.documents_kept:,} |" in row
        assert all(f"{count:,} {reason}" in row for reason, count in step.dropped.items() if count)
    base = run.evaluate["base"].splits["test"]
    assert f"{base.total.bits_per_byte:.3f} (" in text
    assert "| xz -9 | " in text
    assert [line.split("|")[1].strip() for line in lines if "min 30" in line] == ["pretrain"]
    assert not any(line.startswith("| report |") for line in lines)


def test_settings_keep_the_profile_complete(tmp_path: Path) -> None:
    write_params(PROFILE, tmp_path / "params.yaml", {"ingest.files.enabled": True, "pretrain.steps": 7})
    params = load(tmp_path / "params.yaml", SECTIONS)
    assert params["ingest"].files.enabled
    assert params["pretrain"].steps == 7
    assert "# " in (tmp_path / "params.yaml").read_text()


def test_a_key_that_the_profile_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"pretrain\.stepz: there is no such key"):
        write_params(PROFILE, tmp_path / "params.yaml", {"pretrain.stepz": 7})
    assert not (tmp_path / "params.yaml").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--only", "wikipedia"], "'wikipedia' is none of gutenberg, files, openwebtext"),
        (["--set", "pretrain.steps"], "'pretrain.steps' is not KEY=VALUE"),
        ([], "instruction-data.json: no such file"),
    ],
)
def test_wrong_options_are_refused(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--corpora", str(tmp_path), "--out", str(tmp_path / "out"), *options])
    assert said in capsys.readouterr().err
