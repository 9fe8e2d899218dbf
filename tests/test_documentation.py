"""The generated parts of the documents: fresh, complete, and true to what DVC itself says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.documentation import (
    documents,
    edges,
    filled,
    graph,
    knob_tables,
    knobs_of,
    stage_table,
    stages_of,
)
from pipeline.errors import DataError
from pipeline.settings.sections import SECTIONS

ROOT = Path(__file__).resolve().parent.parent
PIPELINE = """
stages:
  code: {cmd: x, desc: Fingerprints, deps: [pipeline], outs: [data/code]}
  fetch:
    matrix: {source: [a, b], size: [1, 2]}
    cmd: x
    desc: Fetches | reads
    deps: ["data/code/fetch.json", "in/${item.source}"]
    outs: ["data/fetch/${item.source}-${item.size}"]
  judge:
    foreach: {good: data/fetch/a-1, bad: data/fetch/b-2}
    do:
      cmd: x
      desc: Judges
      deps: ["${item}"]
      metrics: [{"reports/${key}.json": {cache: false}}]
  tell: {cmd: x, desc: Tells, deps: [reports], outs: [page.html]}
"""


def test_the_generated_parts_of_this_repository_are_fresh() -> None:
    for path, text in documents(ROOT).items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run `make docs`"


def test_the_graph_is_the_one_that_dvc_sees() -> None:
    dvc = [str(Path(sys.executable).with_name("dvc")), "dag", "--dot", "--collapse-foreach-matrix"]
    dot = subprocess.run(dvc, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    seen = set(re.findall(r'^"([^"]+)" -> "([^"]+)";$', dot, re.MULTILINE))
    assert set(edges(stages_of((ROOT / "dvc.yaml").read_text(encoding="utf-8")))) == seen


def test_every_knob_of_params_yaml_is_in_the_table_once() -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    knobs = knobs_of(text, SECTIONS)
    assert len({knob.key for knob in knobs}) == len(knobs)
    values = YAML(typ="safe").load(text)
    for knob in knobs:
        value = values
        for name in knob.key.split("."):
            value = value[name]
        assert not isinstance(value, dict)
        assert knob.allowed
        assert knob.value


def test_stages_are_shown_with_their_variants_and_without_fingerprints() -> None:
    stages = stages_of(PIPELINE)
    assert stages[1].variants == ("a-1", "a-2", "b-1", "b-2")
    assert stages[2].reads == ("data/fetch/a-1", "data/fetch/b-2")
    assert stages[2].writes == ("reports/good.json", "reports/bad.json")
    rows = stage_table(stages).splitlines()
    assert rows[3] == "| `fetch` (a-1, a-2, b-1, b-2) | Fetches \\| reads | `in/a`, `in/b` | `data/fetch/` |"
    assert edges(stages) == [("code", "fetch"), ("fetch", "judge"), ("judge", "tell")]
    assert graph(stages) == "```mermaid\nflowchart TD\n  fetch --> judge\n  judge --> tell\n```\n"


def test_knobs_are_shown_as_written_with_their_comment() -> None:
    text = (
        "ingest:\n"
        "  files:          # a section's own comment is not a knob's\n"
        "    enabled: false\n"
        '    text_column: "a # b"   # a comment | with a pipe\n'
        "    licence: `x`  \n"
        "export:\n"
        "  model_name: null\n"
        "  gguf_types:     # behind the key\n"
        "  - F16           # not this one\n"
        "  - Q8_0\n"
    )
    knobs = knobs_of(text.replace("`x`", '"`x`"'), SECTIONS)
    shown = [(knob.key, knob.value, knob.comment) for knob in knobs]
    assert shown == [
        ("ingest.files.enabled", "false", ""),
        ("ingest.files.text_column", '"a # b"', "a comment | with a pipe"),
        ("ingest.files.licence", '"`x`"', ""),
        ("export.model_name", "null", ""),
        ("export.gguf_types", "[F16, Q8_0]", "behind the key"),
    ]
    tables = knob_tables(knobs)
    assert "| a comment \\| with a pipe |" in tables
    assert '`` "`x`" ``' in tables
    assert tables.count("### ") == 2


def test_markers_that_do_not_match_are_refused() -> None:
    path, parts = Path("README.md"), {"stages": "TABLE\n"}
    sound = "before\n<!-- generated: stages -->\nold\n<!-- /generated -->\nafter\n"
    assert filled(path, sound, parts) == sound.replace("old\n", "\nTABLE\n\n")
    assert filled(path, "no markers\n", parts) == "no markers\n"
    for broken in (
        sound.replace("<!-- /generated -->", ""),
        sound + "<!-- generated: x -->\n",
        sound * 2 + "<!-- /generated -->",
    ):
        with pytest.raises(DataError, match=r"README\.md: each `<!-- generated"):
            filled(path, broken, parts)
    with pytest.raises(DataError, match=r"README\.md: there is no part 'stages'; there are knobs"):
        filled(path, sound, {"knobs": ""})


def test_check_says_in_one_line_what_is_stale_and_writing_makes_it_fresh(tmp_path: Path) -> None:
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "README.md").write_text("# Title\n<!-- generated: stages -->\n<!-- /generated -->\n")

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipeline.documentation", *options]
        return subprocess.run(
            command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )

    stale = run("--check")
    assert stale.returncode == 1
    assert stale.stderr == "docs: README.md: its generated parts are stale; `make docs` writes them anew\n"
    assert run().stderr == "docs: wrote README.md\n"
    assert "| `ingest` (pydocs" in (tmp_path / "README.md").read_text()
    for options in (("--check",), ()):
        fresh = run(*options)
        assert (fresh.returncode, fresh.stdout, fresh.stderr) == (0, "", "")
    (tmp_path / "README.md").write_text("<!-- generated: stages -->\n")
    assert run("--check").returncode == DataError.exit_code


def test_every_knob_says_in_params_yaml_what_it_is_or_its_section_does() -> None:
    knobs = knobs_of((ROOT / "params.yaml").read_text(encoding="utf-8"), SECTIONS)
    silent = [knob.key for knob in knobs if not knob.comment]
    assert {key.rpartition(".")[2] for key in silent} <= {"enabled", "sources"}
