"""The whole pipeline, every stage real, at the size of profiles/tiny.yaml."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.first_clone import first_clone
from tests.workshop import Workshop, cpu_seconds_of_children, wait_for


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A workshop after its first `dvc repro`."""
    workshop, _ = first_clone(tmp_path_factory)
    return workshop


def test_a_second_repro_runs_no_stage_and_takes_three_seconds_at_most(shop: Workshop) -> None:
    """Of the processor, in one of three: the tests beside this one only add, up to half as much."""
    seconds: list[float] = []
    while not seconds or (min(seconds) >= 3.0 and len(seconds) < 3):
        before = cpu_seconds_of_children()
        assert shop.repro() == (set(), set())
        seconds.append(cpu_seconds_of_children() - before)
    assert min(seconds) < 3.0, seconds


def test_the_account_of_documents_balances_from_ingest_to_tokens(shop: Workshop) -> None:
    metrics = shop.path / "reports/metrics"
    kept = 0
    for source in ("pydocs", "files", "gutenberg", "openwebtext", "wikipedia", "commoncrawl"):
        ingested, cleaned = (
            json.loads((metrics / f"{stage}/{source}.json").read_text()) for stage in ("ingest", "clean")
        )
        for account in (ingested, cleaned):
            assert account["documents_in"] == account["documents_kept"] + sum(account["dropped"].values())
        assert ingested["documents_kept"] == cleaned["documents_in"]
        kept += cleaned["documents_kept"]
    deduped, packed = (json.loads((metrics / f"{stage}.json").read_text()) for stage in ("dedupe", "pack"))
    assert deduped["documents_in"] == kept
    assert deduped["documents_kept"] == kept - sum(deduped["dropped"].values())
    assert sum(split["documents"] for split in packed["splits"].values()) == deduped["documents_kept"]


def test_the_report_is_one_page_without_scripts_or_remote_resources(shop: Workshop) -> None:
    page = (shop.path / "reports/report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert 'src="http' not in page
    assert "<svg" in page
    assert (shop.path / "reports/report.md").read_text(encoding="utf-8").startswith("# ")


def test_a_docstring_edit_reruns_code_only_and_a_change_taken_back_trains_nothing(shop: Workshop) -> None:
    before = shop.lock()
    shop.edit("pipeline/model/transformer.py", "from __future__", "# a remark\nfrom __future__")
    assert shop.repro() == ({"code"}, set())
    shop.edit("pipeline/model/transformer.py", "# a remark\n", "")
    shop.edit("params.yaml", "notable_change_share: 0.01", "notable_change_share: 0.02")
    assert shop.repro() == ({"code", "report"}, set())
    shop.edit("params.yaml", "notable_change_share: 0.02", "notable_change_share: 0.01")
    assert shop.repro() == (set(), {"code", "report"})
    assert shop.lock() == before


def test_every_model_answers_a_prompt(shop: Workshop) -> None:
    asked = "main(['--model', model, '--prompt', 'Return the', '--max-tokens', '8'])"
    models = "'base', 'tuned', 'int8', 'int4'"
    done = shop.python(
        "-c", f"from stages.generate import main\nfor model in ({models}): {asked}; print('--')"
    )
    assert done.returncode == 0, done.stderr
    answers = done.stdout.split("--\n")
    assert len(answers) == 5
    assert all(answer.strip() for answer in answers[:4])


def test_wrong_params_are_refused_before_any_work_within_a_second(shop: Workshop) -> None:
    shop.edit("params.yaml", "num_permutations:", "num_permutation:")
    try:
        before = cpu_seconds_of_children()
        done = shop.python("-m", "stages.code", "pipeline", "stages", "data/code")
        assert cpu_seconds_of_children() - before < 1.0
        assert done.returncode == 2
        assert "dedupe.num_permutation: unknown key" in done.stderr
        assert "dedupe.num_permutations: is missing" in done.stderr
        assert "Traceback" not in done.stderr
        said = shop.dvc("repro", check=False)
        assert "Running stage 'code'" in said
        assert "Running stage 'ingest" not in said
    finally:
        shop.edit("params.yaml", "num_permutation:", "num_permutations:")


@pytest.mark.faults
def test_a_killed_pretraining_goes_on_at_its_checkpoint_and_ends_with_the_same_bytes(
    shop: Workshop, tmp_path: Path
) -> None:
    command = [".venv/bin/python", "-m", "stages.pretrain", "data/code/pretrain.json", "data/pack"]
    command += [str(tmp_path / name) for name in ("model", "curve.csv", "metrics.json")]
    first = shop.start(*command)
    checkpoint = wait_for(lambda: sorted(shop.path.glob(".work/pretrain/*/checkpoints/step-*/manifest.json")))
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    assert checkpoint
    assert not (tmp_path / "model").exists()
    second = shop.start(*command)
    _, said = second.communicate()
    assert second.returncode == 0, said
    assert "resum" in said
    for name in ("model.safetensors", "config.json", "manifest.json"):
        assert (tmp_path / "model" / name).read_bytes() == (shop.path / "data/pretrain" / name).read_bytes()
    assert (tmp_path / "curve.csv").read_bytes() == (shop.path / "reports/curves/pretrain.csv").read_bytes()
    assert (tmp_path / "metrics.json").read_bytes() == (
        shop.path / "reports/metrics/pretrain.json"
    ).read_bytes()
