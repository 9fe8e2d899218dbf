"""Kill ingest, clean, dedupe and validate at 200 random moments each: they end with the same bytes."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.artifacts import hash_tree
from tests.corner import Corner
from tests.corpus.collections import edited, prose

KILLS, LANES = 200, 2  # in as many corners side by side
PROCESSES = {"GRISTMILL_PROCESSES": "2"}
STAGES = ("ingest@files", "clean@files", "dedupe", "validate")
DOCUMENTS = 400
pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Corner:
    """A corner in which the four stages have run, with two processes where there is work for two."""
    corner = Corner(tmp_path_factory.mktemp("undisturbed"), **PROCESSES)
    texts = corner.path / "data/sources/files"
    for number in range(DOCUMENTS):
        text = prose(number, words=150)
        (texts / f"{number:04d}.txt").write_text(f"{text}.\n", encoding="utf-8")
        if number % 20 == 0:
            (texts / f"{number:04d}-again.txt").write_text(f"{edited(text, 7)}.\n", encoding="utf-8")
    corner.enable("files")
    for stage in STAGES:
        outcome = corner.run(stage)
        assert outcome.code == 0, outcome.stderr
    return corner


@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_200_random_moments_the_bytes_are_the_same(
    undisturbed: Corner, stage: str, tmp_path: Path
) -> None:
    corners = [killable(tmp_path / f"lane{lane}", undisturbed, stage) for lane in range(LANES)]
    with ThreadPoolExecutor(LANES) as pool:
        kills = [pool.submit(kill, corner, stage, lane) for lane, corner in enumerate(corners)]
        assert sum(done.result() for done in kills) == KILLS
    for corner in corners:
        outcome = corner.run(stage)
        assert outcome.code == 0, outcome.stderr
        for mine, theirs in zip(corner.outputs(stage), undisturbed.outputs(stage), strict=True):
            assert hash_tree(mine) == hash_tree(theirs) != hash_tree(tmp_path / "nothing")
        assert not [path for path in (corner.path / "data").rglob(".*") if path.name != ".gitignore"]


def killable(folder: Path, undisturbed: Corner, stage: str) -> Corner:
    """A corner with everything but what the stage writes."""
    corner = Corner(folder, **PROCESSES)
    shutil.copyfile(undisturbed.path / "params.yaml", corner.path / "params.yaml")
    shutil.copytree(undisturbed.path / "data", corner.path / "data", dirs_exist_ok=True)
    corner.forget(stage)
    return corner


def kill(corner: Corner, stage: str, lane: int) -> int:
    """Kills the stage KILLS / LANES times and returns how often that was."""
    return corner.kill_at_random(stage, kills=KILLS // LANES, seed=lane)
