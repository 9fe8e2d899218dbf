"""docs: the parts of README.md and data/README.md that follow from dvc.yaml and params.yaml.

A Markdown file asks for a part by a pair of markers, and gets it written between them:

    <!-- generated: stages -->
    <!-- /generated -->

Parts: `stages` (what each stage reads and writes), `graph` (a Mermaid flowchart), `knobs` (every key of
params.yaml). `python -m pipeline.documentation` writes them anew, `--check` only says whether they are fresh.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.errors import DataError, GristmillError
from pipeline.params import allowed
from pipeline.settings.sections import SECTIONS

DOCUMENTS = (Path("README.md"), Path("data/README.md"))
FINGERPRINTS = "data/code/"  # every stage reads its own: said once in the text, left out of table and graph
MOST_LISTED = 3  # more files of one folder than this are shown as the folder
_PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n)(.*?)(?=<!-- /generated -->)", re.DOTALL)
_VARIABLE = re.compile(r"\$\{[^}]+\}")
_log = logging.getLogger("gristmill")


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """One entry of dvc.yaml with its matrix or foreach written out. `variants` names them: ingest@VARIANT."""

    name: str
    desc: str
    variants: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Knob:
    """One key of params.yaml: dotted name, value as written, what is allowed, what its comment says."""

    key: str
    value: str
    allowed: str
    comment: str


def main() -> None:
    """Writes the generated parts anew, or with --check exits with 1 when one is stale."""
    summary = "Write the generated parts of README.md and data/README.md."
    parser = argparse.ArgumentParser(prog="python -m pipeline.documentation", description=summary)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit with 1 when a part is stale"
    )
    check = parser.parse_args().check
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        stale = {path: text for path, text in documents(Path()).items() if path.read_text("utf-8") != text}
    except GristmillError as error:
        _log.error("docs: %s: %s", type(error).__name__, error)
        sys.exit(error.exit_code)
    for path, text in stale.items():
        if check:
            _log.error("docs: %s: its generated parts are stale; `make docs` writes them anew", path)
        else:
            path.write_text(text, encoding="utf-8")
            _log.info("docs: wrote %s", path)
    sys.exit(1 if check and stale else 0)


def documents(root: Path) -> dict[Path, str]:
    """Each document that is there, with its parts as they should be. DataError for unmatched markers."""
    stages = stages_of((root / "dvc.yaml").read_text(encoding="utf-8"))
    knobs = knobs_of((root / "params.yaml").read_text(encoding="utf-8"), SECTIONS)
    parts = {"stages": stage_table(stages), "graph": graph(stages), "knobs": knob_tables(knobs)}
    there = [root / path for path in DOCUMENTS if (root / path).exists()]
    return {path: filled(path, path.read_text(encoding="utf-8"), parts) for path in there}


def filled(path: Path, text: str, parts: Mapping[str, str]) -> str:
    """The text with each part between its markers. DataError for an unknown part or an unclosed marker."""
    found = _PART.findall(text)
    if not len(found) == text.count("<!-- generated:") == text.count("<!-- /generated -->"):
        raise DataError(f"{path}: each `<!-- generated: ... -->` needs its own `<!-- /generated -->`")
    for _, name, _ in found:
        if name not in parts:
            raise DataError(f"{path}: there is no part {name!r}; there are {', '.join(parts)}")
    return _PART.sub(lambda match: match[1] + "\n" + parts[match[2]] + "\n", text)


def stages_of(text: str) -> list[Stage]:
    """The stages of a dvc.yaml, in its order."""
    return [_stage(name, entry) for name, entry in YAML(typ="safe").load(text)["stages"].items()]


def stage_table(stages: Iterable[Stage]) -> str:
    """A Markdown table of stages: name and variants, what it does, reads and writes."""
    rows = [
        (
            f"`{stage.name}`" + (f" ({', '.join(stage.variants)})" if stage.variants else ""),
            stage.desc,
            _paths(path for path in stage.reads if not path.startswith(FINGERPRINTS)),
            _paths(stage.writes),
        )
        for stage in stages
    ]
    return _table(("stage", "does", "reads", "writes"), rows)


def graph(stages: list[Stage]) -> str:
    """A Mermaid flowchart of the stages without the fingerprints."""
    lines = [f"  {before} --> {after}" for before, after in edges(stages) if before != "code"]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```\n"])


def edges(stages: list[Stage]) -> list[tuple[str, str]]:
    """Which stage needs which: (before, after) where a path that is read lies in, or holds, a written one."""
    return [
        (before.name, after.name)
        for before, after in itertools.product(stages, stages)
        if any(_overlap(written, read) for written in before.writes for read in after.reads)
    ]


def knobs_of(text: str, sections: Mapping[str, type]) -> list[Knob]:
    """Every key of a params.yaml whose sections are read by these classes."""
    root = YAML(typ="safe", pure=True).compose(text)
    assert isinstance(root, MappingNode), "params.yaml is a mapping"
    return list(_knobs(root, sections, "", text))


def knob_tables(knobs: list[Knob]) -> str:
    """A heading and a Markdown table for each section of params.yaml."""
    sections = itertools.groupby(knobs, key=lambda knob: knob.key.split(".")[0])
    return "\n".join(
        f"### `{name}`\n\n"
        + _table(
            ("key", "value", "allowed", "what it does, when to change it"),
            [(_code(knob.key), _code(knob.value), knob.allowed, knob.comment) for knob in members],
        )
        for name, members in sections
    )


def _stage(name: str, entry: dict[str, Any]) -> Stage:
    """One stage with its variables replaced by each of their values."""
    body, bindings = entry.get("do", entry), list(_bindings(entry))
    outs = [*body.get("outs", []), *body.get("metrics", []), *body.get("plots", [])]
    written = [next(iter(out)) if isinstance(out, dict) else out for out in outs]

    def every(paths: list[str]) -> tuple[str, ...]:
        filled_in = (_substituted(path, values) for path in paths for values in bindings)
        return tuple(dict.fromkeys(filled_in))

    variants = tuple(values["name"] for values in bindings if values)
    return Stage(name, body.get("desc", ""), variants, every(body.get("deps", [])), every(written))


def _bindings(entry: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The variables' values in each variant of a stage, and its `name`; one empty dict for a plain stage."""
    if "matrix" in entry:
        for values in itertools.product(*entry["matrix"].values()):
            items = {f"item.{axis}": str(value) for axis, value in zip(entry["matrix"], values, strict=True)}
            yield {**items, "name": "-".join(map(str, values))}
    elif isinstance(entry.get("foreach"), dict):
        for key, item in entry["foreach"].items():
            yield {"key": key, "item": str(item), "name": key}
    elif "foreach" in entry:
        for item in entry["foreach"]:
            yield {"item": str(item), "name": str(item)}
    else:
        yield {}


def _substituted(path: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: values[match[0][2:-1]], path)


def _overlap(written: str, read: str) -> bool:
    """Whether one path is the other or lies below it."""
    return f"{written}/".startswith(f"{read}/") or f"{read}/".startswith(f"{written}/")


def _paths(paths: Iterable[str]) -> str:
    """Paths as code, the many files of one folder as that folder."""
    listed = list(paths)
    folders = [path.rpartition("/")[0] + "/" for path in listed]
    many = {folder for folder in folders if folders.count(folder) > MOST_LISTED}
    shown = [next((above for above in sorted(many) if path.startswith(above)), path) for path in listed]
    return ", ".join(_code(path) for path in dict.fromkeys(shown))


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _knobs(node: MappingNode, kinds: Mapping[str, Any], prefix: str, text: str) -> Iterator[Knob]:
    """The leaves below a mapping whose keys have these types."""
    for key_node, value in node.value:
        key, kind = f"{prefix}{key_node.value}", kinds[key_node.value]
        if isinstance(value, MappingNode):
            yield from _knobs(value, get_type_hints(kind, include_extras=True), f"{key}.", text)
        else:
            yield Knob(key, _written(value), allowed(kind), _comment(key_node, value, text))


def _written(node: Node) -> str:
    """The value in one line, much as in the file."""
    if isinstance(node, SequenceNode):
        return "[" + ", ".join(_written(child) for child in node.value) + "]"
    assert isinstance(node, ScalarNode), "a knob is a scalar or a list"
    return f'"{node.value}"' if node.style else node.value or "null"


def _comment(key: Node, value: Node, text: str) -> str:
    """What stands behind `#` after a value, or after the key when the value is a list in lines of its own."""
    in_lines_of_its_own = value.start_mark.line > key.start_mark.line
    mark = key.end_mark if in_lines_of_its_own else value.end_mark
    rest_of_line = text[mark.index :].partition("\n")[0]
    return rest_of_line.partition("#")[2].strip()


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table; a pipe in a cell does not end it."""
    cells = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in cells)


if __name__ == "__main__":
    main()
