"""dvc.yaml as the table of contents: from it alone a stranger can say what each stage reads and writes."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.settings.sections import SECTIONS

ROOT = Path(__file__).resolve().parent.parent.parent
STAGES: dict[str, Any] = {
    name: entry.get("do", entry)
    for name, entry in YAML(typ="safe")
    .load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    .items()
}
# Deps that no argument names: the packages whose versions are fingerprinted.
UNSAID = {"code": {".venv/lib", ".venv/bin/python", "params.yaml"}}
# Commands beside the pipeline: they read what it made.
COMMANDS = {"generate", "where"}

every_stage = pytest.mark.parametrize("name", STAGES)


def paths(entries: list[Any]) -> list[str]:
    """The paths of deps or outs, with or without options."""
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def arguments(name: str) -> list[str]:
    """What the stage's command is given before its options."""
    words = STAGES[name]["cmd"].split()[4:]
    return list(itertools.takewhile(lambda word: not word.startswith("--"), words))


def holds(folder: str, path: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


@every_stage
def test_a_stage_says_what_it_does_and_runs_the_recipe_of_its_name(name: str) -> None:
    stage = STAGES[name]
    assert stage["desc"][0].isupper()
    assert not stage["desc"].endswith(".")
    assert stage["cmd"].startswith(f"exec .venv/bin/python -m stages.{name} "), (
        "exec: a kill of DVC reaches the stage"
    )


@every_stage
def test_nothing_of_params_is_pasted_into_a_shell(name: str) -> None:
    for variable in re.findall(r"\$\{([^}]*)\}", STAGES[name]["cmd"]):
        assert re.fullmatch(r"item(\.\w+)?|key", variable), variable
    assert not re.search(r"[;&|<>`*?~]|\$\(", re.sub(r"\$\{[^}]*\}", "", STAGES[name]["cmd"])), (
        "one plain command"
    )


@every_stage
def test_the_command_names_what_is_declared_inputs_before_outputs(name: str) -> None:
    stage, given = STAGES[name], arguments(name)
    deps = [dep for dep in paths(stage["deps"]) if dep not in UNSAID.get(name, set())]
    outs = paths(stage.get("outs", []) + stage.get("plots", []) + stage.get("metrics", []))
    read = [word for word in given if any(holds(word, dep) for dep in deps)]
    written = [word for word in given if word in outs]
    assert given == read + written, "inputs first, then outputs, and nothing undeclared"
    assert written == outs, "every out is an argument, metrics last"
    for dep in deps:
        assert any(holds(word, dep) for word in read), f"{dep} is declared but not given"
    places = [min(place for place, dep in enumerate(deps) if holds(word, dep)) for word in read]
    assert places == sorted(places), "arguments and deps in the same order"


@every_stage
def test_the_recipe_takes_as_many_inputs_and_outputs_as_the_command_gives(name: str) -> None:
    recipe = ast.parse((ROOT / "stages" / f"{name}.py").read_text(encoding="utf-8"))
    run = next(node for node in recipe.body if isinstance(node, ast.FunctionDef) and node.name == "run")
    kinds = [ast.unparse(argument.annotation) for argument in run.args.args if argument.annotation]
    stage, given = STAGES[name], arguments(name)
    around = bool(name != "code") + len(stage.get("metrics", []))  # CODE and METRICS are main's
    assert kinds.count("Input") + kinds.count("Output") == len(given) - around
    assert kinds == sorted(kinds), "Input comes before Output"


@every_stage
def test_a_stage_reads_its_own_fingerprint_and_its_own_section_of_params(name: str) -> None:
    stage = STAGES[name]
    if name == "code":
        assert "params.yaml" in stage["deps"]
        assert "params" not in stage
        return
    assert re.fullmatch(rf"data/code/{name}(/\$\{{item\.\w+\}})?\.json", stage["deps"][0])
    (section,) = stage["params"]
    assert re.fullmatch(rf"{name}(\.\$\{{item\.\w+\}})?", section)


@every_stage
def test_outs_are_named_for_their_stage_and_none_is_kept_out_of_the_run_cache(name: str) -> None:
    stage = STAGES[name]
    for out in stage.get("outs", []) + stage.get("metrics", []):
        assert isinstance(out, str), f"{out}: cache: false and persist switch the run-cache off"
    for out in paths(stage.get("outs", []) + stage.get("plots", []) + stage.get("metrics", [])):
        assert name in out or name == "report", out


def test_one_name_in_every_place() -> None:
    with_params = STAGES.keys() - {"code"}
    recipes = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests/stages").glob("test_*.py")}
    settings = {path.stem for path in (ROOT / "pipeline/settings").glob("*.py")}
    assert recipes == STAGES.keys() | COMMANDS
    assert tests >= recipes - {"code"}, "test_fingerprint and test_staleness are the tests of `code`"
    assert list(SECTIONS) == [name for name in STAGES if name != "code"], (
        "sections in the order of the stages"
    )
    assert settings >= with_params
    params = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert list(params) == list(SECTIONS)


def test_the_sources_are_the_same_in_every_list() -> None:
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    entries = YAML(typ="safe").load(text)["stages"]
    sources = entries["ingest"]["matrix"]["source"]
    assert entries["clean"]["matrix"]["source"] == sources
    params = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert list(params["ingest"]) == sources
    for source in sources:
        assert (ROOT / "pipeline/corpus/sources" / f"{source}.py").is_file()
        assert (ROOT / "data/sources" / source).is_dir(), "DVC needs the folder of every source"
        assert text.count(f"data/clean/{source}\n") == 1, "dedupe reads every source"
