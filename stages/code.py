"""code: one fingerprint per stage, so that exactly those whose code changed run again; checks params.yaml."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.artifacts import write_json
from pipeline.errors import ParamsError
from pipeline.fingerprint import fingerprint
from pipeline.installed import is_installed
from pipeline.params import load
from pipeline.settings.sections import SECTIONS, contradictions
from pipeline.stage import PARAMS_FILE, Input, Output, main

SOURCES = ("pydocs", "files", "gutenberg", "openwebtext", "wikipedia", "commoncrawl")
STAGES = (
    *("clean", "dedupe", "validate", "train_bpe", "pack", "pretrain"),
    *("finetune", "quantize", "export", "evaluate", "report"),
)


def run(library: Input, recipes: Input, fingerprints: Output) -> None:
    """Writes `<stage>.json` for every stage, and `ingest/<source>.json` for each source of the first one.

    A source is its own module; `pydocs` reads installed packages, so its fingerprint names those that its
    params list. ParamsError with everything that is wrong in params.yaml.
    """
    params = load(PARAMS_FILE, SECTIONS)
    if problems := [f"{PARAMS_FILE}: {problem}" for problem in contradictions(params)]:
        raise ParamsError(*problems)
    root = Path(library).parent
    assert root == recipes.parent, f"{library} and {recipes} must lie side by side"
    shutil.rmtree(fingerprints, ignore_errors=True)
    for stage in STAGES:
        write_json(fingerprints / f"{stage}.json", fingerprint(root, [f"stages.{stage}"]))
    for source in SOURCES:
        modules = ["stages.ingest", f"pipeline.corpus.sources.{source}"]
        packages = filter(is_installed, params["ingest"].pydocs.packages) if source == "pydocs" else ()
        code = fingerprint(root, modules, packages=tuple(packages))
        write_json(fingerprints / "ingest" / f"{source}.json", code)


if __name__ == "__main__":
    main("code", run)
