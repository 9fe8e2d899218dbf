"""report: every number comes from a metrics file, a missing one is named, equal files give equal bytes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.errors import IntegrityError
from pipeline.reporting.metrics.run import FILES
from pipeline.settings.report import ReportParams
from pipeline.stage import Work
from stages.report import run
from tests.reporting.material import write_run

ROOT = Path(__file__).resolve().parent.parent.parent
PARAMS = ReportParams(title="A report", notable_change_share=0.01)


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A finished run's reports folder with nothing accepted yet."""
    (tmp_path / "baseline").mkdir()
    (tmp_path / "baseline/README.md").write_text("nothing accepted yet")
    return write_run(tmp_path)


def rendered(reports: Path, name: str = "out") -> Path:
    """Runs the stage into a folder of its own and returns it."""
    out, work = reports / name, reports / "work" / name
    work.mkdir(parents=True)
    run(
        reports / "metrics",
        reports / "curves",
        reports / "baseline",
        out / "report.html",
        out / "report.md",
        out / "figures",
        params=PARAMS,
        work=Work(work),
    )
    return out


def edit(reports: Path, name: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """Changes one metrics file."""
    path = reports / "metrics" / name
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def test_the_page_its_twin_and_the_figures_are_written(reports: Path) -> None:
    out = rendered(reports)
    html = (out / "report.html").read_text(encoding="utf-8")
    markdown = (out / "report.md").read_text(encoding="utf-8")
    figures = {path.stem for path in (out / "figures").iterdir()}
    assert figures == {"waterfall", "loss-pretrain", "loss-finetune", "bits-per-byte", "quantization"}
    assert all(f"](figures/{name}.svg)" in markdown for name in figures)
    assert html.count("<svg") == 2 * len(figures)
    assert markdown.startswith("# A report\n")
    for text in (html, markdown):
        assert "The base model needs 1.873 bits per byte for text it never saw, 35\u00a0% less" in text
        assert "No run has been accepted as baseline yet" in text


PLANTED: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    ("ingest/pydocs.json", lambda m: m.update(documents_in=7654321), "7,654,321"),
    ("ingest/files.json", lambda m: m["dropped"].update(planted_reason=4567), "planted reason"),
    ("clean/files.json", lambda m: m["repaired"].update(line_ends=5432), "5,444"),
    ("clean/openwebtext.json", lambda m: m["lines_cut"].update(no_end_mark=7654), "7,654"),
    ("dedupe.json", lambda m: m.update(largest_cluster=8765), "8,765"),
    (
        "dedupe.json",
        lambda m: m["repeated_paragraphs"]["by_source"]["files"].update(paragraphs=8765431),
        "8,765,431",
    ),
    (
        "dedupe.json",
        lambda m: m["repeated_paragraphs"]["examples"][0].update(text="planted paragraph"),
        "planted paragraph",
    ),
    ("validate.json", lambda m: m["overall"]["percentiles_chars"].update({"99": 98761}), "98,761"),
    ("train_bpe.json", lambda m: m["fertility"].update(bytes_per_token=3.4567), "3.457"),
    ("train_bpe.json", lambda m: m.update(model_type="unigram"), "A unigram vocabulary of 4,096"),
    ("train_bpe.json", lambda m: m["fertility"].update(spelled_share=0.0765), "7.650"),
    ("train_bpe.json", lambda m: m["fertility"].update(unused_examples=["planted piece"]), "planted piece"),
    ("pack.json", lambda m: m["splits"]["test"].update(tokens=9876541), "9,876,541"),
    ("pretrain.json", lambda m: m["training"]["val_loss"].update(best=2.7182), "2.7182"),
    ("finetune.json", lambda m: m["pairs"]["train"].update(kept=31415), "31,415"),
    ("finetune.json", lambda m: m["relevance"]["all"].update(other_question=7.7771), "7.777"),
    ("quantize.json", lambda m: m["formats"]["int4"].update(bytes=4711000), "4,711,000"),
    ("export.json", lambda m: m["models"]["tuned"]["gguf"]["Q8_0"].update(bytes=7654320), "7,654,320"),
    ("evaluate/base.json", lambda m: m["splits"]["test"]["total"].update(bits_per_byte=1.2345), "1.234"),
    ("evaluate/base.json", lambda m: m["floors"]["test"].update(zstd_19=1.111), "1.111"),
    ("evaluate/tuned.json", lambda m: m["splits"]["val"]["total"].update(perplexity=66.67), "66.67"),
    (
        "evaluate/int8.json",
        lambda m: m["splits"]["test"]["by_source"]["files"].update(bits_per_byte=5.4321),
        "5.432",
    ),
    ("evaluate/int4.json", lambda m: m["samples"][0].update(text="a planted sample"), "a planted sample"),
    ("clean/pydocs.json", lambda m: m["provenance"]["params"].update(min_chars=12321), "12321"),
    ("pack.json", lambda m: m["provenance"].update(code="c0ffee" * 10 + "0000"), "c0ffeec0ffee"),
    ("pack.json", lambda m: m["provenance"].update(inputs={"data/planted": "5eed" * 16}), "5eed5eed5eed"),
]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page before and after planting every number of PLANTED, and its twin after."""
    reports = write_run(tmp_path_factory.mktemp("planted"))
    before = (rendered(reports, "before") / "report.html").read_text(encoding="utf-8")
    for name, change, _ in PLANTED:
        edit(reports, name, change)
    after = rendered(reports, "after")
    return {
        "before": before,
        "html": (after / "report.html").read_text(encoding="utf-8"),
        "markdown": (after / "report.md").read_text(encoding="utf-8"),
    }


@pytest.mark.parametrize(("name", "shown"), [(name, shown) for name, _, shown in PLANTED])
def test_a_number_planted_in_a_metrics_file_shows_on_the_page(
    planted: dict[str, str], name: str, shown: str
) -> None:
    assert shown not in re.sub("<svg.*?</svg>", "", planted["before"], flags=re.DOTALL), name
    assert shown in planted["html"], name
    assert shown in planted["markdown"], name


def test_what_changed_against_the_baseline_is_in_the_verdict(reports: Path) -> None:
    shutil.copytree(reports / "metrics", reports / "baseline", dirs_exist_ok=True)
    edit(reports, "evaluate/base.json", lambda m: m["splits"]["test"]["total"].update(bits_per_byte=1.7))
    html = (rendered(reports) / "report.html").read_text(encoding="utf-8")
    assert "1 of 15 headline numbers changed notably: bits per byte, base, test." in html
    assert "\u22129.24\u00a0%" in html


@pytest.mark.parametrize("name", FILES)
def test_a_missing_metrics_file_is_named(reports: Path, name: str) -> None:
    (reports / "metrics" / name).unlink()
    with pytest.raises(IntegrityError) as caught:
        rendered(reports)
    assert str(caught.value) == f"{reports / 'metrics' / name}: missing; `dvc repro` writes it anew"
    assert not (reports / "out").exists()


LACKING: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    ("pack.json", lambda m: m["splits"].pop("val"), "splits.val"),
    ("quantize.json", lambda m: m["formats"].pop("int4"), "formats.int4"),
    ("evaluate/int8.json", lambda m: m["splits"].pop("test"), "splits.test"),
    (
        "evaluate/int8.json",
        lambda m: m["splits"]["test"]["by_source"].pop("files"),
        "splits.test.by_source.files",
    ),
    (
        "evaluate/base.json",
        lambda m: m["provenance"]["params"].pop("confidence"),
        "provenance.params.confidence",
    ),
    ("train_bpe.json", lambda m: m["fertility"].pop("bytes"), "fertility.bytes"),
]


@pytest.mark.parametrize(("name", "change", "key"), LACKING)
def test_a_key_that_the_page_needs_is_named_when_it_is_missing(
    reports: Path, name: str, change: Callable[[dict[str, Any]], Any], key: str
) -> None:
    edit(reports, name, change)
    with pytest.raises(IntegrityError) as caught:
        rendered(reports)
    assert str(caught.value).endswith(f"{name}: {key}: missing; `dvc repro` writes it anew")


@pytest.mark.parametrize(
    "text", ["", "step,loss\n1,2\n", "step,tokens,loss,val_loss\n1,2,x,\n", "step,tokens,loss,val_loss\n"]
)
def test_a_file_that_is_no_loss_curve_is_named(reports: Path, text: str) -> None:
    (reports / "curves/finetune.csv").write_text(text)
    with pytest.raises(IntegrityError, match=r"finetune\.csv: (not a loss curve|holds no step)"):
        rendered(reports)


def test_a_run_with_one_test_document_no_samples_and_no_repairs_has_a_page(reports: Path) -> None:
    for model in ("base", "tuned", "int8", "int4"):

        def change(metrics: dict[str, Any]) -> None:
            metrics["samples"] = []
            metrics["splits"]["test"]["total"] |= {"bits_per_byte_low": None, "bits_per_byte_high": None}

        edit(reports, f"evaluate/{model}.json", change)
    for source in ("pydocs", "files"):
        edit(reports, f"clean/{source}.json", lambda metrics: metrics.update(repaired={}))
    html = (rendered(reports) / "report.html").read_text(encoding="utf-8")
    assert "no interval" in html
    assert "No document needed a repair." in html


def test_a_model_that_was_not_exported_is_said_so(reports: Path) -> None:
    sentence = "Not exported: no Llama, Mistral or Qwen3 model has pretrain.model.mlp: gelu (only swiglu)."
    nothing = {"layout": None, "huggingface_bytes": {}, "gguf": {}, "not_exported": sentence}
    edit(reports, "export.json", lambda m: m["models"].update(base=nothing))
    out = rendered(reports)
    html = (out / "report.html").read_text(encoding="utf-8")
    assert f"The base model. {sentence}" in html
    assert "base, Qwen3 layout" not in html
    assert "tuned, Qwen3 layout" in html
    assert "Not exported: no Llama" in (out / "report.md").read_text(encoding="utf-8")


def test_a_model_worse_than_a_floor_is_not_praised(reports: Path) -> None:
    edit(reports, "evaluate/base.json", lambda m: m["floors"]["test"].update(xz_9=1.5))
    html = (rendered(reports) / "report.html").read_text(encoding="utf-8")
    assert "25\u00a0% more than the best floor, xz -9." in html
    assert '<div class="tile bad"><p class="label">Bits per byte, test' in html


def test_the_same_metrics_give_the_same_bytes_in_another_place_and_environment(
    reports: Path, tmp_path: Path
) -> None:
    here = rendered(reports)
    other = tmp_path / "another place"
    for name in ("metrics", "curves", "baseline"):
        shutil.copytree(reports / name, other / "reports" / name)
    (other / "matplotlibrc").write_text("lines.linewidth: 9\nsvg.fonttype: path\n")
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    title = next(line for line in params.splitlines() if line.startswith("  title:"))
    (other / "params.yaml").write_text(params.replace(title, f"  title: {PARAMS.title}"), encoding="utf-8")
    (other / "code.json").write_text("{}")
    folders = [f"reports/{name}" for name in ("metrics", "curves", "baseline")]
    outputs = ["reports/report.html", "reports/report.md", "reports/figures"]
    environment = {
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "4711",
        "LC_ALL": "C",
        "TZ": "Pacific/Auckland",
        "HOME": str(other),
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-m", "stages.report", "code.json", *folders, *outputs]
    subprocess.run(command, cwd=other, env=environment, check=True, capture_output=True)
    for path in here.rglob("*.*"):
        assert (other / "reports" / path.relative_to(here)).read_bytes() == path.read_bytes(), path.name


def test_the_report_depends_on_exactly_the_files_it_reads() -> None:
    pipeline = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    deps = {name for name in pipeline["stages"]["report"]["deps"] if name.startswith("reports/metrics/")}
    assert deps == {f"reports/metrics/{name}" for name in FILES}
